from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import cv2
import numpy as np
import pytest
import skimage.data

from kronface.faces.align import REFERENCE_POINTS, align, similarity
from kronface.faces.detect import Face, YuFaceDetector, _merged, _starts, largest_face
from kronface.faces.image import Image

DETECTOR = YuFaceDetector()


def shrunk(image: Image, factor: float) -> Image:
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).astype(np.uint8)


def padded(image: Image, margin: int) -> Image:
    margins = (margin, margin, margin, margin)
    return cv2.copyMakeBorder(image, *margins, cv2.BORDER_CONSTANT, value=(90, 90, 90)).astype(np.uint8)


def eye_distance(face: Face) -> float:
    return float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))


def check_plausible(face: Face) -> None:
    """Landmarks lie inside of the box, eyes above the nose above the mouth, left of right."""
    x, y, w, h = face.box
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert face.landmarks.dtype == np.float32
    assert (face.landmarks >= (x - 0.1 * w, y - 0.1 * h)).all()
    assert (face.landmarks <= (x + 1.1 * w, y + 1.1 * h)).all()
    assert left_eye[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert 0.2 * w < eye_distance(face) < 0.8 * w
    assert 0.6 <= face.score <= 1


def test_one_plausible_face_on_every_photograph(presidents: dict[str, Image], astronaut: Image) -> None:
    assert len(presidents) == 7
    for name, image in (presidents | {"astronaut": astronaut}).items():
        faces = DETECTOR.detect(image)
        assert len(faces) == 1, name
        check_plausible(faces[0])
        assert faces[0].score > 0.85, name


def test_the_astronauts_eyes(astronaut: Image) -> None:
    # Read off an enlarged print of the picture by eye: pupils, tip of the nose, corners of the mouth.
    expected = np.array([[203, 101], [247, 103], [223, 127], [203, 140], [245, 141]])
    face = DETECTOR.detect(astronaut)[0]
    assert np.linalg.norm(face.landmarks - expected, axis=1).max() < 0.15 * eye_distance(face)


def test_an_aligned_face_has_its_landmarks_at_the_reference_points(
    presidents: dict[str, Image], astronaut: Image
) -> None:
    for name, image in (presidents | {"astronaut": astronaut}).items():
        landmarks = DETECTOR.detect(image)[0].landmarks
        matrix = similarity(landmarks)
        again = DETECTOR.detect(padded(align(image, landmarks), 60))
        assert len(again) == 1, name
        found = again[0].landmarks - 60
        moved = landmarks @ matrix[:, :2].T + matrix[:, 2]
        assert np.linalg.norm(found - moved, axis=1).mean() < 3.5, name  # a tenth of the eyes' distance
        assert np.abs(found[:2] - REFERENCE_POINTS[:2]).max() < 6, name


@pytest.mark.parametrize("height", [16, 24, 40])
def test_small_faces_are_found_and_their_landmarks_exact(height: int, astronaut: Image) -> None:
    large = DETECTOR.detect(astronaut)[0]
    factor = height / float(large.box[3])
    picture = padded(shrunk(astronaut, factor), 300)
    faces = DETECTOR.detect(picture)
    assert len(faces) == 1
    expected = (large.landmarks + 0.5) * factor - 0.5 + 300
    error = np.linalg.norm(faces[0].landmarks - expected, axis=1).mean()
    assert error < 0.15 * eye_distance(large) * factor


def test_a_group_on_a_large_photograph(presidents: dict[str, Image], astronaut: Image) -> None:
    # Faces from 30 to 120 pixels on 3,000: the resized copy alone would show the small ones at 8.
    canvas = np.random.default_rng(0).normal(110, 8, (2000, 3000, 3)).clip(0, 255).astype(np.uint8)
    expected = []
    portraits = [*presidents.values(), astronaut]
    for number, height in enumerate((30, 36, 42, 50, 60, 80, 100, 120)):
        image = portraits[number]
        face = DETECTOR.detect(image)[0]
        small = shrunk(image, height / float(face.box[3]))[:900, :700]
        top, left = 40 + number // 4 * 1000, 20 + number % 4 * 740
        canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
        expected.append((face.landmarks + 0.5) * (height / float(face.box[3])) - 0.5 + (left, top))
    found = DETECTOR.detect(canvas)
    assert len(found) == len(expected)
    assert [face.area for face in found] == sorted((face.area for face in found), reverse=True)
    for points in expected:
        nearest = min(found, key=lambda face: float(np.abs(face.landmarks - points).mean()))
        assert np.linalg.norm(nearest.landmarks - points, axis=1).mean() < 0.2 * np.linalg.norm(points[1] - points[0])


@pytest.mark.parametrize("side", [32, 48, 64, 112, 400, 1500])
def test_a_face_that_fills_its_picture(side: int, astronaut: Image) -> None:
    face = align(astronaut, DETECTOR.detect(astronaut)[0].landmarks, 112)
    picture = cv2.resize(face, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    found = largest_face(picture, DETECTOR)
    assert found is not None
    assert np.abs((found.landmarks + 0.5) * (112 / side) - 0.5 - REFERENCE_POINTS).max() < 9


def test_a_face_cut_by_the_border(presidents: dict[str, Image]) -> None:
    for name in ("obama_partial_face", "obama_partial_face2"):
        image = presidents[name]
        assert len(DETECTOR.detect(image)) == 1
        assert DETECTOR.detect(image)[0].score > 0.85


@pytest.mark.parametrize(
    "name", ["coffee", "chelsea", "rocket", "coins", "moon", "hubble_deep_field", "retina", "text"]
)
def test_no_face_where_there_is_none(name: str) -> None:
    image = np.asarray(getattr(skimage.data, name)())
    image = np.repeat(image[:, :, None], 3, 2) if image.ndim == 2 else image
    assert DETECTOR.detect(np.ascontiguousarray(image)) == []


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (8, 3000), (3000, 9), (64, 64)])
def test_empty_pictures_of_any_shape(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 128, np.uint8)
    assert DETECTOR.detect(image) == []
    assert largest_face(image, DETECTOR) is None


