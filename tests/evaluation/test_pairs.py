"""All pairs of images against plain loops, and on vectors whose angles are known."""

import math

import numpy as np
import pytest

from kronface.errors import ConfigError, DataError
from kronface.evaluation import pairs as module
from kronface.evaluation.pairs import compare_pairs, count_impostors

PEOPLE = np.array(["a", "a", "b", "b"])


def at_angles(*degrees: float) -> np.ndarray:
    return np.array([[3 * math.cos(math.radians(d)), 3 * math.sin(math.radians(d))] for d in degrees])


def cosine(x: np.ndarray, y: np.ndarray) -> float:
    product = math.fsum(float(a) * float(b) for a, b in zip(x, y, strict=True))
    return product / math.sqrt(math.fsum(float(a) ** 2 for a in x) * math.fsum(float(b) ** 2 for b in y))


def test_by_hand() -> None:
    # Impostor pairs: 0-5 and 10-5 score cos 5°, 10-90 cos 80°, 0-90 nothing. Genuine: cos 10° and cos 85°.
    found = compare_pairs(at_angles(0, 10, 5, 90), PEOPLE, fmr=0.5)
    assert found.impostors == count_impostors(PEOPLE) == 4
    assert found.threshold == pytest.approx(math.cos(math.radians(80)) + 1e-6, abs=1e-12)
    assert {tuple(pair) for pair in found.false_matches.T.tolist()} == {(0, 2), (1, 2)}
    assert found.fmr == 0.5
    assert found.genuine.T.tolist() == [[0, 1], [2, 3]]
    np.testing.assert_allclose(found.scores, [math.cos(math.radians(10)), math.cos(math.radians(85))], atol=1e-12)
    assert found.missed.tolist() == [False, True]


def test_pairs_of_one_score_pass_together_or_not_at_all() -> None:
    found = compare_pairs(at_angles(0, 10, 5, 90), PEOPLE, fmr=0.25)  # one may pass, two score the same
    assert found.false_matches.shape == (2, 0)
    assert found.missed.tolist() == [True, True]  # cos 10° lies below cos 5°
    collapsed = compare_pairs(np.ones((90, 3)), np.arange(90) % 30, fmr=0.1)
    assert collapsed.fmr == 0
    assert collapsed.missed.all()


def test_faces_that_were_not_found_stay_in_the_count() -> None:
    vectors = at_angles(0, 10, 5, 90)
    vectors[1] = np.nan
    found = compare_pairs(vectors, PEOPLE, fmr=0.5)
    assert found.impostors == 4
    assert {tuple(pair) for pair in found.false_matches.T.tolist()} == {(0, 2), (0, 3)}  # all that there are
    assert found.missed[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("fmr", [0.0005, 0.01, 0.3])
def test_equal_to_plain_loops_whatever_the_blocks(dtype: type, fmr: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    people = rng.integers(0, 17, 110)
    vectors: np.ndarray = (rng.normal(size=(17, 12))[people] + rng.normal(size=(110, 12))).astype(dtype)
    vectors[60:64] = vectors[20]  # ties among the highest
    vectors[[5, 80]] = np.nan
    genuine: dict[tuple[int, int], float] = {}
    impostors: dict[tuple[int, int], float] = {}
    for i in range(110):
        for j in range(i + 1, 110):
            faceless = np.isnan(vectors[[i, j]]).any()
            score = math.nan if faceless else cosine(vectors[i], vectors[j])
            (genuine if people[i] == people[j] else impostors)[i, j] = score
    falling = sorted((score for score in impostors.values() if not math.isnan(score)), reverse=True)
    allowed = math.floor(fmr * len(impostors))
    threshold = falling[allowed] + 1e-6
    for block in (2048, 110, 16, 7):
        monkeypatch.setattr(module, "BLOCK", block)
        found = compare_pairs(vectors, people, fmr=fmr)
        assert found.impostors == len(impostors)
        assert found.threshold == pytest.approx(threshold, abs=1e-12)
        passed = {tuple(pair) for pair in found.false_matches.T.tolist()}
        assert passed == {pair for pair, score in impostors.items() if score >= threshold}
        assert len(passed) <= allowed
        rows = [tuple(pair) for pair in found.genuine.T.tolist()]
        assert sorted(rows) == sorted(genuine)
        np.testing.assert_allclose(found.scores, [genuine[pair] for pair in rows], atol=1e-12)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="fmr is 1"):
        compare_pairs(np.eye(4), PEOPLE, fmr=1)
    with pytest.raises(DataError, match="bring at least two people"):
        compare_pairs(np.eye(4), ["a"] * 4)
    with pytest.raises(DataError, match="4 images need"):
        compare_pairs(np.eye(4), PEOPLE[:3])


def test_more_than_can_be_kept_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    with pytest.raises(ConfigError, match="lower it"):
        compare_pairs(np.eye(4), PEOPLE, fmr=0.5)
