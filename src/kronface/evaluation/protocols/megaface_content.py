"""What `kronface evaluate megaface` writes down: our own results file, and the files of the challenge's tool."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from kronface.errors import ConfigError
from kronface.evaluation.devkit import DevkitCurves, write_cmc, write_matches
from kronface.evaluation.identification import MISS
from kronface.evaluation.protocols.content import identification_content
from kronface.evaluation.protocols.megaface import MegaFace, Outcome, Variant
from kronface.evaluation.protocols.megaface_lists import DistractorList, Official
from kronface.evaluation.roc_tail import Tar, roc_points, tar_at
from kronface.evaluation.trials import Curve, Ties, Trials, cmc, rank_points
from kronface.hardware import processor_name

FARS = (1e-6, 1e-5, 1e-4)
"""At which TAR is given, where the impostor pairs support it; the challenge reports the first."""


def megaface_content(
    found: MegaFace,
    lists: Sequence[DistractorList],
    official: Official,
    *,
    name: str,
    root: str,
    settings: Mapping[str, Any],
    ties: Ties = "for",
    fingerprint: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[dict[str, Any], list[str]]:
    """The content of a results file, and lines for the terminal.

    Args:
        found: what was measured.
        lists: of distractors, in the order that they were searched in.
        official: whether these are the official lists.
        name: how tables call the network.
        root: where the features lie.
        settings: what else a repetition needs.
        ties: see `kronface.evaluation.trials.Ties`.
        fingerprint: of the network.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.

    Raises:
        ConfigError: an impossible number.
    """
    if resamples < 1 or seed < 0:
        raise ConfigError(f"resamples is {resamples} and seed is {seed}: from 1, and from 0")
    variants = {
        variant: _Variant(
            [outcome for outcome in found.outcomes if outcome.variant == variant], lists, ties, resamples, seed
        )
        for variant in dict.fromkeys(outcome.variant for outcome in found.outcomes)
    }
    raw = variants["raw"]
    title = describe_lists(official, found, raw.outcomes[0])
    unchecked = [f"no checksum is known of the lists {', '.join(official.unchecked)}"] if official.unchecked else []
    unchecked = unchecked if official.is_official else []
    people = np.unique(raw.outcomes[0].trials.person)
    common: dict[str, Any] = {
        "name": name,
        "protocol": "megaface",
        "data": {
            "root": root,
            "people": len(people),
            "images": len(np.unique(raw.outcomes[0].probe)),
            "notes": [title, *unchecked],
        },
        "settings": dict(settings) | {"ties": ties, "seed": seed, "resamples": resamples},
        "processor": processor_name(),
        "names": found.names,
        "not_found": sum(found.not_found),
        "fingerprint": fingerprint,
    }
    kept = ("rank1", "rank1_low", "rank1_high", "cmc_ranks", "cmc", "cmc_low", "cmc_high", "probes", "people")
    parts = {}
    for variant, part in variants.items():
        content = identification_content(
            cmc=part.curve, by_distractors=part.sizes, gallery_size=part.others + 1, **common
        )
        content["probes"] = len(part.outcomes[0].probe)  # pairs, in each list and draw
        content["distractors"]["spread"] = part.spread
        parts[variant] = content | {"tar": [asdict(tar) for tar in part.tars], "lists": part.described}
    result = parts["raw"] | {
        "official": asdict(official) | {"title": title},
        "noisy": {"probes": found.noisy[0], "distractors": found.noisy[1]},
        "other_people": {"draws": found.draws},
        "scores": found.compared,
        "tied_trials": raw.tied,
        "variants": {
            variant: {key: content[key] for key in (*kept, "distractors", "per_identity", "tar", "lists")}
            for variant, content in parts.items()
            if variant != "raw"
        },
    }
    return result, [title, *unchecked, *_lines(found, variants, ties, seed)]


def describe_lists(official: Official, found: MegaFace, outcome: Outcome) -> str:
    """What the result may call itself, with its own counts."""
    probes, people = len(np.unique(outcome.probe)), len(np.unique(outcome.trials.person))
    counts = f"{probes} probes of {people} people, {len(outcome.probe)} pairs"
    if official.is_official:
        rule = ", and one photograph of each other person" if found.draws else ""
        return f"MegaFace challenge 1 with {official.probes}, the official lists{rule}: {counts}"
    return f"not the official lists ({official.differing[0]}): {counts}"


def write_devkit(
    folder: Path, found: MegaFace, lists: Sequence[DistractorList], *, probes: str, algorithm: str, ties: Ties = "for"
) -> list[Path]:
    """Writes `cmc_*.json` and `matches_*.json` for every list, as the challenge's tool names them.

    Variants with noise taken into account go to folders `refined` and `deletion`.

    Args:
        folder: is made.
        found: what was measured.
        lists: of distractors.
        probes: facescrub or fgnet.
        algorithm: of the features.
        ties: see `kronface.evaluation.trials.Ties`.
    """
    written = []
    for outcome in found.outcomes:
        listed = lists[outcome.list_number]
        place = folder if outcome.variant == "raw" else folder / outcome.variant
        stem = f"{probes}_megaface_{algorithm}_{listed.size}_{listed.number}"
        curve = cmc(outcome.trials, ties=ties, at=rank_points(outcome.trials.others), resamples=1)
        fpr, tpr = roc_points(outcome.tail)
        cmc_file, matches_file = place / f"cmc_{stem}.json", place / f"matches_{stem}.json"
        write_cmc(cmc_file, DevkitCurves(stem, curve.at, curve.rate, fpr, tpr))
        ranks = outcome.trials.ranks(ties)[: len(outcome.probe)]
        last = outcome.trials.others + 2  # a miss stands behind everybody
        photographs = int(max(outcome.probe.max(), outcome.mate.max())) + 1
        write_matches(matches_file, outcome.probe, outcome.mate, np.where(ranks == MISS, last, ranks), photographs)
        written += [cmc_file, matches_file]
    return written


class _Variant:
    """One variant's curves."""

    def __init__(
        self, outcomes: Sequence[Outcome], lists: Sequence[DistractorList], ties: Ties, resamples: int, seed: int
    ) -> None:
        self.outcomes = outcomes
        by_size: dict[int, list[Outcome]] = {}
        for outcome in outcomes:
            by_size.setdefault(lists[outcome.list_number].size, []).append(outcome)
        largest = by_size[max(by_size)]
        self.others = max(outcome.trials.others for outcome in largest)
        self.curve = cmc(_join(largest), ties=ties, resamples=resamples, seed=seed)
        self.tied = sum(int(((part.trials.higher != MISS) & (part.trials.tied > 0)).sum()) for part in largest)
        first = np.ones(1, np.int64)
        columns = [
            cmc(_join(part), ties=ties, at=first, resamples=resamples, seed=seed) for _, part in sorted(by_size.items())
        ]
        self.sizes = Curve(
            np.array([max(outcome.distractors for outcome in part) for _, part in sorted(by_size.items())], np.int64),
            np.concatenate([column.rate for column in columns]),
            np.concatenate([column.low for column in columns]),
            np.concatenate([column.high for column in columns]),
            np.concatenate([column.hits for column in columns], 1),
            columns[0].trials,
        )
        self.described: list[dict[str, Any]] = []
        rates: dict[int, list[float]] = {}
        self.tars: list[Tar] = []
        for outcome in outcomes:
            listed = lists[outcome.list_number]
            curve = cmc(outcome.trials, ties=ties, at=np.array([1, 10]), resamples=resamples, seed=seed)
            is_largest = listed.size == max(by_size)
            found = [tar_at(outcome.tail, far, resamples=resamples if is_largest else 0, seed=seed) for far in FARS]
            tars = [tar for tar in found if tar is not None]
            rates.setdefault(listed.size, []).append(float(curve.rate[0]))
            if is_largest and not self.tars:
                self.tars = tars
            self.described.append(
                {
                    "size": listed.size,
                    "set": listed.number,
                    "source": listed.source,
                    "distractors": outcome.distractors,
                    "rank1": float(curve.rate[0]),
                    "rank1_low": float(curve.low[0]),
                    "rank1_high": float(curve.high[0]),
                    "rank10": float(curve.rate[1]),
                    "tar": [asdict(tar) for tar in tars],
                }
            )
        self.spread = [
            round(float(np.std(rates[size], ddof=1)), 6) if len(rates[size]) > 1 else None for size in sorted(rates)
        ]
        """Standard deviation over sets, by size; None of one set."""


