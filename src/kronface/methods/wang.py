"""Wang et al. (ICMR 2017): attributes that are predicted, voted for each person, and then learned beside people."""

from collections.abc import Sequence

import numpy as np

from kronface.evaluation.label_audit import voted_labels
from kronface.files import Progress, no_progress
from kronface.methods.interface import Faces, Floats, Pixels, cosines
from kronface.methods.learning import Budget
from kronface.methods.network_method import embed, number, read_attributes, train
from kronface.network.network import Network
from kronface.network.variants import build

SHARE = 0.3
"""Of the passes, for the attributes."""


class Wang:
    """The row 'Wang et al. (compact)', by what its abstract and readers' notes say of it.

    A network learns attributes on half of the people (theirs on a part of CelebA), and reads those of all of them
    (theirs of CASIA-WebFace's); each person gets what most of his or her images show. Then one network learns people
    and those labels together, with nothing fused. Its trunk, the weights of its losses and its list of attributes are
    not known: here the common trunk, the sum of both, and the attributes that are given.

    Args:
        budget: how long it learns in all.
        predicted: attributes.
        variant: of the trunk.
        size: side of the pictures.
    """

    name = "Wang et al. (compact)"

    def __init__(
        self, *, budget: Budget, predicted: Sequence[str], variant: str = "vgg19-quarter", size: int = 64
    ) -> None:
        self._budget, self._predicted, self._variant, self._size = budget, tuple(predicted), variant, size
        self._network: Network | None = None

    def fit(self, faces: Faces, *, progress: Progress = no_progress) -> None:
        """Learns attributes, then people and attributes."""
        known = faces.take(faces.people >= 0)
        classes, people = number(known.people)
        first = build(
            variant=self._variant,
            arm="attributes-only",
            predicted=self._predicted,
            size=self._size,
            seed=self._budget.seed,
        )
        labelled = known.take(classes % 2 == 0)
        train(first, labelled, self._budget.share(SHARE), title=f"{self.name}, attributes", progress=progress)
        read = (read_attributes(first, known.images) >= 0.5).astype(np.float32)
        voted = voted_labels(read, known.people.astype(np.str_))
        self._network = build(
            variant=self._variant,
            predicted=self._predicted,
            identities=people,
            fusion="none",
            size=self._size,
            seed=self._budget.seed,
        )
        rest = self._budget.share(1 - SHARE)
        train(
            self._network, known, rest, title=f"{self.name}, people", labels=voted.astype(np.float32), progress=progress
        )

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) -> (N, D) of length 1."""
        assert self._network is not None
        return embed(self._network, images)

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """Cosines."""
        return cosines(probes, gallery)
