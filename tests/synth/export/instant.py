"""Pictures that cost nothing: what the engine does with any number of them can then be looked at in seconds."""

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from kronface.synth.export.crew import Crew
from kronface.synth.export.job import Job, Shot
from kronface.synth.export.truth import Truth
from kronface.synth.export.writing import claim, read_notes, write_people, write_truth
from kronface.synth.settings import Rendering

PLAIN = Rendering()
POINTS = tuple(range(146))
FATAL = "KRONFACE_TEST_FATAL_PERSON"
"""The person in whose middle the process kills itself."""


def draw(job: Job) -> Iterator[Shot]:
    for image, file in enumerate(job.files):
        if os.environ.get(FATAL) == str(job.identity) and image == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        number = float(job.identity % 1000)
        measures = (30.0, *[0.0] * 7)
        truth = Truth(file, job.identity, image, False, measures, (number,) * 4, POINTS[:10], POINTS[10:], {})
        yield Shot(np.full((2, 2, 3), (job.identity + image) % 256, np.uint8), 90, truth, None)


def nothing() -> None:
    """There is nothing to prepare."""


def jobs(people: int, images: int) -> Iterator[Job]:
    for person in range(people):
        files = tuple(f"{person // 1000}/{person}-{image}.png" for image in range(images))
        yield Job(1, person, "crop", files, PLAIN)


def write(out: Path, people: int, images: int, *, workers: int = 1, crew: Crew | None = None) -> None:
    """A layout with nothing but pictures and their truth."""
    claim(out, {"people": people, "images": images}, PLAIN, masks=False)
    with Crew(workers, prepare=nothing) as own:
        write_all(out, jobs(people, images), people * images, crew or own)
    for _ in write_truth(out, read_notes(out, range(people))):
        pass


def write_all(out: Path, work: Iterable[Job], pictures: int, crew: Crew) -> None:
    write_people(out, work, pictures=pictures, workers=1, people=1, crew=crew, progress=lambda *_: None, draw=draw)
