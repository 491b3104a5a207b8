"""Attribute scores against scikit-learn and hand-worked tables."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from kronface.evaluation.attributes import score

NAN = float("nan")


def test_equals_scikit_learn_where_labels_are_there() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((300, 3)) < (0.1, 0.5, 0.8)).astype(float)
    chances = np.clip(0.5 + 0.35 * (labels - 0.5) + 0.3 * rng.normal(size=labels.shape), 0, 1)
    labels[rng.random(labels.shape) < 0.2] = NAN
    people = [f"p{k // 5}" for k in range(300)]
    scores = score(chances, labels, people, ("A", "B", "C"))
    for column, name in enumerate("ABC"):
        known = ~np.isnan(labels[:, column])
        truth, answer = labels[known, column], chances[known, column] >= 0.5
        found = scores[name]
        assert found.accuracy == pytest.approx(accuracy_score(truth, answer))
        assert found.balanced_accuracy is not None
        assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(truth, answer))
        assert found.majority == pytest.approx(max(truth.mean(), 1 - truth.mean()))
        assert found.images == known.sum()
        assert found.balanced_accuracy_low is not None
        assert found.balanced_accuracy_high is not None
        assert found.balanced_accuracy_low <= found.balanced_accuracy <= found.balanced_accuracy_high


def test_counts_people_and_faces_that_were_not_found() -> None:
    labels = [[1], [1], [0], [0], [0], [0]]
    chances = [[0.9], [NAN], [0.1], [0.2], [0.6], [NAN]]
    found = score(chances, labels, ["a", "a", "b", "b", "c", "c"], ("Bald",))["Bald"]
    assert found.accuracy == pytest.approx(3 / 6)  # a face that is not found is a wrong answer
    assert found.balanced_accuracy == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert (found.positives, found.people, found.images) == (1, 3, 6)
    assert found.majority == pytest.approx(4 / 6)


def test_one_class_has_no_balanced_accuracy_and_no_labels_no_score() -> None:
    scores = score([[0.1, 0.3], [0.2, 0.4]], [[0, NAN], [0, NAN]], ["a", "b"], ("Bald", "Young"))
    assert scores["Bald"].balanced_accuracy is None
    assert scores["Bald"].accuracy == 1
    assert "Young" not in scores


def test_intervals_are_over_people_not_images() -> None:
    rng = np.random.default_rng(1)
    right = np.repeat(rng.random(20) < 0.7, 50)  # all images of a person stand or fall together
    labels = np.tile([1.0, 0.0], 500)[:, None]
    chances = np.where(right[:, None], labels, 1 - labels)
    found = score(chances, labels, [f"p{k // 50}" for k in range(1000)], ("A",))["A"]
    assert found.accuracy_high - found.accuracy_low > 0.2
