import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kronface.data.attributes import CELEBA
from kronface.data.sources.celeba import (
    ATTRIBUTES,
    IDENTITIES,
    LANDMARKS,
    OFFICIAL_IDENTITIES,
    OFFICIAL_IMAGES,
    PARTITION,
    TYPICAL_LANDMARKS,
    celeba,
)
from kronface.errors import DataError
from tests.data.conftest import LANDMARK_HEADER, WriteCeleba

INDEX_FILES = (ATTRIBUTES, IDENTITIES, PARTITION, LANDMARKS)


def edit(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def without_line(number: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        return b"".join(lines[: number - 1] + lines[number:])

    return change


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


def test_reads_what_the_files_say(write_celeba: WriteCeleba) -> None:
    root = write_celeba()
    records = celeba(root)
    assert records.attributes == CELEBA
    table = records.table
    assert table["path"].to_list() == [f"img_align_celeba/{number:06d}.jpg" for number in range(1, 13)]
    assert table["identity"][5] == "10177"
    assert table["identity"][0] == "00007"
    assert records.identities() == sorted(records.identities())
    assert table["split"].to_list() == ["train"] * 5 + ["validation"] * 3 + ["test"] * 4
    # A slow reading of the attribute file, word by word.
    lines = (root / ATTRIBUTES).read_text().splitlines()
    names = lines[1].split()
    for row, line in enumerate(lines[2:]):
        words = line.split()
        assert table["path"][row].endswith(words[0])
        for name, word in zip(names, words[1:], strict=True):
            assert table[name][row] == (int(word) + 1) // 2
    np.testing.assert_array_equal(records.landmarks()[1], np.array(TYPICAL_LANDMARKS) + 1)
    assert not table["aligned"].any()


@pytest.mark.parametrize(
    ("images", "anno", "evaluation"),
    [
        ("img_align_celeba", "", ""),
        ("img_align_celeba/img_align_celeba", "", ""),
        ("Img/img_align_celeba", "Anno", "Eval"),
        ("img_align_celeba", "Anno", "Anno"),
    ],
)
def test_layouts_on_disk(write_celeba: WriteCeleba, images: str, anno: str, evaluation: str) -> None:
    root = write_celeba(images=images, anno=anno, evaluation=evaluation)
    records = celeba(root)
    assert records.table["path"][0] == f"{images}/000001.jpg"
    assert all((root / path).is_file() for path in records.table["path"])


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\r\n", b"\n"),
        lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        lambda data: data.rstrip(),
        lambda data: data + b"\r\n\r\n",
        lambda data: data.replace(b" ", b"   "),
        lambda data: data.replace(b"\n", b"  \n"),
        lambda data: data.replace(b"jpg ", b"jpg\t"),
        lambda data: b"\xef\xbb\xbf" + data,
    ],
    ids=["lf", "crlf", "no newline at the end", "empty lines", "many spaces", "trailing", "tab", "byte order mark"],
)
def test_byte_variants_make_no_difference(write_celeba: WriteCeleba, change: Callable[[bytes], bytes]) -> None:
    expected = celeba(write_celeba())
    root = expected.root
    for name in INDEX_FILES:
        edit(root / name, change)
    assert celeba(root).table.equals(expected.table)


def test_the_identity_files_header_variant(write_celeba: WriteCeleba) -> None:
    expected = celeba(write_celeba())
    edit(expected.root / IDENTITIES, lambda data: b"image identity\r\n" + data)
    assert celeba(expected.root).table.equals(expected.table)


def test_another_order_of_rows_is_followed(write_celeba: WriteCeleba) -> None:
    expected = celeba(write_celeba())
    for name in (IDENTITIES, PARTITION):
        edit(expected.root / name, lambda data: b"\r\n".join(reversed(data.splitlines())))
    assert celeba(expected.root).table.equals(expected.table)


def test_without_landmarks_typical_ones_are_used(write_celeba: WriteCeleba) -> None:
    root = write_celeba()
    (root / LANDMARKS).unlink()
    records = celeba(root)
    np.testing.assert_array_equal(records.landmarks(), np.broadcast_to(TYPICAL_LANDMARKS, (12, 5, 2)))
    assert any(LANDMARKS in note for note in records.notes)


