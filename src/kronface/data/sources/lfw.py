"""Labeled Faces in the Wild: `Name/Name_0001.jpg`, 250x250, the person in the middle."""

from pathlib import Path

import polars as pl

from kronface.data.layout import Layout, Part
from kronface.data.records import Records
from kronface.data.sources.folder import folder
from kronface.errors import DataError

FOLDERS = ("lfw", "lfw-funneled", "lfw_funneled", "lfw-deepfunneled")
"""What the owners' archives unpack to."""

OFFICIAL_IMAGES, OFFICIAL_IDENTITIES = 13_233, 5_749


def lfw(root: Path, *, official: bool = False) -> Records:
    """LFW's pictures; people are called as in its lists of pairs.

    Args:
        root: the folder that holds one folder per person, or the one around it.
        official: require 13,233 images of 5,749 people; otherwise differences become a note.

    Raises:
        DataError: there is no such folder, a picture is not named as LFW's are, or a count is not official.
    """
    top = next((f"{name}/" for name in FOLDERS if (root / name).is_dir()), "")
    found = folder(root / top)
    table = found.table.select((top + pl.col("path")).alias("path"), "identity")
    named = pl.col("path").str.contains(r"/[^/]+_\d{4}\.[A-Za-z]+$") & pl.col("path").str.starts_with(
        pl.format("{}{}/{}_", pl.lit(top), "identity", "identity")
    )
    odd = table.filter(~named)
    if odd.height:
        raise DataError(
            f"{root / odd['path'][0]} is not named as LFW's pictures are, Name/Name_0001.jpg: for other collections "
            "choose the layout folder"
        )
    notes = [note for note in found.notes if "outside" not in note]
    counts = table.height, table["identity"].n_unique()
    if counts != (OFFICIAL_IMAGES, OFFICIAL_IDENTITIES):
        difference = (
            f"{counts[0]} images of {counts[1]} identities (official: {OFFICIAL_IMAGES} of {OFFICIAL_IDENTITIES})"
        )
        if official:
            raise DataError(f"{root} is not the official LFW: {difference}")
        notes.append(f"not the official LFW: {difference}")
    return Records.from_columns(root, table, name="lfw", notes=notes)


LAYOUT = Layout(
    name="lfw",
    title="Labeled Faces in the Wild",
    read=lfw,
    owner="Computer Vision Laboratory, University of Massachusetts, Amherst",
    terms="research only; the pictures belong to the news agencies that took them",
    ask="vis-www.cs.umass.edu/lfw",
    parts=(
        Part(
            "one folder per person",
            (*(f"{name}/*/" for name in FOLDERS), "*_*/"),
            "unpack lfw.tgz there",
        ),
    ),
    options=("official",),
)
