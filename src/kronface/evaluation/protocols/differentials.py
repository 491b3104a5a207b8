"""Demographic differentials of folders and of arrays: which trials count, at which thresholds, and what is written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import ConfigError, DataError
from kronface.evaluation.det import limit_at
from kronface.evaluation.differentials import Rates, false_match_rates, rates_by_group, worst_to_best
from kronface.evaluation.features import Features
from kronface.evaluation.groups import Grouping
from kronface.evaluation.identification import IdentificationResult
from kronface.evaluation.open_set import draw_searches
from kronface.evaluation.pairs import compare_pairs, count_impostors
from kronface.evaluation.protocols.arrays import Identification
from kronface.evaluation.rates import EXPECTED_ERRORS, is_supported
from kronface.evaluation.search import Metric
from kronface.evaluation.trials import Ties
from kronface.files import Progress, no_progress

MEASURES: Mapping[str, str] = {"fnmr": "FNMR", "fmr": "FMR", "fnir": "FNIR", "fpir": "FPIR", "rank1": "rank-1"}
"""What tables call each measure."""

Measured = Callable[[Grouping], Rates]


def check_targets(*, fmr: float, fpir: float) -> None:
    """Whether thresholds can be set at these rates, for callers who would know it before long work.

    Raises:
        ConfigError: an impossible rate.
    """
    for option, value in (("fmr", fmr), ("fpir", fpir)):
        if not 0 < value < 1:
            raise ConfigError(f"{option} is {value}: it must lie between 0 and 1, such as 0.001")


def folder_differentials(
    embeddings: ArrayLike,
    people: NDArray[np.str_],
    identification: IdentificationResult,
    groupings: Sequence[Grouping],
    *,
    fmr: float = 1e-3,
    fpir: float = 0.05,
    gallery_images: int = 1,
    seed: int = 0,
    resamples: int = 1000,
    progress: Progress = no_progress,
) -> list[dict[str, Any]]:
    """All five measures of one data set, for its results file.

    FNMR and FMR are of all pairs of images, rank-1 of the searches of `closed_set`, FNIR and FPIR of those of
    `draw_searches` at the lowest threshold that keeps the wanted FPIR.

    Args:
        embeddings: (N, D); NaN where no face was found.
        people: (N,)
        identification: of these embeddings.
        groupings: (N,) each.
        fmr: wanted over all impostor pairs.
        fpir: wanted over all searches for people who are not enrolled.
        gallery_images: enrolled images of each person.
        seed: of the draws and of the bootstrap.
        resamples: of the bootstrap over people.
        progress: called as pairs are compared.
    """
    found = _pairs(embeddings, people, groupings, fmr, resamples, seed, progress)
    try:
        searches = draw_searches(embeddings, people, images=gallery_images, seed=seed)
    except DataError as error:
        found += [_absent(grouping.by, measure, fpir, str(error)) for grouping in groupings for measure in OPEN]
    else:

        def of_images(chosen: NDArray[np.bool_], wrong: NDArray[np.bool_]) -> Measured:
            errors = np.bincount(searches.row[chosen & wrong], minlength=len(people))
            times = np.bincount(searches.row[chosen], minlength=len(people))
            return lambda grouping: rates_by_group(
                errors, people, grouping, searches=times, resamples=resamples, seed=seed
            )

        strange = searches.rival[~searches.mated].astype(np.float64)
        limit = _limit(strange, fpir, len(np.unique(searches.row[~searches.mated])))
        measured = {}
        if limit is not None:
            measured["fnir"] = of_images(searches.mated, ~searches.returns(limit))
            measured["fpir"] = of_images(~searches.mated, searches.names_strangers(limit))
        found += _open_set(measured, groupings, fpir, limit, len(np.unique(searches.row[~searches.mated])))
    misses, times = identification.image_searches - identification.image_hits, identification.image_searches
    return _ordered(
        found
        + [
            _entry(
                grouping,
                "rank1",
                rates_by_group(misses, people, grouping, searches=times, resamples=resamples, seed=seed),
            )
            for grouping in groupings
        ]
    )


def arrays_differentials(
    found: Identification,
    probes: Features,
    groupings: Sequence[Grouping],
    *,
    fmr: float = 1e-3,
    fpir: float = 0.05,
    ties: Ties = "against",
    metric: Metric = "cosine",
    seed: int = 0,
    resamples: int = 1000,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> list[dict[str, Any]]:
    """The measures of one's own embeddings: FNMR and FMR of all pairs of probes, the others of the searches.

    FNIR and FPIR need probes of people who are not in the gallery set.

    Args:
        found: by `identify_arrays`.
        probes: with people.
        groupings: of the probes, (P,) each.
        fmr: wanted over all impostor pairs of probes.
        fpir: wanted over all searches for strangers.
        ties: see `kronface.evaluation.trials.Ties`.
        metric: of the searches; pairs are compared by the cosine alone.
        seed: of the bootstrap.
        resamples: of the bootstrap over people.
        threads: how many; all of the machine's by default.
        progress: called as pairs are compared.

    Raises:
        DataError: the probes' people are not known.
    """
    if probes.identities is None:
        raise DataError(f"{probes.source} says nothing of its people: bring their labels too")
    owners = probes.identities
    if metric == "cosine":
        content = _pairs(probes.values, owners, groupings, fmr, resamples, seed, progress, threads)
    else:
        content = [
            _absent(g.by, measure, fmr, "pairs are compared by cosine alone") for g in groupings for measure in ONE
        ]
    first = found.trials.ranks(ties) == 1

    def of_trials(wrong: NDArray[np.bool_], rows: NDArray[np.int64]) -> Measured:
        return lambda grouping: rates_by_group(wrong, owners[rows], grouping.take(rows), resamples=resamples, seed=seed)

    limit = _limit(found.stranger_score, fpir, len(found.strangers))
    measured = {}
    if limit is not None:
        with np.errstate(invalid="ignore"):
            measured["fnir"] = of_trials(~(first & (found.score >= limit)), found.probe)
        measured["fpir"] = of_trials(found.stranger_score >= limit, found.strangers)
    content += _open_set(measured, groupings, fpir, limit, len(found.strangers))
    rank1 = of_trials(~first, found.probe)
    return _ordered(content + [_entry(grouping, "rank1", rank1(grouping)) for grouping in groupings])


def describe(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines for the terminal: the worst and the best group by each column and measure, and how far they lie apart."""
    return [_line(entry) for entry in entries]


