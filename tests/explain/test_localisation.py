"""The two measures by hand."""

import numpy as np
import pytest

from kronface.explain.localisation import peak_inside, share_inside, widen

REGION = np.array([[True, False], [False, False]])


def test_share_by_hand() -> None:
    # Mean 1: above it lie 3 - 1 inside, and 2 - 1 outside.
    assert share_inside(np.array([[3.0, 2.0], [0.0, -1.0]]), REGION) == pytest.approx(2 / 3)
    assert share_inside(np.array([[-1.0, 0.0], [0.0, 0.0]]), REGION) == 0.0
    assert share_inside(np.full((2, 2), 0.3), REGION) == 0.25  # says nothing: the region's share of the picture
    shifted = np.array([[3.0, 2.0], [0.0, -1.0]]) * 5 - 7
    assert share_inside(shifted, REGION) == pytest.approx(2 / 3)


def test_peak_by_hand() -> None:
    assert peak_inside(np.array([[3.0, 2.0], [0.0, -1.0]]), REGION) == 1.0
    assert peak_inside(np.array([[1.0, 2.0], [0.0, -1.0]]), REGION) == 0.0
    assert peak_inside(np.array([[2.0, 2.0], [0.0, -1.0]]), REGION) == 0.5
    assert peak_inside(np.zeros((2, 2)), REGION) == 0.25


def test_a_region_is_widened_by_pixels() -> None:
    region = np.zeros((9, 9), np.bool_)
    region[4, 4] = True
    rows, columns = np.indices(region.shape)
    for pixels in (1, 2.5, 4):
        np.testing.assert_array_equal(widen(region, pixels), np.hypot(rows - 4, columns - 4) <= pixels)
    np.testing.assert_array_equal(widen(region, 0), region)
    assert not widen(np.zeros((3, 3), np.bool_), 5).any()
