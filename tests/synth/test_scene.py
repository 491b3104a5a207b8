import numpy as np
import pytest

from kronface.synth.head import Head
from kronface.synth.scene import MIDDLE, draw_scene, meter


def test_scenes_vary_within_what_is_promised(head: Head) -> None:
    scenes = [draw_scene(head, 1, 0, image) for image in range(400)]
    yaw = np.array([scene.yaw for scene in scenes])
    assert np.abs(yaw).max() < np.radians(45)
    assert np.std(yaw) > np.radians(12)
    assert 0.35 < np.mean([scene.smiling for scene in scenes]) < 0.62
    assert {len(scene.lighting.directions) for scene in scenes} == {1, 2, 3}
    for scene in scenes:
        assert scene.actions.min() >= 0
        assert scene.actions.max() <= 1
    gaze = head.actions.index("eyeLookOutLeft")
    assert np.std([scene.actions[gaze] for scene in scenes]) > 0.05


def test_a_scene_depends_on_its_numbers_alone(head: Head) -> None:
    once, again = draw_scene(head, 1, 2, 3), draw_scene(head, 1, 2, 3)
    np.testing.assert_array_equal(once.actions, again.actions)
    assert (once.yaw, once.backdrop) == (again.yaw, again.backdrop)
    for other in (draw_scene(head, 2, 2, 3), draw_scene(head, 1, 3, 3), draw_scene(head, 1, 2, 4)):
        assert once.yaw != other.yaw


def test_metering_evens_out_faces_and_looks_at_nothing_else() -> None:
    picture = np.full((40, 60, 3), 5.0, np.float32)
    picture[10:20, 10:30] = 0.05
    places = np.array([[12, 12], [26, 12], [20, 14], [14, 17], [24, 17]], np.float32)
    assert meter(picture, places) == pytest.approx((MIDDLE / 0.05) ** 0.6, rel=1e-5)
    picture[10:20, 10:30] = MIDDLE
    assert meter(picture, places) == pytest.approx(1)
    assert 0 < meter(picture, places - 100) < 1  # a face beside the picture
