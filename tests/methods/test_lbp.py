"""Local binary patterns against a slow loop written from the definition, and χ² against hand-worked histograms."""

import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kronface.errors import ConfigError, DataError
from kronface.methods.interface import Faces, IdentificationMethod, Pixels
from kronface.methods.lbp import BINS, LbpAhonen, LbpDevkit, chi_square, histograms, patterns

METHODS: list[IdentificationMethod] = [LbpDevkit(), LbpAhonen()]


def noise(faces: int, size: int, seed: int = 0) -> Pixels:
    """Blurred noise, so that patterns of all kinds occur."""
    drawn = np.random.default_rng(seed).integers(0, 256, (faces, size, size, 3), dtype=np.uint8)
    return np.stack([cv2.GaussianBlur(image, (0, 0), 0.6) for image in drawn]).astype(np.uint8)


def bits_at(grey: NDArray[np.uint8], row: int, column: int, radius: int) -> tuple[bool, ...]:
    """Whether each of eight neighbours, bilinearly sampled on the circle, is at least as bright as the pixel."""
    bits = []
    for neighbour in range(8):
        angle = 2 * math.pi * neighbour / 8
        y, x = round(row - radius * math.sin(angle), 5), round(column + radius * math.cos(angle), 5)
        top, left = math.floor(y), math.floor(x)
        down, across = y - top, x - left
        value = 0.0
        for i, j, weight in (
            (0, 0, (1 - down) * (1 - across)),
            (0, 1, (1 - down) * across),
            (1, 0, down * (1 - across)),
            (1, 1, down * across),
        ):
            if weight > 0:
                value += weight * float(grey[top + i, left + j])
        centre = float(grey[row, column])
        # A tie of interpolated values hangs on rounding: the images are such that there is none.
        assert neighbour % 2 == 0 or abs(value - centre) > 1e-9
        bits.append(value >= centre)
    return tuple(bits)


def slow_histograms(grey: NDArray[np.uint8], radius: int, windows: list[tuple[slice, slice]]) -> NDArray[np.float64]:
    """(windows, 59) in an order of patterns of its own."""
    uniform: dict[tuple[bool, ...], int] = {}
    for number in range(256):
        bits = tuple(bool(number >> place & 1) for place in range(8))
        if sum(bits[place] != bits[place - 1] for place in range(8)) <= 2:
            uniform[bits] = len(uniform)
    assert len(uniform) == 58
    counts: NDArray[np.float64] = np.zeros((len(windows), 59))
    for window, (rows, columns) in enumerate(windows):
        for row in range(rows.start, rows.stop):
            for column in range(columns.start, columns.stop):
                counts[window, uniform.get(bits_at(grey, row, column, radius), 58)] += 1
    shares: NDArray[np.float64] = counts / counts.sum(1, keepdims=True)
    return shares


def same_up_to_order_of_bins(one: NDArray[np.floating], other: NDArray[np.floating]) -> bool:
    """Whether one renaming of the bins makes all windows' histograms equal."""
    first, second = (part[:, np.lexsort(part.astype(np.float64).round(5))] for part in (one, other))
    return np.allclose(first, second, atol=1e-6)


