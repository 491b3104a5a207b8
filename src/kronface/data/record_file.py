"""RecordIO files of dmlc and MXNet (`.rec`), byte by byte, without either library.

A record is a frame, or a chain of them: uint32 0xCED7230A (the mark), uint32 (flag << 29 | length), `length` bytes, and
zeros up to a multiple of four; all little-endian. Flag 0 is a whole record; 1, 2 and 3 are the first, a middle and the
last chunk of one. The writer cuts a record wherever the mark stands in its data at a multiple of four and leaves those
four bytes out, so that a reader that has lost its place finds no false frame; they belong back between the chunks
(dmlc-core, `src/recordio.cc`).

MXNet packs of pictures begin every record with 24 bytes: uint32 flag, float32 label, uint64 id, uint64 id2. With a flag
n > 0, n float32 labels follow, and the one in the header means nothing (`mxnet/recordio.py`, IRHeader).
"""

import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kronface.errors import DataError

MARK = struct.pack("<I", 0xCED7230A)
WHOLE, FIRST, MIDDLE, LAST = range(4)
MOST = (1 << 29) - 1
"""Bytes of the longest chunk."""

HEADER = struct.Struct("<IfQQ")
"""Of a picture's record: flag, label, id, id2."""

LABELS = 2
"""As many labels as are read of each record."""

BLOCK = 1 << 16
"""Records whose beginnings are looked at together."""


class DamagedRecordError(ValueError):
    """A record that is none, or not whole; the message completes a sentence that begins with its name."""

    def __init__(self, reason: str, row: int = 0) -> None:
        """`row` is the record's place among those that were asked for."""
        super().__init__(reason)
        self.row = row


@dataclass(frozen=True)
class Heads:
    """The beginnings of picture records."""

    labels: NDArray[np.float32]
    """(n, 2): the first labels of each, NaN where it has fewer."""
    count: NDArray[np.int64]
    """(n,) labels that each has."""
    body: NDArray[np.int64]
    """(n,) bytes behind the header and the labels; 0 where there is no picture."""


