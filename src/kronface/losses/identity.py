"""The identity loss (the paper's L2, eq. 3)."""

from torch import Tensor
from torch.nn import functional


def identity_loss(logits: Tensor, identities: Tensor) -> Tensor:
    """Mean soft-max cross-entropy over the images whose identity is known.

    Args:
        logits: (N, C).
        identities: (N,) class numbers; -1 marks an unknown identity, which adds neither loss nor gradient.

    Returns:
        A scalar; 0 if no identity is known.
    """
    losses = functional.cross_entropy(logits, identities, ignore_index=-1, reduction="sum")
    return losses / (identities >= 0).sum().clamp(min=1)
