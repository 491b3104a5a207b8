import numpy as np

from kronface.synth.head import Head
from kronface.synth.scene import draw_scene


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
