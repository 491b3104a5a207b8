"""Groups of people, such as by sex, age, skin tone or ancestry: from a file, or from what came with the images.

`read_groups` reads a table; `groupings` gives each image its group by some of its columns. An image may be in no group:
its table has no row for it, or nothing in the column.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import ConfigError, DataError
from kronface.evaluation.features import IDENTITY, PATH

if TYPE_CHECKING:
    import polars as pl

ALIASES: Mapping[str, tuple[str, ...]] = {
    "sex": ("sex", "gender"),
    "age": ("age", "age_years"),
    "tone": ("tone", "skin_tone", "ita"),
    "ancestry": ("ancestry", "race", "ethnicity"),
}
"""Columns that are looked for when nobody says by which; the first that is there counts."""

SHARES = ("african", "asian", "caucasian")
"""Columns that together stand in for an ancestry: a person belongs to the largest share."""

OF_PEOPLE = frozenset({"sex", "gender", "ancestry", "race", "ethnicity"})
"""Columns that say the same of all images of a person; others, such as age, may change from image to image."""

AGE_EDGES, AGE_NAMES = (18, 30, 45, 60), ("0-17", "18-29", "30-44", "45-59", "60+")

ITA_EDGES, ITA_NAMES = (-30, 10, 28, 41, 55), ("dark", "brown", "tan", "intermediate", "light", "very light")
"""Individual typology angle in degrees (Chardon et al. 1991, "Skin colour typology and suntanning pathways")."""

MOST_VALUES = 12
"""A column of more different numbers is cut into thirds."""
MOST_GROUPS = 60


@dataclass(frozen=True)
class Grouping:
    """The group of each of some images or trials."""

    by: str
    """The column's name."""
    names: tuple[str, ...]
    number: NDArray[np.int64]
    """(N,) number of each one's group; -1: none."""

    @classmethod
    def of(cls, by: str, values: ArrayLike) -> "Grouping":
        """From (N,) text, empty where there is no group. Names that differ by a number are in its order."""
        names, number = np.unique(np.asarray(values, np.str_), return_inverse=True)
        order = sorted(range(len(names)), key=lambda k: _natural(str(names[k])))
        return cls(by, tuple(str(names[k]) for k in order), np.argsort(order)[number])._without("")

    def take(self, rows: NDArray[np.integer]) -> "Grouping":
        """The grouping of some rows, in their order, such as of the images that were searched for."""
        return Grouping(self.by, self.names, self.number[rows])

    def _without(self, *unused: str) -> "Grouping":
        """Leaves out groups of these names, whose rows are then in none."""
        kept = [k for k, name in enumerate(self.names) if name not in unused]
        renumbered = np.full(len(self.names) + 1, -1)
        renumbered[kept] = np.arange(len(kept))
        return Grouping(self.by, tuple(self.names[k] for k in kept), renumbered[self.number])


def bands(by: str, values: ArrayLike, edges: Sequence[float], names: Sequence[str]) -> Grouping:
    """Groups of numbers between edges; a number on an edge belongs to the upper band, NaN to none.

    Args:
        by: the column's name.
        values: (N,)
        edges: (E,) growing.
        names: (E + 1,); bands without a number are left out.
    """
    numbers = np.asarray(values, np.float64)
    number = np.where(np.isnan(numbers), -1, np.digitize(numbers, edges))
    found = Grouping(by, tuple(names), number.astype(np.int64))
    return found._without(*(name for k, name in enumerate(names) if not (number == k).any()))


def age_bands(years: ArrayLike, by: str = "age") -> Grouping:
    """Bands of age in years: under 18, 18 to 29, 30 to 44, 45 to 59, from 60."""
    return bands(by, years, AGE_EDGES, AGE_NAMES)


def tone_bands(ita: ArrayLike, by: str = "tone") -> Grouping:
    """Skin colour by the individual typology angle in degrees, from dark to very light."""
    return bands(by, ita, ITA_EDGES, ITA_NAMES)


