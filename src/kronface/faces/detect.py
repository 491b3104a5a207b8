"""Faces in a picture: boxes and five landmarks."""

import warnings
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.faces.image import Image


@dataclass(frozen=True)
class Face:
    """One detected face, in the picture's pixels."""

    box: NDArray[np.float32]
    """(4,): x, y, width, height."""
    landmarks: NDArray[np.float32]
    """(5, 2): image-left eye, image-right eye, nose tip, image-left and image-right mouth corner, x then y."""
    score: float
    """The detector's confidence, in [0, 1]."""

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        return float(self.box[2] * self.box[3])


class Detector(Protocol):
    """Anything that finds faces."""

    def detect(self, image: Image) -> list[Face]:
        """The faces of a picture (H, W, 3) uint8 RGB, largest first."""
        ...


class YuFaceDetector:
    """libfacedetection by way of `yuface`; its weights are part of the package.

    The library works in whole pixels, slowly above about 1,000 of them, and does not see a face that fills a small
    picture. So it gets a resized copy; where that shows nothing, or a face at the border, also a padded one. Large
    pictures are looked at a second time in overlapping tiles, so that a group's small faces are found.

    Args:
        threshold: least confidence of a face, in [0, 1].
        long_side: pixels to which larger pictures are reduced.
        short_side: pixels to which smaller pictures are enlarged.
    """

    def __init__(self, *, threshold: float = 0.6, long_side: int = 800, short_side: int = 240) -> None:
        self.threshold = threshold
        self.long_side = long_side
        self.short_side = short_side

    def detect(self, image: Image) -> list[Face]:
        """The faces of a picture (H, W, 3) uint8 RGB, largest first; an empty list where there are none."""
        height, width = image.shape[:2]
        if min(height, width) < 8:
            return []
        found = self._detect_scaled(image)
        if not found or any(_touches_border(face, width, height) for face in found):
            margin = max(height, width) // 3
            padded = cv2.copyMakeBorder(image, *[margin] * 4, cv2.BORDER_CONSTANT, value=(127, 127, 127))
            found += [_shifted(face, -margin, -margin) for face in self._detect_scaled(padded.astype(np.uint8))]
        if max(height, width) > 2 * self.long_side:
            found += self._detect_tiles(image)
        return _merge(found)

    def _detect_scaled(self, image: Image) -> list[Face]:
        height, width = image.shape[:2]
        scale = min(self.long_side / max(height, width), max(1.0, self.short_side / min(height, width)))
        return self._detect_at(image, scale)

    def _detect_at(self, image: Image, scale: float) -> list[Face]:
        from yuface import detect

        height, width = image.shape[:2]
        shape = max(round(width * scale), 8), max(round(height * scale), 8)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        resized = image if shape == (width, height) else cv2.resize(image, shape, interpolation=method)
        factors = np.array([width / shape[0], height / shape[1]], np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its advice on picture sizes
            scores, boxes, landmarks = detect(np.ascontiguousarray(resized[:, :, ::-1]), self.threshold)
        faces = []
        for score, box, points in zip(scores, boxes, landmarks, strict=True):
            # Whole pixels of the resized copy: their centres are half a pixel further.
            corner = box[:2].astype(np.float32) * factors
            extent = box[2:4].astype(np.float32) * factors
            mapped = (points.reshape(5, 2).astype(np.float32) + 0.5) * factors - 0.5
            faces.append(Face(np.concatenate([corner, extent]), mapped, float(score) / 100))
        return faces

    def _detect_tiles(self, image: Image) -> list[Face]:
        height, width = image.shape[:2]
        scale = min(1.0, 3 * self.long_side / max(height, width))
        side = round(self.long_side / scale)
        step = side * 3 // 4
        found = []
        for top in range(0, max(height - side // 4, 1), step):
            for left in range(0, max(width - side // 4, 1), step):
                tile = image[top : top + side, left : left + side]
                tile_height, tile_width = tile.shape[:2]
                for face in self._detect_at(tile, scale):
                    # A face that a tile's edge cuts is whole in the neighbour, or in the pass over the whole picture.
                    x, y, w, h = face.box
                    cut = (left > 0 and x <= 1) or (top > 0 and y <= 1)
                    cut |= (left + tile_width < width and x + w >= tile_width - 1) or (
                        top + tile_height < height and y + h >= tile_height - 1
                    )
                    if not cut:
                        found.append(_shifted(face, left, top))
        return found


def largest_face(image: Image, detector: Detector) -> Face | None:
    """The largest face of a picture, or None where none is found."""
    faces = detector.detect(image)
    return faces[0] if faces else None


def _shifted(face: Face, dx: float, dy: float) -> Face:
    offset = np.array([dx, dy], np.float32)
    return Face(np.concatenate([face.box[:2] + offset, face.box[2:]]), face.landmarks + offset, face.score)


def _touches_border(face: Face, width: int, height: int) -> bool:
    x, y, w, h = face.box
    return bool(x <= 1 or y <= 1 or x + w >= width - 1 or y + h >= height - 1)


def _merge(faces: list[Face]) -> list[Face]:
    """Of faces whose boxes overlap, the one with the highest score; sorted by area, largest first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_overlap(face.box, other.box) < 0.4 for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: (-face.area, -face.score))


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Intersection over the smaller of two boxes."""
    x = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    y = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if x <= 0 or y <= 0:
        return 0.0
    return float(x * y / max(min(a[2] * a[3], b[2] * b[3]), 1e-6))
