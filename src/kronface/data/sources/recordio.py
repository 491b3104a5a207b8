"""Packs of pictures in RecordIO files: InsightFace's training sets, and plain files of MXNet's own tools.

A pack is `train.rec` with `train.idx`, lines of `key<tab>offset`. In InsightFace's packs the record of key 0 has two
labels (a, b) and no picture: keys 1 … a - 1 are the pictures, keys a … b - 1 say which keys belong to each person, and
are not needed, since every picture has its class number. Other packs hold pictures throughout. `property` says
`classes,height,width`; `train.lst`, where it is there, which folder each class was.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kronface.data.layout import Layout, Part
from kronface.data.record_file import DamagedRecordError, Heads, RecordFile
from kronface.data.records import Records
from kronface.data.sources.lst import people_of
from kronface.data.sources.overlap import without_overlap
from kronface.errors import DataError, ImageError
from kronface.faces.align import REFERENCE_POINTS
from kronface.faces.image import Image, decode_image

PACK = "train.rec"
PROPERTY = "property"

ASPECT = (112, 96)
"""Height and width of SphereFace's chips: the 112x112 ones without eight columns at either side."""


class RecordStore:
    """The pictures of a pack, by `PACK.rec/KEY`.

    Args:
        file: the pack.
        keys: (n,) rising.
        offsets: (n,) where their records begin.
    """

    def __init__(self, file: RecordFile, keys: NDArray[np.int64], offsets: NDArray[np.int64]) -> None:
        self.start_method: str | None = None
        self._file = file
        self._keys = keys
        self._offsets = offsets

    def picture(self, path: str) -> Image:
        """The picture.

        Raises:
            ImageError: its record is damaged, or holds no picture.
        """
        return decode_image(self.read(path), str(self._file.path.parent / path))

    def read(self, path: str) -> bytes:
        """The encoded picture.

        Raises:
            ImageError: its record is damaged.
        """
        key = int(path.rsplit("/", 1)[1])
        try:
            return self._file.picture(int(self._offsets[np.searchsorted(self._keys, key)]))
        except DamagedRecordError as error:
            raise ImageError(f"{self._file.path}: record {key} {error}; copy the file again") from error


def recordio(root: Path, *, overlap: str = "as-paper") -> Records:
    """The pictures of a pack, crops at the reference points, each person called by a class number.

    Args:
        root: the folder that holds train.rec (or one .rec file alone), or the .rec file itself.
        overlap: as-paper or removed; the latter leaves out CASIA-WebFace's people who are also FaceScrub probes or in
            LFW, and needs train.lst, which says who each class is. With train.lst people are called as there.

    Raises:
        DataError: a file is missing or damaged; names the file and the record.
        ConfigError: another word for the overlap.
    """
    path = find_pack(root)
    file = RecordFile(path)
    notes: list[str] = []
    keys, offsets = _index(file, notes)
    try:
        heads = file.heads(offsets)
    except DamagedRecordError as error:
        raise DataError(f"{path}: record {keys[error.row]} {error}; copy the file and its index again") from error
    rows = _announced(path, keys, heads) if path.with_suffix(".idx").is_file() else None
    if rows is None:
        rows = np.flatnonzero(heads.body > 0)
    if len(rows) == 0:
        raise DataError(f"{path} holds no pictures: copy it again")
    labels = heads.labels[rows, 0]
    odd = ~np.isfinite(labels) | (labels != np.floor(labels)) | (labels < 0)
    if odd.any():
        row = int(odd.argmax())
        raise DataError(f"{path}: record {keys[rows][row]} has the label {labels[row]}, which is no class number")
    classes = labels.astype(np.int64)
    width = len(str(classes.max()))
    names = _names(path.with_suffix(".lst"), overlap, notes)
    identities = [names.get(number) if names else f"{number:0{width}d}" for number in classes.tolist()]
    if names and None in identities:
        nameless = int(classes[identities.index(None)])
        raise DataError(
            f"{path.with_suffix('.lst')} does not list class {nameless} of {path.name}: bring both together"
        )
    table = pl.DataFrame(
        {"path": [f"{path.name}/{key}" for key in keys[rows].tolist()], "identity": identities}
    ).with_columns(*_shape(path.parent / PROPERTY, int(classes.max()), notes))
    table, told = without_overlap(table, overlap)
    notes += told
    # Rising keys, so that a key is found by bisection; indices are sorted as a rule, but need not be.
    order = np.argsort(keys, kind="stable")
    store = RecordStore(file, keys[order], offsets[order])
    return Records.from_columns(path.parent, table, name="recordio", notes=notes, store=store)


def find_pack(root: Path) -> Path:
    """The .rec file that a user means.

    Raises:
        DataError: there is none, or several and none is `train.rec`.
    """
    if root.is_file():
        return root
    if not root.is_dir():
        raise DataError(f"{root} is neither a folder nor a file: name the folder that holds {PACK} and train.idx")
    if (root / PACK).is_file():
        return root / PACK
    found = sorted(root.glob("*.rec"))
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{root} holds {len(found)} packs, {found[0].name} the first: name one of them")
    raise DataError(f"{root / PACK} is missing: unpack the training set, and put {PACK} and train.idx into {root}")


