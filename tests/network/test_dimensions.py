"""Every dimension that the paper or the design fixes."""

from pathlib import Path

import pytest
import torch

from kronface.data.attributes import FUSED, PREDICTED
from kronface.errors import CheckpointError
from kronface.network.imagenet import load_imagenet
from kronface.network.network import Network
from kronface.network.trunk import Trunk
from kronface.network.variants import build


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def paper() -> Network:
    with torch.device("meta"):
        return build(predicted=FUSED, fused=FUSED, identities=10_575)


def test_trunk_has_vgg19s_convolutions() -> None:
    with torch.device("meta"):
        assert count(Trunk(batch_norm=False)) == 20_024_384
        assert count(Trunk(batch_norm=True)) == 20_024_384 + 11_008


def test_pools_stand_after_convolutions_2_4_8_and_12() -> None:
    after: list[int] = []
    convolutions = 0
    for layer in Trunk(width=1).features:
        convolutions += isinstance(layer, torch.nn.Conv2d)
        if isinstance(layer, torch.nn.MaxPool2d):
            assert (layer.kernel_size, layer.stride) == (2, 2)
            after.append(convolutions)
    assert (after, convolutions) == ([2, 4, 8, 12], 16)


def test_whole_paper_network(paper: Network) -> None:
    assert count(paper) == 86_495_385
    with torch.device("meta"):
        plain = build(predicted=FUSED, fused=FUSED, identities=10_575, batch_norm=False)
        with_young = build(predicted=PREDICTED, fused=FUSED, identities=10_575)
    assert count(plain) == 86_467_993
    assert count(with_young) == 86_495_385 + 4_097


def test_branches_of_the_paper(paper: Network) -> None:
    assert paper.attribute_branch is not None
    assert paper.identity_branch is not None
    assert paper.attribute_branch.hidden.weight.shape == (4096, 512)
    assert paper.attribute_branch.logits.weight.shape == (10, 4096)
    assert paper.identity_branch.hidden.weight.shape == (4096, 5120)
    assert paper.identity_branch.logits is not None
    assert paper.identity_branch.logits.weight.shape == (10_575, 4096)


@pytest.mark.parametrize(
    ("settings", "fused_size"),
    [
        ({"logits_per_attribute": 2}, 10_240),
        ({"fusion": "kronecker-tanh"}, 512 * 11),
        ({"fusion": "concatenation"}, 522),
        ({"fusion": "none"}, 512),
        ({"arm": "identity-only"}, 512),
    ],
)
def test_fused_sizes(settings: dict[str, object], fused_size: int) -> None:
    with torch.device("meta"):
        network = build(predicted=PREDICTED, fused=FUSED, identities=7, **settings)  # type: ignore[arg-type]
    assert network.identity_branch is not None
    assert network.identity_branch.hidden.in_features == fused_size


@pytest.mark.parametrize(
    ("variant", "face_size", "hidden"), [("vgg19", 512, 4096), ("vgg19-half", 256, 2048), ("vgg19-quarter", 128, 1024)]
)
def test_variants(variant: str, face_size: int, hidden: int) -> None:
    with torch.device("meta"):
        network = build(variant=variant, predicted=PREDICTED, fused=FUSED, identities=7)
    assert network.attribute_branch is not None
    assert network.trunk.output_size == face_size
    assert network.attribute_branch.hidden.out_features == hidden


@pytest.mark.parametrize(("size", "side"), [(224, 14), (178, 11), (160, 10), (128, 8), (112, 7), (64, 4)])
def test_last_map(size: int, side: int) -> None:
    with torch.inference_mode():
        assert Trunk(width=1).eval().forward_map(torch.zeros(1, 3, size, size)).shape == (1, 8, side, side)


def test_embedding_layer() -> None:
    network = build(variant="vgg19-quarter", predicted=PREDICTED, fused=FUSED, identities=7, embedding_size=32, size=16)
    prediction = network.eval().predict(torch.zeros(2, 16, 16, 3, dtype=torch.uint8))
    assert prediction.embeddings is not None
    assert prediction.embeddings.shape == (2, 32)


def test_every_hidden_layer_is_normalised_before_its_relu_and_no_logits_are() -> None:
    network = build(variant="vgg19-quarter", predicted=PREDICTED, fused=FUSED, identities=7)
    layers = list(network.trunk.get_submodule("features").children())
    for index, layer in enumerate(layers):
        if isinstance(layer, torch.nn.Conv2d):
            assert isinstance(layers[index + 1], torch.nn.BatchNorm2d)
            assert isinstance(layers[index + 2], torch.nn.ReLU)
    norms = [name for name, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm1d)]
    assert norms == ["attribute_branch.norm", "identity_branch.norm"]


def test_the_compact_trunk_ends_in_the_same_maps_and_takes_no_weights_of_a_vgg19(tmp_path: Path) -> None:
    images = torch.zeros((1, 3, 64, 64))
    quarter, compact = (
        build(variant=name, predicted=FUSED, fused=FUSED, identities=3).eval() for name in ("vgg19-quarter", "compact")
    )
    assert compact.trunk.forward_map(images).shape == quarter.trunk.forward_map(images).shape == (1, 128, 4, 4)
    assert compact.trunk(torch.zeros((1, 3, 16, 16))).shape == (1, 128)
    convolutions = [
        module for module in compact.trunk.get_submodule("features").children() if isinstance(module, torch.nn.Conv2d)
    ]
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in convolutions[:3]] == [
        (32, 4, 2),
        (32, 3, 1),
        (64, 3, 1),
    ]
    assert len(convolutions) == 14
    with pytest.raises(CheckpointError, match="this trunk is not"):
        load_imagenet(compact, tmp_path / "vgg19.pth")
