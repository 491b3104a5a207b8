"""The command line as a user meets it: options, help, one line and exit code 2 for mistakes, YAML configurations."""

import errno
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import kronface
from kronface.cli import identify
from kronface.cli.main import COMMANDS, build_command_parser, build_parser, config_first, flags, lists, main, normalise

ROOT = Path(__file__).parents[2]
RECIPES = {kind: sorted((ROOT / "recipes" / kind).rglob("*.yaml")) for kind in ("paper", "checkpoints")}


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a mistaken command leaves."""
    assert main(words) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    # Before it there may be progress; after it there is nothing.
    assert [line for line in lines if line.startswith("kronface: ")] == lines[-1:], captured.err
    assert "Traceback" not in captured.err
    return lines[-1]


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == kronface.__version__
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "folder", "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "--gallery-images" in text
    assert "--gallery_images" not in text


def test_options_are_typed_with_dashes_and_flags_stand_alone() -> None:
    known = flags(COMMANDS)
    assert {"aligned", "official", "decode", "batch_norm"} <= known
    given = ["evaluate", "folder", "R", "--gallery-images", "2", "--aligned", "--json", "a-b.json"]
    expected = ["evaluate", "folder", "R", "--gallery_images", "2", "--aligned=true", "--json", "a-b.json"]
    assert normalise(given, known) == expected
    assert normalise(["--aligned", "false"], known) == ["--aligned", "false"]
    assert normalise(["--draws=-1"], known) == ["--draws=-1"]
    for words in (["--sizes", "10,100"], ["--sizes=10,100"], ["--sizes", "[10,100]"]):
        assert normalise(["run", *words, "--aligned"], known, frozenset({"sizes"})) == [
            "run",
            "--sizes=[10,100]",
            "--aligned=true",
        ]


def test_options_on_the_line_win_over_a_file_wherever_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "options.yaml"
    file.write_text("arm: joint\nepochs: 3\n")
    options = ["--out", "o", "--arm", "identity-only"]
    for given in (["--config", str(file), *options], [*options, "--config", str(file)], [*options, f"--config={file}"]):
        parsed = build_parser().parse_args(config_first(["train", *given]))
        assert (parsed.train.arm, parsed.train.epochs) == ("identity-only", 3)
    assert config_first(["evaluate", "folder", "R", "--config"]) == ["evaluate", "folder", "R", "--config"]


def test_mistakes_in_the_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "nonsense" in complaint(capsys, "nonsense")
    assert "--help" in complaint(capsys, "evaluate", "folder")
    assert "--no-such" in complaint(capsys, "evaluate", "folder", "x", "--no-such", "1")
    assert "draws" in complaint(capsys, "evaluate", "folder", "x", "--draws", "many")
    assert "unknown layout" in complaint(capsys, "synth", "write", str(tmp_path / "o"), "--layout", "vgg")
    assert "unknown layout" in complaint(capsys, "data", "check", "vgg", str(tmp_path))


@pytest.mark.parametrize("content", [b"epochs: [1", b"\xff\xfe", b"", b"- a"])
def test_files_of_options_that_are_none_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "options.yaml"
    path.write_bytes(content)
    for words in (["--config", str(path)], [f"--config={path}"]):
        assert str(path) in complaint(capsys, "train", "--root", "r", "--out", str(tmp_path / "o"), *words)
    assert "not a file" in complaint(capsys, "train", "--config", str(tmp_path))


def test_the_advice_on_help_is_a_command_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert "(kronface identify --help" in complaint(capsys, "identify", "photo.jpg")
    assert "(kronface --help" in complaint(capsys, "nonsense")
    assert "(kronface evaluate --help" in complaint(capsys, "evaluate", "nonsense")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("evaluate arrays x --seed x", "--seed is x: it must be a whole number"),
        ("evaluate arrays x --seed 1.5", "--seed is 1.5: it must be a whole number"),
        ("evaluate arrays x --threads=two", "--threads is two: it must be a whole number"),
        ("evaluate arrays x --metric foo", "--metric is foo: it must be cosine or euclidean"),
        ("evaluate arrays x --sizes many", "--sizes is many: it must be a list of numbers, such as 1,2"),
        ("evaluate arrays x --sizes [1,a]", "--sizes is 1, a: it must be a list of numbers, such as 1,2"),
        ("evaluate bin x --max-bad-share much", "--max-bad-share is much: it must be a number"),
        ("identify p.jpg --people x --threshold high", "--threshold is high: it must be a number"),
        ("train --root r --out o --predicted 3", "--predicted is 3: it must be a list, such as a,b"),
        ("train --root r", "missing: --out"),
        ("identify p.jpg", "missing: --people"),
        ("evaluate arrays", "missing: probes"),
        ("evaluate", "say what to evaluate: folder, arrays, "),
        ("evaluate nonsense", "nonsense is no command: choose from folder, arrays, "),
        ("nonsense", "nonsense is no command: choose from demo, synth, "),
        ("evaluate bin x --json", "--json: expected one argument"),
        ("evaluate arrays x --no-such-option 3", "unrecognized arguments: --no-such-option 3"),
    ],
)
def test_mistakes_in_the_options_are_said_in_plain_words(
    capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    message = complaint(capsys, *words.split())
    assert message.removeprefix("kronface: ").removeprefix("argument ").startswith(said)
    assert "--help shows the options)" in message
    for python in ("class", "typing", "Union", "NoneType", "Parser key", "subcommand"):
        assert python not in message


def test_mistakes_in_a_file_of_options_are_said_in_plain_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "options.yaml"
    for content, said in {
        "epochs: many": "--epochs is many: it must be a whole number",
        "root: [1]": "--root is [1]: it must be a path",
        "predicted: Male": "--predicted is Male: it must be a list",
        "batch_norm: 2": "--batch-norm is 2: it must be true or false",
    }.items():
        path.write_text(content)
        assert said in complaint(capsys, "train", "--out", "o", "--config", str(path))


def test_only_commands_that_go_on_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    np.save(tmp_path / "f.npy", np.eye(3))
    (tmp_path / "people.txt").write_text("a\na\nb\n")
    arrays = ["evaluate", "arrays", str(tmp_path / "f.npy"), "--labels", str(tmp_path / "people.txt")]
    arrays += ["--distractors", str(tmp_path / "f.npy"), "--json", str(tmp_path / "r.json"), "--resamples", "5"]
    monkeypatch.setattr("kronface.files.os.fsync", interrupt)
    assert main(arrays) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "kronface: interrupted"
    assert main(["synth", "write", str(tmp_path / "out"), "--identities", "1", "--images", "1"]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "kronface: interrupted; the same command goes on from here"


def test_mistakes_in_the_data(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "empty" in complaint(capsys, "evaluate", "folder", "empty", "--checkpoint", "nowhere")
    assert "nowhere" in complaint(capsys, "data", "check", "celeba", "nowhere")
    assert "nowhere.jpg" in complaint(capsys, "identify", "nowhere.jpg", "--people", "empty")
    assert "nowhere.json" in complaint(capsys, "report", "nowhere.json")
    assert "no results files" in complaint(capsys, "report", "empty")
    assert "nowhere" in complaint(capsys, "train", "--root", "nowhere", "--out", "run")
    assert not (tmp_path / "run").exists()


def small_training(root: Path, out: Path, *more: str) -> list[str]:
    words = ["train", "--root", str(root), "--out", str(out), "--variant", "vgg19-quarter", "--size", "32"]
    return [*words, "--epochs", "1", "--batch-size", "8", "--precision", "fp32", *more]


def test_training_from_pictures_to_a_named_face(
    celeba_people: Path, folder_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(small_training(celeba_people, run)) == 0
    said = capsys.readouterr().out
    assert "threshold for unknown people set on 4" in said
    assert "training set: 24 images of 6 people, Small by the paper's rule" in said
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["epochs"], config["arm"]) == (1, "joint")

    assert main(small_training(celeba_people, run)) == 0
    assert "finished" in capsys.readouterr().out
    assert "learning_rate was" in complaint(capsys, *small_training(celeba_people, run, "--learning-rate", "0.1"))

    again = tmp_path / "again"
    assert main(["train", "--config", str(run / "config.yaml"), "--out", str(again)]) == 0
    for name in ("best", "last"):
        first, second = (folder / name / "model.safetensors" for folder in (run, again))
        assert first.read_bytes() == second.read_bytes()

    results = tmp_path / "results.json"
    words = ["evaluate", "folder", str(folder_people), "--checkpoint", str(run / "last"), "--json", str(results)]
    assert main([*words, "--draws", "2", "--resamples", "50"]) == 0
    assert "training set: 24 images of 6 people, Small by the paper's rule" in capsys.readouterr().out
    stored = json.loads(results.read_text())
    assert {"rank1", "rank1_low", "rank1_high", "cmc", "probes", "people", "faces_not_found"} <= set(stored)
    assert (stored["people"], stored["probes"]) == (6, 12)
    assert {"images": 24, "people": 6, "scale": "Small"}.items() <= stored["checkpoint"]["training"].items()
    assert main(["report", str(results), "--out", str(tmp_path / "report.html")]) == 0
    assert "rank-1" in (tmp_path / "report.html").read_text().lower()

    photo = next((folder_people / "person-00003").glob("*.jpg"))
    drawn = tmp_path / "drawn.png"
    words = ["identify", str(photo), "--people", str(folder_people), "--checkpoint", str(run / "last")]
    capsys.readouterr()
    assert main([*words, "--save", str(drawn), "--threshold", "-1"]) == 0
    text = capsys.readouterr().out
    assert "6 people enrolled" in text
    assert "Male" in text
    assert drawn.is_file()
    assert main(words) == 0
    assert "FPIR 0.05" in capsys.readouterr().out
    message = complaint(capsys, "identify", str(photo), "--people", str(folder_people), "--checkpoint", str(run))
    assert str(run / "best") in message


def test_what_fails_in_the_end_is_said_before_the_work(
    folder_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kronface.network.variants import build

    for arm in ("identity-only", "attributes-only"):
        network = build(variant="vgg19-quarter", arm=arm, predicted=["Male"], identities=3, size=32)
        network.save_pretrained(tmp_path / arm / "best")
    photo = str(next((folder_people / "person-00003").glob("*.jpg")))
    words = ["identify", photo, "--people", str(folder_people), "--checkpoint"]
    best = str(tmp_path / "identity-only" / "best")
    cases = {
        "calibration.json": [*words, best],
        "no identity branch": [*words, str(tmp_path / "attributes-only" / "best")],
        "ends in .jpg or .png": [*words, best, "--threshold", "0", "--save", str(tmp_path / "named.txt")],
        f"{tmp_path}: ": ["evaluate", "folder", str(folder_people), "--checkpoint", best, "--json", str(tmp_path)],
        "draws is 0": ["evaluate", "folder", str(folder_people), "--checkpoint", best, "--draws", "0"],
        "seed is -1": ["evaluate", "folder", str(folder_people), "--checkpoint", best, "--seed", "-1"],
    }
    for expected, given in cases.items():
        assert main(given) == 2
        error = capsys.readouterr().err
        assert expected in error
        assert len(error.strip().splitlines()) == 1, error  # no progress: nothing was embedded


def test_results_are_named_by_their_run_and_say_what_is_odd(
    folder_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kronface.network.variants import build

    build(variant="vgg19-quarter", arm="identity-only", identities=3, size=32).save_pretrained(
        tmp_path / "mine" / "best"
    )
    people = tmp_path / "people"
    for person in folder_people.iterdir():
        if person.is_dir():
            people.mkdir(exist_ok=True)
            (people / person.name).symlink_to(person)
    (people / "nobody").mkdir()
    words = ["evaluate", "folder", str(people), "--checkpoint", str(tmp_path / "mine" / "best")]
    assert main([*words, "--draws", "1", "--resamples", "20", "--json", str(tmp_path / "r.json")]) == 0
    assert "nobody" in capsys.readouterr().out
    assert json.loads((tmp_path / "r.json").read_text())["name"] == "mine/best"


def test_unknown_attributes_and_missing_gpus(
    celeba_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    words = small_training(celeba_people, tmp_path / "run", "--predicted", "[Male,Clever]", "--fused", "[Male]")
    assert "Clever" in complaint(capsys, *words)
    if not torch.cuda.is_available():
        assert "cuda" in complaint(capsys, *small_training(celeba_people, tmp_path / "run", "--device", "cuda"))
    assert not (tmp_path / "run").exists()


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kronface.files.os.fsync", full)
    message = complaint(capsys, "synth", "write", str(tmp_path / "out"), "--identities", "1", "--images", "1")
    assert "disk is full" in message
    assert str(tmp_path / "out") in message
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_data_check_of_rendered_people(celeba_people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "celeba", str(celeba_people)]) == 0
    text = capsys.readouterr().out
    assert "48" in text
    assert "complete" in text
    message = complaint(capsys, "data", "check", "celeba", str(celeba_people), "--official")
    assert "official" in message


def test_every_layout_is_listed_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    from kronface.data.sources import LAYOUTS

    assert main(["data", "layouts"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert [line.split()[0] for line in lines] == list(LAYOUTS)
    assert "Institute of Automation, Chinese Academy of Sciences" in lines[3]


@pytest.mark.parametrize(
    ("kind", "recipe"),
    [(kind, path) for kind, paths in RECIPES.items() for path in paths],
    ids=lambda part: Path(part).name,
)
def test_every_recipe_fits_the_signature(kind: str, recipe: Path) -> None:
    from kronface.cli.pretrain import pretrain
    from kronface.studies.training_run import train

    parser = build_command_parser(train if kind == "paper" else pretrain, positional=False)
    root = ["--root", "r"] if kind == "paper" else []
    parsed = parser.parse_args(["--config", str(recipe), *root, "--out", "o"])
    for name, value in yaml.safe_load(recipe.read_text()).items():
        assert parsed[name] == value


def test_recipes_are_found() -> None:
    assert [path.name for path in RECIPES["paper"]] == ["2-casia.yaml", "3-celeba.yaml", "4-casia-joint.yaml"]
    assert RECIPES["checkpoints"]


def test_importing_kronface_or_its_commands_imports_nothing_heavy() -> None:
    heavy = ("torch", "cv2", "polars", "lightning", "anny", "warp", "numpy", "numba", "matplotlib")
    script = f"import sys, kronface, kronface.cli.main; print([name for name in {heavy} if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_the_pages_of_docs_are_up_to_date() -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    for name, page in generate.PAGES.items():
        assert (ROOT / "docs" / name).read_text() == page(), f"run make pages: {name} is out of date"


def test_an_option_takes_a_list_in_all_commands_or_in_none() -> None:
    """Words are made into lists by an option's name alone, whatever the command."""

    def functions(commands: Mapping[str, Any]) -> Iterator[Any]:
        for entry in commands.values():
            yield from [entry] if callable(entry) else functions(entry)

    known = lists(COMMANDS)
    for function in functions(COMMANDS):
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY and name in known:
                assert "list[" in str(parameter.annotation) or "tuple[" in str(parameter.annotation), (function, name)


@pytest.mark.parametrize(("probability", "said"), [(0.8, ""), (0.79, " (not sure)"), (0.21, " (not sure)"), (0.2, "")])
def test_attributes_of_which_nobody_is_sure(probability: float, said: str) -> None:
    assert identify.hedge(probability) == said
