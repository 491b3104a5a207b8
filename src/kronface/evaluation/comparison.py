"""Two results side by side, on the same people."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kronface.errors import DataError
from kronface.evaluation.bootstrap import interval, ratio_samples
from kronface.evaluation.identification import IdentificationResult


def paired_difference(
    first: IdentificationResult, second: IdentificationResult, *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Rank-1 of `first` minus that of `second`, and the 95 % interval over people who are drawn for both at once.

    Raises:
        DataError: the results are of other people.
    """
    return _difference(
        (first.identities, first.hits, first.probes_of),
        (second.identities, second.hits, second.probes_of),
        resamples=resamples,
        seed=seed,
    )


def rank1_difference(
    first: Mapping[str, Any], second: Mapping[str, Any], *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """As `paired_difference`, of two contents of results files.

    Raises:
        DataError: they are of different people.
    """
    a, b = first["per_identity"], second["per_identity"]
    return _difference(
        (a["identities"], a["hits"], a["probes"]),
        (b["identities"], b["hits"], b["probes"]),
        resamples=resamples,
        seed=seed,
    )


def verdict(low: float, high: float) -> str:
    """What an interval of a difference supports: gains, loses, or undecided where it holds zero."""
    if low > 0:
        return "gains"
    return "loses" if high < 0 else "undecided"


def _difference(
    first: tuple[ArrayLike, ArrayLike, ArrayLike],
    second: tuple[ArrayLike, ArrayLike, ArrayLike],
    *,
    resamples: int,
    seed: int,
) -> tuple[float, float, float]:
    """Of (identities, hits, probes) each; equal seeds draw equal people for both."""
    if not np.array_equal(np.asarray(first[0]), np.asarray(second[0])):
        raise DataError("the two results are of different people: evaluate both on the same data")
    a, b = np.asarray(first[1], np.float64), np.asarray(second[1], np.float64)
    n, m = np.asarray(first[2], np.float64), np.asarray(second[2], np.float64)
    samples = ratio_samples(a, n, resamples=resamples, seed=seed) - ratio_samples(b, m, resamples=resamples, seed=seed)
    low, high = interval(samples)
    return float(a.sum() / n.sum() - b.sum() / m.sum()), float(low), float(high)
