"""Networks that are handed out: halved, calibrated, measured, and found by their names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kronface.cli.main import main
from kronface.evaluation.open_set import Calibration
from kronface.faces.detect import YuFaceDetector
from kronface.network.checkpoint import CALIBRATION, ModelCard, read_card
from kronface.network.network import Network
from kronface.network.variants import build
from kronface.runtime import load
from kronface.runtime.calibrate import load_calibration
from kronface.runtime.embedder import Embedder, NetworkEmbedder
from kronface.runtime.extract import extract
from kronface.studies.pretraining.recipe import PretrainingRecipe
from kronface.studies.pretraining.release import HeldOut, OnPhotographs, card_notes, release, rendered_people
from kronface.synth.export import write_folder
from kronface.synth.settings import Rendering


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> HeldOut:
    """Rendered people of both worlds."""
    root = tmp_path_factory.mktemp("people")
    for seed, (name, world) in enumerate({"calibration": "usual", "test": "usual", "shifted": "shifted"}.items()):
        rendering = Rendering(max_yaw_rad=0.3, world=world)
        write_folder(root / name, identities=24 if seed == 0 else 8, images=2, seed=50 + seed, rendering=rendering)
    return HeldOut(root / "calibration", root / "test", root / "shifted")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of the kind that pretraining leaves, whose logits are far too sure."""
    out = tmp_path_factory.mktemp("trained")
    network = replace(PretrainingRecipe(), size=32, embedding_size=16).network().train()
    rng = np.random.default_rng(0)
    with torch.no_grad():
        network(network.preprocess(torch.from_numpy(rng.integers(0, 256, (16, 32, 32, 3), np.uint8))))
        assert network.attribute_branch is not None
        network.attribute_branch.logits.weight.mul_(30)
    card = ModelCard("rendered people; then others; then others", "Apache-2.0", {"rounds": 1}, seen=("facescrub",))
    network.eval().save_pretrained(out, card=card)
    return out


def measured_on_photographs(embedder: Embedder, thresholds: Calibration) -> OnPhotographs:
    assert thresholds.calibrated_on >= 20
    assert embedder.size == 32
    scores = tuple(tuple(1 - 0.5 * (1 - score) for score in row) for row in thresholds.scores)
    figures: dict[str, object] = {
        "rank1": 0.25,
        "enrolled": 3,
        "fpir_untightened": 0.4,
        "tightened": 0.5,
        "fpir": 0.1,
        "fnir": 0.5,
    }
    return OnPhotographs(figures, replace(thresholds, scores=scores), temperature=0.5)


@pytest.fixture(scope="module")
def released(trained: Path, people: HeldOut, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("weights") / "distilled"
    release(trained, out, name="distilled", people=people, development=measured_on_photographs)
    return out


def test_what_is_handed_out(trained: Path, people: HeldOut, released: Path) -> None:
    stored = load_file(released / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values() if tensor.ndim > 1} == {torch.float16}
    assert (released / "model.safetensors").stat().st_size < 0.6 * (trained / "model.safetensors").stat().st_size
    embedder = NetworkEmbedder.from_pretrained(released, device="cpu")
    thresholds = load_calibration(released / CALIBRATION, embedder.fingerprint)
    assert thresholds.fpir == 0.05
    assert min(min(row) for row in thresholds.scores) >= 0.4  # half as far from 1 as they were measured
    card = read_card(released)
    assert card.seen == ("facescrub",)
    assert card.training_data == "rendered people; then others"
    assert card.figures["development_rank1"] == 0.25
    assert 0 <= card.figures["rank1_without_fusion"] <= 1
    text = (released / "README.md").read_text()
    for said in (
        "fusion removed",
        "FPIR was 0.4",
        "scaled by 0.5",
        "FPIR on the same photographs is 0.1",
        "Groups of people",
        "must not be measured",
        "multiplied by 0.5",
        "| Male |",
        "Limits",
    ):
        assert said in text
    # Probabilities mean more than before on the people that they were fitted to.
    known = rendered_people(people.calibration)
    labels = known.labels(embedder.predicted)
    errors = []
    for folder in (trained, released):
        found = extract(known, NetworkEmbedder.from_pretrained(folder, device="cpu"), detector=YuFaceDetector())
        assert found.probabilities is not None
        male = embedder.predicted.index("Male")
        chance = np.where(labels[:, male] == 1, found.probabilities[:, male], 1 - found.probabilities[:, male])
        errors.append(-np.log(np.maximum(chance, 1e-6)).mean())
    assert errors[1] < errors[0] - 0.02


def test_the_same_figures_again(trained: Path, people: HeldOut, released: Path, tmp_path: Path) -> None:
    release(trained, tmp_path / "again", name="distilled", people=people, development=measured_on_photographs)
    for name in ("model.safetensors", "config.json", "README.md", CALIBRATION, "measured.json"):
        assert (tmp_path / "again" / name).read_bytes() == (released / name).read_bytes()


def test_a_network_without_a_fusion_is_refused(people: HeldOut, tmp_path: Path) -> None:
    build(variant="vgg19-quarter", arm="identity-only", size=32).save_pretrained(tmp_path / "net")
    with pytest.raises(Exception, match="no joint network with a fusion"):
        release(tmp_path / "net", tmp_path / "out", name="x", people=people)
    assert not (tmp_path / "out").exists()


def test_the_better_network_is_the_default(
    released: Path,
    folder_people: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo = str(next(folder_people.glob("*/*.jpg")))
    weights = tmp_path / "weights"
    monkeypatch.setattr(load, "WEIGHTS", weights)
    monkeypatch.chdir(tmp_path)
    assert main(["identify", photo, "--people", str(folder_people)]) == 2
    assert "run kronface demo here" in capsys.readouterr().err
    assert main(["identify", photo, "--people", str(folder_people), "--checkpoint", "rendered"]) == 2
    assert "has no network rendered" in capsys.readouterr().err
    for name, worth in {"rendered": 0.7, "distilled": 0.6}.items():
        network, card = Network.from_pretrained(released), read_card(released)
        with torch.no_grad():
            network.trunk.get_parameter("features.0.weight").mul_(1 + worth)
        network.save_pretrained(weights / name, card=replace(card, figures={"development_rank1": worth}, notes=""))
    assert list(load.shipped()) == ["rendered", "distilled"]
    for words, said in {(): "rendered", ("--checkpoint", "distilled"): "distilled"}.items():
        assert main(["identify", photo, "--people", str(folder_people), "--threshold", "0.5", *words]) == 0
        assert f"{weights / said}, " in capsys.readouterr().out
    assert main(["calibrate", str(folder_people)]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_card_without_photographs() -> None:
    measured = {
        "people": 2, "images": 4, "faces_not_found": 0, "rank1": 0.5, "rank1_interval": [0.4, 0.6],
        "rank1_without_fusion": 0.4, "rank1_shifted": 0.3, "open_set": None, "attributes": {}, "differentials": [],
    }  # fmt: skip
    thresholds = Calibration(0.05, (1,), (1,), ((0.5,),), 9)
    text = card_notes("rendered", ModelCard(), measured, thresholds)
    assert "photographs are new to it" in text
    assert "teacher" not in text
