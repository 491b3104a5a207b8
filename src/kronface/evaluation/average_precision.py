"""Average precision, and its bootstrap over people: one pass over the ranking serves all resamples."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError
from kronface.evaluation.kernels import compiled

Array = Any
"""Of numbers; numba compiles a version per type."""


def average_precision(scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> float | None:
    """Σ (Rₙ - Rₙ₋₁) Pₙ over the thresholds, from the highest score down: the step-wise area under precision-recall.

    Images of one score pass a threshold together, so ties have one value, whatever the order. This is scikit-learn's
    `average_precision_score`; precision is not interpolated.

    Args:
        scores: (N,), higher is surer. NaN (no face was found) is a wrong answer at every threshold: a positive is
            never retrieved and stays in the recall's denominator, a negative is retrieved first.
        labels: (N,) of 1 and 0; NaN marks a missing label, which is left out.
        weights: (N,) of the images, at least 0; 1 each by default.

    Returns:
        In [0, 1]; None where a class is absent, or weighs nothing.

    Raises:
        DataError: arrays that do not fit together.
    """
    chance, truth = np.asarray(scores, np.float64), np.asarray(labels, np.float64)
    each = np.ones_like(truth) if weights is None else np.asarray(weights, np.float64)
    if truth.ndim != 1 or chance.shape != truth.shape or each.shape != truth.shape:
        raise DataError(
            f"scores of shape {chance.shape} and weights of {each.shape} do not fit labels of {truth.shape}"
        )
    value = average_precision_samples(chance, truth, np.arange(len(truth)), each[None])[0]
    return None if np.isnan(value) else float(value)


def average_precision_samples(
    scores: NDArray[np.float64],
    labels: NDArray[np.float64],
    person: NDArray[np.integer],
    counts: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(R,) the average precision where each image weighs as often as its person is drawn.

    Args:
        scores: (N,), as in `average_precision`.
        labels: (N,), as there.
        person: (N,) number of each image's person.
        counts: (R, people): how often each person is drawn in each resample.

    Returns:
        NaN where a resample lacks a class.
    """
    known = ~np.isnan(labels)
    chance, truth, owner = scores[known], labels[known] > 0.5, person[known]
    of_positives = np.bincount(owner, truth, minlength=counts.shape[1])
    positives = counts @ of_positives
    negatives = counts @ (np.bincount(owner, minlength=counts.shape[1]) - of_positives)
    retrieved = ~(truth & np.isnan(chance))
    chance, truth, owner = chance[retrieved], truth[retrieved], owner[retrieved]
    chance = np.where(np.isnan(chance), np.inf, chance)
    order = np.argsort(-chance, kind="stable")
    chance, truth, owner = chance[order], truth[order], owner[order]
    ends = np.r_[chance[1:] != chance[:-1], True][: len(chance)]
    area = np.zeros(len(counts))
    _add_steps(truth, owner, ends, np.ascontiguousarray(counts.T), area)
    both = (positives > 0) & (negatives > 0)
    return np.where(both, area / np.where(both, positives, 1), np.nan)


@compiled()
def _add_steps(positive: Array, person: Array, ends: Array, weights: Array, area: Array) -> None:
    """Adds to `area` (R,), at each threshold, the weight of the positives that pass it times the precision there.

    Args:
        positive: (N,) bool, from the highest score down.
        person: (N,).
        ends: (N,) bool: the last image of its score.
        weights: (people, R): a row for each person, so that the innermost loops run over what lies side by side.
        area: (R,) of zeros.
    """
    resamples = area.size
    hits, passed, new = np.zeros(resamples), np.zeros(resamples), np.zeros(resamples)
    any_new = False
    for i in range(positive.size):
        row = weights[person[i]]
        for r in range(resamples):
            passed[r] += row[r]
        if positive[i]:
            any_new = True
            for r in range(resamples):
                new[r] += row[r]
        if ends[i] and any_new:
            any_new = False
            for r in range(resamples):
                hits[r] += new[r]
                area[r] += new[r] * hits[r] / (passed[r] if passed[r] > 0.0 else 1.0)
                new[r] = 0.0
