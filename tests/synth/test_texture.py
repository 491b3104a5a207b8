from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import warp as wp

from kronface.synth import kernels
from kronface.synth import texture as paint
from kronface.synth.facial_hair import BEARDS, Brows, paint_beard, paint_brows
from kronface.synth.head import Floats
from kronface.synth.render import CROWDING, HIGH, LOW, compile_kernels

NOTHING = paint.SkinMarks(0.0, 0.0, 0.0, 0.0, 0, 0.0, 0.0, 0.0, 0.0)
SKIN = np.array([0.5, 0.3, 0.2])
BROWS = Brows(start=0.075, end=0.40, height=0.746, arch=0.004, tilt=0.001, width=0.006, density=0.9)


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def plain() -> Floats:
    return paint.paint_skin(rng(), SKIN, NOTHING, detail=True)


def place_of(turn: float, level: float) -> tuple[int, int]:
    return int(np.abs(paint.LEVEL[:, 0] - level).argmin()), int(np.abs(paint.TURN[0] - turn).argmin())


def test_a_window_holds_exactly_its_places() -> None:
    place = paint.window((-0.5, 0.25), (0.65, 0.7))
    inside = (paint.TURN >= -0.5) & (paint.TURN <= 0.25) & (paint.LEVEL >= 0.65) & (paint.LEVEL <= 0.7)
    expected = np.zeros(inside.shape, np.bool_)
    expected[place.rows, place.columns] = True
    np.testing.assert_array_equal(inside, expected)
    np.testing.assert_array_equal(place.turn, paint.TURN[:, place.columns])
    np.testing.assert_array_equal(place.level, paint.LEVEL[place.rows])


def test_the_kernels_look_columns_and_rows_up_where_they_were_painted() -> None:
    """`kernels.skin_coordinates` undoes `TURN` and `LEVEL`."""
    compile_kernels()
    growth = kernels.Growth()
    growth.low, growth.high, growth.crowding = LOW, HIGH, CROWDING
    for column in range(0, paint.COLUMNS, 7):
        row = column % paint.ROWS
        place = wp.vec3(0.0, 0.0, float(paint.LEVEL[row, 0]))
        found = kernels.skin_coordinates(float(paint.TURN[0, column]), place, growth)
        assert found[0] * paint.COLUMNS == pytest.approx(column + 0.5, abs=2e-3)
        assert found[1] * paint.ROWS == pytest.approx(row + 0.5, abs=2e-3)
    width = np.diff(paint.TURN[0])
    assert (width > 0).all()
    assert width.max() / width.min() == pytest.approx((CROWDING + 1) ** 2, rel=0.05)  # dense in front
    assert width.argmin() == pytest.approx(paint.COLUMNS / 2, abs=2)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.7), (0.7, 0.2)])
def test_a_step_goes_from_one_end_to_the_other(low: float, high: float) -> None:
    assert paint.step(low, high, np.array([low]))[0] == 0
    assert paint.step(low, high, np.array([high]))[0] == 1
    assert paint.step(low, high, np.array([(low + high) / 2]))[0] == pytest.approx(0.5)
    outside = paint.step(low, high, np.array([-1.0, 2.0]))
    assert outside.tolist() == ([0, 1] if low < high else [1, 0])


def test_noise_is_of_unit_size_and_ones_own() -> None:
    for band in range(len(paint.BANDS)):
        fields = [paint.noise(np.random.default_rng(seed), band, paint.FACE) for seed in range(12)]
        assert all(field.shape == (paint.FACE.level.shape[0], paint.FACE.turn.shape[1]) for field in fields)
        assert np.mean([field.std() for field in fields]) == pytest.approx(1, abs=0.15)
        likeness = np.corrcoef([field.ravel() for field in fields]) - np.eye(12)
        assert np.abs(likeness).max() < 0.95
        assert np.abs(likeness).mean() < 0.35
    rough = [float(np.abs(np.diff(paint.noise(rng(), band, paint.FACE), axis=1)).mean()) for band in range(4)]
    assert rough == sorted(rough)  # from blotches to pores


