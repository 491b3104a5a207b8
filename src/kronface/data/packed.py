"""Aligned faces as plain arrays on disk: decoded and warped once, then read at no cost in every epoch.

A folder holds `packed.json` (`kronface-packed/1`) and parts: `part-00000.npy`, (n, S, S, 3) uint8, and
`part-00000.parquet` with the records of those faces. A part's table is written after its faces, so a part is there as a
whole or not at all, and work that was ended goes on.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kronface.data.reading import BadImage, FaceReader, FileReader, check_share, too_many
from kronface.data.records import Records
from kronface.errors import ConfigError, DataError, ImageError
from kronface.faces.detect import Detector
from kronface.faces.image import Image
from kronface.files import Progress, atomic_path, no_progress, write_json

FORMAT = "kronface-packed/1"
MANIFEST = "packed.json"
ROWS_PER_PART = 8192


class PackedFaces:
    """The faces of a folder, by the records' paths; arrays stay on disk.

    Args:
        root: the folder.
        places: part and row of each path.
    """

    def __init__(self, root: Path, places: dict[str, tuple[int, int]]) -> None:
        self.start_method: str | None = None
        self._root = root
        self._places = places
        self._parts: dict[int, NDArray[np.uint8]] = {}

    def __getstate__(self) -> dict[str, object]:
        """Without the open arrays."""
        return self.__dict__ | {"_parts": {}}

    def picture(self, path: str) -> Image:
        """A face.

        Raises:
            ImageError: its part cannot be read.
        """
        part, row = self._places[path]
        if part not in self._parts:
            try:
                self._parts[part] = np.load(faces_path(self._root, part), mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError) as error:
                raise ImageError(f"{faces_path(self._root, part)} cannot be read ({error}): pack again") from error
        faces = self._parts[part]
        if row >= len(faces):
            raise ImageError(f"{faces_path(self._root, part)} holds {len(faces)} faces, not row {row}: pack again")
        return np.array(faces[row])


@dataclass(frozen=True)
class Packing:
    """What `pack` came to."""

    faces: int
    left_out: tuple[BadImage, ...]
    """Pictures that cannot be used, of the parts that this run wrote."""
    written: int
    """Parts that this run wrote; the others were there."""


def pack(
    records: Records,
    out: Path,
    *,
    size: int = 112,
    detector: Detector | None = None,
    reader: FaceReader | None = None,
    rows_per_part: int = ROWS_PER_PART,
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> Packing:
    """Writes the aligned faces of some records; a folder that was begun with the same settings goes on.

    Args:
        records: the pictures.
        out: the folder.
        size: side of the faces in pixels.
        detector: for pictures without landmarks.
        reader: where the faces come from, if not from the records' files.
        rows_per_part: pictures in each part.
        max_bad_share: share of unusable pictures above which it stops.
        progress: called after every picture.

    Raises:
        ConfigError: an impossible number.
        DataError: too many pictures are unusable, or the folder holds something else.
    """
    check_share(max_bad_share)
    if rows_per_part < 1 or not 16 <= size <= 1024:
        raise ConfigError(f"rows_per_part is {rows_per_part} and size is {size}: from 1, and from 16 to 1024")
    paths = records.table["path"].to_list()
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "size": size,
        "rows": len(records),
        "rows_per_part": rows_per_part,
        "layout": records.name,
        "root": str(records.root),
        "attributes": list(records.attributes),
        "paths_sha256": hashlib.sha256("\n".join(paths).encode("utf-8", "surrogateescape")).hexdigest(),
        "notes": list(records.notes),
    }
    _begin(out, manifest)
    reader = reader or FileReader(records, size=size, detector=detector)
    bad: list[BadImage] = []
    written = faces = 0
    for number in range(-(-len(records) // rows_per_part)):
        rows = range(number * rows_per_part, min((number + 1) * rows_per_part, len(records)))
        if table_path(out, number).is_file():
            faces += pl.read_parquet(table_path(out, number), columns=["path"]).height
            progress("packing faces", rows.stop, len(records))
            continue
        block, kept = _read(reader, paths, rows, size, bad, progress)
        if len(bad) > max_bad_share * len(records):
            raise DataError(too_many(records, len(bad), max_bad_share, bad[0]))
        with atomic_path(faces_path(out, number)) as temporary, temporary.open("wb") as file:
            np.save(file, block, allow_pickle=False)
        table = records.table[kept].drop("landmarks", "aligned", strict=False)
        with atomic_path(table_path(out, number)) as temporary:
            table.write_parquet(temporary)
        written += 1
        faces += len(kept)
    write_json(out / MANIFEST, manifest | {"complete": True})
    return Packing(faces, tuple(bad), written)


def faces_path(root: Path, number: int) -> Path:
    """Of a part's array."""
    return root / f"part-{number:05d}.npy"


def table_path(root: Path, number: int) -> Path:
    """Of a part's records."""
    return root / f"part-{number:05d}.parquet"


def read_manifest(root: Path) -> dict[str, Any]:
    """What a folder of packed faces says of itself.

    Raises:
        DataError: it is none, or not whole.
    """
    path = root / MANIFEST
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name one that kronface data pack has made")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): make such a folder by kronface data pack"
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}): pack again into another folder") from error
    shape = {"format": str, "size": int, "rows": int, "rows_per_part": int, "attributes": list, "notes": list}
    good = isinstance(content, dict) and all(isinstance(content.get(key), kind) for key, kind in shape.items())
    if not good or content["format"] != FORMAT or content["rows_per_part"] < 1:
        raise DataError(f"{path} is no manifest of the format {FORMAT}: make such a folder by kronface data pack")
    return dict(content)


def _begin(out: Path, manifest: dict[str, Any]) -> None:
    if (out / MANIFEST).is_file():
        there = {key: value for key, value in read_manifest(out).items() if key != "complete"}
        different = [key for key in manifest if there.get(key) != manifest[key]]
        if different:
            raise DataError(f"{out} holds other faces ({', '.join(different)} differ): name another folder")
        for left in out.glob(".part-*.tmp"):  # of a run that was killed
            left.unlink()
        return
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} holds other files: name a new folder for the faces")
    write_json(out / MANIFEST, manifest | {"complete": False})


def _read(
    reader: FaceReader, paths: Sequence[str], rows: range, size: int, bad: list[BadImage], progress: Progress
) -> tuple[NDArray[np.uint8], list[int]]:
    """Faces of the usable rows, and which those are."""
    block = np.empty((len(rows), size, size, 3), np.uint8)
    kept: list[int] = []
    for row in rows:
        try:
            block[len(kept)] = reader(row).face
            kept.append(row)
        except ImageError as error:
            bad.append(BadImage(paths[row], str(error)))
        progress("packing faces", row + 1, len(paths))
    return block[: len(kept)], kept
