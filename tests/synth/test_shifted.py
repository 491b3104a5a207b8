"""The other world lies outside of the usual one, and leaves it as it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kronface.cli.main import main
from kronface.errors import ConfigError
from kronface.faces.detect import YuFaceDetector
from kronface.synth.camera import background
from kronface.synth.head import load_head
from kronface.synth.picture import take_picture
from kronface.synth.scene import Flaws, draw_scene
from kronface.synth.settings import Rendering
from kronface.synth.shifted import PATTERNS, damage

SHIFTED = Rendering(world="shifted", max_yaw_rad=0.9)


def test_its_scenes_are_not_those_of_the_usual_world() -> None:
    head = load_head()
    for person in range(6):
        for image in range(10):
            usual = draw_scene(head, 3, person, image, replace(SHIFTED, world="usual"))
            shifted = draw_scene(head, 3, person, image, SHIFTED)
            assert 0.35 <= abs(shifted.yaw) <= 0.9 or abs(shifted.pitch) >= 0.28
            assert not 0.65 <= shifted.distance <= 3.0
            assert shifted.lighting.sky[0] < 0.135 < usual.lighting.sky[0]
            assert shifted.backdrop >= PATTERNS > usual.backdrop
            assert shifted.flaws.contrast >= 1.25
            assert shifted.flaws.damaged
            assert not usual.flaws.damaged
            assert usual.yaw == draw_scene(head, 3, person, image, Rendering(max_yaw_rad=0.9)).yaw


def test_the_same_person_with_the_same_labels_whom_the_detector_finds() -> None:
    found = []
    for image in range(6):
        usual, shifted = (take_picture(3, 1, image, framing="portrait", rendering=r) for r in (Rendering(), SHIFTED))
        assert usual.labels == shifted.labels
        assert not np.array_equal(usual.image, shifted.image)
        again = take_picture(3, 1, image, framing="portrait", rendering=SHIFTED)
        np.testing.assert_array_equal(again.image, shifted.image)
        found.append(bool(YuFaceDetector().detect(shifted.image)))
    assert sum(found) >= 5


def test_what_is_done_to_pictures() -> None:
    grey = np.full((40, 30, 3), 130, np.uint8)
    np.testing.assert_array_equal(damage(grey, Flaws()), grey)
    corners = damage(grey, Flaws(corners=0.8))
    assert corners[0, 0, 0] == round(130 * 0.2)
    assert corners[20, 15, 0] > 128
    sepia = damage(grey, Flaws(sepia=True))
    assert sepia[0, 0, 0] > sepia[0, 0, 1] > sepia[0, 0, 2]
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    assert len(np.unique(damage(noise, Flaws(tones=5)))) == 5
    assert np.abs(damage(noise, Flaws(old_quality=10)).astype(int) - noise).mean() > 10
    two = background(PATTERNS + 5, 40, 30)
    assert len(np.unique(two.reshape(-1, 3), axis=0)) == 2


def test_writing_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["synth", "write", str(tmp_path / "a"), "--layout", "folder", "--identities", "1", "--images", "1"]
    assert main([*command, "--world", "shifted", "--workers", "1"]) == 0
    assert main([*command, "--world", "usual"]) == 2
    assert "other arguments" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="usual, shifted"):
        Rendering(world="martian")
