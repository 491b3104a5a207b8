from pathlib import Path

import pytest

from kronface.data.check import check
from kronface.data.sources import LAYOUTS
from kronface.data.sources.celeba import ATTRIBUTES, IDENTITIES, LANDMARKS, PARTITION
from kronface.errors import ConfigError
from kronface.faces.image import write_image
from tests.data.conftest import WriteCeleba, WritePeople, picture
from tests.data.sources import official
from tests.data.sources.packs import image_record, insightface, write_pack


def test_a_whole_set(write_celeba: WriteCeleba) -> None:
    report = check("celeba", write_celeba())
    assert report.ok
    assert report.problems == ()
    assert report.counts["images"] == 12
    assert report.counts["train identities"] == 2
    text = report.text()
    assert "complete" in text
    assert "every picture that is there can be read" in text
    assert "The Chinese University of Hong Kong; non-commercial research" in text


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    root = tmp_path / "celeba"
    root.mkdir()
    report = check("celeba", root)
    assert not report.ok
    text = report.text()
    for name in (ATTRIBUTES, IDENTITIES, PARTITION, "img_align_celeba"):
        assert f"{root / name}" in text
    assert LANDMARKS not in text  # optional
    assert "request" in text
    assert report.counts == {}


def test_every_fault_is_found_not_only_the_first(write_celeba: WriteCeleba) -> None:
    root = write_celeba()
    (root / IDENTITIES).unlink()
    (root / ATTRIBUTES).write_bytes((root / ATTRIBUTES).read_bytes().replace(b"Young", b"Old"))
    (root / "img_align_celeba" / "000003.jpg").unlink()
    text = check("celeba", root).text()
    assert f"{root / IDENTITIES} is missing" in text
    assert "unknown attribute Old" in text
    assert "has 11 of the 12 pictures that list_eval_partition.txt lists: 1 are missing, 000003.jpg the first" in text


def test_missing_and_superfluous_pictures(write_celeba: WriteCeleba) -> None:
    root = write_celeba()
    for number in (4, 9):
        (root / "img_align_celeba" / f"{number:06d}.jpg").unlink()
    write_image(root / "img_align_celeba" / "000077.jpg", picture(1))
    report = check("celeba", root)
    assert len(report.problems) == 1
    assert "10 of the 12 pictures" in report.problems[0]
    assert "2 are missing, 000004.jpg the first; unpack img_align_celeba.zip" in report.problems[0]
    assert any("1 pictures that list_attr_celeba.txt does not list, 000077.jpg" in note for note in report.notes)
    assert report.unreadable == ()  # the missing ones are not counted twice


def test_index_files_of_different_sets(write_celeba: WriteCeleba) -> None:
    root = write_celeba(pictures=False)
    path = root / PARTITION
    path.write_bytes(b"\r\n".join(path.read_bytes().splitlines()[:-2]))
    problems = check("celeba", root, decode=False).problems
    assert any(
        "lists 10 pictures, list_attr_celeba.txt 12: 2 of those are not in it, 000011.jpg" in p for p in problems
    )


def test_unreadable_pictures_are_named(write_celeba: WriteCeleba) -> None:
    root = write_celeba()
    folder = root / "img_align_celeba"
    (folder / "000002.jpg").write_bytes((folder / "000002.jpg").read_bytes()[:500])
    (folder / "000005.jpg").write_bytes(b"")
    seen: list[tuple[int, int]] = []
    report = check("celeba", root, progress=lambda _, done, total: seen.append((done, total)))
    assert [path for path, _ in report.unreadable] == ["img_align_celeba/000002.jpg", "img_align_celeba/000005.jpg"]
    assert "2 of 12 pictures (16.67%) cannot be read" in report.text()
    assert "000002.jpg is cut short" in report.text()
    assert "000005.jpg is empty" in report.text()
    assert seen[0] == (0, 12)
    assert seen[-1] == (12, 12)
    assert check("celeba", root, decode=False).ok


def test_pictures_in_the_wild_are_noticed(write_celeba: WriteCeleba) -> None:
    root = write_celeba()
    write_image(root / "img_align_celeba" / "000006.jpg", picture(6, 300, 400))
    assert any(
        "1 pictures are not 178x218, img_align_celeba/000006.jpg" in note for note in check("celeba", root).notes
    )


def test_official_counts(write_celeba: WriteCeleba) -> None:
    root = write_celeba()
    assert check("celeba", root).ok
    report = check("celeba", root, official=True)
    assert len(report.problems) == 1
    assert "12 images (official: 202599)" in report.problems[0]
    assert report.counts["images"] == 12


def test_a_folder_of_people(write_people: WritePeople) -> None:
    root = write_people({"ann": 3, "bob": 1})
    report = check("folder", root)
    assert report.ok
    assert dict(report.counts) == {
        "images": 4,
        "identities": 2,
        "fewest images of a person": 1,
        "most images of a person": 3,
        "people with a single image": 1,
    }
    (root / "ann" / "bad.jpg").write_text("no picture")
    report = check("folder", root)
    assert [path for path, _ in report.unreadable] == ["ann/bad.jpg"]
    assert "CelebA" not in report.text()
    assert "by consent of the people whom they show" in report.text()


def test_folders_that_hold_nothing(tmp_path: Path) -> None:
    assert "is not a folder" in check("celeba", tmp_path / "nowhere").text()
    assert "make one folder per person" in check("folder", tmp_path).text()
    with pytest.raises(ConfigError, match="unknown layout"):
        check("vgg", tmp_path)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "folder"])
def test_an_empty_folder_is_told_what_goes_where_and_whose_it_is(layout: str, tmp_path: Path) -> None:
    known = LAYOUTS[layout]
    for root in (tmp_path, tmp_path / "nowhere"):
        report = check(layout, root)
        assert not report.ok
        text = report.text()
        for part in known.parts:
            assert part.places[0] in text
            assert part.source in text or layout == "celeba"  # which has words of its own where the folder is there
        assert text.splitlines()[-1] == f"  {known.line()}"
    assert "is not a folder" in text


def test_a_pack_is_looked_through(tmp_path: Path) -> None:
    records = insightface((2, 1))
    root = write_pack(tmp_path / "whole", records)
    report = check("recordio", root)
    assert report.ok
    assert dict(report.counts) | {"images": 3, "identities": 2} == dict(report.counts)
    records[2] = image_record(0.0, b"\xff\xd8cut", 2)
    report = check("recordio", write_pack(tmp_path / "damaged", records))
    assert [path for path, _ in report.unreadable] == ["train.rec/2"]
    assert check("recordio", root / "train.rec").ok
    assert "train.rec: record 2 " in check("recordio", _cut(root)).text()


def _cut(root: Path) -> Path:
    path = root / "train.rec"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return root


def test_listed_pictures_that_are_not_there(tmp_path: Path) -> None:
    root = official.write_ijb(tmp_path / "ijb")
    (root / "loose_crop" / "3.jpg").unlink()
    for decode in (True, False):
        report = check("ijb", root, decode=decode)
        assert report.problems == (
            f"1 of the 5 listed pictures are missing, {root / 'loose_crop' / '3.jpg'} the first: "
            "unpack the pictures again",
        )
    assert check("celeba-hub", official.write_celeba_hub(tmp_path / "hub")).ok
