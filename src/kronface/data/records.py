"""The records table: one row per face image, whatever data set it comes from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kronface.data.store import Store
from kronface.errors import DataError

SPLITS = ("train", "validation", "test", "")

SCHEMA: dict[str, pl.DataType] = {
    "path": pl.String(),
    "identity": pl.String(),
    "split": pl.String(),
    "landmarks": pl.Array(pl.Float32, (5, 2)),
    "box": pl.Array(pl.Float32, 4),
    "aligned": pl.Boolean(),
    "age": pl.Int16(),
}


@dataclass(frozen=True)
class Records:
    """A data set's face images.

    Build it with `Records.from_columns`, which fills what is missing and validates the rest.
    """

    root: Path
    """The folder that paths are relative to."""
    table: pl.DataFrame
    """One row per image: `path` (relative to the root), `identity` (a person; null in all rows where the data set does
    not say who anybody is), `split` (train, validation, test, or empty), `landmarks` ((5, 2) in the picture's pixels,
    or null; single unknown points are NaN), `box` (left, top, width, height of the person's face in the picture's
    pixels, or null), `aligned` (the picture is a crop at the reference points already), `age` (in years, or null), and
    one column per attribute: 1, 0, or null where there is no label."""
    attributes: tuple[str, ...]
    """Names of the attribute columns."""
    name: str
    """Of the layout: celeba, folder."""
    notes: tuple[str, ...] = ()
    """What is odd about the data set, but tolerated."""
    store: Store | None = None
    """Where the pictures' bytes lie; None where each is a file."""

    @classmethod
    def from_columns(
        cls,
        root: Path,
        table: pl.DataFrame,
        *,
        name: str,
        attributes: Sequence[str] = (),
        notes: Sequence[str] = (),
        store: Store | None = None,
    ) -> "Records":
        """Fills missing columns with nulls (splits: empty; aligned: false), casts, and validates.

        Raises:
            DataError: no rows, a path twice, an unknown split, an identity that is missing where others are known, or
                a label other than 0 and 1.
        """
        defaults: dict[str, pl.Expr] = {name: pl.lit(None, dtype=SCHEMA[name]) for name in ("landmarks", "box", "age")}
        defaults |= {"split": pl.lit(""), "aligned": pl.lit(False)}
        table = table.with_columns(expr.alias(key) for key, expr in defaults.items() if key not in table.columns)
        table = table.select(
            *(pl.col(key).cast(dtype) for key, dtype in SCHEMA.items()),
            *(pl.col(attribute).cast(pl.Int8) for attribute in attributes),
        )
        if table.height == 0:
            raise DataError(f"{root} holds no face images: check the folder and its layout")
        twice = table.filter(pl.col("path").is_duplicated())
        if twice.height:
            raise DataError(f"{root}: {twice['path'][0]} is listed twice")
        nameless = table.filter(pl.col("identity").is_null() | (pl.col("identity") == ""))
        if nameless.height and table["identity"].null_count() < table.height:
            raise DataError(f"{root}: {nameless['path'][0]} has no identity")
        splits = set(table["split"].unique()) - set(SPLITS)
        if splits:
            raise DataError(f"{root}: unknown split '{sorted(splits)[0]}': known are train, validation, test")
        for attribute in attributes:
            odd = set(table[attribute].drop_nulls().unique()) - {0, 1}
            if odd:
                raise DataError(f"{root}: {attribute} has the label {sorted(odd)[0]}: labels are 1, 0 or missing")
        return cls(root, table, tuple(attributes), name, tuple(notes), store)

    def __len__(self) -> int:
        """Number of images."""
        return self.table.height

    def with_labels(self, names: Sequence[str], labels: NDArray[np.floating]) -> "Records":
        """The same images with other labels of some attributes, which need not have been known before.

        Args:
            names: of T attributes.
            labels: (n, T) of 1, 0, and NaN where there is none.
        """
        columns = [
            pl.Series(name, labels[:, number].astype(np.float64)).fill_nan(None).cast(pl.Int8)
            for number, name in enumerate(names)
        ]
        further = [name for name in names if name not in self.attributes]
        return replace(self, table=self.table.with_columns(columns), attributes=(*self.attributes, *further))

    def select(self, *, split: str | None = None, identities: Collection[str] | None = None) -> "Records":
        """The rows of one split, of some identities, or both; the order stays."""
        table = self.table
        if split is not None:
            table = table.filter(pl.col("split") == split)
        if identities is not None:
            table = table.filter(pl.col("identity").is_in(list(identities)))
        return replace(self, table=table)

    def keep(self, mask: NDArray[np.bool_]) -> "Records":
        """The rows where `mask` (n,) is true."""
        return replace(self, table=self.table.filter(pl.Series(mask)))

    def take(self, rows: Sequence[int]) -> "Records":
        """Some rows, in that order."""
        return replace(self, table=self.table[list(rows)])

    def identities(self) -> list[str]:
        """The people, sorted; none where the data set does not say who anybody is."""
        return sorted(self.table["identity"].drop_nulls().unique())

    def people(self) -> NDArray[np.str_]:
        """(n,) whom each image shows; where nobody is known, every image stands for itself."""
        return self.table.select(pl.coalesce("identity", "path")).to_series().to_numpy().astype(np.str_)

    def landmarks(self) -> NDArray[np.float32]:
        """(n, 5, 2) in each picture's pixels; NaN where they are unknown."""
        unknown = pl.lit([[float("nan")] * 2] * 5, dtype=SCHEMA["landmarks"])
        filled = self.table.select(pl.col("landmarks").fill_null(unknown))["landmarks"]
        return filled.to_numpy().reshape(len(self), 5, 2)

    def boxes(self) -> NDArray[np.float32]:
        """(n, 4): left, top, width, height of the face in each picture's pixels; NaN where they are unknown."""
        unknown = pl.lit([float("nan")] * 4, dtype=SCHEMA["box"])
        filled = self.table.select(pl.col("box").fill_null(unknown))["box"]
        return filled.to_numpy().reshape(len(self), 4)

    def labels(self, names: Sequence[str]) -> NDArray[np.float32]:
        """(n, T) labels of 1, 0, and NaN where there is none, also for attributes that the data set does not have."""
        columns = [
            self.table[name].cast(pl.Float32).fill_null(float("nan")).to_numpy()
            if name in self.attributes
            else np.full(len(self), np.nan, np.float32)
            for name in names
        ]
        return np.stack(columns, 1).astype(np.float32) if columns else np.zeros((len(self), 0), np.float32)
