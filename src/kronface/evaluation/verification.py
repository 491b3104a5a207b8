"""Verification, 1:1: are these two images of one person? TAR at FAR, EER, and accuracy over folds.

A pair is accepted where its score is at least the threshold. FAR is the share of impostor pairs that are accepted, TAR
that of genuine ones, FNR what TAR lacks of 1.

- Ties: pairs of one score are accepted together or not at all.
- A score may have any sign. NaN, or minus infinity, is a pair with a face that was not found. It is rejected at every
  threshold, and stays in the count: a miss if genuine, never a false match.
- A rate is given only where the impostor pairs can support it (`rates.is_supported`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import ConfigError, DataError
from kronface.evaluation.bootstrap import interval
from kronface.evaluation.pair_bootstrap import People, Unit, cell_weights
from kronface.evaluation.rates import is_supported
from kronface.files import Progress, no_progress

RATES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""FAR at which TAR is given."""

FOLDS = 10

MOST_CUTS = 8192
"""Thresholds that a bootstrap walks at most: every score where there are fewer, else evenly many of either class."""

Rule = Literal["strict", "nearest"]
"""How TAR at a FAR is read from the ROC: see `tar_at`."""

Thresholds = Literal["exact", "grid"]
"""Which thresholds accuracy is tried at: all scores, or InsightFace's grid of distances."""


@dataclass(frozen=True)
class Roc:
    """Operating points, from the one that accepts nothing to the one that accepts every pair with two faces."""

    thresholds: NDArray[np.float64]
    """(K,) falling; the first is infinite."""
    impostors_accepted: NDArray[np.int64]
    """(K,) impostor pairs whose score is at least the threshold."""
    genuine_accepted: NDArray[np.int64]
    """(K,)"""
    genuine: int
    impostors: int

    @property
    def far(self) -> NDArray[np.float64]:
        """(K,) rising."""
        return self.impostors_accepted / self.impostors

    @property
    def tar(self) -> NDArray[np.float64]:
        """(K,) rising."""
        return self.genuine_accepted / self.genuine


def roc(scores: ArrayLike, same: ArrayLike) -> Roc:
    """Every operating point: one per distinct score, and the one that accepts nothing.

    Args:
        scores: (N,) higher is more alike; NaN or -inf where a face was not found.
        same: (N,) whether the pair is of one person.

    Raises:
        DataError: see `check_pairs`.
    """
    values, genuine = check_pairs(scores, same)
    return _roc(values, genuine)


