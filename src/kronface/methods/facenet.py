"""FaceNet (Schroff et al., CVPR 2015): embeddings learned from triplets, without classes."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from kronface.errors import DataError
from kronface.files import Progress, no_progress
from kronface.losses.triplet import triplet_loss
from kronface.methods.interface import Faces, Floats, Pixels, nearness
from kronface.methods.learning import Budget
from kronface.methods.network_method import embed, number, train
from kronface.network.network import Network
from kronface.network.variants import build

IMAGES = 4
"""Of each person in a batch; the paper has about forty, in batches of 1,800."""


class FaceNet:
    """The row 'FaceNet (compact)': semi-hard triplets on the common trunk in place of the paper's Inception.

    Args:
        budget: how long it learns.
        variant: of the trunk.
        size: side of the pictures.
        features: length of the embedding; the paper's is 128.
    """

    name = "FaceNet (compact)"

    def __init__(self, *, budget: Budget, variant: str = "vgg19-quarter", size: int = 64, features: int = 128) -> None:
        self._budget, self._variant, self._size, self._features = budget, variant, size, features
        self._network: Network | None = None

    def fit(self, faces: Faces, *, progress: Progress = no_progress) -> None:
        """Learns from people with two images or more.

        Raises:
            DataError: there are fewer than two such people.
        """
        classes, _ = number(faces.people)
        self._network = build(
            variant=self._variant,
            arm="identity-only",
            embedding_size=self._features,
            size=self._size,
            seed=self._budget.seed,
        )

        def loss(hidden: Tensor, logits: Tensor | None, identities: Tensor) -> Tensor:  # noqa: ARG001
            return triplet_loss(hidden, identities)

        batches = people_batches(classes, self._budget.batch_size, IMAGES, self._budget.seed)
        train(self._network, faces, self._budget, title=self.name, identity=loss, batches=batches, progress=progress)

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) -> (N, features) of length 1."""
        assert self._network is not None
        return embed(self._network, images)

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """Minus squared distances, which order as cosines do: the embeddings have length 1."""
        return nearness(probes, gallery)


def people_batches(classes: NDArray[np.int64], batch_size: int, images: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Endless batches of `images` images each of as many people as fit; who has fewer is shown with all of them.

    Args:
        classes: (N,) person of each image; -1 for an unknown one, which is never shown.
        batch_size: at most so many images.
        images: of each person.
        seed: of the draws.

    Raises:
        DataError: fewer than two people have two images.
    """
    rows = [np.flatnonzero(classes == person) for person in np.unique(classes[classes >= 0])]
    rows = [own for own in rows if len(own) > 1]
    if len(rows) < 2:
        raise DataError(f"{len(rows)} people have two images or more: triplets need at least two such people")
    return _people_batches(rows, max(batch_size // images, 2), images, np.random.default_rng([seed, 47]))


def _people_batches(
    rows: list[NDArray[np.int64]], people: int, images: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    while True:
        order = rng.permutation(len(rows))
        for start in range(0, max(len(rows) - people + 1, 1), people):
            chosen = order[start : start + people]
            yield np.concatenate([rng.permutation(rows[person])[:images] for person in chosen])
