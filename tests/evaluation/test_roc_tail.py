"""TAR at low FAR from the highest impostor scores, against the whole lists."""

import numpy as np
import pytest

from kronface.evaluation.bootstrap import resample_counts
from kronface.evaluation.roc_tail import Tail, roc_points, tar_at


def make(kept: int | None, *, seed: int = 0) -> tuple[Tail, np.ndarray, np.ndarray]:
    """A tail, and all impostor scores (falling) with their people."""
    rng = np.random.default_rng(seed)
    probes = np.array([3, 1, 5, 2])
    genuine_person = np.repeat(np.arange(4), [6, 2, 20, 3])
    genuine = np.round(rng.normal(2.0, 1.0, len(genuine_person)), 1)
    genuine[4] = -np.inf
    person = np.repeat(np.arange(4), probes * 2000)
    scores = np.round(rng.normal(0.0, 1.0, len(person)), 2)  # many ties
    order = np.argsort(-scores, kind="stable")
    scores, person = scores[order], person[order]
    part = slice(None, kept)
    tail = Tail(genuine, genuine_person, scores[part], person[part], len(scores), kept is None, probes)
    return tail, scores, person


@pytest.mark.parametrize("far", [1e-3, 1e-2, 0.05])
def test_the_strict_rule_by_counting(far: float) -> None:
    tail, scores, _ = make(5000)
    found = tar_at(tail, far)
    assert found is not None
    thresholds = np.unique(np.concatenate([scores, tail.genuine]))
    rates = [(tail.genuine >= limit).mean() for limit in thresholds if (scores >= limit).mean() <= far]
    assert found.tar == max(rates)
    assert found.low is None


def test_what_the_pairs_do_not_support_is_not_given() -> None:
    tail, _, _ = make(5000)
    assert tar_at(tail, 1e-4) is None  # 22,000 pairs: 2.2 errors
    assert tar_at(tail, 0.5) is None  # beyond what was kept
    whole, _, _ = make(None)
    assert tar_at(whole, 0.5) is not None


def test_intervals_set_the_threshold_anew() -> None:
    tail, scores, person = make(8000)
    found = tar_at(tail, 0.01, resamples=200, seed=5)
    assert found is not None
    samples = []
    for weight in resample_counts(4, resamples=200, seed=5):
        total = weight[person].sum()
        limits = np.unique(scores)[::-1]
        allowed = [limit for limit in limits if weight[person][scores >= limit].sum() <= np.floor(0.01 * total + 1e-9)]
        # Just above the next lower score.
        below = limits[len(allowed)]
        pairs = weight[tail.genuine_person]
        samples.append((pairs * (tail.genuine > below)).sum() / pairs.sum() if pairs.sum() else np.nan)
    low, high = np.nanquantile(samples, [0.025, 0.975])
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)


def test_points_of_the_curve_lie_on_it() -> None:
    for kept in (4000, None):
        tail, scores, _ = make(kept)
        fpr, tpr = roc_points(tail, 50)
        assert fpr[0] == 0
        assert (np.diff(fpr) >= 0).all()
        for x, y in zip(fpr, tpr, strict=True):
            thresholds = np.unique(np.concatenate([scores, tail.genuine[np.isfinite(tail.genuine)]]))
            assert y == pytest.approx(
                max(
                    ((tail.genuine >= limit).mean() for limit in thresholds if (scores >= limit).mean() <= x),
                    default=0.0,
                )
            )
    assert fpr[-1] == 1
