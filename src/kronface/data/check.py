"""Whether a data set is whole: which files are missing, unreadable or of the wrong count, and what to put where."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from kronface.data.layout import Layout
from kronface.data.records import Records
from kronface.data.sources import find_layout, read_source
from kronface.data.sources.celeba import (
    ATTRIBUTES,
    IDENTITIES,
    IMAGES,
    LANDMARKS,
    PARTITION,
    REQUIRED,
    find_images,
    find_index,
    read_attributes,
    read_landmarks,
    read_partition,
    require_index,
)
from kronface.data.sources.index_files import Index, read_pairs
from kronface.data.store import read_picture
from kronface.errors import DataError, ImageError
from kronface.faces.image import SUFFIXES
from kronface.files import Progress, no_progress

STAGE = "checking pictures"
SHOWN = 5
"""Unreadable pictures that the text form lists; the report itself has all."""

CELEBA_SHAPE = (218, 178)
"""Height and width of CelebA's aligned pictures."""


@dataclass(frozen=True)
class CheckReport:
    """What a look at a data set has shown."""

    layout: str
    root: Path
    problems: tuple[str, ...]
    """What must be put right, each with the remedy; without any the data set can be used."""
    notes: tuple[str, ...]
    """What is odd, but tolerated."""
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Images and identities, in all and per split; empty where the index cannot be read."""
    unreadable: tuple[tuple[str, str], ...] = ()
    """(path, reason) of pictures that cannot be decoded; they are among the problems as one."""
    decoded: bool = False
    """Whether every picture was decoded."""

    @property
    def ok(self) -> bool:
        """Nothing has to be put right."""
        return not self.problems

    def text(self) -> str:
        """The report for a reader, several lines."""
        lines = [f"{self.root} ({self.layout}): " + ("complete" if self.ok else f"problems: {len(self.problems)}")]
        lines += [f"  {name}: {count:,}" for name, count in self.counts.items()]
        if self.decoded and not self.unreadable:
            lines.append("  every picture that is there can be read")
        lines += [f"  problem: {problem}" for problem in self.problems]
        lines += [f"    {reason}" for _, reason in self.unreadable[:SHOWN]]
        if len(self.unreadable) > SHOWN:
            lines.append(f"    and {len(self.unreadable) - SHOWN} more")
        lines += [f"  note: {note}" for note in self.notes]
        lines.append(f"  {find_layout(self.layout).line()}")
        return "\n".join(lines)


def check(
    layout: str, root: Path, *, official: bool = False, decode: bool = True, progress: Progress = no_progress
) -> CheckReport:
    """Looks at a data set as a whole and finds every fault at once, where the readers stop at the first.

    Args:
        layout: a name in `kronface.data.sources.LAYOUTS`.
        root: the data set's folder.
        official: require the official set's counts.
        decode: decode every picture; otherwise only its presence is looked at, by one listing of the folder.
        progress: called after every picture.

    Raises:
        ConfigError: an unknown layout, or `official` for one that has no official counts.
    """
    problems: list[str] = []
    notes: list[str] = []
    absent: set[str] = set()
    known = find_layout(layout)
    if layout == "celeba" and root.is_dir():
        reference = _check_celeba_files(root, problems)
        sound = not problems
        absent = _check_celeba_pictures(root, reference, problems, notes)
    else:
        problems += _missing_parts(known, root)
        sound = not problems
    # After faults of single files the reader would only repeat the first of them.
    records = _read(layout, root, official, problems) if sound else None
    if records is None:
        return CheckReport(layout, root, tuple(problems), tuple(notes))
    if layout != "celeba" and records.store is None:
        absent = _missing_pictures(records, problems)
    if not (official and problems):  # which say the same
        notes += records.notes
    unreadable: list[tuple[str, str]] = []
    if decode:
        unreadable, sizes = _decode_all(records, absent, progress)
        if unreadable:
            problems.append(
                f"{len(unreadable):,} of {len(records):,} pictures ({len(unreadable) / len(records):.2%}) cannot be "
                "read: bring them again, or leave them; training skips them, up to 1 % unless told otherwise"
            )
        odd = [path for path, shape in sizes.items() if layout.startswith("celeba") and shape != CELEBA_SHAPE]
        if odd:
            notes.append(
                f"{len(odd):,} pictures are not 178x218, {odd[0]} the first: landmarks do not fit pictures in the wild"
            )
    return CheckReport(layout, root, tuple(problems), tuple(notes), _counts(records), tuple(unreadable), decoded=decode)


def _missing_parts(layout: Layout, root: Path) -> list[str]:
    """What is not there of what must be; each with where it goes."""
    if root.is_file():
        return []  # some readers take a file; those who do not say so themselves
    missing = [part.missing(root) for part in layout.parts if not part.is_there(root)]
    return missing if root.is_dir() else [f"{root} is not a folder: make it, or name another", *missing]


def _missing_pictures(records: Records, problems: list[str]) -> set[str]:
    """The paths that are listed somewhere, but are no files."""
    absent = [path for path in records.table["path"] if not (records.root / path).is_file()]
    if absent:
        problems.append(
            f"{len(absent):,} of the {len(records):,} listed pictures are missing, {records.root / absent[0]} the "
            "first: unpack the pictures again"
        )
    return set(absent)


def _read(layout: str, root: Path, official: bool, problems: list[str]) -> Records | None:
    """The records; what the reader complains about goes to `problems`."""
    try:
        return read_source(layout, root, official=official)
    except DataError as error:
        problems.append(str(error))
    if not official:
        return None
    # The set may be sound in itself, though not the official one: then the rest can be looked at.
    try:
        return read_source(layout, root)
    except DataError:
        return None


def _check_celeba_files(root: Path, problems: list[str]) -> Index | None:
    """Faults of CelebA's single index files, and of each against the first; returns that one, if it can be read."""
    readers: dict[str, Callable[[Path], Index]] = {
        ATTRIBUTES: read_attributes,
        IDENTITIES: read_pairs,
        PARTITION: read_partition,
        LANDMARKS: read_landmarks,
    }
    found: list[Index] = []
    for name, reader in readers.items():
        if name not in REQUIRED and find_index(root, name) is None:
            continue
        try:
            found.append(reader(require_index(root, name)))
        except DataError as error:
            problems.append(str(error))
    for index in found[1:]:
        try:
            index.in_order_of(found[0])
        except DataError as error:
            problems.append(str(error))
    return found[0] if found else None


