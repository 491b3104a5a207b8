"""What the stages come to: a JSON file, the same as text, and the page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kronface.data.scale import describe_scale
from kronface.files import write_json, write_text

if TYPE_CHECKING:
    from kronface.evaluation.comparison import Difference
    from kronface.evaluation.report.section import Section

FORMAT = "kronface-stages/1"


def write_report(
    out: Path,
    results: Sequence[Mapping[str, Any]],
    *,
    changed: Mapping[str, Mapping[str, Any]],
    imagenet: Path | None,
    stand_in: bool,
    remarks: Sequence[str] = (),
) -> str:
    """Writes `stages.json`, `stages.txt` and `report.html`.

    Args:
        out: the chain's folder.
        results: contents of results files by CelebA's protocol, in the order of the stages.
        changed: options of each stage that are not its recipe's.
        imagenet: the file of weights, or None.
        stand_in: the data is rendered.
        remarks: what else is to be said in the end.

    Returns:
        The text.
    """
    from kronface.evaluation.report.page import build
    from kronface.faces.image import read_image

    content = stages_content(results, changed=changed, imagenet=imagenet, stand_in=stand_in)
    write_json(out / "stages.json", content)
    build(
        results,
        title="The paper's four stages",
        out=out / "report.html",
        read=read_image,
        before=stage_sections(content),
    )
    lines = [*describe(content), *remarks, f"report: {out / 'report.html'}", f"figures: {out / 'stages.json'}"]
    text = "\n".join(lines)
    write_text(out / "stages.txt", f"{text}\n")
    return text


def stages_content(
    results: Sequence[Mapping[str, Any]],
    *,
    changed: Mapping[str, Mapping[str, Any]],
    imagenet: Path | None,
    stand_in: bool,
) -> dict[str, Any]:
    """The report as JSON values: a table per stage, with its differences to the stage before.

    Differences have 95 % intervals over people who are drawn for both stages at once. `drift` is that of each
    attribute's balanced accuracy, and of their mean; it is there from the second stage on that predicts attributes.
    """
    from kronface.evaluation.comparison import compare

    stages: list[dict[str, Any]] = []
    for place, result in enumerate(results):
        checkpoint = result["checkpoint"] or {}
        training = checkpoint.get("training", {})
        entry: dict[str, Any] = {
            "stage": result["name"],
            "arm": checkpoint.get("arm"),
            "fingerprint": result["settings"]["fingerprint"],
            "trained_on": {name: training[name] for name in ("images", "people", "scale", "data") if name in training},
            "started_from": {"fingerprint": training.get("start"), "parts": training.get("start_parts")},
            "not_as_in_the_recipe": _plain(changed.get(result["name"], {})),
            "rank1": {name: result[key] for name, key in _ENDS.items()},
            "candidates": result["people"],
            "attributes": {
                name: {key: scores[key] for key in _SCORES} for name, scores in result["attributes"].items()
            },
            "rank1_difference": None,
            "drift": {},
        }
        if place:
            found = compare(results[place - 1], result, seed=result["settings"]["seed"]).differences
            entry["rank1_difference"] = next(_span(part) for part in found if part.measure == "rank-1")
            entry["drift"] = {part.of: _span(part) for part in found if part.measure == "balanced accuracy"}
        stages.append(entry)
    return {
        "format": FORMAT,
        "imagenet": None if imagenet is None else str(imagenet),
        "test": results[0]["data"],
        "stages": stages,
        "notes": _notes(imagenet, stand_in, stages),
    }


_ENDS = {"value": "rank1", "low": "rank1_low", "high": "rank1_high"}
_SCORES = (
    "balanced_accuracy",
    "balanced_accuracy_low",
    "balanced_accuracy_high",
    "accuracy",
    "majority",
    "positives",
    "people",
)


def describe(content: Mapping[str, Any]) -> list[str]:
    """The report as lines for the terminal."""
    data = content["test"]
    lines = [
        f"Measured on CelebA's test split, {data['images']:,} images of {data['people']:,} people ({data['root']}):",
        "",
    ]
    for entry in content["stages"]:
        lines.append(_stage_line(entry))
        if entry["started_from"]["parts"]:
            lines.append(f"  {entry['started_from']['parts']}")
        if entry["not_as_in_the_recipe"]:
            options = ", ".join(f"{name} {value}" for name, value in entry["not_as_in_the_recipe"].items())
            lines.append(f"  not as in the recipe: {options}")
    for entry, before in zip(content["stages"][1:], content["stages"], strict=False):
        if entry["drift"]:
            lines += ["", f"Drift of balanced accuracy from {before['stage']} to {entry['stage']}, in points:"]
            width = max(map(len, entry["drift"]))
            lines += [f"  {name:{width}}  {_drift_words(part)}" for name, part in entry["drift"].items()]
    return [*lines, "", *(f"note: {note}" for note in content["notes"])]


def stage_sections(content: Mapping[str, Any]) -> "list[Section]":
    """The report as the page's first sections."""
    from kronface.evaluation.report.section import Section
    from kronface.evaluation.report.table import Cell, Column, Table, percent, points, text

    rows, drifts = [], []
    for entry in content["stages"]:
        mean, difference = _mean_balanced(entry), entry["rank1_difference"]
        rows.append(
            (
                text(entry["stage"]),
                text(entry["arm"]),
                text(entry["started_from"]["parts"]),
                percent(entry["rank1"]["value"], entry["rank1"]["low"], entry["rank1"]["high"]),
                Cell("—") if difference is None else points(*(difference[key] for key in ("value", "low", "high"))),
                percent(mean),
            )
        )
        drifts += [
            (
                text(entry["stage"]),
                text(name.replace("_", " ")),
                percent(part["before"]),
                percent(part["after"]),
                points(part["value"], part["low"], part["high"]),
            )
            for name, part in entry["drift"].items()
        ]
    columns = (
        Column("stage"),
        Column("arm", is_text=True),
        Column("from the stage before", is_text=True),
        Column("rank-1", has_interval=True),
        Column("to the stage before", has_interval=True),
        Column("mean balanced accuracy"),
    )
    sections = [
        Section("Stages", (Table("stages", "", columns, tuple(rows), note=" ".join(map(_sentence, content["notes"]))),))
    ]
    if drifts:
        heads = (
            Column("stage"),
            Column("attribute", is_text=True),
            Column("balanced before"),
            Column("after"),
            Column("drift", has_interval=True),
        )
        note = (
            "Balanced accuracy after the stage minus that before it, in points of per cent, with 95 % intervals: the "
            "same people are drawn for both."
        )
        sections.append(Section("Drift of attributes", (Table("drift", "", heads, tuple(drifts), note=note),)))
    return sections


