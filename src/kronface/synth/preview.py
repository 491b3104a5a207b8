"""Contact sheets: rows of pictures of one person, and for every attribute those who have it above those who do not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.data.attributes import PREDICTED
from kronface.errors import ConfigError
from kronface.faces.image import write_image
from kronface.files import Progress, no_progress
from kronface.synth.head import load_head
from kronface.synth.person import Person, make_person
from kronface.synth.picture import CELEBA_SHAPE, take_picture
from kronface.synth.settings import Rendering
from kronface.synth.statistics import Table, draw_table

Image = NDArray[np.uint8]

STRIP = 20
"""Height of a caption, in pixels."""

GAP = 2

WHOLE = (slice(0, CELEBA_SHAPE[0]), slice(0, CELEBA_SHAPE[1]))
CLOSER = (slice(34, 206), slice(19, 159))
"""Rows and columns of a picture that are shown: all, or the head alone."""

POOL = 200
"""People drawn at a time in search of those who have an attribute."""

MOST_DRAWN = 3000
"""People drawn at most: what is rarer than one in a hundred may fill only a part of its sheet."""

DISTRACTING = (
    "expression",
    "gaze",
    "lights",
    "shadows",
    "restyling",
    "spectacles",
    "hats",
    "occluders",
    "clothes",
    "background",
    "camera",
    "flaws",
)
"""Left out of the sheets of identity attributes, with turns of the head: they are judged on the face at rest."""

HIDING = ("hair", "beard", "make-up")
"""Left out as well where the attribute is one of shape."""

NOT_SHAPES = ("Male", "Young", "Bald")

STAGE = "rendering sheets"


def write_sheets(
    out: Path,
    *,
    identities: int = 8,
    images: int = 8,
    seed: int = 0,
    size: int = 128,
    attributes: Sequence[str] | None = None,
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
    progress: Progress = no_progress,
) -> list[Path]:
    """Writes `people.png` and one `attribute-NAME.png` each; the same arguments give the same files.

    The attributes of the identity are shown on faces at rest, those of the picture on pictures as they are drawn.

    Args:
        out: a folder; sheets in it are replaced.
        identities: people of `people.png`, one in a row.
        images: pictures in a row.
        seed: of the set of people.
        size: width of a picture, in pixels; its height is 218/178 of it, as CelebA's.
        attributes: those that get a sheet; all that are labelled by default.
        rendering: what is drawn.
        progress: called as pictures are rendered.

    Returns:
        The files.

    Raises:
        ConfigError: impossible numbers, or an attribute that is not labelled.
    """
    for name, value, least in (("identities", identities, 1), ("images", images, 1), ("size", size, 16)):
        if value < least:
            raise ConfigError(f"{name} is {value}: it must be at least {least}")
    chosen = _choose(seed, images, attributes, rendering)
    studio = _Studio(seed, size, rendering)
    at_rest = replace(rendering, max_yaw_rad=0.0, without=DISTRACTING)
    resting = _Studio(seed, size, at_rest, CLOSER)
    bare = _Studio(seed, size, replace(at_rest, without=DISTRACTING + HIDING), CLOSER)
    total, done = identities * images + sum(len(people) for pair in chosen.values() for people in pair), 0
    progress(STAGE, done, total)
    rows = []
    for number in range(identities):
        rows.append(_row([studio.shoot(number, image) for image in range(images)], images, size))
        done += images
        progress(STAGE, done, total)
    files = [out / "people.png"]
    write_image(files[0], _stack([_caption(f"seed {seed}: one person in a row", rows[0].shape[1]), *rows]))
    for name, pair in chosen.items():
        parts = []
        for words, people in zip(("", "not "), pair, strict=True):
            place = studio if name not in PREDICTED else resting if name in NOT_SHAPES else bare
            row = _row([place.shoot(number, 0) for number in people], images, size)
            parts += [_caption(words + name, row.shape[1]), row]
            done += len(people)
            progress(STAGE, done, total)
        files.append(out / f"attribute-{name}.png")
        write_image(files[-1], _stack(parts))
    return files


def _choose(
    seed: int, wanted: int, attributes: Sequence[str] | None, rendering: Rendering
) -> dict[str, tuple[list[int], list[int]]]:
    """For each attribute the first people whose first picture shows it, and the first whose does not; unrendered."""
    chosen: dict[str, tuple[list[int], list[int]]] = {}
    names = _known(draw_table(1, seed, rendering=rendering), attributes)
    for first in range(0, MOST_DRAWN, POOL):
        table = draw_table(POOL, seed, first=first, rendering=rendering)
        for name in names:
            pair = chosen.setdefault(name, ([], []))
            for people, value in zip(pair, (1, 0), strict=True):
                found = np.flatnonzero(table.attributes[name] == value)[: wanted - len(people)]
                people.extend(int(row) + first for row in found)
        if all(len(people) == wanted for pair in chosen.values() for people in pair):
            break
    return chosen


def _known(table: Table, attributes: Sequence[str] | None) -> Sequence[str]:
    if attributes is None:
        return list(table.attributes)
    for name in attributes:
        if name not in table.attributes:
            raise ConfigError(f"'{name}' is not labelled: choose from {', '.join(table.attributes)}")
    return attributes


class _Studio:
    """Renders pictures of the people of a seed; each picture once."""

    def __init__(self, seed: int, size: int, rendering: Rendering, cut: tuple[slice, slice] = WHOLE) -> None:
        self.seed, self.size, self.rendering, self.cut = seed, size, rendering, cut
        self._person: Person | None = None  # the last one: pictures are asked for person by person
        self._pictures: dict[tuple[int, int], Image] = {}

    def shoot(self, number: int, image: int) -> Image:
        """(H, W, 3) picture `image` of person `number`."""
        if (number, image) not in self._pictures:
            if self._person is None or self._person.identity.number != number:
                self._person = make_person(load_head(), number, self.seed, self.rendering)
            picture = take_picture(
                self.seed, number, image, framing="celeba", person=self._person, rendering=self.rendering
            ).image[self.cut]
            height = round(self.size * CELEBA_SHAPE[0] / CELEBA_SHAPE[1])
            how = cv2.INTER_AREA if self.size < picture.shape[1] else cv2.INTER_CUBIC
            self._pictures[number, image] = cv2.resize(picture, (self.size, height), interpolation=how).astype(np.uint8)
        return self._pictures[number, image]


def _row(pictures: Sequence[Image], columns: int, width: int) -> Image:
    """Pictures side by side, dark where there are fewer than columns."""
    height = pictures[0].shape[0] if pictures else STRIP
    row = np.full((height + GAP, columns * (width + GAP), 3), 24, np.uint8)
    for column, picture in enumerate(pictures):
        row[:height, column * (width + GAP) : column * (width + GAP) + width] = picture
    return row


def _caption(text: str, width: int) -> Image:
    strip = np.full((STRIP, width, 3), 24, np.uint8)
    cv2.putText(strip, text, (4, STRIP - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (235, 235, 235), 1, cv2.LINE_AA)
    return strip


def _stack(parts: Sequence[Image]) -> Image:
    return np.concatenate(list(parts))
