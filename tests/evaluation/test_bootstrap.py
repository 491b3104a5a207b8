"""The bootstrap against plain loops and a known distribution."""

import numpy as np
import pytest

from kronface.evaluation.bootstrap import interval, ratio_samples, resample_counts


def test_ratio_samples_by_plain_loops() -> None:
    upper, lower = np.array([3.0, 0.0, 2.0]), np.array([4.0, 1.0, 2.0])
    counts = resample_counts(3, resamples=50, seed=7)
    assert (counts.sum(1) == 3).all()
    expected = [
        sum(c * u for c, u in zip(row, upper, strict=True)) / sum(c * v for c, v in zip(row, lower, strict=True))
        for row in counts
    ]
    np.testing.assert_allclose(ratio_samples(upper, lower, resamples=50, seed=7), expected)


def test_interval_of_a_mean_covers_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        people = rng.random(60) < 0.6
        low, high = interval(ratio_samples(people, np.ones(60), resamples=400, seed=seed))
        covered += int(low <= 0.6 <= high)
    assert 0.88 <= covered / 200 <= 0.99


def test_empty_resamples_are_left_out() -> None:
    low, high = interval(ratio_samples([1.0, 0.0], [1.0, 0.0], resamples=200))
    assert (float(low), float(high)) == (1.0, 1.0)
    assert np.isnan(interval(np.full((5,), np.nan))[0])
    assert interval(np.zeros((5, 0)))[0].shape == (0,)


def test_same_seed_draws_the_same_people() -> None:
    assert np.array_equal(resample_counts(9, resamples=4, seed=1), resample_counts(9, resamples=4, seed=1))
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(resample_counts(9, resamples=4, seed=1), resample_counts(9, resamples=4, seed=2))
