"""CelebA in the parquet files of the Hugging Face Hub (`flwrlabs/celeba`): pictures, people and attributes as rows.

Files are `train-00000-of-00019.parquet` and so on, or `train/0000.parquet`; splits are train, valid and test. Columns:
`image` (a struct with the PNG's bytes), `celeb_id`, and the attributes as booleans. There are no names of files, and
the order is not CelebA's.
"""

import re
from collections import OrderedDict
from pathlib import Path

import polars as pl

from kronface.data.attributes import CELEBA
from kronface.data.layout import Layout, Part
from kronface.data.records import Records
from kronface.data.sources.celeba import OWNER, TERMS, TYPICAL_LANDMARKS, official_differences
from kronface.errors import DataError, ImageError
from kronface.faces.image import Image, decode_image

SPLITS = {"train": "train", "valid": "validation", "test": "test"}
FILE = re.compile(r"(?:.*/)?(train|valid|test)(?:-(\d+)-of-(\d+)|/\d+)\.parquet")

ROWS = 100
"""Rows that are read together: as many as the Hub's tool writes into a row group of pictures."""

KEPT = 4
"""Such blocks that are kept for the next pictures: some seven megabytes each."""


class ParquetStore:
    """Pictures in a column of parquet files, by `FILE.parquet/ROW`.

    A picture costs the reading of its row group, unless it is the last one's neighbour: read in order, or few of them.

    Args:
        root: what the files' paths are relative to.
        column: name of the column.
        nested: the bytes are the field `bytes` of that column.
    """

    def __init__(self, root: Path, column: str, *, nested: bool) -> None:
        # polars' threads do not survive a fork.
        self.start_method: str | None = "spawn"
        self._root = root
        self._column = column
        self._nested = nested
        self._blocks: OrderedDict[tuple[str, int], list[bytes | None]] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        """Without what is kept."""
        return self.__dict__ | {"_blocks": OrderedDict()}

    def picture(self, path: str) -> Image:
        """The picture.

        Raises:
            ImageError: the file cannot be read, or has no picture in that row.
        """
        return decode_image(self.read(path), str(self._root / path))

    def read(self, path: str) -> bytes:
        """The encoded picture.

        Raises:
            ImageError: the file cannot be read, or has no picture in that row.
        """
        name, row = path.rsplit("/", 1)
        block, place = divmod(int(row), ROWS)
        if (name, block) not in self._blocks:
            self._blocks[name, block] = self._read_block(name, block)
            if len(self._blocks) > KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end((name, block))
        rows = self._blocks[name, block]
        picture = rows[place] if place < len(rows) else None
        if picture is None:
            raise ImageError(f"{self._root / name}: row {row} has no picture")
        return picture

    def _read_block(self, name: str, block: int) -> list[bytes | None]:
        column = pl.col(self._column)
        wanted = column.struct.field("bytes") if self._nested else column
        lazy = pl.scan_parquet(self._root / name).slice(block * ROWS, ROWS).select(wanted.alias("picture"))
        try:
            return list(lazy.collect()["picture"])
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ImageError(f"{self._root / name} cannot be read ({_first_line(error)}): download it again") from error


def celeba_hub(root: Path, *, official: bool = False) -> Records:
    """CelebA's aligned pictures with identities, splits and attributes; landmarks are CelebA's typical ones.

    Args:
        root: the folder that holds the parquet files, at any depth.
        official: require the official set's counts; otherwise differences become notes.

    Raises:
        DataError: files are missing, damaged or of another table, or a count is not official.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name the one that holds train-00000-of-….parquet")
    files = _files(root)
    kind: pl.DataType | None = None
    parts = []
    for name, split in files:
        image, part = _rows(root / name, name, split)
        if kind is not None and image != kind:
            raise DataError(f"{root / name} holds pictures in another form than {files[0][0]}: download both again")
        kind = image
        parts.append(part)
    table = pl.concat(parts, how="vertical")
    points = pl.lit([list(point) for point in TYPICAL_LANDMARKS], dtype=pl.Array(pl.Float32, (5, 2)))
    table = table.with_columns(points.alias("landmarks"))
    attributes = tuple(name for name in CELEBA if name in table.columns)
    differences = official_differences(table, attributes)
    if official and differences:
        raise DataError(f"{root} is not the official CelebA: {'; '.join(differences)}")
    return Records.from_columns(
        root,
        table,
        name="celeba-hub",
        attributes=attributes,
        notes=[
            "CelebA's typical landmarks are used for all pictures: the Hub has none",
            *(f"not the official CelebA: {difference}" for difference in differences),
        ],
        store=ParquetStore(root, "image", nested=isinstance(kind, pl.Struct)),
    )


def _files(root: Path) -> list[tuple[str, str]]:
    """(path relative to the root, split) of every file, in the order of splits and numbers."""
    found: list[tuple[str, str]] = []
    announced: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*.parquet")):
        name = path.relative_to(root).as_posix()
        match = FILE.fullmatch(name)
        if match is None:
            continue
        found.append((name, SPLITS[match[1]]))
        if match[3]:
            prefix = name[: match.start(2)]
            announced.setdefault(prefix, set()).update(
                f"{prefix}{number:0{len(match[2])}d}-of-{match[3]}.parquet" for number in range(int(match[3]))
            )
    if not found:
        raise DataError(f"{root} holds no train-00000-of-….parquet: download flwrlabs/celeba and put its files there")
    names = {name for name, _ in found}
    missing = sorted(name for wanted in announced.values() for name in wanted if name not in names)
    if missing:
        raise DataError(
            f"{root / missing[0]} is missing, {len(missing)} of {len(missing) + len(found)} files in all: download them"
        )
    order = list(SPLITS.values())
    return sorted(found, key=lambda entry: (order.index(entry[1]), entry[0]))


def _rows(path: Path, name: str, split: str) -> tuple[pl.DataType, pl.DataFrame]:
    """The column of pictures' type, and path, identity, split and attributes of one file's rows."""
    try:
        schema = pl.read_parquet_schema(path)
        other = [column for column in schema if column not in ("image", "celeb_id")]
        unknown = [column for column in other if column not in CELEBA]
        if "image" not in schema or "celeb_id" not in schema or unknown or not other:
            raise DataError(
                f"{path} has the columns {', '.join(schema)[:80]}: expected are image, celeb_id, attributes"
            )
        table = pl.scan_parquet(path).select("celeb_id", *other).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read ({_first_line(error)}): download it again") from error
    rows = table.select(
        pl.format("{}/{}", pl.lit(name), pl.int_range(pl.len())).alias("path"),
        pl.col("celeb_id").cast(pl.String).str.zfill(5).alias("identity"),
        pl.lit(split).alias("split"),
        *(pl.col(attribute).cast(pl.Int8) for attribute in CELEBA if attribute in other),
    )
    return schema["image"], rows


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:100]


LAYOUT = Layout(
    name="celeba-hub",
    title="CelebA (parquet)",
    read=celeba_hub,
    owner=OWNER,
    terms=TERMS,
    ask="huggingface.co/datasets/flwrlabs/celeba",
    parts=(
        Part(
            "pictures, people and attributes",
            ("img_align+identity+attr/train-*.parquet", "**/train-*.parquet", "**/train/*.parquet"),
            "download flwrlabs/celeba",
        ),
        Part(
            "the same of the split test",
            ("img_align+identity+attr/test-*.parquet", "**/test-*.parquet", "**/test/*.parquet"),
            "download flwrlabs/celeba",
        ),
    ),
    options=("official",),
)
