"""Intervals over seeds and people at once: both are drawn anew, and every arm is measured on the same draws.

An arm of S training seeds, measured on P people, has counts (S, P): so many searches of this person that were right
under this seed, of so many. A figure is the sum of the right ones over the sum of all. In a resample, P people are
drawn with replacement from P, and S - 1 seeds from S; a count weighs the product of how often its seed and its person
are drawn. (A mean of S - 1 draws varies from resample to resample as much as the mean of S seeds does from experiment
to experiment. The variance of a mean of S draws would be (S - 1) / S of that, too little where S is 3: Rao and Wu, JASA
83, 1988. Seed and person are drawn independently of each other, as in Owen's pigeonhole bootstrap, AoAS 1, 2007.) A
single seed is held fixed: the interval is then over people alone.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.evaluation.bootstrap import LEVEL, interval, resample_counts
from kronface.evaluation.comparison import verdict

POWER = 0.8
"""Share of such experiments that would see the smallest visible difference."""

REACH = NormalDist().inv_cdf((1 + LEVEL) / 2) + NormalDist().inv_cdf(POWER)
"""Standard errors between zero and the smallest visible difference: 1.96 + 0.84."""

Samples = NDArray[np.float64]
"""(1 + resamples, …): the figure itself, then its resamples."""


@dataclass(frozen=True)
class Resamples:
    """How often each person and each seed is drawn; the first row is what was measured: each of them once."""

    people: NDArray[np.float64]
    """(1 + resamples, P)."""
    seeds: NDArray[np.float64]
    """(1 + resamples, S)."""


def resample(people: int, seeds: int, *, resamples: int, seed: int = 0) -> Resamples:
    """Draws people and seeds; equal arguments draw the same."""
    rng = np.random.default_rng([seed, 1])
    drawn = rng.multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=resamples) if seeds > 1 else 1
    of_seeds = np.broadcast_to(np.asarray(drawn, np.float64), (resamples, seeds))
    return Resamples(
        np.vstack([np.ones(people), resample_counts(people, resamples=resamples, seed=seed)]),
        np.vstack([np.ones(seeds), of_seeds]),
    )


def pooled(drawn: Resamples, upper: ArrayLike, lower: ArrayLike) -> Samples:
    """(1 + resamples, …) ratios of the sums over seeds and people; NaN where a lower sum is 0.

    Args:
        drawn: seeds and people.
        upper: (S, P, …) such as searches that were right.
        lower: (S, P, …) such as searches.
    """
    above, below = (_sums(drawn, np.asarray(part, np.float64)) for part in (upper, lower))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _sums(drawn: Resamples, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    of_seed = [np.tensordot(drawn.people, part, 1) for part in counts]  # each (1 + resamples, …)
    shape = (-1,) + (1,) * (counts.ndim - 2)
    return np.asarray(sum(drawn.seeds[:, k].reshape(shape) * part for k, part in enumerate(of_seed)))


def mean_over(samples: Samples, columns: ArrayLike) -> Samples:
    """(1 + resamples,) means over some of the columns of (1 + resamples, T).

    A column that could not be measured at all is left out; one that a resample lacks (none of the few bald people was
    drawn) is left out of that resample.
    """
    chosen = samples[:, np.asarray(columns, np.int64)]
    chosen = chosen[:, ~np.isnan(chosen[0])]
    there = ~np.isnan(chosen)
    sums, count = np.where(there, chosen, 0).sum(1), there.sum(1)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)


def estimate(samples: Samples) -> dict[str, float] | None:
    """`value`, and `low` and `high`, the ends of its 95 % interval, of (1 + resamples,); None if it is NaN."""
    if np.isnan(samples[0]):
        return None
    low, high = interval(samples[1:])
    return {"value": float(samples[0]), "low": float(low), "high": float(high)}


def difference(first: Samples | None, second: Samples | None) -> dict[str, Any] | None:
    """First minus second, of the same draws, with what it supports.

    Returns:
        `value`, `low`, `high`; `word`: gains, loses, or undecided where the interval holds zero; `smallest`: the
        smallest true difference that `POWER` of such experiments would see. None where either was not measured.
    """
    if first is None or second is None:
        return None
    samples = first - second
    found = estimate(samples)
    if found is None:
        return None
    spread = float(np.nanstd(samples[1:], ddof=1)) if len(samples) > 2 else 0.0
    return found | {"word": verdict(found["low"], found["high"]), "smallest": REACH * spread}


def rank_correlation(samples: Samples, order: ArrayLike) -> dict[str, float] | None:
    """Spearman's correlation of (1 + resamples, T) values with T others, and its interval; None below three columns.

    Equal values share the mean of their ranks. A resample in which all values are equal, or one is missing, is left
    out.
    """
    from scipy.stats import rankdata

    others = np.asarray(order, np.float64)
    if len(others) < 3 or np.isnan(samples[0]).any():
        return None
    ours = rankdata(samples, axis=1, nan_policy="propagate")
    theirs = rankdata(others)
    ours, theirs = ours - ours.mean(1, keepdims=True), theirs - theirs.mean()
    length = np.sqrt((ours**2).sum(1) * (theirs**2).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        return estimate(np.where(length > 0, ours @ theirs / length, np.nan))
