"""One folder per person: the layout of most collections of one's own."""

import os
from pathlib import Path

import polars as pl

from kronface.data.layout import Layout
from kronface.data.records import Records
from kronface.errors import DataError
from kronface.faces.image import SUFFIXES

JUNK = frozenset({"@eaDir", "__MACOSX", "$RECYCLE.BIN", "System Volume Information"})
"""Folders that operating systems leave behind; some hold thumbnails."""

RENDERED, MASKS = "truth.csv", "masks"
"""Where the first lies in the root, the second holds the masks of rendered pictures, not people."""

ADVICE = "make one folder per person, with that person's pictures in it"


def folder(root: Path, *, aligned: bool = False) -> Records:
    """The pictures of `root/PERSON/…`, sorted by path.

    A person is a folder that holds pictures, whatever its name; whatever lies deeper inside it belongs to the same
    person. Mostly those are the folders directly below the root; where such a folder has only folders in it (`train/`,
    `test/`), those are the people, named by their path (`train/ann`), and a note says so. Links to folders are
    followed, except those that lead to where the reader has been or will come by itself. Hidden files, and files that
    are no pictures by their suffix, are passed over.

    Args:
        root: holds one folder per person.
        aligned: the pictures are crops at the reference points already.

    Raises:
        DataError: the folder is missing, empty, cannot be read, holds pictures but no folders of people, or a name
            that is not UTF-8.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name one that holds a folder per person")
    rows: list[tuple[str, str]] = []
    empty: list[str] = []
    loose = 0
    rendered = (root / RENDERED).is_file()
    visited = [root.resolve()]
    for name, is_folder in _entries(root, visited):
        if rendered and name == MASKS:
            continue
        if not is_folder:
            loose += _is_picture(name)
            continue
        found = _people(root, name, visited)
        rows += found
        if not found:
            empty.append(name)
    if not rows:
        if loose:
            raise DataError(f"{root} holds {loose} pictures but no folders of people: {ADVICE}")
        raise DataError(f"{root} holds no pictures: {ADVICE} ({', '.join(SUFFIXES)})")
    table = pl.DataFrame(rows, schema=["path", "identity"], orient="row").sort("path")
    table = table.with_columns(pl.lit(aligned).alias("aligned"))
    return Records.from_columns(root, table, name="folder", notes=_notes(table, empty, loose))


def _people(root: Path, person: str, visited: list[Path]) -> list[tuple[str, str]]:
    """(path, identity) of every picture below `root/person`, both relative to the root."""
    entries = _entries(root / person, visited)
    if any(not is_folder and _is_picture(name) for name, is_folder in entries):
        return [(path, person) for path in _pictures(root, person, entries, visited)]
    return [row for name, is_folder in entries if is_folder for row in _people(root, f"{person}/{name}", visited)]


def _pictures(root: Path, below: str, entries: list[tuple[str, bool]], visited: list[Path]) -> list[str]:
    found = []
    for name, is_folder in entries:
        path = f"{below}/{name}"
        if is_folder:
            found += _pictures(root, path, _entries(root / path, visited), visited)
        elif _is_picture(name):
            found.append(path)
    return found


def _entries(where: Path, visited: list[Path]) -> list[tuple[str, bool]]:
    """(name, is a folder) of what lies in a folder, sorted; without hidden things and links that lead back.

    Args:
        where: the folder.
        visited: tops of the trees that are read, resolved; those that links lead to are added.
    """
    try:
        with os.scandir(where) as entries:
            listed = sorted(
                (entry for entry in entries if not entry.name.startswith(".") and entry.name not in JUNK),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        raise DataError(f"{where} cannot be read: {error.strerror}") from error
    found = []
    for entry in listed:
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(entry.name).decode(errors="backslashreplace")
            raise DataError(f"{where} holds '{shown}', a name that is not UTF-8: rename it") from None
        is_folder = Path(entry.path).is_dir()  # unlike the entry's own, without an error for a link to itself
        if is_folder and entry.is_symlink():
            target = Path(entry.path).resolve()
            if any(target.is_relative_to(top) or top.is_relative_to(target) for top in visited):
                continue  # into a loop, or to pictures that are read anyway
            visited.append(target)
        found.append((entry.name, is_folder))
    return found


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _notes(table: pl.DataFrame, empty: list[str], loose: int) -> list[str]:
    notes = []
    if table["identity"].n_unique() == 1:
        notes.append(f"all pictures are of one person, {table['identity'][0]}: is this the right folder?")
    if empty:
        what = "folder" if len(empty) == 1 else "folders"
        notes.append(f"{len(empty)} {what} without pictures, {empty[0]} the first")
    if loose:
        what = "picture lies" if loose == 1 else "pictures lie"
        notes.append(f"{loose} {what} outside of the people's folders and passed over")
    deep = sorted(set(table.filter(pl.col("identity").str.contains("/"))["identity"]))
    if deep:
        notes.append(f"{len(deep)} people lie deeper than one folder, {deep[0]} the first: each is a person")
    return notes


LAYOUT = Layout(
    name="folder",
    title="Pictures of one's own",
    read=folder,
    owner="whoever took the pictures",
    terms="by consent of the people whom they show",
    ask="them",
    parts=(),
    options=("aligned",),
)
