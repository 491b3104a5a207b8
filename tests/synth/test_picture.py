import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kronface.faces.align import REFERENCE_POINTS
from kronface.faces.detect import YuFaceDetector
from kronface.synth.head import Head
from kronface.synth.labels import point_vertices
from kronface.synth.person import Person
from kronface.synth.picture import CELEBA_POINTS, FRAMINGS, Picture, take_picture
from kronface.synth.scene import rotation
from kronface.synth.settings import Rendering
from tests.synth.conftest import SEED


@pytest.mark.parametrize("framing", FRAMINGS)
def test_landmarks_agree_with_an_independent_projection(head: Head, person: Person, framing: str) -> None:
    """Vertices moved by plain matrices, divided by their depth; the framing may only scale, turn and shift them."""
    picture = take_picture(SEED, 2, 5, framing=framing, person=person)
    scene = picture.scene
    places = person.neutral.astype(np.float64)
    places = places + np.tensordot(scene.actions.astype(np.float64), head.action_basis, 1).reshape(-1, 3)
    points = point_vertices(head)
    eyes = [np.unique(head.triangles[head.parts == part]) for part in (2, 1)]
    five = [
        places[eyes[0]].mean(0),
        places[eyes[1]].mean(0),
        places[points["nose_tip"]].mean(0),
        places[points["mouth_corner"][1]],
        places[points["mouth_corner"][0]],
    ]
    # All of them lie above the neck and turn with the head; the point between the eyes at rest stays in the middle.
    turned = np.stack([rotation(scene.yaw, scene.pitch, scene.roll) @ place for place in five])
    flat = np.stack([turned[:, 0], -turned[:, 2]], 1) / (turned[:, 1:2] + scene.distance)
    # The similarity that the framing chose, from the two eyes; the other three points must then agree.
    a, b = flat[:, 0] + 1j * flat[:, 1], picture.landmarks[:, 0] + 1j * picture.landmarks[:, 1].astype(np.float64)
    factor = (b[1] - b[0]) / (a[1] - a[0])
    np.testing.assert_allclose(b[0] + factor * (a - a[0]), b, atol=0.02)
    if framing == "portrait":
        assert abs(factor.imag) < 1e-3 * factor.real  # roll stays
    else:
        target = CELEBA_POINTS if framing == "celeba" else REFERENCE_POINTS
        assert np.linalg.norm(picture.landmarks - target, axis=1).mean() < 6


def test_pixels_lie_where_the_landmarks_say(person: Person) -> None:
    """A detector that knows nothing of the geometry finds the five points near the exact ones."""
    detector = YuFaceDetector()
    distances = []
    for image in range(6):
        picture = take_picture(SEED, 2, image, framing="portrait", person=person)
        faces = detector.detect(picture.image)
        assert len(faces) == 1
        unit = np.linalg.norm(picture.landmarks[3:].mean(0) - picture.landmarks[:2].mean(0))
        distances.append(np.linalg.norm(faces[0].landmarks - picture.landmarks, axis=1) / unit)
    assert np.median(distances) < 0.12
    assert np.max(np.mean(distances, 0)) < 0.25


def test_shapes_and_repetition(person: Person) -> None:
    for framing, shape in (("celeba", (218, 178, 3)), ("portrait", (256, 256, 3)), ("crop", (112, 112, 3))):
        once = take_picture(SEED, 2, 1, framing=framing, person=person)
        again = take_picture(SEED, 2, 1, framing=framing)
        assert once.image.shape == shape
        assert once.image.dtype == np.uint8
        assert once.regions is None
        np.testing.assert_array_equal(once.image, again.image)
        np.testing.assert_array_equal(once.landmarks, again.landmarks)
        np.testing.assert_array_equal(once.landmarks68, again.landmarks68)
        assert 20 < once.image.mean() < 235
    small = take_picture(SEED, 2, 1, framing="crop", person=person, size=48)
    np.testing.assert_allclose(small.landmarks, (once.landmarks + 0.5) * 48 / 112 - 0.5, atol=0.3)


def test_pictures_of_a_person_differ(person: Person) -> None:
    pictures = [take_picture(SEED, 2, k, framing="crop", person=person).image.astype(float) for k in range(3)]
    assert np.abs(pictures[0] - pictures[1]).mean() > 8
    assert np.abs(pictures[1] - pictures[2]).mean() > 8


DIGEST = """
import hashlib, sys
from kronface.synth.picture import take_picture
from kronface.synth.settings import Rendering
for redrawn in (False, True):
    for identity in (2, 4):
        picture = take_picture(11, identity, 3, framing="celeba", masks=True, rendering=Rendering(redrawn=redrawn))
        print(hashlib.sha256(picture.image.tobytes() + picture.regions.tobytes()).hexdigest())
"""