def _check_celeba_pictures(root: Path, reference: Index | None, problems: list[str], notes: list[str]) -> set[str]:
    """Compares the folder of pictures with an index file, by one listing; returns the paths that are missing."""
    try:
        images = find_images(root)
    except DataError as error:
        problems.append(str(error))
        return set()
    if reference is None:
        return set()
    present = {entry.name for entry in os.scandir(images)}
    missing = [name for name in reference.names if name not in present]
    if missing:
        problems.append(
            f"{images} has {len(reference.names) - len(missing):,} of the {len(reference.names):,} pictures that "
            f"{reference.path.name} lists: {len(missing):,} are missing, {missing[0]} the first; "
            f"unpack {IMAGES}.zip into {root} again"
        )
    extra = sorted(name for name in present.difference(reference.names) if name.lower().endswith(SUFFIXES))
    if extra:
        notes.append(f"{images} has {len(extra):,} pictures that {reference.path.name} does not list, {extra[0]} first")
    folder = images.relative_to(root).as_posix()
    return {f"{folder}/{name}" for name in missing}


def _decode_all(
    records: Records, absent: set[str], progress: Progress
) -> tuple[list[tuple[str, str]], dict[str, tuple[int, int]]]:
    """(path, reason) of unreadable pictures, and height and width of the others; without those that are absent."""
    unreadable: list[tuple[str, str]] = []
    sizes: dict[str, tuple[int, int]] = {}
    progress(STAGE, 0, len(records))
    for row, path in enumerate(records.table["path"].to_list(), 1):
        if path in absent:
            continue
        try:
            height, width = read_picture(records.root, path, records.store).shape[:2]
            sizes[path] = height, width
        except ImageError as error:
            unreadable.append((path, str(error)))
        progress(STAGE, row, len(records))
    return unreadable, sizes


def _counts(records: Records) -> dict[str, int]:
    counts = {"images": len(records), "identities": len(records.identities())}
    for split in ("train", "validation", "test"):
        part = records.select(split=split)
        if len(part):
            counts |= {f"{split} images": len(part), f"{split} identities": len(part.identities())}
    if set(records.table["split"].unique()) == {""} and records.identities():
        _, sizes = np.unique(records.table["identity"].to_numpy(), return_counts=True)
        counts |= {
            "fewest images of a person": int(sizes.min()),
            "most images of a person": int(sizes.max()),
            "people with a single image": int((sizes == 1).sum()),
        }
    return counts
