"""The arms of the ablation: which network each trains, and on which labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from kronface.evaluation.label_audit import voted_labels
from kronface.evaluation.templates import number_people


@dataclass(frozen=True)
class Arm:
    """One training condition."""

    about: str
    network: str = "joint"
    """In `network.variants.ARMS`."""
    fusion: str = "kronecker"
    """In `network.fusion.FUSIONS`."""
    labels: str = "own"
    """Which attribute labels are trained on: own, voted, shuffled-images or shuffled-people."""
    noise: bool = True
    """Whether annotators gave the labels; otherwise they are the true ones, which photographs do not have."""
    oracle: bool = False
    """Whether the true labels enter the fusion in place of the predicted ones, also when it is measured."""

    @property
    def truth(self) -> str:
        """Which labels its attributes are measured on."""
        return "annotated" if self.noise else "true"

    @property
    def shuffled(self) -> bool:
        """Whether the labels say nothing of the pictures."""
        return self.labels.startswith("shuffled")


ARMS: Mapping[str, Arm] = MappingProxyType(
    {
        "identity-only": Arm("identities alone, from the face vector: the paper's PM-Separately", "identity-only"),
        "attributes-only": Arm("attributes alone: the paper's Ours-S", "attributes-only"),
        "no-fusion": Arm("both tasks on one trunk, nothing fused: a common multi-task network", fusion="none"),
        "concat": Arm("the attributes' logits are appended to the face vector", fusion="concatenation"),
        "joint": Arm("the paper's network: u ⊗ v, both tasks at once"),
        "joint-tanh1": Arm("u ⊗ [1, tanh v]: logits near zero do not erase u", fusion="kronecker-tanh"),
        "joint-detach": Arm(
            "as joint, but the identity loss does not reach the attribute branch", fusion="kronecker-detached"
        ),
        "oracle": Arm("the true labels as ±1 in place of v, also in the test: a bound, not a method", oracle=True),
        "shuffled-images": Arm(
            "as joint, the labels permuted over the training images: the same parameters, no knowledge",
            labels="shuffled-images",
        ),
        "shuffled-people": Arm(
            "as joint, each person has another person's labels: the same parameters, no true knowledge",
            labels="shuffled-people",
        ),
        "voted": Arm("as joint, each person has the labels that most of the person's images have", labels="voted"),
        "identity-only-clean": Arm("identity-only beside true labels", "identity-only", noise=False),
        "joint-clean": Arm("joint on the true labels", noise=False),
        "voted-clean": Arm("voted on the true labels", labels="voted", noise=False),
    }
)
"""Every arm by its name, in the order of the table."""

QUICK = ("identity-only", "attributes-only", "no-fusion", "joint", "shuffled-people")


def reference_of(name: str) -> str | None:
    """The joint arm that an arm is compared with: of the same labels, and joint for joint on true labels."""
    if name == "joint":
        return None
    return "joint" if ARMS[name].noise or name == "joint-clean" else "joint-clean"


def arrange(kind: str, labels: NDArray[np.floating], identities: NDArray[np.str_], seed: int) -> NDArray[np.floating]:
    """(n, T) the labels that an arm trains on.

    Args:
        kind: own, voted, shuffled-images (whole rows change places) or shuffled-people (a person's k-th image has the
            labels of another person's k-th, counted round where that person has fewer; nobody keeps the own ones).
        labels: (n, T) of 1, 0 and NaN.
        identities: (n,) person of each image.
        seed: of what is shuffled.
    """
    if kind == "own":
        return labels
    if kind == "voted":
        return voted_labels(labels, identities)
    rng = np.random.default_rng([seed, 21])
    if kind == "shuffled-images":
        return np.asarray(labels[rng.permutation(len(labels))])
    names, person = number_people(identities, len(labels))
    rows = [np.flatnonzero(person == number) for number in range(len(names))]
    ring = rng.permutation(len(names))  # everybody takes from the next one in it
    shuffled = np.empty_like(labels)
    for place, number in enumerate(ring):
        giver = rows[ring[(place + 1) % len(ring)]]
        shuffled[rows[number]] = labels[giver[np.arange(len(rows[number])) % len(giver)]]
    return shuffled
