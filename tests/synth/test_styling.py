"""What people wear: habits, rates, and what a redrawn person keeps."""

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.stats import binom

from kronface.synth.accessories import COVERS, HATS
from kronface.synth.head import Head
from kronface.synth.person import Person, make_person
from kronface.synth.scene import draw_scene
from kronface.synth.settings import Rendering
from kronface.synth.styling import (
    COVER_RATE,
    HAT_RATE,
    KEEPS_STYLE,
    LENGTHS,
    SUNGLASSES_RATE,
    Styling,
    draw_hair_style,
    draw_styling,
)
from tests.synth.conftest import SEED

IMAGES = 20


@pytest.fixture(scope="module")
def worn(crowd: list[Person]) -> list[tuple[Person, Styling]]:
    return [(person, person.styling(image)) for person in crowd for image in range(IMAGES)]


def binomial(count: int, total: int, rate: float) -> bool:
    """Whether a count lies within the central 99 % of its distribution."""
    low, high = binom.interval(0.99, total, rate)
    return bool(low <= count <= high)


def dark(worn: Styling) -> bool:
    return worn.spectacles is not None and max(worn.spectacles.tint) < 0.2


def test_rates_are_those_that_are_told(worn: list[tuple[Person, Styling]]) -> None:
    total = len(worn)
    assert binomial(sum(style.hat != "" for _, style in worn), total, HAT_RATE)
    assert binomial(sum(style.cover != "" for _, style in worn), total, COVER_RATE)
    assert binomial(sum(dark(style) for _, style in worn), total, SUNGLASSES_RATE)
    assert {style.hat for _, style in worn} == {"", *HATS}
    assert {style.cover for _, style in worn} == {"", *COVERS}


def test_most_pictures_show_the_usual_hair(worn: list[tuple[Person, Styling]]) -> None:
    usual = sum(style.hair == person.habits.hair for person, style in worn)
    assert binomial(usual, len(worn), KEEPS_STYLE)
    others = [(person, style.hair) for person, style in worn if style.hair != person.habits.hair]
    assert all(hair.colour == person.appearance.hair_colour for person, hair in others)  # restyled, not dyed
    assert all((hair.length == "bald") == person.appearance.bald for person, hair in others)


def test_who_wears_spectacles_wears_the_same_ones(worn: list[tuple[Person, Styling]], crowd: list[Person]) -> None:
    owners = [person for person in crowd if person.habits.spectacles is not None]
    assert 2 <= len(owners) <= 20
    pictures = [(person, style) for person, style in worn if person.habits.spectacles is not None and not dark(style)]
    kept = sum(style.spectacles == person.habits.spectacles for person, style in pictures)
    assert binomial(kept, len(pictures), 0.88)
    assert all(style.spectacles in (None, person.habits.spectacles) for person, style in pictures)
    for person, style in worn:
        if person.habits.spectacles is None:
            assert style.spectacles is None or dark(style)


def test_men_wear_no_make_up_and_women_their_own_amount(worn: list[tuple[Person, Styling]]) -> None:
    for person, style in worn:
        if person.identity.male:
            assert style.make_up == 0.0
        assert 0.0 <= style.make_up <= 1.0
        assert not style.earrings or person.habits.earrings
        assert not style.necklace or person.habits.necklace
    means = np.array(
        [
            [style.make_up for who, style in worn if who is person]
            for person in dict.fromkeys(who for who, _ in worn)
            if not person.identity.male and 0.3 < person.habits.make_up < 0.7
        ]
    )
    assert np.ptp(means.mean(1)) > 0.2
    assert means.std(1).mean() == pytest.approx(0.15, abs=0.03)


def test_hair_styles_are_possible(crowd: list[Person]) -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for person in crowd * 4:
        hair = draw_hair_style(rng, person.identity, person.appearance, colour=False)
        seen.add(hair.length)
        assert (hair.length == "bald") == person.appearance.bald
        assert 0 <= hair.curl <= 1
        assert 0 < hair.thickness < 0.06
        assert 0 < hair.sides <= 1
        assert not hair.tied or hair.length == "long"
        assert not (hair.bangs and (hair.tied or hair.parting or hair.length in ("bald", "cropped")))
        assert (hair.colour, hair.tint) == (person.appearance.hair_colour, person.appearance.hair)
    assert seen >= set(LENGTHS)


def test_a_styling_depends_on_its_numbers_alone(crowd: list[Person]) -> None:
    person = crowd[3]
    own = [draw_styling(person.identity, person.appearance, person.habits, k, person.rendering) for k in (4, 1, 4)]
    assert own[0] == own[2] == person.styling(4)
    assert own[0] != own[1]


def test_redrawn_people_keep_shape_and_skin_alone(head: Head, crowd: list[Person]) -> None:
    numbers = range(8)
    usual = [crowd[number] for number in numbers]
    redrawn = [make_person(head, number, SEED, Rendering(redrawn=True)) for number in numbers]
    for one, other in zip(usual, redrawn, strict=True):
        np.testing.assert_array_equal(one.neutral, other.neutral)
        for before, after in zip(one.painted, other.painted, strict=True):
            np.testing.assert_array_equal(before, after)
        assert one.appearance == other.appearance
        assert one.labels == other.labels
        styles = [other.styling(image) for image in range(IMAGES)]
        for name in ("hair", "garment"):
            assert len({getattr(style, name) for style in styles}) == IMAGES, name
        assert other.habits.hair not in {style.hair for style in styles}
        assert len({style.hair.colour for style in styles}) > 1
        backdrops = {draw_scene(head, SEED, other.identity.number, image).backdrop for image in range(IMAGES)}
        assert len(backdrops) == IMAGES
        same = [field.name for field in fields(Styling) if field.name not in ("hair", "spectacles")]
        for image, style in enumerate(styles):  # the rest is as it would have been
            usually = one.styling(image)
            assert all(getattr(style, name) == getattr(usually, name) for name in same)
    pairs = [person.styling(image).spectacles for person in redrawn for image in range(100)]
    assert binomial(sum(pair is not None for pair in pairs), len(pairs), 1 - 0.9 * (1 - SUNGLASSES_RATE))
    assert len({pair for pair in pairs if pair is not None}) == sum(pair is not None for pair in pairs)


def test_a_dark_face_wears_darker_lipstick(crowd: list[Person]) -> None:
    person = crowd[1]
    light, black = (
        draw_styling(person.identity, replace(person.appearance, tone=tone), person.habits, 0, person.rendering)
        for tone in (0.0, 1.0)
    )
    np.testing.assert_allclose(np.array(black.lipstick), 0.35 * np.array(light.lipstick))
