"""Rendered people as a source of data without files: records, and the reader that renders the faces of their rows."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kronface.data.attributes import CELEBA
from kronface.data.reading import Reading
from kronface.data.records import Records
from kronface.errors import ConfigError, FaceNotFoundError
from kronface.faces.align import align
from kronface.faces.detect import Detector, largest_face
from kronface.files import Progress, no_progress
from kronface.synth.settings import Rendering

if TYPE_CHECKING:
    from kronface.synth.person import Person

NAME = "synth"


def people(
    *,
    identities: int,
    images: int,
    seed: int,
    validation: int = 0,
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
    progress: Progress = no_progress,
) -> Records:
    """The records of people who need no files: `person-00001/0001` and so on, crops at the reference points.

    They are the people and, at first, the pictures of the written layouts with the same seed. Labels of the identity
    are there from the start, unless they carry noise; those that depend on the picture come with it (`RenderedFaces`),
    and are missing here.

    Args:
        identities: people of the split train.
        images: pictures of each.
        seed: of everything.
        validation: further people, of the split validation.
        rendering: what the pictures are drawn from.
        progress: called as people are drawn.

    Raises:
        ConfigError: nobody, or no pictures.
        MissingExtraError: `anny` or `warp-lang` is not installed.
    """
    for name, value in (("identities", identities), ("images", images)):
        if value < 1:
            raise ConfigError(f"{name} is {value}: it must be at least 1")
    from kronface.synth.head import load_head
    from kronface.synth.identity import draw_identity
    from kronface.synth.labels import attributes

    head = load_head()
    known = _known(seed, rendering)
    everybody = identities + validation
    labels: list[dict[str, int]] = [{}] * everybody
    if rendering.label_noise == "none":
        for person in range(everybody):
            labels[person] = attributes(head, draw_identity(head, person, seed))
            progress("drawing people", person + 1, everybody)
    rows = [(person, image) for person in range(everybody) for image in range(images)]
    table = pl.DataFrame(
        {
            "path": [f"person-{person + 1:05d}/{image + 1:04d}" for person, image in rows],
            "identity": [f"person-{person + 1:05d}" for person, _ in rows],
            "split": ["train" if person < identities else "validation" for person, _ in rows],
            "aligned": [True] * len(rows),
        }
        | {name: pl.Series([labels[person].get(name) for person, _ in rows], dtype=pl.Int8) for name in known}
    )
    return Records.from_columns(Path(), table, name=NAME, attributes=known)


class RenderedFaces:
    """Renders the faces of records that `people` gave, with the labels of each picture: a `FaceReader`.

    Args:
        records: whole, or a part of them.
        size: side of the face in pixels.
        images: pictures of each person.
        seed: that of the records.
        fresh: every epoch shows further pictures of the same people; otherwise always the same.
        rendering: that of the records.
        detector: finds the faces on portraits, as it will on photographs; without one they are crops at the exact
            reference points.
    """

    def __init__(
        self,
        records: Records,
        *,
        size: int,
        images: int,
        seed: int,
        fresh: bool = False,
        rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
        detector: Detector | None = None,
    ) -> None:
        self.size = size
        # Warp holds what a fork would not take along.
        self.start_method: str | None = "spawn"
        numbers = [path.removeprefix("person-").split("/") for path in records.table["path"]]
        self._places = np.array(numbers, np.int64).reshape(-1, 2) - 1
        self._images = images
        self._seed = seed
        self._fresh = fresh
        self._rendering = rendering
        self._detector = detector

    def __call__(self, row: int, epoch: int = 0) -> Reading:
        """The face of one row, the same whatever was rendered before.

        Raises:
            FaceNotFoundError: the detector sees no face.
        """
        from kronface.synth.picture import take_picture

        identity, image = (int(number) for number in self._places[row])
        if self._fresh:
            image += epoch * self._images
        picture = take_picture(
            self._seed,
            identity,
            image,
            framing="crop" if self._detector is None else "portrait",
            person=_person(identity, self._seed, self._rendering),
            rendering=self._rendering,
            size=self.size,
        )
        if self._detector is None:
            return Reading(picture.image, picture.attributes)
        found = largest_face(picture.image, self._detector)
        if found is None:
            raise FaceNotFoundError(
                f"picture {image + 1} of person {identity + 1} shows no face that the detector finds"
            )
        return Reading(align(picture.image, found.landmarks, self.size), picture.attributes)


@lru_cache(maxsize=4)
def _person(number: int, seed: int, rendering: Rendering) -> "Person":
    """A person, kept for the next pictures: what is painted on one takes as long as a picture."""
    from kronface.synth.head import load_head
    from kronface.synth.person import make_person

    return make_person(load_head(), number, seed, rendering)


def _known(seed: int, rendering: Rendering) -> list[str]:
    """Attributes that the generator knows, in CelebA's order: those of any picture."""
    from kronface.synth.picture import take_picture

    known = take_picture(seed, 0, 0, framing="crop", rendering=rendering).attributes
    return [name for name in CELEBA if name in known]
