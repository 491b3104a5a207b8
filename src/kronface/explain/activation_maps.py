"""Class activation maps of the attribute branch: where in a picture an attribute's logit comes from (paper, Fig. 4).

The paper does not say how it made them. With global average pooling and one linear layer, a class activation map is
Σₖ wₖ·Aₖ (Zhou et al. 2016); the attribute branch has a hidden layer in between, and there are two ways on:

- `gradient_maps`: the weights are each position's gradients ∂f/∂Aₖ. With global average pooling they are the same
  everywhere, and for one linear layer wₖ: this is Grad-CAM before its ReLU (Selvaraju et al. 2017), up to the number of
  positions. With a layer over all positions in its place, as IResNets have, it is HiResCAM (Draelos & Carin 2020).
- `position_maps`: the branch is applied at each position of the last map as if that were the face vector, which needs
  global average pooling.

Maps have no sign of their own: above 0 (`gradient_maps`) or above others (`position_maps`) speaks for the attribute.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from kronface.errors import ConfigError
from kronface.network.attribute_branch import AttributeBranch
from kronface.network.network import Network


def gradient_maps(network: Network, images: Tensor, attributes: Sequence[str]) -> Tensor:
    """H·W · Σₖ ∂f/∂Aₖ · Aₖ, where A is the last convolutional map of H·W positions, f an attribute's logit.

    With global average pooling this is Σₖ ∂f/∂uₖ · Aₖ, where u is A's mean over positions.

    Args:
        network: with an attribute branch, in eval mode.
        images: (N, 3, H, W) preprocessed; H and W at least 16, whatever size the network was trained at; without
            global average pooling that size.
        attributes: T names of predicted ones.

    Returns:
        (N, T, H // 16, W // 16) float32, rounded up without pooling. Where the branch is linear around A, the mean
        over positions is what the attribute's logit changes by when A grows by itself.

    Raises:
        ConfigError: the network does not predict an attribute, or its trunk does not pool and takes another size.
    """
    branch = _branch(network, attributes)
    if not network.trunk.pools and images.shape[2:] != (network.size, network.size):
        raise ConfigError(f"the images are {images.shape[2]}x{images.shape[3]}: this trunk takes {network.size} alone")
    with torch.no_grad():
        feature_map = network.trunk.forward_map(images).float()
    with torch.enable_grad():
        feature_map.requires_grad_()
        logits = _scores(network, branch, branch(network.trunk.forward_pool(feature_map)), attributes)
        # Each row's logits depend on its own map alone, so that one sum serves all images.
        gradients = [
            torch.autograd.grad(logits[:, place].sum(), feature_map, retain_graph=True)[0]
            for place in range(len(attributes))
        ]
    feature_map = feature_map.detach()
    return torch.einsum("ntkhw,nkhw->nthw", torch.stack(gradients, 1), feature_map) * feature_map[0, 0].numel()


@torch.no_grad()
def position_maps(network: Network, images: Tensor, attributes: Sequence[str]) -> Tensor:
    """The logits of the attribute branch at each position of the last map, as if it were the face vector.

    Arguments, errors and the shape of what is returned as in `gradient_maps`.

    Raises:
        ConfigError: also where the trunk does not end in global average pooling.
    """
    branch = _branch(network, attributes)
    if not network.trunk.pools:
        raise ConfigError("this trunk does not end in global average pooling: no position of its map is a face vector")
    feature_map = network.trunk.forward_map(images).float()
    count, _, height, width = feature_map.shape
    at_each = feature_map.permute(0, 2, 3, 1).flatten(0, 2)  # (N·h·w, K)
    logits = _scores(network, branch, branch(at_each), attributes)  # (N·h·w, T)
    maps: Tensor = logits.unflatten(0, (count, height, width)).permute(0, 3, 1, 2)
    return maps


KINDS: Mapping[str, Callable[[Network, Tensor, Sequence[str]], Tensor]] = MappingProxyType(
    {"gradient": gradient_maps, "position": position_maps}
)
"""Both kinds by name."""


def kinds(network: Network) -> tuple[str, ...]:
    """Names in `KINDS` of maps that the network has."""
    return tuple(KINDS) if network.trunk.pools else ("gradient",)


def enlarge(maps: Tensor, height: int, width: int) -> Tensor:
    """Maps at the size of the picture: (N, T, h, w) -> (N, T, height, width), bilinear between positions' middles."""
    return functional.interpolate(maps, (height, width), mode="bilinear", align_corners=False)


def _branch(network: Network, attributes: Sequence[str]) -> AttributeBranch:
    if network.attribute_branch is None:
        raise ConfigError("this network predicts no attributes: choose one that does, such as the arm joint")
    for name in attributes:
        if name not in network.predicted:
            raise ConfigError(f"this network does not predict {name}: choose from {', '.join(network.predicted)}")
    return network.attribute_branch


def _scores(network: Network, branch: AttributeBranch, logits: Tensor, attributes: Sequence[str]) -> Tensor:
    """(N, T · logits per attribute) -> (N, chosen): each attribute's logit; of two, positive minus negative."""
    if branch.logits_per_attribute == 2:
        pairs = logits.unflatten(1, (-1, 2))
        logits = pairs[:, :, 1] - pairs[:, :, 0]
    return logits[:, [network.predicted.index(name) for name in attributes]]
