"""What a camera makes of the light, against its formulas in double precision."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from kronface.synth.camera import MIDDLE, background, develop, meter
from kronface.synth.scene import Flaws

LIGHT = np.concatenate([[0.0], np.geomspace(1e-4, 12, 399)])


def developed(
    linear: NDArray[np.floating], flaws: Flaws, *, gain: float = 1.0, scale: float = 1.0
) -> NDArray[np.int64]:
    rng = np.random.default_rng(5)
    return develop(linear.astype(np.float32), flaws, rng, gain=gain, scale=scale).astype(np.int64)


def tone(light: NDArray[np.floating], contrast: float) -> NDArray[np.float64]:
    """Reinhard's curve with a white of √6, then gamma and contrast; values in [0, 255]."""
    light = np.minimum(np.asarray(light, np.float64), 8.0)
    toned = light * (1 + light / 6) / (1 + light)
    encoded = np.minimum(1.45 * toned, 1) ** (1 / 2.2)
    return np.asarray(255 * np.clip(0.5 + contrast * (encoded - 0.5), 0, 1), np.float64)


@pytest.mark.parametrize("contrast", [0.8, 1.0, 1.25])
def test_the_tone_curve_is_its_formula(contrast: float) -> None:
    ramp = np.repeat(LIGHT[None, :, None], 3, 2)
    flaws = Flaws(exposure=1.3, tint=(1.1, 1.0, 0.85), contrast=contrast)
    found = developed(ramp, flaws, gain=0.7)
    expected = tone(ramp * 0.7 * 1.3 * np.array([1.1, 1.0, 0.85]), contrast)
    assert np.abs(found - expected).max() <= 1.0 + 0.01  # a step of the table and the rounding
    assert np.abs(found - expected).mean() < 0.5
    assert (np.diff(found[0], axis=0) >= 0).all()


def test_grain_has_its_strength_in_brightness_and_colour() -> None:
    flat = np.full((120, 150, 3), 0.2)
    clean = developed(flat, Flaws())
    noisy = developed(flat, Flaws(grain=0.03)) - clean
    assert clean.std() == 0
    expected = 255 * 0.03  # 0.8² + 0.6² = 1
    assert noisy.std() == pytest.approx(np.sqrt(expected**2 + 1 / 12), rel=0.03)
    assert abs(noisy.mean()) < 0.5
    shared = np.corrcoef(noisy[:, :, 0].ravel(), noisy[:, :, 1].ravel())[0, 1]
    assert shared == pytest.approx(0.64, abs=0.03)
    # It is white: neighbours have nothing to do with each other.
    assert abs(np.corrcoef(noisy[:, 1:, 0].ravel(), noisy[:, :-1, 0].ravel())[0, 1]) < 0.03


@pytest.mark.parametrize(("blur", "scale"), [(1.0, 1.0), (1.6, 0.75), (0.1, 1.0)])
def test_blur_is_gaussian_and_grows_with_the_picture(blur: float, scale: float) -> None:
    sharp = np.zeros((40, 50, 3))
    sharp[10:24, 20:41] = 0.3
    sharp[30:, :9, 1] = 0.8
    found = developed(sharp, Flaws(blur=blur), scale=scale)
    width = blur * scale
    reference = tone(sharp, 1.0)
    if width > 0.15:
        reference = ndimage.gaussian_filter(reference, (width, width, 0), mode="mirror", truncate=5)
    assert np.abs(found - reference).max() < 2.5


def test_motion_smears_along_its_path_and_loses_nothing() -> None:
    flat = np.full((30, 40, 3), 0.15)
    np.testing.assert_array_equal(developed(flat, Flaws(motion=(3.0, 1.0))), developed(flat, Flaws()))
    spot = np.zeros((41, 41, 3))
    spot[20, 20] = 4.0
    for path in ((4.0, 0.0), (0.0, 3.0), (3.0, -3.0)):
        found = developed(spot, Flaws(motion=path), scale=2.0)[:, :, 0]
        assert found.sum() == pytest.approx(255, abs=8)  # each pixel is rounded
        rows, columns = np.nonzero(found)
        weights = found[rows, columns] / found.sum()
        assert (weights @ columns, weights @ rows) == (pytest.approx(20, abs=0.3), pytest.approx(20, abs=0.3))
        assert np.ptp(columns) == pytest.approx(abs(path[0]) * 2, abs=1)
        assert np.ptp(rows) == pytest.approx(abs(path[1]) * 2, abs=1)
        if path == (3.0, -3.0):
            assert np.corrcoef(rows, columns)[0, 1] < -0.99


def test_a_picture_that_was_smaller_has_lost_its_detail() -> None:
    board = np.zeros((64, 64, 3))
    board[(np.indices((64, 64)).sum(0) % 2) == 0] = 0.3
    small = developed(board, Flaws(shrink=2.0))
    assert small.shape == board.shape
    np.testing.assert_allclose(small, tone(np.array(0.3), 1.0) / 2, atol=1.5)  # pairs of pixels became one
    assert developed(board, Flaws()).std() > 50


def test_grey_pictures_have_equal_channels() -> None:
    colours = np.random.default_rng(0).uniform(0, 0.6, (20, 30, 3))
    grey, plain = developed(colours, Flaws(grey=True, grain=0.02)), developed(colours, Flaws(grain=0.02))
    assert (grey == grey[:, :, :1]).all()
    np.testing.assert_allclose(grey[:, :, 0], plain @ (0.299, 0.587, 0.114), atol=1)  # ITU-R BT.601


def test_metering_evens_out_faces_and_looks_at_nothing_else() -> None:
    picture = np.full((40, 60, 3), 5.0, np.float32)
    picture[10:20, 10:30] = 0.05
    places = np.array([[12, 12], [26, 12], [20, 14], [14, 17], [24, 17]], np.float32)
    assert meter(picture, places) == pytest.approx((MIDDLE / 0.05) ** 0.6, rel=1e-5)
    picture[10:20, 10:30] = MIDDLE
    assert meter(picture, places) == pytest.approx(1)
    picture[10:20, 40:60] = 3 * MIDDLE
    both = np.concatenate([places, np.add(places, (28, 0))])
    assert meter(picture, both) == pytest.approx(0.5**0.6, rel=1e-5)  # every face counts as much
    for value, expected in ((1e-6, 4.0), (40.0, 0.4)):
        picture[:] = value
        assert meter(picture, places) == pytest.approx(expected)
    assert meter(picture, places - 100) == pytest.approx(0.4)  # a face beside the picture


def test_backgrounds_are_soft_positive_and_of_their_seed() -> None:
    np.testing.assert_array_equal(background(-1, 20, 30), np.full((20, 30, 3), 0.18, np.float32))
    fields = [background(seed, 218, 178) for seed in range(40)]
    for seed, field in enumerate(fields):
        assert field.shape == (218, 178, 3)
        assert field.dtype == np.float32
        assert np.isfinite(field).all()
        assert field.min() > 0
        # It was made at a quarter of the size: between its points there is nothing new.
        steps = np.abs(np.diff(np.log(field), n=2, axis=1))
        assert np.quantile(steps, 0.5) < 0.03, seed
    np.testing.assert_array_equal(fields[3], background(3, 218, 178))
    levels = [float(np.log(field).mean()) for field in fields]
    assert np.std(levels) == pytest.approx(0.85, abs=0.35)
    assert min(float(np.abs(one - other).mean()) for one, other in pairwise(fields)) > 0.01
