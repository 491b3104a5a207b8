import cv2
import numpy as np
import pytest

from kronface.synth import texture as paint
from kronface.synth.head import Head
from kronface.synth.identity import draw_identity


def test_a_window_holds_exactly_its_places() -> None:
    place = paint.window((-0.5, 0.25), (0.65, 0.7))
    inside = (paint.TURN >= -0.5) & (paint.TURN <= 0.25) & (paint.LEVEL >= 0.65) & (paint.LEVEL <= 0.7)
    expected = np.zeros(inside.shape, np.bool_)
    expected[place.rows, place.columns] = True
    np.testing.assert_array_equal(inside, expected)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.7), (0.7, 0.2)])
def test_a_step_goes_from_one_end_to_the_other(low: float, high: float) -> None:
    assert paint.step(low, high, np.array([low]))[0] == 0
    assert paint.step(low, high, np.array([high]))[0] == 1
    assert paint.step(low, high, np.array([(low + high) / 2]))[0] == pytest.approx(0.5)


def test_noise_meets_itself_behind_the_head() -> None:
    field = paint.noise(np.random.default_rng(0), 12, 24)
    assert field.shape == (paint.ROWS, paint.COLUMNS)
    assert field.std() == pytest.approx(1, abs=1e-3)
    seam = np.abs(field[:, 0] - field[:, -1]).mean()
    assert seam < 3 * np.abs(np.diff(field, axis=1)).mean()


def test_beards_grow_where_their_names_say() -> None:
    colour = np.zeros(3)
    covered = {}
    for beard in ("none", "stubble", "moustache", "goatee", "full"):
        skin = np.ones((paint.ROWS, paint.COLUMNS, 3), np.float32)
        paint.paint_beard(np.random.default_rng(0), skin, beard, colour)
        covered[beard] = cv2.blur(1 - skin[:, :, 0], (9, 9))  # over the grain of the hairs
    assert not covered["none"].any()
    row, front = int(np.argmin(np.abs(paint.LEVEL - 0.63))), int(np.argmin(np.abs(paint.TURN)))
    cheek = int(np.argmin(np.abs(paint.TURN - 0.6)))
    lip = int(np.argmin(np.abs(paint.LEVEL - 0.68)))
    assert 0.1 < covered["stubble"][row, front] < 0.6 < covered["full"][row, front]
    assert covered["full"][row, cheek] > 0.5
    assert covered["goatee"][row, front] > 0.5 > 0.01 > covered["goatee"][row, cheek]
    assert covered["moustache"][lip, front] > 0.5 > 0.01 > covered["moustache"][row, front]


def test_the_bald_have_hair_beside_and_behind_only(head: Head) -> None:
    identity = draw_identity(head, 0, 1)
    bald = paint.hairline(np.random.default_rng(0), identity, "bald", bangs=False)[0]
    short = paint.hairline(np.random.default_rng(0), identity, "short", bangs=False)[0]
    crown = float(head.template[:, 2].max())
    middle = paint.COLUMNS // 2
    assert bald[middle] > crown > 0.83 > short[middle]
    assert bald[0] < 0.78
    fringe = paint.hairline(np.random.default_rng(0), identity, "short", bangs=True)[0]
    assert fringe[middle] < short[middle] - 0.01
