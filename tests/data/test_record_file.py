"""RecordIO's frames against a plain reading of them, byte by byte."""

import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronface.data.record_file import DamagedRecordError, RecordFile, frame, pack
from kronface.errors import DataError
from tests.data.sources.packs import MAGIC, framed, image_record


def plain_read(data: bytes, position: int) -> tuple[bytes, int]:
    """A record and the position behind it, read as dmlc's documentation has it."""
    record = b""
    while True:
        magic, word = struct.unpack_from("<II", data, position)
        assert magic == 0xCED7230A
        flag, length = word >> 29 & 7, word & 0x1FFFFFFF
        record += data[position + 8 : position + 8 + length]
        position += 8 + (length + 3) // 4 * 4
        if flag in (0, 3):
            return record, position
        record += MAGIC


def test_bytes_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "a.rec"
    path.write_bytes(
        bytes.fromhex("0a23d7ce 05000000 6162636465000000")  # whole, 5 bytes, three of padding
        + bytes.fromhex("0a23d7ce 04000020 31323334")  # first chunk
        + bytes.fromhex("0a23d7ce 00000040")  # an empty middle chunk: two marks in a row
        + bytes.fromhex("0a23d7ce 02000060 35360000")  # last chunk
        + bytes.fromhex("0a23d7ce 00000000")  # an empty record
    )
    file = RecordFile(path)
    assert file.scan().tolist() == [0, 16, 48]
    assert file.read(0) == b"abcde"
    assert file.read(16) == b"1234" + MAGIC + MAGIC + b"56"
    assert file.read(48) == b""
    assert pickle.loads(pickle.dumps(file)).read(0) == b"abcde"  # noqa: S301 - our own


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([MAGIC, b"\x0a", b"\x0a\x23", b"abcd", b"\0\0\0\0", b"x", MAGIC * 2]), max_size=12))
def test_what_is_framed_is_read_again(words: list[bytes]) -> None:
    record = b"".join(words)
    written = frame(record)
    assert written == framed(record)
    assert plain_read(written, 0) == (record, len(written))
    assert MAGIC not in [written[k : k + 4] for k in range(8, len(written), 4)] or len(written) > 8 + len(record) + 3


def test_random_records_at_random_places(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    records = [rng.integers(0, 256, int(length), dtype=np.uint8).tobytes() for length in rng.integers(0, 400, 50)]
    records = [record[:40] + MAGIC * (k % 3) + record[40:] for k, record in enumerate(records)]
    path = tmp_path / "r.rec"
    path.write_bytes(b"".join(map(frame, records)))
    file = RecordFile(path)
    offsets = file.scan()
    assert len(offsets) == 50
    for row in rng.permutation(50):
        assert file.read(int(offsets[row])) == records[row]


def test_the_beginnings_of_records(tmp_path: Path) -> None:
    path = tmp_path / "h.rec"
    # A mark in the first bytes of a picture cuts the record right behind its header.
    records = [
        image_record(3.0, b"picture", 5),
        image_record([4.0, 9.0, 1.0], b"pic" + MAGIC, 6),
        image_record([2.0], b"", 7, 1),
        image_record(8.0, MAGIC + b"more", 8),
        image_record(1.0, b""),
    ]
    path.write_bytes(b"".join(map(framed, records)))
    file = RecordFile(path)
    offsets = file.scan()
    heads = file.heads(offsets)
    np.testing.assert_array_equal(heads.labels, [[3, np.nan], [4, 9], [2, np.nan], [8, np.nan], [1, np.nan]])
    assert heads.count.tolist() == [1, 3, 1, 1, 1]
    assert heads.body.tolist() == [7, 7, 0, 8, 0]
    assert [file.picture(int(k)) for k in offsets] == [b"picture", b"pic" + MAGIC, b"", MAGIC + b"more", b""]
    assert pack(b"picture", 3.0, key=5) == records[0]
    assert pack(b"", [2.0], key=7, second=1) == records[2]


@pytest.mark.parametrize(
    ("damage", "message", "row"),
    [
        (lambda data: data[:-1], "ends beyond the file's 87 bytes: the file is cut short", 1),
        (lambda data: data[:44] + b"\0" + data[45:], "no record begins at byte 44", 1),
        (lambda data: data[:51] + b"\x40" + data[52:], "no record begins at byte 44", 1),
        (lambda data: data[:47] + bytes([data[47]]) + struct.pack("<I", 8) + data[52:], "cannot hold its header", 1),
        (lambda data: data[:8] + struct.pack("<I", 999) + data[12:], "36 bytes cannot hold its header", 0),
        (lambda data: data[:47], "would begin at byte 44 of 47", 1),
        (lambda data: data[:3] + b"\0" + data[4:], "no record begins at byte 0", 0),
    ],
)
def test_damage_is_said_with_its_place(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str, row: int
) -> None:
    path = tmp_path / "d.rec"
    whole = framed(image_record(3.0, b"x" * 12)) + framed(image_record(4.0, b"y" * 12))
    assert len(whole) == 88
    path.write_bytes(damage(whole))
    with pytest.raises(DamagedRecordError, match=message) as caught:
        RecordFile(path).heads(np.array([0, 44]))
    assert caught.value.row == row


def test_a_chunk_that_lacks_its_end(tmp_path: Path) -> None:
    path = tmp_path / "c.rec"
    path.write_bytes(framed(image_record(1.0, MAGIC + b"abcd"))[:-12] + framed(image_record(1.0, b"")))
    with pytest.raises(DamagedRecordError, match="no chunk begins"):
        RecordFile(path).scan()


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        RecordFile(tmp_path / "nowhere.rec")
    (tmp_path / "empty.rec").touch()
    with pytest.raises(DataError, match="is empty"):
        RecordFile(tmp_path / "empty.rec")
