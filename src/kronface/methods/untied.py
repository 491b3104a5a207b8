"""Convolution whose filters are not the same everywhere: each place, or each small square of places, has its own."""

import hashlib
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from kronface.errors import ConfigError
from kronface.network.variants import initialise


class UntiedConv2d(nn.Module):
    """A convolution of stride 1 over square maps, with a filter bank and biases for each square of `shared` places.

    With `shared` 1 it is a locally connected layer; with 2 or more its filters are shared within squares, as DeepID's
    and ANet's are; with the whole map's side it is `nn.Conv2d`.

    Args:
        in_channels: C of the maps that come in.
        out_channels: O of those that go out.
        kernel_size: k, side of the filters.
        size: S, side of the maps that come in.
        padding: zeros at each border; maps of S + 2 · padding - k + 1 places a side go out.
        shared: side of the squares of outgoing places that share their filters; divides the outgoing side.

    Raises:
        ConfigError: no place goes out, or squares do not fill the map.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, size: int, padding: int = 0, shared: int = 1
    ) -> None:
        super().__init__()
        self.side = size + 2 * padding - kernel_size + 1
        if self.side < 1 or shared < 1 or self.side % shared:
            raise ConfigError(f"squares of {shared} places do not fill maps of {self.side} a side")
        self.kernel_size, self.size, self.padding, self.shared = kernel_size, size, padding, shared
        squares = (self.side // shared) ** 2
        self.weight = nn.Parameter(torch.empty(squares, in_channels * kernel_size**2, out_channels))
        self.bias = nn.Parameter(torch.empty(squares, out_channels))
        self.reset_parameters()

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draws the filters from He's normal distribution for layers before a ReLU; biases are 0."""
        with torch.no_grad():
            self.weight.normal_(0, math.sqrt(2 / self.weight.shape[1]), generator=generator)
            self.bias.zero_()

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, O, S', S')."""
        batch, across = len(maps), self.side // self.shared
        windows = functional.unfold(maps, self.kernel_size, padding=self.padding)  # (B, C·k², S'²)
        windows = windows.unflatten(2, (across, self.shared, across, self.shared))  # (B, C·k², rows, t, columns, t)
        windows = windows.permute(2, 4, 0, 3, 5, 1).reshape(across**2, batch * self.shared**2, -1)  # (Q, B·t², C·k²)
        found = torch.baddbmm(self.bias[:, None], windows, self.weight)  # (Q, B·t², O)
        found = found.unflatten(1, (batch, self.shared, self.shared)).unflatten(0, (across, across))
        together: Tensor = found.permute(2, 5, 0, 3, 1, 4).reshape(batch, -1, self.side, self.side)  # (B, O, S', S')
        return together


def initialise_all(network: nn.Module, seed: int) -> None:
    """Draws all weights anew, as `kronface.network.variants.initialise` does, those of `UntiedConv2d` included."""
    initialise(network, seed)
    for name, module in network.named_modules():
        if isinstance(module, UntiedConv2d):
            digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
            module.reset_parameters(torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1))
