"""Styles of feature maps: by their definition, in training alone, and gone afterwards."""

import numpy as np
import torch
from torch import nn

from kronface.training.mix_style import mix_styles, mixed_styles


def maps(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    scale = torch.rand((4, 3, 1, 1), generator=generator) + 0.5
    return torch.randn((4, 3, 5, 5), generator=generator) * scale + torch.rand((4, 3, 1, 1), generator=generator)


def test_a_map_takes_on_what_lies_between_its_own_style_and_its_partners() -> None:
    given, partners = maps(), torch.tensor([1, 2, 3, 0])
    torch.testing.assert_close(mix_styles(given, partners, torch.ones(4)), given)
    found = mix_styles(given, partners, torch.tensor([0.0, 0.25, 1.0, 0.5]))
    for row, share in enumerate((0.0, 0.25, 1.0, 0.5)):
        own, other = given[row], given[partners[row]]
        for figure in (torch.mean, torch.std):
            wanted = share * figure(own, (1, 2)) + (1 - share) * figure(other, (1, 2))
            torch.testing.assert_close(figure(found[row], (1, 2)), wanted, atol=1e-4, rtol=1e-4)
        shape = nn.functional.normalize((own - own.mean((1, 2), keepdim=True)).flatten(1))
        kept = nn.functional.normalize((found[row] - found[row].mean((1, 2), keepdim=True)).flatten(1))
        torch.testing.assert_close(kept, shape, atol=1e-4, rtol=1e-4)  # the pattern itself stays


def test_no_gradient_passes_through_a_style() -> None:
    given = maps().requires_grad_()
    partners = torch.tensor([1, 0, 3, 2])
    mix_styles(given, partners, torch.zeros(4))[0].sum().backward()
    assert given.grad is not None
    ratio = given[1].std((1, 2), unbiased=False) / given[0].std((1, 2), unbiased=False)
    torch.testing.assert_close(given.grad[0], ratio[:, None, None].expand(3, 5, 5).detach(), atol=1e-4, rtol=1e-4)
    assert not given.grad[1:].any()


def test_layers_are_mixed_in_training_alone_and_while_asked_for() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2)).train()
    given = torch.rand((8, 3, 12, 12), generator=torch.Generator().manual_seed(1))
    plain = network(given)
    with mixed_styles([network[1]], 1.0, np.random.default_rng(0)):
        first = network(given)
        assert not torch.allclose(first, plain)
        network.eval()
        torch.testing.assert_close(network(given), plain)
        network.train()
    torch.testing.assert_close(network(given), plain)
    with mixed_styles([network[1]], 1.0, np.random.default_rng(0)):
        torch.testing.assert_close(network(given), first)  # drawn from the generator alone
    with mixed_styles([network[1]], 0.0, np.random.default_rng(0)):
        torch.testing.assert_close(network(given), plain)
    changed = 0
    with mixed_styles([network[1]], 0.3, np.random.default_rng(0)):
        for _ in range(100):
            changed += not torch.allclose(network(given), plain)
    assert 15 < changed < 50
