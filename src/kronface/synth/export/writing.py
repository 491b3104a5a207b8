"""The engine: any number of people onto disk, resumable at any moment, in memory that does not grow with them."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from kronface.errors import ConfigError, DataError
from kronface.faces.image import write_image
from kronface.files import Progress, atomic_path, write_bytes, write_json
from kronface.synth.export.crew import Crew
from kronface.synth.export.job import Draw, Job, draw_person
from kronface.synth.export.truth import COLUMNS, EXPLANATION, TRUTH, Truth
from kronface.synth.settings import Rendering

MANIFEST = "rendering.json"
NOTES = ".rendering"
MASKS = "masks"
README = "README.txt"

RENDERING = 10
"""Raised when the same seed gives other pictures or labels: old pictures and new ones never mix in one folder."""

STAGE = "rendering people"

Arguments = dict[str, int | str | bool]

MASKS_EXPLANATION = f"""\
{MASKS}/ holds one PNG per picture, at the picture's own path: one byte per pixel,
  0 background, 1 skin, 2 brows, 3 eyes, 4 nose, 5 lips, 6 hair, 7 other (spectacles, hats, hands, clothes …)
"""


@dataclass(frozen=True)
class Note:
    """What is kept of one written picture."""

    row: str
    """Its line of `truth.csv`."""
    digest: str
    """SHA-256 of the picture's file, hexadecimal."""
    sizes: dict[str, int]
    """Bytes of every file that was written for it, by path."""

    @property
    def truth(self) -> Truth:
        """What is known of the picture."""
        return Truth.from_row(self.row)


def check_numbers(identities: int, images: int, workers: int) -> None:
    """Refuses to write nobody, or nothing of them.

    Raises:
        ConfigError: a number below 1.
    """
    for name, value in (("identities", identities), ("images", images), ("workers", workers)):
        if value < 1:
            raise ConfigError(f"{name} is {value}: it must be at least 1")


def claim(out: Path, arguments: Arguments, rendering: Rendering, masks: bool) -> None:
    """Takes a new folder, or one that was begun with the same arguments.

    Raises:
        DataError: the folder holds something else.
    """
    drawn = asdict(rendering) | {"without": sorted(rendering.without)}
    everything = arguments | drawn | {"masks": masks, "rendering": RENDERING}
    manifest = out / MANIFEST
    if manifest.is_file():
        try:
            found = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{manifest} is damaged: delete {out}, or choose another folder") from error
        if found != everything:
            raise DataError(
                f"{out} holds people rendered with other arguments or by another version ({MANIFEST}): "
                "delete it, or choose another folder"
            )
        _sweep(out)
        return
    if out.exists() and (not out.is_dir() or not all(_is_begun_manifest(path) for path in out.iterdir())):
        raise DataError(f"{out} exists and holds something else: choose a new folder")
    write_json(manifest, everything)
    _sweep(out)


def write_people(
    out: Path,
    jobs: Iterable[Job],
    *,
    pictures: int,
    workers: int,
    people: int,
    crew: Crew | None,
    progress: Progress,
    draw: Draw = draw_person,
) -> None:
    """Writes all pictures that are not there yet, and a note for each person.

    Args:
        out: the set's folder.
        jobs: one per person; taken as they are needed.
        pictures: their number in all.
        workers: processes, where no crew is given.
        people: the number of jobs.
        crew: processes that are running already.
        progress: called as people are finished.
        draw: what makes the pictures.

    Raises:
        DataError: a process was killed.
    """
    done = 0
    progress(STAGE, done, pictures)

    def missing() -> Iterator[Job]:
        nonlocal done
        for job in jobs:
            if is_written(out, job):
                done += len(job.files)
                progress(STAGE, done, pictures)
            else:
                yield job

    borrowed: AbstractContextManager[Crew] = Crew(min(workers, people)) if crew is None else nullcontext(crew)
    try:
        with borrowed as hands:
            for count in hands.run(partial(write_person, out, draw), missing()):
                done += count
                progress(STAGE, done, pictures)
    except BrokenProcessPool as error:
        raise DataError(
            f"a process that rendered people into {out} was killed: run the same command again, with fewer workers"
        ) from error


