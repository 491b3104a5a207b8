"""CASIA-WebFace: one folder of seven digits per person, `0000045/001.jpg`, perhaps with a list that cleans it."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from kronface.data.layout import Layout, Part
from kronface.data.records import Records
from kronface.data.sources.folder import folder
from kronface.data.sources.lst import read_lst
from kronface.data.sources.overlap import without_overlap
from kronface.errors import DataError

NAME = "CASIA-WebFace"
PERSON = r"^\d{7}$"

OFFICIAL_IMAGES, OFFICIAL_IDENTITIES = 494_414, 10_575
"""As its owners give them, and the paper."""


def casia(root: Path, *, official: bool = False, overlap: str = "as-paper") -> Records:
    """CASIA-WebFace's pictures, all of its people or those whom the usual tests do not show.

    Without a list these are the pictures in the folders. With one `.lst` of InsightFace's form in the root, they are
    the pictures that it names, and its boxes and landmarks come with them. Whether those are there is not looked at:
    `kronface.data.check` does.

    Args:
        root: `CASIA-WebFace/`, or the folder that holds it.
        official: require 494,414 images of 10,575 people; otherwise differences become notes.
        overlap: as-paper, all people; removed, without those who are also FaceScrub probes (42) or in LFW (16).

    Raises:
        DataError: there are no such folders, the list is of another form, or a count is not official.
        ConfigError: another word for the overlap.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name {NAME}/, which holds one folder of seven digits per person")
    top = f"{NAME}/" if (root / NAME).is_dir() else ""
    lists = sorted(root.glob("*.lst"))
    if len(lists) > 1:
        raise DataError(f"{root} holds {len(lists)} lists, {lists[0].name} the first: leave one of them")
    notes: list[str] = []
    table = _listed(lists[0], top, notes) if lists else _found(root / top, top, notes)
    counts = table.height, table["identity"].n_unique()
    if counts != (OFFICIAL_IMAGES, OFFICIAL_IDENTITIES):
        difference = (
            f"{counts[0]} images of {counts[1]} identities (official: {OFFICIAL_IMAGES} of {OFFICIAL_IDENTITIES})"
        )
        if official:
            raise DataError(f"{root} is not the official {NAME}: {difference}")
        notes.append(f"not the official {NAME}: {difference}")
    table, told = without_overlap(table, overlap)
    return Records.from_columns(root, table, name="casia", notes=[*notes, *told])


def _found(where: Path, top: str, notes: list[str]) -> pl.DataFrame:
    """Path and identity of the pictures in the folders."""
    records = folder(where)
    people = pl.col("identity").str.contains(PERSON)
    other = records.table.filter(~people)["identity"].unique().sort()
    if len(other):
        notes.append(f"{len(other)} folders that are not of seven digits were passed over, {other[0]} the first")
    records = replace(records, table=records.table.filter(people))
    if len(records) == 0:
        raise DataError(f"{where} holds no folders of seven digits, such as 0000045/: is it {NAME}?")
    notes += [note for note in records.notes if "deeper" not in note]
    return records.table.select((top + pl.col("path")).alias("path"), "identity")


def _listed(path: Path, top: str, notes: list[str]) -> pl.DataFrame:
    """Path, identity, box and landmarks of the pictures that a list names."""
    listed = read_lst(path)
    other = listed.filter(~pl.col("folder").str.contains(PERSON))
    if other.height:
        raise DataError(
            f"{path} names {other['folder'][0]}/{other['file'][0]}: {NAME}'s pictures lie in folders of seven digits"
        )
    known = listed.height - listed["landmarks"].null_count()
    notes.append(f"the pictures of {path.name}, {known:,} of {listed.height:,} with landmarks")
    return listed.select(
        pl.format("{}{}/{}", pl.lit(top), "folder", "file").alias("path"),
        pl.col("folder").alias("identity"),
        "box",
        "landmarks",
        "aligned",
    )


LAYOUT = Layout(
    name="casia",
    title=NAME,
    read=casia,
    owner="Center for Biometrics and Security Research, Institute of Automation, Chinese Academy of Sciences",
    terms="non-commercial research only, by its owners' release agreement",
    ask="by the form on their page; InsightFace's pack of it is the layout recordio",
    parts=(
        Part(
            "one folder of seven digits per person",
            (f"{NAME}/[0-9]*/", "[0-9]*/", "*.lst"),
            "ask its owners for the set, and unpack it there",
        ),
    ),
    options=("official", "overlap"),
)
