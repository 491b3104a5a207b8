"""What the field uses now: an IResNet with a margin on the identities, attributes and their fusion optional."""

from collections.abc import Sequence

from kronface.files import Progress, no_progress
from kronface.methods.interface import Faces, Floats, Pixels, cosines
from kronface.methods.learning import Budget
from kronface.methods.network_method import embed, margin_loss, number, train
from kronface.network.network import Network
from kronface.network.variants import VARIANTS, build

NAMES = {"arcface": "ArcFace", "cosface": "CosFace", "adaface": "AdaFace"}


class MarginNetwork:
    """ArcFace, CosFace or AdaFace (`losses.margin`), with their authors' scales and margins.

    Args:
        margin: 'arcface', 'cosface' or 'adaface'.
        budget: how long it learns.
        variant: of the network; a reduced one, or pictures smaller than 112, say 'compact' in the row.
        size: side of the pictures.
        predicted: attributes that are learned beside the identities; none leaves their branch out.
        fused: those of them that enter the fusion.
        fusion: 'none', or a name in `network.fusion.FUSIONS`.
    """

    def __init__(
        self,
        margin: str,
        *,
        budget: Budget,
        variant: str = "iresnet-18-quarter",
        size: int = 64,
        predicted: Sequence[str] = (),
        fused: Sequence[str] = (),
        fusion: str = "none",
    ) -> None:
        reduced = ", compact" if size < 112 or VARIANTS[variant].compact or VARIANTS[variant].width < 64 else ""
        with_attributes = f" + {fusion} fusion" if fusion != "none" else " + attributes" if predicted else ""
        self.name = f"{NAMES[margin]}{with_attributes} ({variant}{reduced})"
        self._margin, self._budget, self._variant, self._size = margin, budget, variant, size
        self._predicted, self._fused, self._fusion = tuple(predicted), tuple(fused), fusion
        self._network: Network | None = None

    def fit(self, faces: Faces, *, progress: Progress = no_progress) -> None:
        """Learns to tell the people apart, and reads their attributes if it is to."""
        self._network = build(
            variant=self._variant,
            arm="joint" if self._predicted else "identity-only",
            predicted=self._predicted,
            fused=self._fused,
            fusion=self._fusion,
            identities=number(faces.people)[1],
            margin=self._margin,
            size=self._size,
            seed=self._budget.seed,
        )
        loss = margin_loss(self._network)
        train(self._network, faces, self._budget, title=self.name, identity=loss, progress=progress)

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) -> (N, D) of length 1."""
        assert self._network is not None
        return embed(self._network, images)

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """Cosines."""
        return cosines(probes, gallery)
