"""From the files of an ablation's runs to its table, its intervals, and what they support.

Everything here is computed anew from the runs' counts per person (`ablation_measures`); nothing depends on when or
where they ran.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from kronface.errors import DataError
from kronface.evaluation.ablation_statistics import (
    POWER,
    Resamples,
    Samples,
    difference,
    estimate,
    mean_over,
    pooled,
    rank_correlation,
    resample,
)
from kronface.evaluation.published import JOINTLY, JOINTLY_RANK1, REPORTED, SEPARATELY, SEPARATELY_RANK1

FORMAT = "kronface-ablation/1"
RUN_FORMAT = "kronface-ablation-run/1"

RESAMPLES = 2000

JOINT, NO_ATTRIBUTES, NO_IDENTITIES = "joint", "identity-only", "attributes-only"

TABLE_1: Mapping[str, tuple[float, float]] = MappingProxyType(
    {name: (SEPARATELY.accuracy[name], JOINTLY.accuracy[name]) for name in REPORTED}
)
"""The paper's Table 1: accuracy in per cent of attributes trained separately, and jointly."""

CLAIMED_MEAN = 2.0
"""What §5.4 says of its ten attributes: "around 2 %"."""

FIGURES: Mapping[str, str] = MappingProxyType(
    {
        "rank1": "rank-1",
        "tar": "TAR",
        "accuracy": "attribute accuracy",
        "balanced_accuracy": "balanced accuracy",
    }
)
"""Figures of an arm, and what sentences call them; those of attributes are means over Table 1's nine."""

LEARNED: Mapping[str, str] = MappingProxyType({"rank1": "to tell people apart", "balanced_accuracy": "attributes"})
"""Figures that must lie above those of the same network untrained, and what has been learned then."""


IDLE = "nothing"
"""What a difference supports where one of both arms has not learned."""


@dataclass(frozen=True)
class ArmContent:
    """One arm of the table."""

    name: str
    about: str
    truth: str
    """Which labels its attributes are measured on: `annotated` or `true`."""
    reference: str | None
    """The arm that it is compared with."""
    learns_attributes: bool
    """False where labels are shuffled: nothing can be learned of them."""
    runs: Sequence[Mapping[str, Any]]
    """Contents of its runs' files, by seed."""


class _Measured:
    """The figures of one arm on common draws of seeds and people."""

    def __init__(self, arm: ArmContent, drawn: Resamples, state: str = "trained") -> None:
        self._parts = [run[state] for run in arm.runs]
        self._drawn = drawn
        self.arm = arm
        self.names: list[str] = arm.runs[0]["attributes"]

    def identities(self, figure: str) -> Samples | None:
        """(1 + resamples,) rank1 or tar; None where a run lacks it."""
        parts = [part["identities"][figure] for part in self._parts if part["identities"]]
        if len(parts) < len(self._parts) or None in parts:
            return None
        return pooled(self._drawn, [part["right"] for part in parts], [part["all"] for part in parts])

    def attributes(self, criterion: str, truth: str | None = None) -> Samples | None:
        """(1 + resamples, T) accuracy or balanced_accuracy of every attribute; None where a run predicts none."""
        parts = [part["attributes"][truth or self.arm.truth] for part in self._parts if part["attributes"]]
        if len(parts) < len(self._parts):
            return None
        right = np.array([[part[name][criterion]["right"] for name in self.names] for part in parts], np.float64)
        every = np.array([[part[name]["all"] for name in self.names] for part in parts], np.float64)
        right, every = right.swapaxes(1, 2), every.swapaxes(1, 2)  # (S, P, T, 2)
        if criterion == "accuracy":
            return pooled(self._drawn, right.sum(3), every.sum(3))
        both: Samples = pooled(self._drawn, right, every).mean(2)
        return both

    def figure(self, name: str, truth: str | None = None) -> Samples | None:
        """(1 + resamples,) one of `FIGURES`."""
        if name in ("rank1", "tar"):
            return self.identities(name)
        samples = self.attributes(name, truth)
        return None if samples is None else mean_over(samples, self.columns(TABLE_1))

    def columns(self, wanted: Sequence[str] | Mapping[str, Any]) -> list[int]:
        """Places of attributes among those that are predicted; those that are not are left out."""
        return [self.names.index(name) for name in wanted if name in self.names]


