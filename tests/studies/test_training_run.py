"""What `kronface train` adds around the training itself."""

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from kronface.data.records import Records
from kronface.errors import ConfigError
from kronface.runtime import calibrate
from kronface.studies.training_run import _hold_out, train


def people(count: int) -> Records:
    rows = [(f"{k}/{i}.jpg", f"p{k:03d}") for k in range(count) for i in range(3)]
    return Records.from_columns(Path(), pl.DataFrame(rows, schema=["path", "identity"], orient="row"), name="folder")


def test_a_share_of_the_people_is_held_out_and_no_person_is_split() -> None:
    records = _hold_out(people(50), 0.2, seed=1)
    train, validation = (records.select(split=name) for name in ("train", "validation"))
    assert (len(train.identities()), len(validation.identities())) == (40, 10)
    assert not set(train.identities()) & set(validation.identities())
    assert validation.identities() == _hold_out(people(50), 0.2, seed=1).select(split="validation").identities()
    assert validation.identities() != _hold_out(people(50), 0.2, seed=2).select(split="validation").identities()


def test_too_few_people_are_all_trained_on() -> None:
    assert len(_hold_out(people(30), 0.1, seed=1).select(split="train").identities()) == 30


def test_impossible_shares() -> None:
    with pytest.raises(ConfigError, match="held_out"):
        _hold_out(people(30), 1.0, seed=1)


def tiny(root: Path, out: Path, **more: Any) -> str:  # noqa: ANN401 - any option
    options: dict[str, Any] = {"variant": "vgg19-quarter", "size": 32, "epochs": 1, "batch_size": 8}
    return train(root, out, **(options | {"precision": "fp32", "augment": "none"} | more))


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