def _notes(imagenet: Path | None, stand_in: bool, stages: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a reader has to know of the figures."""
    _, casia, celeba, last = stages
    notes = []
    if imagenet is None:
        notes.append(
            "the trunk started from random weights, not from ImageNet's: bring torchvision's vgg19_bn state dict by "
            "--imagenet"
        )
    if stand_in:
        notes.append(
            "rendered people stood in the place of both data sets: the figures show that the chain works, and say "
            "nothing of photographs"
        )
    else:
        notes.append(
            "CelebA and CASIA-WebFace both show celebrities, and nobody has compared whom: rank-1 on CelebA may be of "
            "people whom a stage was trained on"
        )
    switched = last["not_as_in_the_recipe"]
    if "freeze" in switched:
        notes.append("the attribute branch was frozen in the last stage: what drifts is the trunk below it")
    if "replay" in switched:
        share = switched.get("replay_share", 0.25)
        notes.append(f"{share:.0%} of each batch of the last stage was CelebA's, with its attribute labels")
    else:
        notes.append("the last stage's data has no attribute labels: nothing teaches the attribute branch there")
    counts = [sum(entry["trained_on"][name] for entry in (casia, celeba)) for name in ("images", "people")]
    notes.append(f"both sets together: {describe_scale(*counts)}")
    return notes


def _stage_line(entry: Mapping[str, Any]) -> str:
    rank1, difference, mean = entry["rank1"], entry["rank1_difference"], _mean_balanced(entry)
    line = f"{entry['stage']}: rank-1 {rank1['value']:.4f} [{rank1['low']:.4f}, {rank1['high']:.4f}]"
    line += f" among {entry['candidates']:,} candidates"
    if difference is not None:
        line += f", {_points(difference)} points"
    return line + (f"; mean balanced accuracy {mean:.4f}" if mean is not None else "; no attributes")


def _mean_balanced(entry: Mapping[str, Any]) -> float | None:
    from kronface.evaluation.attributes import mean_scores

    return mean_scores(entry["attributes"])["balanced_accuracy"]


def _drift_words(part: Mapping[str, Any]) -> str:
    return f"{100 * part['before']:5.1f} -> {100 * part['after']:5.1f}  {_points(part)}"


def _points(part: Mapping[str, Any]) -> str:
    ends = "" if part["low"] is None else f" [{_signed(part['low'])}, {_signed(part['high'])}]"
    return f"{_signed(part['value'])}{ends}"


def _signed(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}"  # never -0.0


def _span(part: "Difference") -> dict[str, float | None]:
    return {
        "before": part.first,
        "after": part.second,
        "value": part.difference,
        "low": part.low,
        "high": part.high,
    }


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:] + "."