def write_person(out: Path, draw: Draw, job: Job) -> int:
    """Draws and writes one person's pictures, then the note that says so; returns their number."""
    notes = []
    for shot in draw(job):
        file = shot.truth.path
        write_image(out / file, shot.image, quality=shot.quality, durable=False)
        written = [file]
        if job.sidecar is not None:
            written.append(f"{file}.json")
            write_bytes(out / written[-1], job.sidecar(shot.truth), durable=False)
        if shot.regions is not None:
            written.append(mask_path(file))
            write_image(out / written[-1], shot.regions[:, :, None], durable=False)
        digest = hashlib.sha256((out / file).read_bytes()).hexdigest()
        notes.append(Note(shot.truth.row(), digest, {path: (out / path).stat().st_size for path in written}))
    # Written last: a person with notes has all pictures, one without is drawn again.
    write_bytes(_notes_path(out, job.identity), json.dumps([asdict(note) for note in notes]).encode(), durable=False)
    return len(notes)


def mask_path(file: str) -> str:
    """Where the mask of a picture lies."""
    return f"{MASKS}/{Path(file).with_suffix('.png').as_posix()}"


def is_written(out: Path, job: Job) -> bool:
    """Whether a person's pictures are all there as they were written."""
    try:
        notes = _read_notes(out, job.identity)
        whole = all((out / path).stat().st_size == size for note in notes for path, size in note.sizes.items())
        return whole and tuple(note.row.split(",", 1)[0] for note in notes) == job.files
    except (OSError, ValueError, TypeError):
        return False


def read_notes(out: Path, people: Iterable[int]) -> Iterator[Note]:
    """The notes of people by their numbers, one after the other.

    Raises:
        DataError: notes are missing or damaged.
    """
    for identity in people:
        try:
            yield from _read_notes(out, identity)
        except (OSError, ValueError, TypeError) as error:
            path = _notes_path(out, identity)
            raise DataError(f"{path} cannot be read: run the same command again") from error


def open_files(stack: ExitStack, out: Path, names: Sequence[str]) -> list[TextIO]:
    """Opens files that are renamed to their names when the stack is left without an error, the first name last.

    Line ends are written as given.
    """
    files: list[TextIO] = []
    for name in names:
        temporary = stack.enter_context(atomic_path(out / name))
        files.append(stack.enter_context(temporary.open("w", encoding="utf-8", newline="")))
    return files


def write_truth(out: Path, notes: Iterable[Note]) -> Iterator[Note]:
    """Passes notes on, and writes `truth.csv` from them; it is there when the last one is taken."""
    with ExitStack() as stack:
        (file,) = open_files(stack, out, [TRUTH])
        file.write(",".join(COLUMNS) + "\n")
        for note in notes:
            file.write(note.row + "\n")
            yield note


def explanation(title: str, lines: Sequence[str], *, masks: bool) -> str:
    """The text of a set's README."""
    parts = [f"{title} None of them exists.", *lines, "", EXPLANATION.rstrip()]
    return "\n".join([*parts, *(["", MASKS_EXPLANATION.rstrip()] if masks else [])]) + "\n"


def _read_notes(out: Path, identity: int) -> list[Note]:
    return [Note(**note) for note in json.loads(_notes_path(out, identity).read_text(encoding="utf-8"))]


def _notes_path(out: Path, identity: int) -> Path:
    # Folders of a thousand, so that none grows too large to list.
    return out / NOTES / f"{identity // 1000:04d}" / f"{identity + 1:06d}.json"


def _is_begun_manifest(path: Path) -> bool:
    return path.name.startswith(f".{MANIFEST}.") and path.name.endswith(".tmp")


def _sweep(folder: Path) -> None:
    """Removes what a process that was killed while it wrote has left."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _sweep(Path(entry.path))
            elif entry.name.startswith(".") and entry.name.endswith(".tmp"):
                Path(entry.path).unlink(missing_ok=True)
