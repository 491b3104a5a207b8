"""Enrolled people in memory: nothing is written anywhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import CheckpointError, DataError


@dataclass(frozen=True)
class Candidate:
    """A person who may be the one searched for."""

    name: str
    score: float
    """Cosine with the person's template, in [-1, 1]."""


class MemoryGallery:
    """People by name, each with one template: the mean of the embeddings of their pictures, of length 1.

    Args:
        fingerprint: of the network whose embeddings are enrolled; others are refused.
    """

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self._sums: dict[str, NDArray[np.float64]] = {}
        self._images: dict[str, int] = {}

    def enrol(self, name: str, embeddings: ArrayLike, *, fingerprint: str) -> None:
        """Adds pictures (K, D) of one person, new or known.

        Raises:
            CheckpointError: they come from another network.
            DataError: there are none.
        """
        self._check(fingerprint)
        vectors = np.atleast_2d(np.asarray(embeddings, np.float64))
        if vectors.size == 0:
            raise DataError(f"{name} has no face to enrol")
        units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        self._sums[name] = self._sums.get(name, np.zeros(vectors.shape[1])) + units.sum(0)
        self._images[name] = self._images.get(name, 0) + len(units)

    def identify(self, embedding: ArrayLike, *, fingerprint: str, top: int = 5) -> list[Candidate]:
        """The people most like an embedding (D,), best first; equal scores by name.

        Raises:
            CheckpointError: it comes from another network.
        """
        self._check(fingerprint)
        vector = np.asarray(embedding, np.float64)
        vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
        scored = [
            Candidate(name, float(total @ vector) / max(float(np.linalg.norm(total)), 1e-12))
            for name, total in self._sums.items()
        ]
        return sorted(scored, key=lambda candidate: (-candidate.score, candidate.name))[:top]

    def names(self) -> list[str]:
        """Everybody who is enrolled, sorted."""
        return sorted(self._sums)

    def images(self, name: str) -> int:
        """How many pictures of a person are enrolled; 0 for strangers."""
        return self._images.get(name, 0)

    def forget(self, name: str) -> None:
        """Deletes a person.

        Raises:
            DataError: nobody of that name is enrolled.
        """
        if name not in self._sums:
            raise DataError(f"{name} is not enrolled")
        del self._sums[name], self._images[name]

    def __len__(self) -> int:
        """Number of enrolled people."""
        return len(self._sums)

    def _check(self, fingerprint: str) -> None:
        if fingerprint != self.fingerprint:
            raise CheckpointError(
                f"embeddings of network {fingerprint[:16]} cannot be compared with those of {self.fingerprint[:16]}: "
                "enrol everybody anew"
            )