def test_colours_are_rgb(astronaut: Image) -> None:
    # The same picture with red and blue exchanged is seen less surely.
    exchanged = np.ascontiguousarray(astronaut[:, :, ::-1])
    assert DETECTOR.detect(astronaut)[0].score >= DETECTOR.detect(exchanged)[0].score


def test_a_threshold_that_nothing_reaches(astronaut: Image) -> None:
    assert YuFaceDetector(threshold=0.99).detect(astronaut) == []


def test_several_threads_see_the_same(astronaut: Image) -> None:
    expected = DETECTOR.detect(astronaut)[0].landmarks
    with ThreadPoolExecutor(4) as pool:
        for faces in pool.map(DETECTOR.detect, [astronaut] * 12):
            np.testing.assert_array_equal(faces[0].landmarks, expected)


def face_at(x: float, y: float, side: float, score: float) -> Face:
    return Face(np.array([x, y, side, side], np.float32), np.zeros((5, 2), np.float32), score)


def test_finds_of_several_passes_are_merged() -> None:
    twice = [face_at(10, 10, 50, 0.8), face_at(13, 12, 48, 0.9), face_at(20, 20, 10, 0.7), face_at(100, 10, 30, 0.65)]
    assert [face.score for face in _merged(twice)] == [0.9, 0.65]
    neighbours = [face_at(0, 0, 50, 0.8), face_at(45, 0, 50, 0.9)]
    assert len(_merged(neighbours)) == 2


@pytest.mark.parametrize("length", [100, 800, 801, 1400, 1401, 5000])
def test_tiles_cover_everything_and_overlap(length: int) -> None:
    starts = list(_starts(length, 800))
    assert starts[0] == 0
    assert starts[-1] == max(length - 800, 0)
    assert all(0 < b - a <= 600 for a, b in pairwise(starts))
