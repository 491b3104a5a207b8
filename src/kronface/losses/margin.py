"""Soft-max over cosines with a margin at the own identity: CosFace, ArcFace and AdaFace."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

LARGEST_COSINE = 1 - 1e-6
"""Angles are taken of cosines up to here: beyond, an angle's gradient has no end."""


def cosine_margin_loss(
    embeddings: Tensor, centres: Tensor, identities: Tensor, *, scale: float = 64.0, margin: float = 0.4
) -> Tensor:
    """CosFace: mean cross-entropy of scale · (cos θ - margin at the own centre) (Wang et al., CVPR 2018, eq. 4).

    Args:
        embeddings: (N, D), of any length above 0.
        centres: (C, D), one per identity, of any length above 0.
        identities: (N,) class numbers; -1 marks an unknown identity, which adds neither loss nor gradient.
        scale: s.
        margin: m, in cosines; 0 is the plain normalised soft-max.

    Returns:
        A scalar; 0 if no identity is known.
    """
    cosines = class_cosines(embeddings, centres)
    return _cross_entropy(cosines, _own(cosines, identities) - margin, identities, scale)


def angular_margin_loss(
    embeddings: Tensor, centres: Tensor, identities: Tensor, *, scale: float = 64.0, margin_rad: float = 0.5
) -> Tensor:
    """ArcFace: mean cross-entropy of scale · cos(θ + margin at the own centre) (Deng et al., CVPR 2019, eq. 3).

    The gradient is the formula's own, the angle's part included. Where θ + margin passes π, beyond which the cosine
    would rise again, cos θ - margin · sin margin stands in, as in the authors' code.

    Args:
        embeddings: (N, D), of any length above 0.
        centres: (C, D).
        identities: (N,) class numbers; -1 marks an unknown identity.
        scale: s.
        margin_rad: m, an angle.

    Returns:
        A scalar; 0 if no identity is known.
    """
    cosines = class_cosines(embeddings, centres)
    own = _own(cosines, identities)
    within = own.clamp(-LARGEST_COSINE, LARGEST_COSINE)
    turned = within * math.cos(margin_rad) - (1 - within * within).sqrt() * math.sin(margin_rad)
    beyond = own - margin_rad * math.sin(margin_rad)
    return _cross_entropy(cosines, torch.where(own > -math.cos(margin_rad), turned, beyond), identities, scale)


class CosineMargin(nn.Module):
    """`cosine_margin_loss` with CosFace's values."""

    def forward(self, embeddings: Tensor, centres: Tensor, identities: Tensor) -> Tensor:
        """(N, D), (C, D), (N,) -> a scalar."""
        return cosine_margin_loss(embeddings, centres, identities)


class AngularMargin(nn.Module):
    """`angular_margin_loss` with ArcFace's values."""

    def forward(self, embeddings: Tensor, centres: Tensor, identities: Tensor) -> Tensor:
        """(N, D), (C, D), (N,) -> a scalar."""
        return angular_margin_loss(embeddings, centres, identities)


class AdaptiveMargin(nn.Module):
    """AdaFace: a margin by the picture's quality, for which the embedding's length stands (Kim et al., CVPR 2022).

    With ẑ = clip(h · (length - mean) / deviation, -1, 1), where mean and deviation run over batches, the own cosine
    becomes cos(θ - m ẑ) - (m ẑ + m) (§3.2): a long embedding, of a good picture, gets an additive margin, a short one
    an angular one. No gradient flows through ẑ. The angle is kept between 0.001 and π - 0.001, as in the authors' code.

    Args:
        scale: s.
        margin: m.
        concentration: h.
        momentum: share of a batch in the running mean and deviation of the lengths.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, *, scale: float = 64.0, margin: float = 0.4, concentration: float = 0.333, momentum: float = 0.01
    ) -> None:
        super().__init__()
        self.scale, self.margin, self.concentration, self.momentum = scale, margin, concentration, momentum
        self.register_buffer("mean", torch.tensor(20.0))
        self.register_buffer("deviation", torch.tensor(100.0))

    def forward(self, embeddings: Tensor, centres: Tensor, identities: Tensor) -> Tensor:
        """(N, D), (C, D), (N,) -> a scalar; the lengths' statistics move on in training mode alone."""
        cosines = class_cosines(embeddings, centres)
        quality = self._quality(embeddings.detach().norm(dim=1))
        angle = _own(cosines, identities).clamp(-LARGEST_COSINE, LARGEST_COSINE).acos()
        turned = (angle - self.margin * quality).clamp(1e-3, math.pi - 1e-3).cos()
        return _cross_entropy(cosines, turned - self.margin * quality - self.margin, identities, self.scale)

    def _quality(self, lengths: Tensor) -> Tensor:
        """(N,) ẑ in [-1, 1]."""
        lengths = lengths.clamp(0.001, 100)
        if self.training and len(lengths) > 1:
            self.mean.lerp_(lengths.mean().to(self.mean.dtype), self.momentum)
            self.deviation.lerp_(lengths.std().to(self.mean.dtype), self.momentum)
        return (self.concentration * (lengths - self.mean) / (self.deviation + 1e-3)).clamp(-1, 1)


MARGINS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {"cosface": CosineMargin, "arcface": AngularMargin, "adaface": AdaptiveMargin}
)
"""Losses (embeddings, centres, identities) -> scalar by name, each with its authors' values."""


def class_cosines(embeddings: Tensor, centres: Tensor) -> Tensor:
    """(N, D), (C, D) -> (N, C) cosines."""
    return functional.normalize(embeddings, dim=1) @ functional.normalize(centres, dim=1).T


def _own(cosines: Tensor, identities: Tensor) -> Tensor:
    """(N,) the cosine at the own centre; of an unknown identity that of the first, which counts nowhere."""
    return cosines.gather(1, identities.clamp(min=0)[:, None])[:, 0]


def _cross_entropy(cosines: Tensor, own: Tensor, identities: Tensor, scale: float) -> Tensor:
    shifted = cosines.scatter(1, identities.clamp(min=0)[:, None], own[:, None])
    losses = functional.cross_entropy(scale * shifted, identities, ignore_index=-1, reduction="sum")
    return losses / (identities >= 0).sum().clamp(min=1)
