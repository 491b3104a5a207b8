from typing import Any

import cv2
import numpy as np
import pytest
from skimage import transform

from kronface.data.augment import Augment, wild
from kronface.errors import ConfigError
from kronface.faces.image import Image

OFF: dict[str, Any] = dict.fromkeys(
    ("flip", "shift", "rotation_rad", "scale", "brightness", "contrast", "saturation", "grey"), 0.0
)
SMOOTH: Image = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), (0, 0), 3
).astype(np.uint8)


class Scripted:
    """A generator that deals out given shares of each range, in the order in which they are asked for."""

    def __init__(self, *shares: float) -> None:
        self.shares = list(shares)

    def uniform(self, low: float, high: float, size: int | None = None) -> Any:  # noqa: ANN401 - as numpy's
        if size is not None:
            return np.array([self.uniform(low, high) for _ in range(size)])
        return low + (high - low) * self.shares.pop(0)

    def random(self) -> float:
        return self.shares.pop(0)


def test_switched_off_it_changes_nothing() -> None:
    np.testing.assert_array_equal(Augment(**OFF)(SMOOTH, np.random.default_rng(0)), SMOOTH)


def test_randomness_comes_from_the_generator_alone() -> None:
    augment = Augment()
    first = augment(SMOOTH, np.random.default_rng([1, 2, 3]))
    np.random.default_rng(9).random(100)
    np.testing.assert_array_equal(augment(SMOOTH, np.random.default_rng([1, 2, 3])), first)
    assert (augment(SMOOTH, np.random.default_rng([1, 2, 4])) != first).any()
    assert first.dtype == np.uint8
    assert first.shape == SMOOTH.shape


def test_a_flip_is_a_mirror_image() -> None:
    flipped = Augment(**OFF | {"flip": 1.0})(SMOOTH, np.random.default_rng(0))
    np.testing.assert_array_equal(flipped, SMOOTH[:, ::-1])
    half = Augment(**OFF | {"flip": 0.5})
    share = np.mean([(half(SMOOTH, np.random.default_rng(k)) != SMOOTH).any() for k in range(400)])
    assert 0.4 < share < 0.6


def test_geometry_is_one_similarity_about_the_middle() -> None:
    augment = Augment(**OFF | {"shift": 0.05, "rotation_rad": 0.3, "scale": 0.2})
    #                                  angle, scale, dx,  dy,  flip, contrast, brightness, grey, saturation
    result = augment(SMOOTH, Scripted(0.9, 0.75, 0.8, 0.3, 0.5, 0.5, 0.5, 0.5, 0.5))  # type: ignore[arg-type]
    angle, factor = -0.3 + 0.6 * 0.9, 1 - 0.2 + 0.4 * 0.75
    dx, dy = (-0.05 + 0.1 * 0.8) * 64, (-0.05 + 0.1 * 0.3) * 64
    reference: Any = transform  # it has no types
    to_middle = reference.SimilarityTransform(translation=(-31.5, -31.5))
    change = reference.SimilarityTransform(rotation=angle, scale=factor, translation=(31.5 + dx, 31.5 + dy))
    expected = reference.warp(SMOOTH, (to_middle + change).inverse, order=1, mode="edge", preserve_range=True)
    assert np.abs(result - expected).mean() < 0.5
    assert np.abs(result - expected).max() < 6


def test_colours_follow_the_formula() -> None:
    augment = Augment(**OFF | {"brightness": 0.2, "contrast": 0.4, "saturation": 0.5})
    result = augment(SMOOTH, Scripted(0.5, 0.5, 0.5, 0.5, 0.5, 0.8, 0.3, 0.5, 0.9))  # type: ignore[arg-type]
    gain, lift, saturation = 1 + 0.4 * 0.6, -0.2 * 0.4 * 255, 1 + 0.5 * 0.8
    pixels = SMOOTH.astype(float)
    luma = (0.299 * pixels[:, :, 0] + 0.587 * pixels[:, :, 1] + 0.114 * pixels[:, :, 2])[:, :, None]
    expected = (luma + saturation * (pixels - luma) - 127.5) * gain + 127.5 + lift
    assert np.abs(result - np.clip(expected, 0, 255)).max() <= 0.6  # OpenCV computes 8-bit colours with whole numbers


def test_grey_pictures_have_no_colour() -> None:
    result = Augment(**OFF | {"grey": 1.0})(SMOOTH, np.random.default_rng(0)).astype(int)
    assert np.ptp(result, axis=2).max() <= 1
    luma = SMOOTH @ np.array([0.299, 0.587, 0.114])
    assert np.abs(result[:, :, 0] - luma).max() <= 0.6  # OpenCV computes 8-bit colours with whole numbers


def test_on_average_it_keeps_the_brightness() -> None:
    means = [Augment()(SMOOTH, np.random.default_rng(k)).mean() for k in range(300)]
    assert abs(np.mean(means) - SMOOTH.mean()) < 2.5


@pytest.mark.parametrize(("name", "value"), [("flip", 1.5), ("scale", -0.1), ("grey", 2.0)])
def test_impossible_shares(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        Augment(**{name: value})


def test_wild_changes_are_seeded_and_grow_with_their_strength() -> None:
    face = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    face = cv2.GaussianBlur(face, (0, 0), 3).astype(np.uint8)
    before = face.copy()
    away = []
    for strength in (0.0, 0.3, 1.0):
        views = [wild(strength)(face, np.random.default_rng(seed)) for seed in range(40)]
        again = [wild(strength)(face, np.random.default_rng(seed)) for seed in range(40)]
        for one, other in zip(views, again, strict=True):
            assert one.shape == face.shape
            assert one.dtype == np.uint8
            np.testing.assert_array_equal(one, other)
        away.append(
            np.mean([min(np.abs(view - f.astype(float)).mean() for f in (face, face[:, ::-1])) for view in views])
        )
    np.testing.assert_array_equal(face, before)
    assert away[0] == 0
    assert away[0] < away[1] < away[2]


def test_a_wider_picture_is_cropped_to_its_middle() -> None:
    face = np.random.default_rng(1).integers(0, 256, (80, 80, 3), np.uint8)
    views = [wild(0)(face, np.random.default_rng(seed), size=64, margin=0.125) for seed in range(8)]
    middle = face[8:72, 8:72]
    for view in views:
        assert any(np.array_equal(view, expected) for expected in (middle, middle[:, ::-1]))
    assert any(np.array_equal(view, middle) for view in views)


def test_a_photograph_may_end_within_the_crop() -> None:
    face = np.full((80, 80, 3), 200, np.uint8)
    still = Augment(flip=0, shift=0, rotation_rad=0, scale=0, brightness=0, contrast=0, saturation=0, grey=0, edge=1)
    widths, colours = [], set()
    for seed in range(60):
        view = still(face, np.random.default_rng(seed), size=64, margin=0.125)
        kept = (view == 200).all(2)
        rows, columns = kept.any(1), kept.any(0)
        assert kept[np.ix_(rows, columns)].all()  # what is left is a rectangle
        sides = [int(np.argmax(line)) for line in (rows, rows[::-1], columns, columns[::-1])]
        assert 1 <= sum(width > 0 for width in sides) <= 3 or max(sides) == 0
        widths += sides
        colours |= set(np.unique(view[~kept]).tolist())
    assert max(widths) == pytest.approx(16, abs=1)  # a quarter
    assert 0 in colours
    assert len(colours) > 5
    assert face.min() == 200  # the picture itself stays as it was