def test_ahonen_equals_the_definition() -> None:
    image = noise(1, 35)
    grey = cv2.cvtColor(image[0], cv2.COLOR_RGB2GRAY).astype(np.uint8)
    # 31 inner pixels in 7 windows: the first starts where pixel · 7 // 31 is 0, and so on.
    starts = [2 + min(pixel for pixel in range(31) if pixel * 7 // 31 == window) for window in range(7)] + [33]
    lines = [slice(start, stop) for start, stop in pairwise(starts)]
    assert {line.stop - line.start for line in lines} == {4, 5}
    expected = slow_histograms(grey, 2, [(rows, columns) for rows in lines for columns in lines])
    found = LbpAhonen().embed(image).reshape(49, BINS)
    assert same_up_to_order_of_bins(found, expected)
    assert not same_up_to_order_of_bins(found, expected[::-1])  # the comparison can fail
    assert (found > 0).sum(1).max() > 10


def test_devkit_equals_the_definition_on_mirrored_borders() -> None:
    image = noise(1, 100, seed=1)
    grey = cv2.cvtColor(image[0], cv2.COLOR_RGB2GRAY).astype(np.uint8)
    mirrored = np.pad(grey, 1, mode="reflect")
    chosen = [0, 1, 9, 45, 90, 99]
    cells = [divmod(cell, 10) for cell in chosen]
    windows = [(slice(1 + 10 * r, 11 + 10 * r), slice(1 + 10 * c, 11 + 10 * c)) for r, c in cells]
    found = LbpDevkit().embed(image).reshape(100, BINS)
    assert same_up_to_order_of_bins(found[chosen], slow_histograms(mirrored, 1, windows))


def test_patterns_do_not_see_brightness_but_see_turns() -> None:
    grey = np.random.default_rng(2).integers(0, 120, (20, 20), dtype=np.uint8)
    np.testing.assert_array_equal(patterns(grey, 1), patterns(grey * 2, 1))
    teeth = np.tile(np.array([0, 50, 100, 150], np.uint8), (20, 5))
    upright, lying = (histograms(patterns(np.ascontiguousarray(x), 1)[1:-1, 1:-1], 1) for x in (teeth, teeth.T))
    assert np.abs(upright - lying).max() > 0.2


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_features_are_histograms_whatever_the_batch_and_size(method: IdentificationMethod) -> None:
    for size in (64, 112, 130):
        images = noise(5, size)
        features = method.embed(images)
        assert features.shape == (5, {"LBP": 5900, "LBP (Ahonen)": 2891}[method.name])
        assert features.dtype == np.float32
        np.testing.assert_allclose(features.reshape(5, -1, BINS).sum(2), 1, rtol=1e-5)
        np.testing.assert_array_equal(features, np.concatenate([method.embed(images[i : i + 1]) for i in range(5)]))
    assert method.embed(images[:0]).shape == (0, features.shape[1])


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_changed_face_is_nearer_to_itself(method: IdentificationMethod) -> None:
    images = noise(6, 112)
    method.fit(Faces(images, np.arange(6), (), np.zeros((6, 0), np.float32), np.zeros((6, 5, 2), np.float32)))
    changed = (images * 0.7 + 20 + np.random.default_rng(3).normal(0, 1, images.shape)).astype(np.uint8)
    gallery, probes = method.embed(images), method.embed(changed)
    scores = method.similarity(probes, gallery)
    np.testing.assert_array_equal(scores.argmax(1), np.arange(6))
    assert scores.max() < 0
    np.testing.assert_allclose(method.similarity(gallery, gallery).diagonal(), 0, atol=1e-4)


def test_devkit_compares_by_squared_distances() -> None:
    one, other = np.array([[1.0, 0.0], [0.5, 0.5]], np.float32), np.array([[0.0, 1.0]], np.float32)
    np.testing.assert_allclose(LbpDevkit().similarity(one, other), [[-2.0], [-0.5]])


def test_chi_square_by_hand() -> None:
    one = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]], np.float32)
    other = np.array([[0.5, 0.5, 0.0], [0.25, 0.75, 0.0], [1.0, 0.0, 0.0]], np.float32)
    # (0.25)²/0.75 + (0.25)²/1.25 = 0.13333; (0.5)²/1.5 + (0.5)²/0.5 = 0.66667; the third bin is 0/0.
    expected = [[0, 1 / 12 + 1 / 20, 2 / 3], [0.5 + 1 / 6, 0.25 + 1 / 28, 2]]
    np.testing.assert_allclose(chi_square(one, other), expected, rtol=1e-6)
    np.testing.assert_allclose(LbpAhonen().similarity(one, other), -np.array(expected), rtol=1e-6)
    read_only = one.copy()
    read_only.setflags(write=False)
    np.testing.assert_array_equal(chi_square(read_only, other[:, :]), chi_square(one, other))
    assert chi_square(one[:0], other).shape == (0, 3)
    with pytest.raises(DataError, match="below 0"):
        chi_square(one - 1, other)


def test_large_gallery_sets_are_compared_by_hellinger() -> None:
    features = LbpAhonen().embed(noise(12, 64))
    exact, near = (LbpAhonen(exact_up_to=largest).similarity(features[:4], features) for largest in (12, 11))
    for probe in range(4):
        for face in range(12):
            roots = np.sqrt(features[probe].astype(np.float64)) - np.sqrt(features[face].astype(np.float64))
            np.testing.assert_allclose(near[probe, face], -2 * (roots**2).sum(), rtol=1e-4, atol=1e-4)
    assert (near <= exact + 1e-4).all()
    assert (near >= 2 * exact - 1e-4).all()
    assert np.abs(near - exact).max() > 1
    ranks = [np.argsort(np.argsort(scores, axis=1), axis=1) for scores in (exact, near)]
    assert np.corrcoef(ranks[0].ravel(), ranks[1].ravel())[0, 1] > 0.9


def test_what_is_no_face_is_refused() -> None:
    for images in (np.zeros((2, 100, 100), np.uint8), np.zeros((2, 90, 100, 3), np.uint8), np.zeros((1, 9, 9, 3))):
        for method in METHODS:
            with pytest.raises(DataError, match="faces must be"):
                method.embed(images.astype(images.dtype))
    with pytest.raises(DataError, match="too small"):
        LbpAhonen().embed(np.zeros((1, 10, 10, 3), np.uint8))
    with pytest.raises(ConfigError, match="windows"):
        LbpAhonen(windows=0)
