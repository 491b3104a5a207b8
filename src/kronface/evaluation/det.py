"""Open-set identification as NIST's FRTE reports it: FNIR(N, R, T) against FPIR(N, T), TPIR at given FPIR, DET curves.

A mated search succeeds at rank R and threshold T when its mate is among the first R candidates and scores at least T. A
search for a stranger, whose mate is not enrolled, is a false positive when anybody scores at least T (ISO/IEC 19795-1).
With T below all scores and 50 candidates this is investigation: FNIR(N, 50, 0) is the share of searches whose mate is
not on the list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import ConfigError, DataError
from kronface.evaluation.bootstrap import interval, resample_counts
from kronface.evaluation.rates import EXPECTED_ERRORS, is_supported

FPIRS = (0.001, 0.003, 0.01, 0.03, 0.1)
"""At which TPIR is given."""

BATCH = 64
"""Resamples that are worked on at once."""

LOWEST = float(np.finfo(np.float64).min)
"""What every score reaches, but for the -inf of a face that was not found."""


@dataclass(frozen=True)
class Point:
    """TPIR at one FPIR; low and high are ends of a 95 % interval over people, threshold and all."""

    target_fpir: float
    threshold: float
    """The lowest at which no more than the target's share of searches for strangers returns anybody; -inf where every
    score may pass."""
    fpir: float
    """What it comes to on these strangers."""
    tpir: float
    """Share of mated searches that succeed: 1 - FNIR."""
    tpir_low: float
    tpir_high: float


@dataclass(frozen=True)
class Det:
    """The trade-off between both errors."""

    points: tuple[Point, ...]
    """At the target rates that the number of strangers supports."""
    unsupported: tuple[float, ...]
    """Target rates for which there are too few searches for strangers."""
    fpir: NDArray[np.float64]
    """(K,) growing, from the lowest supported rate to the share of strangers with a face."""
    fnir: NDArray[np.float64]
    """(K,) at each of them."""
    threshold: NDArray[np.float64]
    """(K,) falling, down to -inf."""
    mated: int
    """Searches."""
    strangers: int
    """Searches, each counted once."""


def det(
    mate_scores: ArrayLike,
    mate_ranks: ArrayLike,
    mate_people: ArrayLike,
    stranger_scores: ArrayLike,
    stranger_people: ArrayLike,
    *,
    searches: int | None = None,
    rank: int = 1,
    fpirs: Sequence[float] = FPIRS,
    resamples: int = 1000,
    seed: int = 0,
) -> Det:
    """The trade-off from the outcomes of searches.

    Args:
        mate_scores: (L,) of the mates; NaN or -inf where a face was not found, which is a miss at every threshold.
        mate_ranks: (L,) from 1.
        mate_people: (L,) whose searches they are.
        stranger_scores: (M,) best score of each search for somebody who is not enrolled; -inf where no face was found,
            which returns nobody.
        stranger_people: (M,) who they are.
        searches: independent searches for strangers, if M holds each several times (once per draw of the gallery set).
        rank: candidates that are looked at.
        fpirs: target rates.
        resamples: of the bootstrap over the people of both kinds.
        seed: of the bootstrap.

    Raises:
        ConfigError: an impossible rank or rate.
        DataError: arrays that do not fit together, or there are no searches of one kind.
    """
    scores, ranks = np.asarray(mate_scores, np.float64), np.asarray(mate_ranks)
    strange = np.asarray(stranger_scores, np.float64)
    owners, outsiders = np.asarray(mate_people), np.asarray(stranger_people)
    if rank < 1 or not fpirs or not all(0 < value < 1 for value in fpirs):
        raise ConfigError(f"rank is {rank} and fpirs are {tuple(fpirs)}: from 1, and between 0 and 1")
    if scores.shape != ranks.shape or scores.shape != owners.shape or strange.shape != outsiders.shape:
        raise DataError("each search needs one score, one rank and one person")
    if scores.size == 0 or strange.size == 0:
        raise DataError(f"{scores.size} mated searches and {strange.size} for strangers: both kinds are needed")
    if np.isnan(strange).any():
        raise DataError("a score of a stranger is not a number: a search that found no face has -inf")
    reaching = np.where((ranks <= rank) & ~np.isnan(scores), scores, -np.inf)
    rising, rising_strange = np.sort(reaching), np.sort(strange)
    falling = rising_strange[::-1]
    supported = [value for value in fpirs if is_supported(value, searches or strange.size)]
    limits = [limit_at(falling, value) for value in supported]
    low, high = _intervals(reaching, owners, strange, outsiders, supported, resamples, seed)
    points = tuple(
        Point(
            value,
            limit,
            _share(rising_strange, limit),
            _share(rising, limit),
            float(low[column]),
            float(high[column]),
        )
        for column, (value, limit) in enumerate(zip(supported, limits, strict=True))
    )
    floor = EXPECTED_ERRORS / (searches or strange.size)
    rates = np.unique(np.append(np.geomspace(min(floor, 1.0), 1.0, 200), supported))
    thresholds = np.array([limit_at(falling, value) for value in rates])
    return Det(
        points,
        tuple(value for value in fpirs if value not in supported),
        np.array([_share(rising_strange, limit) for limit in thresholds]),
        1 - np.array([_share(rising, limit) for limit in thresholds]),
        thresholds,
        scores.size,
        searches or strange.size,
    )


def limit_at(falling: NDArray[np.floating], rate: float) -> float:
    """The lowest threshold that at most `rate` of the scores (M,), from the highest down, reach.

    It is -inf where they all may; a score of -inf, of a face that was not found, reaches none.
    """
    allowed = int(np.floor(rate * falling.size + 1e-9))
    if allowed >= falling.size or np.isneginf(falling[allowed]):
        return -np.inf
    return float(np.nextafter(falling[allowed], np.inf))


def _share(rising: NDArray[np.float64], limit: float) -> float:
    """Share of the scores that reach the limit; those of -inf reach none."""
    start = np.searchsorted(rising, max(limit, LOWEST), "left")
    return float(rising.size - start) / rising.size


def _intervals(
    scores: NDArray[np.float64],
    owners: NDArray[np.generic],
    strange: NDArray[np.float64],
    outsiders: NDArray[np.generic],
    rates: Sequence[float],
    resamples: int,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of TPIR at each rate: mated people and strangers are drawn anew, and the threshold is set anew each time."""
    if not rates:
        return np.empty(0), np.empty(0)
    people, owner = np.unique(owners, return_inverse=True)
    others, outsider = np.unique(outsiders, return_inverse=True)
    drawn = resample_counts(len(people), resamples=resamples, seed=seed)
    drawn_others = resample_counts(len(others), resamples=resamples, seed=seed + 1)
    order, order_others = np.argsort(-scores, kind="stable"), np.argsort(-strange, kind="stable")
    falling, falling_others = scores[order], strange[order_others]
    samples = np.empty((resamples, len(rates)))
    for start in range(0, resamples, BATCH):
        block = slice(start, start + BATCH)
        # (B, M) false positives when the threshold lies just below each stranger's score.
        false = drawn_others[block][:, outsider[order_others]].cumsum(1)
        hits = np.pad(drawn[block][:, owner[order]].cumsum(1), ((0, 0), (1, 0)))
        for column, rate in enumerate(rates):
            allowed = np.floor(rate * false[:, -1:] + 1e-9)
            first = (false <= allowed).sum(1)  # the first score that may not pass
            limit = np.where(
                first < strange.size, np.nextafter(falling_others[np.minimum(first, strange.size - 1)], np.inf), -np.inf
            )
            limit = np.maximum(limit, LOWEST)
            reached = np.searchsorted(-falling, -limit, "right")
            samples[block, column] = hits[np.arange(len(hits)), reached] / hits[:, -1]
    return interval(samples)