def check_pairs(scores: ArrayLike, same: ArrayLike) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Scores with -inf for NaN, and labels as bool.

    Raises:
        DataError: they do not fit together, hold plus infinity, or only one class.
    """
    values, labels = np.asarray(scores), np.asarray(same)
    if values.dtype.kind not in "fiu" or values.ndim != 1 or labels.shape != values.shape:
        raise DataError(f"pairs need one score and one label each: there are {values.shape} and {labels.shape}")
    if labels.dtype != np.bool_:
        if labels.size and not np.isin(labels, (0, 1)).all():
            raise DataError("labels of pairs are true (one person) or false (two people)")
        labels = labels.astype(np.bool_)
    values = values.astype(np.float64 if values.dtype.kind != "f" else values.dtype)
    values[np.isnan(values)] = -np.inf
    if np.isposinf(values).any():
        raise DataError(f"the score of pair {int(np.isposinf(values).argmax())} is infinite: scores are finite, or NaN")
    if labels.all() or not labels.any():
        missing = "impostor" if len(labels) and labels.all() else "genuine"
        raise DataError(f"there are {len(labels)} pairs and no {missing} one among them: bring both kinds")
    return values, labels


def tar_at(curve: Roc, far: float, *, rule: Rule = "strict") -> tuple[float, float] | None:
    """(TAR, threshold) at a FAR; None where the impostor pairs cannot support the rate.

    The strict rule takes the largest TAR whose FAR does not exceed the wanted one: what is promised is kept.
    InsightFace takes the nearest point instead (`eval_ijbc.py`; so it may promise 1e-6 and keep 1.4e-6): of
    scikit-learn's default curve, which leaves out points midway between two others, the one whose FAR is nearest, the
    higher FAR if two are, the largest TAR at that FAR.

    Raises:
        ConfigError: an unknown rule, or a rate outside of (0, 1).
    """
    if rule not in ("strict", "nearest"):
        raise ConfigError(f"rule is {rule}: it must be strict or nearest")
    if not 0 < far < 1:
        raise ConfigError(f"a FAR of {far} cannot be asked for: it lies between 0 and 1")
    if not is_supported(far, curve.impostors):
        return None
    if rule == "strict":
        at = int(np.searchsorted(curve.impostors_accepted, far * curve.impostors * (1 + 1e-12), "right")) - 1
        # The highest threshold among those that let the same pairs of people through.
        at = int(np.searchsorted(curve.genuine_accepted, curve.genuine_accepted[at], "left"))
    else:
        kept = _sklearn_points(curve)
        distance = np.abs(curve.far[kept] - far)
        at = int(kept[np.flatnonzero(distance == distance.min())[-1]])
    return float(curve.genuine_accepted[at] / curve.genuine), float(curve.thresholds[at])


def equal_error_rate(curve: Roc) -> float | None:
    """The rate at which FAR and FNR are equal, on straight lines between operating points.

    None where so many faces were not found that FAR stays below FNR at every threshold.
    """
    return _crossing(curve.far[:, None], 1 - curve.tar[:, None])[0]


@dataclass(frozen=True)
class FoldAccuracy:
    """Accuracy on each fold, at the threshold that was best on all the others."""

    mean: float
    std: float
    """Over folds; of the population, as InsightFace prints it."""
    folds: NDArray[np.float64]
    """(F,) accuracy on each."""
    thresholds: NDArray[np.float64]
    """(F,) as scores; with the grid, as squared distances."""
    correct: NDArray[np.bool_]
    """(N,) whether each pair was decided rightly."""


def fold_accuracy(
    scores: ArrayLike, same: ArrayLike, folds: ArrayLike | None = None, *, thresholds: Thresholds = "exact"
) -> FoldAccuracy:
    """Accuracy over folds (LFW's view 2: G. Huang et al. 2007, section 4): no fold helps to choose its own threshold.

    Exact thresholds are tried at every score; of several that are best on the other folds the highest is taken, and set
    midway to the next lower score there. The grid is that of InsightFace's `verification.py`: squared distances of
    vectors of length 1, 0 to 3.99 in steps of 0.01; a pair is accepted below it; of several the lowest distance is
    taken.

    Args:
        scores: (N,) cosines for the grid.
        same: (N,)
        folds: (N,) number of each pair's fold; by default ten contiguous ones, the first of which are one longer where
            N is no multiple of ten.
        thresholds: exact or grid.

    Raises:
        ConfigError: an unknown choice of thresholds.
        DataError: fewer than two folds, or arrays that do not fit together.
    """
    if thresholds not in ("exact", "grid"):
        raise ConfigError(f"thresholds is {thresholds}: it must be exact or grid")
    values, genuine = check_pairs(scores, same)
    names, number = np.unique(_folds(folds, len(values)), return_inverse=True)
    chosen = np.empty(len(names))
    correct = np.empty(len(values), np.bool_)
    distances = 2 - 2 * values.astype(np.float64)
    for fold in range(len(names)):
        inside = number == fold
        if thresholds == "exact":
            chosen[fold] = _best_threshold(values[~inside], genuine[~inside])
            accepted = values[inside] >= chosen[fold]
            accepted &= values[inside] > -np.inf
        else:
            grid = np.arange(0, 4, 0.01)
            hits, false = _accepted_below(grid, distances[~inside], genuine[~inside])
            chosen[fold] = grid[int((hits - false).argmax())]
            accepted = distances[inside] < chosen[fold]
        correct[inside] = accepted == genuine[inside]
    shares = np.bincount(number, correct) / np.bincount(number)
    return FoldAccuracy(float(shares.mean()), float(shares.std()), shares, chosen, correct)


@dataclass(frozen=True)
class Validation:
    """TAR over folds at a threshold that was set on the others, as InsightFace gives it beside accuracy."""

    mean: float
    std: float
    far: float
    """What the FAR came to, mean over folds."""


def validation_rate(
    scores: ArrayLike, same: ArrayLike, folds: ArrayLike | None = None, *, far: float = 1e-3
) -> Validation:
    """VAL at a FAR by InsightFace's `verification.py`, for comparison with what was published.

    On the other folds, FAR is taken at squared distances of 0 to 3.999 in steps of 0.001; the threshold lies on the
    straight line between the last of them that does not exceed `far` and the next; it is 0 if none reaches `far`. With
    LFW's 2,700 impostor pairs in nine folds, a FAR of 1e-3 is under three pairs: a figure for comparison, no more.

    Args:
        scores: (N,) cosines.
        same: (N,)
        folds: (N,) as in `fold_accuracy`.
        far: the rate.

    Raises:
        DataError: a fold, or the others together, lack a class, or as `fold_accuracy`.
    """
    values, genuine = check_pairs(scores, same)
    names, number = np.unique(_folds(folds, len(values)), return_inverse=True)
    distances = 2 - 2 * values.astype(np.float64)
    grid = np.arange(0, 4, 0.001)
    rates = np.empty((len(names), 2))
    for fold in range(len(names)):
        inside = number == fold
        of_fold = genuine[inside]
        if of_fold.all() or not of_fold.any() or genuine[~inside].all():
            raise DataError(f"fold {fold + 1} needs both genuine and impostor pairs, in itself and outside of it")
        false = _accepted_below(grid, distances[~inside], genuine[~inside])[1] / int((~genuine[~inside]).sum())
        threshold = 0.0
        if false[-1] >= far:
            at = int(np.searchsorted(false, far, "right")) - 1
            threshold = float(grid[at])
            if at + 1 < len(grid) and at >= 0:
                threshold += (far - false[at]) / (false[at + 1] - false[at]) * (grid[at + 1] - grid[at])
        accepted = distances[inside] < threshold
        rates[fold] = accepted[of_fold].mean(), accepted[~of_fold].mean()
    return Validation(float(rates[:, 0].mean()), float(rates[:, 0].std()), float(rates[:, 1].mean()))


@dataclass(frozen=True)
class Figure:
    """A value and its 95 % interval; None where an interval could not be drawn."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Samples:
    """The figures of each of R resamples, NaN where one has none; equal seeds draw the same people or pairs."""

    tar: dict[float, NDArray[np.float64]]
    """(R,) by FAR."""
    eer: NDArray[np.float64]
    """(R,)"""
    accuracy: NDArray[np.float64]
    """(R,) mean over folds."""


@dataclass(frozen=True)
class VerificationResult:
    """What `verify` measures."""

    tar: dict[float, Figure | None]
    """By FAR; None where the impostor pairs cannot support the rate."""
    tar_thresholds: dict[float, float | None]
    eer: Figure | None
    accuracy: Figure | None
    """Mean over folds; None without folds."""
    accuracy_std: float | None
    accuracy_folds: NDArray[np.float64]
    """(F,)"""
    accuracy_thresholds: NDArray[np.float64]
    """(F,)"""
    validation: Validation | None
    """With the grid alone."""
    curve: Roc
    genuine: int
    impostors: int
    genuine_rejected: int
    """Genuine pairs with a face that was not found."""
    impostors_rejected: int
    resampled: Unit
    """What the intervals are over."""
    samples: Samples


def verify(
    scores: ArrayLike,
    same: ArrayLike,
    *,
    folds: ArrayLike | None = None,
    accuracy: bool = True,
    people: People | None = None,
    rates: Sequence[float] = RATES,
    rule: Rule = "strict",
    thresholds: Thresholds = "exact",
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = no_progress,
) -> VerificationResult:
    """All figures of a list of pairs, with 95 % intervals.

    Intervals are over people where `people` are known, else over pairs (`pair_bootstrap.cell_weights`). Every resample
    has its own ROC of up to `MOST_CUTS` thresholds, read by the same rule (the nearest one then knows all points, not
    scikit-learn's alone); accuracy keeps the thresholds that the folds chose.

    Args:
        scores: (N,) higher is more alike; NaN where a face was not found.
        same: (N,) whether the pair is of one person.
        folds: (N,) of `fold_accuracy`.
        accuracy: whether it is measured.
        people: of each pair.
        rates: FAR at which TAR is given.
        rule: strict or nearest.
        thresholds: exact or grid.
        resamples: of the bootstrap; 0 leaves intervals out.
        seed: of the bootstrap.
        progress: called as pairs are weighed.

    Raises:
        ConfigError: an unknown choice or an impossible number.
        DataError: arrays that do not fit together, or a class that is missing.
    """
    check_options(resamples=resamples, seed=seed)
    values, genuine = check_pairs(scores, same)
    if people is not None and len(people.first) != len(values):
        raise DataError(f"{len(values)} pairs need as many pairs of people: there are {len(people.first)}")
    curve = _roc(values, genuine)
    read = {rate: tar_at(curve, rate, rule=rule) for rate in rates}
    error = equal_error_rate(curve)
    by_fold = fold_accuracy(values, genuine, folds, thresholds=thresholds) if accuracy else None
    tar_samples = np.full((resamples, len(rates)), np.nan)
    error_samples = np.full(resamples, np.nan)
    fold_samples = np.full(resamples, np.nan)
    if resamples:
        cuts, cells = _cells(values, genuine, curve)
        weights = cell_weights(cells, 2 * cuts, people, resamples=resamples, seed=seed, progress=progress)
        tar_samples, error_samples = _curve_samples(weights.reshape(cuts, 2, resamples), rates, rule)
        if by_fold is not None:
            number = np.unique(_folds(folds, len(values)), return_inverse=True)[1]
            cells = 2 * number + by_fold.correct
            weights = cell_weights(cells, 2 * len(by_fold.folds), people, resamples=resamples, seed=seed)
            wrong, right = weights[0::2], weights[1::2]
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = right / (wrong + right)
            drawn = ~np.isnan(shares)
            fold_samples = np.where(drawn, shares, 0).sum(0) / np.maximum(drawn.sum(0), 1)
    return VerificationResult(
        tar={
            rate: None if found is None else _figure(found[0], tar_samples[:, column])
            for column, (rate, found) in enumerate(read.items())
        },
        tar_thresholds={rate: None if found is None else found[1] for rate, found in read.items()},
        eer=None if error is None else _figure(error, error_samples),
        accuracy=None if by_fold is None else _figure(by_fold.mean, fold_samples),
        accuracy_std=None if by_fold is None else by_fold.std,
        accuracy_folds=np.empty(0) if by_fold is None else by_fold.folds,
        accuracy_thresholds=np.empty(0) if by_fold is None else by_fold.thresholds,
        validation=validation_rate(values, genuine, folds) if accuracy and thresholds == "grid" else None,
        curve=curve,
        genuine=curve.genuine,
        impostors=curve.impostors,
        genuine_rejected=int((np.isneginf(values) & genuine).sum()),
        impostors_rejected=int((np.isneginf(values) & ~genuine).sum()),
        resampled="pairs" if people is None else people.unit,
        samples=Samples(dict(zip(rates, tar_samples.T, strict=True)), error_samples, fold_samples),
    )


def check_options(*, resamples: int, seed: int) -> None:
    """Whether `verify` can work with these, for callers who would know it before they embed pictures.

    Raises:
        ConfigError: an impossible number.
    """
    if resamples < 0:
        raise ConfigError(f"resamples is {resamples}: it must be at least 0, which leaves intervals out")
    if seed < 0:
        raise ConfigError(f"seed is {seed}: it must be at least 0")


def _roc(values: NDArray[np.floating], genuine: NDArray[np.bool_]) -> Roc:
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    shown = int(np.searchsorted(-ordered, np.inf, "left"))  # pairs with two faces
    hits = np.cumsum(genuine[order[:shown]], dtype=np.int64)
    ends = np.flatnonzero(np.diff(ordered[:shown], append=-np.inf) != 0)
    accepted = hits[ends]
    total = int(genuine.sum())
    return Roc(
        np.r_[np.inf, ordered[ends].astype(np.float64)],
        np.r_[0, ends + 1 - accepted].astype(np.int64),
        np.r_[0, accepted].astype(np.int64),
        total,
        len(values) - total,
    )


def _sklearn_points(curve: Roc) -> NDArray[np.int64]:
    """Points that scikit-learn's `roc_curve` keeps by default: it drops those midway between their two neighbours."""
    false, hits = curve.impostors_accepted[1:], curve.genuine_accepted[1:]
    if len(false) <= 2:
        return np.arange(len(false) + 1)
    bent = (np.diff(false, 2) != 0) | (np.diff(hits, 2) != 0)
    kept: NDArray[np.int64] = np.r_[0, np.flatnonzero(np.r_[True, bent, True]) + 1]
    return kept


def _folds(folds: ArrayLike | None, pairs: int) -> NDArray[np.generic]:
    if folds is None:
        if pairs < FOLDS:
            raise DataError(f"{pairs} pairs cannot be cut into {FOLDS} folds: bring more")
        sizes = np.full(FOLDS, pairs // FOLDS)
        sizes[: pairs % FOLDS] += 1
        return np.repeat(np.arange(FOLDS), sizes)
    given = np.asarray(folds)
    if given.shape != (pairs,) or len(np.unique(given)) < 2:
        raise DataError(f"{pairs} pairs need the number of a fold each, of two folds or more: there are {given.size}")
    return given


def _best_threshold(values: NDArray[np.floating], genuine: NDArray[np.bool_]) -> float:
    """The score at which most pairs are decided rightly, midway to the next lower one."""
    order = np.argsort(-values, kind="stable")
    ordered = values[order].astype(np.float64)
    shown = int(np.searchsorted(-ordered, np.inf, "left"))
    gain = np.cumsum(np.where(genuine[order[:shown]], 1, -1))
    ends = np.flatnonzero(np.diff(ordered[:shown], append=-np.inf) != 0)
    if len(ends) == 0 or gain[ends].max() <= 0:
        return float("inf")  # to accept nobody is as good as anything
    at = int(ends[gain[ends].argmax()])
    if at + 1 >= shown:
        return float(ordered[at])
    middle = (ordered[at] + ordered[at + 1]) / 2
    return float(middle if middle > ordered[at + 1] else ordered[at])


def _accepted_below(
    grid: NDArray[np.float64], distances: NDArray[np.float64], genuine: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Genuine and impostor pairs whose distance is below each of the grid's."""
    ours, theirs = np.sort(distances[genuine]), np.sort(distances[~genuine])
    return np.searchsorted(ours, grid, "left"), np.searchsorted(theirs, grid, "left")


def _cells(values: NDArray[np.floating], genuine: NDArray[np.bool_], curve: Roc) -> tuple[int, NDArray[np.int64]]:
    """Number of cuts, and (N,) the cell of each pair: 2 · (first cut that accepts it) + (is it genuine).

    The last cut is one below all scores: it stands for the pairs without a face, which count but are never accepted.
    """
    points = len(curve.thresholds) - 1
    if points > MOST_CUTS:
        # Evenly many genuine pairs between cuts, and evenly many in the logarithm of FAR.
        wanted = np.unique(np.geomspace(1, curve.impostors, MOST_CUTS // 2).astype(np.int64))
        by_far = np.searchsorted(curve.impostors_accepted, wanted, "left")
        wanted = np.linspace(1, curve.genuine, MOST_CUTS // 2).astype(np.int64)
        by_tar = np.searchsorted(curve.genuine_accepted, wanted, "left")
        kept = np.unique(np.clip(np.r_[by_far, by_tar, points], 1, points))
    else:
        kept = np.arange(1, points + 1)
    cuts = curve.thresholds[kept]
    # In the scores' own precision: the search is among equals.
    place = np.searchsorted(-cuts.astype(values.dtype), -values, "left")
    return len(cuts) + 1, 2 * place.astype(np.int64) + genuine


def _curve_samples(
    weights: NDArray[np.float64], rates: Sequence[float], rule: Rule
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """TAR (R, rates) and EER (R,) of each resample, from (cuts, 2, R) weights of either class."""
    false, hits = np.cumsum(weights[:, 0], axis=0), np.cumsum(weights[:, 1], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        far = np.vstack([np.zeros(false.shape[1]), false[:-1] / false[-1]])
        tar = np.vstack([np.zeros(hits.shape[1]), hits[:-1] / hits[-1]])
    empty = (false[-1] <= 0) | (hits[-1] <= 0)
    far[:, empty], tar[:, empty] = 0, np.nan
    columns = np.arange(far.shape[1])
    found = []
    for rate in rates:
        if rule == "strict":
            at = np.maximum((far <= rate * (1 + 1e-12)).sum(0) - 1, 0)
        else:
            at = len(far) - 1 - np.abs(far[::-1] - rate).argmin(0)  # the last of the nearest
        found.append(tar[at, columns])
    errors = np.array([np.nan if value is None else value for value in _crossing(far, 1 - tar)])
    return np.stack(found, 1) if found else np.empty((far.shape[1], 0)), errors


def _crossing(far: NDArray[np.float64], fnr: NDArray[np.float64]) -> list[float | None]:
    """Where the rising FAR (K, R) meets the falling FNR (K, R), on straight lines; None where it never does."""
    with np.errstate(invalid="ignore"):
        over = far >= fnr
    at = over.argmax(0)
    result: list[float | None] = []
    for column, point in enumerate(at):
        if not over[point, column]:
            result.append(None)
            continue
        # The first point accepts nothing, where FAR is 0 and FNR 1: there is always one before.
        before = point - 1
        gap = fnr[before, column] - far[before, column]
        closing = gap + far[point, column] - fnr[point, column]
        step = gap / closing
        result.append(float(far[before, column] + step * (far[point, column] - far[before, column])))
    return result


def _figure(value: float, samples: NDArray[np.float64]) -> Figure:
    low, high = interval(samples)
    ends = [None if np.isnan(end) else float(end) for end in (low, high)]
    return Figure(float(value), ends[0], ends[1])