def _index(file: RecordFile, notes: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keys and offsets; without an index the keys are the records' places."""
    path = file.path.with_suffix(".idx")
    if not path.is_file():
        try:
            offsets = file.scan()
        except DamagedRecordError as error:
            raise DataError(f"{file.path}: record {error.row} {error}; copy the file again") from error
        notes.append(
            f"{path.name} is missing: records were found by going through {file.path.name}, and counted from 0"
        )
        return np.arange(len(offsets)), offsets
    try:
        table = pl.read_csv(
            path, separator="\t", has_header=False, schema={"key": pl.Int64(), "offset": pl.Int64()}, quote_char=None
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}{_first_fault(path)}: each line should be KEY<tab>OFFSET; copy it again") from error
    if table.height == 0 or sum(table.null_count().row(0)):
        raise DataError(f"{path}{_first_fault(path)}: each line should be KEY<tab>OFFSET; copy it again")
    if table["key"].n_unique() < table.height:
        twice = table.filter(pl.col("key").is_duplicated())["key"][0]
        raise DataError(f"{path} lists record {twice} twice: copy it again")
    return table["key"].to_numpy(), table["offset"].to_numpy()


def _first_fault(path: Path) -> str:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            words = line.strip().split(b"\t")
            if len(words) != 2 or not all(word.strip().isdigit() for word in words):
                return f", line {number} is '{line.strip().decode('utf-8', 'replace')[:40]}'"
    return " is empty"


def _names(path: Path, overlap: str, notes: list[str]) -> dict[int, str]:
    """The folder that each class was; empty where nobody says so."""
    try:
        names = people_of(path)
    except DataError as error:
        if overlap == "removed":
            raise
        notes.append(f"people are called by their class numbers: {error}")
        return {}
    if not names and overlap == "removed":
        raise DataError(
            f"{path} is missing: without it nobody knows who the classes are, so that --overlap removed cannot be; "
            "take it from the same pack"
        )
    return names


def _announced(path: Path, keys: NDArray[np.int64], heads: Heads) -> NDArray[np.int64] | None:
    """Rows of the pictures that the record of key 0 announces, by key; None where it is a picture or is not there."""
    first = np.flatnonzero(keys == 0)
    if not len(first) or heads.body[first[0]] > 0 or heads.count[first[0]] < 2:
        return None
    end = heads.labels[first[0], 0]
    if not np.isfinite(end) or end < 2:
        raise DataError(f"{path}: record 0 says that pictures end before key {end}: copy the file again")
    order = np.argsort(keys, kind="stable")
    wanted = np.arange(1, int(end))
    rows = order[np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)]
    absent = keys[rows] != wanted
    if absent.any():
        raise DataError(
            f"{path}: record {wanted[absent.argmax()]} is not in the index, though record 0 announces pictures up to "
            f"{int(end) - 1}: copy the file and its index again"
        )
    empty = heads.body[rows] == 0
    if empty.any():
        raise DataError(f"{path}: record {wanted[empty.argmax()]} holds no picture: copy the file again")
    return rows


def _shape(path: Path, largest: int, notes: list[str]) -> Sequence[pl.Expr]:
    """What the chips' size says of where the faces lie in them."""
    aligned = [pl.lit(True).alias("aligned")]
    if not path.is_file():
        return aligned
    words = path.read_text("utf-8", "replace").strip().split(",")
    if len(words) != 3 or not all(word.strip().isdigit() for word in words):
        raise DataError(f"{path} should be one line 'classes,height,width': copy it again")
    classes, height, width = (int(word) for word in words)
    if classes <= largest:
        raise DataError(
            f"{path} announces {classes} classes, but the pictures' numbers reach {largest}: copy both again"
        )
    if classes > largest + 1:
        notes.append(f"{path.name} announces {classes} classes, the last with a picture is {largest}")
    if height == width:
        return aligned
    if (height, width) == ASPECT:
        points = (REFERENCE_POINTS - (8.0, 0.0)).tolist()
        return [pl.lit(points, dtype=pl.Array(pl.Float32, (5, 2))).alias("landmarks")]
    notes.append(f"pictures are {width}x{height}, no crops at known points: the detector looks for the faces")
    return []


LAYOUT = Layout(
    name="recordio",
    title="RecordIO pack",
    read=recordio,
    owner="whoever owns the pictures that were packed",
    terms="theirs; InsightFace gives its packs for non-commercial research only",
    ask="github.com/deepinsight/insightface, recognition/_datasets_",
    parts=(Part("the pictures", (PACK, "*.rec"), "unpack the training set, such as faces_webface_112x112, there"),),
    options=("overlap",),
)
