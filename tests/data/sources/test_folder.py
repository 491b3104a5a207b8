import os
import re
from pathlib import Path

import pytest

from kronface.data.sources.folder import folder
from kronface.errors import DataError
from tests.data.conftest import WritePeople


def test_one_folder_per_person_in_sorted_order(write_people: WritePeople) -> None:
    root = write_people({"Zoë Müller": 2, "ann": 1, "李小龍": 3, "O'Brien, Bob": 1, "with.dot": 1})
    records = folder(root)
    assert records.table["path"].to_list() == sorted(records.table["path"].to_list())
    assert set(records.table["identity"]) == {"Zoë Müller", "ann", "李小龍", "O'Brien, Bob", "with.dot"}
    assert all(
        path.startswith(f"{identity}/")
        for path, identity in zip(records.table["path"], records.table["identity"], strict=True)
    )
    assert not records.table["aligned"].any()
    assert folder(root, aligned=True).table["aligned"].all()
    assert records.notes == ()


def test_junk_is_passed_over(write_people: WritePeople) -> None:
    root = write_people(
        {"ann": 2, "bob": 1, ".hidden": 1, "__MACOSX": 1, "ann/@eaDir/000.png": 1, "ann/.thumbnails": 1}
    )
    for path in ("README", "labels.csv", "ann/notes.txt", "ann/.hidden.jpg", "ann/._000.png", "bob/Thumbs.db"):
        (root / path).write_text("junk")
    assert folder(root).table["path"].to_list() == ["ann/000.png", "ann/001.png", "bob/000.png"]


def test_masks_of_rendered_people_are_nobodys_pictures(write_people: WritePeople) -> None:
    root = write_people({"ann": 1, "masks/ann": 1, "masks/bob": 1})
    assert folder(root).identities() == ["ann", "masks/ann", "masks/bob"]
    (root / "truth.csv").touch()
    assert folder(root).identities() == ["ann"]


def test_suffixes_of_any_case(write_people: WritePeople) -> None:
    root = write_people({"ann": 1})
    for name in ("a.JPG", "b.Jpeg", "c.PNG", "d.bmp", "e.WebP", "f.TIF", "g.tiff"):
        (root / "ann" / name).touch()
    assert len(folder(root)) == 8


def test_deeper_pictures_belong_to_the_person_above(write_people: WritePeople) -> None:
    root = write_people({"ann": 1, "ann/holidays/2024": 2, "bob": 1})
    assert folder(root).table["identity"].to_list() == ["ann", "ann", "ann", "bob"]


def test_people_below_a_folder_without_pictures(write_people: WritePeople) -> None:
    root = write_people({"train/ann": 1, "train/bob": 1, "test/ann": 1})
    records = folder(root)
    assert records.identities() == ["test/ann", "train/ann", "train/bob"]
    assert any("3 people lie deeper" in note for note in records.notes)


def test_links_to_people_elsewhere_are_followed(write_people: WritePeople, tmp_path: Path) -> None:
    root = write_people({"ann": 1})
    write_people({"../elsewhere/bob": 2, "../elsewhere/cem": 1})
    elsewhere = (root / ".." / "elsewhere").resolve()
    (elsewhere / "cem" / "back").symlink_to(elsewhere)
    (root / "bob").symlink_to(elsewhere / "bob")
    (root / "cem").symlink_to(elsewhere / "cem")
    (root / "zoe").symlink_to(elsewhere / "bob")  # the same pictures under a second name
    assert folder(root).table["path"].to_list() == ["ann/000.png", "bob/000.png", "bob/001.png", "cem/000.png"]


def test_a_picture_that_links_to_itself_is_that_pictures_fault(write_people: WritePeople) -> None:
    root = write_people({"ann": 1})
    (root / "ann" / "loop.png").symlink_to("loop.png")
    assert folder(root).table["path"].to_list() == ["ann/000.png", "ann/loop.png"]


@pytest.mark.parametrize("name", [b"M\xfcller", b"ann/\xff.png"])
def test_names_that_are_not_utf8_are_named(write_people: WritePeople, name: bytes) -> None:
    root = write_people({"ann": 1})
    (root / os.fsdecode(name)).mkdir()
    with pytest.raises(DataError, match=r"holds '.*\\xf.*', a name that is not UTF-8: rename it"):
        folder(root)


def test_links_that_lead_back_are_not_followed(write_people: WritePeople) -> None:
    root = write_people({"ann": 1, "bob": 1})
    (root / "ann" / "loop").symlink_to(root)
    (root / "alias").symlink_to(root / "bob")
    (root / "bob" / "linked.png").symlink_to(root / "ann" / "000.png")
    assert folder(root).table["path"].to_list() == ["ann/000.png", "bob/000.png", "bob/linked.png"]


def test_what_is_odd_is_noted(write_people: WritePeople) -> None:
    root = write_people({"ann": 1})
    (root / "empty").mkdir()
    (root / "loose.jpg").touch()
    notes = " ".join(folder(root).notes)
    assert "1 folder without pictures, empty the first" in notes
    assert "1 picture lies outside" in notes
    assert "one person, ann" in notes


def test_folders_that_hold_no_people(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        folder(tmp_path / "nowhere")
    with pytest.raises(DataError, match=f"{re.escape(str(tmp_path))} holds no pictures: make one folder per person"):
        folder(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        folder(tmp_path)
    (tmp_path / "a.jpg").touch()
    with pytest.raises(DataError, match="holds 1 pictures but no folders of people: make one folder per person"):
        folder(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is not a folder"):
        folder(tmp_path / "file")
