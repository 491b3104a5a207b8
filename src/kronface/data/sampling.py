"""The order in which a training set is gone through."""

import numpy as np
from numpy.typing import NDArray


def epoch_order(length: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of `length` images that depends on seed and epoch alone: any epoch can be taken up again."""
    return np.random.default_rng([seed, epoch]).permutation(length)
