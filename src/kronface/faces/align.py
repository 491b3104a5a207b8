"""The similarity warp of a face to the 112x112 reference points."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.faces.image import Image

REFERENCE_SIZE = 112
REFERENCE_POINTS: NDArray[np.float64] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""(5, 2): image-left eye, image-right eye, nose tip, image-left and image-right mouth corner, x then y, in the 112x112
face (InsightFace's points, which networks for faces are commonly trained with)."""
REFERENCE_POINTS.setflags(write=False)


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


def align(image: Image, landmarks: ArrayLike, size: int = REFERENCE_SIZE) -> Image:
    """Warps a face so that its landmarks come to lie on the reference points.

    Faces smaller than 112 pixels are warped at a multiple of their size and averaged down, so that fine detail
    does not alias. Reference points scale with the size (x · size / 112). Outside of the picture is black.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (5, 2) in the picture's pixels, in the order of `REFERENCE_POINTS`.
        size: side of the result in pixels.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    factor = -(-REFERENCE_SIZE // size) if size < REFERENCE_SIZE else 1
    side = size * factor
    matrix = similarity(landmarks, REFERENCE_POINTS * (side / REFERENCE_SIZE))
    warped = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR)
    return resize(warped, size)


def resize(image: Image, size: int) -> Image:
    """Scales a square face to (size, size, 3), averaging where it shrinks."""
    if image.shape[:2] == (size, size):
        return image
    shrinks = min(image.shape[:2]) > size
    resized = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized.astype(np.uint8, copy=False)