def test_skin_without_marks_is_even_and_darkens_by_what_is_painted() -> None:
    bare = paint.paint_skin(rng(), SKIN, NOTHING, detail=False)
    np.testing.assert_allclose(bare[:, :, :3], np.broadcast_to(SKIN, bare[:, :, :3].shape), rtol=1e-6)
    assert bare.shape == (paint.ROWS, paint.COLUMNS, paint.CHANNELS)
    assert 0.15 <= bare[:, :, paint.OCCLUSION].min() < bare[:, :, paint.OCCLUSION].max() == 1
    assert bare[:, :, paint.GLOSS].min() > 0
    assert not bare[:, :, paint.LIPS :].any()
    outside = np.ones((paint.ROWS, paint.COLUMNS), np.bool_)
    outside[paint.FACE.rows, paint.FACE.columns] = False
    everything = paint.SkinMarks(1.0, 1.0, 1.0, 1.0, 6, 1.0, 1.0, 0.8, 1.0)
    painted = paint.paint_skin(rng(), SKIN, everything, detail=True)
    np.testing.assert_array_equal(painted[outside], bare[outside])
    np.testing.assert_array_equal(painted[:, :, 3:], bare[:, :, 3:])
    assert painted[:, :, :3].min() > 0
    assert painted[:, :, :3].std() > 0.01


@pytest.mark.parametrize(
    ("name", "value", "turn", "level"),
    [
        ("flush", 1.5, 0.42, 0.69),
        ("bags", 1.0, 0.217, 0.7155),
        ("wrinkles", 1.0, 0.44, 0.7284),
        ("beard_shadow", 0.9, 0.6, 0.65),
    ],
)
def test_marks_lie_where_they_belong(name: str, value: float, turn: float, level: float) -> None:
    """Darker by the exponential of what is painted, there on both sides, and not on the forehead's sides."""
    named: dict[str, Any] = {name: value}
    change = np.log(plain()[:, :, :3]) - np.log(
        paint.paint_skin(rng(), SKIN, replace(NOTHING, **named), detail=True)[:, :, :3]
    )
    for side in (-1, 1):
        row, column = place_of(side * turn, level)
        assert change[row - 2 : row + 3, column - 2 : column + 3, 1].max() > 0.04
    row, column = place_of(1.0, 0.775)
    assert abs(change[row, column]).max() < 1e-4
    if name == "flush":  # rosy: it takes green and blue, little red
        row, column = place_of(turn, level)
        assert change[row, column, 1] > 3 * change[row, column, 0] > 0


def test_moles_are_small_dark_spots_of_their_number() -> None:
    for number in (0, 1, 5):
        marked = paint.paint_skin(rng(), SKIN, replace(NOTHING, moles=number), detail=True)
        dark = np.log(plain()[:, :, 1]) - np.log(marked[:, :, 1]) > 0.15
        assert _components(dark) == number
        assert dark.sum() < 300 * max(number, 1)
        assert number == 0 or dark.any()


def _components(mask: np.ndarray) -> int:
    from scipy import ndimage

    return int(ndimage.label(mask, np.ones((3, 3)))[1])


def test_lips_lie_between_their_edges() -> None:
    surface = plain()
    before = surface.copy()
    paint.paint_lips(surface, np.array([0.3, 0.05, 0.05]), 0.8, 1.0)
    changed = np.abs(surface - before).max(2) > 1e-3
    rows, columns = np.nonzero(changed)
    assert np.abs(paint.TURN[0, columns]).max() < paint.LIP_TURN * 1.03
    assert paint.LEVEL[rows, 0].min() > paint.LIP_LEVEL - 0.014
    assert paint.LEVEL[rows, 0].max() < paint.LIP_LEVEL + 0.014
    for level in (paint.LIP_LEVEL + 0.005, paint.LIP_LEVEL - 0.006):
        row, column = place_of(0.05, level)
        assert surface[row, column, paint.LIPS] == 1
        assert surface[row, column, 1] < 0.5 * before[row, column, 1]
    fuller = plain()
    paint.paint_lips(fuller, np.array([0.3, 0.05, 0.05]), 0.8, 1.2)
    assert fuller[:, :, paint.LIPS].sum() == pytest.approx(1.2 * surface[:, :, paint.LIPS].sum(), rel=0.04)
    row, column = place_of(0.0, paint.LIP_LEVEL)
    assert surface[row, column, 0] < 0.6 * surface[row + 8, column, 0]  # the seam


