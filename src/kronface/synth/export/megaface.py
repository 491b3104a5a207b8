"""Rendered people as FaceScrub's probes among MegaFace's distractors, with the devkit's template lists."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from kronface.errors import ConfigError
from kronface.files import Progress, no_progress, write_text
from kronface.synth.export import templates
from kronface.synth.export.crew import Crew
from kronface.synth.export.facescrub import write_lists
from kronface.synth.export.job import Job
from kronface.synth.export.names import NAMES, member_id, person_name
from kronface.synth.export.sidecar import sidecar
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

PROBES = "facescrub"
DISTRACTORS = "FlickrFinal2"

SECOND_PICTURE = 0.487
"""Share of the distractors who have two pictures: MegaFace has 1,027,060 pictures of 690,572 people."""

LEAST_PROBES = 2

LISTS = """\
facescrub/           pictures of the probes, NAME/NAME_FACE.png; facescrub_actors.txt (men) and facescrub_actresses.txt
                     (women) give name, image, face, box (x1,y1,x2,y2) and SHA-256; the url is no address
FlickrFinal2/        pictures of the distractors, each with a sidecar .json: bounding_box (some have none) and three
                     landmarks, "1" the picture's left eye, "0" its right eye, "2" the tip of the nose
templatelists/       the devkit's lists of probes and of distractors; SIZE_SET are independent choices
Names and members' numbers are made of syllables and digits at random; whoever has one is not meant."""


def write_megaface(
    out: Path,
    *,
    identities: int,
    images: int,
    seed: int,
    probes: int | None = None,
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
    masks: bool = False,
    workers: int = 2,
    crew: Crew | None = None,
    progress: Progress = no_progress,
) -> None:
    """Renders the FaceScrub probes and MegaFace distractors of the MegaFace challenge, and `truth.csv`.

    Pictures are 256x256 portraits. A distractor has one or two of them, by the seed.

    Args:
        out: a new folder, or one that an interrupted call with the same arguments left.
        identities: people in all; the last ones are the probes.
        images: pictures of each probe.
        seed: of everything; person k is the same as in every other layout.
        probes: people among the probes; a tenth by default, but at least two.
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
    probes = max(identities // 10, LEAST_PROBES) if probes is None else probes
    if not LEAST_PROBES <= probes < identities:
        raise ConfigError(f"of {identities} identities, {probes} are probes: take at least 2, and leave distractors")
    if probes > NAMES:
        raise ConfigError(f"probes is {probes}: there are invented names for {NAMES:,} people only")
    if images < 2:
        raise ConfigError(f"images is {images}: a probe needs a mate, so at least 2 pictures of each")
    arguments: dict[str, int | str | bool] = {
        "layout": "megaface",
        "identities": identities,
        "images": images,
        "seed": seed,
        "probes": probes,
    }
    claim(out, arguments, rendering, masks)
    first = identities - probes
    distractors = sum(_pictures(person, seed) for person in range(first))

    def jobs() -> Iterator[Job]:
        beside = partial(sidecar, seed)
        for person in range(first):
            yield Job(seed, person, "portrait", _distractor_files(person, seed), rendering, masks, beside)
        for person in range(first, identities):
            name = person_name(person, seed).replace(" ", "_")
            start = (person - first) * images + 1
            files = tuple(f"{PROBES}/{name}/{name}_{start + image}.png" for image in range(images))
            yield Job(seed, person, "portrait", files, rendering, masks)

    write_people(
        out,
        jobs(),
        pictures=distractors + probes * images,
        workers=workers,
        people=identities,
        crew=crew,
        progress=progress,
    )
    lines = [
        f"Written by Kronface: {probes} probes with {images} pictures each, {first} distractors with {distractors} "
        f"pictures, seed {seed}.",
        LISTS,
    ]
    write_text(out / README, explanation("Rendered people in MegaFace's layout.", lines, masks=masks))
    among = range(first, identities)
    templates.write_distractor_lists(
        out, (_inside(note) for note in read_notes(out, range(first))), total=distractors, seed=seed
    )
    names = (_inside(note).split("/")[0] for note in read_notes(out, among))
    templates.write_probe_list(out, (_inside(note) for note in read_notes(out, among)), names)
    faces = ((note, note.truth) for note in write_truth(out, read_notes(out, range(identities))))
    write_lists(out, (face for face in faces if face[1].identity >= first), seed)


def _inside(note: Note) -> str:
    """A picture's path inside of `facescrub/` or `FlickrFinal2/`."""
    return note.row.split(",", 1)[0].split("/", 1)[1]


def _pictures(person: int, seed: int) -> int:
    """A distractor's number of pictures."""
    return 1 + int(np.random.default_rng([seed, person, 0, 1003]).random() < SECOND_PICTURE)


def _distractor_files(person: int, seed: int) -> tuple[str, ...]:
    member = member_id(person, seed=seed)
    rng = np.random.default_rng([seed, person, 0, 1004])
    photos = [int(rng.integers(10_000_000, 12_000_000_000)) for _ in range(_pictures(person, seed))]
    return tuple(
        f"{DISTRACTORS}/{member[:3]}/{member}/{photo + number}_{int(rng.integers(3))}.jpg"
        for number, photo in enumerate(sorted(photos))
    )
