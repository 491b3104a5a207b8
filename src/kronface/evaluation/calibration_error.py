"""Whether a probability means what it says: the expected calibration error."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError

BINS = 15
"""As in Guo et al. 2017, §4."""


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike, *, bins: int = BINS) -> float | None:
    """`Σ (share of the images in a bin) · |share of positives in it - mean probability in it|`.

    Over `bins` of equal width, closed above, of the probability of the positive class: the binary definition of Naeini
    et al. 2015 (§3), with the bins of Guo et al. 2017 (eq. 3). The other reading of Guo's equation, with the surer
    class's probability as confidence and the answer's accuracy, cannot tell a false "surely not" from a false "surely";
    it is not computed here.

    Args:
        probabilities: (N,) of the positive class, in [0, 1]; NaN (no face was found) says nothing and is left out.
        labels: (N,) of 1 and 0; NaN marks a missing label, which is left out.
        bins: how many.

    Returns:
        In [0, 1]; None where there is nothing to measure.

    Raises:
        DataError: arrays that do not fit together, or what are no probabilities.
    """
    chance, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    if truth.ndim != 1 or chance.shape != truth.shape:
        raise DataError(f"probabilities of shape {chance.shape} do not fit labels of {truth.shape}")
    kept = ~np.isnan(truth) & ~np.isnan(chance)
    chance, positive = chance[kept], truth[kept] > 0.5
    if len(chance) == 0:
        return None
    if chance.min() < 0 or chance.max() > 1:
        raise DataError(f"probabilities run from {chance.min():g} to {chance.max():g}: bring ones between 0 and 1")
    place = bin_of(chance, bins)
    gaps = np.bincount(place, positive, minlength=bins) - np.bincount(place, chance, minlength=bins)
    return float(np.abs(gaps).sum() / len(chance))


def bin_of(probabilities: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """(N,) the bin of each probability, from 0: (m/bins, (m + 1)/bins], and 0 in the first."""
    edges = np.arange(1, bins) / bins
    return np.searchsorted(edges, probabilities, side="left").astype(np.int64)
