"""Thresholds chosen on validation people and measured on test people."""

import json

import numpy as np
import pytest

from kronface.errors import DataError
from kronface.evaluation.attribute_thresholds import choose_thresholds
from kronface.evaluation.protocols.attributes import describe_attributes, measure_attributes


def people_of(seed: int, images: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    labels = (rng.random((images, 3)) < (0.1, 0.5, 0.0)).astype(float)
    chances = np.clip(0.3 * labels + 0.4 * rng.random(labels.shape), 0, 1)  # always too low
    labels[rng.random(labels.shape) < 0.1] = np.nan
    chances[::17] = np.nan
    return chances, labels, [f"p{row // 4}" for row in range(images)]


def test_chosen_thresholds_come_from_validation_and_mend_what_is_too_low() -> None:
    chances, labels, people = people_of(0, 400)
    other = people_of(1, 300)[:2]
    found = measure_attributes(chances, labels, people, "ABC", validation=other, resamples=50)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    chosen = found["chosen"]
    assert (chosen["criterion"], chosen["images"]) == ("accuracy", 300)
    expected = choose_thresholds(*other)
    assert [entry["threshold"] for entry in chosen["attributes"].values()] == expected.tolist()
    assert {entry["threshold"] for entry in found["attributes"].values()} == {0.5}
    assert chosen["attributes"]["B"]["accuracy"] > found["attributes"]["B"]["accuracy"] + 0.1
    for key in ("average_precision", "average_precision_low", "ece"):  # what has no threshold
        assert chosen["attributes"]["B"][key] == found["attributes"]["B"][key]
    assert found["attributes"]["C"]["balanced_accuracy"] is None
    assert found["mean"]["accuracy"] == pytest.approx(np.mean([found["attributes"][n]["accuracy"] for n in "ABC"]))
    assert found["labels"]["B"]["pairs"] > 300
    assert found["labels"]["C"]["kappa"] is None
    at_half, at_chosen = describe_attributes(found)
    assert at_half.startswith(
        f"3 attributes at 0.5, mean: accuracy {found['mean']['accuracy']:.4f}, balanced accuracy 0."
    )
    assert at_chosen.startswith("at thresholds chosen for accuracy on 300 validation images: accuracy 0.")


def test_without_validation_nothing_is_chosen() -> None:
    chances, labels, people = people_of(0, 60)
    found = measure_attributes(chances, labels, people, "ABC", resamples=10)
    assert found["chosen"] is None
    assert set(found) == {"attributes", "mean", "chosen", "labels", "counts"}
    assert len(describe_attributes(found)) == 1
    unlabelled = measure_attributes(chances, labels * np.nan, people, "ABC", resamples=10)
    assert describe_attributes(unlabelled) == ["attributes: no labels"]
    one_class = measure_attributes(chances[:, 2:], labels[:, 2:], people, "C", resamples=10)
    assert "balanced" not in describe_attributes(one_class)[0]
    with pytest.raises(DataError, match="validation labels"):
        measure_attributes(chances, labels, people, "ABC", validation=([[0.1]], [[1]]))
