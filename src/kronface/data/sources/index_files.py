"""The text files that list a data set's pictures: columns padded by spaces, with or without a count and a header."""

import io
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kronface.errors import DataError


@dataclass(frozen=True)
class Index:
    """One file's rows: a picture's name and numbers."""

    path: Path
    """The file they come from."""
    names: pl.Series
    """(n,) strings, none twice."""
    values: NDArray[Any]
    """(n, columns) integers or floats."""
    columns: tuple[str, ...]
    """What the file calls them; empty where it has no header."""

    def in_order_of(self, other: "Index") -> "Index":
        """The rows in the order of another file's pictures.

        Raises:
            DataError: the two do not list the same pictures; names both files, counts, and the first picture.
        """
        if self.names.equals(other.names):
            return self
        here, there = set(self.names), set(other.names)
        for lacking, full in ((self, other), (other, self)):
            known = here if lacking is self else there
            missing = [name for name in full.names if name not in known]
            if missing:
                raise DataError(
                    f"{lacking.path} lists {len(lacking.names)} pictures, {full.path.name} {len(full.names)}: "
                    f"{len(missing)} of those are not in it, {missing[0]} the first; bring both from the same source"
                )
        rows = pl.DataFrame({"name": other.names}).join(
            pl.DataFrame({"name": self.names}).with_row_index("row"), on="name", how="left", maintain_order="left"
        )
        return replace(self, names=other.names, values=self.values[rows["row"].to_numpy()])


def read_table(path: Path, *, columns: tuple[str, ...] | None = None, whole: bool) -> Index:
    """Reads a file that starts with a count and a line of column names.

    Line ends may be those of Unix or Windows, fields padded by any number of spaces, also at a line's end.

    Args:
        path: the file.
        columns: the names that must stand in the second line; None takes any.
        whole: the values are whole numbers from -128 to 127 (int8), otherwise decimals (float32).

    Raises:
        DataError: the file is no such table, or has another number of rows than it announces.
    """
    count, _, rest = _read_clean(path).partition(b"\n")
    header, _, body = rest.partition(b"\n")
    found = tuple(header.decode("utf-8", "replace").split())
    if not count.isdigit() or not found:
        raise DataError(f"{path} does not start with a count and a line of names: bring the original file")
    if columns is not None and found != columns:
        raise DataError(f"{path} has the columns {' '.join(found)[:80]}: expected are {' '.join(columns)[:80]}")
    if len(set(found)) < len(found):
        raise DataError(f"{path} names a column twice: bring the original file")
    index = _parse(path, body, found, whole, skip=2)
    if len(index.names) != int(count):
        gap = _first_gap(index.names.to_list())
        hint = f"; {gap} is the first that is missing" if gap and len(index.names) < int(count) else ""
        raise DataError(
            f"{path} announces {int(count)} pictures, but lists {len(index.names)}{hint}: bring the original file"
        )
    return index


def read_comma_table(path: Path, *, columns: tuple[str, ...] | None = None, whole: bool) -> Index:
    """Reads a .csv copy of such a file: a line of names, of which the first is `image_id` or empty, and no count.

    Args:
        path: the file.
        columns: the names that must follow; None takes any.
        whole: as for `read_table`.

    Raises:
        DataError: the file is no such table.
    """
    header, _, body = _read_clean(path).partition(b"\n")
    found = tuple(header.decode("utf-8", "replace").removeprefix("image_id").split())
    if not found or (columns is not None and found != columns):
        expected = f"image_id {' '.join(columns)}" if columns else "image_id and the names of the attributes"
        raise DataError(f"{path} has the columns {' '.join(found)[:80]}: expected are {expected[:80]}")
    if len(set(found)) < len(found):
        raise DataError(f"{path} names a column twice: bring the original file")
    return _parse(path, body, found, whole, skip=1)


def read_pairs(path: Path) -> Index:
    """Reads a file of names with one whole number each; a first line that names the columns is passed over.

    Raises:
        DataError: the file is no such list.
    """
    body = _read_clean(path)
    first, _, rest = body.partition(b"\n")
    words = first.split()
    # A widespread copy of CelebA's identity file starts with "image identity".
    skip = 1 if len(words) == 2 and re.fullmatch(rb"[A-Za-z_]+", words[1]) else 0
    return _parse(path, rest if skip else body, ("number",), None, skip=skip)


def _read_clean(path: Path) -> bytes:
    """The file with single spaces (for commas too), none at the ends of lines, LF, and no empty lines."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if b"\0" in data:
        raise DataError(f"{path} is not plain text: bring the original file")
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n").translate(bytes.maketrans(b"\t,", b"  "))
    for double, single in ((b"  ", b" "), (b" \n", b"\n"), (b"\n ", b"\n"), (b"\n\n", b"\n")):
        while double in data:
            data = data.replace(double, single)
    return data.strip()


def _parse(path: Path, body: bytes, columns: tuple[str, ...], whole: bool | None, *, skip: int) -> Index:
    """Rows of a name and one number per column: int8 where `whole`, int64 where None, else float32."""
    dtype = pl.Int64() if whole is None else pl.Int8() if whole else pl.Float32()
    if not body:
        raise DataError(f"{path} lists no pictures: bring the original file")
    try:
        table = pl.read_csv(
            io.BytesIO(body),
            has_header=False,
            separator=" ",
            quote_char=None,
            schema={"name": pl.String()} | {f"column {number}": dtype for number in range(len(columns))},
        )
    except pl.exceptions.PolarsError as error:
        raise _first_fault(path, len(columns), whole is not False, skip) from error
    values = table.drop("name")
    if sum(values.null_count().row(0)) or (whole is False and not np.isfinite(values.to_numpy()).all()):
        raise _first_fault(path, len(columns), whole is not False, skip)
    names = table["name"]
    if names.n_unique() < len(names):
        twice = names.filter(names.is_duplicated())[0]
        raise DataError(f"{path} lists {twice} twice: bring the original file")
    return Index(path, names, values.to_numpy(), columns)


def _first_fault(path: Path, columns: int, whole: bool, skip: int) -> DataError:
    """Goes through the lines one by one, slowly, to say which one is wrong and how."""
    pattern = re.compile(r"[+-]?\d+" if whole else r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
    filled = 0
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        words = line.replace(",", " ").split()
        filled += bool(words)
        if not words or filled <= skip:
            continue
        where = f"{path}, line {number}"
        if len(words) != columns + 1:
            return DataError(f"{where}: {len(words) - 1} values instead of {columns}: bring the original file")
        odd = next((word for word in words[1:] if not pattern.fullmatch(word)), None)
        if odd is not None:
            kind = "a whole number" if whole else "a number"
            return DataError(f"{where}: '{odd[:40]}' is not {kind}: bring the original file")
    return DataError(f"{path} holds numbers that are out of range: bring the original file")


def _first_gap(names: list[str]) -> str | None:
    """The first name that numbered names (000001.jpg, 000002.jpg, …) leave out, or None where they are not numbered."""
    match = re.fullmatch(r"(\d+)(\.\w+)", names[0])
    if match is None:
        return None
    width, suffix = len(match[1]), match[2]
    listed = set(names)
    return next(name for n in range(1, len(names) + 2) if (name := f"{n:0{width}d}{suffix}") not in listed)
