"""Named sizes of the network, its arms, and the builder that makes a network from plain arguments."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn

from kronface.errors import ConfigError
from kronface.network.attribute_branch import AttributeBranch
from kronface.network.fusion import FUSIONS
from kronface.network.identity_branch import IdentityBranch
from kronface.network.iresnet import IResNet
from kronface.network.network import SYMMETRIC, Network
from kronface.network.trunk import Trunk


@dataclass(frozen=True)
class Variant:
    """A size of the network: channels of the first convolution, and units of both branches' hidden layers."""

    width: int
    hidden_size: int
    compact: bool = False
    """Whether the trunk begins with a convolution of stride 2, in place of VGG-19's first block or an IResNet's first
    convolution at full size."""
    blocks: tuple[int, ...] = ()
    """Of an IResNet's four stages; none for the paper's trunk."""
    pooled: bool = False
    """Whether its shortcuts and its last normalisation are AdaFace's rather than InsightFace's."""


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "vgg19": Variant(64, 4096),
        "vgg19-half": Variant(32, 2048),
        "vgg19-quarter": Variant(16, 1024),
        "compact": Variant(16, 1024, compact=True),
        "residual-half": Variant(32, 512, compact=True, blocks=(2, 2, 2, 2)),
        "residual-quarter": Variant(16, 512, compact=True, blocks=(2, 2, 2, 2)),
        "iresnet-18": Variant(64, 512, blocks=(2, 2, 2, 2)),
        "iresnet-18-quarter": Variant(16, 512, blocks=(2, 2, 2, 2)),
        "iresnet-50": Variant(64, 512, blocks=(3, 4, 14, 3)),
        "iresnet-100": Variant(64, 512, blocks=(3, 13, 30, 3)),
        "ir-18": Variant(64, 512, blocks=(2, 2, 2, 2), pooled=True),
        "ir-50": Variant(64, 512, blocks=(3, 4, 14, 3), pooled=True),
        "ir-101": Variant(64, 512, blocks=(3, 13, 30, 3), pooled=True),
    }
)
"""The sizes by name; `vgg19` is the paper's, `compact` trains half as fast again as `vgg19-quarter`. The `residual`
ones are residual networks with the paper's hidden layer, for training on a processor. The `iresnet` ones are
InsightFace's, the `ir` ones AdaFace's: in them the face vector itself, of 512 numbers, is the embedding, unless
attributes are fused into it."""

MARGINS: tuple[str, ...] = ("none", "cosface", "arcface", "adaface")
"""How the class layer is trained: plain soft-max, or by a margin (`losses.margin`)."""

LARGEST_SIZE = 1024
"""Pixels; a face is warped at up to sixteen times that, and OpenCV's warp ends at 32,767."""

ARMS: tuple[str, ...] = ("identity-only", "attributes-only", "joint")
"""Training conditions: the first two together are the paper's "separately", the third is its "jointly"."""


