"""Attributes that the picture decides: by hand, for every one of them."""

from dataclasses import replace

import numpy as np
import pytest

from kronface.data.attributes import CELEBA, PREDICTED
from kronface.synth.attributes import known_attributes
from kronface.synth.head import Head
from kronface.synth.person import Person
from kronface.synth.scene import Flaws, Scene, draw_scene
from kronface.synth.styling import Styling, draw_spectacles
from tests.synth.conftest import SEED


@pytest.fixture
def scene(head: Head) -> Scene:
    return replace(draw_scene(head, SEED, 2, 0), flaws=Flaws(), smiling=False, mouth_open=False)


@pytest.fixture
def man(crowd: list[Person]) -> Person:
    return next(who for who in crowd if who.identity.male and not who.appearance.bald)


@pytest.fixture
def bare(man: Person) -> Styling:
    worn = man.styling(0)
    hair = replace(worn.hair, length="short", curl=0.0, bangs=False, colour="brown", tied="")
    garment = replace(worn.garment, kind=0)
    return replace(
        worn,
        hair=hair,
        garment=garment,
        spectacles=None,
        hat="",
        cover="",
        make_up=0.0,
        earrings=False,
        necklace=False,
        shaven=False,
    )


def with_look(person: Person, **changes: object) -> Person:
    look = replace(person.appearance, **changes)  # type: ignore[arg-type]
    return replace(person, appearance=look)


def test_everything_but_an_opinion_is_known(man: Person, scene: Scene, bare: Styling) -> None:
    known = known_attributes(man, scene, bare)
    assert set(CELEBA) - set(known) == {"Attractive"}
    assert set(known) <= set(CELEBA)
    assert set(known.values()) <= {0, 1}
    assert {name: known[name] for name in PREDICTED} == {name: man.labels[name] for name in PREDICTED}


def test_what_is_worn_counts(man: Person, scene: Scene, bare: Styling) -> None:
    pair = draw_spectacles(np.random.default_rng(0), dark=False)
    hair = bare.hair
    changes: dict[str, tuple[Styling, set[str]]] = {
        "spectacles": (replace(bare, spectacles=pair), {"Eyeglasses"}),
        "hat": (replace(bare, hat="beanie"), {"Wearing_Hat", "Straight_Hair"}),
        "earrings": (replace(bare, earrings=True), {"Wearing_Earrings"}),
        "necklace": (replace(bare, necklace=True), {"Wearing_Necklace"}),
        "tie": (replace(bare, garment=replace(bare.garment, kind=3)), {"Wearing_Necktie"}),
        "lipstick": (replace(bare, make_up=0.45), {"Wearing_Lipstick"}),
        "make-up": (replace(bare, make_up=0.7), {"Wearing_Lipstick", "Heavy_Makeup"}),
        "waves": (replace(bare, hair=replace(hair, curl=0.5)), {"Straight_Hair", "Wavy_Hair"}),
        "between": (replace(bare, hair=replace(hair, curl=0.2)), {"Straight_Hair"}),
        "colour": (replace(bare, hair=replace(hair, colour="blond")), {"Brown_Hair", "Blond_Hair"}),
        "red": (replace(bare, hair=replace(hair, colour="red")), {"Brown_Hair"}),
    }
    plain = with_look(man, beard="none", hair_front=0.79, hair_recess=0.0, marks=replace(man.appearance.marks, flush=0))
    before = known_attributes(plain, scene, bare)
    for name, (worn, expected) in changes.items():
        after = known_attributes(plain, scene, worn)
        assert {key for key in after if after[key] != before[key]} == expected, name
    fringe = replace(bare, hair=replace(hair, bangs=True))
    assert known_attributes(plain, scene, fringe)["Bangs"] == 1
    assert known_attributes(plain, scene, replace(fringe, hat="peaked"))["Bangs"] == 0
    receding = with_look(plain, hair_front=0.815)
    assert known_attributes(receding, scene, bare)["Receding_Hairline"] == 1
    assert known_attributes(receding, scene, fringe)["Receding_Hairline"] == 0


@pytest.mark.parametrize(
    ("beard", "shaven", "expected"),
    [
        ("none", False, {"No_Beard"}),
        ("stubble", False, {"No_Beard", "5_o_Clock_Shadow"}),
        ("stubble", True, {"No_Beard", "5_o_Clock_Shadow"}),
        ("moustache", False, {"Mustache"}),
        ("goatee", False, {"Mustache", "Goatee"}),
        ("full", False, {"Mustache", "Goatee", "Sideburns"}),
        ("full", True, {"No_Beard"}),
    ],
)
def test_beards_have_their_names(
    man: Person, scene: Scene, bare: Styling, beard: str, shaven: bool, expected: set[str]
) -> None:
    names = {"No_Beard", "5_o_Clock_Shadow", "Mustache", "Goatee", "Sideburns"}
    person = with_look(man, beard=beard, hair_beside=0.7)
    known = known_attributes(person, scene, replace(bare, shaven=shaven))
    assert {name for name in names if known[name]} == expected


def test_scenes_count(man: Person, scene: Scene, bare: Styling) -> None:
    before = known_attributes(man, scene, bare)
    for changed, name in (
        (replace(scene, smiling=True), "Smiling"),
        (replace(scene, mouth_open=True), "Mouth_Slightly_Open"),
        (replace(scene, flaws=Flaws(blur=2.0)), "Blurry"),
    ):
        after = known_attributes(man, changed, bare)
        assert {key for key in after if after[key] != before[key]} == {name}


def test_the_bald_have_no_hair_colour(man: Person, scene: Scene, bare: Styling) -> None:
    bald = replace(bare, hair=replace(bare.hair, length="bald", colour="black"))
    known = known_attributes(with_look(man, bald=True), scene, bald)
    colours = ("Black_Hair", "Brown_Hair", "Blond_Hair", "Gray_Hair", "Straight_Hair", "Wavy_Hair")
    assert [known[name] for name in colours] == [0] * 6
