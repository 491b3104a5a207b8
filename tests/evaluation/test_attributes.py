"""Attribute scores against scikit-learn and hand-worked tables."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score

from kronface.errors import DataError
from kronface.evaluation.attributes import MEANS, mean_scores, score
from kronface.evaluation.bootstrap import resample_counts

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
        assert found.average_precision is not None
        assert found.average_precision == pytest.approx(average_precision_score(truth, chances[known, column]))
        assert found.average_precision_low is not None
        assert found.average_precision_high is not None
        assert found.average_precision_low < found.average_precision < found.average_precision_high
        assert found.threshold == 0.5
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
    assert scores["Bald"].average_precision is None
    assert scores["Bald"].average_precision_low is None
    assert scores["Bald"].ece == pytest.approx(0.15)
    assert "Young" not in scores
    assert score([[0.1], [0.2]], [[NAN], [NAN]], ["a", "b"], ("Bald",)) == {}
    assert score(np.zeros((0, 1)), np.zeros((0, 1)), [], ("Bald",)) == {}


def test_intervals_are_over_people_not_images() -> None:
    rng = np.random.default_rng(1)
    right = np.repeat(rng.random(20) < 0.7, 50)  # all images of a person stand or fall together
    labels = np.tile([1.0, 0.0], 500)[:, None]
    chances = np.where(right[:, None], labels, 1 - labels)
    found = score(chances, labels, [f"p{k // 50}" for k in range(1000)], ("A",))["A"]
    assert found.accuracy_high - found.accuracy_low > 0.2


def test_intervals_by_plain_loops() -> None:
    rng = np.random.default_rng(4)
    identities = [f"p{k}" for k in range(12) for _ in range(int(rng.integers(1, 5)))]
    labels = (rng.random((len(identities), 2)) < 0.4).astype(float)
    labels[rng.random(labels.shape) < 0.2] = NAN
    labels[:3, 1] = NAN  # somebody without any label of the second
    chances = rng.random(labels.shape)
    found = score(chances, labels, identities, ("A", "B"), resamples=60, seed=9)
    names = sorted(set(identities))
    counts = resample_counts(len(names), resamples=60, seed=9)
    for column, attribute in enumerate("AB"):
        plain, balanced = [], []
        for weights in counts:
            hits, totals = {0: 0.0, 1: 0.0}, {0: 0.0, 1: 0.0}
            for row, owner in enumerate(identities):
                if not np.isnan(labels[row, column]):
                    truth = int(labels[row, column])
                    totals[truth] += weights[names.index(owner)]
                    hits[truth] += weights[names.index(owner)] * (int(chances[row, column] >= 0.5) == truth)
            plain.append((hits[0] + hits[1]) / (totals[0] + totals[1]))
            if totals[0] and totals[1]:
                balanced.append((hits[0] / totals[0] + hits[1] / totals[1]) / 2)
        got = found[attribute]
        np.testing.assert_allclose((got.accuracy_low, got.accuracy_high), np.quantile(plain, [0.025, 0.975]))
        assert got.balanced_accuracy_low is not None
        assert got.balanced_accuracy_high is not None
        np.testing.assert_allclose(
            (got.balanced_accuracy_low, got.balanced_accuracy_high), np.quantile(balanced, [0.025, 0.975])
        )


def test_each_attribute_has_its_threshold() -> None:
    chances = np.array([[0.2, 0.2, 0.2], [0.6, 0.6, 0.6]])
    labels = np.array([[1.0, NAN, 0.0], [1.0, NAN, 1.0]])
    found = score(chances, labels, ["a", "b"], "ABC", threshold=[0.2, 0.9, 0.61])
    assert {name: (entry.accuracy, entry.threshold) for name, entry in found.items()} == {
        "A": (1.0, 0.2),  # a probability at the threshold is a yes
        "C": (0.5, 0.61),
    }
    assert found["A"].ece == score(chances, labels, ["a", "b"], "ABC")["A"].ece
    for wrong in ([0.5, 0.5], [[0.5] * 3], NAN, [0.5, NAN, 0.5]):
        with pytest.raises(DataError, match="3 names"):
            score(chances, labels, ["a", "b"], "ABC", threshold=wrong)


def test_a_face_that_is_not_found_is_wrong_at_every_threshold() -> None:
    labels, chances = [[1], [1], [0], [0]], [[0.9], [NAN], [NAN], [0.1]]
    for threshold in (0.0, 0.5, 1.5):
        found = score(chances, labels, list("abcd"), ("A",), threshold=threshold)["A"]
        right = {0.0: 1, 0.5: 2, 1.5: 1}[threshold]
        assert found.accuracy == right / 4
        # The negative without a face comes first: at the one positive that is retrieved, precision is 1/2, recall 1/2.
        assert found.average_precision == pytest.approx(1 / 4)
        assert found.ece == pytest.approx(0.1)
    nowhere = score([[NAN], [NAN]], [[1], [0]], ["a", "b"], ("A",))["A"]
    assert (nowhere.accuracy, nowhere.average_precision, nowhere.ece) == (0, 0, None)


def test_means_are_over_the_attributes_that_have_the_figure() -> None:
    full = {"accuracy": 0.9, "balanced_accuracy": 0.8, "average_precision": 0.7, "ece": 0.1, "majority": 0.6}
    old = {"accuracy": 0.7, "balanced_accuracy": None, "majority": 0.7, "images": 4}
    assert mean_scores({"A": full, "B": old}) == pytest.approx(full | {"accuracy": 0.8, "majority": 0.65})
    assert mean_scores({"B": old})["ece"] is None
    assert mean_scores({}) == dict.fromkeys(MEANS)


def test_arrays_that_do_not_fit_are_refused_in_one_line() -> None:
    with pytest.raises(DataError, match="do not fit"):
        score([[0.1, 0.2]], [[1, 0]], ["a"], ("A",))
    with pytest.raises(DataError, match="2 images need"):
        score([[0.1], [0.2]], [[1], [0]], ["a"], ("A",))
