"""Faces in a picture: boxes and five landmarks."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.errors import FaceNotFoundError, SeveralFacesError
from kronface.faces.align import warp
from kronface.faces.image import Image

SMALLEST_SIDE = 8
"""Pictures narrower than this show no face."""

PADDING = 127
"""The grey around a padded picture."""

LOOK_SIDE = 128
LOOK_FACE = 80
"""Side of the crop, and of the face in it, on which a face is looked at more closely: the size at which landmarks
were most exact in a measurement from 48 to 128 pixels."""

CANDIDATE = 0.4
"""Least confidence with which a face is worth a closer look."""

LARGE_SHARE = 0.12
"""Where a face takes this share of the picture's long side, no further search for small ones is made."""


@dataclass(frozen=True)
class Face:
    """One detected face, in the picture's pixels."""

    box: NDArray[np.float32]
    """(4,): x, y, width, height; it may reach beyond the picture."""
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
    pictures without a large face are searched again in overlapping tiles, so that a group's small faces are found:
    down to 16 pixels in what is searched.

    At last every find is cut out, brought to the size that the library sees best, and looked at twice, once mirrored.
    Confidence and landmarks are the means. On photographs, real faces come out above 0.85 however small they are,
    other things mostly below 0.6; and the landmarks of small faces are a third as far off as those of the first look.

    It keeps nothing between calls: one detector may be used by several threads.

    Args:
        threshold: least confidence of a face, in [0, 1], as the mean of both looks.
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
        if min(height, width) < SMALLEST_SIDE:
            return []
        found = self._search(image)
        if not found or any(_touches_border(face, width, height) for face in found):
            margin = max(height, width) // 3
            padded = cv2.copyMakeBorder(
                image, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=(PADDING, PADDING, PADDING)
            )
            found += [_shifted(face, -margin, -margin) for face in self._search(padded.astype(np.uint8, copy=False))]
        largest = max((float(face.box[2:].max()) for face in found), default=0.0)
        if max(height, width) > self.long_side and largest < LARGE_SHARE * max(height, width):
            found += self._search_tiles(image)
        closer = (self._look_closer(image, face) for face in _merged(found))
        faces = [face for face in closer if face is not None]
        return sorted(faces, key=lambda face: (-face.area, -face.score))

    def _search(self, image: Image) -> list[Face]:
        """One pass over the whole picture, reduced or enlarged."""
        height, width = image.shape[:2]
        return self._find(
            image, min(self.long_side / max(height, width), max(1.0, self.short_side / min(height, width)))
        )

    def _search_tiles(self, image: Image) -> list[Face]:
        """Passes over tiles that overlap by a quarter, at full size up to three times `long_side`."""
        height, width = image.shape[:2]
        scale = min(1.0, 3 * self.long_side / max(height, width))
        side = round(self.long_side / scale)
        found = []
        for top in _starts(height, side):
            for left in _starts(width, side):
                tile = image[top : top + side, left : left + side]
                for face in self._find(tile, scale):
                    # A face that a tile's edge cuts is whole in the neighbour, or in the pass over the whole picture.
                    x, y, w, h = face.box
                    cut = (left > 0 and x <= 1) or (top > 0 and y <= 1)
                    cut |= left + side < width and x + w >= side - 1
                    cut |= top + side < height and y + h >= side - 1
                    if not cut:
                        found.append(_shifted(face, left, top))
        return found

    def _look_closer(self, image: Image, face: Face) -> Face | None:
        """The face with landmarks from a crop and its mirror image; None where they do not confirm it."""
        scale = LOOK_FACE / max(float(face.box[2:].max()), 1.0)
        centre = face.box[:2] + face.box[2:] / 2 - 0.5
        middle = (LOOK_SIDE - 1) / 2
        offset = middle - scale * centre
        crop = warp(image, np.array([[scale, 0, offset[0]], [0, scale, offset[1]]]), LOOK_SIDE, border=PADDING)
        scores, looks = [], []
        for mirrored in (False, True):
            seen = self._find(crop[:, ::-1] if mirrored else crop, 1.0)
            distances = [float(np.abs(other.box[:2] + other.box[2:] / 2 - LOOK_SIDE / 2).max()) for other in seen]
            if not seen or min(distances) > LOOK_FACE / 3:
                continue
            nearest = seen[int(np.argmin(distances))]
            points = nearest.landmarks
            if mirrored:
                points = points[[1, 0, 2, 4, 3]]  # left and right change places
                points = np.stack([LOOK_SIDE - 1 - points[:, 0], points[:, 1]], 1)
            scores.append(nearest.score)
            looks.append((points - offset) / scale)
        score = sum(scores) / 2
        if score < self.threshold or not looks:
            return None
        return replace(face, landmarks=np.mean(looks, 0).astype(np.float32), score=score)

    def _find(self, image: Image, scale: float) -> list[Face]:
        """The library's faces in one picture, scaled for it, in the picture's own pixels."""
        from yuface import detect

        height, width = image.shape[:2]
        shape = max(round(width * scale), SMALLEST_SIDE), max(round(height * scale), SMALLEST_SIDE)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        resized = image if shape == (width, height) else cv2.resize(image, shape, interpolation=method)
        factors = np.array([width / shape[0], height / shape[1]], np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its advice on picture sizes
            scores, boxes, landmarks = detect(np.ascontiguousarray(resized[:, :, ::-1]), CANDIDATE)  # it wants BGR
        faces = []
        for score, box, points in zip(scores, boxes, landmarks, strict=True):
            corner = box[:2].astype(np.float32) * factors
            extent = box[2:4].astype(np.float32) * factors
            # Whole pixels of the resized copy: their centres are half a pixel further.
            mapped = (points.reshape(5, 2).astype(np.float32) + 0.5) * factors - 0.5
            faces.append(Face(np.concatenate([corner, extent]), mapped, float(score) / 100))
        return faces


def single_face(image: Image, detector: Detector, name: str) -> Face:
    """The face of a picture that is meant to show one person; people in the background, far smaller, are passed over.

    Raises:
        FaceNotFoundError: none is found; `name` stands in the message.
        SeveralFacesError: a second face has at least half of the largest one's area.
    """
    faces = detector.detect(image)
    if not faces:
        raise FaceNotFoundError(f"{name} shows no face that the detector finds")
    if len(faces) > 1 and faces[1].area >= 0.5 * faces[0].area:
        raise SeveralFacesError(f"{name} shows several faces: crop it to the person that it is of")
    return faces[0]


def largest_face(image: Image, detector: Detector) -> Face | None:
    """The largest face of a picture, or None where none is found."""
    faces = detector.detect(image)
    return faces[0] if faces else None


def face_in_box(image: Image, detector: Detector, box: NDArray[np.float32]) -> Face | None:
    """The face that a box (4,) of left, top, width, height means: of those whose centre it holds, the one like it most.

    Likeness is intersection over union: the box of a whole head, drawn by hand, is larger than a detector's.
    """
    left, top, width, height = (float(value) for value in box)

    def meant(face: Face) -> bool:
        x, y = face.box[:2] + face.box[2:] / 2
        return bool(left <= x <= left + width and top <= y <= top + height)

    def likeness(face: Face) -> float:
        shared = _intersection(face.box, box)
        return shared / max(face.area + width * height - shared, 1e-6)

    return max(filter(meant, detector.detect(image)), key=likeness, default=None)


def _starts(length: int, side: int) -> Iterator[int]:
    """Where tiles of `side` begin, so that each overlaps the last by a quarter and the end is covered."""
    last = max(length - side, 0)
    steps = -(-last * 4 // (side * 3))
    return (round(last * step / max(steps, 1)) for step in range(steps + 1))


def _shifted(face: Face, dx: float, dy: float) -> Face:
    offset = np.array([dx, dy], np.float32)
    return Face(np.concatenate([face.box[:2] + offset, face.box[2:]]), face.landmarks + offset, face.score)


def _touches_border(face: Face, width: int, height: int) -> bool:
    x, y, w, h = face.box
    return bool(x <= 1 or y <= 1 or x + w >= width - 1 or y + h >= height - 1)


def _merged(faces: list[Face]) -> list[Face]:
    """Of faces whose boxes overlap, the one with the highest score."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_overlap(face.box, other.box) < 0.4 for other in kept):
            kept.append(face)
    return kept


def _overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Intersection over the smaller of two boxes."""
    return _intersection(a, b) / max(float(min(a[2] * a[3], b[2] * b[3])), 1e-6)


def _intersection(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """In square pixels."""
    x = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    y = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return 0.0 if x <= 0 or y <= 0 else float(x * y)
