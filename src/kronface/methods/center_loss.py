"""Center Loss (Wen et al., ECCV 2016): soft-max, and every face drawn to the running centre of its person."""

from torch import Tensor

from kronface.files import Progress, no_progress
from kronface.losses.center import CenterLoss
from kronface.losses.identity import identity_loss
from kronface.methods.interface import Faces, Floats, Pixels, cosines
from kronface.methods.learning import Budget
from kronface.methods.network_method import embed, number, train
from kronface.network.network import Network
from kronface.network.variants import build

WEIGHT = 0.008
"""λ of the authors' release, whose loss is divided by the images; their paper has 0.003 of a sum."""


class CenterLossNetwork:
    """The row 'Center Loss (iresnet-18-quarter, compact)': another residual network stands for the authors' own.

    What is drawn to the centres, and compared, are 512 numbers, as theirs.

    Args:
        budget: how long it learns.
        variant: of the trunk.
        size: side of the pictures.
    """

    def __init__(self, *, budget: Budget, variant: str = "iresnet-18-quarter", size: int = 64) -> None:
        self._budget, self._variant, self._size = budget, variant, size
        self.name = f"Center Loss ({variant}, compact)"
        self._network: Network | None = None

    def fit(self, faces: Faces, *, progress: Progress = no_progress) -> None:
        """Learns to tell the people apart."""
        people = number(faces.people)[1]
        self._network = build(
            variant=self._variant,
            arm="identity-only",
            identities=people,
            size=self._size,
            seed=self._budget.seed,
        )
        assert self._network.identity_branch is not None
        centres = CenterLoss(people, self._network.identity_branch.output_size)

        def loss(hidden: Tensor, logits: Tensor | None, identities: Tensor) -> Tensor:
            assert logits is not None
            found: Tensor = identity_loss(logits, identities) + WEIGHT * centres(hidden, identities)
            return found

        train(self._network, faces, self._budget, title=self.name, identity=loss, progress=progress)

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) -> (N, 512) of length 1, of other lengths with other trunks."""
        assert self._network is not None
        return embed(self._network, images)

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """Cosines, as the authors compare."""
        return cosines(probes, gallery)