def ablation_content(
    arms: Sequence[ArmContent],
    *,
    fused: Sequence[str],
    about: Mapping[str, Any],
    indicative: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """The content of an ablation's results file.

    Args:
        arms: in the order of the table, each with a run of every seed.
        fused: the paper's ten attributes.
        about: what else the file says: data, recipe, agreement of labels.
        indicative: it is too short to be more.
        resamples: of seeds and people.
        seed: of the resamples.

    Raises:
        DataError: there are no arms, or they are of different people or seeds.
    """
    people, seeds = _common(arms)
    drawn = resample(len(people), len(seeds), resamples=resamples, seed=seed)
    measured = {arm.name: _Measured(arm, drawn) for arm in arms}
    untrained = {arm.name: _Measured(arm, drawn, "untrained") for arm in arms}
    rows = [_row(arm, measured, untrained[arm.name]) for arm in arms]
    separate = _separate(measured, fused)
    _judge(rows, separate)
    content: dict[str, Any] = {
        "format": FORMAT,
        "indicative": indicative,
        "seeds": seeds,
        "people": len(people),
        "images": arms[0].runs[0]["images"],
        "far": arms[0].runs[0]["far"],
        "resamples": resamples,
        **about,
        "arms": rows,
        "separate": separate,
        "contrasts": _contrasts(measured, rows),
    }
    content["claim"] = _claim(content)
    return content


def _common(arms: Sequence[ArmContent]) -> tuple[list[str], list[int]]:
    if not arms or not arms[0].runs:
        raise DataError("no run of the ablation is finished: there is nothing to compare")
    people, seeds = arms[0].runs[0]["people"], [run["seed"] for run in arms[0].runs]
    for arm in arms:
        if [run["seed"] for run in arm.runs] != seeds:
            raise DataError(f"the runs of {arm.name} are of other seeds than those of {arms[0].name}")
        for run in arm.runs:
            if run["people"] != people:
                raise DataError(f"{arm.name} with seed {run['seed']} was measured on other people than {arms[0].name}")
    return people, seeds


def _row(arm: ArmContent, measured: Mapping[str, _Measured], untrained: _Measured) -> dict[str, Any]:
    own, first = measured[arm.name], arm.runs[0]
    other = measured.get(arm.reference or "")
    samples = {name: own.figure(name) for name in FIGURES}
    learned: dict[str, dict[str, Any] | None] = {}
    for name in LEARNED:
        if name == "balanced_accuracy" and not arm.learns_attributes:
            learned[name] = None
            continue
        learned[name] = difference(samples[name], untrained.figure(name))
    return {
        "name": arm.name,
        "about": arm.about,
        "truth": arm.truth,
        "same_run_as": first.get("same_run_as"),
        "parameters": first["parameters"],
        "reference": arm.reference if other is not None else None,
        "figures": {name: None if part is None else estimate(part) for name, part in samples.items()},
        "differences": {
            name: None if other is None else difference(part, other.figure(name, arm.truth))
            for name, part in samples.items()
        },
        "learned": learned,
        "failed": [LEARNED[name] for name, found in learned.items() if found is not None and found["word"] != "gains"],
        "curves": [run["history"] for run in arm.runs],
    }


def _judge(rows: Sequence[dict[str, Any]], separate: Mapping[str, Any] | None) -> None:
    """Takes the verdict from differences of arms that have not learned, and puts the rest into words."""
    by_name = {row["name"]: row for row in rows}
    for row in rows:
        both = (row, by_name[row["reference"]]) if row["reference"] else (row,)
        for key, found in row["differences"].items():
            if found is not None and any(_learnable(key) in one["failed"] for one in both):
                found["word"] = IDLE
        row["sentence"] = _sentence(row)
    if separate is None:
        return
    for key in ("accuracy", "balanced_accuracy"):
        if any(_learnable(key) in by_name[name]["failed"] for name in (JOINT, NO_IDENTITIES)):
            for entry in (*separate["rows"], *separate["means"].values()):
                if entry[key] is not None:
                    entry[key]["word"] = IDLE


CONTRASTS: tuple[tuple[str, str, str], ...] = (
    ("no-fusion", "identity-only", "a second task on the same trunk"),
    ("concat", "no-fusion", "attribute logits beside u"),
    ("joint", "concat", "their product with u in place of both side by side"),
    ("joint-tanh1", "no-fusion", "a product that keeps u"),
    ("joint-detach", "no-fusion", "the product, without the identity loss's gradient"),
    ("oracle", "identity-only", "true attributes in a product, and a second task"),
    ("joint", "shuffled-images", "labels that mean something"),
    ("shuffled-people", "shuffled-images", "labels that are one person's, though not their own"),
    ("joint-clean", "identity-only-clean", "a second task and the product, on true labels"),
)
"""Pairs of arms that tell where a difference comes from: the first, the second, and what the first has more."""


def _contrasts(measured: Mapping[str, _Measured], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Differences in rank-1 between arms other than joint; none of arms that have not learned."""
    failed = {row["name"] for row in rows if LEARNED["rank1"] in row["failed"]}
    found = []
    for one, other, what in CONTRASTS:
        if one in measured and other in measured and not {one, other} & failed:
            rank1 = difference(measured[one].figure("rank1"), measured[other].figure("rank1"))
            found.append({"arm": one, "against": other, "what": what, "rank1": rank1})
    return found


def _learnable(figure: str) -> str:
    """What must be learned before a figure means anything."""
    return LEARNED["rank1" if figure in ("rank1", "tar") else "balanced_accuracy"]


def _separate(measured: Mapping[str, _Measured], fused: Sequence[str]) -> dict[str, Any] | None:
    """Joint minus attributes-only, attribute by attribute, the largest gain of accuracy first."""
    if JOINT not in measured or NO_IDENTITIES not in measured:
        return None
    joint, alone = measured[JOINT], measured[NO_IDENTITIES]
    parts = {
        name: (joint.attributes(name), alone.attributes(name, joint.arm.truth))
        for name in ("accuracy", "balanced_accuracy")
    }
    rows = []
    for column, name in enumerate(joint.names):
        row: dict[str, Any] = {"attribute": name, "paper": paper_gain(name)}
        for criterion, (first, second) in parts.items():
            if first is None or second is None:
                return None
            row[criterion] = difference(first[:, column], second[:, column])
            row[f"{criterion}_joint"] = _number(first[0, column])
            row[f"{criterion}_separate"] = _number(second[0, column])
        every = np.array(joint.arm.runs[0]["trained"]["attributes"][joint.arm.truth][name]["all"]).sum(0)
        row["majority"] = float(every.max() / every.sum()) if every.sum() else None
        rows.append(row)
    rows.sort(key=lambda row: -(row["accuracy"]["value"] if row["accuracy"] else -np.inf))
    means = {}
    for title, wanted, paper in (("table1", list(TABLE_1), mean_gain()), ("fused", list(fused), CLAIMED_MEAN)):
        columns = joint.columns(wanted)
        means[title] = {"attributes": len(columns), "paper": paper} | {
            criterion: difference(mean_over(first, columns), mean_over(second, columns))  # type: ignore[arg-type]
            for criterion, (first, second) in parts.items()
        }
    columns = joint.columns(TABLE_1)
    gains = parts["accuracy"][0][:, columns] - parts["accuracy"][1][:, columns]  # type: ignore[index]
    order = rank_correlation(gains, [paper_gain(joint.names[column]) or 0.0 for column in columns])
    return {"rows": rows, "means": means, "order": order}


def paper_gain(attribute: str) -> float | None:
    """Points of accuracy that the paper's Table 1 gives joint training; None for an attribute that is not in it."""
    if attribute not in TABLE_1:
        return None
    alone, joint = TABLE_1[attribute]
    return round(joint - alone, 2)


def mean_gain() -> float:
    """The mean of `paper_gain` over the table: 2.00."""
    return round(float(np.mean([joint - alone for alone, joint in TABLE_1.values()])), 2)


def _claim(content: Mapping[str, Any]) -> dict[str, Any]:
    """The paper's two claims as this ablation sees them: in numbers, and in one plain sentence."""
    rows = {row["name"]: row for row in content["arms"]}
    parts: dict[str, Any] = {}
    if JOINT in rows and NO_ATTRIBUTES in rows:
        parts["rank1"] = _mirrored(rows[NO_ATTRIBUTES]["differences"]["rank1"])
    if content["separate"] is not None:
        parts["accuracy"] = content["separate"]["means"]["table1"]["accuracy"]
    return parts | {"sentence": _claim_sentence(content, rows, parts)}


def _claim_sentence(
    content: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]], parts: Mapping[str, Mapping[str, Any] | None]
) -> str:
    named = {
        "rank1": (NO_ATTRIBUTES, "rank-1", LEARNED["rank1"], JOINTLY_RANK1 - SEPARATELY_RANK1),
        "accuracy": (
            NO_IDENTITIES,
            "attribute accuracy, the mean over Table 1's nine,",
            LEARNED["balanced_accuracy"],
            mean_gain(),
        ),
    }
    said = []
    for key, (other, what, learned, paper) in named.items():
        found = parts.get(key)
        if found is None:
            continue
        idle = [name for name in (JOINT, other) if learned in rows[name]["failed"]]
        if idle:
            said.append(f"nothing can be said of {what} since {' and '.join(idle)} did not learn {learned}")
            continue
        span = f"({points(found['value'])} points, 95 % interval {span_of(found)}; the paper: {paper:+.1f})"
        if found["word"] == "undecided":
            said.append(f"it is undecided whether joint training gains or loses {what} against {other} {span}")
        else:
            said.append(f"joint training {found['word']} {what} against {other} {span}")
    if not said:
        return "The arms that the paper's claim compares are not all here, so nothing can be said of it."
    many = len(content["seeds"])
    seeds = f"{many} seed{'s' if many > 1 else ''}"
    start = "Indicative only: over" if content["indicative"] else "Over"
    return f"{start} {seeds} and {content['people']} people, {', and '.join(said)}."


