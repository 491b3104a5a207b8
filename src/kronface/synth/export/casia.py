"""Rendered people as CASIA-WebFace has them, with InsightFace's list of boxes and landmarks."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from kronface.synth.export.shape import Numbers, Shape
from kronface.synth.export.truth import Truth
from kronface.synth.export.writing import Note, open_files

FOLDER = "CASIA-WebFace"
LIST = "train.lst"

FIRST = 9_000_001
"""The first person's number: nobody in CASIA-WebFace has one that begins with a nine."""


def _files(person: int, numbers: Numbers) -> tuple[str, ...]:
    return tuple(f"{FOLDER}/{FIRST + person:07d}/{image + 1:03d}.jpg" for image in range(numbers.images))


def _index(out: Path, notes: Iterator[Note], numbers: Numbers) -> None:  # noqa: ARG001 - the notes say all
    with ExitStack() as stack:
        (file,) = open_files(stack, out, [LIST])
        for note in notes:
            file.write(lst_line(note.truth, aligned=False))


def lst_line(truth: Truth, *, aligned: bool) -> str:
    """A picture's line of a `.lst`: the five x of its landmarks stand before the five y."""
    left, top, width, height = (round(value) for value in truth.box)
    points = np.reshape(truth.landmarks, (5, 2)).T.ravel()
    cells = [int(aligned), truth.path, truth.identity, left, top, left + width, top + height]
    return "\t".join([*map(str, cells), *(f"{value:.2f}" for value in points)]) + "\n"


CASIA = Shape(
    layout="casia",
    title="Rendered people in CASIA-WebFace's layout.",
    lines=(f"{LIST} is InsightFace's list: aligned, path, class, box (x1 y1 x2 y2), landmarks (five x, five y).",),
    framing="portrait",
    files=_files,
    index=_index,
    most=(999_999, 999),
)
