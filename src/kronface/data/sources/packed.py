"""Faces that `kronface data pack` has written: aligned, as plain arrays."""

from pathlib import Path

import numpy as np
import polars as pl

from kronface.data.layout import Layout, Part
from kronface.data.packed import MANIFEST, PackedFaces, faces_path, read_manifest, table_path
from kronface.data.records import Records
from kronface.errors import DataError


def packed(root: Path) -> Records:
    """The records of packed faces, crops at the reference points, with the splits and attributes of their set.

    Raises:
        DataError: the folder is none, not whole, or a part is missing or damaged.
    """
    manifest = read_manifest(root)
    if not manifest.get("complete"):
        raise DataError(f"{root} is not whole: run the same kronface data pack again, it goes on")
    tables: list[pl.DataFrame] = []
    places: dict[str, tuple[int, int]] = {}
    for number in range(-(-manifest["rows"] // manifest["rows_per_part"])):
        try:
            table = pl.read_parquet(table_path(root, number))
            faces = np.load(faces_path(root, number), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(
                f"{table_path(root, number)} or its .npy is missing or damaged ({reason}): pack again"
            ) from error
        wanted = (table.height, manifest["size"], manifest["size"], 3)
        if faces.dtype != np.uint8 or faces.shape != wanted:
            raise DataError(
                f"{faces_path(root, number)} holds {faces.dtype} of shape {faces.shape}, not {wanted}: pack again"
            )
        tables.append(table)
        places |= {path: (number, row) for row, path in enumerate(table["path"].to_list())}
    return Records.from_columns(
        root,
        pl.concat(tables).with_columns(pl.lit(True).alias("aligned")),
        name="packed",
        attributes=[str(name) for name in manifest["attributes"]],
        notes=[str(note) for note in manifest["notes"]],
        store=PackedFaces(root, places),
    )


LAYOUT = Layout(
    name="packed",
    title="Packed faces",
    read=packed,
    owner="whoever owns the pictures that were packed",
    terms="theirs",
    ask="made by kronface data pack",
    parts=(Part("what the folder holds", (MANIFEST,), "write it by kronface data pack"),),
)
