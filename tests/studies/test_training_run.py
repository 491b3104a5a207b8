"""What `kronface train` adds around the training itself."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from safetensors.torch import load_file

from kronface.data.records import Records
from kronface.errors import ConfigError, KronfaceError
from kronface.files import no_progress
from kronface.network.checkpoint import read_card, read_config
from kronface.runtime import calibrate
from kronface.studies.training_run import train
from kronface.studies.training_source import RenderedSource, hold_out
from kronface.synth.settings import Rendering
from tests.data.sources import official
from tests.data.sources.packs import insightface, write_pack


def people(count: int) -> Records:
    rows = [(f"{k}/{i}.jpg", f"p{k:03d}") for k in range(count) for i in range(3)]
    return Records.from_columns(Path(), pl.DataFrame(rows, schema=["path", "identity"], orient="row"), name="folder")


def test_a_share_of_the_people_is_held_out_and_no_person_is_split() -> None:
    records = hold_out(people(50), 0.2, seed=1)
    train, validation = (records.select(split=name) for name in ("train", "validation"))
    assert (len(train.identities()), len(validation.identities())) == (40, 10)
    assert not set(train.identities()) & set(validation.identities())
    assert validation.identities() == hold_out(people(50), 0.2, seed=1).select(split="validation").identities()
    assert validation.identities() != hold_out(people(50), 0.2, seed=2).select(split="validation").identities()


def test_too_few_people_are_all_trained_on() -> None:
    assert len(hold_out(people(30), 0.1, seed=1).select(split="train").identities()) == 30


def test_impossible_shares() -> None:
    with pytest.raises(ConfigError, match="held_out"):
        hold_out(people(30), 1.0, seed=1)


class StoppedError(Exception):
    pass


def train_on_rendered(out: Path, *, workers: int = 0, stop_at: int | None = None, **options: object) -> str:
    def progress(stage: str, done: int, total: int) -> None:
        if stage.startswith("training") and done == stop_at:
            raise StoppedError

    plain: dict[str, object] = {
        "layout": "synth",
        "identities": 4,
        "images": 3,
        "variant": "vgg19-quarter",
        "size": 32,
        "epochs": 2,
        "batch_size": 4,
        "checkpoint_steps": 2,
        "precision": "fp32",
        "seed": 5,
        "without": "hats, flaws",
    }
    return train(out=out, workers=workers, progress=progress, **(plain | options))  # type: ignore[arg-type]


def test_training_on_rendered_people_goes_on_bit_for_bit(tmp_path: Path) -> None:
    said = train_on_rendered(tmp_path / "straight")
    assert "threshold for unknown people set on 4" in said
    with pytest.raises(StoppedError):
        train_on_rendered(tmp_path / "stopped", stop_at=5)
    train_on_rendered(tmp_path / "stopped", workers=1, without=["flaws", "hats"])
    for name in ("best", "last"):
        straight, stopped = (tmp_path / run / name / "model.safetensors" for run in ("straight", "stopped"))
        assert straight.read_bytes() == stopped.read_bytes(), name
    assert "finished" in train_on_rendered(tmp_path / "straight", workers=2)
    # A run of a version that knew nothing of a further option is the same run.
    config = tmp_path / "straight" / "config.yaml"
    config.write_text("".join(line for line in config.read_text().splitlines(True) if not line.startswith("redrawn")))
    assert "finished" in train_on_rendered(tmp_path / "straight")


@pytest.mark.parametrize("fresh", [False, True])
def test_only_fresh_training_people_are_rendered_again_and_again(fresh: bool) -> None:
    source = RenderedSource(
        identities=2,
        images=2,
        held_out=0.1,
        fresh=fresh,
        rendering=Rendering(),
        seed=5,
        workers=0,
        progress=no_progress,
    )
    assert len(source.records.select(split="validation").identities()) == 4
    faces = {
        split: source.dataset(
            split, size=16, attributes=["Male", "Smiling"], identities=(), augment=None, progress=no_progress
        )
        for split in ("train", "validation")
    }
    assert faces["validation"].in_memory
    assert not np.isnan(faces["validation"].records.labels(["Smiling"])).any()
    assert faces["train"].in_memory != fresh
    first, second = (faces["train"][epoch, 1]["image"] for epoch in (0, 1))
    assert bool((first == second).all()) != fresh


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"root": Path("x")}, "--root"),
        ({"aligned": True}, "--aligned"),
        ({"layout": "folder", "identities": None, "images": None}, "--root"),
        ({"layout": "folder", "root": Path("x"), "identities": 4, "images": None}, "--identities"),
        ({"layout": "vgg", "root": Path("x")}, "fgnet, ijb, synth"),
        ({"overlap": "removed"}, "--overlap belongs to data sets on disk"),
        ({"identities": 0}, "identities"),
        ({"held_out": 1.0}, "held_out"),
        ({"without": "hats,noses"}, "noses"),
        ({"label_noise": "much"}, "much"),
        ({"predicted": ["Attractive"], "fused": ["Attractive"]}, "Attractive"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        train_on_rendered(tmp_path / "run", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["variant", "margin", "fusion", "arm"])
def test_an_unknown_network_is_told_before_anybody_is_drawn(tmp_path: Path, option: str) -> None:
    stages: list[str] = []
    options: dict[str, Any] = {option: "nonsense", "identities": 4, "images": 3, "out": tmp_path / "run"}
    with pytest.raises(ConfigError, match=r"unknown .*'nonsense'"):
        train(layout="synth", progress=lambda stage, *_: stages.append(stage), **options)
    assert stages == []
    assert not (tmp_path / "run").exists()


def tiny(root: Path, out: Path, **more: Any) -> str:  # noqa: ANN401 - any option
    options: dict[str, Any] = {"variant": "vgg19-quarter", "size": 32, "epochs": 1, "batch_size": 8}
    return train(root=root, out=out, **(options | {"precision": "fp32", "augment": "none"} | more))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epochs", 0),
        ("batch_size", 800),
        ("workers", -1),
        ("seed", -1),
        ("attribute_weight", -1.0),
        ("learning_rate", math.inf),
        ("checkpoint_steps", 0),
        ("schedule", "linear"),
        ("max_bad_share", -1.0),
        ("embedding_size", 0),
        ("size", 100_000),
    ],
)
def test_what_cannot_begin_leaves_nothing_behind(
    celeba_people: Path, tmp_path: Path, option: str, value: object
) -> None:
    with pytest.raises(ConfigError, match=option):
        tiny(celeba_people, tmp_path / "run", **{option: value})
    assert not (tmp_path / "run").exists()


def test_a_run_that_never_reached_a_checkpoint_may_be_begun_with_other_options(
    celeba_people: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("epochs: 5\n")
    assert "trained" in tiny(celeba_people, tmp_path)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["epochs"] == 1
    with pytest.raises(ConfigError, match="epochs was 1, now 2"):
        tiny(celeba_people, tmp_path, epochs=2)


def test_a_run_killed_before_its_thresholds_were_set_gets_them(
    celeba_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> str:
        raise SystemExit(9)

    with monkeypatch.context() as patch:
        patch.setattr(calibrate, "calibrate_checkpoint", killed)
        with pytest.raises(SystemExit):
            tiny(celeba_people, tmp_path)
    weights = (tmp_path / "last" / "model.safetensors").read_bytes()
    history = (tmp_path / "metrics.csv").read_bytes()
    assert "threshold" in tiny(celeba_people, tmp_path)
    assert all((tmp_path / name / "calibration.json").is_file() for name in ("best", "last"))
    assert (tmp_path / "last" / "model.safetensors").read_bytes() == weights
    assert (tmp_path / "metrics.csv").read_bytes() == history
    assert "finished" in tiny(celeba_people, tmp_path)


def test_training_on_a_pack(tmp_path: Path) -> None:
    root = write_pack(tmp_path / "pack", insightface((3,) * 8))
    said = tiny(root, tmp_path / "run", layout="recordio", arm="identity-only", held_out=0.5, workers=1)
    assert "training set: 12 images of 4 people, Small by the paper's rule" in said
    assert "threshold for unknown people" in said
    card = read_config(tmp_path / "run" / "last")["card"]
    assert card["training"]["scale"] == "Small"
    assert card["training_data"] == "recordio: 4 identities, 12 images of pack"
    with pytest.raises(ConfigError, match="--official does not belong to the layout recordio"):
        tiny(root, tmp_path / "other", layout="recordio", official=True)


def test_training_without_some_people(tmp_path: Path) -> None:
    root = official.write_casia(tmp_path / "casia")
    lines = [
        f"0\t{person}/{image:03d}.jpg\t0\t0\t0\t9\t9\t30\t60\t45\t33\t57\t40\t40\t60\t80\t80"
        for person, count in official.CASIA.items()
        for image in range(1, count + 1)
    ]
    (root / "train.lst").write_text("\n".join(lines))
    options = {"layout": "casia", "arm": "identity-only", "batch_size": 2}
    said = tiny(root, tmp_path / "all", **options)
    assert "training set: 9 images of 5 people" in said
    assert "note: with 1 people who are also FaceScrub probes" in said
    said = tiny(root, tmp_path / "removed", **options, overlap="removed")
    assert "training set: 6 images of 3 people" in said
    card = read_config(tmp_path / "removed" / "best")["card"]
    assert card["training_data"].endswith("without people whom FaceScrub's probes or LFW show")
    with pytest.raises(ConfigError, match="overlap was as-paper, now removed"):
        tiny(root, tmp_path / "all", **options, overlap="removed")


def test_attributes_are_learned_without_identities(tmp_path: Path) -> None:
    root = official.write_celeba_csv(tmp_path / "mirror")
    with pytest.raises(ConfigError, match="does not say who anybody is: choose --arm attributes-only"):
        tiny(root, tmp_path / "run", layout="celeba-csv", batch_size=2)
    said = tiny(root, tmp_path / "run", layout="celeba-csv", arm="attributes-only", batch_size=2)
    assert "validation balanced accuracy" in said or "trained" in said


def test_starting_from_a_checkpoint(celeba_people: Path, tmp_path: Path) -> None:
    tiny(celeba_people, tmp_path / "first", arm="identity-only")
    begins = {"start": tmp_path / "first" / "last", "take": ["trunk"]}
    config = tmp_path / "first" / "last" / "config.json"  # whose training saw LFW's people, by a teacher
    config.write_text(config.read_text().replace('"seen": []', '"seen": ["lfw"]'))
    said = tiny(celeba_people, tmp_path / "second", **begins)
    assert "taken over: trunk; new: attribute branch, fusion, identity branch" in said
    before, start = (load_file(tmp_path / run / "model.safetensors") for run in ("first/last", "second/start"))
    assert all(tensor.equal(start[name]) for name, tensor in before.items() if name.startswith("trunk."))
    card = read_config(tmp_path / "second" / "last")["card"]
    assert all(read_card(tmp_path / "second" / name).seen == ("lfw",) for name in ("start", "best", "last"))
    assert card["training"]["start"] == read_config(tmp_path / "first" / "last")["fingerprint"]
    assert "the checkpoint it started from, on celeba: 6 identities" in card["training_data"]
    # The checkpoint may move and go, but not become another one.
    (tmp_path / "first").rename(tmp_path / "moved")
    assert "finished" in tiny(celeba_people, tmp_path / "second", **begins)
    begins["start"] = tmp_path / "moved" / "last"
    assert "finished" in tiny(celeba_people, tmp_path / "second", **begins)
    with pytest.raises(ConfigError, match="started from other weights"):
        tiny(celeba_people, tmp_path / "second", start=tmp_path / "second" / "last", take=["trunk"])
    with pytest.raises(ConfigError, match="take was"):
        tiny(celeba_people, tmp_path / "second")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"take": ["trunk"]}, "--take names trunk, but no checkpoint to take it from"),
        ({"start": Path("x")}, "add --take trunk"),
        ({"start": Path("x"), "take": ["trunk"], "imagenet": Path("y")}, "leave one of them out"),
        ({"start": Path("x"), "take": ["trunk"]}, "x is not a checkpoint"),
        ({"freeze": ["fusion", "head"]}, "--freeze names head"),
        ({"replay": Path("x"), "replay_layout": "vgg"}, "unknown replay_layout"),
        ({"replay": Path("x")}, "x is not a folder"),
        ({"arm": "identity-only", "replay": "people"}, "--replay teaches attributes"),
        ({"replay": "people", "replay_share": 0.0}, "replay_share"),
    ],
)
def test_beginnings_that_do_not_fit(
    celeba_people: Path, tmp_path: Path, options: dict[str, object], words: str
) -> None:
    if options.get("replay") == "people":
        options = options | {"replay": celeba_people}
    with pytest.raises(KronfaceError, match=words):
        tiny(celeba_people, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_set_without_labels_needs_a_taught_branch_or_a_teacher(
    folder_people: Path, celeba_people: Path, tmp_path: Path
) -> None:
    plain = {"layout": "folder", "predicted": ["Male", "Young"], "fused": ["Male"]}
    with pytest.raises(ConfigError, match="has no labels of the attribute Male"):
        tiny(folder_people, tmp_path / "run", **plain)
    said = tiny(folder_people, tmp_path / "taught", **plain, replay=celeba_people, replay_share=0.5)
    assert "nothing taught" not in said
    begins = {"start": tmp_path / "taught" / "last", "take": ["trunk", "attribute_branch"]}
    said = tiny(folder_people, tmp_path / "begun", **plain, **begins)
    assert "note: no labels of Male, Young: nothing taught the attribute branch these" in said