@pytest.mark.parametrize("name", [ATTRIBUTES, IDENTITIES, PARTITION])
def test_a_missing_file_is_named_with_the_remedy(write_celeba: WriteCeleba, name: str) -> None:
    root = write_celeba()
    (root / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing: .* put it into {re.escape(str(root))}") as caught:
        celeba(root)
    if name == IDENTITIES:
        assert "request" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_mirrors_csv_files_are_recognised(write_celeba: WriteCeleba) -> None:
    root = write_celeba()
    (root / ATTRIBUTES).rename(root / "list_attr_celeba.csv")
    with pytest.raises(DataError, match=r"for the \.csv copies choose the layout celeba-csv"):
        celeba(root)


def test_missing_folders(tmp_path: Path, write_celeba: WriteCeleba) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        celeba(tmp_path / "nowhere")
    root = write_celeba(pictures=False)
    (root / "img_align_celeba").rmdir()
    with pytest.raises(DataError, match=r"img_align_celeba/ is missing: unpack img_align_celeba\.zip"):
        celeba(root)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (ATTRIBUTES, without_line(7), r"announces 12 pictures, but lists 11; 000005\.jpg is the first that is missing"),
        (LANDMARKS, without_line(14), r"announces 12 pictures, but lists 11; 000012\.jpg is the first that is missing"),
        (ATTRIBUTES, replaced(b"12\n", b"11\n"), "announces 11 pictures, but lists 12"),
        (ATTRIBUTES, replaced(b"12\n", b""), "does not start with a count"),
        (ATTRIBUTES, replaced(b"Young", b"Youngish"), "unknown attribute Youngish"),
        (ATTRIBUTES, replaced(b"Young", b"Male"), "names a column twice"),
        (ATTRIBUTES, replaced(b"000003.jpg -1", b"000003.jpg  0"), r"000003\.jpg has 0 for 5_o_Clock_Shadow"),
        (ATTRIBUTES, replaced(b"000003.jpg -1", b"000003.jpg"), "line 5: 39 values instead of 40"),
        (ATTRIBUTES, replaced(b"000003.jpg -1", b"000003.jpg 1 1"), "line 5: 41 values instead of 40"),
        (ATTRIBUTES, replaced(b"000003.jpg -1", b"000003.jpg yes"), "line 5: 'yes' is not a whole number"),
        (ATTRIBUTES, replaced(b"000003.jpg -1", b"000003.jpg 900"), "out of range"),
        (ATTRIBUTES, replaced(b"000003.jpg", b"000002.jpg"), r"lists 000002\.jpg twice"),
        (ATTRIBUTES, lambda data: data.decode().encode("utf-16"), "not plain text"),
        (ATTRIBUTES, lambda _: b"", "does not start with a count"),
        (IDENTITIES, without_line(6), r"lists 11 pictures, .* 12: 1 of those are not in it, 000006\.jpg the first"),
        (IDENTITIES, lambda data: data + b"000099.jpg 5\r\n", r"1 of those are not in it, 000099\.jpg the first"),
        (IDENTITIES, replaced(b"000004.jpg 2", b"000004.jpg"), "line 4: 0 values instead of 1"),
        (IDENTITIES, replaced(b"000004.jpg 2", b"000004.jpg two"), "line 4: 'two' is not a whole number"),
        (IDENTITIES, lambda _: b"\r\n", "lists no pictures"),
        (PARTITION, without_line(2), r"lists 11 pictures, .* 12: 1 of those are not in it, 000002\.jpg the first"),
        (PARTITION, replaced(b"000002.jpg 0", b"000002.jpg 3"), r"000002\.jpg has the split 3"),
        (LANDMARKS, replaced(b"lefteye_x", b"image_id"), "has the columns image_id"),
        (LANDMARKS, replaced(b"   69", b"  nan"), "line 3: 'nan' is not a number"),
    ],
)
def test_faults_are_named_exactly(
    write_celeba: WriteCeleba, name: str, change: Callable[[bytes], bytes], message: str
) -> None:
    root = write_celeba(pictures=False)
    edit(root / name, change)
    with pytest.raises(DataError, match=message) as caught:
        celeba(root)
    assert str(root / name) in str(caught.value) or name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_identities_in_two_splits_are_reported(write_celeba: WriteCeleba) -> None:
    root = write_celeba(splits=(0, 0, 2, 0, 0, 1, 1, 1, 2, 2, 2, 2), pictures=False)
    assert any("1 identities are in two splits or more, 00007 the first" in note for note in celeba(root).notes)


def test_official_asks_for_the_official_counts(write_celeba: WriteCeleba) -> None:
    root = write_celeba(pictures=False)
    notes = celeba(root).notes
    assert any("12 images (official: 202599)" in note for note in notes)
    with pytest.raises(DataError, match=r"is not the official CelebA: 12 images \(official: 202599\); train has 5"):
        celeba(root, official=True)


@pytest.fixture(scope="module")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index files of the official size and counts, without pictures."""
    root = tmp_path_factory.mktemp("full")
    (root / "img_align_celeba").mkdir()
    rng = np.random.default_rng(0)
    total = sum(OFFICIAL_IMAGES.values())
    names = [f"{number:06d}.jpg" for number in range(1, total + 1)]
    patterns = [" ".join(f"{v:2d}" for v in row) for row in rng.choice([-1, 1], (500, 40)).tolist()]
    rows = "\n".join(f"{name} {patterns[k % 500]}" for k, name in enumerate(names))
    (root / ATTRIBUTES).write_bytes(f"{total}\n{' '.join(CELEBA)} \n{rows}\n".encode())
    identities: list[int] = []
    splits: list[int] = []
    first = 1
    for number, split in enumerate(OFFICIAL_IMAGES):
        people, images = OFFICIAL_IDENTITIES[split], OFFICIAL_IMAGES[split]
        identities += [first + k % people for k in range(images)]
        splits += [number] * images
        first += people
    (root / IDENTITIES).write_bytes("".join(f"{n} {i}\r\n" for n, i in zip(names, identities, strict=True)).encode())
    (root / PARTITION).write_bytes("\r\n".join(f"{n} {s}" for n, s in zip(names, splits, strict=True)).encode())
    points = "  69  111  108  111   88  136   72  152  105  152"
    rows = "\n".join(name + points for name in names)
    (root / LANDMARKS).write_bytes(f"{total}\n{LANDMARK_HEADER} \n{rows}\n".encode())
    return root


def test_the_official_size(full_size: Path) -> None:
    records = celeba(full_size, official=True)
    assert len(records) == 202_599
    assert records.notes == ()
    for split, people in OFFICIAL_IDENTITIES.items():
        part = records.select(split=split)
        assert (len(part), len(part.identities())) == (OFFICIAL_IMAGES[split], people)


def test_one_missing_row_among_two_hundred_thousand(full_size: Path) -> None:
    path = full_size / IDENTITIES
    whole = path.read_bytes()
    try:
        path.write_bytes(whole.replace(b"123456.jpg", b"999999.jpg"))
        with pytest.raises(DataError, match=r"1 of those are not in it, 123456\.jpg the first"):
            celeba(full_size, official=True)
    finally:
        path.write_bytes(whole)