ONE, OPEN = ("fnmr", "fmr"), ("fnir", "fpir")


def _pairs(
    embeddings: ArrayLike,
    people: NDArray[np.str_],
    groupings: Sequence[Grouping],
    fmr: float,
    resamples: int,
    seed: int,
    progress: Progress,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """FNMR and FMR at the threshold of a common FMR."""
    there = count_impostors(people)
    if not is_supported(fmr, there):
        reason = f"{there} impostor pairs support no FMR of {fmr:g}"
        return [_absent(grouping.by, measure, fmr, reason) for grouping in groupings for measure in ONE]
    pairs = compare_pairs(embeddings, people, fmr=fmr, threads=threads, progress=progress)
    first, second = pairs.genuine
    found = []
    for grouping in groupings:
        if pairs.genuine.shape[1]:
            # A pair of two images of one person, of which one alone is in a group, is in none.
            same = grouping.number[first] == grouping.number[second]
            of_pairs = Grouping(grouping.by, grouping.names, np.where(same, grouping.number[first], -1))
            missed = rates_by_group(pairs.missed, pairs.person[first], of_pairs, resamples=resamples, seed=seed)
            found.append(_entry(grouping, "fnmr", missed, fmr, pairs.threshold))
        else:
            found.append(_absent(grouping.by, "fnmr", fmr, "nobody has two images"))
        matched = false_match_rates(pairs, grouping, resamples=resamples, seed=seed)
        found.append(_entry(grouping, "fmr", matched, fmr, pairs.threshold))
    return found


def _limit(strange: NDArray[np.float64], fpir: float, images: int) -> float | None:
    """The lowest threshold that keeps the FPIR; None where so few searched images do not support it."""
    return limit_at(-np.sort(-strange), fpir) if images and is_supported(fpir, images) else None


def _open_set(
    measured: Mapping[str, Measured], groupings: Sequence[Grouping], fpir: float, limit: float | None, images: int
) -> list[dict[str, Any]]:
    reason = f"{images} searches for people who are not enrolled support no FPIR of {fpir:g}"
    return [
        _entry(grouping, measure, measured[measure](grouping), fpir, limit)
        if measure in measured
        else _absent(grouping.by, measure, fpir, reason)
        for grouping in groupings
        for measure in OPEN
    ]


def _entry(
    grouping: Grouping, measure: str, rates: Rates, target: float | None = None, threshold: float | None = None
) -> dict[str, Any]:
    """As a results file keeps it: of rank-1 the rate itself, of everything else that of errors."""
    ratio = worst_to_best(rates)
    overall, groups = rates.overall, [asdict(group) | {"supported": not group.reason} for group in rates.groups]
    if measure == "rank1":
        overall = 1 - overall
        groups = [
            group | {"rate": _rest(group["rate"]), "low": _rest(group["high"]), "high": _rest(group["low"])}
            for group in groups
        ]
    return {
        "by": grouping.by,
        "measure": measure,
        "target": target,
        "threshold": threshold,
        "overall": overall,
        "groups": groups,
        "worst": ratio.worst,
        "best": ratio.best,
        "worst_to_best": ratio.value,
        "worst_to_best_low": ratio.low,
        "worst_to_best_high": ratio.high,
        "worst_to_mean": ratio.to_mean,
        "images_without_group": int((grouping.number < 0).sum()),
        "reason": "",
    }


def _absent(by: str, measure: str, target: float, reason: str) -> dict[str, Any]:
    """A measure that cannot be given for any group."""
    numbers = dict.fromkeys(
        ("threshold", "overall", "worst_to_best", "worst_to_best_low", "worst_to_best_high", "worst_to_mean")
    )
    named: dict[str, Any] = {"by": by, "measure": measure, "target": target, "groups": [], "worst": "", "best": ""}
    return named | numbers | {"images_without_group": 0, "reason": reason}


def _rest(rate: float | None) -> float | None:
    return None if rate is None else 1 - rate


def _ordered(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By column, in the order in which they were asked for, then by measure."""
    columns = list(dict.fromkeys(entry["by"] for entry in entries))
    return sorted(entries, key=lambda entry: (columns.index(entry["by"]), list(MEASURES).index(entry["measure"])))


def _line(entry: Mapping[str, Any]) -> str:
    at = ""
    if entry["target"] is not None:
        at = f" at {'FMR' if entry['measure'] in ONE else 'FPIR'} {entry['target']:g}"
    text = f"{MEASURES[entry['measure']]} by {entry['by']}{at}: "
    rates = {group["group"]: group for group in entry["groups"]}
    given = [name for name, group in rates.items() if group["supported"]]
    left = [name for name in rates if name not in given]
    if entry["reason"]:
        return text + f"not given, for {entry['reason']}"
    if not entry["worst"]:
        return text + f"no two of {len(rates)} groups have trials enough to expect {EXPECTED_ERRORS} errors"

    def shown(name: str) -> str:
        return f"{name} {rates[name]['rate']:.4g} {_span(rates[name]['low'], rates[name]['high'])}"

    text += f"worst {shown(entry['worst'])}, best {shown(entry['best'])}"
    what = "ratio of misses" if entry["measure"] == "rank1" else "ratio"
    if entry["worst_to_best"] is None:
        text += f", no {what}: the best made no error"
    else:
        text += f", {what} {entry['worst_to_best']:.2f} "
        text += _span(entry["worst_to_best_low"], entry["worst_to_best_high"], digits=".2f")
    if left:
        text += f"; not given for {', '.join(left)}"
    return text


def _span(low: float | None, high: float | None, *, digits: str = ".4g") -> str:
    return f"[{'?' if low is None else format(low, digits)}, {'?' if high is None else format(high, digits)}]"