def test_lashes_and_lids_lie_at_the_eyes() -> None:
    thin, thick = plain(), plain()
    before = thin.copy()
    paint.paint_eyes(thin, True, 0.0)
    paint.paint_eyes(thick, False, 1.0)
    rows, columns = np.nonzero((before - thick)[:, :, 0] > 0.01)
    assert (np.abs(np.abs(paint.TURN[0, columns]) - paint.EYE_TURN) < 0.16).all()
    assert (np.abs(paint.LEVEL[rows, 0] - paint.EYE_LEVEL) < 0.025).all()
    assert thick[:, :, :3].min() < thin[:, :, :3].min()
    for side in (-1, 1):
        row, column = place_of(side * paint.EYE_TURN, paint.EYE_LEVEL + 0.0052 + 0.003)
        assert thick[row, column, paint.LID] > 0.9
    assert thick[:, :, paint.LID].max() <= 1


def test_nostrils_are_two_dark_holes() -> None:
    surface = plain()
    before = surface.copy()
    paint.paint_nostrils(surface, 1.0)
    share = surface[:, :, 0] / before[:, :, 0]
    for side in (-1, 1):
        row, column = place_of(side * 0.058, 0.6815)
        assert share[row, column] < 0.2
    assert _components(share < 0.5) == 2
    assert (share < 0.99).mean() < 0.01


def test_brows_lie_on_their_arch_and_say_what_they_cover() -> None:
    surface = plain()
    before = surface.copy()
    cover = paint_brows(rng(), surface, np.zeros(3), BROWS)
    assert cover.shape == before.shape[:2]
    np.testing.assert_allclose(surface[:, :, :3], before[:, :, :3] * (1 - cover[:, :, None]), atol=1e-6)
    rows, columns = np.nonzero(cover > 0.35)
    turns, levels = np.abs(paint.TURN[0, columns]), paint.LEVEL[rows, 0]
    along = (turns - BROWS.start) / (BROWS.end - BROWS.start)
    assert -0.1 < along.min() < 0.1
    assert 0.9 < along.max() < 1.08
    clipped = np.clip(along, 0, 1)
    middle = BROWS.height + BROWS.arch * np.sin(np.pi * clipped**1.3) + BROWS.tilt * along - 0.004 * clipped**3
    assert (np.abs(levels - middle) < 1.6 * BROWS.width).all()
    left, right = (cover[:, side].sum() for side in (slice(0, paint.COLUMNS // 2), slice(paint.COLUMNS // 2, None)))
    assert left == pytest.approx(right, rel=0.1)
    sparse = paint_brows(rng(), plain(), np.zeros(3), replace(BROWS, density=0.45, width=0.003))
    assert 0 < sparse.sum() < 0.4 * cover.sum()


def test_beards_grow_where_their_names_say() -> None:
    grown = {}
    for beard in BEARDS:
        surface = plain()
        before = surface.copy()
        paint_beard(rng(), surface, beard)
        np.testing.assert_array_equal(surface[:, :, : paint.BEARD], before[:, :, : paint.BEARD])  # nothing else
        grown[beard] = surface[:, :, paint.BEARD]
        assert grown[beard].max() <= 1
    assert not grown["none"].any()
    np.testing.assert_array_equal(grown["stubble"], grown["full"])  # it shows less: `person.STUBBLE`

    def density(beard: str, turn: float, level: float) -> float:
        row, column = place_of(turn, level)
        return float(grown[beard][row - 3 : row + 4, column - 4 : column + 5].mean())

    chin, cheek, lip = (0.0, 0.63), (0.6, 0.65), (0.0, 0.678)
    assert density("full", *chin) > 0.5
    assert density("full", *cheek) > 0.5
    assert density("full", -0.6, 0.65) > 0.5
    assert density("goatee", *chin) > 0.5 > 0.01 > density("goatee", *cheek)
    assert density("moustache", *lip) > 0.3 > 0.01 > density("moustache", *chin)
    for beard in BEARDS:  # nowhere on the lips' middle, the cheeks' upper half, the nose or the forehead
        for place in ((0.0, 0.664), (0.0, 0.658), (0.4, 0.705), (0.0, 0.7), (0.0, 0.78)):
            assert density(beard, *place) < 0.02, (beard, place)
