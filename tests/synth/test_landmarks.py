from dataclasses import replace

import numpy as np
import pytest

from kronface.synth.head import Floats, Head
from kronface.synth.labels import point_vertices
from kronface.synth.landmarks import COUNT, face_box, landmark_places, landmarks68, lip_edges
from kronface.synth.person import Person
from kronface.synth.render import Camera
from kronface.synth.scene import Scene, draw_scene, rotation
from tests.synth.conftest import SEED

MIRRORED = [
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
]
"""The landmark on the other side of each, in iBUG's order."""


def at_rest(head: Head, **changes: float) -> Scene:
    """A scene that faces the camera without expression, but for facial actions and angles that are given."""
    actions = np.zeros(len(head.actions), np.float32)
    yaw, pitch, roll = (changes.pop(name, 0.0) for name in ("yaw", "pitch", "roll"))
    for name, strength in changes.items():
        actions[head.actions.index(name)] = strength
    return replace(draw_scene(head, SEED, 2, 0), actions=actions, yaw=yaw, pitch=pitch, roll=roll)


def test_the_template_is_marked_symmetrically(head: Head) -> None:
    points = landmarks68(head, head.template)
    assert points.shape == (COUNT, 3)
    np.testing.assert_allclose(points[MIRRORED] * (-1, 1, 1), points, atol=4e-4)  # metres
    places = landmark_places(head)
    assert (places.weights >= 0).all()
    np.testing.assert_allclose(places.weights.sum(1), 1, atol=1e-6)
    assert not np.isin(places.vertices, np.unique(head.triangles[head.parts == 1])).any()  # skin, not eyes


def test_the_order_is_ibugs(head: Head) -> None:
    x, height = landmarks68(head, head.template)[:, [0, 2]].T
    for rising in (
        range(17),
        range(17, 27),
        range(31, 36),
        range(48, 55),
        range(60, 65),
        (36, 37, 38, 39, 42, 43, 44, 45),
    ):
        assert (np.diff(x[list(rising)]) > 0).all()
    assert height.argmin() == 8  # the chin
    assert (np.diff(height[27:31]) < 0).all()
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46), (50, 58), (51, 57), (61, 67), (62, 66), (63, 65)):
        assert height[upper] > height[lower]
        assert abs(x[upper] - x[lower]) < 0.004
    assert height[17:27].min() > height[36:48].max()


def test_lips_lie_on_the_painted_outline(head: Head) -> None:
    points = landmarks68(head, head.template)
    turn, level = np.arctan2(points[:, 0], -points[:, 1]), points[:, 2]
    for number in range(48, 60):
        edges = lip_edges(float(turn[number]))
        assert min(abs(level[number] - edge) for edge in edges) < 2e-4
    assert lip_edges(0.0)[0] > lip_edges(0.0)[1]


def posed(head: Head, person: Person, scene: Scene) -> Floats:
    """(V, 3) vertices in the scene's expression and pose, by plain matrices."""
    moved = np.tensordot(scene.actions.astype(np.float64), head.action_basis, 1).reshape(-1, 3)
    turned = (person.neutral + moved) @ rotation(scene.yaw, scene.pitch, scene.roll).T
    return turned.astype(np.float32)


def test_landmarks_follow_the_five_points_and_the_face(head: Head, person: Person) -> None:
    numbers = point_vertices(head)
    eyes = [np.unique(head.triangles[head.parts == part]) for part in (2, 1)]
    for scene in (at_rest(head), at_rest(head, yaw=0.7, pitch=0.2, roll=-0.1), draw_scene(head, SEED, 2, 3)):
        positions = posed(head, person, scene)
        points = landmarks68(head, positions)
        corners = positions[numbers["mouth_corner"]]
        five = [positions[eye].mean(0) for eye in eyes] + [positions[numbers["nose_tip"]].mean(0), *corners[::-1]]
        assert np.linalg.norm(points[36:42].mean(0) - five[0]) < 0.02
        assert np.linalg.norm(points[42:48].mean(0) - five[1]) < 0.02
        assert np.linalg.norm(points[30] - five[2]) < 0.006
        assert np.linalg.norm(points[48] - five[3]) < 0.012
        assert np.linalg.norm(points[54] - five[4]) < 0.012  # the five mark the fold, a centimetre deep


def gap(head: Head, person: Person, upper: int, lower: int, **changes: float) -> float:
    points: Floats = landmarks68(head, posed(head, person, at_rest(head, **changes)))
    return float(points[upper, 2] - points[lower, 2])


def test_landmarks_move_with_the_expression(head: Head, person: Person) -> None:
    assert gap(head, person, 62, 66, jawOpen=0.6) > gap(head, person, 62, 66) + 0.01
    blink = {"eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.9}
    assert gap(head, person, 37, 41, **blink) < 0.4 * gap(head, person, 37, 41)


@pytest.mark.parametrize("yaw", [0.0, 0.78, -0.78])
def test_the_box_holds_the_landmarks_and_little_more(head: Head, person: Person, yaw: float) -> None:
    positions = posed(head, person, at_rest(head, yaw=yaw, jawOpen=0.4))
    camera = Camera(1.2, np.array([[900.0, 0, 128], [0, 900.0, 128]]))
    pixels = camera.project(positions)
    points = camera.project(landmarks68(head, positions))[:, :2]
    x, y, width, height = face_box(head, pixels)
    assert (points >= (x, y)).all()
    assert (points <= (x + width + 1e-3, y + height + 1e-3)).all()
    assert y + height - points[8, 1] < 0.06 * height  # it ends at the chin
    assert points[17:27, 1].min() - y > 0.1 * height  # and holds the forehead
    assert 0.5 < width / height < 1.1
    assert np.ptp(points[:, 0]) > 0.8 * width
    nose = camera.project(positions[point_vertices(head)["nose_tip"]])[0]
    assert x < nose[0] < x + width
