"""MegaFace's distractors: `FlickrFinal2/534/53415754@N00/37731000_1.jpg`, each with a sidecar."""

import os
from pathlib import Path

import polars as pl

from kronface.data.layout import Layout, Part
from kronface.data.records import Records
from kronface.data.sources.sidecar import with_sidecars
from kronface.errors import DataError
from kronface.faces.image import SUFFIXES

FOLDERS = ("FlickrFinal2", "megaface_images")


def megaface(root: Path, *, aligned: bool = False) -> Records:
    """MegaFace's pictures, sorted by path; a person is a member of the site, by number.

    Landmarks and boxes come from the sidecars, as far as they can be used; the detector does the rest.

    Args:
        root: the folder that holds `FlickrFinal2/`, or that folder itself.
        aligned: the pictures are crops at the reference points already, as in InsightFace's test pack; sidecars are
            not looked for.

    Raises:
        DataError: there are no such pictures.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name the one that holds {FOLDERS[0]}/")
    top = next((f"{name}/" for name in FOLDERS if (root / name).is_dir()), "")
    rows = [
        (f"{top}{start}/{member}/{picture}", member)
        for start in _names(root / top, folders=True)
        for member in _names(root / top / start, folders=True)
        for picture in _names(root / top / start / member, folders=False)
        if picture.lower().endswith(SUFFIXES)
    ]
    if not rows:
        raise DataError(f"{root / top} holds no pictures named 534/53415754@N00/37731000_1.jpg: is it MegaFace?")
    table = pl.DataFrame(rows, schema=["path", "identity"], orient="row").with_columns(pl.lit(aligned).alias("aligned"))
    notes: list[str] = []
    if not aligned:
        table, notes = with_sidecars(root, table)
    return Records.from_columns(root, table, name="megaface", notes=notes)


def _names(folder: Path, *, folders: bool) -> list[str]:
    """What lies in a folder, sorted: folders or files, without hidden ones."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() == folders and not entry.name.startswith("."))


LAYOUT = Layout(
    name="megaface",
    title="MegaFace",
    read=megaface,
    owner="University of Washington",
    terms="non-commercial research only; the pictures are under their members' Creative Commons licences",
    ask="no longer given out by its owners",
    parts=(
        Part(
            "distractors with sidecars",
            (f"{FOLDERS[0]}/*/*/", f"{FOLDERS[1]}/*/*/", "[0-9]*/*@*/"),
            "unpack MegaFace's archives there",
        ),
    ),
    options=("aligned",),
)