def test_another_process_with_other_threads_makes_the_same_bytes() -> None:
    threads = "1" if os.environ.get("OMP_NUM_THREADS") == "2" else "2"
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    command = [sys.executable, "-c", DIGEST]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    own = []
    for redrawn in (False, True):
        for identity in (2, 4):
            rendering = Rendering(redrawn=redrawn)
            picture = take_picture(11, identity, 3, framing="celeba", masks=True, rendering=rendering)
            assert picture.regions is not None
            own.append(hashlib.sha256(picture.image.tobytes() + picture.regions.tobytes()).hexdigest())
    assert printed == own
    assert len(set(own)) == 4


FRONTAL = Rendering(max_yaw_rad=0.12, without=("expression", "hats", "occluders", "spectacles", "hair", "beard"))


@pytest.fixture(scope="module")
def frontal() -> list[Picture]:
    return [
        take_picture(SEED, number, 0, framing="crop", size=160, rendering=FRONTAL, masks=True) for number in range(5)
    ]


def pixels(picture: Picture, region: int) -> NDArray[np.float64]:
    """(N, 2) x and y of what shows a region."""
    assert picture.regions is not None
    rows, columns = np.nonzero(picture.regions == region)
    return np.stack([columns, rows], 1).astype(np.float64)


def test_regions_agree_with_the_landmarks(frontal: list[Picture]) -> None:
    for picture in frontal:
        points = picture.landmarks68.astype(np.float64)
        unit = float(np.linalg.norm(points[42:48].mean(0) - points[36:42].mean(0)))
        eyes, lips, brows, nose, hair = (pixels(picture, region) for region in (3, 5, 2, 4, 6))
        for eye in (points[36:42], points[42:48]):
            own = eyes[np.linalg.norm(eyes - eye.mean(0), axis=1) < 0.4 * unit]
            assert len(own) > 10
            assert np.linalg.norm(own.mean(0) - eye.mean(0)) < 0.07 * unit
            assert (own >= eye.min(0) - 1.5).all()
            assert (own <= eye.max(0) + 1.5).all()
        outline = points[48:60]
        assert np.linalg.norm(lips.mean(0) - outline.mean(0)) < 0.1 * unit
        assert (lips >= outline.min(0) - 2).all()
        assert (lips <= outline.max(0) + 2).all()
        width, height = np.ptp(outline, axis=0)
        assert 0.4 * width * height < len(lips) < width * height
        assert len(brows) > 20
        assert brows[:, 1].max() < points[36:48, 1].mean()
        away = np.linalg.norm(brows[:, None] - points[17:27], axis=2).min(1)
        assert np.median(away) < 0.25 * unit  # the marks are those of average brows, 0.18 apart
        x, y = np.round(points[30]).astype(int)
        assert picture.regions is not None
        assert picture.regions[y, x] == 4
        assert (np.abs(nose[:, 0] - points[27:31, 0].mean()) < 0.45 * unit).all()
        assert (nose[:, 1] > points[17:27, 1].mean()).all()
        assert (nose[:, 1] < outline[:, 1].mean()).all()
        for cheek in (points[[2, 31]].mean(0), points[[14, 35]].mean(0)):
            x, y = np.round(cheek).astype(int)
            assert picture.regions[y, x] == 1
        if not picture.person.appearance.bald:
            over = hair[np.abs(hair[:, 0] - points[27, 0]) < 0.4 * unit]
            assert over[:, 1].max(initial=0) < points[17:27, 1].min()  # above the forehead
        assert set(np.unique(picture.regions)) <= set(range(8))


def test_regions_change_nothing_else(frontal: list[Picture]) -> None:
    alone = take_picture(SEED, 0, 0, framing="crop", size=160, rendering=FRONTAL)
    assert alone.regions is None
    np.testing.assert_array_equal(alone.image, frontal[0].image)


def test_the_background_is_what_nobody_stands_before(frontal: list[Picture]) -> None:
    other = replace(FRONTAL, without=(*FRONTAL.without, "background", "flaws"))
    picture = take_picture(SEED, 1, 0, framing="crop", size=160, rendering=other, masks=True)
    assert picture.regions is not None
    behind = picture.image[picture.regions == 0]
    inner = np.median(behind, axis=0)
    assert (np.abs(behind.astype(int) - inner).max(1) <= 2).mean() > 0.9  # one grey, but for outlines
    assert inner.std() < 1


def test_without_the_camera_faces_stand_in_one_frame() -> None:
    still = Rendering(without=("camera", "expression", "gaze"), max_yaw_rad=0.0)
    pictures = [take_picture(SEED, 2, image, framing="portrait", rendering=still) for image in range(2)]
    middles = [picture.landmarks.mean(0) for picture in pictures]
    np.testing.assert_allclose(middles[0], middles[1], atol=0.01)
    assert {picture.scene.distance for picture in pictures} == {1.2}
