"""The report: one self-contained HTML page from results files."""

import base64
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup
from numpy.typing import NDArray

from kronface.errors import DataError, ImageError
from kronface.evaluation.attributes import mean_scores
from kronface.evaluation.comparison import rank1_difference, verdict
from kronface.evaluation.devkit import DevkitCurves
from kronface.evaluation.protocols.differentials import MEASURES
from kronface.evaluation.report.plots import (
    attribute_figure,
    cmc_figure,
    det_figure,
    differential_figure,
    distractor_figure,
)
from kronface.evaluation.schema import check_result
from kronface.files import write_text

THUMBNAIL = 112


ImageReader = Callable[[Path], NDArray[np.uint8]]
"""Decodes a picture to (H, W, 3) RGB, or raises ImageError."""


def build(
    results: Sequence[Mapping[str, Any]],
    *,
    title: str,
    out: Path,
    read: ImageReader,
    imported: Sequence[DevkitCurves] = (),
) -> None:
    """Writes the page; nothing in it is fetched from anywhere.

    Args:
        results: contents of results files; the first one that identifies is what the others are compared with.
        title: of the page.
        out: the file.
        read: decodes the pictures that are shown; one that it refuses is left out.
        imported: other systems' CMC curves, for the same figure.

    Raises:
        DataError: there are no results, or one of them is not whole.
    """
    if not results:
        raise DataError("no results to report: bring at least one results file")
    for number, result in enumerate(results, 1):
        check_result(result, f"result {number}")
    environment = Environment(
        loader=PackageLoader("kronface.evaluation.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda value: "—" if value is None else f"{100 * value:.1f}"
    environment.filters["digits"] = lambda value: "—" if value is None else f"{100 * value:.3g}"
    environment.filters["plain"] = lambda name: str(name).replace("_", " ")
    identified = [part for result in results if "rank1" in result for part in _variants(result)]
    attributed = [result for result in results if result["attributes"]]
    # Untrained networks guess: they belong beside trained ones only where people are told apart.
    attributed = [result for result in attributed if result["checkpoint"]] or attributed
    names = list(dict.fromkeys(name for result in attributed for name in result["attributes"]))
    rows = [_attribute_row(attributed, name) for name in names]
    figures = []
    if identified:
        figures.append(("Cumulative match characteristic", Markup(cmc_figure(identified, imported))))  # noqa: S704 - our own SVG
        figures.append(("Rank-1 as distractors grow", Markup(distractor_figure(identified))))  # noqa: S704
    searched = [result for result in results if result.get("det")]
    if searched:
        figures.append(("Strangers: DET", Markup(det_figure(searched))))  # noqa: S704
    page = environment.get_template("page.html").render(
        title=title,
        headline=_headline(results, identified),
        results=results,
        identified=identified,
        attributed=attributed,
        attribute_rows=rows,
        base_mean=mean_scores({row["name"]: row["base"] for row in rows})["majority"],
        means=[mean_scores(result["attributes"]) for result in attributed],
        ranked=any("average_precision" in score for row in rows for score in row["scores"] if score),
        figures=figures,
        attribute_plot=Markup(attribute_figure(attributed, names)) if names else None,  # noqa: S704
        differences=_differences(identified),
        differentials=[(result, _differentials(result)) for result in results if result.get("differentials")],
        matches=[_matches(result, read) for result in identified if _is_shown(result)],
        samples=[_samples(result, read) for result in attributed if result["samples"]],
        measured=[(result, _command(result)) for result in results],
    )
    write_text(out, page)


def _variants(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A result, and what it says besides of the same embeddings, such as without noisy images."""
    others = result.get("variants") or {}
    if not others:
        return [dict(result)]
    raw = dict(result) | {"name": f"{result['name']} (raw)"}
    return [raw, *(dict(result) | part | {"name": f"{result['name']} ({name})"} for name, part in others.items())]


def _headline(results: Sequence[Mapping[str, Any]], identified: Sequence[Mapping[str, Any]]) -> str:
    if not identified:
        data = results[0]["data"]
        return f"Attributes measured on {data['images']} pictures of {data['people']} people."
    trained = [result for result in identified if result["checkpoint"]] or identified
    best = max(trained, key=lambda result: result["rank1"])
    kind = "people" if best["protocol"] == "folder" else "candidates"
    return (
        f"Among {best['people']:,} {kind}, {best['name']} names the right one first in "
        f"{100 * best['rank1']:.1f} % of {best['probes']} searches per draw "
        f"(95 % interval {100 * best['rank1_low']:.1f} to {100 * best['rank1_high']:.1f} %)."
    )


def _differences(identified: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each pair on the same people: the difference, its interval, and what it supports.

    A network with weights stands before a method without; of two networks the later one stands first.
    """
    rows = []
    for index, earlier in enumerate(identified):
        for later in identified[index + 1 :]:
            first, second = (earlier, later) if earlier["checkpoint"] and not later["checkpoint"] else (later, earlier)
            if not first["checkpoint"] and any(result["checkpoint"] for result in identified):
                continue  # two baselines
            try:
                difference, low, high = rank1_difference(first, second)
            except DataError:
                continue  # measured on different people: there is nothing to pair
            word = verdict(low, high)
            rows.append({"first": first["name"], "second": second["name"], "word": word} | _span(difference, low, high))
    return rows


def _span(difference: float, low: float, high: float) -> dict[str, str]:
    values = {"difference": difference, "low": low, "high": high}
    return {key: f"{100 * value:+.1f}".replace("-", "\u2212") for key, value in values.items()}


def _differentials(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """By each column: the measures that are given, a row per group, the ratios, and what is not given."""
    parts = []
    entries = result["differentials"]
    for by in dict.fromkeys(entry["by"] for entry in entries):
        of_column = [entry for entry in entries if entry["by"] == by]
        given = [entry for entry in of_column if any(group["supported"] for group in entry["groups"])]
        groups = [{group["group"]: group for group in entry["groups"]} for entry in of_column if entry["groups"]]
        people: dict[str, int] = {}
        for table in groups:
            for name, group in table.items():
                people[name] = max(people.get(name, 0), group["people"])
        cells = [{group["group"]: group for group in entry["groups"]} for entry in given]
        parts.append(
            {
                "by": by,
                "measures": [(MEASURES[entry["measure"]], _target(entry)) for entry in given],
                "rows": [(name, count, [table.get(name) for table in cells]) for name, count in people.items()],
                "ratios": given,
                "absent": [
                    f"{MEASURES[entry['measure']]}: {entry['reason'] or 'too few errors are to be expected'}"
                    for entry in of_column
                    if entry not in given
                ],
                "figure": Markup(differential_figure(given, MEASURES)) if given else None,  # noqa: S704 - our own SVG
            }
        )
    return parts


def _target(entry: Mapping[str, Any]) -> str:
    if entry["target"] is None:
        return ""
    return f"at {'FMR' if entry['measure'] in ('fnmr', 'fmr') else 'FPIR'} {entry['target']:g}"


def _attribute_row(attributed: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """One attribute's base rate, and its scores by each network (None where a network does not predict it)."""
    scores = [result["attributes"].get(name) for result in attributed]
    return {"name": name, "base": next(score for score in scores if score), "scores": scores}


def _command(result: Mapping[str, Any]) -> str | None:
    """What repeats the measurement, where one command does."""
    if result["data"].get("layout") != "folder" or not result["checkpoint"]:
        return None
    words = ["kronface", "evaluate", "folder", result["data"]["root"], "--checkpoint", result["checkpoint"]["path"]]
    for key in ("gallery_images", "draws", "seed", "resamples"):
        if key in result["settings"]:
            words += ["--" + key.replace("_", "-"), str(result["settings"][key])]
    for key in ("groups", "by", "fmr", "fpir"):
        if "differentials" in result and key in result["settings"]:
            value = result["settings"][key]
            words += [f"--{key}", ",".join(value) if isinstance(value, list) else str(value)]
    return shlex.join([*words, *(["--aligned"] if result["settings"].get("aligned") else [])])


def _is_shown(result: Mapping[str, Any]) -> bool:
    return bool(result["checkpoint"]) and bool(result["examples"]["right"] or result["examples"]["wrong"])


def _matches(result: Mapping[str, Any], read: ImageReader) -> dict[str, Any]:
    root = Path(result["data"]["root"])

    def row(example: Mapping[str, Any]) -> dict[str, Any]:
        return dict(example) | {key: _picture(root, example[key], read) for key in ("probe", "found", "mate")}

    parts = {kind: [row(example) for example in result["examples"][kind]] for kind in ("right", "wrong")}
    return {"name": result["name"]} | parts


def _samples(result: Mapping[str, Any], read: ImageReader) -> dict[str, Any]:
    root = Path(result["data"]["root"])
    faces = []
    for sample in result["samples"]:
        bars = []
        for name, chance in sample["probabilities"].items():
            truth = sample["labels"].get(name)
            limit = result["attributes"].get(name, {}).get("threshold", 0.5)
            right = None if truth is None else (chance >= limit) == bool(truth)
            bars.append({"name": name, "chance": chance, "truth": truth, "right": right})
        faces.append({"picture": _picture(root, sample["path"], read), "bars": bars})
    return {"name": result["name"], "faces": faces}


def _picture(root: Path, path: str, read: ImageReader) -> dict[str, str | None]:
    """A thumbnail as a data URI, or None where the picture is no longer there, or the path leads out of the root."""
    # Results files come from others too: the page shows pictures of the data set, not whatever a path names.
    inside = not Path(path).is_absolute() and ".." not in Path(path).parts
    try:
        image = read(root / path)[:, :, ::-1] if inside else None
    except ImageError:
        image = None
    if image is None:
        return {"path": path, "uri": None}
    scale = THUMBNAIL * 1.5 / max(image.shape[:2])
    if scale < 1:
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return {"path": path, "uri": "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()}
