"""The fixed look of people: within its ranges, and by who they are."""

from dataclasses import fields

import numpy as np
from scipy.stats import binom

from kronface.synth.appearance import DARK, HAIR_COLOURS, PALE, draw_appearance, draw_hair_colour, paint_face
from kronface.synth.facial_hair import BEARDS
from kronface.synth.head import Head
from kronface.synth.identity import draw_identity
from kronface.synth.person import Person


def test_looks_are_possible(crowd: list[Person]) -> None:
    for person in crowd:
        look = person.appearance
        assert 0 <= look.tone <= 1
        for colour in (look.skin, look.lips, look.iris, look.hair):
            assert all(0 < value < 1 for value in colour)
        line = (1 - look.tone) * np.log(PALE) + look.tone * np.log(DARK)
        assert np.abs(np.log(look.skin) - line).max() < 0.4
        assert look.skin[0] > look.skin[1] > look.skin[2] * 0.9  # all skin is reddish
        assert look.beard in BEARDS
        assert look.hair_colour in HAIR_COLOURS
        assert look.beard == "none" or person.identity.male
        assert look.bald == bool(person.labels["Bald"])
        assert all(getattr(look.marks, field.name) >= 0 for field in fields(look.marks))
        assert 0 < look.brows.start < look.brows.end < 0.6
        assert 0.0022 <= look.brows.width <= 0.0095
        assert 0.77 < look.hair_front < 0.84


def test_skin_tones_span_the_human_range_by_ancestry(crowd: list[Person]) -> None:
    tones = np.array([person.appearance.tone for person in crowd])
    ancestries = np.array([[person.identity.phenotypes[k] for k in ("african", "caucasian")] for person in crowd])
    assert tones.min() < 0.08
    assert tones.max() > 0.75
    assert np.corrcoef(tones, ancestries[:, 0])[0, 1] > 0.8
    assert np.corrcoef(tones, ancestries[:, 1])[0, 1] < -0.5


def test_beards_have_the_rates_that_are_told(head: Head) -> None:
    men = [who for who in (draw_identity(head, k, 6) for k in range(700)) if who.male]
    beards = [draw_appearance(who, False).beard for who in men]
    for beard, rate in zip(BEARDS, (0.56, 0.2, 0.05, 0.06, 0.13), strict=True):
        low, high = binom.interval(1 - 0.01 / 5, len(men), rate)
        assert low <= beards.count(beard) <= high, beard


def test_hair_turns_grey_with_age(crowd: list[Person]) -> None:
    rng = np.random.default_rng(0)
    who = crowd[0].identity
    for years, rate in ((30, 0.0), (59, 0.5), (75, 0.85)):
        aged = type(who)(who.number, who.seed, who.phenotypes, who.changes, years, who.male)
        grey = sum(draw_hair_colour(rng, aged, 0.5) == "gray" for _ in range(600))
        low, high = binom.interval(0.997, 600, rate) if rate else (0, 0)
        assert low <= grey <= high, years


def test_a_face_is_painted_once_and_for_all(crowd: list[Person]) -> None:
    one, other = crowd[4], crowd[5]
    surface, brows = paint_face(one.identity, one.appearance, detail=True)
    again, covers = paint_face(one.identity, one.appearance, detail=True)
    np.testing.assert_array_equal(surface, again)
    np.testing.assert_array_equal(brows, covers)
    assert np.isfinite(surface).all()
    assert surface[:, :, :3].min() >= 0
    assert brows.max() <= 1
    even, same = paint_face(one.identity, one.appearance, detail=False)
    np.testing.assert_array_equal(brows, same)
    assert np.abs(even - surface).max() > 0.01
    strange = paint_face(other.identity, one.appearance, detail=True)[0]
    assert np.abs(strange - surface)[:, :, :3].mean() > 1e-3  # two people with one look differ in detail
