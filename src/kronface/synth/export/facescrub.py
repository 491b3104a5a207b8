"""Rendered people as FaceScrub has them: the uncropped tree, and the lists of men and of women."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from kronface.data.sources.facescrub import HEADER, LISTS
from kronface.synth.export.names import NAMES, person_name
from kronface.synth.export.shape import Numbers, Shape
from kronface.synth.export.truth import Truth
from kronface.synth.export.writing import Note, open_files

FOLDER = "facescrub"


def _files(person: int, numbers: Numbers) -> tuple[str, ...]:
    name, first = person_name(person, numbers.seed), person * numbers.images + 1
    return tuple(f"{FOLDER}/{name}/{name}_{first + image}.jpg" for image in range(numbers.images))


def _index(out: Path, notes: Iterator[Note], numbers: Numbers) -> None:
    write_lists(out, ((note, note.truth) for note in notes), numbers.seed)


def write_lists(out: Path, faces: Iterator[tuple[Note, Truth]], seed: int) -> None:
    """Writes `facescrub_actors.txt` and `facescrub_actresses.txt`."""
    with ExitStack() as stack:
        actresses, actors = open_files(stack, out, LISTS[::-1])
        for file in (actors, actresses):
            file.write(f"{HEADER}\n")
        for note, truth in faces:
            (actors if truth.male else actresses).write(_row(note, truth, seed))


def _row(note: Note, truth: Truth, seed: int) -> str:
    folder, file = truth.path.split("/")[1:]
    face = Path(file).stem.removeprefix(f"{folder}_")
    left, top, width, height = truth.box
    box = ",".join(str(max(round(value), 0)) for value in (left, top, left + width, top + height))
    url = f"kronface:{seed}/{truth.identity + 1}/{truth.image + 1}"
    return "\t".join([folder.replace("_", " "), face, face, url, box, note.digest]) + "\n"


FACESCRUB = Shape(
    layout="facescrub",
    title="Rendered people in FaceScrub's layout.",
    lines=(
        f"{LISTS[0]} (men) and {LISTS[1]} (women) give name, image, face, box (x1,y1,x2,y2) and SHA-256; the url is",
        "no address. Names are made of syllables at random; whoever has one is not meant.",
    ),
    framing="portrait",
    files=_files,
    index=_index,
    most=(NAMES, 9_999),
)
