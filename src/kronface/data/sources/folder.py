"""One folder per person: the layout of most collections of one's own."""

import os
from pathlib import Path

import polars as pl

from kronface.data.records import Records
from kronface.errors import DataError
from kronface.faces.image import SUFFIXES


def folder(root: Path, *, aligned: bool = False) -> Records:
    """The pictures of `root/PERSON/…`; the person is the name of the folder directly below the root.

    Pictures may lie deeper inside a person's folder. Hidden files, links to folders, and files that are no pictures
    by their suffix are passed over.

    Args:
        root: holds one folder per person.
        aligned: the pictures are crops at the reference points already.

    Raises:
        DataError: the folder is missing or empty, or holds pictures but no folders of people.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name one that holds a folder per person")
    people = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    rows: list[tuple[str, str]] = []
    empty: list[str] = []
    for person in people:
        pictures = _pictures(root / person)
        rows.extend((picture.relative_to(root).as_posix(), person) for picture in pictures)
        if not pictures:
            empty.append(person)
    if not rows:
        loose = [path for path in root.iterdir() if path.suffix.lower() in SUFFIXES]
        hint = "its pictures lie loose: put each person's into a folder of its own" if loose else "it has no pictures"
        raise DataError(f"{root} does not hold a folder per person: {hint}")
    notes = [f"{len(empty)} folders without pictures, {empty[0]} the first"] if empty else []
    table = pl.DataFrame(rows, schema=["path", "identity"], orient="row")
    table = table.with_columns(pl.lit(aligned).alias("aligned"))
    return Records.from_columns(root, table, name="folder", notes=notes)


def _pictures(person: Path) -> list[Path]:
    found: list[Path] = []
    for where, folders, files in os.walk(person):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                found.append(Path(where) / name)
    return sorted(found)