def thirds(values: ArrayLike, by: str) -> Grouping:
    """Thirds of the images, by a number that has no bands of its own, such as the tone of rendered skin."""
    numbers = np.asarray(values, np.float64)
    low, high = np.nanquantile(numbers, [1 / 3, 2 / 3])
    names = (f"lowest third (< {low:.3g})", f"middle third (< {high:.3g})", f"highest third (≥ {high:.3g})")
    return bands(by, numbers, (low, high), names)


def largest_ancestry(shares: ArrayLike, names: Sequence[str] = SHARES) -> NDArray[np.str_]:
    """(N,) the name of the largest share of each row, the first of equal ones; empty where a share is NaN.

    Args:
        shares: (N, A)
        names: (A,)
    """
    table = np.asarray(shares, np.float64)
    known = np.asarray(~np.isnan(table).any(axis=1))
    found = np.array(names)[np.where(known[:, None], table, 0).argmax(1)]
    return np.where(known, found, "")


@dataclass(frozen=True)
class GroupTable:
    """What is known of people or of images."""

    source: str
    """The file, for messages."""
    table: "pl.DataFrame"
    """One row per person or image; text, or whatever a parquet file says."""
    aligned: bool = False
    """Whether row k is of image k, whatever its names."""

    @classmethod
    def of_columns(cls, source: str, columns: Mapping[str, NDArray[np.generic]]) -> "GroupTable":
        """From columns (N,) of the images themselves; those of anything but numbers and text are passed over."""
        import polars as pl

        kept = {
            name: [None if value is None else str(value) for value in values.tolist()]
            for name, values in columns.items()
            if values.ndim == 1
            and (values.dtype.kind in "biufU" or all(value is None or isinstance(value, str) for value in values))
        }
        return cls(source, pl.DataFrame(kept, schema=dict.fromkeys(kept, pl.String)), aligned=True)

    def known(self) -> list[str]:
        """By what people are grouped when nobody says: of sex, age, tone and ancestry what there is."""
        return [by for by in ALIASES if self.knows(by)]

    def knows(self, by: str) -> bool:
        """Whether there is such a column, one of another name for it, or shares of ancestries for `ancestry`."""
        return bool(self._column(by)) or (by == "ancestry" and set(SHARES) <= set(self.table.columns))

    def group(
        self, by: str, identities: NDArray[np.str_] | None = None, paths: NDArray[np.str_] | None = None
    ) -> Grouping:
        """Each image's group.

        Rows are found by the image's path or by its person, whichever more of the images have. Numbers are ages or
        angles by their column's name, else groups of their own where there are few, else thirds.

        Args:
            by: a column that the table knows.
            identities: (N,) person of each image.
            paths: (N,) names of the images.

        Raises:
            ConfigError: there is no such column, or it says something else of nearly everybody.
            DataError: no row belongs to any of the images, or two rows contradict each other.
        """
        if not self.knows(by):
            there = ", ".join(name for name in self.table.columns if name not in (IDENTITY, PATH))
            raise ConfigError(f"{self.source} has no column '{by}' to group people by: it has {there[:200] or 'none'}")
        column = self._column(by)
        values = self._of_images(by, column, identities, paths)
        if identities is not None and (not column or column in OF_PEOPLE):
            _check_one_each(identities, values, by, self.source)
        try:
            numbers = np.array([float(value) if value else np.nan for value in values])
        except ValueError:
            numbers = np.full(len(values), np.nan)
        if np.isnan(numbers).all():
            found = Grouping.of(by, values)
        elif column in ALIASES["age"]:
            found = age_bands(numbers, by)
        elif column == "ita":
            found = tone_bands(numbers, by)
        elif len(np.unique(numbers[~np.isnan(numbers)])) > MOST_VALUES:
            found = thirds(numbers, by)
        else:
            found = Grouping.of(by, ["" if np.isnan(number) else f"{number:g}" for number in numbers])
        if len(found.names) > MOST_GROUPS:
            raise ConfigError(f"{self.source}: '{by}' has {len(found.names)} values: at most {MOST_GROUPS} make groups")
        return found

    def _column(self, by: str) -> str:
        """The column that is meant; empty if there is none."""
        return next((name for name in (by, *ALIASES.get(by, ())) if name in self.table.columns), "")

    def _of_images(
        self, by: str, column: str, identities: NDArray[np.str_] | None, paths: NDArray[np.str_] | None
    ) -> list[str]:
        """Text of each image, empty where there is none."""
        rows = [str(value).strip() if value is not None else "" for value in self._values(column)]
        if self.aligned:
            return rows
        both = {PATH: paths, IDENTITY: identities}
        named = {key: names for key, names in both.items() if key in self.table.columns and names is not None}
        keys = {key: self._keys(key) for key in named}
        matched = {key: int(np.isin(names, keys[key]).sum()) for key, names in named.items()}
        key = max(matched, key=lambda name: matched[name], default="")
        if not key or not matched[key]:
            shown = [
                f"a {k} there is {keys[k][0]}, of the images {names[0]}" for k, names in named.items() if keys[k].size
            ]
            raise DataError(
                f"{self.source} says nothing of these images: its column {PATH} should name them as they are named, "
                f"or its column {IDENTITY} their people" + (f" ({'; '.join(shown)})" if shown else "")
            )
        _check_one_each(keys[key], rows, by, self.source)
        value_of = {name: value for name, value in zip(keys[key].tolist(), rows, strict=True) if value}
        return [value_of.get(name, "") for name in named[key].tolist()]

    def _values(self, column: str) -> Sequence[object]:
        if column:
            return self.table[column].to_list()
        shares = [
            [float("nan") if value in (None, "") else float(value) for value in self.table[name].to_list()]
            for name in SHARES
        ]
        found: list[object] = largest_ancestry(np.array(shares).T).tolist()
        return found

    def _keys(self, column: str) -> NDArray[np.str_]:
        return np.array(["" if value is None else str(value) for value in self.table[column].to_list()], np.str_)