def _mirrored(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The same difference the other way round."""
    if found is None:
        return None
    words = {"gains": "loses", "loses": "gains"}
    return dict(found) | {
        "value": -found["value"],
        "low": -found["high"],
        "high": -found["low"],
        "word": words.get(found["word"], found["word"]),
    }


def _sentence(row: Mapping[str, Any]) -> str:
    """What the data support of one arm, in plain words."""
    said = []
    for key, what in FIGURES.items():
        found = row["differences"][key]
        if found is None or key == "tar" or found["word"] == IDLE:
            continue
        span = f"({points(found['value'])} points, {span_of(found)})"
        word = found["word"]
        said.append(f"{what} is undecided {span}" if word == "undecided" else f"{word} {what} {span}")
    sentence = f"{row['name']} against {row['reference']}: {'; '.join(said)}." if said else ""
    if row["same_run_as"]:
        sentence = f"{sentence} It trains on the same labels as {row['same_run_as']}, so that one run serves both."
    if row["failed"]:
        what = " or ".join(row["failed"])
        sentence = f"{sentence} {row['name']} did not learn {what}: it is no better than the same network untrained."
    return sentence.strip()


def visible(content: Mapping[str, Any]) -> str:
    """The smallest differences that the ablation could have seen, in words."""
    parts = {"rank1": "of rank-1", "accuracy": "of attribute accuracy"}
    said = [
        f"{100 * content['claim'][key]['smallest']:.1f} points {what}"
        for key, what in parts.items()
        if content["claim"].get(key)
    ]
    if not said:
        return ""
    return (
        f"The smallest true difference between joint and separate training that {100 * POWER:.0f} % of such "
        f"ablations would have seen: {' and '.join(said)}."
    )


def points(value: float) -> str:
    """A share as points of a hundred, with its sign."""
    return f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "\u2212")


def span_of(found: Mapping[str, Any]) -> str:
    """An interval in points."""
    return f"{points(found['low'])} to {points(found['high'])}"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
