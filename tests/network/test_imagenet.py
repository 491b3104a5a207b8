"""ImageNet weights in torchvision's layout against an independent forward pass of the same file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from kronface import Network
from kronface.errors import CheckpointError
from kronface.network.imagenet import load_imagenet
from kronface.network.variants import build

CONVOLUTIONS = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M")


def torchvision_weights(batch_norm: bool) -> dict[str, Tensor]:
    """A state dict with the keys, shapes and order of torchvision's files, weights random."""
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, Tensor] = {}
    index, channels = 0, 3
    for entry in CONVOLUTIONS:
        if isinstance(entry, str):
            index += 1
            continue
        scale = (2 / (9 * channels)) ** 0.5
        weights[f"features.{index}.weight"] = torch.randn(entry, channels, 3, 3, generator=generator) * scale
        weights[f"features.{index}.bias"] = torch.randn(entry, generator=generator) * 0.1
        if batch_norm:
            weights[f"features.{index + 1}.weight"] = torch.rand(entry, generator=generator) + 0.5
            weights[f"features.{index + 1}.bias"] = torch.randn(entry, generator=generator) * 0.1
            weights[f"features.{index + 1}.running_mean"] = torch.randn(entry, generator=generator) * 0.1
            weights[f"features.{index + 1}.running_var"] = torch.rand(entry, generator=generator) + 0.5
            weights[f"features.{index + 1}.num_batches_tracked"] = torch.tensor(7)
        index += 3 if batch_norm else 2
        channels = entry
    weights["classifier.0.weight"] = torch.zeros(2, 2)
    return weights


def independent_forward(weights: dict[str, Tensor], pixels: np.ndarray, batch_norm: bool) -> Tensor:
    """The file's network up to the last convolution, from the publisher's recipe: scale to [0, 1], then normalise."""
    scaled = pixels.astype(np.float32) / 255
    mean, std = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
    normalised = (scaled - mean) / std
    x = torch.from_numpy(normalised.transpose(0, 3, 1, 2).copy())
    index = 0
    for entry in CONVOLUTIONS[:-1]:
        if entry == "M":
            x = functional.max_pool2d(x, 2, 2)
            index += 1
            continue
        x = functional.conv2d(x, weights[f"features.{index}.weight"], weights[f"features.{index}.bias"], padding=1)
        if batch_norm:
            norm = f"features.{index + 1}"
            centre, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
            scale, shift = weights[f"features.{index + 1}.weight"], weights[f"features.{index + 1}.bias"]
            x = (x - centre[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
            x = x * scale[:, None, None] + shift[:, None, None]
        x = x.clamp(min=0)
        index += 3 if batch_norm else 2
    return x.flatten(2).mean(2)


def identity_only(**settings: object) -> Network:
    return build(arm="identity-only", identities=2, size=32, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("file_norm", [True, False])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_loaded_trunk_equals_the_files_own_forward_pass(tmp_path: Path, file_norm: bool, suffix: str) -> None:
    weights = torchvision_weights(file_norm)
    path = tmp_path / f"vgg{suffix}"
    if suffix == ".pth":
        torch.save(weights, path)
    else:
        save_file(weights, path)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    expected = independent_forward(weights, pixels, file_norm)
    for trunk_norm in (True, False) if not file_norm else (True,):
        network = identity_only(batch_norm=trunk_norm).eval()
        load_imagenet(network, path)
        with torch.inference_mode():
            face = network.forward_trunk(network.preprocess(torch.from_numpy(pixels)))
        # A fresh batch normalisation divides by sqrt(1 + 1e-5), sixteen times.
        np.testing.assert_allclose(face.numpy(), expected.numpy(), rtol=2e-4, atol=1e-5)
        assert network.preprocessing["mean"] == pytest.approx([123.675, 116.28, 103.53])


def test_preprocessing_survives_saving(tmp_path: Path) -> None:
    save_file(torchvision_weights(True), tmp_path / "vgg.safetensors")
    network = identity_only()
    load_imagenet(network, tmp_path / "vgg.safetensors")
    network.save_pretrained(tmp_path / "saved")
    assert Network.from_pretrained(tmp_path / "saved").preprocessing == network.preprocessing


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("unpickled",))


def test_files_that_do_not_fit_are_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = {
        name: tmp_path / f"{name}.pth" for name in ("missing", "text", "evil", "other", "bn", "cut", "odd", "keys")
    }
    paths["text"].write_text("hello, no weights here")
    torch.save({"features.0.weight": Evil()}, paths["evil"])
    torch.save({"conv1.weight": torch.zeros(1)}, paths["other"])
    torch.save(torchvision_weights(True), paths["bn"])
    plain = torchvision_weights(False)
    del plain["features.34.weight"], plain["features.34.bias"]
    torch.save(plain, paths["cut"])
    torch.save(torchvision_weights(False) | {"features.norm.weight": torch.zeros(1)}, paths["odd"])
    torch.save({1: torch.zeros(1)}, paths["keys"])
    network = identity_only()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for name in ("missing", "text", "evil", "other", "cut", "odd", "keys"):
        with pytest.raises(CheckpointError, match=name) as caught:
            load_imagenet(network, paths[name])
        assert "\n" not in str(caught.value)
        assert "weights_only" not in str(caught.value)  # PyTorch's advice to switch it off is not passed on
    with pytest.raises(CheckpointError, match="another architecture"):
        load_imagenet(identity_only(variant="vgg19-half"), paths["bn"])
    with pytest.raises(CheckpointError, match="batch_norm"):
        load_imagenet(identity_only(batch_norm=False), paths["bn"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert "unpickled" not in capsys.readouterr().out
