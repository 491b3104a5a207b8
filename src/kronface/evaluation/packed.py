"""Many small numbers in one string of a results file, with blanks between them: a line each would fill the file."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError


def pack(values: ArrayLike) -> str:
    """`[3, 0, 12]` as `3 0 12`; floats as the shortest text that gives the same number again."""
    return " ".join(repr(value) for value in np.asarray(values).tolist())


def unpack_counts(text: str) -> NDArray[np.int64]:
    """(N,) the whole numbers, from 0, that `pack` wrote.

    Raises:
        DataError: the text holds anything else; ends a sentence that begins with its place.
    """
    words = text.split()
    if not all(word.isascii() and word.isdecimal() and len(word) < 16 for word in words):
        raise DataError("holds something other than whole numbers")
    return np.array([int(word) for word in words], np.int64)


def unpack_scores(text: str) -> NDArray[np.float64]:
    """(N,) the numbers that `pack` wrote: finite ones, and `nan` for what is missing.

    Raises:
        DataError: the text holds anything else; ends a sentence that begins with its place.
    """
    try:
        values = np.array([float(word) for word in text.split()], np.float64)
    except ValueError as error:
        raise DataError("holds something other than numbers") from error
    if np.isinf(values).any():
        raise DataError("holds an infinite number")
    return values
