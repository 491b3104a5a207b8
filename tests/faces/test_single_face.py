"""Whose picture is it? Pictures of one person among pictures of several."""

import numpy as np
import pytest

from kronface.errors import FaceNotFoundError, SeveralFacesError
from kronface.faces.detect import Face, single_face
from kronface.faces.image import Image


class Found:
    """A detector that has found these squares."""

    def __init__(self, *sides: float) -> None:
        points = np.zeros((5, 2), np.float32)
        self.faces = [Face(np.array([0, 0, side, side], np.float32), points, 0.9) for side in sorted(sides)[::-1]]

    def detect(self, image: Image) -> list[Face]:
        return self.faces


def test_people_in_the_background_are_passed_over_and_equals_are_not() -> None:
    image = np.zeros((9, 9, 3), np.uint8)
    assert single_face(image, Found(100, 60), "a.jpg").box[2] == 100
    with pytest.raises(SeveralFacesError, match=r"a\.jpg shows several faces"):
        single_face(image, Found(100, 80), "a.jpg")
    with pytest.raises(FaceNotFoundError, match=r"a\.jpg shows no face"):
        single_face(image, Found(), "a.jpg")
