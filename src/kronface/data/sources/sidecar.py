"""MegaFace's sidecars: `PICTURE.jpg.json` beside a picture, with a box and landmarks, of which any part may be missing.

Only landmarks of three points are used: "1" is the eye on the picture's left, "0" that on its right, "2" the nose. All
sets of five are wrong (happynear/FaceDatasets).
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any

import polars as pl

READERS = 16
"""Threads that read sidecars: a million small files are waited for, not worked on."""

PLACES = ("1", "0", "2")
"""Names of the points in the order of the reference points."""

BOX = ("x", "y", "width", "height")


@dataclass(frozen=True)
class Sidecar:
    """What is known of one picture's face, in its pixels."""

    landmarks: list[list[float]] | None = None
    """Five points, the corners of the mouth NaN."""
    box: list[float] | None = None
    """Left, top, width, height."""
    fault: str = ""
    """What kept parts of it from being used: empty, missing, damaged or five points."""


def read_sidecar(picture: Path) -> Sidecar:
    """The sidecar of a picture, as far as it can be used."""
    try:
        content = json.loads(Path(f"{picture}.json").read_bytes())
    except OSError:
        return Sidecar(fault="missing")
    except ValueError:
        return Sidecar(fault="damaged")
    if not isinstance(content, dict):
        return Sidecar(fault="damaged")
    box = _numbers(content.get("bounding_box"), BOX)
    if box is not None and (box[2] <= 0 or box[3] <= 0):
        box = None
    given = content.get("landmarks")
    if isinstance(given, dict) and len(given) == 5:
        return Sidecar(box=box, fault="five points")
    points = [_numbers(given.get(place), "xy") for place in PLACES] if isinstance(given, dict) else [None]
    known = [point for point in points if point is not None]
    if len(known) < len(PLACES):
        return Sidecar(box=box)
    return Sidecar([*known, [nan, nan], [nan, nan]], box)


def with_sidecars(root: Path, table: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Adds `landmarks` and `box` to a table with a column `path`, and says how many pictures have which."""
    pictures = [root / path for path in table["path"]]
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(read_sidecar, pictures, chunksize=256))
    landmarks = pl.Series("landmarks", [entry.landmarks for entry in found], dtype=pl.Array(pl.Float32, (5, 2)))
    box = pl.Series("box", [entry.box for entry in found], dtype=pl.Array(pl.Float32, 4))
    three = sum(entry.landmarks is not None for entry in found)
    boxed = sum(entry.landmarks is None and entry.box is not None for entry in found)
    notes = []
    if three < len(found):
        notes.append(
            f"{three:,} of {len(found):,} pictures have three landmarks, {boxed:,} a box only, "
            f"{len(found) - three - boxed:,} neither: the detector looks for their faces"
        )
    for fault, what in (
        ("missing", "have no sidecar"),
        ("damaged", "have a damaged one"),
        ("five points", "have five landmarks, which are wrong and not used"),
    ):
        rows = [row for row, entry in enumerate(found) if entry.fault == fault]
        if rows:
            notes.append(f"{len(rows):,} pictures {what}, {table['path'][rows[0]]} the first")
    return table.with_columns(landmarks, box), notes


def _numbers(entry: Any, names: Sequence[str]) -> list[float] | None:  # noqa: ANN401 - any JSON value
    """The values of some keys, if all are there and finite numbers."""
    if not isinstance(entry, dict):
        return None
    values = [entry.get(name) for name in names]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) for value in values):
        return None
    return [float(value) for value in values if value is not None]