def _join(outcomes: Sequence[Outcome]) -> Trials:
    """The trials of several lists of one size."""
    parts = [outcome.trials for outcome in outcomes]
    return Trials(
        np.concatenate([part.higher for part in parts]),
        np.concatenate([part.tied for part in parts]),
        np.concatenate([part.person for part in parts]),
        parts[0].people,
        max(part.others for part in parts),
    )


def _lines(found: MegaFace, variants: Mapping[Variant, _Variant], ties: Ties, seed: int) -> list[str]:
    raw = variants["raw"]
    lines = []
    if len(variants) > 1:
        lines.append(f"noise: {found.noisy[0]} probes and {found.noisy[1]} distractors are named by the noise lists")
    for column, size in enumerate(raw.sizes.at.tolist()):
        shown = []
        for variant, part in variants.items():
            spread = (
                "" if part.spread[column] is None else f" (over sets: standard deviation {part.spread[column]:.4f})"
            )
            curve = part.sizes
            shown.append(
                f"{variant + ' ' if len(variants) > 1 else ''}{curve.rate[column]:.4f} "
                f"[{curve.low[column]:.4f}, {curve.high[column]:.4f}]{spread}"
            )
        lines.append(f"rank-1 at {size:,} distractors: " + "; ".join(shown))
    for variant, part in variants.items():
        for tar in part.tars:
            span = "" if tar.low is None or tar.high is None else f" [{tar.low:.4f}, {tar.high:.4f}]"
            lines.append(f"{variant + ': ' if len(variants) > 1 else ''}TAR {tar.tar:.4f}{span} at FAR {tar.far:g}")
    if not raw.tars:
        pairs = raw.outcomes[-1].tail.impostors
        lines.append(
            f"TAR is not given: {pairs:,} impostor pairs support no FAR of {', '.join(f'{f:g}' for f in FARS)}"
        )
    if raw.tied:
        other: Ties = "for" if ties == "against" else "against"
        largest = [outcome for outcome in raw.outcomes if outcome.distractors == raw.outcomes[-1].distractors]
        rate = cmc(_join(largest), ties=other, at=np.ones(1, np.int64), resamples=1, seed=seed).rate[0]
        lines.append(f"{raw.tied} pairs tie with distractors: with ties {other} the mate, rank-1 is {rate:.4f}")
    if sum(found.not_found):
        lines.append(f"faces not found: {found.not_found[0]} probes, {found.not_found[1]} distractors")
    lines.append(f"rank-10 at {raw.sizes.at[-1]:,} distractors: {_rate_at(raw.curve, 10):.4f}")
    return lines


def _rate_at(curve: Curve, rank: int) -> float:
    return float(curve.rate[min(int(np.searchsorted(curve.at, rank, "right")) - 1, len(curve.at) - 1)])
