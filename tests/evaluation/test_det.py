"""FNIR against FPIR, checked with slow loops written from the definitions of ISO/IEC 19795-1."""

import math

import numpy as np
import pytest

from kronface.errors import ConfigError, DataError
from kronface.evaluation.bootstrap import interval, resample_counts
from kronface.evaluation.det import FPIRS, Det, det, limit_at
from kronface.evaluation.rates import is_supported

INF = math.inf


def slow_fpir(strange: list[float], threshold: float) -> float:
    """Share of searches for strangers that return anybody: a face that was not found (-inf) returns nobody."""
    return sum(1 for score in strange if score > -INF and score >= threshold) / len(strange)


def slow_tpir(scores: list[float], ranks: list[int], strange: list[float], fpir: float, rank: int = 1) -> float:
    """The best that any threshold gives whose FPIR does not exceed the wanted one: each mate's score is tried."""
    best = 0.0
    for threshold in {score for score in scores if score > -INF}:  # NaN is not greater
        if slow_fpir(strange, threshold) <= fpir + 1e-12:
            hits = sum(1 for score, place in zip(scores, ranks, strict=True) if score >= threshold and place <= rank)
            best = max(best, hits / len(scores))
    return best


def searches(
    seed: int, *, decimals: int = 9, lost: float = 0.0, mated: int = 150, strangers: int = 240
) -> tuple[list[float], list[int], list[str], list[float], list[str]]:
    """Scores below 0 too; few decimals make ties; some faces are not found."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(0.3, 0.3, mated), decimals)
    scores[rng.random(mated) < lost] = np.nan
    strange = np.round(rng.normal(-0.05, 0.2, strangers), decimals)
    strange[rng.random(strangers) < lost] = -INF
    ranks = np.where(rng.random(mated) < 0.8, 1, rng.integers(2, 60, mated))
    owners = [f"m{k}" for k in rng.integers(0, 25, mated)]
    return scores.tolist(), ranks.tolist(), owners, strange.tolist(), [f"s{k}" for k in rng.integers(0, 40, strangers)]


def test_worked_by_hand() -> None:
    strange = [0.5 - k / 100 for k in range(100)]  # 0.50, 0.49 … -0.49
    # Of four mated searches one is below its threshold at FPIR 0.1, one has a stranger before its mate, one is lost.
    found = det([0.405, 0.395, 0.9, np.nan], [1, 1, 2, 1], list("abcd"), strange, range(100), fpirs=[0.1, 0.01, 0.2])
    assert [point.target_fpir for point in found.points] == [0.1, 0.2]
    assert found.unsupported == (0.01,)  # one error is to be expected
    first, second = found.points
    # Ten may pass: 0.50 … 0.41; so the threshold lies just above 0.40.
    assert first.threshold == np.nextafter(strange[10], 1)
    assert (first.fpir, first.tpir) == (0.1, 0.25)
    assert (second.fpir, second.tpir) == (0.2, 0.5)
    assert (found.mated, found.strangers) == (4, 100)
    anywhere = det([0.405, 0.395, 0.9, np.nan], [1, 1, 2, 1], list("abcd"), strange, range(100), fpirs=[0.1], rank=2)
    assert anywhere.points[0].tpir == 0.5


def test_a_mate_just_above_the_shut_out_stranger_passes_in_every_resample() -> None:
    strange = [0.5 - k / 100 for k in range(100)]
    above = [float(np.nextafter(strange[10], 1))] * 3
    # One stranger with a hundred searches: every resample of one person is the same.
    (point,) = det(above, [1, 1, 1], list("abc"), strange, ["s"] * 100, fpirs=(0.1,), resamples=20).points
    assert (point.tpir, point.tpir_low, point.tpir_high) == (1, 1, 1)
    (point,) = det(strange[10:11] * 3, [1, 1, 1], list("abc"), strange, ["s"] * 100, fpirs=(0.1,), resamples=20).points
    assert (point.tpir, point.tpir_low, point.tpir_high) == (0, 0, 0)


@pytest.mark.parametrize("rank", [1, 20])
@pytest.mark.parametrize("lost", [0.0, 0.15, 0.95])
@pytest.mark.parametrize("decimals", [0, 1, 9])
@pytest.mark.parametrize("seed", range(3))
def test_points_and_curve_equal_slow_loops(seed: int, decimals: int, lost: float, rank: int) -> None:
    scores, ranks, owners, strange, outsiders = searches(seed, decimals=decimals, lost=lost)
    found = det(scores, ranks, owners, strange, outsiders, rank=rank, fpirs=(0.05, 0.1, 0.5), resamples=2)
    for point in found.points:
        assert point.tpir == pytest.approx(slow_tpir(scores, ranks, strange, point.target_fpir, rank))
        assert point.fpir == pytest.approx(slow_fpir(strange, point.threshold))
        assert point.fpir <= point.target_fpir + 1e-12
        # No lower threshold would do: the next score that it shuts out would be one too many.
        shut = [score for score in strange if -INF < score < point.threshold]
        assert not shut or slow_fpir(strange, max(shut)) > point.target_fpir
        assert (point.threshold == -INF) == (not shut)
    assert (np.diff(found.fpir) >= 0).all()
    assert (np.diff(found.fnir) <= 0).all()
    for fpir, fnir, threshold in zip(found.fpir[::20], found.fnir[::20], found.threshold[::20], strict=True):
        assert fpir == pytest.approx(slow_fpir(strange, threshold))
        reaching = sum(1 for s, r in zip(scores, ranks, strict=True) if s > -INF and s >= threshold and r <= rank)
        assert fnir == pytest.approx(1 - reaching / len(scores))
    # The last threshold lies below all scores: who has a face finds somebody.
    assert found.threshold[-1] == -INF
    assert found.fpir[-1] == pytest.approx(sum(1 for score in strange if score > -INF) / len(strange))


def test_strangers_without_a_face_return_nobody() -> None:
    # 5 of 100 show a face: even a threshold below all scores keeps FPIR at 0.05.
    strange = [0.9] * 5 + [-INF] * 95
    found = det([-0.9, 0.2], [1, 1], ["a", "b"], strange, range(100), fpirs=(0.1,), resamples=20)
    assert (found.points[0].tpir, found.points[0].fpir, found.points[0].threshold) == (1, 0.05, -INF)
    nobody = det([-0.9, 0.2], [1, 1], ["a", "b"], [-INF] * 100, range(100), fpirs=(0.1,), resamples=20)
    assert (nobody.points[0].tpir, nobody.points[0].fpir) == (1, 0)
    assert (nobody.fpir == 0).all()


def test_collapsed_scores_find_nobody() -> None:
    found = det([0.5] * 30, [1] * 30, range(30), [0.5] * 200, range(200), resamples=20)
    assert all((point.tpir, point.tpir_low, point.tpir_high, point.fpir) == (0, 0, 0, 0) for point in found.points)
    assert found.points


def test_rates_that_the_strangers_do_not_support() -> None:
    for strangers, supported in ((99, 0), (100, 1), (333, 1), (334, 2), (999, 2), (1000, 3), (10_000, 5)):
        found = det([0.5], [1], ["a"], np.linspace(-1, 1, strangers), np.arange(strangers), resamples=1)
        assert len(found.points) == supported
        assert {point.target_fpir for point in found.points} | set(found.unsupported) == set(FPIRS)
        assert found.fpir[0] <= max(10 / strangers, 1 / strangers) + 1e-12
    # Each of 50 strangers is searched for in 20 draws of the gallery set: 1,000 scores, 50 searches.
    draws = det([0.5], [1], ["a"], np.linspace(-1, 1, 1000), np.arange(1000) % 50, searches=50, resamples=1)
    assert draws.points == ()
    assert is_supported(0.1, 100)
    assert not is_supported(0.1, 99)
    assert is_supported(0.001, 10_000)


def test_the_lowest_threshold() -> None:
    falling = np.array([0.9, 0.7, 0.7, 0.5, -INF])
    assert limit_at(falling, 0.0) > 0.9
    assert limit_at(falling, 0.2) == np.nextafter(0.7, 1)
    assert limit_at(falling, 0.4) == np.nextafter(0.7, 1)  # of two that tie, both or none
    assert limit_at(falling, 0.6) == np.nextafter(0.5, 1)
    assert limit_at(falling, 0.8) == -INF
    assert limit_at(falling, 1.0) == -INF
    # A tenth of 30 is three, though 0.1 * 30 falls short of it by rounding.
    assert limit_at(-np.arange(30.0), 0.1) == np.nextafter(-3, 0)


@pytest.mark.parametrize(("decimals", "lost"), [(9, 0.0), (1, 0.1), (9, 0.9)])
def test_intervals_equal_slow_resamples(decimals: int, lost: float) -> None:
    scores, ranks, owners, strange, outsiders = searches(7, decimals=decimals, lost=lost)
    fpirs = (0.05, 0.1)
    found = det(scores, ranks, owners, strange, outsiders, fpirs=fpirs, resamples=70, seed=3)
    people, others = sorted(set(owners)), sorted(set(outsiders))
    drawn = resample_counts(len(people), resamples=70, seed=3)
    drawn_others = resample_counts(len(others), resamples=70, seed=4)
    samples = np.empty((70, 2))
    for k in range(70):
        mated = [row for row, owner in enumerate(owners) for _ in range(int(drawn[k, people.index(owner)]))]
        again = [strange[row] for row, o in enumerate(outsiders) for _ in range(int(drawn_others[k, others.index(o)]))]
        for column, fpir in enumerate(fpirs):
            samples[k, column] = slow_tpir([scores[r] for r in mated], [ranks[r] for r in mated], again, fpir)
    low, high = interval(samples)
    np.testing.assert_allclose([point.tpir_low for point in found.points], low)
    np.testing.assert_allclose([point.tpir_high for point in found.points], high)


def flat(found: Det) -> list[object]:
    return [*found.points, found.unsupported, *found.fpir, *found.fnir, *found.threshold]


def test_intervals_are_deterministic_and_sane() -> None:
    data = searches(1)
    found = det(*data, resamples=300, seed=5)
    assert flat(found) == flat(det(*data, resamples=300, seed=5))
    other = det(*data, resamples=300, seed=6)
    assert [point.tpir for point in found.points] == [point.tpir for point in other.points]
    assert [point.tpir_low for point in found.points] != [point.tpir_low for point in other.points]
    assert found.points
    for point in found.points:
        assert 0 <= point.tpir_low < point.tpir < point.tpir_high <= 1
        assert point.tpir_high - point.tpir_low < 0.5
    # The order of the searches means nothing.
    order, order_others = np.random.default_rng(0).permutation(150), np.random.default_rng(1).permutation(240)
    scores, ranks, owners, strange, outsiders = (np.array(part) for part in data)
    mixed = det(
        scores[order],
        ranks[order],
        owners[order],
        strange[order_others],
        outsiders[order_others],
        resamples=300,
        seed=5,
    )
    np.testing.assert_allclose(mixed.fnir, found.fnir)
    assert mixed.points == found.points


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ConfigError, match="rank is 0"):
        det([0.5], [1], ["a"], [0.1], ["b"], rank=0)
    for fpirs in ((), (0.0,), (1.0,), (0.1, -0.1), (math.nan,)):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            det([0.5], [1], ["a"], [0.1], ["b"], fpirs=fpirs)
    with pytest.raises(DataError, match="one score, one rank and one person"):
        det([0.5], [1, 2], ["a"], [0.1], ["b"])
    with pytest.raises(DataError, match="one score, one rank and one person"):
        det([0.5], [1], ["a"], [0.1, 0.2], ["b"])
    with pytest.raises(DataError, match="0 mated searches and 1 for strangers"):
        det([], [], [], [0.1], ["b"])
    with pytest.raises(DataError, match="1 mated searches and 0 for strangers"):
        det([0.5], [1], ["a"], [], [])
    with pytest.raises(DataError, match="not a number"):
        det([0.5], [1], ["a"], [math.nan], ["b"])
