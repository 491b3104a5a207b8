"""Bootstrap of trials that are pairs: what a resample of the people, or of the pairs, weighs in each of some cells.

A figure of verification needs no more of a resample than the weight of the pairs in each of some cells, such as those
between two thresholds. So the weights of all pairs are never held at once.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError
from kronface.evaluation.bootstrap import resample_counts
from kronface.files import Progress, no_progress

Unit = Literal["identities", "templates", "pairs"]
"""What is drawn anew."""

ENTRIES = 1 << 22
"""Weights that are held at once."""


@dataclass(frozen=True)
class People:
    """Whose two images each pair shows, by number."""

    first: NDArray[np.int64]
    """(N,)"""
    second: NDArray[np.int64]
    """(N,)"""
    count: int
    unit: Unit = "identities"
    """What the numbers count: people, or templates where nobody says whose they are."""

    @classmethod
    def of(cls, first: ArrayLike, second: ArrayLike, *, unit: Unit = "identities") -> "People":
        """From names or any numbers, (N,) each.

        Raises:
            DataError: there are not as many of both.
        """
        ours, theirs = np.asarray(first), np.asarray(second)
        if ours.ndim != 1 or ours.shape != theirs.shape:
            raise DataError(f"a pair has two people: there are {ours.size} first and {theirs.size} second ones")
        names, numbers = np.unique(np.concatenate([ours, theirs]), return_inverse=True)
        numbers = numbers.astype(np.int64)
        return cls(numbers[: len(ours)], numbers[len(ours) :], len(names), unit)


def cell_weights(
    cells: NDArray[np.integer],
    count: int,
    people: People | None,
    *,
    resamples: int,
    seed: int = 0,
    progress: Progress = no_progress,
) -> NDArray[np.float64]:
    """(count, resamples): the weight of the pairs in each cell.

    With people known, they are drawn with replacement: a pair of two people weighs the product of how often each is
    drawn, a pair of one person's images how often that person is (its square would let few people rule a sample).
    Without, pairs are drawn with replacement, and what falls into the cells is drawn from the multinomial distribution
    that this amounts to.

    Args:
        cells: (N,) cell of each pair, from 0; pairs in cells below 0 are passed over, but drawn like the others.
        count: number of cells.
        people: of each pair, or None where they are unknown.
        resamples: how many; equal seeds draw the same people.
        seed: of the draws.
        progress: called as pairs are weighed.
    """
    if people is None:
        # One cell more holds the pairs that are passed over.
        sizes = np.bincount(np.where(cells < 0, count, cells), minlength=count + 1)
        drawn = np.random.default_rng(seed).multinomial(len(cells), sizes / len(cells), size=resamples)
        return drawn.T[:count].astype(np.float64)
    drawn_of = np.ascontiguousarray(resample_counts(people.count, resamples=resamples, seed=seed).T, np.float32)
    order = np.argsort(cells, kind="stable")
    order = order[np.searchsorted(cells[order], 0) :]
    out = np.zeros((count, resamples))
    step = max(ENTRIES // max(resamples, 1), 1)
    for start in range(0, len(order), step):
        part = order[start : start + step]
        one, two = people.first[part], people.second[part]
        weights = drawn_of[one]  # (pairs, resamples)
        weights *= np.where((one == two)[:, None], np.float32(1), drawn_of[two])
        inside = cells[part]
        starts = np.r_[0, np.flatnonzero(np.diff(inside)) + 1]
        out[inside[starts]] += np.add.reduceat(weights, starts, axis=0, dtype=np.float64)
        progress("weighing pairs", min(start + step, len(order)), len(order))
    return out
