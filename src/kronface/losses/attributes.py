"""The attribute loss (the paper's L1, eq. 2, as binary cross-entropy: read literally, the equation is degenerate)."""

from torch import Tensor
from torch.nn import functional


def attribute_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean binary cross-entropy over all labels that are there.

    Taken as printed, eq. (2) scores the probability of the labelled class in both of its terms and never punishes a
    false positive; this is the cross-entropy that the text describes.

    Args:
        logits: v (N, T) for a sigmoid per attribute, or (N, 2·T) for a two-way soft-max, ordered (negative, positive).
        labels: (N, T) of 0 and 1; NaN marks a missing label, which adds neither loss nor gradient.

    Returns:
        A scalar; 0 if no label is there.
    """
    known = ~labels.isnan()
    targets = labels.nan_to_num(0)
    if logits.shape == labels.shape:
        losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    else:
        pairs = logits.unflatten(1, (-1, 2))  # (N, T, 2)
        losses = functional.cross_entropy(pairs.flatten(0, 1), targets.flatten().long(), reduction="none")
        losses = losses.view_as(labels)
    return (losses * known).sum() / known.sum().clamp(min=1)
