"""Rendered people as a pack of InsightFace's: crops at the reference points in one RecordIO file."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TextIO

from kronface.data.record_file import frame, pack
from kronface.data.sources.recordio import PACK, PROPERTY
from kronface.files import atomic_path, write_text
from kronface.synth.export.casia import lst_line
from kronface.synth.export.shape import Numbers, Shape
from kronface.synth.export.writing import Note, open_files

CHIPS = "chips"


class PackWriter:
    """Writes records and their index, one after the other."""

    def __init__(self, records: BinaryIO, index: TextIO) -> None:
        self._records = records
        self._index = index
        self._place = 0

    def add(self, key: int, record: bytes) -> None:
        """Writes a record under a key."""
        framed = frame(record)
        self._records.write(framed)
        self._index.write(f"{key}\t{self._place}\n")
        self._place += len(framed)


def _files(person: int, numbers: Numbers) -> tuple[str, ...]:
    return tuple(f"{CHIPS}/person-{person + 1:05d}/{image + 1:04d}.jpg" for image in range(numbers.images))


def _index(out: Path, notes: Iterator[Note], numbers: Numbers) -> None:
    first = numbers.identities * numbers.images + 1
    with ExitStack() as stack:
        index, listed = open_files(stack, out, [PACK.replace(".rec", ".idx"), PACK.replace(".rec", ".lst")])
        records = stack.enter_context(stack.enter_context(atomic_path(out / PACK)).open("wb"))
        writer = PackWriter(records, index)
        for key, note in enumerate(notes, 1):
            truth = note.truth
            writer.add(key, pack((out / truth.path).read_bytes(), float(truth.identity), key=key))
            listed.write(lst_line(truth, aligned=True))
        for person in range(numbers.identities):
            begin = 1 + person * numbers.images
            key = first + person
            writer.add(key, pack(b"", [float(begin), float(begin + numbers.images)], key=key))
        writer.add(0, pack(b"", [float(first), float(first + numbers.identities)], key=0, second=1))
    write_text(out / PROPERTY, f"{numbers.identities},112,112\n")


RECORDIO = Shape(
    layout="recordio",
    title="Rendered people as a pack of InsightFace's.",
    lines=(
        f"{PACK} and its .idx and .lst hold the pictures of {CHIPS}/, which truth.csv names, as records 1, 2, 3, …;",
        "behind them one record per person with the first and the end of its keys; record 0 says where those lie.",
    ),
    framing="crop",
    files=_files,
    index=_index,
)
