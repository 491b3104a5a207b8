"""The forward pass against its formulas, the arms against each other, and the contract of every registered part."""

import numpy as np
import pytest
import torch

from kronface.data.attributes import FUSED, PREDICTED
from kronface.errors import ConfigError
from kronface.network.fusion import FUSIONS, kronecker
from kronface.network.network import Network
from kronface.network.variants import ARMS, VARIANTS, build

SMALL = {"variant": "vgg19-quarter", "predicted": PREDICTED, "fused": FUSED, "identities": 5, "size": 32}


def small(**settings: object) -> Network:
    return build(**(SMALL | settings))  # type: ignore[arg-type]


def pixels(images: int, size: int = 32, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (images, size, size, 3), dtype=torch.uint8, generator=generator)


def test_kronecker_is_u_major_like_equation_1() -> None:
    rng = np.random.default_rng(0)
    face, attributes = rng.normal(size=(4, 6)), rng.normal(size=(4, 3))
    fused = kronecker(torch.tensor(face), torch.tensor(attributes))
    assert np.array_equal(fused.numpy(), np.stack([np.kron(u, v) for u, v in zip(face, attributes, strict=True)]))
    for i in range(6):
        for j in range(3):
            assert torch.equal(fused[:, i * 3 + j], torch.tensor(face[:, i] * attributes[:, j]))


def test_only_the_fused_attributes_enter_the_product_and_in_their_order() -> None:
    network = small(predicted=("Young", "Male", "Bald", "Chubby"), fused=("Chubby", "Male"))
    face = torch.rand(2, 128)
    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    expected = np.stack([np.kron(face[0], [4.0, 2.0]), np.kron(face[1], [8.0, 6.0])])
    np.testing.assert_allclose(network.forward_fusion(face, logits).numpy(), expected, rtol=1e-6)


def test_two_logits_per_attribute_enter_as_pairs() -> None:
    network = small(predicted=("Young", "Male"), fused=("Male",), logits_per_attribute=2)
    fused = network.forward_fusion(torch.ones(1, 128), torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    assert fused[0, :2].tolist() == [3.0, 4.0]
    assert network.attribute_branch is not None
    probabilities = network.attribute_branch.probabilities(torch.tensor([[1.0, 2.0, 3.0, 3.0]]))
    np.testing.assert_allclose(probabilities.numpy(), [[1 / (1 + np.exp(-1.0)), 0.5]], rtol=1e-6)


def test_stages_called_one_by_one_equal_the_whole() -> None:
    network = small().eval()
    images = network.preprocess(pixels(3))
    whole = network(images)
    face = network.trunk.forward_pool(network.trunk.forward_map(images))
    logits = network.forward_attributes(face)
    assert network.identity_branch is not None
    hidden = network.identity_branch.forward_hidden(network.forward_fusion(face, logits))
    for left, right in zip(whole, (face, logits, hidden, network.identity_branch.forward_logits(hidden)), strict=True):
        assert left is not None
        assert right is not None
        assert torch.equal(left, right)


def test_preprocessing_is_symmetric_and_rgb() -> None:
    images = pixels(1)
    expected = (images.numpy().astype(np.float64) - 127.5) / 127.5
    np.testing.assert_allclose(small().preprocess(images).numpy(), expected.transpose(0, 3, 1, 2), atol=1e-6)


def test_embeddings_have_length_one_and_stand_before_relu() -> None:
    prediction = small().eval().predict(pixels(4))
    assert prediction.embeddings is not None
    np.testing.assert_allclose(np.linalg.norm(prediction.embeddings.numpy(), axis=1), 1, rtol=1e-5)
    assert (prediction.embeddings < 0).any()


# Large variants are run with the paper's fusion alone, or once: they differ from smaller ones in size only.
CONTRACT = [
    (variant, fusion, batch_norm)
    for variant, shape in VARIANTS.items()
    for fusion in FUSIONS
    for batch_norm in (True, False)
    if (fusion == "kronecker" if variant == "vgg19" or shape.blocks else True) and (batch_norm or not shape.blocks)
]


@pytest.mark.parametrize(("variant", "fusion", "batch_norm"), CONTRACT)
@pytest.mark.parametrize("arm", ARMS)
def test_every_part_builds_runs_and_gives_every_parameter_a_gradient(
    variant: str, arm: str, batch_norm: bool, fusion: str
) -> None:
    network = small(variant=variant, arm=arm, batch_norm=batch_norm, fusion=fusion).train()
    output = network(network.preprocess(pixels(3)))
    loss = sum(part.square().sum() for part in (output.attribute_logits, output.identity_logits) if part is not None)
    assert torch.isfinite(loss)
    loss.backward()
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            assert name == "trunk.features.weight"
            continue
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        # A bias right before batch normalisation is removed by it: its gradient is rounding noise.
        if not (batch_norm and name.endswith("bias")):
            assert parameter.grad.abs().max() > 0, name


def test_identity_loss_reaches_the_attribute_branch_through_the_fusion() -> None:
    network = small().train()
    network(network.preprocess(pixels(4))).identity_logits[:, 0].sum().backward()
    assert network.attribute_branch is not None
    assert network.attribute_branch.logits.weight.grad is not None
    assert network.attribute_branch.logits.weight.grad.abs().max() > 0


def test_all_arms_of_a_seed_start_from_the_same_weights_where_shapes_agree() -> None:
    joint = small(seed=3).state_dict()
    shared = 0
    for arm in ("identity-only", "attributes-only"):
        for name, tensor in small(arm=arm, seed=3).state_dict().items():
            if tensor.shape == joint[name].shape:
                assert torch.equal(tensor, joint[name]), name
                shared += 1
    assert shared > 100
    assert not torch.equal(small(seed=4).state_dict()["trunk.features.0.weight"], joint["trunk.features.0.weight"])


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"variant": "vgg16"}, "vgg19-half"),
        ({"arm": "both"}, "joint"),
        ({"fusion": "sum"}, "kronecker"),
        ({"fused": ("Smiling",)}, "Smiling"),
        ({"predicted": ("Male", "Male")}, "twice"),
        ({"predicted": (), "fused": ()}, "predicted"),
        ({"fused": ()}, "fused"),
        ({"identities": -1}, "identities"),
        ({"size": 8}, "16"),
        ({"logits_per_attribute": 3}, "1 or 2"),
    ],
)
def test_impossible_settings_are_named(settings: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        small(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("per", [1, 2])
def test_calibrated_probabilities_leave_logits_and_embeddings_alone(per: int) -> None:
    network = small(logits_per_attribute=per).eval()
    assert network.attribute_branch is not None
    images = pixels(3)
    before = network.predict(images)
    logits = network(network.preprocess(images)).attribute_logits
    slope = torch.linspace(0.5, 2, len(network.predicted))
    network.attribute_branch.calibrate(slope, torch.full_like(slope, 0.3))
    network.attribute_branch.calibrate(torch.full_like(slope, 2.0), torch.full_like(slope, -1.0))
    after = network.predict(images)
    assert before.embeddings is not None
    assert after.embeddings is not None
    assert before.probabilities is not None
    assert after.probabilities is not None
    assert torch.equal(before.embeddings, after.embeddings)
    assert torch.equal(logits, network(network.preprocess(images)).attribute_logits)
    torch.testing.assert_close(after.probabilities, (2 * (slope * before.probabilities.logit() + 0.3) - 1).sigmoid())
