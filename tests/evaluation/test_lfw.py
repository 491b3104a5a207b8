"""LFW's lists of pairs, written by hand."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from kronface.errors import DataError
from kronface.evaluation.protocols import lfw
from kronface.evaluation.protocols.lfw import read_pairs

VIEW_2 = (
    "2\t2\n"
    "Ann\t1\t2\nBo_Li\t1\t12\n"
    "Ann\t1\tBo_Li\t1\nCy\t3\tAnn\t2\n"
    "Cy\t1\t2\nCy\t2\t3\n"
    "Cy\t1\tBo_Li\t10000\nAnn\t4\tCy\t1\n"
)
VIEW_1 = "1\nAnn\t1\t2\nAnn\t1\tBo\t1\n"


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_view_2(tmp_path: Path) -> None:
    found = read_pairs(write(tmp_path / "pairs.txt", VIEW_2))
    assert len(found) == 8
    np.testing.assert_array_equal(found.same, [1, 1, 0, 0, 1, 1, 0, 0])
    np.testing.assert_array_equal(found.folds, [0, 0, 0, 0, 1, 1, 1, 1])
    assert found.first[:3].tolist() == ["Ann/Ann_0001.jpg", "Bo_Li/Bo_Li_0001.jpg", "Ann/Ann_0001.jpg"]
    assert found.second[:3].tolist() == ["Ann/Ann_0002.jpg", "Bo_Li/Bo_Li_0012.jpg", "Bo_Li/Bo_Li_0001.jpg"]
    assert found.second[6] == "Bo_Li/Bo_Li_10000.jpg"
    assert found.first_person.tolist() == ["Ann", "Bo_Li", "Ann", "Cy", "Cy", "Cy", "Cy", "Ann"]
    assert found.second_person[3] == "Ann"
    assert len(found.images()) == 9
    assert found.official is None


@pytest.mark.parametrize("text", [VIEW_2.rstrip("\n"), VIEW_2.replace("\t", "   "), VIEW_2.replace("\n", "\r\n")])
def test_spaces_line_ends_and_a_missing_one(tmp_path: Path, text: str) -> None:
    found = read_pairs(write(tmp_path / "a.txt", text))
    plain = read_pairs(write(tmp_path / "b.txt", VIEW_2))
    for name in ("first", "second", "same", "folds"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


def test_view_1_is_one_fold(tmp_path: Path) -> None:
    found = read_pairs(write(tmp_path / "pairsDevTest.txt", VIEW_1))
    np.testing.assert_array_equal(found.same, [True, False])
    np.testing.assert_array_equal(found.folds, [0, 0])


def test_the_checksum_decides_what_is_official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(lfw.OFFICIAL) == [
        "01ee6aa0f3dbf1edca874bf6a9dea667",
        "4f27cbf15b2da4a85c1907eb4181ad21",
        "5132f7440eb68cf58910c8a45a2ac10b",
        "9f1ba174e4e1c508ff7cdf10ac338a7d",
    ]
    md5 = hashlib.md5(VIEW_2.encode(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(lfw, "OFFICIAL", {md5: "view 2 (pairs.txt)"})
    assert read_pairs(write(tmp_path / "a.txt", VIEW_2)).official == "view 2 (pairs.txt)"
    assert read_pairs(write(tmp_path / "a.txt", VIEW_2.replace("Ann\t4", "Ann\t5"))).official is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1 should announce"),
        ("ten 300\n", "line 1 should announce"),
        ("0\n", "line 1 should announce"),
        ("1 2 3\n", "line 1 should announce"),
        ("99999999999999999999\n", "line 1 should announce"),
        (VIEW_2 + "Ann\t1\t2\n", "announces 2 x 4 pairs, and 9 follow"),
        (VIEW_2.replace("2\t2\n", "10\t300\n", 1), "announces 10 x 600 pairs, and 8 follow"),
        (VIEW_2.replace("Ann\t1\t2\n", "Ann\t1\n", 1), "line 2 should be 'Name n1 n2'"),
        (VIEW_2.replace("Ann\t1\t2\n", "Ann\t1\tBo\t1\n", 1), "line 2 should be 'Name n1 n2'"),
        (VIEW_2.replace("Ann\t1\t2\n", "Ann\t1\t-2\n", 1), "line 2 should be 'Name n1 n2'"),
        (VIEW_2.replace("Ann\t1\t2\n", "Ann\t2\t2\n", 1), "line 2 pairs an image with itself"),
        (VIEW_2.replace("Cy\t3\tAnn\t2\n", "Cy\t3\tAnn\n"), "line 5 should be 'Name1 n1 Name2 n2'"),
        (VIEW_2.replace("Cy\t3\tAnn\t2\n", "Cy\t3\tCy\t2\n"), "line 5 should be of two people"),
        (VIEW_2.replace("Cy\t3\tAnn\t2\n", "\n"), "line 5 should be"),
    ],
)
def test_faults_are_named_by_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as error:
        read_pairs(write(tmp_path / "pairs.txt", text))
    assert str(error.value).startswith(str(tmp_path / "pairs.txt"))
    assert "\n" not in str(error.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_pairs(tmp_path / "nowhere.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="UTF-8"):
        read_pairs(tmp_path / "bytes.txt")