class RecordFile:
    """Reads records at any place of a file. It can be pickled, and used on both sides of a fork.

    Args:
        path: the `.rec` file.

    Raises:
        DataError: it is missing or empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data: mmap.mmap | None = None
        try:
            size = path.stat().st_size
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        if size == 0:
            raise DataError(f"{path} is empty: copy it again")

    def __getstate__(self) -> dict[str, object]:
        """Without the mapping, which belongs to one process."""
        return self.__dict__ | {"_data": None}

    @property
    def data(self) -> mmap.mmap:
        """The file's bytes."""
        if self._data is None:
            with self.path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._data

    def read(self, offset: int) -> bytes:
        """The record that begins at `offset`, its chunks joined.

        Raises:
            DamagedRecordError: there is no whole record.
        """
        return MARK.join(self.data[start:end] for start, end in self._chunks(offset))

    def picture(self, offset: int) -> bytes:
        """What stands behind the header and the labels of the record at `offset`.

        Raises:
            DamagedRecordError: there is no whole record, or its header is cut short.
        """
        record = self.read(offset)
        return record[HEADER.size + 4 * _count(record) :]

    def scan(self) -> NDArray[np.int64]:
        """(n,) offsets of all records, found by going through the file.

        Raises:
            DamagedRecordError: one is not whole.
        """
        offsets = []
        position = 0
        while position < len(self.data):
            offsets.append(position)
            try:
                for _, end in self._chunks(position):
                    position = _padded(end)
            except DamagedRecordError as error:
                raise DamagedRecordError(str(error), len(offsets) - 1) from None
        return np.array(offsets, np.int64)

    def heads(self, offsets: NDArray[np.int64]) -> Heads:
        """The beginnings of the records at `offsets` (n,), without reading the pictures behind them.

        Raises:
            DamagedRecordError: a record is not whole.
        """
        parts = [self._heads(offsets[start : start + BLOCK], start) for start in range(0, max(len(offsets), 1), BLOCK)]
        return Heads(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _heads(
        self, offsets: NDArray[np.int64], before: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        data = np.frombuffer(self.data, np.uint8)
        wanted = 8 + HEADER.size + 4 * LABELS
        # Beyond the end of the file its last byte is taken; what was cut off there is found by the lengths below.
        places = np.clip(offsets[:, None] + np.arange(wanted), 0, len(data) - 1)
        words = np.ascontiguousarray(data[places]).view("<u4")  # (n, 10)
        length, kind = (words[:, 1] & MOST).astype(np.int64), words[:, 1] >> 29
        flag = words[:, 2].astype(np.int64)
        labels = words.view("<f4")[:, [8, 9]].copy()
        labels[flag == 0, 0] = words.view("<f4")[flag == 0, 3]
        for place in range(LABELS):
            labels[np.maximum(flag, 1) <= place, place] = np.nan
        body = length - HEADER.size - 4 * flag
        sound = (offsets >= 0) & (offsets + 8 + length <= len(data)) & (words[:, 0] == struct.unpack("<I", MARK)[0])
        for row in np.flatnonzero(~sound | (kind != WHOLE) | (body < 0)):
            try:
                record = self.read(int(offsets[row]))
                flag[row] = _count(record)
            except DamagedRecordError as error:
                raise DamagedRecordError(str(error), before + int(row)) from None
            known = struct.unpack_from(f"<{flag[row]}f", record, HEADER.size) or HEADER.unpack_from(record)[1:2]
            labels[row] = np.resize([*known, np.nan], LABELS) if len(known) < LABELS else known[:LABELS]
            body[row] = len(record) - HEADER.size - 4 * flag[row]
        return labels, np.maximum(flag, 1), body

    def _chunks(self, offset: int) -> Iterator[tuple[int, int]]:
        """Begin and end of the data of each chunk of the record at `offset`."""
        size, following = len(self.data), False
        while True:
            if not 0 <= offset <= size - 8:
                raise DamagedRecordError(f"would begin at byte {offset} of {size}: the file is cut short")
            mark, word = self.data[offset : offset + 4], struct.unpack_from("<I", self.data, offset + 4)[0]
            kind, length = word >> 29, word & MOST
            if mark != MARK or kind not in ((MIDDLE, LAST) if following else (WHOLE, FIRST)):
                what = "chunk" if following else "record"
                raise DamagedRecordError(f"is damaged: no {what} begins at byte {offset}")
            if offset + 8 + length > size:
                raise DamagedRecordError(f"ends beyond the file's {size} bytes: the file is cut short")
            yield offset + 8, offset + 8 + length
            if kind in (WHOLE, LAST):
                return
            offset, following = _padded(offset + 8 + length), True


def frame(record: bytes) -> bytes:
    """A record as it stands in a file: cut where it holds the mark, padded.

    Raises:
        DataError: it is 512 MiB long or longer.
    """
    if len(record) > MOST:
        raise DataError(f"a record of {len(record)} bytes does not fit into the format: its limit is {MOST}")
    aligned = range(0, len(record) - 3, 4)
    cuts = [place for place in _places(record) if place in aligned]
    starts, ends = [0, *(cut + 4 for cut in cuts)], [*cuts, len(record)]
    kinds = [FIRST, *[MIDDLE] * (len(cuts) - 1), LAST] if cuts else [WHOLE]
    parts = [
        MARK + struct.pack("<I", kind << 29 | end - start) + record[start:end]
        for kind, start, end in zip(kinds, starts, ends, strict=True)
    ]
    return b"".join(part + bytes(-len(part) % 4) for part in parts)


def pack(picture: bytes, labels: float | Sequence[float], *, key: int, second: int = 0) -> bytes:
    """A picture's record: header, labels, picture. One number is written into the header, several behind it."""
    if isinstance(labels, Sequence):
        head = HEADER.pack(len(labels), 0.0, key, second) + struct.pack(f"<{len(labels)}f", *labels)
    else:
        head = HEADER.pack(0, labels, key, second)
    return head + picture


def _count(record: bytes) -> int:
    """Labels behind the header."""
    flag = int.from_bytes(record[:4], "little")
    if len(record) < HEADER.size + 4 * flag:
        raise DamagedRecordError(f"is damaged: {len(record)} bytes cannot hold its header")
    return flag


def _padded(position: int) -> int:
    return position + -position % 4


def _places(record: bytes) -> Iterator[int]:
    """Everywhere that the mark stands."""
    place = record.find(MARK)
    while place >= 0:
        yield place
        place = record.find(MARK, place + 1)
