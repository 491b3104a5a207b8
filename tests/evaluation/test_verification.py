"""Verification against hand-worked tables, scikit-learn, and slow loops written from the rules alone."""

import itertools
import time
from typing import Literal

import numpy as np
import pytest
from scipy.interpolate import interp1d
from sklearn.metrics import accuracy_score, roc_curve
from sklearn.model_selection import KFold

from kronface.errors import ConfigError, DataError
from kronface.evaluation.bootstrap import resample_counts
from kronface.evaluation.pair_bootstrap import People, cell_weights
from kronface.evaluation.verification import (
    Figure,
    equal_error_rate,
    fold_accuracy,
    roc,
    tar_at,
    validation_rate,
    verify,
)
from kronface.evaluation.verification_result import assemble, describe, sampled_curve


def made_up(pairs: int, seed: int, *, decimals: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Scores of pairs, negative ones too; few decimals make ties."""
    rng = np.random.default_rng(seed)
    same = rng.random(pairs) < 0.4
    return np.round(np.clip(rng.normal(np.where(same, 0.4, -0.05), 0.25), -1, 1), decimals), same


def ends(figure: Figure) -> np.ndarray:
    return np.array([figure.low, figure.high], np.float64)


# --- the curve -------------------------------------------------------------------------------------------------------


def test_roc_worked_by_hand() -> None:
    # 0.9 genuine | 0.5 genuine and impostor | 0.1 impostor | -0.2 genuine | one genuine without a face
    curve = roc([0.5, 0.9, np.nan, 0.5, -0.2, 0.1], [True, True, True, False, True, False])
    np.testing.assert_array_equal(curve.thresholds, [np.inf, 0.9, 0.5, 0.1, -0.2])
    np.testing.assert_array_equal(curve.far, [0, 0, 0.5, 1, 1])
    np.testing.assert_array_equal(curve.tar, [0, 0.25, 0.5, 0.5, 0.75])
    assert (curve.genuine, curve.impostors) == (4, 2)


@pytest.mark.parametrize("decimals", [1, 2, 9])
@pytest.mark.parametrize("seed", range(3))
def test_roc_is_that_of_scikit_learn(seed: int, decimals: int) -> None:
    scores, same = made_up(700, seed, decimals=decimals)
    far, tar, thresholds = roc_curve(same, scores, drop_intermediate=False)
    curve = roc(scores, same)
    np.testing.assert_allclose(curve.far, far)
    np.testing.assert_allclose(curve.tar, tar)
    np.testing.assert_array_equal(curve.thresholds, thresholds)


@pytest.mark.parametrize("decimals", [1, 2, 3, 9])
@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_rule_is_that_of_insightface(seed: int, decimals: int) -> None:
    scores, same = made_up(3000, seed, decimals=decimals)
    far, tar, _ = roc_curve(same, scores)
    curve = roc(scores, same)
    for wanted in (0.01, 0.0123, 0.05, 0.1, 0.3):
        # From the highest FAR down, so that the first of equals has the largest TAR.
        best, expected = np.inf, None
        for point in reversed(range(len(far))):
            if abs(far[point] - wanted) < best:
                best, expected = abs(far[point] - wanted), tar[point]
        found = tar_at(curve, wanted, rule="nearest")
        assert found is not None
        assert found[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 2, 9])
@pytest.mark.parametrize("seed", range(3))
def test_the_strict_rule_by_trying_every_threshold(seed: int, decimals: int) -> None:
    scores, same = made_up(900, seed, decimals=decimals)
    scores[::17] = np.nan
    curve = roc(scores, same)
    for wanted in (0.02, 0.05, 0.1, 0.5):
        expected = 0.0
        for threshold in scores[~np.isnan(scores)]:
            accepted = [score >= threshold for score in scores.tolist()]
            false = sum(a and not s for a, s in zip(accepted, same, strict=True)) / (~same).sum()
            hits = sum(a and s for a, s in zip(accepted, same, strict=True)) / same.sum()
            if false <= wanted:
                expected = max(expected, hits)
        found = tar_at(curve, wanted)
        assert found is not None
        assert found[0] == pytest.approx(expected, abs=1e-12)
        accepted = np.nan_to_num(scores, nan=-np.inf) >= found[1]
        assert accepted[same].mean() == pytest.approx(expected)
        assert accepted[~same].mean() <= wanted


def test_rates_that_the_impostors_cannot_support_are_not_given() -> None:
    scores, same = np.r_[np.ones(5), np.linspace(0, 0.9, 1000)], np.r_[np.ones(5, bool), np.zeros(1000, bool)]
    curve = roc(scores, same)
    assert tar_at(curve, 0.0099) is None
    assert tar_at(curve, 0.01) == (1.0, 1.0)  # ten are expected: just enough
    assert verify(scores, same, accuracy=False, resamples=0).tar[1e-3] is None


def test_a_network_that_maps_all_faces_to_one_point_verifies_nothing() -> None:
    same = np.arange(400) % 2 == 0
    curve = roc(np.ones(400), same)
    assert tar_at(curve, 0.1) == (0.0, np.inf)
    assert equal_error_rate(curve) == 0.5
    assert fold_accuracy(np.ones(400), same).mean == 0.5


def test_equal_error_rate_by_hand() -> None:
    # At 0.8: FAR 0, FNR 2/3; at 0.5 FAR 1/3, FNR 2/3; at 0.4 FAR 1/3, FNR 1/3.
    assert equal_error_rate(roc([0.8, 0.4, 0.2, 0.5, 0.3, 0.1], [1, 1, 1, 0, 0, 0])) == pytest.approx(1 / 3)
    # From (0, 1) straight to (1, 0).
    assert equal_error_rate(roc([0.5, 0.5], [1, 0])) == pytest.approx(0.5)
    # From (0, 1/2) to (1/2, 1/2) to (1/2, 0): they meet at 1/2 on the way.
    assert equal_error_rate(roc([0.9, 0.5, 0.7, 0.1], [1, 1, 0, 0])) == pytest.approx(0.5)
    assert equal_error_rate(roc([0.9, 0.5, 0.4, 0.1], [1, 1, 0, 0])) == 0
    # Half of the faces are missing on either side: the curve ends at (1/2, 1/2). With more missing they never meet.
    assert equal_error_rate(roc([0.9, np.nan, np.nan, 0.5], [1, 1, 0, 0])) == pytest.approx(0.5)
    assert equal_error_rate(roc([0.9, np.nan, np.nan, np.nan], [1, 1, 0, 0])) is None


@pytest.mark.parametrize("seed", range(3))
def test_equal_error_rate_against_scikit_learn(seed: int) -> None:
    scores, same = made_up(2000, seed, decimals=2)
    far, tar, _ = roc_curve(same, scores, drop_intermediate=False)
    place = np.linspace(0, 1, 200_001)
    steps = np.arange(len(far)) / (len(far) - 1)
    fine_far, fine_fnr = np.interp(place, steps, far), 1 - np.interp(place, steps, tar)
    expected = fine_far[np.abs(fine_far - fine_fnr).argmin()]
    assert equal_error_rate(roc(scores, same)) == pytest.approx(expected, abs=1e-4)


# --- folds -----------------------------------------------------------------------------------------------------------


def slow_threshold(scores: list[float], same: list[bool]) -> float:
    """Tries all scores, the highest first, and infinity; the best one is moved half-way to the next lower score."""
    levels = sorted({score for score in scores if score > -np.inf}, reverse=True)
    best, chosen = sum(not genuine for genuine in same), np.inf
    for level in levels:
        right = sum((score >= level) == genuine for score, genuine in zip(scores, same, strict=True))
        if right > best:
            best, chosen = right, level
    lower = [level for level in levels if level < chosen]
    return (chosen + lower[0]) / 2 if lower and chosen < np.inf else chosen


@pytest.mark.parametrize("decimals", [1, 9])
@pytest.mark.parametrize("seed", range(3))
def test_accuracy_over_folds_by_plain_loops(seed: int, decimals: int) -> None:
    scores, same = made_up(173, seed, decimals=decimals)
    scores[[3, 40, 41]] = np.nan
    folds = np.random.default_rng(seed).permutation(np.arange(173) % 5)
    found = fold_accuracy(scores, same, folds)
    filled = [-np.inf if np.isnan(score) else score for score in scores.tolist()]
    for fold in range(5):
        inside = (folds == fold).tolist()
        outside = [not i for i in inside]
        threshold = slow_threshold(list(itertools.compress(filled, outside)), list(itertools.compress(same, outside)))
        assert found.thresholds[fold] == pytest.approx(threshold, abs=1e-12)
        decided = [score >= threshold for score in itertools.compress(filled, inside)]
        assert found.folds[fold] == pytest.approx(accuracy_score(same[folds == fold], decided))
    assert found.mean == pytest.approx(np.mean(found.folds))
    assert found.std == pytest.approx(np.std(found.folds))


@pytest.mark.parametrize("pairs", [200, 207])
def test_insightface_grid_and_val_by_plain_loops(pairs: int) -> None:
    rng = np.random.default_rng(pairs)
    left = rng.normal(size=(pairs, 6))
    same = np.arange(pairs) % 2 == 0
    right = np.where(same[:, None], left + 0.9 * rng.normal(size=left.shape), rng.normal(size=left.shape))
    left, right = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (left, right))
    distance = ((left - right) ** 2).sum(1)
    accuracies, rates = [], []
    for train, test in KFold(10, shuffle=False).split(distance):
        grid = np.arange(0, 4, 0.01)
        scored = [accuracy_score(same[train], distance[train] < threshold) for threshold in grid]
        threshold = grid[int(np.argmax(scored))]
        accuracies.append(accuracy_score(same[test], distance[test] < threshold))
        grid = np.arange(0, 4, 0.001)
        false = np.array([(distance[train][~same[train]] < threshold).mean() for threshold in grid])
        threshold = float(interp1d(false, grid, kind="linear")(0.1)) if false.max() >= 0.1 else 0.0
        # InsightFace asks for "slinear", which is the same line, but refuses equal abscissae in today's scipy.
        # Where FAR is flat the interpolation must leave the flat part at its upper end.
        flat = grid[false <= 0.1].max()
        assert threshold >= flat - 1e-9
        rates.append(
            [(distance[test][same[test]] < threshold).mean(), (distance[test][~same[test]] < threshold).mean()]
        )
    scores = (left * right).sum(1)
    found = fold_accuracy(scores, same, thresholds="grid")
    np.testing.assert_allclose(found.folds, accuracies)
    measured = validation_rate(scores, same, far=0.1)
    assert measured.mean == pytest.approx(np.mean(rates, axis=0)[0])
    assert measured.far == pytest.approx(np.mean(rates, axis=0)[1])
    assert measured.std == pytest.approx(np.std([rate[0] for rate in rates]))


def test_faces_that_were_not_found_are_misses_and_never_false_matches() -> None:
    same = np.arange(400) % 2 == 0
    scores = np.where(same, 0.9, 0.1) + np.arange(400) / 1e5
    whole = verify(scores, same, rates=(0.1,), resamples=50)
    assert whole.tar[0.1] is not None
    assert (whole.tar[0.1].value, whole.tar[0.1].low, whole.accuracy.value if whole.accuracy else 0) == (1, 1, 1)
    scores[:40] = np.nan  # twenty of either class
    found = verify(scores, same, rates=(0.1,), resamples=50)
    assert found.tar[0.1] is not None
    assert found.tar[0.1].value == 0.9
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx(0.95)
    assert (found.genuine, found.impostors, found.genuine_rejected, found.impostors_rejected) == (200, 200, 20, 20)
    assert found.curve.far[-1] == 0.9


# --- the bootstrap ---------------------------------------------------------------------------------------------------


def test_weights_of_pairs_by_plain_loops() -> None:
    first, second = ["a", "a", "b", "c", "b"], ["a", "b", "b", "a", "c"]
    cells = np.array([1, 0, 1, 0, -1])
    counts = resample_counts(3, resamples=20, seed=4)
    found = cell_weights(cells, 2, People.of(first, second), resamples=20, seed=4)
    number = {"a": 0, "b": 1, "c": 2}
    expected = np.zeros((2, 20))
    for resample in range(20):
        for cell, one, two in zip(cells, first, second, strict=True):
            weight = counts[resample, number[one]]
            if one != two:
                weight *= counts[resample, number[two]]
            if cell >= 0:
                expected[cell, resample] += weight
    np.testing.assert_array_equal(found, expected)


def test_weights_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    people = People.of(rng.integers(0, 9, 500), rng.integers(0, 9, 500))
    cells = rng.integers(0, 7, 500)
    whole = cell_weights(cells, 7, people, resamples=30)
    monkeypatch.setattr("kronface.evaluation.pair_bootstrap.ENTRIES", 30 * 11)
    np.testing.assert_array_equal(cell_weights(cells, 7, people, resamples=30), whole)


def test_pairs_are_drawn_with_replacement() -> None:
    cells = np.repeat([0, 1, -1], [300, 100, 600])
    drawn = cell_weights(cells, 2, None, resamples=4000)
    np.testing.assert_allclose(drawn.mean(1), [300, 100], rtol=0.01)
    np.testing.assert_allclose(drawn.var(1), [1000 * 0.3 * 0.7, 1000 * 0.1 * 0.9], rtol=0.08)


@pytest.mark.parametrize("rule", ["strict", "nearest"])
@pytest.mark.parametrize("decimals", [2, 9])
def test_intervals_by_resampling_people_in_plain_loops(decimals: int, rule: Literal["strict", "nearest"]) -> None:
    scores, same = made_up(300, 3, decimals=decimals)
    rng = np.random.default_rng(3)
    first = rng.integers(0, 12, 300)
    second = np.where(same, first, (first + 1 + rng.integers(0, 11, 300)) % 12)
    scores[5] = np.nan
    found = verify(scores, same, people=People.of(first, second), rates=(0.1,), rule=rule, resamples=40, seed=2)
    counts = resample_counts(12, resamples=40, seed=2)
    rates, errors = [], []
    for drawn in counts:
        repeated_scores, repeated_same = [], []
        for score, genuine, one, two in zip(scores, same, first, second, strict=True):
            for _ in range(int(drawn[one] if genuine else drawn[one] * drawn[two])):
                repeated_scores.append(score)
                repeated_same.append(genuine)
        curve = roc(repeated_scores, repeated_same)
        far, tar = curve.far.tolist(), curve.tar.tolist()
        if rule == "strict":
            rates.append(max(tar[k] for k in range(len(far)) if far[k] <= 0.1))
        else:
            rates.append(max((-abs(far[k] - 0.1), far[k], tar[k]) for k in range(len(far)))[2])
        errors.append(equal_error_rate(curve))
    assert found.tar[0.1] is not None
    assert found.eer is not None
    np.testing.assert_allclose(ends(found.tar[0.1]), np.quantile(np.array(rates), [0.025, 0.975]))
    np.testing.assert_allclose(ends(found.eer), np.quantile(np.array(errors, float), [0.025, 0.975]))
    assert found.resampled == "identities"


def test_few_cuts_give_nearly_the_same_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, same = made_up(5000, 1)
    first = np.random.default_rng(1).integers(0, 300, 5000)
    people = People.of(first, np.where(same, first, first + 1))  # the same are drawn, whatever the cuts
    whole = verify(scores, same, people=people, rates=(0.01, 0.1), resamples=200)
    monkeypatch.setattr("kronface.evaluation.verification.MOST_CUTS", 1000)
    fewer = verify(scores, same, people=people, rates=(0.01, 0.1), resamples=200)
    for rate in (0.01, 0.1):
        one, two = whole.tar[rate], fewer.tar[rate]
        assert one is not None
        assert two is not None
        assert one.value == two.value
        np.testing.assert_allclose(ends(two), ends(one), atol=0.004)
    assert verify(scores, same, resamples=1).resampled == "pairs"


def test_six_thousand_pairs_and_a_thousand_resamples_take_about_a_second() -> None:
    scores, same = made_up(6000, 0)
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4000, 6000)
    people = People.of(first, np.where(same, first, first + 1))
    start = time.perf_counter()
    verify(scores, same, people=people, resamples=1000)
    assert time.perf_counter() - start < 6  # 1 to 2 s on two quiet cores


# --- mistakes, and the file ------------------------------------------------------------------------------------------


def test_mistakes_are_named() -> None:
    with pytest.raises(DataError, match="one score and one label"):
        roc([0.1, 0.2], [True])
    with pytest.raises(DataError, match="no impostor"):
        roc([0.1, 0.2], [True, True])
    with pytest.raises(DataError, match="no genuine"):
        roc([0.1, 0.2], [False, False])
    with pytest.raises(DataError, match="no genuine"):
        roc(np.empty(0), np.empty(0, bool))
    with pytest.raises(DataError, match="pair 1 is infinite"):
        roc([0.1, np.inf], [True, False])
    with pytest.raises(DataError, match="true"):
        roc([0.1, 0.2], [1, 2])
    with pytest.raises(DataError, match="folds"):
        fold_accuracy([0.1, 0.2], [True, False])
    with pytest.raises(DataError, match="folds"):
        fold_accuracy([0.1, 0.2], [True, False], [0, 0])
    with pytest.raises(DataError, match="fold 1 needs"):
        validation_rate([0.1, 0.2, 0.3, 0.4], [True, True, False, False], [0, 0, 1, 1])
    with pytest.raises(DataError, match="pairs of people"):
        verify([0.1, 0.2], [True, False], accuracy=False, people=People.of(["a"], ["b"]))
    curve = roc([0.1, 0.2], [True, False])
    with pytest.raises(ConfigError, match="FAR of 0"):
        tar_at(curve, 0)
    with pytest.raises(ConfigError, match="rule is loose"):
        tar_at(curve, 0.1, rule="loose")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="thresholds is all"):
        fold_accuracy([0.1, 0.2], [True, False], thresholds="all")  # type: ignore[arg-type]
    for resamples, seed in ((-1, 0), (1, -1)):
        with pytest.raises(ConfigError, match="it must be at least 0"):
            verify([0.1, 0.2], [True, False], resamples=resamples, seed=seed)


def test_a_results_file_holds_json_alone() -> None:
    import json

    scores, same = made_up(2000, 0)
    result = assemble(
        verify(scores, same, resamples=20, thresholds="grid"),
        name="n",
        protocol="bin",
        official=False,
        notes=["a note"],
        counts={"images": 7},
        settings={"seed": 0},
        checkpoint=None,
        fingerprint=None,
        processor="p",
    )
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["format"] == "kronface-verification/1"
    assert result["figures"]["tar"]["1e-06"] is None
    assert result["figures"]["tar"]["0.1"]["low"] <= result["figures"]["tar"]["0.1"]["value"]
    assert len(result["roc"]["far"]) == len(result["roc"]["tar"]) == len(result["roc"]["threshold"]) <= 402
    text = "\n".join(describe(result))
    assert "not given" in text
    assert "VAL" in text
    curve = sampled_curve(roc(scores, same), points=10)
    assert (curve["far"][0], curve["tar"][0], curve["threshold"][0]) == (0, 0, None)
    assert (curve["far"][-1], curve["tar"][-1]) == (1, 1)
