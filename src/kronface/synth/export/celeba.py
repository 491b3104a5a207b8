"""Rendered people in CelebA's official layout."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from kronface.data.attributes import CELEBA
from kronface.data.sources.celeba import ATTRIBUTES, IDENTITIES, IMAGES, LANDMARK_NAMES, LANDMARKS, PARTITION
from kronface.errors import ConfigError
from kronface.files import Progress, no_progress, write_text
from kronface.synth.export.crew import Crew
from kronface.synth.export.job import Job
from kronface.synth.export.writing import (
    README,
    check_numbers,
    claim,
    explanation,
    open_files,
    read_notes,
    write_people,
    write_truth,
)
from kronface.synth.settings import Rendering

NOT_LABELLED = (
    "The remaining columns of list_attr_celeba.txt belong to the format, which has no missing value; they are -1 "
    "throughout and mean nothing."
)


def write_celeba(
    out: Path,
    *,
    identities: int,
    images: int,
    seed: int,
    validation: int | None = None,
    test: int | None = None,
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
    masks: bool = False,
    workers: int = 2,
    crew: Crew | None = None,
    progress: Progress = no_progress,
) -> None:
    """Renders people into CelebA's official layout, with the official files' byte conventions, and `truth.csv`.

    The format has no missing value: columns of attributes that the generator does not know are -1 throughout and mean
    nothing; `README.txt` beside the files lists those that are exact.

    Args:
        out: a new folder, or one that an interrupted call with the same arguments left.
        identities: people in all; the last ones are test people, those before them validation people.
        images: pictures of each.
        seed: of everything.
        validation: people of the validation split; a tenth by default.
        test: people of the test split; a tenth by default.
        rendering: what the pictures are drawn from.
        masks: write which part of the face each pixel shows.
        workers: processes that render; the pictures do not depend on it.
        crew: processes that are running already; `workers` then counts for nothing.
        progress: called as pictures are finished.

    Raises:
        ConfigError: impossible numbers.
        DataError: the folder holds something else.
    """
    validation = identities // 10 if validation is None else validation
    test = identities // 10 if test is None else test
    check_numbers(identities, images, workers)
    if validation < 0 or test < 0 or validation + test >= identities:
        raise ConfigError(f"of {identities} identities, {validation} for validation and {test} for test leave none")
    arguments: dict[str, int | str | bool] = {
        "layout": "celeba",
        "identities": identities,
        "images": images,
        "seed": seed,
        "validation": validation,
        "test": test,
    }
    claim(out, arguments, rendering, masks)

    def jobs() -> Iterator[Job]:
        for person in range(identities):
            files = tuple(f"{IMAGES}/{person * images + image + 1:06d}.jpg" for image in range(images))
            yield Job(seed, person, "celeba", files, rendering, masks)

    pictures = identities * images
    write_people(out, jobs(), pictures=pictures, workers=workers, people=identities, crew=crew, progress=progress)
    known = set(CELEBA)
    with ExitStack() as stack:
        names = [ATTRIBUTES, LANDMARKS, IDENTITIES, PARTITION]
        attributes, landmarks, people, partition = open_files(stack, out, names)
        attributes.write(f"{pictures}\n{' '.join(CELEBA)} \n")
        landmarks.write(f"{pictures}\n{' '.join(LANDMARK_NAMES)}\n")
        for note in write_truth(out, read_notes(out, range(identities))):
            truth = note.truth
            name = Path(truth.path).name
            signs = (1 if truth.attributes.get(attribute, 0) else -1 for attribute in CELEBA)
            attributes.write(f"{name} {' '.join(f'{sign:2d}' for sign in signs)}\n")
            first, *others = (round(value) for value in truth.landmarks)
            landmarks.write(f"{name} {first:3d}{''.join(f' {value:4d}' for value in others)}\n")
            people.write(f"{name} {truth.identity + 1}\r\n")
            split = int(truth.identity >= identities - test - validation) + int(truth.identity >= identities - test)
            partition.write(f"{name} {split}\r\n")
            known &= truth.attributes.keys()
        exact = ", ".join(name for name in CELEBA if name in known)
        lines = [
            f"Written by Kronface: {identities} people, {images} pictures of each, seed {seed}.",
            f"Labels that are exact: {exact}.",
            NOT_LABELLED,
        ]
        write_text(out / README, explanation("Rendered people in CelebA's layout.", lines, masks=masks))
