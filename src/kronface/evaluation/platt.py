"""Probabilities that mean what they say: Platt's logistic fit on top of a classifier's scores."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from kronface.errors import DataError

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
    scores, truth = np.asarray(logits, np.float64), np.asarray(labels, np.float64)
    if scores.ndim != 1 or scores.shape != truth.shape:
        raise DataError(f"logits of shape {scores.shape} do not fit labels of {truth.shape}")
    kept = np.isfinite(scores) & ~np.isnan(truth)
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
