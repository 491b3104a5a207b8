"""Probabilities that mean what they say: Platt's logistic fit on top of a classifier's scores, and a temperature."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize, minimize_scalar

from kronface.errors import DataError

Floats = NDArray[np.float64]

FEWEST = 10
"""Of each kind of label; with fewer nothing is fitted."""


def platt(logits: ArrayLike, labels: ArrayLike) -> tuple[float, float]:
    """Slope and offset for which sigmoid(slope · logit + offset) fits the labels best (Platt 1999).

    The targets are Platt's, drawn a little towards one half, so that separable labels have a finite fit.

    Args:
        logits: (N,) scores, higher for yes; NaN is left out.
        labels: (N,) of 1 and 0; NaN marks a missing label, which is left out.

    Returns:
        (slope, offset), the slope at least 0; (1, 0) where fewer than ten labels of a kind are there.

    Raises:
        DataError: arrays that do not fit together.
    """
    scores, truth, kept = _known(logits, labels, dimensions=1)
    scores, positive = scores[kept], truth[kept] > 0.5
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if min(ones, zeros) < FEWEST:
        return 1.0, 0.0
    targets = np.where(positive, (ones + 1) / (ones + 2), 1 / (zeros + 2))

    def loss(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, list[float]]:
        z = values[0] * scores + values[1]
        away = 1 / (1 + np.exp(-np.clip(z, -500, 500))) - targets
        return float(np.mean(np.logaddexp(0, z) - targets * z)), [float(np.mean(away * scores)), float(np.mean(away))]

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """How much less sure several classifiers should be: the factor of all their logits that fits the labels best.

    Where pictures are of another kind than those that `platt` was fitted to, and few labels are known (temperature
    scaling: Guo et al., ICML 2017, with the factor rather than its inverse). Every attribute counts alike, and so do
    its two sides: how common each is there says nothing of other pictures.

    Args:
        logits: (N, T) calibrated ones; NaN is left out.
        labels: (N, T) of 1 and 0; NaN marks a missing label, which is left out.

    Returns:
        The factor, 0 to 1; 1 where no attribute has labels of both kinds.

    Raises:
        DataError: arrays that do not fit together.
    """
    scores, truth, known = _known(logits, labels, dimensions=2)
    sides = [known & (truth == side) for side in (1, 0)]
    both = np.all([side.any(0) for side in sides], 0)
    if not both.any():
        return 1.0
    weights = sum(side[:, both] / side[:, both].sum(0) for side in sides)
    signed = np.where(known, np.where(truth == 1, scores, -scores), 0)[:, both]

    def loss(factor: float) -> float:
        return float((weights * np.logaddexp(0, -factor * signed)).sum())

    found = float(minimize_scalar(loss, bounds=(0, 1), method="bounded").x)
    return 1.0 if loss(1.0) <= loss(found) else found


def _known(logits: ArrayLike, labels: ArrayLike, *, dimensions: int) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Both as numbers, and where both are known."""
    scores, truth = np.asarray(logits, np.float64), np.asarray(labels, np.float64)
    if scores.ndim != dimensions or scores.shape != truth.shape:
        raise DataError(f"logits of shape {scores.shape} do not fit labels of {truth.shape}")
    return scores, truth, np.isfinite(scores) & ~np.isnan(truth)
