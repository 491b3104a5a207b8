"""What a network learns from another one's embeddings of the same pictures."""

import torch
from torch import Tensor
from torch.nn import functional

FLOOR = 0.2
"""Smaller variances are raised to this share of the mean one, so that noise is not magnified."""


def levelling(taught: Tensor, power: float) -> Tensor:
    """A teacher's embeddings (N, D) -> a symmetric matrix (D, D) that makes their axes more alike in length.

    Renderings differ most in a few of a teacher's directions; photographs need not, and what counts there would hardly
    count in a loss on renderings.

    Args:
        taught: embeddings of a sample.
        power: of each axis's variance, by which it is divided, 0 to 0.5: 0 changes nothing, 0.5 whitens.
    """
    spread, axes = torch.linalg.eigh(torch.cov(taught.double().T))
    spread = spread.clamp(min=FLOOR * spread.mean())
    matrix: Tensor = (axes * spread**-power) @ axes.T
    return matrix.float()


def teacher_loss(embeddings: Tensor, taught: Tensor, *, pairs: float = 5.0) -> Tensor:
    """1 - cosine to the teacher's embedding, and how far all cosines within the batch are from the teacher's.

    The first part is FitNets' hint (Romero et al., ICLR 2015) on directions, the second relational distillation (Park
    et al., CVPR 2019) on cosines.

    Args:
        embeddings: (N, D), of any length above 0.
        taught: (N, D) the teacher's; NaN in a row marks a picture that it was not shown, which is left out.
        pairs: weight of the mean squared difference between cosines.

    Returns:
        A scalar; 0 if the teacher says nothing.
    """
    known = ~taught.isnan().any(1)
    own, wanted = (functional.normalize(part[known], dim=1) for part in (embeddings, taught))
    count = max(len(own), 1)
    away = (1 - (own * wanted).sum(1)).sum() / count
    return away + pairs * (own @ own.T - wanted @ wanted.T).square().sum() / count**2
