"""Mated searches and what they come to: rank-k, CMC, and the effect of growing numbers of distractors.

A trial is one probe and one mate. How many others stand before the mate is all that the curves need, so they cost no
more at a million distractors than at ten.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kronface.errors import ConfigError
from kronface.evaluation.bootstrap import interval, ratio_samples
from kronface.evaluation.identification import MISS, expected_rank1

Ties = Literal["against", "for"]
"""Whether others with the mate's own score stand before it (against), or behind it, as in the devkit's rule (for)."""


@dataclass(frozen=True)
class Trials:
    """Mated searches."""

    higher: NDArray[np.int64]
    """(L,) others that score higher than the mate; `MISS` where the face of the probe or of the mate was not found."""
    tied: NDArray[np.int64]
    """(L,) others that score the same."""
    person: NDArray[np.int64]
    """(L,) whose they are, from 0."""
    people: int
    """How many people there are."""
    others: int
    """In the gallery set, besides the mate: no more can stand before it."""

    def before(self, ties: Ties = "against") -> NDArray[np.int64]:
        """(L,) how many others stand before the mate; `MISS` for a miss.

        Raises:
            ConfigError: an unknown rule.
        """
        if ties not in ("against", "for"):
            raise ConfigError(f"ties is {ties}: it must be against or for")
        lost = self.higher == MISS
        return np.where(lost, MISS, self.higher + (self.tied if ties == "against" else 0))

    def ranks(self, ties: Ties = "against") -> NDArray[np.int64]:
        """(L,) rank of each mate, from 1; `MISS` for a miss.

        Raises:
            ConfigError: an unknown rule.
        """
        before = self.before(ties)
        return np.where(before == MISS, MISS, before + 1)


@dataclass(frozen=True)
class Curve:
    """A rate over ranks or over numbers of distractors, with 95 % intervals over people."""

    at: NDArray[np.int64]
    """(K,) ranks, or numbers of distractors."""
    rate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    hits: NDArray[np.float64]
    """(people, K) each person's share of the sum."""
    trials: NDArray[np.int64]
    """(people,) of each person."""


def rank_points(others: int) -> NDArray[np.int64]:
    """Ranks at which a CMC is written down: each up to 100, then 20 for every factor of ten, up to the last."""
    last = others + 1
    beyond = (
        np.round(10 ** np.arange(2, np.log10(last), 0.05)).astype(np.int64) if last > 100 else np.empty(0, np.int64)
    )
    return np.unique(np.concatenate([np.arange(1, min(last, 100) + 1), beyond, [last]]))


def cmc(
    trials: Trials, *, ties: Ties = "against", at: NDArray[np.int64] | None = None, resamples: int = 1000, seed: int = 0
) -> Curve:
    """Cumulative match characteristic: the share of trials whose mate is among the first k.

    Args:
        trials: all of them.
        ties: see `Ties`.
        at: (K,) ranks, ascending; `rank_points` by default. The rate at each of them is exact.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.
    """
    ranks = rank_points(trials.others) if at is None else at
    place = np.searchsorted(ranks, trials.ranks(ties))
    width = len(ranks) + 1
    counts = np.bincount(trials.person * width + place, minlength=trials.people * width).reshape(trials.people, width)
    return _curve(ranks, counts[:, :-1].cumsum(1).astype(np.float64), trials, resamples, seed)


def by_distractors(
    fixed: Trials,
    distractors: Trials,
    sizes: NDArray[np.int64],
    *,
    ties: Ties = "against",
    resamples: int = 1000,
    seed: int = 0,
) -> Curve:
    """Rank-1 at numbers of distractors: the exact mean over all subsets of the pool of that size.

    Args:
        fixed: the same trials among those who are always in the gallery set.
        distractors: and among the pool of distractors.
        sizes: (S,) numbers, each at most the pool's.
        ties: see `Ties`.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.
    """
    first = fixed.before(ties) == 0
    share = expected_rank1(np.where(first, distractors.before(ties), distractors.others + 1), distractors.others, sizes)
    hits = np.zeros((fixed.people, len(sizes)))
    for column in range(len(sizes)):
        hits[:, column] = np.bincount(fixed.person, share[:, column], minlength=fixed.people)
    return _curve(sizes, hits, fixed, resamples, seed)


def _curve(at: NDArray[np.int64], hits: NDArray[np.float64], trials: Trials, resamples: int, seed: int) -> Curve:
    counts = np.bincount(trials.person, minlength=trials.people)
    mated = counts > 0
    low, high = interval(ratio_samples(hits[mated], counts[mated], resamples=resamples, seed=seed))
    return Curve(at, hits.sum(0) / counts.sum(), low, high, hits, counts)
