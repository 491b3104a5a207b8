"""The fusion of face vector and attribute logits: the paper's Kronecker product, and the forms it is compared with."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn


def kronecker(face: Tensor, attributes: Tensor) -> Tensor:
    """The Kronecker product of each pair of rows, u-major (paper, eq. 1): out[i·m + j] = u_i · v_j.

    Shape:
        u (N, n), v (N, m) -> (N, n·m).
    """
    return (face[:, :, None] * attributes[:, None, :]).flatten(1)  # (N, n, m) -> (N, n·m)


class Fusion(nn.Module, ABC):
    """What every fusion offers: the fused vector, and its length before anything is computed."""

    @abstractmethod
    def output_size(self, face_size: int, attribute_size: int) -> int:
        """Length of the fused vector for u of `face_size` and v of `attribute_size` entries."""

    @abstractmethod
    def forward(self, face: Tensor, attributes: Tensor) -> Tensor:
        """u (N, n), v (N, m) -> (N, output_size(n, m))."""


class KroneckerFusion(Fusion):
    """u ⊗ v of the raw logits, as the paper has it (§3)."""

    def output_size(self, face_size: int, attribute_size: int) -> int:
        """n·m."""
        return face_size * attribute_size

    def forward(self, face: Tensor, attributes: Tensor) -> Tensor:
        """u (N, n), v (N, m) -> (N, n·m)."""
        return kronecker(face, attributes)


class KroneckerDetachedFusion(KroneckerFusion):
    """u ⊗ v through which the identity loss does not reach the attribute branch: eq. (3) without W₂,₁."""

    def forward(self, face: Tensor, attributes: Tensor) -> Tensor:
        """u (N, n), v (N, m) -> (N, n·m)."""
        return kronecker(face, attributes.detach())


class KroneckerTanhFusion(Fusion):
    """u ⊗ [1, tanh v]: u itself stays recoverable where logits are near zero, and large logits cannot drown it."""

    def output_size(self, face_size: int, attribute_size: int) -> int:
        """n·(1 + m)."""
        return face_size * (1 + attribute_size)

    def forward(self, face: Tensor, attributes: Tensor) -> Tensor:
        """u (N, n), v (N, m) -> (N, n·(1 + m))."""
        one = torch.ones_like(attributes[:, :1])
        return kronecker(face, torch.cat([one, attributes.tanh()], 1))


class ConcatenationFusion(Fusion):
    """[u, v]: the common way of joining modalities, which the paper argues against (§3)."""

    def output_size(self, face_size: int, attribute_size: int) -> int:
        """n + m."""
        return face_size + attribute_size

    def forward(self, face: Tensor, attributes: Tensor) -> Tensor:
        """u (N, n), v (N, m) -> (N, n + m)."""
        return torch.cat([face, attributes], 1)


class NoFusion(Fusion):
    """u alone: two heads on one trunk, the multi-task networks that the paper sets itself apart from (§1)."""

    def output_size(self, face_size: int, attribute_size: int) -> int:  # noqa: ARG002 - the interface's arguments
        """n."""
        return face_size

    def forward(self, face: Tensor, attributes: Tensor) -> Tensor:  # noqa: ARG002 - the interface's arguments
        """u (N, n) -> u."""
        return face


FUSIONS: Mapping[str, Callable[[], Fusion]] = MappingProxyType(
    {
        "kronecker": KroneckerFusion,
        "kronecker-detached": KroneckerDetachedFusion,
        "kronecker-tanh": KroneckerTanhFusion,
        "concatenation": ConcatenationFusion,
        "none": NoFusion,
    }
)
"""The fusions by the name that recipes use."""
