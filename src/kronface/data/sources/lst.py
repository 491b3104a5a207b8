"""InsightFace's `.lst`: tab-separated lines of a picture, its class, and where the face is.

`aligned, path, class`, then four whole numbers of the box (x1, y1, x2, y2), then ten of the landmarks: the five x
before the five y (`face_preprocess.py`: `reshape((2, 5)).T`). Box and landmarks may be missing.
"""

from pathlib import Path

import numpy as np
import polars as pl

from kronface.errors import DataError

BOX = tuple(f"box {number}" for number in range(4))
POINTS = tuple(f"point {number}" for number in range(10))

SCHEMA: dict[str, pl.DataType] = {
    "aligned": pl.Int64(),
    "path": pl.String(),
    "class": pl.Int64(),
    **dict.fromkeys((*BOX, *POINTS), pl.Float32()),
}
FORM = "aligned, path, class, perhaps a box of four numbers and ten numbers of landmarks, separated by tabs"


def read_lst(path: Path) -> pl.DataFrame:
    """The lines of a list: `folder` and `file` (the path's last two parts), `class`, `aligned`, `box`, `landmarks`.

    Boxes are left, top, width, height; they and the landmarks, (5, 2), are null where they are missing.

    Raises:
        DataError: the file is missing, or a line is of another form; names it.
    """
    try:
        table = pl.read_csv(path, separator="\t", has_header=False, schema=SCHEMA, quote_char=None)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except pl.exceptions.PolarsError as error:
        raise DataError(_first_fault(path)) from error
    parts = pl.col("path").str.split("/")
    table = table.with_columns(folder=parts.list.get(-2, null_on_oob=True), file=parts.list.get(-1))
    whole = [pl.sum_horizontal(pl.col(name).is_null() for name in names) for names in (BOX, POINTS)]
    broken = table.filter(~whole[0].is_in([0, len(BOX)]) | ~whole[1].is_in([0, len(POINTS)])).height
    if broken or not table.height or sum(table.select("aligned", "class", "folder", "file").null_count().row(0)):
        raise DataError(_first_fault(path))
    x1, y1, x2, y2 = (pl.col(name) for name in BOX)
    box = pl.concat_list(x1, y1, x2 - x1, y2 - y1).list.to_array(4)
    points = table.select(POINTS).to_numpy().reshape(-1, 2, 5).transpose(0, 2, 1)
    landmarks = pl.Series("landmarks", np.ascontiguousarray(points), dtype=pl.Array(pl.Float32, (5, 2)))
    return table.select(
        "folder",
        "file",
        "class",
        aligned=pl.col("aligned") == 1,
        box=pl.when(pl.all_horizontal(pl.col(name).is_not_null() for name in BOX)).then(box),
        landmarks=pl.when(pl.all_horizontal(pl.col(name).is_not_null() for name in POINTS)).then(landmarks),
    )


def people_of(path: Path) -> dict[int, str]:
    """The folder of each class; empty where there is no such list.

    Raises:
        DataError: it is no such list, or gives two folders to one class.
    """
    if not path.is_file():
        return {}
    pairs = read_lst(path).select("class", "folder").unique(maintain_order=True)
    twice = pairs.filter(pl.col("class").is_duplicated())
    if twice.height:
        raise DataError(f"{path} puts the folders {twice['folder'][0]} and {twice['folder'][1]} into one class")
    return dict(pairs.iter_rows())


def _first_fault(path: Path) -> str:
    """The first line that is of another form, found slowly."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            words = line.decode("utf-8", "replace").strip().split("\t")
            whole = [words[place].lstrip("-").isdigit() for place in (0, 2)] if len(words) > 2 else [False]
            if len(words) not in (3, 7, 17) or not all(whole) or "/" not in words[1]:
                return f"{path}, line {number}: a line should be {FORM}"
    return f"{path} holds no list: a line should be {FORM}"
