"""Intervals over seeds and people against plain loops, and against what is known of a mean's error."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from kronface.evaluation.ablation_statistics import (
    REACH,
    difference,
    estimate,
    mean_over,
    pooled,
    rank_correlation,
    resample,
)


def counts(seeds: int = 3, people: int = 7, shape: tuple[int, ...] = ()) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rng = np.random.default_rng(5)
    every = rng.integers(0, 6, (seeds, people, *shape))
    return rng.binomial(every, 0.6), every


def test_draws_are_of_all_people_and_of_one_seed_less() -> None:
    drawn = resample(7, 3, resamples=50, seed=2)
    assert (drawn.people[0] == 1).all()
    assert (drawn.seeds[0] == 1).all()
    assert (drawn.people[1:].sum(1) == 7).all()
    assert (drawn.seeds[1:].sum(1) == 2).all()
    again = resample(7, 3, resamples=50, seed=2)
    assert (again.people == drawn.people).all()
    assert (again.seeds == drawn.seeds).all()
    assert (resample(7, 3, resamples=50, seed=3).seeds != drawn.seeds).any()


def test_a_single_seed_is_held_fixed() -> None:
    assert (resample(7, 1, resamples=20).seeds == 1).all()


@pytest.mark.parametrize("shape", [(), (4,), (4, 2)])
def test_pooled_is_what_plain_loops_give(shape: tuple[int, ...]) -> None:
    right, every = counts(shape=shape)
    drawn = resample(7, 3, resamples=20, seed=1)
    samples = pooled(drawn, right, every)
    assert samples.shape == (21, *shape)
    for row in range(21):
        for place in np.ndindex(*shape):
            upper = lower = 0.0
            for seed in range(3):
                for person in range(7):
                    weight = drawn.seeds[row, seed] * drawn.people[row, person]
                    upper += weight * right[(seed, person, *place)]
                    lower += weight * every[(seed, person, *place)]
            assert samples[(row, *place)] == pytest.approx(upper / lower)


def test_seeds_alone_vary_as_the_mean_of_seeds_does() -> None:
    """Where all people do alike, the spread of the resamples is the standard error of the mean over seeds."""
    shares = np.array([0.5, 0.56, 0.61])
    right = np.repeat(shares[:, None], 40, axis=1)
    samples = pooled(resample(40, 3, resamples=20_000), right, np.ones((3, 40)))
    assert samples[1:].std() == pytest.approx(shares.std(ddof=1) / np.sqrt(3), rel=0.02)


def test_people_alone_vary_as_the_mean_of_people_does() -> None:
    rng = np.random.default_rng(3)
    shares = rng.random(50)
    samples = pooled(resample(50, 3, resamples=20_000), np.tile(shares, (3, 1)), np.ones((3, 50)))
    assert samples[1:].std() == pytest.approx(shares.std() / np.sqrt(50), rel=0.02)


def test_nobody_to_count_is_no_number() -> None:
    right, every = counts()
    every[:] = 0
    samples = pooled(resample(7, 3, resamples=4), right * 0, every)
    assert np.isnan(samples).all()
    assert estimate(samples) is None
    assert difference(samples, samples) is None


def test_a_mean_leaves_out_what_could_not_be_measured() -> None:
    nan = float("nan")
    samples = np.array([[0.2, nan, 0.6, 0.9], [0.4, 0.5, nan, 0.9], [nan, 0.5, nan, 0.9]])
    assert mean_over(samples, [0, 1, 2])[:2].tolist() == pytest.approx([0.4, 0.4])
    assert np.isnan(mean_over(samples, [0, 1, 2])[2])


@pytest.mark.parametrize(
    ("shift", "word"), [(0.5, "gains"), (-0.5, "loses"), (0.0, "undecided"), (0.05, "undecided"), (-0.05, "undecided")]
)
def test_a_difference_says_what_its_interval_supports(shift: float, word: str) -> None:
    spread = np.linspace(-0.1, 0.1, 1001)
    first, second = np.r_[shift, shift + spread] + 0.3, np.full(1002, 0.3)
    found = difference(first, second)
    assert found is not None
    assert found["word"] == word
    assert found["value"] == pytest.approx(shift)
    assert (found["low"], found["high"]) == pytest.approx((shift - 0.095, shift + 0.095))
    assert found["smallest"] == pytest.approx(REACH * spread.std(ddof=1))
    assert pytest.approx(2.8016, abs=1e-4) == REACH


def test_arms_that_are_one_run_do_not_differ() -> None:
    right, every = counts()
    samples = pooled(resample(7, 3, resamples=30), right, every)
    found = difference(samples, samples)
    assert found == {"value": 0, "low": 0, "high": 0, "word": "undecided", "smallest": 0}


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(size=(1, 9)).repeat(200, 0), rng.normal(size=9)
    ours[1:] += rng.normal(size=(199, 9))
    ours[3, 2] = ours[3, 4]  # a tie
    found = rank_correlation(ours, theirs)
    assert found is not None
    assert found["value"] == pytest.approx(spearmanr(ours[0], theirs).statistic)
    drawn = [spearmanr(row, theirs).statistic for row in ours[1:]]
    assert (found["low"], found["high"]) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
    assert rank_correlation(ours[:, :2], theirs[:2]) is None
