"""The highest of billions of scores, kept as they come by."""

import numpy as np
from numpy.typing import NDArray


class Strongest:
    """The highest scores so far, and where they stand.

    Args:
        wanted: how many are kept at least; from time to time the others are dropped.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._scores = np.empty(2 * wanted, np.float32)
        self._rows, self._columns = np.empty(2 * wanted, np.int32), np.empty(2 * wanted, np.int64)
        self._kept = 0
        self.least = float(np.finfo(np.float32).min)
        """Lower scores need not be brought."""

    @property
    def scores(self) -> NDArray[np.float32]:
        """In no order."""
        return self._scores[: self._kept]

    @property
    def rows(self) -> NDArray[np.int32]:
        """Of the probes."""
        return self._rows[: self._kept]

    @property
    def columns(self) -> NDArray[np.int64]:
        """Of the gallery set."""
        return self._columns[: self._kept]

    def add(self, scores: NDArray[np.float32], rows: NDArray[np.integer], columns: NDArray[np.integer]) -> None:
        """Takes scores up; the least may be dropped."""
        if len(scores) > self._wanted:
            best = _largest(scores, self._wanted)
            scores, rows, columns = scores[best], rows[best], columns[best]
        if self._kept + len(scores) > len(self._scores):
            self.drop()
        part = slice(self._kept, self._kept + len(scores))
        self._scores[part], self._rows[part], self._columns[part] = scores, rows, columns
        self._kept = part.stop

    def drop(self) -> None:
        """Keeps what is wanted only."""
        if self._kept > self._wanted:
            best = _largest(self.scores, self._wanted)
            part = slice(0, self._wanted)
            self._scores[part], self._rows[part], self._columns[part] = (
                self._scores[best],
                self._rows[best],
                self._columns[best],
            )
            self._kept = self._wanted
            self.least = float(self.scores.min())


def _largest(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Where the `count` largest are."""
    return np.argpartition(scores, len(scores) - count)[len(scores) - count :]
