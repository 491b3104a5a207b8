import numpy as np
import pytest

from kronface.faces.align import REFERENCE_POINTS
from kronface.faces.detect import YuFaceDetector
from kronface.synth.head import Head
from kronface.synth.labels import point_vertices
from kronface.synth.person import Person
from kronface.synth.picture import CELEBA_POINTS, FRAMINGS, take_picture
from tests.synth.conftest import SEED


@pytest.mark.parametrize("framing", FRAMINGS)
def test_landmarks_agree_with_an_independent_projection(head: Head, person: Person, framing: str) -> None:
    """Vertices moved by plain matrices, divided by their depth; the framing may only scale, turn and shift them."""
    picture = take_picture(SEED, 2, 5, framing=framing, person=person)
    scene = picture.scene
    places = person.neutral.astype(np.float64)
    places = places + np.tensordot(scene.actions.astype(np.float64), head.action_basis, 1).reshape(-1, 3)
    cosines, sines = np.cos([scene.yaw, scene.pitch, scene.roll]), np.sin([scene.yaw, scene.pitch, scene.roll])
    yaw = np.array([[cosines[0], -sines[0], 0], [sines[0], cosines[0], 0], [0, 0, 1]])
    pitch = np.array([[1, 0, 0], [0, cosines[1], sines[1]], [0, -sines[1], cosines[1]]])
    roll = np.array([[cosines[2], 0, sines[2]], [0, 1, 0], [-sines[2], 0, cosines[2]]])
    points = point_vertices(head)
    eyes = [np.unique(head.triangles[head.parts == part]) for part in (2, 1)]
    five = [
        places[eyes[0]].mean(0),
        places[eyes[1]].mean(0),
        places[points["nose_tip"]].mean(0),
        places[points["mouth_corner"][1]],
        places[points["mouth_corner"][0]],
    ]
    middle = places[np.concatenate(eyes)].mean(0)
    turned = np.stack([roll @ pitch @ yaw @ (place - middle) for place in five])
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
        np.testing.assert_array_equal(once.image, again.image)
        np.testing.assert_array_equal(once.landmarks, again.landmarks)
        assert 20 < once.image.mean() < 235


def test_pictures_of_a_person_differ(person: Person) -> None:
    pictures = [take_picture(SEED, 2, k, framing="crop", person=person).image.astype(float) for k in range(3)]
    assert np.abs(pictures[0] - pictures[1]).mean() > 8
    assert np.abs(pictures[1] - pictures[2]).mean() > 8
