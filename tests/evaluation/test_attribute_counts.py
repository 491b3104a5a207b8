"""Right answers by person, against loops, and as a results file keeps them."""

import json
from typing import Any

import numpy as np
import pytest

from kronface.errors import DataError
from kronface.evaluation.attribute_counts import CHOSEN, count_by_person, from_table, to_table
from kronface.evaluation.attributes import score
from kronface.evaluation.packed import pack, unpack_counts, unpack_scores

NAMES = ("A", "B", "C")


def made_up() -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    labels = (rng.random((30, 3)) < 0.4).astype(float)
    labels[rng.random((30, 3)) < 0.2] = np.nan
    labels[:, 1] = np.nan
    chances = rng.random((30, 3))
    chances[4] = np.nan
    return chances, labels, [f"p{number % 7}" for number in range(30)]


def test_counts_are_those_of_a_loop() -> None:
    chances, labels, people = made_up()
    limits = np.array([0.3, 0.5, 0.7])
    counts = count_by_person(chances, labels, people, NAMES, chosen=limits)
    assert counts.names == ("A", "C")
    assert counts.identities == tuple(f"p{k}" for k in range(7))
    assert counts.chosen is not None
    for row, person in enumerate(counts.identities):
        for column, name in enumerate(counts.names):
            k = NAMES.index(name)
            for side, value in enumerate((1.0, 0.0)):
                own = [i for i in range(30) if people[i] == person and labels[i, k] == value]
                assert counts.labels[row, column, side] == len(own)
                for part, limit in ((counts.right, 0.5), (counts.chosen, limits[k])):
                    right = [i for i in own if not np.isnan(chances[i, k]) and (chances[i, k] >= limit) == bool(value)]
                    assert part[row, column, side] == len(right)
    accuracy = score(chances, labels, people, NAMES, resamples=2)["C"].accuracy
    assert counts.right[:, 1].sum() / counts.labels[:, 1].sum() == pytest.approx(accuracy)


def test_the_table_gives_the_counts_again() -> None:
    chances, labels, people = made_up()
    for chosen in (None, 0.4):
        counts = count_by_person(chances, labels, people, NAMES, chosen=chosen)
        again = from_table(json.loads(json.dumps(to_table(counts))))
        assert (again.identities, again.names) == (counts.identities, counts.names)
        np.testing.assert_array_equal(again.labels, counts.labels)
        np.testing.assert_array_equal(again.right, counts.right)
        assert (again.chosen is None) == (chosen is None)
        if chosen is not None:
            np.testing.assert_array_equal(again.chosen, counts.chosen)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"positives": "1 2"}, "2 numbers of 7 people"),
        ({"positives": "1 2 3 4 5 6 -7"}, "other than whole numbers"),
        ({"positives": "0 0 0 0 0 0 0"}, "more right answers than labels"),
        ({CHOSEN[0]: 3}, "wrong value"),
    ],
)
def test_damaged_tables_are_refused(change: dict[str, Any], complaint: str) -> None:
    table = to_table(count_by_person(*made_up(), NAMES, chosen=0.4))
    for entry in table["attributes"].values():
        entry.update(change)
    with pytest.raises(DataError, match=complaint):
        from_table(table)


def test_arrays_that_do_not_fit_are_refused() -> None:
    chances, labels, people = made_up()
    with pytest.raises(DataError, match="do not fit"):
        count_by_person(chances[:, :2], labels, people, NAMES)


def test_packed_numbers_come_back_as_they_were() -> None:
    values = np.array([0.1, -1 / 3, np.nan, 1e-17, 5])
    np.testing.assert_array_equal(unpack_scores(pack(values)), values)
    assert unpack_counts(pack([3, 0, 12])).tolist() == [3, 0, 12]
    assert pack([3, 0, 12]) == "3 0 12"
    assert unpack_counts("").size == unpack_scores(" ").size == 0
    for text in ("1.5", "x", "1_0", "9" * 20):
        with pytest.raises(DataError):
            unpack_counts(text)
    for text in ("inf", "1,5"):
        with pytest.raises(DataError):
            unpack_scores(text)
