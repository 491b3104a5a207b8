"""The order in which a training set is gone through."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler


def epoch_order(length: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of `length` images that depends on seed and epoch alone: any epoch can be taken up again."""
    return np.random.default_rng([seed, epoch]).permutation(length)


class RoundBatches(Sampler[list[tuple[int, int]]]):
    """The batches of a stretch of an epoch, as lists of (epoch, index); the stretch can be changed between passes.

    Args:
        length: images in the training set.
        batch_size: images per batch; what is left at an epoch's end is dropped.
        seed: of the order.
    """

    def __init__(self, length: int, *, batch_size: int, seed: int) -> None:
        self.length = length
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.start = 0
        self.stop = length // batch_size

    def choose(self, epoch: int, start: int, stop: int) -> None:
        """Chooses batches `start` to `stop` - 1 of an epoch."""
        self.epoch, self.start, self.stop = epoch, start, stop

    def __len__(self) -> int:
        """Number of batches."""
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Goes through the chosen batches."""
        order = epoch_order(self.length, seed=self.seed, epoch=self.epoch)
        for batch in range(self.start, self.stop):
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield [(self.epoch, row) for row in rows.tolist()]
