"""What a set of pictures leaves out changes what its name says, and nothing else."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from kronface.errors import ConfigError
from kronface.synth.head import Head
from kronface.synth.person import Person, make_person
from kronface.synth.scene import Flaws, Scene, draw_scene
from kronface.synth.settings import INGREDIENTS, Rendering, ingredients
from kronface.synth.texture import window
from tests.synth.conftest import SEED

PEOPLE, IMAGES = range(12), range(10)

CHANGES: Mapping[str, set[str]] = {
    "expression": {"scene.actions", "scene.expression", "scene.smiling", "scene.mouth_open"},
    "gaze": {"scene.actions"},
    "lights": {"scene.lighting"},
    "shadows": {"scene.lighting"},
    "skin": {"painted"},
    "hair": {"habits.hair", "styling.hair"},
    "restyling": {"styling.hair"},
    "beard": {"appearance.beard", "painted"},
    "make-up": {"styling.make_up"},
    "spectacles": {"styling.spectacles"},
    "hats": {"styling.hat"},
    "occluders": {"styling.cover"},
    "clothes": {"styling.garment", "styling.earrings", "styling.necklace"},
    "background": {"scene.backdrop"},
    "camera": {"scene.distance"},
    "flaws": {"scene.flaws"},
}
"""Of everything that is drawn of people and their pictures."""


def bits(value: object) -> object:
    """A value that can be compared, arrays included."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if is_dataclass(value):
        return tuple(bits(getattr(value, field.name)) for field in fields(value))
    return value


def everything(head: Head, rendering: Rendering) -> dict[str, list[Any]]:
    """All that is drawn, by its name."""
    out: dict[str, list[Any]] = {}
    for number in PEOPLE:
        person = make_person(head, number, SEED, rendering)
        out.setdefault("neutral", []).append(bits(person.neutral))
        out.setdefault("labels", []).append(person.labels)
        if number < 3:
            out.setdefault("painted", []).append(bits(person.painted[0]))
            out.setdefault("brows", []).append(bits(person.painted[1]))
        parts: list[tuple[str, Any]] = [("appearance", person.appearance), ("habits", person.habits)]
        for image in IMAGES:
            parts += [("scene", draw_scene(head, SEED, number, image, rendering)), ("styling", person.styling(image))]
        for name, part in parts:
            for field in fields(part):
                out.setdefault(f"{name}.{field.name}", []).append(bits(getattr(part, field.name)))
    return out


@pytest.fixture(scope="module")
def usual(head: Head) -> dict[str, list[Any]]:
    return everything(head, Rendering())


def test_every_ingredient_is_looked_at() -> None:
    assert tuple(CHANGES) == INGREDIENTS


@pytest.mark.parametrize("name", INGREDIENTS)
def test_leaving_out_changes_what_it_should_and_nothing_else(
    head: Head, usual: dict[str, list[Any]], name: str
) -> None:
    found = everything(head, Rendering(without=(name,)))
    changed = {part for part, values in found.items() if values != usual[part]}
    assert changed == CHANGES[name]


def scenes(head: Head, name: str) -> list[Scene]:
    return [draw_scene(head, SEED, number, image, Rendering(without=(name,))) for number in PEOPLE for image in IMAGES]


def people(head: Head, name: str) -> list[Person]:
    return [make_person(head, number, SEED, Rendering(without=(name,))) for number in PEOPLE]


def test_what_is_left_of_scenes(head: Head) -> None:
    gaze = [number for number, action in enumerate(head.actions) if action.startswith("eyeLook")]
    lids = [number for number, action in enumerate(head.actions) if action.startswith("eyeBlink")]
    for scene in scenes(head, "expression"):
        moved = np.flatnonzero(scene.actions)
        assert set(moved) <= {*gaze, *lids}
        assert (scene.expression, scene.smiling, scene.mouth_open) == ("rest", False, False)
    for scene, drawn in zip(scenes(head, "gaze"), scenes(head, "flaws"), strict=True):
        assert not scene.actions[gaze].any()
        others = np.setdiff1d(np.arange(len(head.actions)), [*gaze, *lids])
        np.testing.assert_array_equal(scene.actions[others], drawn.actions[others])
    assert len({bits(scene.lighting) for scene in scenes(head, "lights")}) == 1
    assert all(len(scene.lighting.directions) == 1 for scene in scenes(head, "lights"))
    for scene, drawn in zip(scenes(head, "shadows"), scenes(head, "flaws"), strict=True):
        assert scene.lighting.dark == 0.0
        assert bits(replace(scene.lighting, dark=drawn.lighting.dark)) == bits(drawn.lighting)
    assert {scene.backdrop for scene in scenes(head, "background")} == {-1}
    assert {scene.distance for scene in scenes(head, "camera")} == {1.2}
    assert {scene.flaws for scene in scenes(head, "flaws")} == {Flaws()}


def test_what_is_left_of_people(head: Head) -> None:
    def styles(name: str) -> list[Any]:
        return [(person, person.styling(image)) for person in people(head, name) for image in IMAGES]

    assert all(style.hair == person.habits.hair for person, style in styles("restyling"))
    for person, style in styles("hair"):
        assert style.hair == person.habits.hair
        assert style.hair.length == ("bald" if person.appearance.bald else "cropped")
        assert (style.hair.tied, style.hair.bangs, style.hair.parting) == ("", False, 0.0)
    assert {person.appearance.beard for person in people(head, "beard")} == {"none"}
    assert {style.make_up for _, style in styles("make-up")} == {0.0}
    assert {style.spectacles for _, style in styles("spectacles")} == {None}
    assert {style.hat for _, style in styles("hats")} == {""}
    assert {style.cover for _, style in styles("occluders")} == {""}
    garments = {(style.garment, style.earrings, style.necklace) for _, style in styles("clothes")}
    ((garment, *jewels),) = garments
    assert garment.cloth == garment.second
    assert jewels == [False, False]
    (texture, _), (other, _) = (person.painted for person in people(head, "skin")[:2])
    for surface in (texture, other):  # even but for what is painted on lids, lips, brows and nostrils
        place = window((0.45, 0.6), (0.685, 0.7))
        cheek = surface[place.rows, place.columns, :3]
        assert np.ptp(cheek.reshape(-1, 3), axis=0).max() < 1e-6


def test_ingredients_as_they_are_written() -> None:
    assert ingredients("hats, beard,,hats ") == ("beard", "hats")
    assert ingredients(["skin", "flaws"]) == ("flaws", "skin")
    assert ingredients("") == ()
    assert not Rendering(without=("hats",)).has("hats")
    assert Rendering(without=("hats",)).has("hair")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_yaw_rad": 1.6}, "between 0 and 1.571"),
        ({"max_yaw_rad": -0.1}, "between 0 and 1.571"),
        ({"max_yaw_rad": float("nan")}, "between 0 and 1.571"),
        ({"pitch_rad": -0.1}, "between 0 and 0.5"),
        ({"pitch_rad": float("nan")}, "between 0 and 0.5"),
        ({"without": ("hat",)}, "unknown ingredient 'hat'"),
        ({"label_noise": "much"}, "choose one of none, flips, appearance"),
    ],
)
def test_impossible_settings_are_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Rendering(**arguments)
