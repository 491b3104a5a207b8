"""Training: all arms learn, a killed run goes on bit for bit, missing labels do no harm."""

import csv
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from kronface import Network
from kronface.data.augment import Augment
from kronface.data.dataset import FaceDataset
from kronface.data.records import Records
from kronface.errors import CheckpointError, ConfigError
from kronface.network.variants import ARMS, build
from kronface.training.fit import fit

PREDICTED = ("Male", "Young")


def toy_faces(people: int = 6, images: int = 8, *, offset: int = 0, size: int = 16) -> FaceDataset:
    """Squares whose colour is the person, whose brightness is Male; every third Young label is missing."""
    rows = []
    faces = np.zeros((people * images, size, size, 3), np.uint8)
    for person in range(people):
        rng = np.random.default_rng(person + offset)
        colour = rng.integers(60, 200, 3)
        for image in range(images):
            row = person * images + image
            male = person % 2
            noise = np.random.default_rng([person + offset, image]).integers(-15, 15, (size, size, 3))
            faces[row] = np.clip(colour + 40 * male + noise, 0, 255)
            young = None if row % 3 == 0 else int(colour[0] > 128)
            rows.append((f"{row}.png", f"p{person + offset:03d}", male, young))
    table = pl.DataFrame(rows, schema=["path", "identity", "Male", "Young"], orient="row")
    records = Records.from_columns(Path(), table, name="toy", attributes=PREDICTED)
    return FaceDataset(
        records,
        size=size,
        attributes=PREDICTED,
        identities=records.identities() if offset == 0 else (),
        faces=faces,
        augment=Augment() if offset == 0 else None,
    )


def toy_network(arm: str = "joint", **settings: object) -> Network:
    plain: dict[str, object] = {
        "variant": "vgg19-quarter",
        "arm": arm,
        "predicted": PREDICTED,
        "fused": ("Male",),
        "identities": 6,
        "size": 16,
        "seed": 1,
    }
    return build(**(plain | settings))  # type: ignore[arg-type]


