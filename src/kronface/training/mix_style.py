"""Feature maps in each other's styles, so that a network leans less on how pictures of its own kind look."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CONCENTRATION = 0.1
"""Of the Beta distribution from which the share of the own style is drawn; mostly near 0 or 1."""


def mix_styles(maps: Tensor, partners: Tensor, shares: Tensor) -> Tensor:
    """MixStyle (Zhou, Yang, Qiao and Xiang, ICLR 2021): every map takes on a style between its own and its partner's.

    The style is the mean and the deviation of each channel over its positions; no gradient passes through it.

    Args:
        maps: (N, K, h, w).
        partners: (N,) row of each one's partner.
        shares: (N,) of the own style.

    Returns:
        (N, K, h, w).
    """
    mean = maps.mean((2, 3), keepdim=True).detach()
    deviation = (maps.var((2, 3), keepdim=True, unbiased=False) + 1e-6).sqrt().detach()
    own = shares.to(maps.dtype)[:, None, None, None]
    other = 1 - own
    mixed = deviation * own + deviation[partners] * other
    return (maps - mean) / deviation * mixed + mean * own + mean[partners] * other


@contextmanager
def mixed_styles(layers: Sequence[nn.Module], probability: float, rng: np.random.Generator) -> Iterator[None]:
    """While it lasts, each layer's outputs are mixed in so many of its batches in training.

    Args:
        layers: whose outputs are maps (N, K, h, w).
        probability: of a batch, for each layer by itself.
        rng: what is drawn from.
    """

    def hook(module: nn.Module, _: object, maps: Tensor) -> Tensor | None:
        if not module.training or rng.random() >= probability:
            return None
        partners = torch.from_numpy(rng.permutation(len(maps))).to(maps.device)
        shares: NDArray[np.float64] = rng.beta(CONCENTRATION, CONCENTRATION, len(maps))
        return mix_styles(maps, partners, torch.from_numpy(shares).to(maps.device))

    handles = [layer.register_forward_hook(hook) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
