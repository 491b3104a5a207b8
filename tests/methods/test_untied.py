"""Untied convolution against a slow loop, and against PyTorch's own where all places share their filters."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kronface.errors import ConfigError
from kronface.methods.untied import UntiedConv2d, initialise_all


def slow(layer: UntiedConv2d, maps: Tensor, padding: int, shared: int) -> Tensor:
    """Place by place, from the definition."""
    padded = functional.pad(maps, (padding,) * 4)
    batch, channels, size, _ = padded.shape
    kernel = round((layer.weight.shape[1] / channels) ** 0.5)
    side = size - kernel + 1
    found = torch.zeros(batch, layer.weight.shape[2], side, side)
    for y in range(side):
        for x in range(side):
            square = (y // shared) * (side // shared) + x // shared
            filters = layer.weight[square].reshape(channels, kernel, kernel, -1)
            for out in range(found.shape[1]):
                window = padded[:, :, y : y + kernel, x : x + kernel]
                found[:, out, y, x] = (window * filters[..., out]).sum((1, 2, 3)) + layer.bias[square, out]
    return found


@pytest.mark.parametrize(
    ("size", "kernel", "padding", "shared"), [(4, 3, 1, 1), (5, 3, 0, 1), (6, 3, 1, 2), (7, 2, 0, 3)]
)
def test_equals_a_loop_over_places(size: int, kernel: int, padding: int, shared: int) -> None:
    layer = UntiedConv2d(2, 3, kernel, size=size, padding=padding, shared=shared)
    generator = torch.Generator().manual_seed(0)
    layer.reset_parameters(generator)
    with torch.no_grad():
        layer.bias.normal_(generator=generator)
    maps = torch.randn((3, 2, size, size), generator=generator)
    found = layer(maps)
    torch.testing.assert_close(found, slow(layer, maps, padding, shared), rtol=1e-4, atol=1e-5)
    # Another place's filters would have given something else.
    if layer.weight.shape[0] > 1:
        with torch.no_grad():
            layer.weight.copy_(layer.weight.roll(1, 0))
        assert (layer(maps) - found).abs().mean() > 0.1


@pytest.mark.parametrize("shared", [1, 2, 6])
def test_equals_a_convolution_where_all_places_have_the_same_filters(shared: int) -> None:
    generator = torch.Generator().manual_seed(1)
    filters, biases = (torch.randn(shape, generator=generator) for shape in ((4, 3, 3, 3), (4,)))
    maps = torch.randn((2, 3, 6, 6), generator=generator)
    layer = UntiedConv2d(3, 4, 3, size=6, padding=1, shared=shared)
    assert len(layer.weight) == (6 // shared) ** 2
    with torch.no_grad():
        layer.weight.copy_(filters.flatten(1).T.expand_as(layer.weight))
        layer.bias.copy_(biases.expand_as(layer.bias))
    torch.testing.assert_close(layer(maps), functional.conv2d(maps, filters, biases, padding=1), rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_the_formula() -> None:
    layer = UntiedConv2d(2, 2, 2, size=3, shared=1).double()
    maps = torch.randn((2, 2, 3, 3), generator=torch.Generator().manual_seed(2), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda weight, bias, inputs: torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (inputs,)),
        (layer.weight, layer.bias, maps),
    )


def test_seeds_alone_decide_the_weights() -> None:
    def network() -> nn.Sequential:
        return nn.Sequential(UntiedConv2d(3, 4, 3, size=5), nn.Conv2d(4, 2, 1), UntiedConv2d(3, 4, 3, size=5))

    one, other = network(), network()
    before = torch.get_rng_state()
    initialise_all(one, 7)
    torch.rand(5)
    torch.set_rng_state(before)
    initialise_all(other, 7)
    assert torch.equal(torch.get_rng_state(), before)
    for first, second in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(first, second)
    weights = [module.weight.detach().numpy() for module in one if isinstance(module, UntiedConv2d)]
    assert abs(np.corrcoef(weights[0].ravel(), weights[1].ravel())[0, 1]) < 0.15  # each layer draws for itself
    np.testing.assert_allclose(weights[0].std(), (2 / 27) ** 0.5, rtol=0.1)  # He's for 27 inputs
    initialise_all(other, 8)
    assert not np.allclose(next(other.parameters()).detach().numpy(), weights[0])


def test_squares_must_fill_the_map() -> None:
    with pytest.raises(ConfigError, match="squares of 2 places do not fill maps of 5 a side"):
        UntiedConv2d(1, 1, 3, size=5, padding=1, shared=2)
    with pytest.raises(ConfigError, match="maps of 0 a side"):
        UntiedConv2d(1, 1, 3, size=2)
