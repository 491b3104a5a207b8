"""Networks of others from their published PyTorch weights: InsightFace's IResNets, and AdaFace's.

Both take pixels of [0, 255] less 127.5, divided by 127.5, InsightFace's in the order red, green, blue; AdaFace's take
blue first, which is made good in the first convolution's weights.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from kronface.errors import CheckpointError
from kronface.network.checkpoint import check_shapes
from kronface.network.network import Network
from kronface.network.variants import VARIANTS, build

SUFFIXES = (".pth", ".pt", ".ckpt")
SIZE = 112


def load_published(path: Path, family: str) -> Network:
    """The network of a published file, as an identity-only network without a class layer, in eval mode.

    Args:
        path: a PyTorch file of tensors alone; it is read with `weights_only`, nothing is unpickled.
        family: 'insightface' or 'adaface'.

    Raises:
        CheckpointError: the file cannot be read, holds other things than tensors, or another network's.
    """
    found = FAMILIES[family](_tensors(path), path)
    variants = [
        name
        for name, shape in VARIANTS.items()
        if shape.blocks and not shape.compact and shape.pooled == (family == "adaface")
    ]
    for variant in variants:
        network = build(variant=variant, arm="identity-only", size=SIZE)
        own = network.trunk.state_dict()
        if (
            set(own) - set(found) <= _counters(own)
            and not set(found) - set(own)
            and found["conv1.weight"].shape == own["conv1.weight"].shape
        ):
            weights = {name: found.get(name, tensor) for name, tensor in own.items()}
            check_shapes(own, weights, path)
            network.trunk.load_state_dict(weights)
            return network.eval()
    raise CheckpointError(f"{path} holds no network of {family} that is known here: choose from {', '.join(variants)}")


def _counters(own: Mapping[str, Tensor]) -> set[str]:
    """Numbers of batches, which old files lack."""
    return {name for name in own if name.endswith("num_batches_tracked")}


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing: name the file that was downloaded") from error
    except Exception as error:  # unpickling a damaged or a hostile file may raise anything
        raise CheckpointError(
            f"{path} cannot be read as tensors alone: save its state_dict by itself, and name that file"
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds no state dict: bring a published backbone")
    found = {
        name: tensor
        for name, tensor in content.items()
        if isinstance(name, str) and isinstance(tensor, Tensor) and tensor.layout == torch.strided
    }
    if not found or not all(torch.isfinite(tensor).all() for tensor in found.values() if tensor.is_floating_point()):
        raise CheckpointError(f"{path} holds no tensors, or numbers that are none: copy it again")
    return found


def _from_insightface(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Its names are ours."""
    found = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return _checked(found, path)


def _from_adaface(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Its blocks are numbered through, its layers within them too; the class layer of a training file is left out."""
    found: dict[str, Tensor] = {}
    named = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if not name.startswith("head.")}
    bodies = sorted({int(match[1]) for name in named if (match := re.match(r"body\.(\d+)\.", name))})
    stages = _stages(len(bodies))
    for name, tensor in named.items():
        match = re.match(r"body\.(\d+)\.(res_layer|shortcut_layer)\.(\d+)\.(.+)$", name)
        if match is not None and int(match[1]) < len(stages):
            stage, block = stages[int(match[1])]
            place = int(match[3])
            layer = RESIDUAL.get(place, "") if match[2] == "res_layer" else f"downsample.{place}"
            found[f"layer{stage}.{block}.{layer}.{match[4]}"] = tensor
            continue
        head, _, rest = name.rpartition(".")
        found[f"{ENDS.get(head, f'other.{head}')}.{rest}"] = tensor
    found = _checked(found, path)
    found["conv1.weight"] = found["conv1.weight"].flip(1)  # red first
    return found


def _checked(found: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    if "conv1.weight" not in found or found["conv1.weight"].ndim != 4:
        raise CheckpointError(f"{path} has no first convolution by the name that is published: is it this family's?")
    return found


def _stages(blocks: int) -> list[tuple[int, int]]:
    """Stage, from 1, and block of each block that is numbered through; none where no network has so many."""
    for shape in VARIANTS.values():
        if shape.blocks and sum(shape.blocks) == blocks:
            return [(stage, place) for stage, count in enumerate(shape.blocks, 1) for place in range(count)]
    return []


RESIDUAL: Mapping[int, str] = MappingProxyType({0: "bn1", 1: "conv1", 2: "bn2", 3: "prelu", 4: "conv2", 5: "bn3"})
ENDS: Mapping[str, str] = MappingProxyType(
    {
        "input_layer.0": "conv1",
        "input_layer.1": "bn1",
        "input_layer.2": "prelu",
        "output_layer.0": "bn2",
        "output_layer.3": "fc",
        "output_layer.4": "features",
    }
)

FAMILIES: Mapping[str, Callable[[dict[str, Tensor], Path], dict[str, Tensor]]] = MappingProxyType(
    {"insightface": _from_insightface, "adaface": _from_adaface}
)
"""By family, tensors under our names."""
