"""ImageNet weights in torchvision's layout for the trunk, and the preprocessing that they were trained with."""

import re
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from kronface.errors import CheckpointError
from kronface.network.checkpoint import check_shapes
from kronface.network.network import Network
from kronface.network.trunk import Trunk

MEAN = (123.675, 116.28, 103.53)
"""ImageNet's mean RGB pixel, torchvision's 0.485, 0.456, 0.406 in units of [0, 255]."""

STD = (58.395, 57.12, 57.375)
"""Its deviation, torchvision's 0.229, 0.224, 0.225 in units of [0, 255]."""


WANTED = "torchvision's vgg19 or vgg19_bn state dict"


def load_imagenet(network: Network, path: Path) -> None:
    """Loads a torchvision-keyed `vgg19` or `vgg19_bn` state dict into the trunk, and sets its preprocessing.

    The mean and deviation stay in the preprocessing, so that the loaded trunk computes exactly what the file's
    network does up to its last convolution, the padded border included. A plain `vgg19` also fits a trunk with batch
    normalisation: its convolutions are taken over in order, the normalisation starts as the identity. The
    classifier's weights are left out.

    Args:
        network: of the variant `vgg19`; changed in place.
        path: `.safetensors`, or a `.pth` that holds tensors only (read with `weights_only`, nothing is unpickled).

    Raises:
        CheckpointError: the file is missing, unreadable, or not VGG-19's.
    """
    trunk = network.trunk
    if not isinstance(trunk, Trunk) or trunk.compact:
        raise CheckpointError(f"{path} is for a VGG-19, which this trunk is not: choose the variant vgg19")
    weights = {name: tensor for name, tensor in _read(path).items() if name.startswith("features.")}
    if not weights:
        raise CheckpointError(f"{path} holds no 'features.*' tensors: bring {WANTED}")
    has_norm = any(name.endswith("running_mean") for name in weights)
    if has_norm and not trunk.batch_norm:
        raise CheckpointError(f"{path} is a vgg19_bn: build the network with batch_norm, or bring a plain vgg19")
    if trunk.batch_norm and not has_norm:
        weights = _spread(weights, trunk.features, path)
    own = trunk.state_dict()
    counters = [name for name in own if name.endswith("num_batches_tracked") and name not in weights]
    weights |= {name: own[name] for name in counters}  # files of old torchvision versions lack them
    check_shapes(own, weights, path)
    trunk.load_state_dict(weights)
    network.mean.copy_(torch.tensor(MEAN))
    network.std.copy_(torch.tensor(STD))


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist: name {WANTED}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its remarks on how a file was pickled
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling a damaged file may raise anything
        # Without PyTorch's own message, which advises to run whatever the file holds.
        raise CheckpointError(f"{path} cannot be read as a file of tensors alone: bring {WANTED}") from error
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in loaded.items()
    ):
        raise CheckpointError(f"{path} is not a state dict of tensors: bring {WANTED}")
    return loaded


def _spread(weights: dict[str, Tensor], features: nn.Sequential, path: Path) -> dict[str, Tensor]:
    # A plain VGG's convolution k stands at another index than the same convolution between batch normalisations.
    own = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    ours = [f"features.{index}" for index, layer in enumerate(features) if isinstance(layer, nn.Conv2d)]
    odd = [name for name in weights if not re.fullmatch(r"features\.\d+\.(weight|bias)", name)]
    if odd:
        raise CheckpointError(f"{path} has {odd[0]}, which VGG-19 has not: it is another network's")
    theirs = sorted({name.rsplit(".", 1)[0] for name in weights}, key=lambda name: int(name.split(".")[1]))
    if len(ours) != len(theirs):
        raise CheckpointError(f"{path} has {len(theirs)} convolutions, VGG-19 has {len(ours)}: it is another network's")
    for target, source in zip(ours, theirs, strict=True):
        for part in ("weight", "bias"):
            if f"{source}.{part}" not in weights:
                raise CheckpointError(f"{path} has no {source}.{part}: it is not VGG-19's")
            own[f"{target}.{part}"] = weights[f"{source}.{part}"]
    return own
