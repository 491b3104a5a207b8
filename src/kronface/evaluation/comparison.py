"""Two results side by side, on the same people: differences, the people drawn for both at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError
from kronface.evaluation.attribute_counts import AttributeCounts, from_table
from kronface.evaluation.bootstrap import interval, ratio_of, ratio_samples, resample_counts
from kronface.evaluation.identification import IdentificationResult
from kronface.evaluation.packed import unpack_counts, unpack_scores
from kronface.evaluation.pair_bootstrap import People
from kronface.evaluation.verification import VerificationResult, verify
from kronface.evaluation.verification_schema import is_verification

Verdict = Literal["gains", "loses", "undecided", ""]
"""What an interval of a difference supports; empty where there is none."""


@dataclass(frozen=True)
class Difference:
    """One figure of two results."""

    measure: str
    """Such as rank-1, or balanced accuracy."""
    of: str
    """An attribute, or what a mean is over; empty of other measures."""
    first: float
    second: float
    difference: float
    """Of the second minus the first."""
    low: float | None
    """Ends of the 95 % interval; None where the files keep no counts by person, so that nothing can be paired."""
    high: float | None
    verdict: Verdict
    """What the second does beside the first."""


@dataclass(frozen=True)
class Comparison:
    """All figures that two results share."""

    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    """What could not be paired, and why."""


def compare(first: Mapping[str, Any], second: Mapping[str, Any], *, resamples: int = 1000, seed: int = 0) -> Comparison:
    """What the second result gains or loses beside the first.

    Rank-1 (also of the variants that both have) and attributes are paired by people: each resample draws the same ones
    for both. Verification is paired by people too, or by pairs where nobody says whose they are; its thresholds are set
    anew in each resample.

    Args:
        first: content of a results file.
        second: of another, by the same protocol.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        DataError: the results are by different protocols or of different people, or share no figure.
    """
    for key in ("format", "protocol"):
        if first[key] != second[key]:
            raise DataError(
                f"{first['name']} and {second['name']} cannot be compared: one is of the {key} {first[key]}, the other "
                f"of {second[key]}"
            )
    notes: list[str] = []
    found: list[Difference] = []
    if is_verification(first):
        found += _verification(first, second, notes, resamples, seed)
    else:
        found += _rank1(first, second, notes, resamples, seed)
        found += _tar_without_counts(first, second, notes)
        found += _attributes(first, second, notes, resamples, seed)
    if not found:
        reasons = "; ".join(notes) or "they share no figure"
        raise DataError(f"{first['name']} and {second['name']} cannot be compared: {reasons}")
    return Comparison(tuple(found), tuple(notes))


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


def verdict(low: float, high: float) -> Verdict:
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


def _of(
    measure: str, first: float, second: float, samples: NDArray[np.float64] | None = None, *, of: str = ""
) -> Difference:
    """From the two figures, and the differences of each resample (R,), where there are any."""
    ends = None if samples is None else interval(samples)
    if ends is None or np.isnan(ends[0]):
        return Difference(measure, of, first, second, second - first, None, None, "")
    low, high = float(ends[0]), float(ends[1])
    return Difference(measure, of, first, second, second - first, low, high, verdict(low, high))


def _rank1(
    first: Mapping[str, Any], second: Mapping[str, Any], notes: list[str], resamples: int, seed: int
) -> list[Difference]:
    if "rank1" not in first or "rank1" not in second:
        return []
    others = [key for key in first.get("variants") or {} if key in (second.get("variants") or {})]
    parts = [("rank-1", first, second)]
    parts += [(f"rank-1, {key}", first["variants"][key], second["variants"][key]) for key in others]
    found = []
    for measure, one, two in parts:
        try:
            difference, low, high = rank1_difference(two, one, resamples=resamples, seed=seed)
        except DataError:
            notes.append(f"{measure} is of different people: evaluate both on the same data")
            continue
        rates = [sum(part["per_identity"]["hits"]) / sum(part["per_identity"]["probes"]) for part in (one, two)]
        found.append(Difference(measure, "", rates[0], rates[1], difference, low, high, verdict(low, high)))
        if one["people"] != two["people"]:
            notes.append(
                f"{measure} is among {one['people']:,} candidates of the one and {two['people']:,} of the other"
            )
        if one["per_identity"]["probes"] != two["per_identity"]["probes"]:
            notes.append(f"{measure} is of the same people, and not of as many searches of each")
    return found


def _tar_without_counts(first: Mapping[str, Any], second: Mapping[str, Any], notes: list[str]) -> list[Difference]:
    """TAR beside identification, of which results files keep no counts by person."""
    rates = {part["far"]: part["tar"] for part in first.get("tar") or []}
    found = [
        _of(f"TAR at FAR {part['far']:g}", rates[part["far"]], part["tar"])
        for part in second.get("tar") or []
        if part["far"] in rates
    ]
    if found:
        notes.append("TAR has no interval: these results files keep no counts of it by person")
    return found


def _attributes(
    first: Mapping[str, Any], second: Mapping[str, Any], notes: list[str], resamples: int, seed: int
) -> list[Difference]:
    names = [name for name in first["attributes"] if name in second["attributes"]]
    if not names:
        return []
    kept = [part["attribute_counts"] for part in (first, second) if part.get("attribute_counts")]
    if len(kept) < 2:
        notes.append("attributes have no intervals: a results file keeps no counts of them by person; measure it anew")
        return _attributes_without_counts(first, second, names)
    one, two = (from_table(table) for table in kept)
    if sorted(one.identities) != sorted(two.identities):
        notes.append("attributes are of different people: evaluate both on the same data")
        return []
    names = [name for name in names if name in one.names and name in two.names]
    one, two = _take(one, one.identities, names), _take(two, one.identities, names)
    if not np.array_equal(one.labels, two.labels):
        notes.append("attributes are of the same people, and not of the same labels or images")
    drawn = resample_counts(len(one.identities), resamples=resamples, seed=seed)
    found = _attribute_differences(one.right, two.right, one.labels, two.labels, names, drawn, "")
    if one.chosen is not None and two.chosen is not None:
        chosen = " at chosen thresholds"
        found += _attribute_differences(one.chosen, two.chosen, one.labels, two.labels, names, drawn, chosen)
    return found


def _take(counts: AttributeCounts, identities: tuple[str, ...], names: list[str]) -> AttributeCounts:
    """The same counts with the people and the attributes in this order."""
    row_of = {name: row for row, name in enumerate(counts.identities)}
    at = np.ix_([row_of[name] for name in identities], [counts.names.index(name) for name in names])
    chosen = None if counts.chosen is None else counts.chosen[at]
    return AttributeCounts(identities, tuple(names), counts.labels[at], counts.right[at], chosen)


def _attribute_differences(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    first_labels: NDArray[np.int64],
    second_labels: NDArray[np.int64],
    names: list[str],
    drawn: NDArray[np.float64],
    suffix: str,
) -> list[Difference]:
    """Of (P, T, 2) right answers and labels each; `drawn` (R, P) is how often each resample draws each person."""
    once = np.vstack([np.ones(drawn.shape[1]), drawn])
    found = []
    for measure, joined in (("accuracy", True), ("balanced accuracy", False)):
        rates = []
        for right, labels in ((first, first_labels), (second, second_labels)):
            upper, lower = (part.sum(2, keepdims=True) if joined else part for part in (right, labels))
            rates.append(ratio_of(once, upper, lower).mean(2))  # (1 + R, T)
        measured = ~np.isnan(rates[0][0] + rates[1][0])
        if not measured.any():
            continue
        for column in np.flatnonzero(measured):
            one, two = rates[0][:, column], rates[1][:, column]
            found.append(_of(measure + suffix, float(one[0]), float(two[0]), (two - one)[1:], of=names[int(column)]))
        one, two = rates[0][:, measured], rates[1][:, measured]
        change = two[1:] - one[1:]
        there = ~np.isnan(change)  # in a resample, everybody may be alike
        means = np.where(there, change, 0).sum(1) / np.maximum(there.sum(1), 1)
        over = f"mean of {int(measured.sum())}"
        found.append(_of(measure + suffix, float(one[0].mean()), float(two[0].mean()), means, of=over))
    return found


def _attributes_without_counts(
    first: Mapping[str, Any], second: Mapping[str, Any], names: list[str]
) -> list[Difference]:
    found = []
    for key in ("accuracy", "balanced_accuracy"):
        pairs = {name: (first["attributes"][name][key], second["attributes"][name][key]) for name in names}
        there = {name: pair for name, pair in pairs.items() if None not in pair}
        measure = key.replace("_", " ")
        found += [_of(measure, one, two, of=name) for name, (one, two) in there.items()]
        if there:
            means = np.mean(list(there.values()), axis=0)
            found.append(_of(measure, float(means[0]), float(means[1]), of=f"mean of {len(there)}"))
    return found


def _verification(
    first: Mapping[str, Any], second: Mapping[str, Any], notes: list[str], resamples: int, seed: int
) -> list[Difference]:
    figures = [part["figures"] for part in (first, second)]
    for key in ("pairs", "genuine"):
        if first["counts"][key] != second["counts"][key]:
            notes.append(f"they are of other pairs: {first['counts'][key]:,} {key} and {second['counts'][key]:,}")
            return []
    drawn: list[VerificationResult] | None = None
    kept = [part["pairs"] for part in (first, second) if part.get("pairs")]
    if len(kept) < 2:
        notes.append("no intervals: a results file does not keep the score of every pair")
    elif any(kept[0].get(key) != kept[1].get(key) for key in ("same", "fold", "first", "second")):
        notes.append("they are of other pairs, or in another order: evaluate both on the same list")
        return []
    else:
        drawn = [_measure_again(part, resamples, seed) for part in (first, second)]
    found = []
    if figures[0].get("accuracy") and figures[1].get("accuracy"):
        samples = None if drawn is None else drawn[1].samples.accuracy - drawn[0].samples.accuracy
        one, two = (part["accuracy"]["value"] for part in figures)
        found.append(_of("accuracy", one, two, samples))
    for rate, figure in figures[0]["tar"].items():
        other = figures[1]["tar"].get(rate)
        if figure is not None and other is not None:
            far = float(rate)
            samples = None if drawn is None else drawn[1].samples.tar[far] - drawn[0].samples.tar[far]
            found.append(_of(f"TAR at FAR {rate}", figure["value"], other["value"], samples))
    if figures[0]["eer"] and figures[1]["eer"]:
        samples = None if drawn is None else drawn[1].samples.eer - drawn[0].samples.eer
        one, two = (part["eer"]["value"] for part in figures)
        found.append(_less_is_better(_of("EER", one, two, samples)))
    rules = [(part["settings"].get("rule"), part["settings"].get("thresholds")) for part in (first, second)]
    if rules[0] != rules[1]:
        notes.append("they are read by other rules: see settings.rule and settings.thresholds")
    return found


def _less_is_better(found: Difference) -> Difference:
    swapped: dict[Verdict, Verdict] = {"gains": "loses", "loses": "gains"}
    word = swapped.get(found.verdict, found.verdict)
    ends = found.first, found.second, found.difference, found.low, found.high
    return Difference(found.measure, found.of, *ends, word)


def _measure_again(result: Mapping[str, Any], resamples: int, seed: int) -> VerificationResult:
    """The figures of the pairs that a results file keeps, each resample of the same people, or of the same pairs."""
    pairs, settings = result["pairs"], result["settings"]
    scores = unpack_scores(pairs["score"])
    number = np.arange(len(scores))
    if "first" in pairs:
        people = People.of(unpack_counts(pairs["first"]), unpack_counts(pairs["second"]))
    else:
        people = People.of(number, number, unit="pairs")
    return verify(
        scores,
        unpack_counts(pairs["same"]),
        folds=unpack_counts(pairs["fold"]) if "fold" in pairs else None,
        accuracy=result["figures"].get("accuracy") is not None,
        people=people,
        rates=[float(rate) for rate in result["figures"]["tar"]],
        rule="nearest" if settings.get("rule") == "nearest" else "strict",
        thresholds="grid" if settings.get("thresholds") == "grid" else "exact",
        resamples=resamples,
        seed=seed,
    )
