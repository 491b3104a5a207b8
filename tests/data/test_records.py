from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kronface.data.records import Records
from kronface.errors import DataError

ROOT = Path("set")


def table(**columns: object) -> pl.DataFrame:
    base: dict[str, object] = {"path": ["a.jpg", "b.jpg", "c.jpg"], "identity": ["x", "y", "x"]}
    return pl.DataFrame(base | columns)


def build(attributes: tuple[str, ...] = (), **columns: object) -> Records:
    return Records.from_columns(ROOT, table(**columns), name="test", attributes=attributes)


def test_missing_columns_are_filled() -> None:
    records = build()
    assert records.table["split"].to_list() == ["", "", ""]
    assert not records.table["aligned"].any()
    assert records.landmarks().shape == (3, 5, 2)
    assert np.isnan(records.landmarks()).all()


def test_known_landmarks_stand_beside_unknown_ones() -> None:
    points = np.arange(10, dtype=np.float32).reshape(5, 2)
    column = pl.Series([points.tolist(), None, points.tolist()], dtype=pl.Array(pl.Float32, (5, 2)))
    found = build(landmarks=column).landmarks()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[[0, 2]], [points, points])
    assert np.isnan(found[1]).all()


def test_labels_are_nan_where_there_is_none() -> None:
    records = build(("Male", "Young"), Male=[1, 0, None], Young=[0, 1, 1])
    labels = records.labels(["Young", "Bald", "Male"])
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, [[0, np.nan, 1], [1, np.nan, 0], [1, np.nan, np.nan]])
    assert records.labels([]).shape == (3, 0)


def test_rows_are_chosen_by_split_and_identity_in_their_order() -> None:
    records = build(split=["train", "test", "train"])
    assert records.select(split="train").table["path"].to_list() == ["a.jpg", "c.jpg"]
    assert records.select(identities=["y"]).table["path"].to_list() == ["b.jpg"]
    assert len(records.select(split="test", identities=["x"])) == 0
    assert records.keep(np.array([False, True, True])).table["path"].to_list() == ["b.jpg", "c.jpg"]
    assert records.identities() == ["x", "y"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"path": ["a.jpg", "a.jpg", "c.jpg"]}, r"a\.jpg is listed twice"),
        ({"identity": ["x", None, "z"]}, r"b\.jpg has no identity"),
        ({"identity": ["x", "", "z"]}, r"b\.jpg has no identity"),
        ({"split": ["train", "tets", "test"]}, "unknown split 'tets'"),
        ({"Male": [1, -1, 0]}, "Male has the label -1"),
    ],
)
def test_contradictions(columns: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        build(("Male",) if "Male" in columns else (), **columns)


def test_no_rows() -> None:
    with pytest.raises(DataError, match="holds no face images"):
        Records.from_columns(ROOT, table().clear(), name="test")


def test_a_set_that_knows_nobody() -> None:
    records = build(identity=[None, None, None])
    assert records.identities() == []
    assert records.people().tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert build().people().tolist() == ["x", "y", "x"]


def test_boxes_and_ages() -> None:
    records = build(box=pl.Series([[1, 2, 3, 4], None, None], dtype=pl.Array(pl.Float32, 4)), age=[7, None, 69])
    np.testing.assert_array_equal(records.boxes(), [[1, 2, 3, 4], [np.nan] * 4, [np.nan] * 4])
    assert records.table["age"].to_list() == [7, None, 69]
    assert np.isnan(build().boxes()).all()


def test_other_labels_of_the_same_images() -> None:
    records = build(("Male", "Young"), Male=[1, 0, None], Young=[0, 1, 1])
    other = records.with_labels(["Bald", "Male"], np.array([[0, np.nan], [1, 1], [np.nan, 0]], np.float32))
    assert other.attributes == ("Male", "Young", "Bald")
    np.testing.assert_array_equal(other.labels(["Male", "Young", "Bald"]), [[np.nan, 0, 0], [1, 1, 1], [0, 1, np.nan]])
    assert other.table["path"].to_list() == records.table["path"].to_list()
    np.testing.assert_array_equal(records.labels(["Male"])[:, 0], [1, 0, np.nan])
