"""FG-NET: people from childhood to old age; the name of a picture says whose it is and at which age, `068A03.JPG`.

The original set has all pictures in `images/`; MegaFace's copy has one folder per person and sidecars.
"""

import re
from pathlib import Path

import polars as pl

from kronface.data.layout import Layout, Part
from kronface.data.records import Records
from kronface.data.sources.sidecar import with_sidecars
from kronface.errors import DataError

PICTURE = re.compile(r"(\d{3})[Aa](\d{2})(\w*)\.(jpe?g|png|bmp|tiff?|webp|gif)", re.IGNORECASE)

COUNTS = ((1_002, 82), (975, 82))
"""Images and people of the original set, and of MegaFace's copy."""


def fgnet(root: Path, *, official: bool = False, aligned: bool = False) -> Records:
    """FG-NET's pictures, sorted by path, with the ages that their names say.

    Args:
        root: a folder that holds them, at any depth.
        official: require the counts of the original set or of MegaFace's copy; otherwise differences become a note.
        aligned: the pictures are crops at the reference points already; sidecars are not looked for.

    Raises:
        DataError: there are no such pictures, one is there twice, or a count is not official.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name the one that holds FG-NET's pictures, such as 001A02.JPG")
    rows: list[tuple[str, str, int]] = []
    seen: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        match = PICTURE.fullmatch(path.name)
        name = path.relative_to(root).as_posix()
        if match is None or any(part.startswith(".") or part == "masks" for part in name.split("/")):
            continue
        if path.stem.upper() in seen:
            raise DataError(f"{root} holds {seen[path.stem.upper()]} and {name}: bring one of the two sets alone")
        seen[path.stem.upper()] = name
        rows.append((name, match[1], int(match[2])))
    if not rows:
        raise DataError(f"{root} holds no pictures named 001A02.JPG (person 001 at the age of 2): is it FG-NET?")
    table = pl.DataFrame(rows, schema=["path", "identity", "age"], orient="row")
    table = table.with_columns(pl.lit(aligned).alias("aligned"))
    counts = table.height, table["identity"].n_unique()
    notes: list[str] = []
    if counts not in COUNTS:
        known = " or ".join(f"{images} of {people}" for images, people in COUNTS)
        difference = f"{counts[0]} images of {counts[1]} people (official: {known})"
        if official:
            raise DataError(f"{root} is not the official FG-NET: {difference}")
        notes.append(f"not the official FG-NET: {difference}")
    if not aligned and any((root / f"{path}.json").is_file() for path in table["path"]):
        table, told = with_sidecars(root, table)
        notes += told
    return Records.from_columns(root, table, name="fgnet", notes=notes)


LAYOUT = Layout(
    name="fgnet",
    title="FG-NET Aging Database",
    read=fgnet,
    owner="Face and Gesture Recognition Network (EU project IST-2000-26434)",
    terms="research only",
    ask="no longer given out by its owners; MegaFace's copy is FGNET2.tar.gz",
    parts=(
        Part(
            "pictures such as 001A02.JPG",
            ("images/*[Aa][0-9]*.*", "**/[0-9][0-9][0-9][Aa][0-9][0-9]*.*"),
            "unpack the set there",
        ),
    ),
    options=("official", "aligned"),
)
