"""Average precision against hand-worked rankings, scikit-learn and plain loops."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from kronface.errors import DataError
from kronface.evaluation.attributes import score
from kronface.evaluation.average_precision import average_precision, average_precision_samples
from kronface.evaluation.bootstrap import resample_counts

NAN = float("nan")


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0], (1 + 2 / 3) / 2),
        ([0.6, 0.7, 0.8, 0.9], [1, 0, 1, 0], (1 / 2 + 2 / 4) / 2),
        ([0.5, 0.5, 0.5, 0.5], [1, 0, 1, 0], 1 / 2),  # one threshold: precision is the positives' share
        ([0.9, 0.5, 0.5, 0.1], [0, 1, 0, 1], (1 / 3 + 2 / 4) / 2),
        ([3.0, -1.0, -np.inf], [1, 0, 1], (1 + 2 / 3) / 2),  # any scores, minus infinity included
        ([0.9, 0.8, 0.1], [1, NAN, 0], 1.0),
        ([NAN, 0.8, 0.1], [1, 1, 0], 1 / 2),  # never retrieved, but wanted
        ([NAN, 0.8, 0.1], [0, 1, 0], 1 / 2),  # retrieved first
        ([NAN, NAN, 0.1], [0, 1, 0], 0.0),
    ],
)
def test_hand_worked_rankings(scores: list[float], labels: list[float], expected: float) -> None:
    assert average_precision(scores, labels) == pytest.approx(expected)


def test_equals_scikit_learn_with_ties_and_weights() -> None:
    rng = np.random.default_rng(0)
    for trial in range(40):
        images = int(rng.integers(2, 60))
        labels = (rng.random(images) < 0.3).astype(float)
        labels[:2] = 1, 0
        scores = rng.integers(0, 1 + trial, images) / 7
        weights = rng.integers(0, 4, images) * 0.7
        weights[:2] = 0.3, 0.2
        assert average_precision(scores, labels) == pytest.approx(average_precision_score(labels, scores))
        assert average_precision(scores, labels, weights) == pytest.approx(
            average_precision_score(labels, scores, sample_weight=weights)
        )
        order = rng.permutation(images)
        assert average_precision(scores[order], labels[order]) == pytest.approx(average_precision(scores, labels))


def test_a_class_that_is_absent_gives_none() -> None:
    assert average_precision([0.1, 0.2], [0, 0]) is None
    assert average_precision([0.1, 0.2], [1, NAN]) is None
    assert average_precision([], []) is None
    assert average_precision([0.1, 0.2], [1, 0], [1, 0]) is None


def test_resamples_by_plain_loops() -> None:
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(9), rng.integers(1, 5, 9))
    labels = (rng.random(len(person)) < 0.3).astype(float)
    labels[rng.random(len(person)) < 0.1] = NAN
    scores = np.round(rng.random(len(person)), 1)
    scores[rng.random(len(person)) < 0.15] = NAN
    counts = resample_counts(9, resamples=80, seed=2)
    found = average_precision_samples(scores, labels, person, counts)
    empty = 0
    for sample, drawn in zip(found, counts, strict=True):
        images = [row for row, owner in enumerate(person) for _ in range(int(drawn[owner])) if labels[row] in (0, 1)]
        wanted = [row for row in images if labels[row] == 1]
        if len(wanted) in (0, len(images)):
            assert np.isnan(sample)
            empty += 1
            continue
        total = 0.0
        for limit in sorted({scores[row] for row in wanted if not np.isnan(scores[row])}):
            passed = [row for row in images if scores[row] >= limit or (np.isnan(scores[row]) and labels[row] == 0)]
            here = sum(scores[row] == limit for row in wanted)
            total += here / len(wanted) * sum(labels[row] for row in passed) / len(passed)
        assert sample == pytest.approx(total)
    assert empty < 80
    plain = score(scores[:, None], labels[:, None], [str(owner) for owner in person], ("A",), resamples=80, seed=2)["A"]
    ends = (plain.average_precision_low, plain.average_precision_high)
    assert ends == pytest.approx(tuple(np.nanquantile(found, [0.025, 0.975])))


def test_arrays_that_do_not_fit_are_refused() -> None:
    for scores, labels, weights in (([0.1], [1, 0], None), ([[0.1]], [[1]], None), ([0.1, 0.2], [1, 0], [1])):
        with pytest.raises(DataError, match="do not fit"):
            average_precision(scores, labels, weights)
