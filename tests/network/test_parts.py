"""What a network takes over from another one: bit for bit, only what fits, and all or nothing."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from kronface import Network
from kronface.errors import CheckpointError, ConfigError
from kronface.network.checkpoint import fingerprint
from kronface.network.parts import PARTS, parts_of, take_over
from kronface.network.variants import build

PREDICTED = ("Male", "Young", "Bald")
FUSED = ("Bald", "Male")


def network(arm: str = "joint", **options: object) -> Network:
    plain: dict[str, object] = {"predicted": PREDICTED, "fused": FUSED, "identities": 5, "size": 32, "seed": 1}
    return build(variant="vgg19-quarter", arm=arm, **(plain | options))  # type: ignore[arg-type]


def trained(arm: str = "joint", **options: object) -> Network:
    """Every tensor, counters and statistics too, is one that no new network has."""
    made = network(arm, seed=7, **options)
    generator = torch.Generator().manual_seed(3)
    for name, tensor in made.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.fill_(41)
        else:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return made


def saved(made: Network, folder: Path) -> Path:
    made.save_pretrained(folder)
    return folder


def copies(made: Network) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in made.state_dict().items()}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_parts_are_bit_equal_and_the_others_stay_new(tmp_path: Path, count: int) -> None:
    source, names = trained(identities=9), PARTS[:count]
    made = network()
    before = copies(made)
    taken = take_over(made, saved(source, tmp_path), names)
    assert taken.fingerprint == fingerprint(source)
    for name, tensor in made.state_dict().items():
        part = name.split(".")[0]
        is_new = part not in names or name.startswith("identity_branch.logits.")
        assert torch.equal(tensor, before[name] if is_new else source.state_dict()[name]), name
    assert taken.taken == names
    assert taken.new == (*PARTS[count:], *(["class layer"] if count == 4 else []))
    if count == 4:
        assert taken.describe() == "taken over: trunk, attribute branch, fusion, identity branch; new: class layer"


def test_the_class_layer_is_new_also_for_as_many_other_people(tmp_path: Path) -> None:
    made, source = network(), trained()
    before = copies(made)
    take_over(made, saved(source, tmp_path), PARTS)
    assert torch.equal(made.state_dict()["identity_branch.logits.weight"], before["identity_branch.logits.weight"])


def test_the_trunk_brings_its_preprocessing_and_works_at_any_size(tmp_path: Path) -> None:
    source = trained("identity-only", mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0)).eval()
    made = network(size=48).eval()
    take_over(made, saved(source, tmp_path), ["trunk"])
    assert made.preprocessing["mean"] == [1.0, 2.0, 3.0]
    assert made.preprocessing["std"] == [4.0, 5.0, 6.0]
    assert made.size == 48
    pixels = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    faces = [part.forward_trunk(part.preprocess(pixels)) for part in (source, made)]
    assert torch.equal(*faces)


def test_parts_by_name() -> None:
    assert tuple(parts_of(network())) == PARTS
    assert tuple(parts_of(network("identity-only"))) == ("trunk", "identity_branch")
    assert tuple(parts_of(network("attributes-only"))) == ("trunk", "attribute_branch")


@pytest.mark.parametrize(
    ("arm", "options", "names", "error", "words"),
    [
        ("joint", {}, ["trunk", "head"], ConfigError, "--take names head: choose from trunk"),
        ("joint", {}, ["attribute_branch"], ConfigError, "add trunk"),
        ("joint", {"batch_norm": False}, ["trunk"], CheckpointError, "has no trunk.features.1.weight"),
        ("joint", {"embedding_size": 8}, PARTS, CheckpointError, "also has identity_branch.reduction"),
        ("joint", {"predicted": ("Male", "Bald", "Young")}, PARTS, CheckpointError, "predict Male, Bald, Young, in"),
        ("joint", {"fused": ("Male", "Bald")}, PARTS, CheckpointError, "fuse Male, Bald, in its order"),
        ("joint", {"fusion": "kronecker-tanh"}, PARTS, CheckpointError, "--fusion kronecker-tanh"),
        ("joint", {"fusion": "concatenation"}, ["trunk", "fusion"], CheckpointError, "--fusion concatenation"),
        (
            "identity-only",
            {},
            ["trunk", "attribute_branch"],
            CheckpointError,
            "no attribute_branch: it is of the arm id",
        ),
        ("attributes-only", {}, ["trunk", "identity_branch"], CheckpointError, "has no identity_branch"),
        ("identity-only", {}, ["trunk", "identity_branch"], CheckpointError, "has the fusion none, not kronecker"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_changed(
    tmp_path: Path, arm: str, options: dict[str, object], names: list[str], error: type[Exception], words: str
) -> None:
    made = network()
    before = copies(made)
    folder = saved(trained(arm, **options), tmp_path / "other")
    with pytest.raises(error, match=words) as caught:
        take_over(made, folder, names)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.state_dict().items())


def test_an_arm_without_the_part_and_a_folder_that_is_none(tmp_path: Path) -> None:
    folder = saved(trained(), tmp_path / "joint")
    with pytest.raises(ConfigError, match="--take names fusion, which the arm identity-only does not have"):
        take_over(network("identity-only"), folder, ["trunk", "fusion"])
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        take_over(network(), tmp_path, ["trunk"])