def build(
    *,
    variant: str = "vgg19",
    arm: str = "joint",
    predicted: Sequence[str] = (),
    fused: Sequence[str] = (),
    identities: int = 0,
    fusion: str = "kronecker",
    batch_norm: bool = True,
    logits_per_attribute: int = 1,
    embedding_size: int | None = None,
    margin: str = "none",
    size: int = 112,
    mean: Sequence[float] = SYMMETRIC,
    std: Sequence[float] = SYMMETRIC,
    seed: int = 0,
) -> Network:
    """Builds a network with seeded weights.

    Every layer draws its weights from a generator of its own, seeded by `seed` and the layer's name, so that all arms
    of a seed start from the same weights wherever shapes agree.

    Args:
        variant: a name in `VARIANTS`.
        arm: a name in `ARMS`.
        predicted: names of the predicted attributes; `identity-only` ignores them.
        fused: names of the fused attributes, all of them predicted; only `joint` uses them.
        identities: number of training identities C; `attributes-only` ignores it. 0 leaves the class layer out: such a
            network embeds, but has no identity logits.
        fusion: a name in `FUSIONS`; only `joint` uses it.
        batch_norm: batch normalisation after every convolution and hidden layer (paper, §5).
        logits_per_attribute: 1 (sigmoid) or 2 (the paper's two-way soft-max).
        embedding_size: None, or the units of a further hidden layer before the classes.
        margin: the loss of the identities: none (soft-max), or a name in `losses.margin.MARGINS`.
        size: side of the aligned face in pixels, 16 to 1024.
        mean: per channel, in pixels of [0, 255].
        std: per channel, in pixels of [0, 255].
        seed: of the initial weights.

    Raises:
        ConfigError: an unknown name or an impossible number.
    """
    if variant not in VARIANTS:
        raise ConfigError(f"unknown variant '{variant}': choose one of {', '.join(VARIANTS)}")
    if arm not in ARMS:
        raise ConfigError(f"unknown arm '{arm}': choose one of {', '.join(ARMS)}")
    if fusion not in FUSIONS:
        raise ConfigError(f"unknown fusion '{fusion}': choose one of {', '.join(FUSIONS)}")
    if logits_per_attribute not in (1, 2):
        raise ConfigError(f"logits_per_attribute is {logits_per_attribute}: choose 1 or 2")
    if size < 16:
        raise ConfigError(f"size is {size}: the trunk halves it four times, which needs at least 16 pixels")
    if size > LARGEST_SIZE:
        raise ConfigError(f"size is {size}: faces are aligned at up to {LARGEST_SIZE} pixels")
    if embedding_size is not None and embedding_size < 1:
        raise ConfigError(f"embedding_size is {embedding_size}: it must be at least 1, or left out")
    if seed < 0:
        raise ConfigError(f"seed is {seed}: it must be at least 0")
    if margin not in MARGINS:
        raise ConfigError(f"unknown margin '{margin}': choose one of {', '.join(MARGINS)}")
    duplicates = [name for name in predicted if list(predicted).count(name) > 1]
    if duplicates:
        raise ConfigError(f"attribute {duplicates[0]} is predicted twice: name each attribute once")
    attributes = arm != "identity-only"
    identify = arm != "attributes-only"
    if attributes and not predicted:
        raise ConfigError(f"the arm {arm} predicts attributes: name at least one in predicted")
    if identify and identities < 0:
        raise ConfigError(f"identities is {identities}: it must be at least 0, which leaves the class layer out")
    fuses = arm == "joint" and fusion != "none"
    if fuses and not fused:
        raise ConfigError(f"the fusion {fusion} needs at least one fused attribute, or choose the fusion none")

    shape = VARIANTS[variant]
    predicted = tuple(predicted) if attributes else ()
    fused = tuple(fused) if fuses else ()
    trunk = _trunk(shape, batch_norm=batch_norm, size=size)
    attribute_branch = identity_branch = fusion_part = None
    fused_size = trunk.output_size
    if attributes:
        attribute_branch = AttributeBranch(
            face_size=trunk.output_size,
            hidden_size=shape.hidden_size,
            attributes=len(predicted),
            logits_per_attribute=logits_per_attribute,
            batch_norm=batch_norm,
        )
    if fuses:
        built = FUSIONS[fusion]()
        fused_size = built.output_size(trunk.output_size, len(fused) * logits_per_attribute)
        fusion_part = built
    if identify:
        identity_branch = IdentityBranch(
            input_size=fused_size,
            hidden_size=0 if shape.blocks and not shape.compact and not fuses else shape.hidden_size,
            identities=identities,
            embedding_size=embedding_size,
            batch_norm=batch_norm,
            margin=margin,
        )
    network = Network(
        trunk=trunk,
        attribute_branch=attribute_branch,
        fusion=fusion_part,
        identity_branch=identity_branch,
        predicted=predicted,
        fused=fused,
        size=size,
        mean=mean,
        std=std,
        architecture={
            "variant": variant,
            "arm": arm,
            "identities": identities if identify else 0,
            "fusion": fusion if fuses else "none",
            "batch_norm": batch_norm,
            "logits_per_attribute": logits_per_attribute,
            "embedding_size": embedding_size if identify else None,
            "margin": margin if identify else "none",
        },
    )
    initialise(network, seed)
    return network


def _trunk(shape: Variant, *, batch_norm: bool, size: int) -> Trunk | IResNet:
    if not shape.blocks:
        return Trunk(width=shape.width, batch_norm=batch_norm, compact=shape.compact)
    if not batch_norm:
        raise ConfigError("batch_norm is false: an IResNet has batch normalisation, choose another variant")
    return IResNet(
        shape.blocks,
        width=shape.width,
        size=size,
        pooled=shape.pooled,
        scaled=not shape.pooled,
        dropout=0.4 if shape.pooled else 0.0,
        compact=shape.compact,
    )


def initialise(network: nn.Module, seed: int) -> None:
    """Draws all weights anew: He's normal for layers before a ReLU, a deviation of 0.01 for logits, zero biases.

    Each layer's generator is seeded by `seed` and the layer's name alone, never by what was drawn before it.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.PReLU):
            module.reset_parameters()
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
        deviation = 0.01 if name.endswith("logits") else math.sqrt(2 / module.weight[0].numel())
        with torch.no_grad():
            module.weight.normal_(0, deviation, generator=generator)
            if module.bias is not None:
                module.bias.zero_()
