"""The similarity warp of a face to the 112x112 reference points."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import ImageError
from kronface.faces.image import Image

REFERENCE_SIZE = 112
REFERENCE_POINTS: NDArray[np.float64] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""(5, 2): image-left eye, image-right eye, nose tip, image-left and image-right mouth corner, x then y, in the 112x112
face (InsightFace's points, which networks for faces are commonly trained with)."""
REFERENCE_POINTS.setflags(write=False)

MOST_REDUCTION = 16
"""Faces larger than this many times the wanted size are not averaged any further."""


def reference_points(size: int) -> NDArray[np.float64]:
    """(5, 2) reference points in a face of `size` x `size` pixels.

    Pixel centres lie at whole numbers, so the picture reaches from -1/2 to size - 1/2, and x at 112 pixels becomes
    (x + 1/2) · size/112 - 1/2: where the point comes to lie when a 112x112 face is resized. (Plain scaling, which
    other code uses, differs by up to half a pixel at 224.)
    """
    return (REFERENCE_POINTS + 0.5) * (size / REFERENCE_SIZE) - 0.5


def similarity(source: ArrayLike, target: ArrayLike = REFERENCE_POINTS) -> NDArray[np.float64]:
    """The rotation, uniform scale and shift that take `source` to `target` with the least squared distance.

    Umeyama's closed form (IEEE PAMI 13(4), 1991), without reflection.

    Args:
        source: (N, 2) points, x then y.
        target: (N, 2) points.

    Returns:
        (2, 3) matrix M with target ≈ M @ [x, y, 1].
    """
    start, end = np.asarray(source, np.float64), np.asarray(target, np.float64)
    start_mean, end_mean = start.mean(0), end.mean(0)
    a, b = start - start_mean, end - end_mean
    # In two dimensions the optimum is a complex number: the regression of b on a.
    complex_a, complex_b = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    factor = (complex_a.conj() @ complex_b) / max((complex_a.conj() @ complex_a).real, 1e-12)
    rotation = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.hstack([rotation, (end_mean - rotation @ start_mean)[:, None]])


def align(
    image: Image, landmarks: ArrayLike, size: int = REFERENCE_SIZE, reference: NDArray[np.float64] | None = None
) -> Image:
    """Warps a face so that its landmarks come to lie on the reference points.

    Points that are NaN are unknown: the others, at least two, say where the face is.

    A face that shrinks is warped at a multiple of the wanted size and averaged down, so that fine detail does not
    alias. Outside of the picture is black.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (5, 2) in the picture's pixels, in the order of `REFERENCE_POINTS`.
        size: side of the result in pixels.
        reference: (5, 2) where they come to lie; None for `reference_points(size)`.

    Returns:
        (size, size, 3) uint8 RGB.

    Raises:
        ImageError: fewer than two landmarks are known, one is infinite, or all lie at one place.
    """
    points = np.asarray(landmarks, np.float64)
    known = ~np.isnan(points).any(1)
    points = points[known]
    if len(points) < 2 or not np.isfinite(points).all() or np.ptp(points, axis=0).max() < 1e-3:
        raise ImageError("a face's landmarks are not finite or all at one place: detect them again")
    target = reference_points(size) if reference is None else reference
    return warp(image, similarity(points, target[known]), size)


def realign(image: Image, size: int, reference: NDArray[np.float64] | None = None) -> Image:
    """A crop at the 112x112 reference points, whatever its size, as another network takes it.

    Args:
        image: (H, W, 3) uint8 RGB; where it is not square, it is taken for a square one that was stretched.
        size: side of the result in pixels.
        reference: (5, 2) that network's reference points; None for `reference_points(size)`: it is only scaled.

    Returns:
        (size, size, 3) uint8 RGB; black where the crop does not reach.
    """
    if reference is None:
        return resize(image, size)
    scale = np.array([image.shape[1], image.shape[0]]) / REFERENCE_SIZE
    return align(image, (REFERENCE_POINTS + 0.5) * scale - 0.5, size, reference)


def warp(image: Image, matrix: NDArray[np.float64], size: int, *, border: int = 0) -> Image:
    """Applies a similarity, averaging where the picture shrinks.

    Args:
        image: (H, W, 3) uint8 RGB.
        matrix: (2, 3) from the picture's pixels to those of the result.
        size: side of the result in pixels.
        border: the grey outside of the picture.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    scale = float(np.linalg.norm(matrix[0, :2]))
    factor = min(max(round(1 / max(scale, 1e-6)), 1), MOST_REDUCTION)
    side = size * factor
    enlarged = matrix * factor
    enlarged[:, 2] += (factor - 1) / 2  # pixel centres: x becomes (x + 1/2) · factor - 1/2
    part, offset = _needed_part(image, enlarged, side)
    enlarged[:, 2] += enlarged[:, :2] @ offset
    result = cv2.warpAffine(part, enlarged, (side, side), flags=cv2.INTER_LINEAR, borderValue=(border,) * 3)
    return resize(result.astype(np.uint8, copy=False), size)


def resize(image: Image, size: int) -> Image:
    """Scales a square face to (size, size, 3), averaging where it shrinks."""
    if image.shape[:2] == (size, size):
        return image
    shrinks = min(image.shape[:2]) > size
    resized = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized.astype(np.uint8, copy=False)


def _needed_part(image: Image, matrix: NDArray[np.float64], side: int) -> tuple[Image, NDArray[np.float64]]:
    """The part of the picture that a warp to (side, side) reads, and its corner: OpenCV warps up to 32,767 pixels."""
    corners = np.array([[-1, -1], [side, -1], [-1, side], [side, side]]) - matrix[:, 2]
    origins = np.linalg.solve(matrix[:, :2], corners.T)
    size = np.array([image.shape[1], image.shape[0]])
    low = np.clip(np.floor(origins.min(1)) - 1, 0, size - 1).astype(np.int64)
    high = np.clip(np.ceil(origins.max(1)) + 2, low + 1, size).astype(np.int64)
    return image[low[1] : high[1], low[0] : high[0]], low.astype(np.float64)