def read_history(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return [
            {key: value for key, value in row.items() if key != "images_per_second"} for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_learns_and_leaves_its_weights(tmp_path: Path, arm: str) -> None:
    network = toy_network(arm)
    history = fit(
        network,
        train=toy_faces(),
        validation=toy_faces(offset=50),
        out=tmp_path,
        epochs=4,
        batch_size=16,
        seed=3,
        precision="fp32",
    )
    assert len(history) == 4
    assert history[-1]["loss"] < history[0]["loss"]
    assert ("identity_loss" in history[0]) == (arm != "attributes-only")
    assert ("attribute_loss" in history[0]) == (arm != "identity-only")
    assert ("validation_rank1" in history[0]) == (arm != "attributes-only")
    assert read_history(tmp_path / "metrics.csv")[-1]["epoch"] == "4"
    last = Network.from_pretrained(tmp_path / "last")
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, last.state_dict()[name]), name
        assert torch.isfinite(tensor).all(), name
    assert (tmp_path / "best" / "model.safetensors").is_file()


def run_toy(out: Path, epochs: int = 3) -> None:
    fit(
        toy_network(),
        train=toy_faces(),
        validation=toy_faces(offset=50),
        out=out,
        epochs=epochs,
        batch_size=16,
        seed=3,
        schedule="cosine",
        checkpoint_steps=2,
        precision="fp32",
    )


KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from tests.training.test_fit import toy_faces, toy_network
    from kronface.training.fit import fit

    def die(stage, done, total):
        if done == {step}:
            os.kill(os.getpid(), signal.SIGKILL)

    fit(toy_network(), train=toy_faces(), validation=toy_faces(offset=50), out=Path({out!r}), epochs=3, batch_size=16,
        seed=3, schedule="cosine", checkpoint_steps=2, precision="fp32", progress=die)
"""


@pytest.mark.parametrize("step", [3, 6])
def test_a_killed_run_goes_on_bit_for_bit(tmp_path: Path, step: int) -> None:
    run_toy(tmp_path / "straight")
    root = Path(__file__).parents[2]
    script = textwrap.dedent(KILLED.format(tests=str(root), out=str(tmp_path / "killed"), step=step))
    ended = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert (tmp_path / "killed" / "last.ckpt").is_file()
    assert not (tmp_path / "killed" / "last").exists()
    run_toy(tmp_path / "killed")
    for name in ("best", "last"):
        straight, killed = (tmp_path / run / name / "model.safetensors" for run in ("straight", "killed"))
        assert straight.read_bytes() == killed.read_bytes(), name
    assert read_history(tmp_path / "straight" / "metrics.csv") == read_history(tmp_path / "killed" / "metrics.csv")


def test_same_seed_same_weights_other_seed_others(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run_toy(tmp_path / name, epochs=1)
    first, second = (tmp_path / name / "last" / "model.safetensors" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    fit(toy_network(), train=toy_faces(), out=tmp_path / "c", epochs=1, batch_size=16, seed=4, precision="fp32")
    assert (tmp_path / "c" / "last" / "model.safetensors").read_bytes() != first.read_bytes()


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    for damaged in (b"not a checkpoint", b"hello", b""):
        (tmp_path / "last.ckpt").write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"last\.ckpt cannot be read: delete it") as caught:
            run_toy(tmp_path)
        assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_network_is_named(tmp_path: Path) -> None:
    fit(toy_network("identity-only"), train=toy_faces(), out=tmp_path, epochs=1, batch_size=16, precision="fp32")
    with pytest.raises(CheckpointError, match=r"last\.ckpt belongs to another architecture"):
        run_toy(tmp_path)
    torch.save({"weights": 1}, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match=r"last\.ckpt is no training checkpoint"):
        run_toy(tmp_path)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 1}, "batch_size"),
        ({"batch_size": 1000}, "lower it"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"schedule": "linear"}, "cosine"),
        ({"device": "abacus"}, "abacus"),
        ({"precision": "fp8"}, "bf16"),
    ],
)
def test_impossible_settings(tmp_path: Path, settings: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        fit(toy_network(), train=toy_faces(), out=tmp_path, **settings)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--device cpu"):
        fit(toy_network(), train=toy_faces(), out=tmp_path, device="cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_training_on_a_gpu(tmp_path: Path) -> None:
    history = fit(toy_network(), train=toy_faces(), out=tmp_path, epochs=2, batch_size=16, device="cuda")
    assert history[-1]["loss"] < history[0]["loss"]


def test_progress_names_losses_speed_and_the_whole_length(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    fit(
        toy_network(),
        train=toy_faces(),
        out=tmp_path,
        epochs=2,
        batch_size=16,
        progress=lambda stage, done, total: seen.append((stage, done, total)),
        precision="fp32",
    )
    assert [(done, total) for _, done, total in seen] == [(step, 6) for step in range(1, 7)]
    assert all(word in seen[-1][0] for word in ("attribute loss", "identity loss", "images/s", "epoch 2 of 2"))


def test_bf16_trains_too(tmp_path: Path) -> None:
    history = fit(toy_network(), train=toy_faces(), out=tmp_path, epochs=2, batch_size=16, precision="bf16")
    assert np.isfinite(history[-1]["loss"])


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"loss is (nan|inf) at step \d+: lower --learning-rate"):
        fit(toy_network(), train=toy_faces(), out=tmp_path, epochs=3, batch_size=16, learning_rate=1e30)
    assert not (tmp_path / "last").exists()


def test_ctrl_c_ends_as_an_interrupt_and_the_run_goes_on_later(tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(toy_network(), train=toy_faces(), out=tmp_path, epochs=2, batch_size=16, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert len(fit(toy_network(), train=toy_faces(), out=tmp_path, epochs=2, batch_size=16)) == 2


@pytest.mark.parametrize("replay", [False, True])
def test_frozen_parts_stay_bit_for_bit_and_the_others_move(tmp_path: Path, replay: bool) -> None:
    network = toy_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    options: dict[str, object] = {"replay": toy_faces(offset=30)} if replay else {}
    fit(
        network,
        train=toy_faces(),
        validation=toy_faces(offset=50),  # whose end leaves the network in training mode
        out=tmp_path,
        epochs=2,
        batch_size=16,
        precision="fp32",
        freeze=["attribute_branch"],
        **options,  # type: ignore[arg-type]
    )
    same = {name for name, tensor in network.state_dict().items() if torch.equal(tensor, before[name])}
    assert same == {name for name in before if name.startswith("attribute_branch.")}
    assert {"attribute_branch.norm.running_mean", "attribute_branch.norm.num_batches_tracked"} <= same
    # A later training without the switch trains everything again, and calibrated probabilities do not outlive it.
    assert network.attribute_branch is not None
    network.attribute_branch.calibrate(torch.full_like(network.attribute_branch.slope, 2.0), torch.tensor(0.5))
    fit(network, train=toy_faces(), out=tmp_path / "later", epochs=1, batch_size=16, precision="fp32")
    after = network.state_dict()
    calibration = {"attribute_branch.slope", "attribute_branch.offset"}  # fitted apart from training
    assert {name for name in same if torch.equal(after[name], before[name])} == calibration


def unlabelled() -> FaceDataset:
    """People without any attribute label, as CASIA-WebFace has them."""
    known = toy_faces()
    nothing = pl.lit(None, dtype=pl.Int8)
    table = known.records.table.with_columns(nothing.alias(name) for name in PREDICTED)
    records = Records.from_columns(Path(), table, name="toy", attributes=PREDICTED)
    faces = np.stack([known[index]["image"].numpy() for index in range(len(known))])
    return FaceDataset(records, size=16, attributes=PREDICTED, identities=records.identities(), faces=faces)


def test_replayed_faces_teach_attributes_and_resume_bit_for_bit(tmp_path: Path) -> None:
    def run(out: Path, stop: int = 0, share: float = 0.25, epochs: int = 3) -> list[dict[str, float]]:
        def progress(stage: str, done: int, total: int) -> None:
            if done == stop:
                raise RuntimeError

        return fit(
            toy_network(),
            train=unlabelled(),
            replay=toy_faces(offset=30),
            replay_share=share,
            out=out,
            epochs=epochs,
            batch_size=16,
            seed=3,
            checkpoint_steps=2,
            precision="fp32",
            balance_labels=True,
            progress=progress,
        )

    history = run(tmp_path / "straight")
    assert [row["step"] for row in history] == [4, 8, 12]  # 48 images, twelve of a batch
    assert history[-1]["attribute_loss"] < history[0]["attribute_loss"]
    assert history[-1]["identity_loss"] < history[0]["identity_loss"]
    with pytest.raises(RuntimeError):
        run(tmp_path / "stopped", stop=7)
    run(tmp_path / "stopped")
    straight, stopped = (tmp_path / run / "last" / "model.safetensors" for run in ("straight", "stopped"))
    assert straight.read_bytes() == stopped.read_bytes()
    with pytest.raises(ConfigError, match=r"replay_share is 1\.0"):
        run(tmp_path / "whole", share=1.0)
    with pytest.raises(ConfigError, match="at least one image must be replayed"):
        run(tmp_path / "none", share=0.01)


def test_without_labels_or_replay_the_attribute_loss_is_nothing(tmp_path: Path) -> None:
    history = fit(toy_network(), train=unlabelled(), out=tmp_path, epochs=1, batch_size=16, precision="fp32")
    assert history[0]["attribute_loss"] == 0
    assert history[0]["identity_loss"] > 0


@pytest.mark.parametrize(
    ("arm", "freeze", "words"),
    [
        ("joint", ["head"], "--freeze names head"),
        ("identity-only", ["attribute_branch"], "which this arm does not have"),
        ("attributes-only", ["trunk", "attribute_branch"], "nothing is left to train"),
    ],
)
def test_what_cannot_be_frozen(tmp_path: Path, arm: str, freeze: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        fit(toy_network(arm), train=toy_faces(), out=tmp_path / "run", batch_size=16, freeze=freeze)
    assert not (tmp_path / "run").exists()
