"""Rank-k and growing numbers of distractors against slow loops: each rank is counted, each subset is made."""

import itertools
import math
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronface.errors import ConfigError
from kronface.evaluation.bootstrap import interval, resample_counts
from kronface.evaluation.identification import MISS
from kronface.evaluation.protocols.content import investigation
from kronface.evaluation.trials import Trials, by_distractors, cmc, rank_points

TIES: tuple[Literal["against", "for"], ...] = ("against", "for")


def is_before(other: float, mate: float, ties: str) -> bool:
    return other >= mate if ties == "against" else other > mate


class Searches:
    """Made-up scores: of each trial's mate (NaN: a face is lost), of the fixed others, and of a pool of distractors."""

    def __init__(self, seed: int, *, trials: int = 14, fixed: int = 1, pool: int = 7, levels: int = 5) -> None:
        rng = np.random.default_rng(seed)
        self.mate = rng.integers(1, levels + 2, trials) - 3.0
        self.mate[rng.random(trials) < 0.1] = math.nan
        self.fixed = rng.integers(0, levels, (trials, fixed)) - 3.0
        self.pool = rng.integers(0, levels, (trials, pool)) - 3.0
        self.person = rng.permutation(np.arange(trials) % 4)

    def counted(self, scores: np.ndarray) -> Trials:
        higher = [
            MISS if math.isnan(mate) else sum(1 for score in row if score > mate)
            for mate, row in zip(self.mate, scores, strict=True)
        ]
        tied = [sum(1 for score in row if score == mate) for mate, row in zip(self.mate, scores, strict=True)]
        return Trials(np.array(higher), np.array(tied), self.person, 4, scores.shape[1])

    def first(self, trial: int, others: "list[float]", ties: str) -> bool:
        mate = self.mate[trial]
        return not math.isnan(mate) and not any(is_before(score, mate, ties) for score in others)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("seed", range(4))
