"""The parts of a network by name, and what a network takes over from one that was trained before, bit for bit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from kronface.errors import CheckpointError, ConfigError
from kronface.network.checkpoint import check_shapes, fingerprint, load
from kronface.network.network import Network

PARTS = ("trunk", "attribute_branch", "fusion", "identity_branch")

CLASS_LAYER = "logits."
"""Of the identity branch: its rows are people of one training set, so it never goes on to another one."""


@dataclass(frozen=True)
class TakenOver:
    """What a network starts from."""

    fingerprint: str
    """Of the checkpoint."""
    taken: tuple[str, ...]
    """Parts whose tensors, batch normalisation's statistics included, are the checkpoint's."""
    new: tuple[str, ...]
    """Parts that are drawn anew."""

    def describe(self) -> str:
        """The same in words."""
        return f"taken over: {_words(self.taken)}; new: {_words(self.new)}"


def parts_of(network: Network) -> Mapping[str, nn.Module]:
    """Those parts that the network has, by name, in the order of `PARTS`."""
    found = {
        "trunk": network.trunk,
        "attribute_branch": network.attribute_branch,
        "fusion": network.fusion,
        "identity_branch": network.identity_branch,
    }
    return {name: part for name, part in found.items() if part is not None}


def check_parts(names: Sequence[str], option: str) -> None:
    """Whether these are names of parts.

    Raises:
        ConfigError: one is not; calls the list `option`.
    """
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise ConfigError(f"--{option} names {unknown[0]}: choose from {', '.join(PARTS)}")


def take_over(network: Network, folder: Path, names: Sequence[str]) -> TakenOver:
    """Copies parts of a checkpoint into the network, which is changed in place, or not at all.

    The trunk brings the mean and deviation of its preprocessing along; one that pools works at any size. The fusion has
    no weights: taking it over means that it is the same one, over the same fused attributes. Of the identity branch
    everything is taken but the class layer.

    Args:
        network: built already.
        folder: of the checkpoint.
        names: of `PARTS`, the trunk among them.

    Raises:
        ConfigError: an unknown part, one that the network does not have, or none on the checkpoint's trunk.
        CheckpointError: the folder is no checkpoint, lacks a part, or its part is of another shape or meaning.
    """
    check_parts(names, "take")
    own = parts_of(network)
    absent = [name for name in names if name not in own]
    if absent:
        arm = (network.architecture or {}).get("arm", "this one")
        raise ConfigError(f"--take names {absent[0]}, which the arm {arm} does not have: leave it out")
    if "trunk" not in names:
        raise ConfigError("--take leaves the trunk out, and the other parts only work on their own: add trunk")
    source = load(folder)
    theirs = parts_of(source)
    for name in names:
        if name not in theirs:
            raise CheckpointError(f"{folder} has no {name}: it is of the arm {(source.architecture or {}).get('arm')}")
    _check_meaning(network, source, names, folder)
    if not network.trunk.pools and network.size != source.size:
        raise CheckpointError(
            f"{folder} is of size {source.size}, and such a trunk works at no other: choose that size"
        )
    weights = {name: _weights(theirs[name], name) for name in names}
    for name in names:
        check_shapes(_weights(own[name], name), weights[name], folder)
    for name in names:
        own[name].load_state_dict(
            {key.removeprefix(f"{name}."): tensor for key, tensor in weights[name].items()}, strict=False
        )
    with torch.no_grad():
        network.mean.copy_(source.mean)
        network.std.copy_(source.std)
    new = [name for name in own if name not in names]
    if "identity_branch" in names:
        new.append("class layer")
    return TakenOver(fingerprint(source), tuple(name for name in own if name in names), tuple(new))


def grow_fusion(network: Network, folder: Path) -> TakenOver:
    """Copies a checkpoint without a fusion into a network with one, which then answers as the checkpoint does.

    The fused vector of `kronecker-tanh` holds the face vector itself: what weighs it is the checkpoint's, and the
    weights of all products of face and attributes begin at zero. So a fusion is learned on top of a network that knows
    faces already, and cannot spoil it at the start.

    Args:
        network: built already, of the fusion kronecker-tanh; it is changed in place.
        folder: of the checkpoint, of the fusion none, and the same in all else.

    Raises:
        ConfigError: the network's fusion does not hold the face vector.
        CheckpointError: the folder is no checkpoint, has a fusion, or differs in another part.
    """
    kind = (network.architecture or {}).get("fusion")
    if kind != "kronecker-tanh":
        raise ConfigError(f"--fusion {kind} cannot grow on {folder}, which has none: choose kronecker-tanh")
    source = load(folder)
    if source.fusion is not None or source.identity_branch is None or network.identity_branch is None:
        raise CheckpointError(f"{folder} is no network of the fusion none with an identity branch")
    weights = _weights(source.identity_branch, "identity_branch")
    key, count = "identity_branch.hidden.weight", 1 + len(network.fused)
    if key not in weights:
        raise CheckpointError(
            f"{folder} has no hidden layer between face vector and embedding, which a fusion grows on"
        )
    narrow = weights[key]
    wide = narrow.new_zeros((*narrow.shape, count))
    wide[:, :, 0] = narrow
    weights[key] = wide.flatten(1)
    check_shapes(_weights(network.identity_branch, "identity_branch"), weights, folder)
    taken = take_over(network, folder, ("trunk", "attribute_branch"))
    network.identity_branch.load_state_dict(
        {name.removeprefix("identity_branch."): tensor for name, tensor in weights.items()}, strict=False
    )
    return TakenOver(taken.fingerprint, (*taken.taken, "identity_branch"), ("fusion",))


def _check_meaning(network: Network, source: Network, names: Sequence[str], folder: Path) -> None:
    """Whether the numbers in and out mean the same: shapes alone do not say so."""
    if "attribute_branch" in names and network.predicted != source.predicted:
        raise CheckpointError(
            f"{folder} predicts other attributes: predict {', '.join(source.predicted)}, in its order"
        )
    if "fusion" in names or "identity_branch" in names:
        kinds = [(part.architecture or {}).get("fusion") for part in (network, source)]
        if kinds[0] != kinds[1]:
            raise CheckpointError(f"{folder} has the fusion {kinds[1]}, not {kinds[0]}: choose --fusion {kinds[1]}")
        if network.fused != source.fused:
            raise CheckpointError(f"{folder} fuses other attributes: fuse {', '.join(source.fused)}, in its order")


def _weights(part: nn.Module, name: str) -> dict[str, Tensor]:
    """Tensors that are taken over, by their names in the whole network."""
    left_out = f"{name}.{CLASS_LAYER}" if name == "identity_branch" else None
    everything = {f"{name}.{key}": tensor for key, tensor in part.state_dict().items()}
    return {key: value for key, value in everything.items() if left_out is None or not key.startswith(left_out)}


def _words(names: Sequence[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names) or "nothing"
