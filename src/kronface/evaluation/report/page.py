"""The report: one self-contained HTML page from results files."""

import base64
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape
from numpy.typing import NDArray

from kronface.errors import DataError, ImageError
from kronface.evaluation.devkit import DevkitCurves
from kronface.evaluation.report.attributes import attribute_sections, plain
from kronface.evaluation.report.differentials import differential_sections
from kronface.evaluation.report.identification import (
    difference_section,
    identification_sections,
    open_set_section,
    with_variants,
)
from kronface.evaluation.report.section import Faces, Section
from kronface.evaluation.report.verification import list_name, verification_sections
from kronface.evaluation.result import check_any_result
from kronface.evaluation.verification_schema import is_verification
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
    before: Sequence[Section] = (),
) -> list[Section]:
    """Writes the page; nothing in it is fetched from anywhere.

    Args:
        results: contents of results files, of identification, attributes and verification.
        title: of the page.
        out: the file.
        read: decodes the pictures that are shown; one that it refuses is left out.
        imported: other systems' CMC curves, for the same figure.
        before: what stands before all that.

    Returns:
        What the page shows: the tables and figures of `files.write_files`.

    Raises:
        DataError: there are no results, or one of them is not whole.
    """
    sections = [*before, *report_sections(results, read=read, imported=imported)]
    environment = Environment(
        loader=PackageLoader("kronface.evaluation.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    page = environment.get_template("page.html").render(
        title=title, headline=_headline(results), sections=sections, measured=[_measured(result) for result in results]
    )
    write_text(out, page)
    return sections


def report_sections(
    results: Sequence[Mapping[str, Any]], *, read: ImageReader, imported: Sequence[DevkitCurves] = ()
) -> list[Section]:
    """What a report of these results shows, in its order; see `build`.

    Raises:
        DataError: there are no results, or one of them is not whole.
    """
    if not results:
        raise DataError("no results to report: bring at least one results file")
    for number, result in enumerate(results, 1):
        check_any_result(result, f"result {number}")
    verified = [result for result in results if is_verification(result)]
    others = [result for result in results if not is_verification(result)]
    expanded = [part for result in others for part in (with_variants(result) if "rank1" in result else [result])]
    identified = [result for result in expanded if "rank1" in result]
    samples = {id(result): _samples(result, read) for result in others if result["samples"] and result["attributes"]}
    return [
        *identification_sections(identified, imported),
        *verification_sections(verified),
        *difference_section([*expanded, *verified]),
        *attribute_sections(others, samples),
        *(Section(f"Matches of {r['name']}", (_matches(r, read),)) for r in identified if _is_shown(r)),
        *open_set_section(others),
        *differential_sections(others),
    ]


def _headline(results: Sequence[Mapping[str, Any]]) -> str:
    identified = [result for result in results if "rank1" in result]
    if identified:
        trained = [result for result in identified if result["checkpoint"]] or identified
        best = max(trained, key=lambda result: float(result["rank1"]))
        kind = "people" if best["protocol"] == "folder" else "candidates"
        return (
            f"Among {best['people']:,} {kind}, {best['name']} names the right one first in "
            f"{100 * best['rank1']:.1f} % of {best['probes']:,} searches per draw "
            f"(95 % interval {100 * best['rank1_low']:.1f} to {100 * best['rank1_high']:.1f} %)."
        )
    decided = [result for result in results if is_verification(result)]
    if decided:
        counts = decided[0]["counts"]
        return (
            f"Verification on {counts['genuine']:,} pairs of one person's images and {counts['impostors']:,} pairs of "
            f"two people's ({list_name(decided[0])}{'' if len(decided) == 1 else ', and other results'})."
        )
    data = results[0]["data"]
    return f"Attributes measured on {data['images']:,} pictures of {data['people']:,} people."


def _measured(result: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]], str | None]:
    """A result's name, what a reader has to know to repeat it, and the command that does."""
    rows: list[tuple[str, str]] = []
    if is_verification(result):
        shown = "; ".join(f"{plain(key)} {value:,}" for key, value in result["counts"].items())
        rows += [("list", "; ".join([list_name(result), *result["notes"]])), ("counts", shown)]
    else:
        data = result["data"]
        counts = f"{data['root']}: {data['images']:,} pictures of {data['people']:,} people"
        rows.append(("data", "; ".join([counts, *data.get("notes", [])])))
    checkpoint = result["checkpoint"]
    if checkpoint:
        fusion = f", fusion {checkpoint['fusion']}" if checkpoint.get("fusion") else ""
        rows.append(("checkpoint", f"{checkpoint['path']}, {checkpoint['variant']}, arm {checkpoint['arm']}{fusion}"))
    fingerprint = (checkpoint or {}).get("fingerprint") or result.get("fingerprint")
    if fingerprint:
        rows.append(("fingerprint", str(fingerprint)[:16]))
    if checkpoint and checkpoint.get("training"):
        rows.append(("training", _listed(checkpoint["training"])))
    rows += [("settings", _listed(result["settings"])), ("processor", result["processor"])]
    if not is_verification(result):
        rows.append(("faces not found", f"{result['faces_not_found']:,} (misses, in the denominator)"))
        reasons = [image["reason"] for image in result["bad_images"][:3]]
        rows.append(("unreadable", "; ".join([f"{len(result['bad_images']):,} (left out)", *reasons])))
    return result["name"], rows, None if is_verification(result) else _command(result)


def _listed(values: Mapping[str, Any]) -> str:
    shown = {key: ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in values.items()}
    return "; ".join(f"{plain(key)} {value}" for key, value in shown.items() if value not in (None, ""))


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


def _matches(result: Mapping[str, Any], read: ImageReader) -> Faces:
    root = Path(result["data"]["root"])

    def row(example: Mapping[str, Any]) -> dict[str, Any]:
        return dict(example) | {key: _picture(root, example[key], read) for key in ("probe", "found", "mate")}

    parts = {kind: [row(example) for example in result["examples"][kind]] for kind in ("right", "wrong")}
    return Faces("matches", "", parts)


def _samples(result: Mapping[str, Any], read: ImageReader) -> Faces:
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
    return Faces("samples", f"What {result['name']} says of {len(faces)} faces", faces)


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
