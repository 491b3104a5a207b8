"""`kronface synth write`: the options of every layout."""

import json
from pathlib import Path

import pytest

from kronface.cli.main import main
from kronface.data.sources.folder import folder
from tests.cli.test_main import complaint


def write(out: Path, *more: str) -> list[str]:
    return ["synth", "write", str(out), "--identities", "2", "--images", "1", "--seed", "5", "--workers", "1", *more]


def manifest(out: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((out / "rendering.json").read_text())
    return content


def test_what_was_asked_for_is_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "set"
    more = ["--layout", "folder", "--aligned", "--max-yaw-rad", "0.5", "--redrawn", "--masks"]
    more += ["--label-noise", "flips", "--without", "hats,flaws"]
    assert main(write(out, *more)) == 0
    assert "2 people" in capsys.readouterr().out
    stored = manifest(out)
    assert {
        "max_yaw_rad": 0.5,
        "redrawn": True,
        "without": ["flaws", "hats"],
        "label_noise": "flips",
        "masks": True,
    }.items() <= stored.items()
    assert folder(out).identities() == ["person-00001", "person-00002"]
    assert (out / "masks/person-00002/0001.png").is_file()
    assert main(write(out, *more[:-1], "[hats, flaws]")) == 0  # the same in other words
    for change in (["--redrawn", "false"], ["--max-yaw-rad", "0.6"], ["--without", "hats"], ["--masks", "false"]):
        assert "other arguments" in complaint(capsys, *write(out, *more, *change))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--layout", "vgg"], "celeba, folder, megaface, casia, recordio"),
        (["--layout", "lfw"], "identities is 2: the layout lfw takes 4 to"),
        (["--layout", "ijb"], "images is 1: the layout ijb takes 2 to"),
        (["--layout", "recordio", "--aligned"], "--aligned"),
        (["--layout", "folder", "--test", "1"], "--validation and --test"),
        (["--layout", "celeba", "--probes", "2"], "--probes"),
        (["--layout", "megaface", "--aligned"], "--aligned"),
        (["--without", "hats,noses"], "noses"),
        (["--max-yaw-rad", "3"], "max_yaw_rad"),
        (["--label-noise", "much"], "much"),
        (["--workers", "0"], "workers"),
        (["--layout", "megaface", "--images", "1"], "leave distractors"),
    ],
)
def test_options_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], word: str
) -> None:
    assert word in complaint(capsys, *write(tmp_path / "out", *options))
    assert not (tmp_path / "out").exists()
