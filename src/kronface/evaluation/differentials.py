"""Demographic differentials: error rates by group at one threshold for everybody (ISO/IEC 19795-10, NISTIR 8280).

The threshold is set for all people together, as it would be in use. What each group then meets is its FNMR, FMR, FNIR,
FPIR, or its miss rate at rank 1; FMR is that of impostors of the same group, the harder ones.

- A group's rate is given where ten errors or more are to be expected of it: at the rate of all groups together, or at
  its own if that is higher. Its own alone would hide those groups that are served best. A group of fewer than ten
  people has none either: what a bootstrap draws from so few says little of others like them.
- Intervals are at 95 %, by bootstrap over people: all groups are measured on the same draws, and so are their ratios.
  The threshold stays where it is. Where nobody erred, a bootstrap has nothing to draw: the upper end is then the share
  of people of whom none would err in 2.5 % of all samples (Clopper and Pearson 1934).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from kronface.errors import DataError
from kronface.evaluation.bootstrap import LEVEL, interval, ratio_of, resample_counts
from kronface.evaluation.groups import Grouping
from kronface.evaluation.pairs import Pairs
from kronface.evaluation.rates import EXPECTED_ERRORS, is_supported

FEWEST_PEOPLE = 10
"""In a group that has a rate."""


@dataclass(frozen=True)
class GroupRate:
    """An error rate of one group."""

    group: str
    rate: float | None
    """None where it cannot be given, as are its ends."""
    low: float | None
    high: float | None
    """None too where no pair of people erred, which bounds nothing."""
    trials: int
    """Images searched for, or pairs."""
    people: int
    """Whose they are."""
    errors: float
    """Of the trials; with several searches of an image, the sum of their means."""
    reason: str = ""
    """Why there is no rate."""


@dataclass(frozen=True)
class Rates:
    """An error rate by group."""

    groups: tuple[GroupRate, ...]
    overall: float
    """Of all trials, also those of no group, and of pairs of two groups."""
    samples: NDArray[np.float64]
    """(resamples, groups) the rates of the bootstrap."""


@dataclass(frozen=True)
class Ratio:
    """How far the groups lie apart."""

    worst: str
    best: str
    """Empty where fewer than two groups have a rate."""
    value: float | None
    """Rate of the worst over that of the best; None where the best made no error, or there are not two."""
    low: float | None
    high: float | None
    """None: without end, for the best group makes no error in too many of the samples."""
    to_mean: float | None
    """Rate of the worst over the geometric mean of all groups with a rate (NISTIR 8429); None where one made no error.
    """


def rates_by_group(
    errors: ArrayLike,
    person: ArrayLike,
    grouping: Grouping,
    *,
    searches: ArrayLike | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Rates:
    """Rates over trials of one person each: FNMR, FNIR, FPIR, or misses at rank 1.

    Args:
        errors: (T,) which trials went wrong, or how many of the searches of each image.
        person: (T,) whose trials they are, by name or number.
        grouping: of the trials.
        searches: (T,) how often each image was searched for, in several draws of a gallery set. Such repetitions make a
            rate no better supported than one search would. 0 leaves an image out. Once each by default.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.

    Raises:
        DataError: there is not one of each per trial, or no trial at all.
    """
    wrong, owners = np.asarray(errors, np.float64), np.asarray(person)
    times = np.ones(len(wrong)) if searches is None else np.asarray(searches, np.float64)
    if not wrong.shape == owners.shape == times.shape == grouping.number.shape or times.sum() <= 0:
        raise DataError(f"{wrong.size} trials need as many people, groups and numbers of searches, one of each")
    used = times > 0
    names, owner = np.unique(owners[used], return_inverse=True)
    people, count = len(names), len(grouping.names)
    number = np.where(grouping.number[used] < 0, count, grouping.number[used])

    def shares(weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """(people, groups) sums of weights of the trials."""
        sums = np.bincount(owner * (count + 1) + number, weights, minlength=people * (count + 1)).astype(np.float64)
        return sums.reshape(people, count + 1)[:, :count]

    upper, lower, units = shares(wrong[used]), shares(times[used]), shares(np.ones(int(used.sum())))
    samples = ratio_of(resample_counts(people, resamples=resamples, seed=seed), upper, lower)
    overall = float(wrong.sum() / times.sum())
    groups = []
    for k, name in enumerate(grouping.names):
        trials, there = int(units[:, k].sum()), int((units[:, k] > 0).sum())
        rate = float(upper[:, k].sum() / lower[:, k].sum()) if trials else 0.0
        groups.append(_group(name, rate, trials, there, samples[:, k], overall, pairs=False))
    return Rates(tuple(groups), overall, samples)


def false_match_rates(pairs: Pairs, grouping: Grouping, *, resamples: int = 1000, seed: int = 0) -> Rates:
    """FMR within each group: of pairs of images of two people, both in that group, at the threshold for all.

    In a resample a pair weighs the product of how often its two people are drawn. A person who is drawn twice makes no
    impostor pairs with him- or herself.

    Args:
        pairs: of N images.
        grouping: (N,) of the images.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.

    Raises:
        DataError: there is not one group, or none, per image.
    """
    if grouping.number.shape != pairs.person.shape:
        raise DataError(f"{len(pairs.person)} images need as many groups: there are {grouping.number.size}")
    drawn = resample_counts(len(pairs.names), resamples=resamples, seed=seed)
    samples = np.empty((resamples, len(grouping.names)))
    groups = []
    for k, name in enumerate(grouping.names):
        inside = grouping.number == k
        images = np.bincount(pairs.person[inside], minlength=len(pairs.names))
        there = np.flatnonzero(images)
        trials = (int(images.sum()) ** 2 - int((images**2).sum())) // 2
        first, second = pairs.person[pairs.false_matches[:, inside[pairs.false_matches].all(0)]]
        false = csr_matrix((np.ones(len(first)), (first, second)), shape=(len(pairs.names),) * 2)[there][:, there]
        weights = drawn[:, there]
        shown = weights * images[there]
        whole = (shown.sum(1) ** 2 - (shown**2).sum(1)) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            samples[:, k] = np.where(whole > 0, ((false.T @ weights.T).T * weights).sum(1) / whole, np.nan)
        rate = len(first) / trials if trials else 0.0
        groups.append(_group(name, rate, trials, len(there), samples[:, k], pairs.fmr, pairs=True))
    return Rates(tuple(groups), pairs.fmr, samples)


def worst_to_best(rates: Rates) -> Ratio:
    """How many times as often the worst group meets an error as the best one, of those that have a rate.

    The interval is that of the ratio of these two groups, in samples of the same people: it may reach below 1, where
    another sample would turn the order round.
    """
    given = [k for k, group in enumerate(rates.groups) if group.rate is not None]
    if len(given) < 2:
        return Ratio("", "", None, None, None, None)
    values = np.array([rates.groups[k].rate for k in given], np.float64)
    at, last = int(values.argmax()), len(given) - 1 - int(values[::-1].argmin())  # two groups also where all are equal
    worst, best = given[at], given[last]
    names = rates.groups[worst].group, rates.groups[best].group
    if values[last] == 0:
        return Ratio(*names, None, None, None, None)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = rates.samples[:, worst] / rates.samples[:, best]
    ratios = ratios[~np.isnan(ratios)]
    low = high = np.inf
    if len(ratios):
        tail = (1 - LEVEL) / 2
        # Samples themselves, not points between two, of which one may be infinite.
        low, high = np.quantile(ratios, tail, method="lower"), np.quantile(ratios, 1 - tail, method="higher")
    mean = np.exp(np.log(values).mean())
    return Ratio(*names, float(values[at] / values[last]), _finite(low), _finite(high), float(values[at] / mean))


def _group(
    name: str, rate: float, trials: int, people: int, samples: NDArray[np.float64], overall: float, *, pairs: bool
) -> GroupRate:
    errors = round(rate * trials, 6)
    reason = ""
    if trials == 0:
        reason = "no trials"
    elif people < FEWEST_PEOPLE:
        reason = f"fewer than {FEWEST_PEOPLE} people"
    elif not is_supported(max(rate, overall), trials):
        reason = f"too few trials to expect {EXPECTED_ERRORS} errors"
    if reason:
        return GroupRate(name, None, None, None, trials, people, errors, reason)
    low, high = (_finite(float(end)) for end in interval(samples))
    # Of so many people none errs in 2.5 % of samples where this share of all people would.
    bound = 1 - ((1 - LEVEL) / 2) ** (1 / people)
    if errors == 0:
        return GroupRate(name, rate, 0.0, None if pairs else bound, trials, people, errors)
    return GroupRate(name, rate, 1 - bound if rate == 1 else low, high, trials, people, errors)


def _finite(value: np.floating | float) -> float | None:
    return float(value) if np.isfinite(value) else None
