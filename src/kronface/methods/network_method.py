"""What the methods that train one of our networks have in common: from faces in memory to a trained network."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kronface.errors import DataError
from kronface.files import Progress, no_progress
from kronface.losses.attributes import attribute_loss, balanced_weights
from kronface.losses.identity import identity_loss
from kronface.losses.margin import MARGINS
from kronface.methods.interface import Faces, Floats, Pixels, check_pixels
from kronface.methods.learning import Budget, learn, shuffled, smaller, varied
from kronface.network.network import Network

IdentityLoss = Callable[[Tensor, Tensor | None, Tensor], Tensor]
"""Last hidden layer (N, D), identity logits (N, C) or None, class numbers (N,) -> a scalar."""


def plain(hidden: Tensor, logits: Tensor | None, identities: Tensor) -> Tensor:  # noqa: ARG001 - one form for all
    """Soft-max over the people, as in the paper."""
    assert logits is not None
    return identity_loss(logits, identities)


def margin_loss(network: Network) -> IdentityLoss:
    """The loss of the network's own margin."""
    assert network.identity_branch is not None
    made = MARGINS[network.identity_branch.margin]()

    def loss(hidden: Tensor, logits: Tensor | None, identities: Tensor) -> Tensor:  # noqa: ARG001
        assert network.centres is not None
        found: Tensor = made(hidden, network.centres, identities)
        return found

    return loss


def number(people: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """(N,) class numbers from 0, -1 where a person is unknown, and how many classes there are."""
    names = np.unique(people[people >= 0])
    classes = np.where(people >= 0, np.searchsorted(names, people), -1)
    return classes.astype(np.int64), len(names)


def train(
    network: Network,
    faces: Faces,
    budget: Budget,
    *,
    title: str,
    identity: IdentityLoss = plain,
    labels: Floats | None = None,
    batches: Iterator[NDArray[np.int64]] | None = None,
    progress: Progress = no_progress,
) -> None:
    """Trains a network's branches together on faces, mirrored and shifted; leaves it in eval mode.

    Attributes beside identities weigh as the paper's sum over them does (eq. 2).

    Args:
        network: of any arm.
        faces: whose `people` and labels it learns.
        budget: how long.
        title: of the progress.
        identity: the loss of its identity branch.
        labels: (N, T) in place of the faces' own, of the network's predicted attributes.
        batches: rows; all in a drawn order by default.
        progress: called after every step.

    Raises:
        DataError: a predicted attribute has no label at all.
    """
    images = smaller(faces.images, network.size)
    classes = torch.from_numpy(number(faces.people)[0])
    own = labels if labels is not None else chosen_labels(faces, network.predicted)
    if missing := untaught(own, network.predicted):
        raise DataError(f"{title}: the training faces have no label of {missing[0]}: leave this method out")
    wanted = torch.from_numpy(np.ascontiguousarray(own))
    weights = balanced_weights(wanted) if network.predicted else None
    rng = np.random.default_rng([budget.seed, 43])

    def step(rows: NDArray[np.int64]) -> Tensor:
        network.train()
        output = network(network.preprocess(torch.from_numpy(varied(images[rows], rng))))
        loss = torch.zeros(())
        if output.attribute_logits is not None:
            part = attribute_loss(output.attribute_logits, wanted[rows], weights)
            loss = loss + part * (len(network.predicted) if output.hidden is not None else 1)
        if output.hidden is not None:
            loss = loss + identity(output.hidden, output.identity_logits, classes[rows])
        return loss

    rows = shuffled(len(faces), budget.batch_size, budget.seed) if batches is None else batches
    learn(network.parameters(), step, rows, budget, title=title, progress=progress)
    network.eval()


def untaught(labels: Floats, names: Sequence[str]) -> list[str]:
    """Attributes of which (N, T) labels say nothing at all."""
    return [name for name, column in zip(names, labels.T, strict=True) if np.isnan(column).all()]


def chosen_labels(faces: Faces, names: Sequence[str]) -> Floats:
    """(N, T) labels of some attributes; NaN for one that the faces have no labels of."""
    columns = [
        faces.labels[:, faces.attributes.index(name)]
        if name in faces.attributes
        else np.full(len(faces), np.nan, np.float32)
        for name in names
    ]
    return np.stack(columns, 1).astype(np.float32) if columns else np.empty((len(faces), 0), np.float32)


def embed(network: Network, images: Pixels) -> Floats:
    """(N, S, S, 3) -> (N, D) of length 1."""
    return _predict(network, images, attributes=False)


def read_attributes(network: Network, images: Pixels) -> Floats:
    """(N, S, S, 3) -> (N, T) probabilities."""
    return _predict(network, images, attributes=True)


def _predict(network: Network, images: Pixels, *, attributes: bool) -> Floats:
    check_pixels(images)
    parts = []
    for start in range(0, len(images), 128):
        found = network.predict(torch.from_numpy(smaller(images[start : start + 128], network.size)))
        part = found.probabilities if attributes else found.embeddings
        assert part is not None
        parts.append(part.numpy())
    return np.concatenate(parts)
