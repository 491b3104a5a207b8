"""Rendered people as MegaFace's copy of FG-NET has them: a folder per person, ages in the names, and sidecars."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from kronface.synth.export.shape import Numbers, Shape
from kronface.synth.export.sidecar import sidecar
from kronface.synth.export.writing import Note

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _files(person: int, numbers: Numbers) -> tuple[str, ...]:
    from kronface.synth.head import load_head
    from kronface.synth.identity import draw_identity

    # Rendered people do not age: the letters tell pictures at one age apart, as in the original.
    age = round(draw_identity(load_head(), person, numbers.seed).age_years)
    letters = LETTERS if numbers.images > 1 else ("",)
    return tuple(f"{person + 1:03d}/{person + 1:03d}A{age:02d}{letters[image]}.JPG" for image in range(numbers.images))


def _index(out: Path, notes: Iterator[Note], numbers: Numbers) -> None:  # noqa: ARG001 - there is no other file
    for _ in notes:
        pass


FGNET = Shape(
    layout="fgnet",
    title="Rendered people in the layout of MegaFace's copy of FG-NET.",
    lines=(
        "068/068A34b.JPG is the second picture of person 68, at the age of 34, which is the same in all pictures. Its",
        'sidecar .json has a bounding_box (some have none) and landmarks: "1" left eye, "0" right eye, "2" nose.',
    ),
    framing="portrait",
    files=_files,
    index=_index,
    sidecar=lambda seed: partial(sidecar, seed),
    most=(999, len(LETTERS)),
)
