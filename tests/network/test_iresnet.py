"""IResNets: as published, key for key and number for number, and under the branches of ours."""

import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from kronface.cli.main import main
from kronface.data.attributes import FUSED, PREDICTED
from kronface.errors import CheckpointError, ConfigError
from kronface.explain.activation_maps import position_maps
from kronface.losses.margin import MARGINS as LOSSES
from kronface.losses.margin import cosine_margin_loss
from kronface.network.checkpoint import read_card
from kronface.network.imagenet import load_imagenet
from kronface.network.network import Network
from kronface.network.parts import grow_fusion, take_over
from kronface.network.published import FAMILIES, load_published
from kronface.network.variants import MARGINS, VARIANTS, build, initialise
from kronface.runtime.load import load_embedder
from kronface.training.module import TrainingModule

PUBLISHED = json.loads(lzma.decompress((Path(__file__).parent / "published-keys.json.xz").read_bytes()))
"""Names and shapes of published networks, as their own code at a commit makes them."""

LISTED = [(family, name) for family, entry in PUBLISHED.items() for name in entry["networks"]]


def published_file(path: Path, family: str, variant: str, seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the published names."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for name, shape in PUBLISHED[family]["networks"][variant].items():
        if name.endswith("num_batches_tracked"):
            tensors[name] = torch.tensor(3)
        elif name.endswith("running_var"):
            tensors[name] = torch.rand(shape, generator=generator) + 0.5
        else:
            scale = (2 / max(torch.Size(shape[1:]).numel(), 1)) ** 0.5 if len(shape) > 1 else 0.3
            tensors[name] = torch.randn(shape, generator=generator) * scale
    torch.save(tensors, path)
    return tensors


@pytest.mark.parametrize(("variant", "channels"), [("residual-half", 256), ("residual-quarter", 128)])
def test_a_residual_trunk_begins_with_stride_2_and_ends_in_an_iresnets_maps(variant: str, channels: int) -> None:
    network = build(variant=variant, predicted=PREDICTED, fused=FUSED, fusion="none", embedding_size=128, size=64)
    fused = build(variant=variant, predicted=PREDICTED, fused=FUSED, embedding_size=128, size=64)
    trunk = network.trunk
    images = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    sizes = {}
    for name, module in trunk.named_children():
        module.register_forward_hook(lambda _, __, out, name=name: sizes.update({name: tuple(out.shape[1:])}))
    assert trunk.forward_map(images).shape == (2, channels, 4, 4)
    assert [sizes[name][1] for name in ("conv1", "layer1", "layer2", "layer3", "layer4")] == [32, 32, 16, 8, 4]
    assert trunk(images).shape == (2, 512)
    assert not any(isinstance(module, torch.nn.PReLU) for module in trunk.modules())
    for each in (network, fused):  # the paper's hidden layer, with a fusion or without
        assert each.identity_branch is not None
        assert each.identity_branch.hidden.out_features == 512


@pytest.mark.parametrize("size", [16, 17, 31, 33, 65, 112, 113])
def test_trunks_take_faces_of_their_size_whether_it_can_be_halved_or_not(size: int) -> None:
    for variant in ("residual-quarter", "iresnet-18-quarter"):
        trunk = build(variant=variant, arm="identity-only", size=size).trunk.eval()
        assert trunk(torch.zeros((1, 3, size, size))).shape == (1, 512)


def test_a_residual_network_grows_a_fusion_and_is_handed_out_halved(tmp_path: Path) -> None:
    plain, fused = (
        build(
            variant="residual-quarter",
            predicted=PREDICTED,
            fused=FUSED,
            fusion=fusion,
            embedding_size=32,
            size=48,
            seed=seed,
        )
        for seed, fusion in enumerate(("none", "kronecker-tanh"))
    )
    plain.save_pretrained(tmp_path / "plain")
    grow_fusion(fused, tmp_path / "plain")
    faces = torch.randint(0, 256, (4, 48, 48, 3), dtype=torch.uint8)
    before, after = plain.eval().predict(faces).embeddings, fused.eval().predict(faces).embeddings
    assert before is not None
    assert after is not None
    torch.testing.assert_close(after, before)
    fused.save_pretrained(tmp_path / "half", half=True)
    halved = Network.from_pretrained(tmp_path / "half").eval().predict(faces).embeddings
    assert halved is not None
    torch.testing.assert_close(halved, before, atol=5e-3, rtol=0)
    other = build(variant="residual-quarter", predicted=PREDICTED, fused=FUSED, fusion="none", size=64)
    with pytest.raises(CheckpointError, match="is of size 48, and such a trunk works at no other"):
        take_over(other, tmp_path / "plain", ("trunk",))
    bare, grown = (
        build(variant="iresnet-18-quarter", predicted=PREDICTED, fused=FUSED, fusion=fusion, embedding_size=32, size=48)
        for fusion in ("none", "kronecker-tanh")
    )
    bare.save_pretrained(tmp_path / "bare")
    with pytest.raises(CheckpointError, match="no hidden layer between face vector and embedding"):
        grow_fusion(grown, tmp_path / "bare")


def test_weights_that_are_drawn_anew_keep_no_slope_of_a_prelu() -> None:
    trunk = build(variant="iresnet-18-quarter", arm="identity-only", size=32).trunk
    slopes = [module.weight for module in trunk.modules() if isinstance(module, torch.nn.PReLU)]
    with torch.no_grad():
        for slope in slopes:
            slope.fill_(0.7)
    initialise(trunk, 1)
    assert len(slopes) == 9
    assert all(bool((slope == 0.25).all()) for slope in slopes)


def test_a_residual_trunk_is_no_published_network(tmp_path: Path) -> None:
    trunk = build(variant="residual-quarter", arm="identity-only", size=112).trunk
    torch.save(trunk.state_dict(), tmp_path / "mine.pt")
    with pytest.raises(CheckpointError, match=r"choose from iresnet-18, iresnet-18-quarter, iresnet-50, iresnet-100$"):
        load_published(tmp_path / "mine.pt", "insightface")


@pytest.mark.parametrize(("family", "variant"), LISTED)
def test_every_published_name_has_its_place(family: str, variant: str) -> None:
    assert len(PUBLISHED[family]["commit"]) == 40
    assert VARIANTS[variant].pooled == (family == "adaface")
    listed = PUBLISHED[family]["networks"][variant].items()
    tensors = {name: torch.empty(shape, device="meta") for name, shape in listed}
    found = {name: tuple(tensor.shape) for name, tensor in FAMILIES[family](tensors, Path("x")).items()}
    own = build(variant=variant, arm="identity-only").trunk.state_dict()
    assert found == {name: tuple(tensor.shape) for name, tensor in own.items()}


def norm(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    mean, var = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    return functional.batch_norm(x, mean, var, weights.get(f"{name}.weight"), weights.get(f"{name}.bias"))


def insightface_by_hand(weights: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """The published network's forward pass from its published names: pixels (N, 3, 112, 112) red first."""
    x = functional.conv2d((pixels - 127.5) / 127.5, weights["conv1.weight"], padding=1)
    x = functional.prelu(norm(x, weights, "bn1"), weights["prelu.weight"])
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            at, stride = f"layer{stage}.{block}", 2 - block
            y = functional.conv2d(norm(x, weights, f"{at}.bn1"), weights[f"{at}.conv1.weight"], padding=1)
            y = functional.prelu(norm(y, weights, f"{at}.bn2"), weights[f"{at}.prelu.weight"])
            y = functional.conv2d(y, weights[f"{at}.conv2.weight"], stride=stride, padding=1)
            if block == 0:
                x = functional.conv2d(x, weights[f"{at}.downsample.0.weight"], stride=2)
                x = norm(x, weights, f"{at}.downsample.1")
            x = x + norm(y, weights, f"{at}.bn3")
    x = functional.linear(norm(x, weights, "bn2").flatten(1), weights["fc.weight"], weights["fc.bias"])
    return functional.normalize(norm(x, weights, "features"))


def adaface_by_hand(weights: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """Likewise; it takes blue first."""
    x = functional.conv2d((pixels.flip(1) - 127.5) / 127.5, weights["input_layer.0.weight"], padding=1)
    x = functional.prelu(norm(x, weights, "input_layer.1"), weights["input_layer.2.weight"])
    for block in range(8):
        at, stride = f"body.{block}", 1 + (block % 2 == 0)
        y = norm(x, weights, f"{at}.res_layer.0")
        y = functional.conv2d(y, weights[f"{at}.res_layer.1.weight"], padding=1)
        y = functional.prelu(norm(y, weights, f"{at}.res_layer.2"), weights[f"{at}.res_layer.3.weight"])
        y = functional.conv2d(y, weights[f"{at}.res_layer.4.weight"], stride=stride, padding=1)
        if f"{at}.shortcut_layer.0.weight" in weights:
            x = functional.conv2d(x, weights[f"{at}.shortcut_layer.0.weight"], stride=stride)
            x = norm(x, weights, f"{at}.shortcut_layer.1")
        else:
            x = functional.max_pool2d(x, 1, stride)
        x = x + norm(y, weights, f"{at}.res_layer.5")
    x = norm(x, weights, "output_layer.0").flatten(1)
    x = functional.linear(x, weights["output_layer.3.weight"], weights["output_layer.3.bias"])
    return functional.normalize(norm(x, weights, "output_layer.4"))


@pytest.mark.parametrize(
    ("family", "variant", "reference"),
    [("insightface", "iresnet-18", insightface_by_hand), ("adaface", "ir-18", adaface_by_hand)],
)
def test_published_weights_say_what_they_said(
    family: str, variant: str, reference: Callable[[dict[str, Tensor], Tensor], Tensor], tmp_path: Path
) -> None:
    weights = published_file(tmp_path / "w.pth", family, variant)
    if family == "adaface":  # its training files hold the class layer, too
        kept = {f"model.{name}": tensor for name, tensor in weights.items()} | {"head.kernel": torch.zeros(512, 9)}
        torch.save({"state_dict": kept}, tmp_path / "w.pth")
    pixels = torch.randint(0, 256, (2, 112, 112, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    expected = reference(weights, pixels.permute(0, 3, 1, 2).float())
    embedder = load_embedder(Path(f"{family}:{tmp_path / 'w.pth'}"), device="cpu")
    found, chances = embedder(pixels.numpy())
    assert chances is None
    assert found is not None
    torch.testing.assert_close(torch.from_numpy(found), expected, atol=2e-5, rtol=0)
    assert family in embedder.about
    # As a checkpoint it is the same, and training begins from its trunk.
    assert main(["convert", f"{family}:{tmp_path / 'w.pth'}", "--out", str(tmp_path / "net")]) == 0
    again, _ = load_embedder(tmp_path / "net", device="cpu")(pixels.numpy())
    assert again is not None
    torch.testing.assert_close(torch.from_numpy(again), expected, atol=2e-5, rtol=0)
    assert "photographs" in read_card(tmp_path / "net").training_data
    joint = build(variant=variant, predicted=PREDICTED, fused=FUSED, identities=5, margin="arcface")
    taken = take_over(joint, tmp_path / "net", ["trunk"])
    assert taken.new == ("attribute_branch", "fusion", "identity_branch")


def test_what_is_not_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = published_file(tmp_path / "w.pth", "insightface", "iresnet-18")
    cases = {
        "missing": None,
        "tensors alone": b"no tensors",
        "no first convolution": {"layer1.0.bn1.weight": torch.ones(64)},
        "no network of insightface": {name: tensor for name, tensor in weights.items() if "layer4.1" not in name},
        "that are none": weights | {"bn1.bias": torch.full((64,), torch.nan)},
        "no state dict": [1, 2],
        "first convolution": weights | {"conv1.weight": torch.ones(3)},
    }
    for said, content in cases.items():
        path = tmp_path / "other.pth"
        path.unlink(missing_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            torch.save(content, path)
        with pytest.raises(CheckpointError, match=said):
            load_published(path, "insightface")
    with pytest.raises(CheckpointError, match="first convolution"):
        load_published(tmp_path / "w.pth", "adaface")
    wrong = weights | {"fc.weight": torch.ones(512, 512)}
    torch.save(wrong, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"fc\.weight"):
        load_published(tmp_path / "other.pth", "insightface")
    for source in ("insightface:net.onnx", "net.pth"):
        assert main(["convert", source, "--out", str(tmp_path / "new")]) == 2
        assert "names no published weights" in capsys.readouterr().err
    assert main(["convert", f"insightface:{tmp_path / 'w.pth'}", "--out", str(tmp_path)]) == 2
    assert "other files" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("harmed",)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="state_dict by itself"):
        load_published(tmp_path / "evil.pth", "insightface")
    assert "harmed" not in capsys.readouterr().out


@pytest.mark.parametrize("fusion", ["none", "kronecker"])
@pytest.mark.parametrize("margin", MARGINS)
def test_every_margin_and_fusion_on_an_iresnet(fusion: str, margin: str, tmp_path: Path) -> None:
    network = build(
        variant="iresnet-18-quarter",
        predicted=PREDICTED,
        fused=FUSED,
        identities=4,
        fusion=fusion,
        margin=margin,
        size=32,
    )
    module = TrainingModule(network)
    batch = {
        "image": torch.randint(0, 256, (6, 32, 32, 3), dtype=torch.uint8),
        "identity": torch.tensor([0, 1, 2, 3, -1, 0]),
        "attributes": torch.randint(0, 2, (6, len(PREDICTED))).float(),
    }
    found = module.training_step(batch, 0)
    found["loss"].backward()
    missing = [name for name, part in network.named_parameters() if part.requires_grad and part.grad is None]
    assert not missing
    assert network.identity_branch is not None
    assert network.identity_branch.output_size == 512
    network.eval().save_pretrained(tmp_path / "net")
    again = Network.from_pretrained(tmp_path / "net")
    assert again.architecture == network.architecture
    one, two = (made.predict(batch["image"]).embeddings for made in (network, again))
    assert one is not None
    assert two is not None
    torch.testing.assert_close(one, two)
    with pytest.raises(ConfigError, match="global average pooling"):
        position_maps(again, again.preprocess(batch["image"]), ["Male"])


def test_a_margin_on_the_papers_trunk_is_learned_by_its_own_formula() -> None:
    network = build(variant="vgg19-quarter", arm="identity-only", identities=3, size=32, margin="cosface")
    images = torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8)
    identities = torch.tensor([0, 1, 2, 0])
    output = network(network.preprocess(images))
    assert output.hidden is not None
    assert output.identity_logits is not None
    assert network.centres is not None
    assert output.identity_logits.abs().max() <= 1 + 1e-6
    expected = cosine_margin_loss(output.hidden, network.centres, identities)
    found = TrainingModule(network).training_step({"image": images, "identity": identities}, 0)["identity_loss"]
    torch.testing.assert_close(found, expected.detach(), atol=1e-4, rtol=1e-4)


def test_the_last_scale_is_never_learned() -> None:
    network = build(variant="iresnet-18-quarter", arm="identity-only", identities=3, size=32)
    assert not TrainingModule(network).network.get_parameter("trunk.features.weight").requires_grad
    assert network.get_parameter("trunk.features.bias").requires_grad
    assert set(MARGINS) == {"none", *LOSSES}


def test_the_large_ones_run() -> None:
    for variant in ("iresnet-50", "iresnet-100", "ir-101"):
        network = build(variant=variant, arm="identity-only").eval()
        found = network.predict(torch.zeros((1, 112, 112, 3), dtype=torch.uint8)).embeddings
        assert found is not None
        assert found.shape == (1, 512)
        assert found.isfinite().all()


def test_what_an_iresnet_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batch normalisation"):
        build(variant="iresnet-18", arm="identity-only", batch_norm=False)
    with pytest.raises(ConfigError, match="unknown margin 'sphereface'"):
        build(variant="iresnet-18", arm="identity-only", margin="sphereface")
    with pytest.raises(CheckpointError, match="for a VGG-19"):
        load_imagenet(build(variant="iresnet-18-quarter", arm="identity-only", size=32), tmp_path / "vgg19.pth")
