"""What is known of a written picture, and `truth.csv`, which says it of all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from kronface.data.attributes import CELEBA
from kronface.data.sources.celeba import LANDMARK_NAMES

if TYPE_CHECKING:
    from kronface.synth.picture import Picture

TRUTH = "truth.csv"

POINTS = 68

MEASURES = ("age_years", "african", "asian", "caucasian", "tone", "yaw_rad", "pitch_rad", "roll_rad")
BOX = ("box_x", "box_y", "box_width", "box_height")
POINT_NAMES = tuple(f"point{number:02d}_{axis}" for number in range(POINTS) for axis in "xy")

COLUMNS = ("path", "identity", "image", "sex", *MEASURES, *BOX, *LANDMARK_NAMES, *POINT_NAMES, *CELEBA)
"""The header of `truth.csv`: always the same."""

EXPLANATION = f"""\
{TRUTH}, one row per picture:
  path               of the picture, relative to this folder
  identity, image    numbers of the person and of the picture, from 1 (in Python, take_picture counts from 0)
  sex, age_years     male or female; 20 to 80
  african, asian, caucasian   shares of the ancestries, with the sum 1
  tone               of the skin, 0 the lightest to 1 the darkest
  yaw_rad            positive: the face is turned towards the picture's right; pitch_rad: up; roll_rad
  box_*              of the face, in pixels: left, top, width, height
  lefteye_x …        five landmarks in pixels; left is the picture's left
  point00_x …        68 landmarks in pixels, in the order of the iBUG 300-W annotation
  5_o_Clock_Shadow … CelebA's 40 attributes: 1, 0, or empty where the generator does not know
Pixel centres lie at whole numbers. All values come from the geometry, none from a detector or a person's eye.
"""


@dataclass(frozen=True)
class Truth:
    """What is known of one picture, exactly."""

    path: str
    """Relative to the set's folder."""
    identity: int
    """From 0."""
    image: int
    """From 0."""
    male: bool
    measures: tuple[float, ...]
    """Age in years; shares of the ancestries (african, asian, caucasian); skin tone from 0 to 1; yaw, pitch and roll in
    radians."""
    box: tuple[float, ...]
    """Left, top, width, height in pixels."""
    landmarks: tuple[float, ...]
    """Five points, x and y in turn, in pixels."""
    points: tuple[float, ...]
    """68 points, x and y in turn, in pixels."""
    attributes: Mapping[str, int]
    """CelebA's attributes that are known: 1 or 0."""

    @classmethod
    def of(cls, picture: "Picture", path: str, identity: int, image: int) -> "Truth":
        """What is known of a rendered picture."""
        person, scene = picture.person, picture.scene
        shares = (person.identity.phenotypes[name] for name in ("african", "asian", "caucasian"))
        measures = (person.identity.age_years, *shares, person.appearance.tone, scene.yaw, scene.pitch, scene.roll)
        return cls(
            path=path,
            identity=identity,
            image=image,
            male=person.identity.male,
            measures=tuple(float(value) for value in measures),
            box=_floats(picture.box),
            landmarks=_floats(picture.landmarks),
            points=_floats(picture.landmarks68),
            attributes=picture.attributes,
        )

    def row(self) -> str:
        """The picture's line of `truth.csv`, without its end."""
        known = self.attributes
        cells = [
            self.path,
            str(self.identity + 1),
            str(self.image + 1),
            "male" if self.male else "female",
            *(f"{value:.4f}" for value in self.measures),
            *(f"{value:.2f}" for value in (*self.box, *self.landmarks, *self.points)),
            *(str(known[name]) if name in known else "" for name in CELEBA),
        ]
        return ",".join(cells)

    @classmethod
    def from_row(cls, row: str) -> "Truth":
        """The reverse of `row`, to the digits that stand there.

        Raises:
            ValueError: not such a line.
        """
        path, identity, image, sex, *cells = row.split(",")
        if len(cells) != len(COLUMNS) - 4:
            raise ValueError(f"{len(cells) + 4} cells instead of {len(COLUMNS)}")
        ends = np.cumsum([len(MEASURES), len(BOX), len(LANDMARK_NAMES), len(POINT_NAMES)]).tolist()
        numbers = [float(cell) for cell in cells[: ends[-1]]]
        labels = zip(CELEBA, cells[ends[-1] :], strict=True)
        return cls(
            path,
            int(identity) - 1,
            int(image) - 1,
            sex == "male",
            tuple(numbers[: ends[0]]),
            tuple(numbers[ends[0] : ends[1]]),
            tuple(numbers[ends[1] : ends[2]]),
            tuple(numbers[ends[2] :]),
            {name: int(label) for name, label in labels if label},
        )


def _floats(values: ArrayLike) -> tuple[float, ...]:
    return tuple(np.asarray(values, np.float64).ravel().tolist())
