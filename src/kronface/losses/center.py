"""Center loss: how far embeddings lie from the running centre of their identity."""

import torch
from torch import Tensor, nn


class CenterLoss(nn.Module):
    """`½ Σ |x - c|²` over the batch, divided by its images (Wen et al., ECCV 2016, eq. 2), and the centres' own update.

    The centres are no parameters: in training each is drawn towards its images by c ← c - rate · Σ (c - x) / (1 + n),
    where n counts its images in the batch (eq. 4). The paper multiplies the loss by λ = 0.003; its released recipe,
    which divides by the images as is done here, by 0.008.

    Args:
        identities: C.
        size: D.
        rate: of eq. 4, between 0 and 1.
    """

    centres: Tensor

    def __init__(self, identities: int, size: int, *, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("centres", torch.zeros(identities, size))

    def forward(self, embeddings: Tensor, identities: Tensor) -> Tensor:
        """(N, D), (N,) class numbers, -1 for an unknown one -> a scalar; in training mode the centres move after it."""
        known = identities >= 0
        rows, own = embeddings[known], identities[known]
        away = rows - self.centres[own]
        loss = away.square().sum() / 2 / max(len(rows), 1)
        if self.training:
            self._move(-away.detach(), own)
        return loss

    @torch.no_grad()
    def _move(self, differences: Tensor, identities: Tensor) -> None:
        """Of (N, D) centre minus image."""
        sums = torch.zeros_like(self.centres).index_add_(0, identities, differences.to(self.centres.dtype))
        counts = torch.bincount(identities, minlength=len(self.centres))
        self.centres.sub_(self.rate * sums / (1 + counts)[:, None])
