"""What every store of enrolled people does, wherever it keeps them."""

from dataclasses import dataclass
from typing import Protocol

from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Candidate:
    """A person who may be the one searched for."""

    name: str
    score: float
    """Cosine with the person's template, in [-1, 1]."""


class Gallery(Protocol):
    """People by name, each with one template: the mean of the embeddings of their pictures, of length 1.

    A gallery belongs to one network: embeddings of another fingerprint or of another length are refused.
    """

    @property
    def fingerprint(self) -> str:
        """Of the network whose embeddings are enrolled."""
        ...

    def enrol(self, name: str, embeddings: ArrayLike, *, fingerprint: str) -> None:
        """Adds pictures (K, D) of one person, new or known; (D,) is one picture.

        Raises:
            CheckpointError: they come from another network.
            DataError: there are none, or one of them is of no face.
        """
        ...

    def identify(self, embedding: ArrayLike, *, fingerprint: str, top: int = 5) -> list[Candidate]:
        """The at most `top` people most like an embedding (D,), best first; equal scores by name.

        Raises:
            CheckpointError: it comes from another network.
            DataError: it is of no face.
        """
        ...

    def names(self) -> list[str]:
        """Everybody who is enrolled, sorted."""
        ...

    def images(self, name: str) -> int:
        """How many pictures of a person are enrolled; 0 for strangers."""
        ...

    def forget(self, name: str) -> None:
        """Deletes a person: nothing of the embeddings remains.

        Raises:
            DataError: nobody of that name is enrolled.
        """
        ...

    def __len__(self) -> int:
        """Number of enrolled people."""
        ...
