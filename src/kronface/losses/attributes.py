"""The attribute loss (the paper's L1, eq. 2, as binary cross-entropy: read literally, the equation is degenerate)."""

import torch
from torch import Tensor
from torch.nn import functional

MOST_WEIGHT = 10.0
"""No label counts more than this many times: what is rarer than 5 % would otherwise drown the rest."""


def balanced_weights(labels: Tensor) -> Tensor:
    """How much negative and positive labels of each attribute count, so that both count alike in all.

    A label counts 1 / (2 · the share of its kind), at most `MOST_WEIGHT`.

    Args:
        labels: (N, T) of 0 and 1; NaN marks a missing label.

    Returns:
        (T, 2): negatives, positives.
    """
    known = (~labels.isnan()).sum(0)
    positives = labels.nan_to_num(0).sum(0)
    shares = torch.stack([known - positives, positives], 1) / known.clamp(min=1)[:, None]
    weights = (0.5 / shares.clamp(min=0.5 / MOST_WEIGHT)).clamp(max=MOST_WEIGHT)
    return torch.where((known > 0)[:, None], weights, torch.ones_like(weights))


def attribute_loss(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean binary cross-entropy over all labels that are there.

    Taken as printed, eq. (2) scores the probability of the labelled class in both of its terms and never punishes a
    false positive; this is the cross-entropy that the text describes.

    Args:
        logits: v (N, T) for a sigmoid per attribute, or (N, 2·T) for a two-way soft-max, ordered (negative, positive).
        labels: (N, T) of 0 and 1; NaN marks a missing label, which adds neither loss nor gradient.
        weights: (T, 2) how much negative and positive labels count, as `balanced_weights` gives them; 1 by default.

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
    if weights is not None:
        losses = losses * torch.where(targets > 0.5, weights[:, 1], weights[:, 0])
    return (losses * known).sum() / known.sum().clamp(min=1)