def test_cmc_equals_plain_loops(seed: int, ties: Literal["against", "for"]) -> None:
    made = Searches(seed, trials=40, pool=12)
    trials = made.counted(made.pool)
    ranks = []
    for mate, row in zip(made.mate, made.pool, strict=True):
        place = 1 + sum(1 for score in row if is_before(score, mate, ties))
        ranks.append(math.inf if math.isnan(mate) else place)
    for given_rank, rank in zip(trials.ranks(ties), ranks, strict=True):
        assert given_rank == (MISS if rank == math.inf else rank)
    curve = cmc(trials, ties=ties, resamples=60, seed=2)
    assert curve.at.tolist() == list(range(1, 14))
    for column, k in enumerate(curve.at):
        assert curve.rate[column] == pytest.approx(sum(rank <= k for rank in ranks) / 40)
        for person in range(4):
            own = [rank <= k for rank, owner in zip(ranks, made.person, strict=True) if owner == person]
            assert curve.hits[person, column] == sum(own)
            assert curve.trials[person] == len(own)
    some = cmc(trials, ties=ties, at=np.array([2, 5, 100]), resamples=5)
    np.testing.assert_array_equal(some.rate, [curve.rate[1], curve.rate[4], curve.rate[-1]])
    # Intervals: people are drawn anew with all of their trials.
    drawn = resample_counts(4, resamples=60, seed=2)
    samples = [
        [sum(count * hits for count, hits in zip(row, curve.hits[:, k], strict=True)) for k in range(13)]
        / (row @ curve.trials)
        for row in drawn
    ]
    low, high = interval(samples)
    np.testing.assert_allclose(curve.low, low)
    np.testing.assert_allclose(curve.high, high)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("fixed", [0, 1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_growing_distractors_equal_the_mean_over_all_subsets(
    seed: int, fixed: int, ties: Literal["against", "for"]
) -> None:
    made = Searches(seed, fixed=fixed, levels=4 + fixed)
    sizes = np.arange(8)
    curve = by_distractors(made.counted(made.fixed), made.counted(made.pool), sizes, ties=ties, resamples=5)
    for column, size in enumerate(sizes):
        hits = np.zeros(4)
        subsets = list(itertools.combinations(range(7), int(size)))
        for trial, person in enumerate(made.person):
            for subset in subsets:
                others = [*made.fixed[trial], *(made.pool[trial, row] for row in subset)]
                hits[person] += made.first(trial, others, ties) / len(subsets)
        np.testing.assert_allclose(curve.hits[:, column], hits, atol=1e-9)
        assert curve.rate[column] == pytest.approx(hits.sum() / 14)
    assert (np.diff(curve.rate) <= 1e-12).all()
    assert curve.rate[0] > 0
    # The whole pool is the search itself.
    together = made.counted(np.hstack([made.fixed, made.pool]))
    assert curve.rate[-1] == pytest.approx(cmc(together, ties=ties, resamples=1).rate[0])


def test_ties_against_and_for() -> None:
    trials = Trials(np.array([0, 0, 2, MISS]), np.array([0, 3, 1, 0]), np.array([0, 0, 1, 1]), 2, 5)
    assert trials.before().tolist() == [0, 3, 3, MISS]
    assert trials.before("for").tolist() == [0, 0, 2, MISS]
    assert trials.ranks().tolist() == [1, 4, 4, MISS]
    assert trials.ranks("for").tolist() == [1, 1, 3, MISS]
    assert cmc(trials, resamples=1).rate.tolist() == [0.25, 0.25, 0.25, 0.75, 0.75, 0.75]
    assert cmc(trials, ties="for", resamples=1).rate.tolist() == [0.5, 0.5, 0.75, 0.75, 0.75, 0.75]
    with pytest.raises(ConfigError, match="against or for"):
        trials.before("both")  # type: ignore[arg-type]


def test_a_million_distractors_do_not_blur_the_rate() -> None:
    # Nobody before the mate: right at any number. One before it: right where it is not drawn.
    pool = Trials(np.array([0, 1, MISS]), np.zeros(3, np.int64), np.zeros(3, np.int64), 1, 1_000_000)
    fixed = Trials(np.array([0, 0, MISS]), np.zeros(3, np.int64), np.zeros(3, np.int64), 1, 0)
    sizes = np.array([0, 1, 10, 1000, 250_000, 1_000_000])
    curve = by_distractors(fixed, pool, sizes, resamples=1)
    np.testing.assert_allclose(curve.rate, (1 + 1 - sizes / 1e6) / 3, atol=1e-7)
    nobody = np.zeros(1, np.int64)
    alone = by_distractors(
        Trials(nobody, nobody, nobody, 1, 0), Trials(nobody, nobody, nobody, 1, 1_000_000), sizes, resamples=1
    )
    assert (alone.rate == 1).all()


@settings(deadline=None, max_examples=60)
@given(others=st.integers(0, 2_000_000))
def test_rank_points_hold_the_ends_and_what_tables_name(others: int) -> None:
    points = rank_points(others)
    assert points[0] == 1
    assert points[-1] == others + 1
    assert (np.diff(points) > 0).all()
    assert set(range(1, min(others + 1, 100) + 1)) <= set(points.tolist())
    assert {k for k in (1000, 10_000, 100_000) if k <= others + 1} <= set(points.tolist())
    assert len(points) < 200


def test_investigation_counts_mates_beyond_fifty_candidates() -> None:
    higher = np.array([0, 49, 50, MISS])
    trials = Trials(higher, np.array([0, 0, 0, 0]), np.arange(4), 4, 99)
    found = investigation(trials, ties="against", resamples=200, seed=0)
    assert found["fnir"] == 0.5
    assert (found["enrolled"], found["candidates"]) == (100, 50)
    assert found["low"] < 0.5 < found["high"]
    tied = Trials(higher, np.array([0, 1, 0, 0]), np.arange(4), 4, 99)
    assert investigation(tied, ties="against", resamples=1, seed=0)["fnir"] == 0.75
    assert investigation(tied, ties="for", resamples=1, seed=0)["fnir"] == 0.5
