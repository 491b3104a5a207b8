from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from kronface.synth.hair import (
    LINE,
    SCALP_REACH,
    TURNS,
    bare_above,
    beard,
    cap,
    curtain,
    ear_vertices,
    hairline,
    knot,
    strands,
)
from kronface.synth.head import Floats, Head
from kronface.synth.identity import eye_vertices
from kronface.synth.part import Part
from kronface.synth.person import Person
from kronface.synth.styling import HairStyle

STYLE = HairStyle("short", 0.012, 0.8, 0.1, False, "", False, 0.0, "brown", (0.05, 0.03, 0.02), 17)


def at(line: Floats, turn: float) -> float:
    return float(line[int(np.abs(TURNS - turn).argmin())])


def test_ears_are_two_small_parts_beside_the_head(head: Head) -> None:
    ears = head.template[ear_vertices(head)]
    assert 100 < len(ears) < 800
    assert np.abs(ears[:, 0]).min() > 0.06
    assert (ears[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.02)


def test_the_hairline_is_the_persons_in_front_and_low_behind(crowd: list[Person]) -> None:
    for person in crowd[:20]:
        look = person.appearance
        line = hairline(look, STYLE)
        assert line.shape == (LINE,)
        assert at(line, 0) == pytest.approx(look.hair_front, abs=0.003)  # but for its waves
        assert at(line, 0.36) == pytest.approx(look.hair_front + look.hair_recess, abs=0.003)
        assert at(line, -0.8) == pytest.approx(look.hair_beside, abs=0.008)
        assert at(line, np.pi) == pytest.approx(0.63, abs=0.003)
        fringe = hairline(look, replace(STYLE, bangs=True))
        assert 0.013 < look.hair_front - at(fringe, 0) < 0.036
        np.testing.assert_allclose(fringe[np.abs(TURNS) > 1], line[np.abs(TURNS) > 1], atol=0.006)


def test_the_bald_have_a_wreath_beside_and_behind(head: Head, crowd: list[Person]) -> None:
    bald = replace(STYLE, length="bald")
    for number, person in enumerate(crowd[:20]):
        line = hairline(person.appearance, bald)
        crown = float(head.template[:, 2].max())
        bare = bare_above(replace(bald, seed=number))
        assert 0.765 <= bare < 0.8 < crown
        turns = np.abs(TURNS)
        assert line[turns < 0.66].min() > crown  # nothing in front
        assert line[turns > 1.0].max() < 0.74  # hair between this and the bare crown
        assert line[turns > 3.1].max() < 0.64
    assert bare_above(STYLE) > crown


def test_strands_are_shares_and_meet_at_their_sides() -> None:
    field = strands()
    assert field.shape == (256, 512, 4)
    for channel in range(4):
        values = np.sort(field[:, :, channel], axis=None)
        np.testing.assert_allclose(values, np.linspace(0, 1, values.size), atol=1e-5)  # each share as long as it says
        across = np.abs(np.diff(field[:, :, channel], axis=1)).mean()
        assert np.abs(field[:, 0, channel] - field[:, -1, channel]).mean() < 2 * across
        down = np.abs(np.diff(field[:, :, channel], axis=0)).mean()
        assert np.abs(field[0, :, channel] - field[-1, :, channel]).mean() < 6 * down
        assert (across > 2 * down) == (channel < 2)  # straight hair runs down, curls do not


def lifts(head: Head, person: Person, part: Part) -> NDArray[np.float64]:
    """How far each vertex of a layer lies from the head's vertex with its place on the template."""
    number_of = {tuple(place): number for number, place in enumerate(head.template.tolist())}
    vertices = [number_of[tuple(place)] for place in part.template.tolist()]
    away: NDArray[np.float64] = np.linalg.norm(part.positions - person.neutral[vertices], axis=1)
    return away


@pytest.mark.parametrize(
    ("length", "curl", "layers"),
    [("cropped", 0.0, 2), ("short", 0.1, 3), ("medium", 0.1, 3), ("long", 0.9, 4)],
)
def test_the_cap_lies_on_the_scalp_in_layers(head: Head, person: Person, length: str, curl: float, layers: int) -> None:
    style = replace(STYLE, length=length, curl=curl)
    line = hairline(person.appearance, style)
    parts = cap(head, style, line, person.neutral, person.normals, pressed=False)
    assert len(parts) == layers
    heights = [lifts(head, person, part) for part in parts]
    for above, below in pairwise(heights):
        assert (above > below - 1e-6).all()  # the tips first, the roots last
    assert heights[0].max() < 0.012 * 1.6 * 1.35  # where a quiff and a lock meet
    assert heights[0].max() > 0.012 * 0.5
    assert heights[0].min() < 0.0012  # at the hairline it touches
    assert [part.casts for part in parts] == [True] + [False] * (layers - 1)
    covers = [float(part.covers[0]) for part in parts]
    assert covers == sorted(covers, reverse=True)
    assert covers[-1] == 0.0
    skin = np.unique(head.triangles[head.parts == 0])
    for part in parts:
        turn = np.arctan2(part.template[:, 0], -part.template[:, 1])
        level = line[np.clip(((turn / (2 * np.pi) + 0.5) * LINE).astype(int), 0, LINE - 1)]
        assert (part.template[:, 2] > level - SCALP_REACH).all()
        assert len(part.positions) < len(skin)


def test_a_hat_presses_hair_flat(head: Head, person: Person) -> None:
    style = replace(STYLE, thickness=0.03, curl=0.8)
    line = hairline(person.appearance, style)
    parts = cap(head, style, line, person.neutral, person.normals, pressed=True)
    assert len(parts) == 1
    assert parts[0].casts
    assert lifts(head, person, parts[0]).max() <= 0.0008 + 0.004 + 1e-6


def test_a_parting_is_a_furrow(head: Head, person: Person) -> None:
    line = hairline(person.appearance, STYLE)
    plain, parted = (
        cap(head, replace(STYLE, parting=side), line, person.neutral, person.normals, pressed=False)[0]
        for side in (0.0, 1.0)
    )
    depth = np.linalg.norm(plain.positions - parted.positions, axis=1)
    place = parted.template
    top = place[:, 2] > 0.82
    assert depth[top & (np.abs(place[:, 0] - 0.03) < 0.002)].min() > 0.4 * 0.6 * 0.008
    assert depth[np.abs(place[:, 0] - 0.03) > 0.025].max() < 1e-4


def eye_level(head: Head) -> float:
    return float(head.template[eye_vertices(head), 2].mean())


def test_only_long_hair_hangs(head: Head, person: Person) -> None:
    ends = {}
    for length in ("bald", "cropped", "short", "medium", "long"):
        parts = curtain(head, replace(STYLE, length=length), person.neutral, eye_level(head), pressed=False)
        if parts:
            ends[length] = min(float(part.positions[:, 2].min()) for part in parts)
    assert set(ends) == {"medium", "long"}
    assert ends["long"] < ends["medium"] < -0.03
    for style in (replace(STYLE, length="long", tied="bun"), replace(STYLE, length="medium", curl=0.8)):
        assert curtain(head, style, person.neutral, eye_level(head), pressed=False) == []


@pytest.mark.parametrize("tucked", [True, False])
def test_hanging_hair_leaves_the_face_free(head: Head, crowd: list[Person], tucked: bool) -> None:
    for person in crowd[:15]:
        style = replace(STYLE, length="long", tucked=tucked, seed=person.habits.hair.seed)
        dense, loose = curtain(head, style, person.neutral, eye_level(head), pressed=False)
        assert (dense.casts, loose.casts) == (True, False)
        assert (loose.covers >= dense.covers + 0.2).all()  # fewer strands over a dense sheet
        for part in (dense, loose):
            turn = np.arctan2(part.template[:, 0], -part.template[:, 1])
            assert np.abs(turn).min() > (1.19 if tucked else 0.87)
            lowest = part.positions[:, 2] < part.positions[:, 2].min() + 0.03
            assert part.covers[lowest].min() > part.covers.min() + 0.3  # strands end one by one
            front = part.positions[part.positions[:, 1] < 0.03]  # before the cheeks' middle
            assert np.abs(front[:, 0]).min(initial=1.0) > 0.05
            assert part.positions[:, 1].min() > -0.01


def test_tied_hair_has_a_knot_at_the_back(head: Head, crowd: list[Person]) -> None:
    for person in crowd[:10]:
        lows = {}
        for tied in ("bun", "ponytail"):
            (ball,) = knot(head, replace(STYLE, tied=tied, seed=person.identity.number), person.neutral)
            assert ball.positions[:, 1].mean() > np.quantile(person.neutral[:, 1], 0.8)
            assert abs(ball.positions[:, 0].mean()) < 0.03
            assert np.linalg.norm(person.neutral[:, None] - ball.positions, axis=2).min() < 0.01  # it does not float
            lows[tied] = float(ball.positions[:, 2].min())
        assert lows["ponytail"] < lows["bun"] - 0.05
    assert knot(head, STYLE, crowd[0].neutral) == []


def test_beards_grow_on_jaw_chin_and_lip_and_not_on_lips(head: Head, person: Person) -> None:
    parts = beard(head, person.neutral, person.normals, 0.005)
    assert [float(part.covers[0]) for part in parts] == [np.float32(share) for share in (1.0, 0.6, 0.25)]
    for part, share in zip(parts, (1.0, 0.6, 0.25), strict=True):
        height = lifts(head, person, part)
        assert height.max() <= 0.0004 + 0.005 * share + 1e-6
        assert height.max() > 0.7 * 0.005 * share
        turn, level = np.arctan2(part.template[:, 0], -part.template[:, 1]), part.template[:, 2]
        assert np.abs(turn).max() < 1.0
        assert (level.min() > 0.592) & (level.max() < 0.715)
        mouth = (np.abs(turn) / 0.17) ** 2 + ((level - 0.661) / 0.0118) ** 2
        assert mouth.min() > 0.8**2
        assert not part.casts
