import numpy as np
import pytest
from scipy.stats import binom, norm

from kronface.synth.head import Head
from kronface.synth.scene import BLURRY, EXPRESSIONS, OPEN, SMILE, SMILING, Flaws, Scene, draw_scene, rotation
from kronface.synth.settings import Rendering

COUNT = 1500


@pytest.fixture(scope="module")
def scenes(head: Head) -> list[Scene]:
    return [draw_scene(head, 1, image // 10, image % 10) for image in range(COUNT)]


def binomial(count: int, rate: float, looks: int = 1) -> bool:
    """Whether a count lies within 99 % of its distribution, with all of so many that are looked at together."""
    low, high = binom.interval(1 - 0.01 / looks, COUNT, rate)
    return bool(low <= count <= high)


def test_scenes_vary_within_what_is_promised(scenes: list[Scene]) -> None:
    assert {len(scene.lighting.directions) for scene in scenes} == {1, 2, 3}
    for scene in scenes:
        assert scene.actions.min() >= 0
        assert scene.actions.max() <= 1
        assert abs(scene.pitch) <= 0.5
        assert abs(scene.roll) <= 0.4
        assert 0.65 <= scene.distance <= 3.0
        assert 0.2 <= scene.body_turn <= 0.8
        lighting = scene.lighting
        np.testing.assert_allclose(np.linalg.norm(lighting.directions, axis=1), 1, atol=1e-6)
        assert lighting.colours.min() > 0
        assert min(*lighting.sky, *lighting.ground) > 0
        assert 0.5 <= lighting.dark <= 0.88
        assert 45 <= scene.flaws.quality <= 96
    ahead = np.array([scene.lighting.directions[0, 1] for scene in scenes])
    assert (ahead < 0).mean() > 0.95  # the main light rarely stands behind
    behind = [scene.lighting.directions[2, 1] for scene in scenes if len(scene.lighting.directions) == 3]
    assert np.mean(np.array(behind) > 0) > 0.9  # the third one mostly does


def test_expressions_have_the_shares_that_are_told(scenes: list[Scene], head: Head) -> None:
    assert sum(share for share, _ in EXPRESSIONS.values()) == pytest.approx(1)
    kinds = [scene.expression for scene in scenes]
    for kind, (share, _) in EXPRESSIONS.items():
        assert binomial(kinds.count(kind), share, len(EXPRESSIONS)), kind
    smile = [head.actions.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    for scene in scenes:
        assert scene.smiling == (scene.actions[smile].astype(np.float64).mean() > SMILE)
        assert scene.mouth_open == (scene.actions[head.actions.index("jawOpen")] > OPEN)
        assert not scene.smiling or scene.expression in SMILING
    # Nearly every smile that is meant can be seen.
    meant = sum(EXPRESSIONS[kind][0] for kind in SMILING)
    assert meant - 0.06 < np.mean([scene.smiling for scene in scenes]) < meant + 0.04


def test_every_action_is_used(scenes: list[Scene], head: Head) -> None:
    used = np.any([scene.actions > 0 for scene in scenes], axis=0)
    assert all(used)
    # Both eyes look the same way.
    across = {name: np.array([scene.actions[head.actions.index(name)] for scene in scenes]) for name in head.actions}
    np.testing.assert_array_equal(across["eyeLookOutLeft"], across["eyeLookInRight"])
    np.testing.assert_array_equal(across["eyeLookInLeft"], across["eyeLookOutRight"])
    assert not (across["eyeLookOutLeft"] * across["eyeLookInLeft"]).any()
    assert across["eyeLookOutLeft"].std() > 0.05


def test_yaw_reaches_the_profile_and_no_farther(scenes: list[Scene]) -> None:
    yaw = np.abs([scene.yaw for scene in scenes])
    assert yaw.max() <= 1.309
    for limit in (0.35, 0.785, 1.0):  # the shares beyond follow from the two parts of the distribution
        share = 0.86 * 2 * norm.sf(limit / 0.29) + 0.14 * (1.309 - limit) / 1.309
        assert binomial(int((yaw > limit).sum()), share, 3), limit
    assert (yaw > 1.0).any()
    assert binomial(sum(scene.yaw > 0 for scene in scenes), 0.5)


@pytest.mark.parametrize("limit", [0.0, 0.05, 0.35, 0.785, 1.309])
def test_yaw_stays_within_its_limit(head: Head, limit: float) -> None:
    rendering = Rendering(max_yaw_rad=limit)
    yaw = np.abs([draw_scene(head, 2, 0, image, rendering).yaw for image in range(150)])
    assert yaw.max() <= limit
    assert yaw.max() >= 0.7 * limit
    if limit == 0.785:  # what lies within is what would have been drawn anyway
        usual = np.abs([draw_scene(head, 2, 0, image).yaw for image in range(150)])
        assert (yaw == usual)[usual <= limit].all()


@pytest.mark.parametrize("deviation", [0.0, 0.2])
def test_heads_nod_as_far_as_is_asked(head: Head, deviation: float) -> None:
    scenes = [draw_scene(head, 2, 0, image, Rendering(pitch_rad=deviation)) for image in range(400)]
    pitch = np.array([scene.pitch for scene in scenes])
    assert pitch.std() == pytest.approx(deviation, rel=0.15)
    usual = [draw_scene(head, 2, 0, image) for image in range(3)]
    assert [scene.roll for scene in scenes[:3]] == [scene.roll for scene in usual]  # nothing else changes


def test_flaws_are_rare(scenes: list[Scene]) -> None:
    flaws = [scene.flaws for scene in scenes]
    for rate, count in (
        (0.04, sum(flaw.grey for flaw in flaws)),
        (0.06, sum(flaw.shrink > 1 for flaw in flaws)),
        (0.025, sum(flaw.motion != (0.0, 0.0) for flaw in flaws)),
        (0.06 + 0.94 * 2 * norm.sf(0.5 / 0.16), sum(abs(np.log(flaw.exposure)) > 0.5 for flaw in flaws)),
    ):
        assert binomial(int(count), rate, 4)
    assert 0.03 < np.mean([flaw.blurry for flaw in flaws]) < 0.12
    assert Flaws().blurry is False
    assert Flaws(blur=BLURRY + 0.01).blurry
    assert Flaws(motion=(0.0, 2 * BLURRY + 0.1)).blurry
    assert not Flaws(blur=BLURRY - 0.01).blurry


def test_a_scene_depends_on_its_numbers_alone(head: Head) -> None:
    once, again = draw_scene(head, 1, 2, 3), draw_scene(head, 1, 2, 3)
    np.testing.assert_array_equal(once.actions, again.actions)
    assert (once.yaw, once.backdrop, once.flaws) == (again.yaw, again.backdrop, again.flaws)
    for other in (draw_scene(head, 2, 2, 3), draw_scene(head, 1, 3, 3), draw_scene(head, 1, 2, 4)):
        assert once.yaw != other.yaw


def test_rotation_turns_about_each_axis() -> None:
    forward = np.array([0.0, -1.0, 0.0])
    np.testing.assert_allclose(rotation(np.pi / 2, 0, 0) @ forward, [1, 0, 0], atol=1e-12)
    assert (rotation(0, 0.3, 0) @ forward)[2] > 0  # positive pitch looks up
    assert (rotation(0, 0, 0.3) @ np.array([0.0, 0.0, 1.0]))[0] > 0
    for angles in ((0.4, 0.2, -0.1), (-1, 0.1, 0.3)):
        turned = rotation(*angles)
        np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turned) == pytest.approx(1)
