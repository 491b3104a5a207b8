"""The MegaFace devkit's template lists: which pictures are compared, as JSON."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path
from typing import TextIO

import numpy as np

from kronface.synth.export.writing import open_files

FOLDER = "templatelists"
PROBES = "facescrub_features_list.json"
DISTRACTORS = "megaface_features_list.json"

SETS = (1, 2, 3)
"""Independent samples of each size."""


class Sample:
    """Draws `size` of `total` things that come one by one, every such choice as likely as any other.

    Each is taken with the probability (still wanted) / (still to come): selection sampling (Knuth, The Art of Computer
    Programming 2, §3.4.2, algorithm S), which remembers nothing.
    """

    def __init__(self, size: int, total: int, rng: np.random.Generator) -> None:
        self._wanted = size
        self._coming = total
        self._rng = rng

    def takes_next(self) -> bool:
        """Whether the next thing is among the chosen ones."""
        taken = float(self._rng.random()) * self._coming < self._wanted
        self._coming -= 1
        self._wanted -= taken
        return taken


class PathList:
    """A JSON object `{"path": [...]}` that is written path by path."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lists = 0
        self._items = 0

    def begin(self, key: str) -> None:
        """Begins a list."""
        self._file.write(f'], "{key}": [' if self._lists else f'{{"{key}": [')
        self._lists += 1
        self._items = 0

    def add(self, value: str) -> None:
        """Writes an item, which holds nothing that JSON would want quoted."""
        self._file.write(f', "{value}"' if self._items else f'"{value}"')
        self._items += 1

    def end(self) -> None:
        """Closes list and object."""
        self._file.write("]}")


def sizes(total: int) -> list[int]:
    """10, 100, … up to the number of pictures that there are."""
    powers: Iterator[int] = (10**exponent for exponent in range(1, 19))
    return list(takewhile(lambda size: size <= total, powers))


def write_distractor_lists(out: Path, paths: Iterable[str], *, total: int, seed: int) -> None:
    """Writes `megaface_features_list.json_SIZE_SET`: as in the devkit, no list is a part of another.

    Args:
        out: the set's folder.
        paths: of all distractors, relative to their folder.
        total: their number.
        seed: of the choices.
    """
    choices = [(size, number) for size in sizes(total) for number in SETS]
    with ExitStack() as stack:
        files = open_files(stack, out / FOLDER, [f"{DISTRACTORS}_{size}_{number}" for size, number in choices])
        lists = [PathList(file) for file in files]
        samples = [Sample(size, total, np.random.default_rng([seed, size, number, 1002])) for size, number in choices]
        for entry in lists:
            entry.begin("path")
        for path in paths:
            for entry, sample in zip(lists, samples, strict=True):
                if sample.takes_next():
                    entry.add(path)
        for entry in lists:
            entry.end()


def write_probe_list(out: Path, paths: Iterable[str], people: Iterable[str]) -> None:
    """Writes `facescrub_features_list.json`: paths and names of the probes, in the same order."""
    with ExitStack() as stack:
        (file,) = open_files(stack, out / FOLDER, [PROBES])
        entry = PathList(file)
        for key, values in (("path", paths), ("id", people)):
            entry.begin(key)
            for value in values:
                entry.add(value)
        entry.end()
