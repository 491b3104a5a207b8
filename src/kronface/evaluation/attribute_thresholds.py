"""Thresholds of attributes, chosen on validation data: one probability per attribute from which the answer is yes."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import ConfigError, DataError

Criterion = Literal["accuracy", "balanced_accuracy"]
"""What a threshold is to maximise."""

USUAL = 0.5


def choose_thresholds(
    probabilities: ArrayLike, labels: ArrayLike, *, criterion: Criterion = "accuracy"
) -> NDArray[np.float64]:
    """(T,) per attribute, the threshold that gives the most right answers on these images.

    Each threshold lies midway between two neighbouring probabilities that occur, or between the lowest and 0, or the
    highest and 1; where 1 itself occurs, 1.5 is tried too, which no image reaches. Of equally good ones the nearest to
    0.5 is taken, of two equally near the lower. An attribute about which these images say nothing keeps 0.5: without
    labels, without faces, or, for the balanced accuracy, with labels of one class alone.

    Args:
        probabilities: (N, T) in [0, 1]; NaN (no face was found) is a wrong answer at every threshold.
        labels: (N, T) of 1 and 0; NaN marks a missing label, which is left out.
        criterion: accuracy, or balanced_accuracy: the mean of the shares of right answers in either class.

    Raises:
        ConfigError: an unknown criterion.
        DataError: arrays that do not fit together.
    """
    if criterion not in ("accuracy", "balanced_accuracy"):
        raise ConfigError(f"criterion is {criterion}: choose accuracy or balanced_accuracy")
    chance, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    if truth.ndim != 2 or chance.shape != truth.shape:
        raise DataError(f"probabilities of shape {chance.shape} do not fit labels of {truth.shape}")
    columns = range(truth.shape[1])
    return np.array([_best(chance[:, column], truth[:, column], criterion) for column in columns], np.float64)


def _best(chance: NDArray[np.float64], truth: NDArray[np.float64], criterion: Criterion) -> float:
    known = ~np.isnan(truth)
    positives, negatives = int((truth[known] > 0.5).sum()), int((truth[known] <= 0.5).sum())
    kept = known & ~np.isnan(chance)
    if not kept.any() or (criterion == "balanced_accuracy" and 0 in (positives, negatives)):
        return USUAL
    values, place = np.unique(chance[kept], return_inverse=True)
    positive = truth[kept] > 0.5
    # Of the thresholds below each value, and above all: positives that reach it, negatives that do not.
    hits = np.r_[np.bincount(place[positive], minlength=len(values))[::-1].cumsum()[::-1], 0]
    rejected = np.r_[0, np.bincount(place[~positive], minlength=len(values)).cumsum()]
    # Whole numbers, so that equally good thresholds are equal.
    gains = hits + rejected if criterion == "accuracy" else hits * negatives + rejected * positives
    below, above = np.r_[0.0, values], np.r_[values, 1.0 if values[-1] < 1 else 2.0]
    middle = (below + above) / 2
    middle = np.where(middle > below, middle, above)  # between neighbours among the numbers there is nothing
    best = np.flatnonzero(gains == gains.max())
    return float(middle[best[np.abs(middle[best] - USUAL).argmin()]])
