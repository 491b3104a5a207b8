"""Activation maps against Grad-CAM by the whole network's own gradients, and against a linear branch's exact parts."""

import pytest
import torch
from torch import Tensor, nn

from kronface.errors import ConfigError
from kronface.explain.activation_maps import KINDS, enlarge, gradient_maps, kinds, position_maps
from kronface.network.network import Network
from kronface.network.variants import build

NAMES = ("Big_Nose", "Big_Lips", "Bald")


def made(*, logits_per_attribute: int = 1) -> Network:
    """A tiny network in eval mode, with statistics of batch normalisation that are not the first ones."""
    network = build(
        variant="vgg19-quarter",
        predicted=NAMES,
        fused=NAMES[:1],
        identities=3,
        size=48,
        logits_per_attribute=logits_per_attribute,
        seed=4,
    )
    torch.manual_seed(0)
    for _ in range(3):
        network(network.preprocess(torch.randint(0, 255, (8, 48, 48, 3), dtype=torch.uint8)))
    return network.eval()


def faces(network: Network, height: int = 48, width: int = 48) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return network.preprocess(torch.randint(0, 255, (2, height, width, 3), dtype=torch.uint8, generator=generator))


@pytest.mark.parametrize("logits_per_attribute", [1, 2])
def test_gradient_maps_are_grad_cam_before_its_relu(logits_per_attribute: int) -> None:
    network = made(logits_per_attribute=logits_per_attribute)
    images = faces(network)
    maps = gradient_maps(network, images, ["Bald", "Big_Nose"])
    assert maps.shape == (2, 2, 3, 3)
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _given: object, output: Tensor) -> None:
        output.retain_grad()
        kept.append(output)

    handle = list(network.trunk.get_submodule("features").children())[-1].register_forward_hook(keep)
    for place, name in enumerate(["Bald", "Big_Nose"]):
        column = NAMES.index(name)
        logits = network(images).attribute_logits
        assert logits is not None
        of_both = logits if logits_per_attribute == 1 else logits[:, 1::2] - logits[:, ::2]
        of_both[:, column].sum().backward()
        feature_map = kept[-1]
        assert feature_map.grad is not None
        weights = feature_map.grad.mean((2, 3))  # Grad-CAM's weights: a mean, where ours is a sum over positions
        grad_cam = (weights[:, :, None, None] * feature_map).sum(1) * 9
        torch.testing.assert_close(maps[:, place], grad_cam, rtol=1e-4, atol=1e-6)
    handle.remove()


def test_maps_of_a_linear_branch_add_up_to_its_logits() -> None:
    network = made()
    branch = network.attribute_branch
    assert branch is not None
    branch.norm = nn.Identity()
    with torch.no_grad():
        branch.hidden.bias.fill_(1e3)  # no unit is ever at rest: the branch is linear
    images = faces(network)
    logits = network(images).attribute_logits
    assert logits is not None
    at_nothing = branch(torch.zeros(1, branch.hidden.in_features))
    torch.testing.assert_close(
        gradient_maps(network, images, NAMES).mean((2, 3)) + at_nothing, logits, rtol=0, atol=2e-3
    )
    torch.testing.assert_close(position_maps(network, images, NAMES).mean((2, 3)), logits, rtol=0, atol=2e-3)
    both = gradient_maps(network, images, NAMES) - position_maps(network, images, NAMES)
    torch.testing.assert_close(both, (-at_nothing)[:, :, None, None].expand_as(both), rtol=0, atol=4e-3)


def test_position_maps_are_the_branch_at_each_place() -> None:
    network = made()
    assert network.attribute_branch is not None
    images = faces(network, 64, 96)
    feature_map = network.trunk.forward_map(images)
    maps = position_maps(network, images, ["Big_Lips"])
    assert maps.shape == (2, 1, 4, 6)
    expected = network.attribute_branch(feature_map[1:, :, 2, 5])[0, 1]
    torch.testing.assert_close(maps[1, 0, 2, 5], expected)


def test_without_pooling_each_position_has_its_own_gradients() -> None:
    network = build(
        variant="residual-quarter", predicted=NAMES, fused=NAMES[:1], fusion="kronecker-tanh", size=48, seed=4
    ).eval()
    branch = network.attribute_branch
    assert branch is not None
    assert kinds(network) == ("gradient",)
    assert kinds(made()) == ("gradient", "position")
    branch.norm = nn.Identity()
    with torch.no_grad():
        branch.hidden.bias.fill_(1e3)  # no unit is ever at rest: what follows the map is linear
    images = faces(network)
    maps = gradient_maps(network, images, NAMES)
    assert maps.shape == (2, 3, 3, 3)
    with pytest.raises(ConfigError, match="the images are 64x48: this trunk takes 48 alone"):
        gradient_maps(network, faces(network, 64, 48), NAMES)
    feature_map = network.trunk.forward_map(images)

    def logits(kept: Tensor) -> Tensor:
        out: Tensor = branch(network.trunk.forward_pool(kept))
        return out

    nothing = logits(torch.zeros_like(feature_map))
    for row, column in ((0, 0), (1, 2)):
        alone = torch.zeros_like(feature_map)
        alone[:, :, row, column] = feature_map[:, :, row, column]
        torch.testing.assert_close(maps[:, :, row, column] / 9, logits(alone) - nothing, rtol=0, atol=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_maps_leave_no_gradients_and_work_without_them(kind: str) -> None:
    network = made()
    with torch.no_grad():
        maps = KINDS[kind](network, faces(network), NAMES)
    assert not maps.requires_grad
    assert maps.isfinite().all()
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_that_are_not_predicted(kind: str) -> None:
    with pytest.raises(ConfigError, match="does not predict Young: choose from Big_Nose, Big_Lips, Bald"):
        KINDS[kind](made(), faces(made()), ["Young"])
    other = build(variant="vgg19-quarter", arm="identity-only", identities=3, size=48).eval()
    with pytest.raises(ConfigError, match="predicts no attributes"):
        KINDS[kind](other, faces(other), ["Bald"])


def test_a_map_is_enlarged_around_the_middles_of_its_positions() -> None:
    maps = torch.zeros(1, 1, 2, 2)
    maps[0, 0, 0, 1] = 1.0
    large = enlarge(maps, 8, 8)
    assert large.shape == (1, 1, 8, 8)
    assert large[0, 0, 0, 7] == 1.0
    assert large[0, 0, 7, 0] == 0.0
    assert large.mean() == pytest.approx(0.25)
