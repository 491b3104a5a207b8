"""Noise as frequent as in CelebA: κ and base rates of both kinds on drawn people, without rendering."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from kronface.data.attributes import PREDICTED
from kronface.errors import ConfigError
from kronface.synth.head import Head
from kronface.synth.labels import THRESHOLDS, measure, measured_places
from kronface.synth.noise import (
    JUDGES,
    KAPPA,
    RATES,
    annotate,
    draw_judgements,
    find_judges,
    flip_probabilities,
    flipped,
    judge,
    kappa,
    noisy_labels,
    posed_points,
)
from kronface.synth.person import Person
from kronface.synth.scene import Scene, draw_scene
from kronface.synth.settings import Rendering
from tests.synth.conftest import SEED

WIDTH = 3.29
"""Standard errors on either side of 99.9 %: eleven attributes together stay inside with 99 %."""


def kappa_by_counting(labels: NDArray[np.integer]) -> float:
    """From all ordered pairs of pictures of the same and of any person."""
    first, second = labels.ravel(), labels[:, ::-1].ravel()
    agree = sum(int(a == b) for a, b in zip(first, second, strict=True)) / len(first)
    ones = int(first.sum())
    chance = (ones / len(first)) ** 2 + (1 - ones / len(first)) ** 2
    return (agree - chance) / (1 - chance)


def spread_of_kappa(labels: NDArray[np.integer]) -> float:
    """Standard error of κ over people, by the delta method at a fixed rate."""
    rate = labels.mean()
    return float((labels[:, 0] != labels[:, 1]).std() / (2 * rate * (1 - rate)) / np.sqrt(len(labels)))


def test_kappa_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random((400, 2)) < rng.choice((0.2, 0.8), (400, 1))).astype(np.int8)
    assert kappa(labels) == pytest.approx(kappa_by_counting(labels))
    assert kappa(np.array([[1, 1], [0, 0]])) == 1
    assert kappa(np.array([[1, 0], [0, 1]])) == -1


@pytest.mark.parametrize("name", PREDICTED)
def test_flips_have_celebas_kappa_and_keep_the_rate(name: str) -> None:
    rng = np.random.default_rng(PREDICTED.index(name))
    people, rate = 100_000, RATES[name]
    true = (rng.random(people) < rate).astype(np.int8)
    labels = np.stack([flipped(true, rng.random(people), name) for _ in range(2)], 1)
    assert kappa(labels) == pytest.approx(KAPPA[name], abs=WIDTH * spread_of_kappa(labels))
    assert labels[:, 0].mean() == pytest.approx(rate, abs=WIDTH * np.sqrt(rate * (1 - rate) / people))
    lost, gained = flip_probabilities(rate, KAPPA[name])
    assert (1 - lost - gained) ** 2 == pytest.approx(KAPPA[name])
    assert rate * (1 - lost) + (1 - rate) * gained == pytest.approx(rate)


def test_judging_appearance_has_celebas_kappa_and_keeps_the_rate() -> None:
    people = 500
    own, moved, misled = draw_judgements(people, seed=4)
    for name in PREDICTED:
        each = {name: own[name].repeat(2)}
        flat = ({name: part[name].ravel()} for part in (moved, misled))
        labels = judge(name, each, *flat).reshape(people, 2)
        true = own[name] > (dict(THRESHOLDS) | {"Male": 0.5})[name]
        # The noise moves the rate of those who were drawn by chance alone: by the labels that it turned.
        turned = np.abs(labels - true[:, None]).mean()
        assert labels.mean() == pytest.approx(true.mean(), abs=WIDTH * np.sqrt(turned / people) + 1 / people), name
        if true.sum() >= 20:
            assert kappa(labels) == pytest.approx(KAPPA[name], abs=WIDTH * spread_of_kappa(labels)), name
    assert set(JUDGES) == set(PREDICTED)


def seen(head: Head, person: Person, scene: Scene) -> NDArray[np.float64]:
    rest = measured_places(head).on(person.neutral)
    points: NDArray[np.float64] = posed_points(head, rest[None], [scene])[0]
    return points


def test_a_set_is_annotated_as_its_pictures_are(head: Head, person: Person) -> None:
    number = person.identity.number
    labels = annotate(number + 1, SEED, images=6, judges=JUDGES)
    for image in range(6):
        scene = draw_scene(head, SEED, number, image)
        wanted = noisy_labels("appearance", person, image=image, scene=scene, points=seen(head, person, scene))
        assert {name: int(labels[name][number, image]) for name in PREDICTED} == {
            name: wanted[name] for name in PREDICTED
        }


def test_plainer_scenes_have_judges_of_their_own() -> None:
    """Where heads turn less, less misleads: with the usual judges, labels would agree too well."""
    plain = Rendering(max_yaw_rad=0.1, without=("expression", "flaws"))
    judges, reached = find_judges(500, seed=4, rendering=plain)
    own, moved, misled = draw_judgements(500, seed=4, rendering=plain)
    usual = kappa(judge("Big_Nose", {"Big_Nose": own["Big_Nose"][:, None]}, moved, misled))
    assert usual > KAPPA["Big_Nose"] + 0.1
    for name in ("Big_Nose", "High_Cheekbones", "Oval_Face", "Young"):
        labels = judge(name, {name: own[name][:, None]}, moved, misled, judges=judges)
        assert kappa(labels) == pytest.approx(reached[name])
        assert reached[name] == pytest.approx(KAPPA[name], abs=0.05), name


def test_noise_is_off_or_repeats_itself(head: Head, person: Person) -> None:
    scenes = [draw_scene(head, SEED, 2, image) for image in range(40)]
    drawn: dict[str, list[dict[str, int]]] = {}
    for kind in ("none", "flips", "appearance"):
        for _ in range(2):
            drawn[kind] = [
                noisy_labels(kind, person, image=image, scene=scene, points=seen(head, person, scene))
                for image, scene in enumerate(scenes)
            ]
            assert drawn[kind] == drawn.setdefault(f"{kind} again", drawn[kind])
    assert all(labels == person.labels for labels in drawn["none"])  # constant over a person's pictures
    for kind in ("flips", "appearance"):
        assert any(labels != person.labels for labels in drawn[kind])
        assert {name for labels in drawn[kind] for name in labels} == set(person.labels)
    with pytest.raises(ConfigError, match="choose one of none, flips, appearance"):
        noisy_labels("some", person, image=0, scene=scenes[0], points=seen(head, person, scenes[0]))


def test_appearance_follows_what_is_seen(head: Head, crowd: list[Person]) -> None:
    """Screwed-up eyes are called narrow sooner than wide ones, of whoever has eyes between the two."""
    narrow = [measure(head, who.identity)["Narrow_Eyes"] for who in crowd]
    person = crowd[int(np.abs(np.array(narrow) - THRESHOLDS["Narrow_Eyes"]).argmin())]
    scene = draw_scene(head, SEED, person.identity.number, 0)
    actions = {}
    for name, strength in (("eyeBlink", 0.6), ("eyeWide", 0.8)):
        values = np.zeros(len(head.actions), np.float32)
        for side in ("Left", "Right"):
            values[head.actions.index(name + side)] = strength
        actions[name] = values
    labels = {
        name: noisy_labels(
            "appearance",
            person,
            image=0,
            scene=(posed := replace(scene, actions=values, yaw=0.0, pitch=0.0, roll=0.0)),
            points=seen(head, person, posed),
        )["Narrow_Eyes"]
        for name, values in actions.items()
    }
    assert labels == {"eyeBlink": 1, "eyeWide": 0}
