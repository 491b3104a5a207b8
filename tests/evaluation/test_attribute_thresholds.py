"""Chosen thresholds against hand-worked cases and a plain search."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from kronface.errors import ConfigError, DataError
from kronface.evaluation.attribute_thresholds import Criterion, choose_thresholds
from kronface.evaluation.attributes import score

NAN = float("nan")


@pytest.mark.parametrize(
    ("chances", "labels", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], 0.25),
        ([0.1, 0.2, 0.8], [0, 1, 1], 0.15),
        ([0.2, 0.3, 0.7, 0.8], [0, 1, 0, 1], 0.25),  # as good as 0.75, which is as near to 0.5: the lower
        ([0.2, 0.4, 0.7, 0.8], [0, 1, 0, 1], 0.3),  # as good as 0.75, which is further from 0.5
        ([0.1, 0.3, 0.6, 0.7], [0, 1, 0, 1], 0.65),  # as good as 0.2
        ([0.6, 0.8], [1, 1], 0.3),  # everything is a yes: midway to 0
        ([0.6, 0.8], [0, 0], 0.9),  # nothing is: midway to 1
        ([0.6, 1.0], [0, 0], 1.5),
        ([0.0, 0.0], [1, 1], 0.0),
        ([0.1, NAN, 0.3, 0.9], [0, 1, 1, NAN], 0.2),
        ([0.4, 0.4, 0.4], [1, 1, 0], 0.2),  # equal ones fall on one side together
        ([0.1, 0.2], [NAN, NAN], 0.5),
        ([NAN, NAN], [1, 0], 0.5),
    ],
)
def test_hand_worked_thresholds(chances: list[float], labels: list[float], expected: float) -> None:
    assert choose_thresholds(np.c_[chances], np.c_[labels]).tolist() == [pytest.approx(expected)]


def test_balanced_accuracy_minds_the_rare_class() -> None:
    chances, labels = np.c_[[0.1, 0.2, 0.3, 0.35, 0.4]], np.c_[[0, 0, 1, 0, 0]]
    assert choose_thresholds(chances, labels).tolist() == [pytest.approx(0.7)]  # never
    assert choose_thresholds(chances, labels, criterion="balanced_accuracy").tolist() == [pytest.approx(0.25)]
    assert choose_thresholds(chances, labels * 0, criterion="balanced_accuracy").tolist() == [0.5]
    # Of ten positives one shows a face: what is lost anyway keeps its place in the denominator.
    lost = np.r_[chances, np.full((9, 1), NAN)], np.r_[labels, np.ones((9, 1))]
    assert choose_thresholds(*lost, criterion="balanced_accuracy").tolist() == [pytest.approx(0.7)]


def test_neighbouring_numbers_are_told_apart() -> None:
    low = 0.7
    for _ in range(4):  # the mean of two neighbours is rounded to either of them
        low, high = np.nextafter(low, 1), np.nextafter(np.nextafter(low, 1), 1)
        assert choose_thresholds([[low], [high]], [[0], [1]]).tolist() == [high]
    high = np.nextafter(1.0, 0)
    assert choose_thresholds([[high]], [[0]]).tolist() == [1.0]


@pytest.mark.parametrize("criterion", ["accuracy", "balanced_accuracy"])
def test_no_other_threshold_is_better(criterion: Criterion) -> None:
    rng = np.random.default_rng(5)
    labels = (rng.random((60, 3)) < (0.15, 0.5, 0.7)).astype(float)
    chances = np.round(np.clip(0.3 * labels + 0.7 * rng.random(labels.shape), 0, 1), 2)
    labels[rng.random(labels.shape) < 0.1] = NAN
    found = choose_thresholds(chances, labels, criterion=criterion)

    def worth(column: int, threshold: float) -> float:
        known = ~np.isnan(labels[:, column])
        truth, answer = labels[known, column], chances[known, column] >= threshold
        return float((truth == answer).mean() if criterion == "accuracy" else balanced_accuracy_score(truth, answer))

    for column, threshold in enumerate(found):
        values = sorted({0.0, *chances[~np.isnan(labels[:, column]), column], 1.0})
        tried = {(a + b) / 2: worth(column, (a + b) / 2) for a, b in itertools.pairwise(values)}
        best = max(tried.values())
        assert worth(column, threshold) == pytest.approx(best)
        nearest = min(abs(limit - 0.5) for limit, value in tried.items() if value > best - 1e-9)
        assert abs(threshold - 0.5) == pytest.approx(nearest)
    people = [str(row) for row in range(60)]
    usual = score(chances, labels, people, "ABC", resamples=2)
    chosen = score(chances, labels, people, "ABC", threshold=found, resamples=2)
    assert sum(getattr(chosen[n], criterion) - getattr(usual[n], criterion) for n in "ABC") > 0.05


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="do not fit"):
        choose_thresholds([[0.1]], [[1, 0]])
    with pytest.raises(ConfigError, match="criterion"):
        choose_thresholds([[0.1]], [[1]], criterion="f1")  # type: ignore[arg-type]
