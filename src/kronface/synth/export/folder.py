"""Rendered people, one folder per person."""

from collections.abc import Iterator
from pathlib import Path

from kronface.files import Progress, no_progress, write_text
from kronface.synth.export.crew import Crew
from kronface.synth.export.job import Job
from kronface.synth.export.writing import (
    README,
    check_numbers,
    claim,
    explanation,
    read_notes,
    write_people,
    write_truth,
)
from kronface.synth.settings import Rendering


def write_folder(
    out: Path,
    *,
    identities: int,
    images: int,
    seed: int,
    aligned: bool = False,
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
    masks: bool = False,
    workers: int = 2,
    crew: Crew | None = None,
    progress: Progress = no_progress,
) -> None:
    """Renders people into one folder per person, `person-00001/0001.jpg` and so on, and `truth.csv`.

    Args:
        out: a new folder, or one that an interrupted call with the same arguments left.
        identities: people.
        images: pictures of each.
        seed: of everything; person k is the same as in every other layout.
        aligned: 112x112 crops at the reference points instead of 256x256 portraits.
        rendering: what the pictures are drawn from.
        masks: write which part of the face each pixel shows.
        workers: processes that render; the pictures do not depend on it.
        crew: processes that are running already; `workers` then counts for nothing.
        progress: called as pictures are finished.

    Raises:
        ConfigError: impossible numbers.
        DataError: the folder holds something else.
    """
    check_numbers(identities, images, workers)
    arguments: dict[str, int | str | bool] = {
        "layout": "folder",
        "identities": identities,
        "images": images,
        "seed": seed,
        "aligned": aligned,
    }
    claim(out, arguments, rendering, masks)

    def jobs() -> Iterator[Job]:
        framing = "crop" if aligned else "portrait"
        for person in range(identities):
            files = tuple(f"person-{person + 1:05d}/{image + 1:04d}.jpg" for image in range(images))
            yield Job(seed, person, framing, files, rendering, masks)

    write_people(
        out,
        jobs(),
        pictures=identities * images,
        workers=workers,
        people=identities,
        crew=crew,
        progress=progress,
    )
    lines = [f"Written by Kronface: {identities} people, {images} pictures of each, seed {seed}."]
    write_text(out / README, explanation("Rendered people, one folder per person.", lines, masks=masks))
    for _ in write_truth(out, read_notes(out, range(identities))):
        pass
