"""The paper's own network, trained for each task alone and for both together."""

from collections.abc import Sequence

from kronface.files import Progress, no_progress
from kronface.methods.interface import Faces, Floats, Pixels, cosines
from kronface.methods.learning import Budget
from kronface.methods.network_method import embed, number, read_attributes, train
from kronface.network.network import Network
from kronface.network.variants import build


class Paper:
    """The rows 'PM-Separately' and 'PM-Jointly' of Table 2, 'Ours-S' and 'Ours-J' of Table 1.

    Separately, identities are learned from the face vector, and attributes by a network of their own; jointly, one
    network learns both, and its attribute logits enter the identity branch by the Kronecker product.

    Args:
        name: of the row; a variant other than 'vgg19' adds 'compact'.
        budget: how long it learns.
        arm: 'identity-only', 'attributes-only' or 'joint'.
        predicted: attributes.
        fused: those of them that enter the fusion.
        variant: size of the network.
        size: side of the pictures.
    """

    def __init__(
        self,
        name: str,
        *,
        budget: Budget,
        arm: str,
        predicted: Sequence[str] = (),
        fused: Sequence[str] = (),
        variant: str = "vgg19-quarter",
        size: int = 64,
    ) -> None:
        self.name = name if variant == "vgg19" else f"{name} (compact)"
        self._budget, self._arm, self._predicted, self._fused = budget, arm, tuple(predicted), tuple(fused)
        self._variant, self._size = variant, size
        self._network: Network | None = None

    def fit(self, train_faces: Faces, validation: Faces | None = None, *, progress: Progress = no_progress) -> None:  # noqa: ARG002 - as other attribute methods
        """Learns people, attributes or both, as the arm says."""
        self._network = build(
            variant=self._variant,
            arm=self._arm,
            predicted=self._predicted,
            fused=self._fused,
            identities=0 if self._arm == "attributes-only" else number(train_faces.people)[1],
            size=self._size,
            seed=self._budget.seed,
        )
        train(self._network, train_faces, self._budget, title=self.name, progress=progress)

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) -> (N, D) of length 1."""
        return embed(self._fitted(), images)

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """Cosines."""
        return cosines(probes, gallery)

    def predict(self, faces: Faces) -> Floats:
        """(N, T) probabilities."""
        return read_attributes(self._fitted(), faces.images)

    def _fitted(self) -> Network:
        if self._network is None:
            raise RuntimeError("fit it first")
        return self._network
