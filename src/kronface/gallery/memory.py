"""Enrolled people in memory: nothing is written anywhere."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import CheckpointError, DataError
from kronface.gallery.interface import Candidate


class MemoryGallery:
    """A `Gallery` that lasts as long as the process.

    Args:
        fingerprint: of the network whose embeddings are enrolled; others are refused.
    """

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self._sums: dict[str, NDArray[np.float64]] = {}
        self._images: dict[str, int] = {}
        self._templates: NDArray[np.float64] | None = None
        """(people, D) in the order of `names`, until somebody comes or goes."""

    @property
    def fingerprint(self) -> str:
        """Of the network whose embeddings are enrolled."""
        return self._fingerprint

    def enrol(self, name: str, embeddings: ArrayLike, *, fingerprint: str) -> None:
        """Adds pictures (K, D) of one person, new or known; (D,) is one picture.

        Raises:
            CheckpointError: they come from another network.
            DataError: there are none, or one of them is of no face.
        """
        units = self._units(np.atleast_2d(np.asarray(embeddings, np.float64)), fingerprint, f"{name}: a picture")
        if len(units) == 0:
            raise DataError(f"{name} has no face to enrol: bring a picture that shows one")
        self._sums[name] = self._sums.get(name, np.zeros(units.shape[1])) + units.sum(0)
        self._images[name] = self._images.get(name, 0) + len(units)
        self._templates = None

    def identify(self, embedding: ArrayLike, *, fingerprint: str, top: int = 5) -> list[Candidate]:
        """The at most `top` people most like an embedding (D,), best first; equal scores by name.

        Raises:
            CheckpointError: it comes from another network.
            DataError: it is of no face.
        """
        (probe,) = self._units(np.asarray(embedding, np.float64).reshape(1, -1), fingerprint, "the picture")
        names = self.names()
        if not names:
            return []
        if self._templates is None:
            sums = np.stack([self._sums[name] for name in names])
            self._templates = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        scores = self._templates @ probe
        best = np.argsort(-scores, kind="stable")[:top]  # names are sorted, so that equal scores come by name
        return [Candidate(names[index], float(scores[index])) for index in best]

    def names(self) -> list[str]:
        """Everybody who is enrolled, sorted."""
        return sorted(self._sums)

    def images(self, name: str) -> int:
        """How many pictures of a person are enrolled; 0 for strangers."""
        return self._images.get(name, 0)

    def forget(self, name: str) -> None:
        """Deletes a person: nothing of the embeddings remains.

        Raises:
            DataError: nobody of that name is enrolled.
        """
        if name not in self._sums:
            raise DataError(f"{name} is not enrolled: enrolled are {len(self)} people under other names")
        del self._sums[name], self._images[name]
        self._templates = None

    def __len__(self) -> int:
        """Number of enrolled people."""
        return len(self._sums)

    def _units(self, vectors: NDArray[np.float64], fingerprint: str, what: str) -> NDArray[np.float64]:
        """Rows of length 1, of this gallery's network and of faces."""
        if fingerprint != self._fingerprint:
            raise CheckpointError(
                f"embeddings of network {fingerprint[:16]} cannot be compared with those of {self._fingerprint[:16]}: "
                "enrol everybody anew"
            )
        length = len(next(iter(self._sums.values()))) if self._sums else vectors.shape[-1]
        if vectors.size and vectors.shape[1] != length:
            raise CheckpointError(
                f"an embedding of {vectors.shape[1]} numbers cannot be compared with those of {length} that are "
                "enrolled: enrol everybody anew"
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise DataError(f"{what} has no usable embedding: no face was found on it")
        return np.asarray(vectors / lengths, np.float64)
