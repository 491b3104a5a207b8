"""What is saved is what is loaded; what was tampered with, mixed up or cut is refused in one line."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from kronface import Network
from kronface.data.attributes import FUSED, PREDICTED
from kronface.errors import CheckpointError
from kronface.network.checkpoint import ModelCard, fingerprint
from kronface.network.trunk import Trunk
from kronface.network.variants import build


def small(seed: int = 0, predicted: tuple[str, ...] = PREDICTED) -> Network:
    return build(variant="vgg19-quarter", predicted=predicted, fused=FUSED, identities=5, size=32, seed=seed).eval()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    small().save_pretrained(folder, card=ModelCard("rendered people", "Apache-2.0", {"seed": 0}))
    return folder


def test_round_trip(saved: Path) -> None:
    images = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    loaded = Network.from_pretrained(saved)
    for before, after in zip(small().predict(images), loaded.predict(images), strict=True):
        assert before is not None
        assert after is not None
        assert torch.equal(before, after)
    assert not loaded.training
    assert (loaded.predicted, loaded.fused, loaded.size) == (PREDICTED, FUSED, 32)
    card = (saved / "README.md").read_text()
    assert fingerprint(loaded) in card
    assert "rendered people" in card


def test_fingerprint_covers_weights_preprocessing_and_attribute_lists() -> None:
    mark = fingerprint(small())
    assert mark == fingerprint(small())
    assert mark != fingerprint(small(seed=1))
    assert mark != fingerprint(small(predicted=tuple(reversed(PREDICTED))))
    shifted = small()
    shifted.mean.add_(1)
    assert mark != fingerprint(shifted)
    touched = small()
    with torch.no_grad():
        touched.get_parameter("trunk.features.0.weight").view(-1)[0].add_(1e-3)
    assert mark != fingerprint(touched)


def test_a_network_that_adds_mirror_images(tmp_path: Path) -> None:
    plain, network = small().eval(), small().eval()
    network.flip = True
    assert fingerprint(network) != fingerprint(plain)
    assert "flip" not in plain.preprocessing
    network.save_pretrained(tmp_path)
    loaded = Network.from_pretrained(tmp_path)
    assert loaded.flip
    faces = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    own, mirrored = (plain.predict(images) for images in (faces, faces.flip(2)))
    found = loaded.predict(faces)
    assert own.embeddings is not None
    assert mirrored.embeddings is not None
    assert found.embeddings is not None
    both = own.embeddings + mirrored.embeddings
    torch.testing.assert_close(found.embeddings, both / both.norm(dim=1, keepdim=True))
    torch.testing.assert_close(found.probabilities, own.probabilities)
    torch.testing.assert_close(loaded.predict(faces.flip(2)).embeddings, found.embeddings)


def test_fingerprint_does_not_depend_on_the_memory_format() -> None:
    assert fingerprint(small()) == fingerprint(small().to(memory_format=torch.channels_last))  # type: ignore[call-overload]


def refused(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Network.from_pretrained(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_and_damaged_folders(saved: Path, tmp_path: Path) -> None:
    assert "nowhere" in refused(tmp_path / "nowhere")
    shutil.copytree(saved, tmp_path / "run" / "best")
    assert str(tmp_path / "run" / "best") in refused(tmp_path / "run")
    weights = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(weights[:-100])
    assert "model.safetensors" in refused(saved)
    (saved / "model.safetensors").unlink()
    assert "missing" in refused(saved)
    (saved / "config.json").write_text("{")
    assert "config.json" in refused(saved)


def test_weights_of_another_architecture_or_attribute_list(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    small(predicted=FUSED).save_pretrained(other)
    shutil.copy(other / "model.safetensors", saved / "model.safetensors")
    assert "attribute_branch." in refused(saved)
    small(seed=1).save_pretrained(other)
    shutil.copy(other / "model.safetensors", saved / "model.safetensors")
    assert "do not belong together" in refused(saved)


def test_configuration_of_another_program(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {"format": "other/1"}))
    assert "kronface-network/2" in refused(saved)
    config["architecture"]["variant"] = "vgg16"
    (saved / "config.json").write_text(json.dumps(config))
    assert "vgg16" in refused(saved)


def test_configurations_that_lack_or_garble_something(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text())
    for key in ("fingerprint", "architecture", "preprocessing", "predicted", "fused", "card"):
        (saved / "config.json").write_text(json.dumps({name: config[name] for name in config if name != key}))
        assert key in refused(saved)
        (saved / "config.json").write_text(json.dumps(config | {key: 1}))
        assert key in refused(saved)
    (saved / "config.json").write_text(
        json.dumps(config | {"preprocessing": config["preprocessing"] | {"mean": "abc"}})
    )
    assert "config.json" in refused(saved)
    huge = config["architecture"] | {"identities": 10**12}  # no memory holds such a class layer
    (saved / "config.json").write_text(json.dumps(config | {"architecture": huge}))
    assert "config.json" in refused(saved)


def test_a_network_composed_by_hand_says_why_it_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="by hand"):
        Network(trunk=Trunk(width=4)).save_pretrained(tmp_path)


def test_thresholds_of_other_weights_do_not_outlive_them(saved: Path) -> None:
    (saved / "calibration.json").write_text("{}")
    small(seed=1).save_pretrained(saved)
    assert not (saved / "calibration.json").exists()


def test_half_precision_is_what_is_loaded_again(saved: Path, tmp_path: Path) -> None:
    network = small()
    mark = network.save_pretrained(tmp_path / "half", half=True)
    loaded = Network.from_pretrained(tmp_path / "half")
    assert fingerprint(loaded) == fingerprint(network) == mark
    assert mark != fingerprint(small())
    assert all(tensor.dtype != torch.float16 for tensor in loaded.state_dict().values())
    images = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    for before, after in zip(network.predict(images), loaded.predict(images), strict=True):
        assert before is not None
        assert after is not None
        assert torch.equal(before, after)
    full, half = ((folder / "model.safetensors").stat().st_size for folder in (saved, tmp_path / "half"))
    assert half < 0.52 * full
    with torch.no_grad():
        network.get_parameter("trunk.features.0.weight").view(-1)[0].fill_(1e6)
    with pytest.raises(CheckpointError, match="half precision"):
        network.save_pretrained(tmp_path / "large", half=True)
    assert not (tmp_path / "large").exists()
