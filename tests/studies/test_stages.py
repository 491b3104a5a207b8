"""The chain of the paper's stages on tiny stand-ins: what is taken over, resuming, switches, and what is missing."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from kronface.cli.main import main
from kronface.errors import CheckpointError, ConfigError, DataError
from kronface.network.checkpoint import read_config
from kronface.studies.stages import STAGES, stages
from kronface.studies.stand_ins import write_stand_ins

TINY: dict[str, Any] = {
    "variant": "vgg19-quarter",
    "size": 32,
    "epochs": 1,
    "batch_size": 8,
    "precision": "fp32",
    "workers": 0,
    "seed": 3,
}


class StoppedError(Exception):
    pass


def stop_at(start: str) -> Callable[[str, int, int], None]:
    def progress(stage: str, done: int, total: int) -> None:
        if stage.startswith(start) and done > 0:
            raise StoppedError

    return progress


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Eight people of CASIA's form, and six, four and four of CelebA's; three pictures of each."""
    root = tmp_path_factory.mktemp("stand-ins")

    def nothing(stage: str, done: int, total: int) -> None:
        pass

    return write_stand_ins(root, identities=8, images=3, seed=5, workers=1, progress=nothing)


@pytest.fixture(scope="module")
def finished(sets: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("chain")
    stages(out=out, casia=sets[0], celeba=sets[1], **TINY)
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_what_is_taken_over_is_bit_equal_and_the_rest_is_new(finished: Path) -> None:
    casia, celeba, joint = (finished / stage for stage in STAGES)
    before, start = weights(casia / "last"), weights(celeba / "start")
    trunk = [name for name in before if name.startswith("trunk.")]
    assert len(trunk) == 16 * 7
    assert all(torch.equal(before[name], start[name]) for name in trunk)
    assert start["identity_branch.hidden.weight"].shape == (1024, 128 * 10)
    before, start = weights(celeba / "last"), weights(joint / "start")
    assert set(before) == set(start)
    differ = {name for name in before if before[name].shape != start[name].shape or not before[name].equal(start[name])}
    assert differ == {"identity_branch.logits.weight", "identity_branch.logits.bias"} or differ == {
        "identity_branch.logits.weight"  # biases are all zero, but of another number of people
    }
    assert start["identity_branch.logits.weight"].shape == (8, 1024)
    assert before["identity_branch.logits.weight"].shape == (6, 1024)
    # Training has moved everything, and each card says what it began with.
    assert not weights(joint / "last")["attribute_branch.hidden.weight"].equal(before["attribute_branch.hidden.weight"])
    card = read_config(joint / "last")["card"]["training"]
    assert card["start"] == read_config(celeba / "last")["fingerprint"]
    assert card["start_parts"] == ("taken over: trunk, attribute branch, fusion, identity branch; new: class layer")


def test_the_report_says_what_each_stage_is_worth(finished: Path) -> None:
    content = json.loads((finished / "stages.json").read_text())
    assert [entry["stage"] for entry in content["stages"]] == ["1-imagenet", *STAGES]
    first, casia, celeba, joint = content["stages"]
    assert first["rank1_difference"] is None
    assert not first["attributes"]
    assert not casia["attributes"]
    assert casia["not_as_in_the_recipe"]["epochs"] == 1
    assert "schedule" not in casia["not_as_in_the_recipe"]
    results = {stage: json.loads((finished / "results" / f"{stage}.json").read_text()) for stage in STAGES}
    assert celeba["rank1"]["value"] == results["3-celeba"]["rank1"]
    assert not celeba["drift"]
    assert joint["drift"]
    for name, part in joint["drift"].items():
        if name.startswith("mean"):
            continue
        one, two = (results[stage]["attributes"][name]["balanced_accuracy"] for stage in STAGES[1:])
        assert part["value"] == pytest.approx(two - one)
        assert part["low"] <= part["value"] <= part["high"]
    text = (finished / "stages.txt").read_text()
    assert "random weights" in text
    assert "Drift of balanced accuracy from 3-celeba to 4-casia-joint" in text
    assert "42 images of 14 people, Small" in text
    page = (finished / "report.html").read_text()
    assert "Drift of attributes" in page
    assert page.index("Stages") < page.index("Identification")


def test_a_killed_chain_goes_on_bit_for_bit(finished: Path, sets: tuple[Path, Path], tmp_path: Path) -> None:
    options = {"out": tmp_path, "casia": sets[0], "celeba": sets[1], **TINY}
    for place in ("2-casia training", "3-celeba embedding", "4-casia-joint training"):
        with pytest.raises(StoppedError):
            stages(**options, progress=stop_at(place))
    assert "3-celeba was finished already" in stages(**options)
    for stage in STAGES:
        straight, stopped = (run / stage / "last" / "model.safetensors" for run in (finished, tmp_path))
        assert straight.read_bytes() == stopped.read_bytes(), stage
    one, two = (json.loads((run / "stages.json").read_text())["stages"] for run in (finished, tmp_path))
    assert one == two


def test_a_finished_chain_needs_nothing_and_forbids_other_options(
    finished: Path, sets: tuple[Path, Path], tmp_path: Path
) -> None:
    before = (finished / "4-casia-joint" / "last" / "model.safetensors").stat().st_mtime_ns
    said = stages(out=finished, casia=sets[0], celeba=sets[1], **TINY, progress=stop_at(""))
    assert "2-casia was finished already" in said
    assert (finished / "4-casia-joint" / "last" / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="epochs was 1, now 2"):
        stages(out=finished, casia=sets[0], celeba=sets[1], **(TINY | {"epochs": 2}))
    # A stage that was run anew from other weights does not pass as what the next one began with.
    other = tmp_path / "other"
    shutil.copytree(finished, other)
    shutil.rmtree(other / "2-casia")
    shutil.copytree(other / "3-celeba" / "start", other / "2-casia" / "last")
    shutil.copy(finished / "2-casia" / "config.yaml", other / "2-casia" / "config.yaml")
    (other / "2-casia" / "summary.txt").write_text("as if")
    with pytest.raises(ConfigError, match="started from other weights"):
        stages(out=other, casia=sets[0], celeba=sets[1], **TINY)


def test_freezing_and_replaying_are_switches(finished: Path, sets: tuple[Path, Path], tmp_path: Path) -> None:
    for stage in STAGES[:2]:
        shutil.copytree(finished / stage, tmp_path / stage)
    options = {"out": tmp_path, "casia": sets[0], "celeba": sets[1], **TINY}
    said = stages(**options, freeze_attributes=True)
    assert "the attribute branch was frozen" in said
    before, after = (weights(tmp_path / stage / "last") for stage in STAGES[1:])
    branch = [name for name in before if name.startswith("attribute_branch.")]
    assert len(branch) == 11
    assert all(before[name].equal(after[name]) for name in branch)  # the statistics of its normalisation are among them
    assert not before["trunk.features.0.weight"].equal(after["trunk.features.0.weight"])
    shutil.rmtree(tmp_path / "4-casia-joint")
    said = stages(**options, replay_share=0.25)
    assert "25% of each batch" in said
    history = (tmp_path / "4-casia-joint" / "metrics.csv").read_text().splitlines()
    row = dict(zip(history[0].split(","), history[1].split(","), strict=True))
    assert float(row["attribute_loss"]) > 0
    assert row["step"] == "4"  # 24 images of CASIA, six of them in each batch
    config = yaml.safe_load((tmp_path / "4-casia-joint" / "config.yaml").read_text())
    assert config["replay"] == str(sets[1])
    data = read_config(tmp_path / "4-casia-joint" / "last")["card"]["training_data"]
    assert "replayed for their attributes: 18 images of celeba" in data
    assert "the checkpoint it started from, on celeba: 6 identities" in data


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ("--casia", "--celeba", "[0-9]*/", "img_align_celeba/", "list_attr_celeba.txt", "request")),
        ({"casia": Path("x")}, ("CelebA by --celeba",)),
        ({"data": "synth", "casia": Path("x")}, ("--casia belongs to --data files",)),
        ({"casia": Path("x"), "celeba": Path("y"), "images": 2}, ("--images belongs to --data synth",)),
        ({"data": "synth", "replay_share": 1.0}, ("replay_share",)),
        ({"data": "synth", "identities": 1}, ("identities",)),
    ],
)
def test_missing_data_is_named(tmp_path: Path, options: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        stages(out=tmp_path / "run", **options)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_incomplete_data_is_found_before_anything_is_trained(sets: tuple[Path, Path], tmp_path: Path) -> None:
    celeba = tmp_path / "celeba"
    shutil.copytree(sets[1], celeba)
    (celeba / "identity_CelebA.txt").unlink()
    (celeba / "img_align_celeba" / "000002.jpg").unlink()
    with pytest.raises(DataError) as caught:
        stages(out=tmp_path / "run", casia=sets[0], celeba=celeba, **TINY)
    assert re.search(r"identity_CelebA.txt is missing: ask its owners.*put it into.*1 are missing", str(caught.value))
    with pytest.raises(DataError, match="is not a folder"):
        stages(out=tmp_path / "run", casia=tmp_path / "nowhere", celeba=sets[1], **TINY)
    with pytest.raises(ConfigError, match="3-celeba: batch_size is 20, but there are 18 training images"):
        stages(out=tmp_path / "run", casia=sets[0], celeba=sets[1], **(TINY | {"batch_size": 20}))
    with pytest.raises(CheckpointError, match=r"vgg\.pth does not exist"):
        stages(out=tmp_path / "run", casia=sets[0], celeba=sets[1], **TINY, imagenet=tmp_path / "vgg.pth")
    assert not (tmp_path / "run").exists()


def test_stand_ins_are_rendered_where_they_are_asked_for(tmp_path: Path) -> None:
    plain = {name: value for name, value in TINY.items() if name not in ("epochs", "workers")} | {"batch_size": 4}
    with pytest.raises(StoppedError):
        stages(
            out=tmp_path,
            data="synth",
            identities=4,
            images=2,
            workers=1,
            progress=stop_at("2-casia training"),
            **plain,
        )
    stand_ins = tmp_path / "stand-ins"
    assert (stand_ins / "casia" / "CASIA-WebFace" / "9000004" / "002.jpg").is_file()
    assert len((stand_ins / "celeba" / "identity_CelebA.txt").read_text().splitlines()) == (3 + 4 + 4) * 2
    config = yaml.safe_load((tmp_path / "2-casia" / "config.yaml").read_text())
    assert (config["attribute_weight"], config["epochs"], config["arm"]) == (20.0, 10, "identity-only")


def test_the_command_line_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "stages"]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("kronface: data sets are missing, name CASIA-WebFace by --casia")
    assert "\n" not in said
