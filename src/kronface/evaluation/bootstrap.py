"""95 % intervals by bootstrap over identities: people are drawn anew, with all of their images."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95


def resample_counts(people: int, *, resamples: int, seed: int = 0) -> NDArray[np.float64]:
    """(resamples, people): how often each person is drawn in each resample of `people` draws with replacement."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(people, np.full(people, 1 / people), size=resamples).astype(np.float64)


def ratio_samples(
    numerators: ArrayLike, denominators: ArrayLike, *, resamples: int = 1000, seed: int = 0
) -> NDArray[np.float64]:
    """Bootstrap samples of a ratio of sums over people.

    Args:
        numerators: (people, …) each person's share of the upper sum, such as hits.
        denominators: (people,) or of the numerators' shape: the share of the lower sum, such as probes.
        resamples: how many; two calls with equal `people`, `resamples` and `seed` draw the same people.
        seed: of the draws.

    Returns:
        (resamples, …); NaN where a resample has an empty lower sum.
    """
    return ratio_of(
        resample_counts(len(np.asarray(numerators)), resamples=resamples, seed=seed), numerators, denominators
    )


def ratio_of(counts: NDArray[np.float64], numerators: ArrayLike, denominators: ArrayLike) -> NDArray[np.float64]:
    """As `ratio_samples`, with the `counts` (resamples, people) at hand."""
    upper, lower = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    sums = np.tensordot(counts, upper, 1)
    totals = np.tensordot(counts, lower, 1)
    totals = totals.reshape(totals.shape + (1,) * (sums.ndim - totals.ndim))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(totals > 0, sums / totals, np.nan)


def interval(samples: ArrayLike, *, level: float = LEVEL) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile interval along the first axis, empty resamples left out: (low, high), each of the remaining shape."""
    tail = (1 - level) / 2
    values = np.asarray(samples, np.float64)
    if values.size == 0:  # nothing was measured, or nothing drawn
        return np.full(values.shape[1:], np.nan), np.full(values.shape[1:], np.nan)
    empty = np.isnan(values).all(0)
    low, high = np.nanquantile(np.where(empty, 0.0, values), [tail, 1 - tail], axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)
