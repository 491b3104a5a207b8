"""Groups of people from tables: bands, whose row is whose, and tables that contradict themselves."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kronface.errors import ConfigError, DataError
from kronface.evaluation.groups import (
    Grouping,
    GroupTable,
    age_bands,
    groupings,
    largest_ancestry,
    read_groups,
    thirds,
    tone_bands,
)


def members(found: Grouping) -> list[str]:
    return [found.names[number] if number >= 0 else "" for number in found.number]


def table(tmp_path: Path, text: str) -> GroupTable:
    path = tmp_path / "groups.csv"
    path.write_text(text)
    return read_groups(path)


def test_bands_by_hand() -> None:
    ages = age_bands([17.9, 18, 29.99, 30, 60, np.nan, 45])
    assert members(ages) == ["0-17", "18-29", "18-29", "30-44", "60+", "", "45-59"]
    assert members(age_bands([70, 20])) == ["60+", "18-29"]
    assert age_bands([70, 20]).names == ("18-29", "60+")  # bands without anybody are no groups
    assert members(tone_bands([56, 50, 30, 20, 0, -31])) == [
        "very light",
        "light",
        "intermediate",
        "tan",
        "brown",
        "dark",
    ]
    assert np.bincount(thirds(np.arange(9.0), "tone").number).tolist() == [3, 3, 3]
    assert largest_ancestry([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4], [np.nan, 1, 0]]).tolist() == ["asian", "african", ""]


def test_names_with_numbers_are_in_their_order() -> None:
    assert Grouping.of("age", ["10-19", "3-9", "", "20-29"]).names == ("3-9", "10-19", "20-29")
    assert Grouping.of("age", ["10-19", "3-9", "", "20-29"]).number.tolist() == [1, 0, -1, 2]


def test_rows_are_found_by_path_or_by_person(tmp_path: Path) -> None:
    known = table(tmp_path, "path,identity,sex,glasses\na/1.jpg,1,female,1\na/2.jpg,1,female,0\nb/1.jpg,2,male,0\n")
    paths, folders = np.array(["b/1.jpg", "a/2.jpg", "c/1.jpg", "a/1.jpg"]), np.array(["b", "a", "c", "a"])
    assert members(known.group("sex", folders, paths)) == ["male", "female", "", "female"]
    assert members(known.group("glasses", folders, paths)) == ["0", "0", "", "1"]  # images of one person may differ
    people = np.array(["2", "1", "2", "7"])
    assert members(known.group("sex", people, np.array(["x", "y", "z", "w"]))) == ["male", "female", "male", ""]
    with pytest.raises(DataError, match=r"a path there is a/1.jpg, of the images x"):
        known.group("sex", np.array(["p"]), np.array(["x"]))


def test_contradictions(tmp_path: Path) -> None:
    twice = table(tmp_path, "identity,sex\nann,female\nbob,male\nann,male\n")
    with pytest.raises(DataError, match=r"'sex' of ann is female in one row and male in another"):
        twice.group("sex", np.array(["bob"]))
    by_path = table(tmp_path, "path,sex,age\n1,female,20\n2,male,50\n")
    with pytest.raises(DataError, match="'sex' of ann"):
        by_path.group("sex", np.array(["ann", "ann"]), np.array(["1", "2"]))
    assert members(by_path.group("age", np.array(["ann", "ann"]), np.array(["1", "2"]))) == ["18-29", "45-59"]
    filled = table(tmp_path, "identity,sex\nann,\nann,female\n")  # nothing contradicts nothing
    assert members(filled.group("sex", np.array(["ann"]))) == ["female"]


def test_columns_by_other_names_and_by_default(tmp_path: Path) -> None:
    text = "identity,gender,age_years,tone,african,asian,caucasian,Young\n"
    text += "".join(f"p{k},{'fm'[k % 2]},{20 + k},{k / 30},0.1,{k / 60},0.2,{k % 2}\n" for k in range(30))
    known = table(tmp_path, text)
    people = np.array([f"p{k}" for k in range(30)])
    found = groupings([known], [], identities=people)
    assert [one.by for one in found] == ["sex", "age", "tone", "ancestry"]
    assert found[0].names == ("f", "m")
    assert found[1].names == ("18-29", "30-44", "45-59")
    assert [name.split(" (")[0] for name in found[2].names] == ["lowest third", "middle third", "highest third"]
    assert members(found[3])[0] == "caucasian"
    assert members(found[3])[29] == "asian"
    assert members(known.group("Young", people))[:2] == ["0", "1"]
    with pytest.raises(ConfigError, match=r"no column 'height'.*gender, age_years"):
        groupings([known], ["height"], identities=people)
    plain = table(tmp_path, "identity,name\na,b\n")
    with pytest.raises(ConfigError, match="no column of sex, age, tone, ancestry"):
        groupings([plain], [], identities=np.array(["a"]))
    many = table(tmp_path, "identity,name\n" + "".join(f"{k},n{k}x\n" for k in range(70)))
    with pytest.raises(ConfigError, match="70 values"):
        many.group("name", np.arange(70).astype(str))


def test_parquet_and_columns_that_came_with_the_images(tmp_path: Path) -> None:
    pl.DataFrame({"identity": [1, 2], "sex": ["f", None]}).write_parquet(tmp_path / "g.parquet")
    assert members(read_groups(tmp_path / "g.parquet").group("sex", np.array(["2", "1"]))) == ["", "f"]
    columns = {"sex": np.array(["f", None, "m"], object), "age": np.array([20, 70, 33]), "box": np.zeros((3, 4))}
    beside = GroupTable.of_columns("probes.parquet", columns)
    assert beside.table.columns == ["sex", "age"]
    assert members(beside.group("sex")) == ["f", "", "m"]
    assert members(beside.group("age")) == ["18-29", "60+", "30-44"]
    first = read_groups(tmp_path / "g.parquet")
    found = groupings([first, beside], ["age", "sex"], identities=np.array(["1", "1", "2"]))
    assert [members(one) for one in found] == [["18-29", "60+", "30-44"], ["f", "f", ""]]


@pytest.mark.parametrize("content", ["", "name,sex\na,f\n"])
def test_what_is_no_table_of_groups(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match=r"groups\.csv"):
        table(tmp_path, content)
    with pytest.raises(DataError, match="nowhere"):
        read_groups(tmp_path / "nowhere.csv")
    (tmp_path / "g.parquet").write_text("no parquet")
    with pytest.raises(DataError, match="cannot be read"):
        read_groups(tmp_path / "g.parquet")
