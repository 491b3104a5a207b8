"""Soft-max over cosines with a margin: CosFace's identity loss."""

from torch import Tensor
from torch.nn import functional


def cosine_margin_loss(
    embeddings: Tensor, centres: Tensor, identities: Tensor, *, scale: float = 30.0, margin: float = 0.35
) -> Tensor:
    """Mean cross-entropy of scale · (cos θ - margin where it is the own centre) (Wang et al., CVPR 2018, eq. 4).

    Args:
        embeddings: (N, D), of any length above 0.
        centres: (C, D), one per identity, of any length above 0.
        identities: (N,) class numbers; -1 marks an unknown identity, which adds neither loss nor gradient.
        scale: s.
        margin: m, in cosines; 0 is the plain normalised soft-max.

    Returns:
        A scalar; 0 if no identity is known.
    """
    cosines = functional.normalize(embeddings, dim=1) @ functional.normalize(centres, dim=1).T
    known = identities >= 0
    rows = known.nonzero()[:, 0]
    shifted = cosines.index_put((rows, identities[rows]), cosines.new_tensor(-margin), accumulate=True)
    losses = functional.cross_entropy(scale * shifted, identities, ignore_index=-1, reduction="sum")
    return losses / known.sum().clamp(min=1)