def read_groups(path: Path) -> GroupTable:
    """A table of people or images: CSV with a header, such as the truth of rendered people, or parquet.

    It has a column `path` (of images, as the data set names them), or `identity` (of people), or both; and any others.

    Raises:
        DataError: the file is missing or damaged, of another kind, or has neither column.
    """
    import polars as pl

    if not path.is_file():
        raise DataError(f"{path} is not a file: name a table of groups as .csv or .parquet")
    try:
        table = pl.read_parquet(path) if path.suffix.lower() == ".parquet" else pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read as a table ({str(error).splitlines()[0]})") from error
    if not {PATH, IDENTITY} & set(table.columns):
        raise DataError(f"{path} has neither a column '{PATH}' nor '{IDENTITY}': it should say whom its rows are about")
    return GroupTable(str(path), table)


def column_names(by: Sequence[str] | str) -> list[str]:
    """Names of columns from a list, or from text with commas."""
    names = by.split(",") if isinstance(by, str) else list(by)
    return [name.strip() for name in names if name.strip()]


def groupings(
    tables: Sequence[GroupTable],
    by: Sequence[str],
    *,
    identities: NDArray[np.str_] | None = None,
    paths: NDArray[np.str_] | None = None,
) -> list[Grouping]:
    """The group of each image by each of some columns.

    Args:
        tables: the first that knows a column is asked.
        by: the columns; those that are known by default if there are none.
        identities: (N,) person of each image.
        paths: (N,) names of the images.

    Raises:
        ConfigError: there is no such column.
        DataError: see `GroupTable.group`.
    """
    wanted = list(dict.fromkeys(by or [name for table in tables for name in table.known()]))
    if not wanted:
        sources = " and ".join(table.source for table in tables)
        raise ConfigError(f"{sources}: no column of {', '.join(ALIASES)}: say by which ones to group (--by COLUMN)")
    return [next((t for t in tables if t.knows(name)), tables[0]).group(name, identities, paths) for name in wanted]


def _check_one_each(keys: NDArray[np.str_], values: Sequence[str], by: str, source: str) -> None:
    """Whether nobody has two values.

    Raises:
        DataError: somebody has.
    """
    seen: dict[str, str] = {}
    for key, value in zip(keys.tolist(), values, strict=True):
        if value and seen.setdefault(key, value) != value:
            raise DataError(
                f"{source}: '{by}' of {key} is {seen[key]} in one row and {value} in another: mend the table"
            )


def _natural(name: str) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
