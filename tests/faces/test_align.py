import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from kronface.errors import ImageError
from kronface.faces.align import REFERENCE_POINTS, align, reference_points, resize, similarity, warp
from kronface.faces.image import Image

rng = np.random.default_rng(0)


def dots(points: np.ndarray, height: int, width: int, sigma: float) -> Image:
    """A black picture with a soft white dot at each point."""
    y, x = np.mgrid[:height, :width]
    squares = [(x - px) ** 2 + (y - py) ** 2 for px, py in points]
    light = sum(np.exp(-square / (2 * sigma**2)) for square in squares)
    return np.repeat(np.clip(255 * np.asarray(light), 0, 255).astype(np.uint8)[:, :, None], 3, 2)


def centroid(image: Image, near: np.ndarray, radius: int) -> np.ndarray:
    """Of the light around a point."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image[:, :, 0].astype(float) * (np.hypot(x - near[0], y - near[1]) <= radius)
    return np.asarray([(x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_similarity_is_that_of_scikit_image(seed: int) -> None:
    points = REFERENCE_POINTS + np.random.default_rng(seed).normal(0, 8, (5, 2))
    points = points @ np.array([[0.8, 2.1], [-2.1, 0.8]]) + (300, -20)
    expected = SimilarityTransform.from_estimate(points, REFERENCE_POINTS)
    np.testing.assert_allclose(similarity(points), expected.params[:2], atol=1e-9)


def test_similarity_never_mirrors() -> None:
    mirrored = REFERENCE_POINTS * (-1, 1)
    matrix = similarity(mirrored)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_similarity_is_the_least_squares_optimum() -> None:
    points = REFERENCE_POINTS * 1.7 + rng.normal(0, 6, (5, 2))
    matrix = similarity(points)

    def loss(a: float, b: float, x: float, y: float) -> float:
        return float((((points @ np.array([[a, b], [-b, a]])) + (x, y) - REFERENCE_POINTS) ** 2).sum())

    best = (matrix[0, 0], matrix[1, 0], matrix[0, 2], matrix[1, 2])
    for step in rng.normal(0, 1e-3, (200, 4)):
        assert loss(*best) <= loss(*(np.array(best) + step))


@pytest.mark.parametrize("size", [64, 112, 224])
@pytest.mark.parametrize("scale", [0.7, 1.0, 2.6, 9.0])
def test_landmarks_come_to_lie_on_the_reference_points(size: int, scale: float) -> None:
    angle = 0.2
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    landmarks = REFERENCE_POINTS @ turn
    landmarks += 40 * scale - landmarks.min(0)
    height, width = (np.ceil(landmarks.max(0)) + 40 * scale).astype(int)[::-1]
    face = align(dots(landmarks, height, width, 2.5 * scale), landmarks, size)
    assert face.shape == (size, size, 3)
    assert face.dtype == np.uint8
    for point in reference_points(size):
        assert np.abs(centroid(face, point, round(9 * size / 112)) - point).max() < 0.12 * max(size / 112, 0.8)


def test_sizes_agree_with_resizing_the_112_pixel_face() -> None:
    ramp = np.clip((np.arange(400) - 85) * 1.1, 0, 255)
    picture = np.stack([*np.broadcast_arrays(ramp, ramp[:, None]), np.zeros((400, 400))], 2).astype(np.uint8)
    landmarks = REFERENCE_POINTS * 2 + 80
    at_112 = align(picture, landmarks, 112)
    for size in (56, 64):
        difference = align(picture, landmarks, size).astype(int) - resize(at_112, size)
        # Plain scaling of the points would be a quarter of a pixel off: one level here.
        assert np.abs(difference[4:-4, 4:-4].mean((0, 1))).max() < 0.4, size


def test_reference_points_scale_about_pixel_centres() -> None:
    np.testing.assert_allclose(reference_points(112), REFERENCE_POINTS)
    np.testing.assert_allclose(reference_points(224), REFERENCE_POINTS * 2 + 0.5)
    np.testing.assert_allclose(reference_points(56), REFERENCE_POINTS / 2 - 0.25)


def test_a_face_at_the_reference_points_stays_as_it_is() -> None:
    face = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
    np.testing.assert_array_equal(align(face, REFERENCE_POINTS), face)


def test_fine_detail_does_not_alias() -> None:
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, ::2] = 255
    face = align(stripes, REFERENCE_POINTS * 8.3 + 100)
    assert face[20:-20, 20:-20].std() < 8
    assert abs(face[20:-20, 20:-20].mean() - 127.5) < 2


def test_outside_of_the_picture_is_black() -> None:
    white = np.full((112, 112, 3), 255, np.uint8)
    face = align(white, REFERENCE_POINTS - (56, 0))
    assert (face[:, :50] == 0).all()
    assert (face[:, 60:] == 255).all()
    assert (align(white, REFERENCE_POINTS + 5000) == 0).all()


def test_pictures_wider_than_opencv_warps() -> None:
    wide = np.zeros((120, 40_000, 3), np.uint8)
    wide[:, 39_000:] = (10, 20, 30)
    face = align(wide, REFERENCE_POINTS + np.array([39_500, 0]))
    assert (face[:, :] == (10, 20, 30)).all()


def test_a_part_is_read_as_the_whole_would_be() -> None:
    picture = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    matrix = similarity(REFERENCE_POINTS @ np.array([[0.9, 0.4], [-0.4, 0.9]]) + (120, 60))
    expected = cv2.warpAffine(picture, matrix, (112, 112), flags=cv2.INTER_LINEAR)
    assert np.abs(warp(picture, matrix, 112).astype(int) - expected).max() <= 8  # OpenCV's fixed-point weights


@pytest.mark.parametrize("unknown", [(3, 4), (0, 2, 4), (2,)])
def test_unknown_points_are_left_out(unknown: tuple[int, ...]) -> None:
    turn = 2.3 * np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
    points = (REFERENCE_POINTS + rng.normal(0, 2, (5, 2))) @ turn + 120
    picture = dots(points, 500, 500, 5)
    known = [place for place in range(5) if place not in unknown]
    partial = points.copy()
    partial[list(unknown)] = np.nan
    expected = SimilarityTransform.from_estimate(points[known], REFERENCE_POINTS[known])
    np.testing.assert_array_equal(align(picture, partial), warp(picture, expected.params[:2], 112))


@pytest.mark.parametrize(
    "landmarks",
    [
        np.full((5, 2), np.nan),
        np.full((5, 2), 7.0),
        np.where(np.arange(5)[:, None] == 2, REFERENCE_POINTS, np.nan),
        np.where(np.arange(5)[:, None] == 2, np.inf, REFERENCE_POINTS),
    ],
)
def test_impossible_landmarks(landmarks: np.ndarray) -> None:
    with pytest.raises(ImageError, match="landmarks"):
        align(np.zeros((50, 50, 3), np.uint8), landmarks)
