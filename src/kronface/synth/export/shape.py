"""What most layouts have in common: the same numbers of people and pictures, and index files written from the notes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kronface.errors import ConfigError
from kronface.files import Progress, no_progress, write_text
from kronface.synth.export.crew import Crew
from kronface.synth.export.job import Draw, Job, Sidecar, draw_person
from kronface.synth.export.writing import (
    README,
    Note,
    check_numbers,
    claim,
    explanation,
    read_notes,
    write_people,
    write_truth,
)
from kronface.synth.settings import Rendering


@dataclass(frozen=True)
class Numbers:
    """How many there are."""

    identities: int
    images: int
    """Of each."""
    seed: int


@dataclass(frozen=True)
class Shape:
    """One layout."""

    layout: str
    title: str
    """The first sentence of its README."""
    lines: tuple[str, ...]
    """What its README says of the files."""
    framing: str
    """celeba, portrait or crop."""
    files: Callable[[int, Numbers], tuple[str, ...]]
    """Where a person's pictures go."""
    index: Callable[[Path, Iterator[Note], Numbers], None]
    """Writes all other files; goes through all notes, which come in the order of people and pictures."""
    sidecar: Callable[[int], Sidecar] | None = None
    """From the seed to what stands beside each picture."""
    least: tuple[int, int] = (1, 1)
    """People and pictures of each without which the layout makes no sense."""
    most: tuple[int, int] = (999_999, 9_999)
    """People and pictures of each for whom it has names."""


def write_shape(
    shape: Shape,
    out: Path,
    *,
    identities: int,
    images: int,
    seed: int,
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
    masks: bool = False,
    workers: int = 2,
    crew: Crew | None = None,
    progress: Progress = no_progress,
    draw: Draw = draw_person,
) -> None:
    """Renders people into a layout, with its index files and `truth.csv`.

    Args:
        shape: the layout.
        out: a new folder, or one that an interrupted call with the same arguments left.
        identities: people.
        images: pictures of each.
        seed: of everything; person k is the same as in every other layout.
        rendering: what the pictures are drawn from.
        masks: write which part of the face each pixel shows.
        workers: processes that render; the pictures do not depend on it.
        crew: processes that are running already; `workers` then counts for nothing.
        progress: called as pictures are finished.
        draw: what makes the pictures.

    Raises:
        ConfigError: impossible numbers.
        DataError: the folder holds something else.
    """
    check_numbers(identities, images, workers)
    for name, value, least, most in zip(
        ("identities", "images"), (identities, images), shape.least, shape.most, strict=True
    ):
        if not least <= value <= most:
            raise ConfigError(f"{name} is {value}: the layout {shape.layout} takes {least} to {most:,}")
    numbers = Numbers(identities, images, seed)
    arguments: dict[str, int | str | bool] = {
        "layout": shape.layout,
        "identities": identities,
        "images": images,
        "seed": seed,
    }
    claim(out, arguments, rendering, masks)
    sidecar = None if shape.sidecar is None else shape.sidecar(seed)
    jobs = (
        Job(seed, person, shape.framing, shape.files(person, numbers), rendering, masks, sidecar)
        for person in range(identities)
    )
    write_people(
        out,
        jobs,
        pictures=identities * images,
        workers=workers,
        people=identities,
        crew=crew,
        progress=progress,
        draw=draw,
    )
    lines = [f"Written by Kronface: {identities} people, {images} pictures of each, seed {seed}.", *shape.lines]
    write_text(out / README, explanation(shape.title, lines, masks=masks))
    shape.index(out, write_truth(out, read_notes(out, range(identities))), numbers)
