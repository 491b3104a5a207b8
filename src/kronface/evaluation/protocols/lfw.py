"""Labeled Faces in the Wild: lists of pairs, view 2 (ten folds) and view 1 (for development).

Format (http://vis-www.cs.umass.edu/lfw/README.txt): view 2 begins with `FOLDS<tab>N`, view 1 with `N`; then, for each
fold, N lines `Name<tab>n1<tab>n2` of one person's two images, and N lines `Name1<tab>n1<tab>Name2<tab>n2` of two
people. Image n of a person lies in `Name/Name_%04d.jpg`. The official lists are known by their MD5.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kronface.errors import DataError

OFFICIAL = {
    "9f1ba174e4e1c508ff7cdf10ac338a7d": "view 2 (pairs.txt)",
    "01ee6aa0f3dbf1edca874bf6a9dea667": "view 2 (pairs.txt)",  # a common copy without the last line's end
    "4f27cbf15b2da4a85c1907eb4181ad21": "view 1 (pairsDevTrain.txt)",
    "5132f7440eb68cf58910c8a45a2ac10b": "view 1 (pairsDevTest.txt)",
}
"""The official lists by the MD5 of their bytes."""


@dataclass(frozen=True)
class Pairs:
    """A list of pairs; first and second are the two sides of each."""

    first: NDArray[np.str_]
    """(N,) image, as `Name/Name_0001.jpg`."""
    second: NDArray[np.str_]
    first_person: NDArray[np.str_]
    """(N,) name."""
    second_person: NDArray[np.str_]
    same: NDArray[np.bool_]
    """(N,)"""
    folds: NDArray[np.int64]
    """(N,) from 0."""
    md5: str
    official: str | None
    """Which of the official lists it is."""

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.same)

    def images(self) -> NDArray[np.str_]:
        """The images that are needed, sorted."""
        return np.unique(np.concatenate([self.first, self.second]))


def read_pairs(path: Path) -> Pairs:
    """Reads a list of pairs; spaces do for tabs, and the last line needs no end.

    Raises:
        DataError: the file is missing, or a line is not as announced; names the line.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8: bring LFW's pairs.txt") from error
    lines = text.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    folds, each = _announced(lines, path)
    if len(lines) - 1 != 2 * folds * each:
        raise DataError(
            f"{path} line 1 announces {folds} x {2 * each} pairs, and {len(lines) - 1} follow: copy the file again"
        )
    rows = []
    for number, line in enumerate(lines[1:]):
        rows.append(_parse(line, genuine=number % (2 * each) < each, where=f"{path} line {number + 2}"))
    first_person, first, second_person, second = (np.array(column) for column in zip(*rows, strict=True))
    order = np.arange(len(rows))
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Pairs(
        first,
        second,
        first_person,
        second_person,
        order % (2 * each) < each,
        order // (2 * each),
        md5,
        OFFICIAL.get(md5),
    )


def _announced(lines: list[str], path: Path) -> tuple[int, int]:
    """Folds, and pairs of either kind in each."""
    words = lines[0].split() if lines else []
    numbers = [int(word) for word in words if _is_number(word)]
    if len(numbers) != len(words) or len(numbers) not in (1, 2) or min(numbers) < 1:
        raise DataError(f"{path} line 1 should announce '10 300' (folds and pairs of either kind), or one number")
    return (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def _parse(line: str, *, genuine: bool, where: str) -> tuple[str, str, str, str]:
    words = line.split()
    if genuine:
        if len(words) != 3 or not all(_is_number(word) for word in words[1:]):
            raise DataError(f"{where} should be 'Name n1 n2', a pair of one person: it is '{line.strip()[:80]}'")
        one, other, numbers = words[0], words[0], (int(words[1]), int(words[2]))
        if numbers[0] == numbers[1]:
            raise DataError(f"{where} pairs an image with itself: '{line.strip()[:80]}'")
    else:
        if len(words) != 4 or not all(_is_number(word) for word in words[1::2]):
            raise DataError(f"{where} should be 'Name1 n1 Name2 n2', a pair of two people: it is '{line.strip()[:80]}'")
        one, other, numbers = words[0], words[2], (int(words[1]), int(words[3]))
        if one == other:
            raise DataError(f"{where} should be of two people: it names {one[:80]} twice")
    return one, _image(one, numbers[0]), other, _image(other, numbers[1])


def _image(person: str, number: int) -> str:
    return f"{person}/{person}_{number:04d}.jpg"


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 9
