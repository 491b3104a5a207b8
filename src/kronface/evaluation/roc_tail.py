"""TAR at very low FAR where impostor pairs are billions: only the highest of their scores are kept."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.evaluation.bootstrap import interval, resample_counts
from kronface.evaluation.rates import is_supported
from kronface.evaluation.search import TIE

BATCH = 1 << 23
"""Numbers that a step of the bootstrap holds at once."""


@dataclass(frozen=True)
class Tail:
    """Scores of all genuine pairs, and the highest of impostor pairs."""

    genuine: NDArray[np.float64]
    """(L,) -inf where a face was not found."""
    genuine_person: NDArray[np.int64]
    """(L,) whose they are, from 0."""
    impostor: NDArray[np.float64]
    """(K,) falling."""
    impostor_person: NDArray[np.int64]
    """(K,) whose probes they are."""
    impostors: int
    """Pairs altogether, those without a face included."""
    complete: bool
    """Whether all impostor pairs that have a score are kept."""
    probes: NDArray[np.int64]
    """(people,) probes of each person that are compared with the impostors."""


@dataclass(frozen=True)
class Tar:
    """TAR at one FAR, by the strict rule: the largest whose FAR does not exceed the wanted one."""

    far: float
    """That was wanted."""
    tar: float
    low: float | None
    """Ends of a 95 % interval over people, the threshold set anew in each resample; None where it was not drawn."""
    high: float | None
    threshold: float
    """Pairs that score higher are accepted."""


def tar_at(tail: Tail, far: float, *, resamples: int = 0, seed: int = 0) -> Tar | None:
    """TAR at a FAR; None where fewer than ten impostor pairs would pass, or the tail does not reach so far.

    Args:
        tail: the scores.
        far: in (0, 1).
        resamples: of the bootstrap over people; 0 draws no interval.
        seed: of the bootstrap.
    """
    allowed = int(np.floor(far * tail.impostors + 1e-9))
    beyond = allowed >= len(tail.impostor)
    if not is_supported(far, tail.impostors) or (beyond and not tail.complete):
        return None
    limit = float(np.finfo(np.float64).min) if beyond else float(tail.impostor[allowed]) + TIE
    low = high = None
    if resamples and not beyond:
        drawn = _samples(tail, far, allowed, resamples, seed)
        if drawn is not None:
            low, high = (float(value) for value in interval(drawn))
    return Tar(far, float((tail.genuine > limit).mean()), low, high, limit)


def roc_points(tail: Tail, points: int = 200) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(FPR, TPR) of the tail at up to `points` thresholds, evenly in the logarithm of FPR.

    Each is the largest TPR at no more than that FPR, from no impostor pair accepted to all that were kept.
    """
    last = len(tail.impostor)
    if last == 0:
        return np.empty(0), np.empty(0)
    counts = np.unique(np.append(0, np.round(np.geomspace(1, last, points)).astype(np.int64)))
    # With k accepted at most, the next score is the threshold; with all of them, nothing is left to stay above.
    limits = np.where(counts < last, tail.impostor[np.minimum(counts, last - 1)] + TIE, -np.inf)
    counts, limits = (counts, limits) if tail.complete else (counts[:-1], limits[:-1])
    rising = np.sort(tail.genuine)
    # Misses, at -inf, are accepted by no threshold.
    tpr = 1 - np.searchsorted(rising, np.maximum(limits, -np.finfo(np.float64).max), "right") / len(rising)
    fpr = np.array([(tail.impostor > limit).sum() for limit in limits]) / tail.impostors
    return fpr, tpr


def _samples(tail: Tail, far: float, allowed: int, resamples: int, seed: int) -> NDArray[np.float64] | None:
    """(resamples,) TAR with people drawn anew; None where some resample's threshold lies beyond the tail."""
    people = len(tail.probes)
    kept = min(len(tail.impostor), 4 * allowed + 64)
    drawn = resample_counts(people, resamples=resamples, seed=seed)
    per_probe = tail.impostors / max(int(tail.probes.sum()), 1)
    # (people, kept) accepted impostor pairs of each person, and genuine pairs, as the threshold falls.
    accepted = np.zeros((people, kept), np.float64)
    accepted[tail.impostor_person[:kept], np.arange(kept)] = 1
    np.cumsum(accepted, axis=1, out=accepted)
    hits = np.empty((people, kept))
    falling = -tail.impostor[:kept]
    for person in range(people):
        own = np.sort(-tail.genuine[tail.genuine_person == person])
        hits[person] = np.searchsorted(own, falling - TIE, "left")
    counts = np.bincount(tail.genuine_person, minlength=people).astype(np.float64)
    samples = np.empty(resamples)
    step = max(BATCH // kept, 1)
    for start in range(0, resamples, step):
        part = drawn[start : start + step]
        false = part @ accepted
        allowed_now = np.floor(far * per_probe * (part @ tail.probes) + 1e-9)
        first = (false <= allowed_now[:, None]).sum(1)
        if (first >= kept).any():
            return None
        pairs = part @ counts
        with np.errstate(invalid="ignore", divide="ignore"):
            samples[start : start + step] = np.where(pairs > 0, (part * hits[:, first].T).sum(1) / pairs, np.nan)
    return samples
