"""Rates by group as a user asks for them: `kronface evaluate folder` and `arrays` with --groups and --by."""

import json
from pathlib import Path

import numpy as np
import pytest

from kronface.cli.main import main
from kronface.evaluation.features import Features, write_features


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a mistaken command leaves."""
    capsys.readouterr()
    assert main(words) == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def made_up(tmp_path: Path) -> tuple[list[str], Path]:
    """Words of a command on sixty people of four images, and a table of their ages and ancestries."""
    rng = np.random.default_rng(0)
    person = np.arange(240) // 4
    vectors = rng.normal(size=(60, 24))[person] + np.where(person < 30, 1.2, 1.8)[:, None] * rng.normal(size=(240, 24))
    people = np.array([f"p{number}" for number in person])
    sex = np.where(person < 30, "male", "female")
    inside = np.arange(240) % 4 == 0
    write_features(
        tmp_path / "probes.parquet", Features(vectors[~inside], "", people[~inside], columns={"sex": sex[~inside]})
    )
    known = inside & (person % 2 == 0)
    write_features(tmp_path / "gallery.parquet", Features(vectors[known], "", people[known]))
    lines = ["identity,age_years,african,asian,caucasian"]
    lines += [f"p{k},{20 + k},{k % 3 == 0:d},{k % 3 == 1:d},{k % 3 == 2:d}" for k in range(60)]
    table = tmp_path / "people.csv"
    table.write_text("\n".join(lines))
    words = ["evaluate", "arrays", str(tmp_path / "probes.parquet"), "--gallery", str(tmp_path / "gallery.parquet")]
    return [*words, "--resamples", "50", "--fmr", "0.01", "--fpir", "0.2"], table


def test_arrays_by_a_column_of_the_probes_and_by_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, table = made_up(tmp_path)
    results = tmp_path / "r.json"
    assert main([*words, "--by", "sex", "--json", str(results)]) == 0
    text = capsys.readouterr().out
    lines = {line.split(" by ")[0]: line for line in text.splitlines() if " by sex" in line}
    assert set(lines) == {"FNMR", "FMR", "FNIR", "FPIR", "rank-1"}
    assert "at FMR 0.01: worst female" in lines["FNMR"]
    assert "at FPIR 0.2" in lines["FNIR"]
    stored = json.loads(results.read_text())
    assert [entry["by"] for entry in stored["differentials"]] == ["sex"] * 5
    assert stored["settings"]["by"] == ["sex"]
    assert main(["report", str(results), "--out", str(tmp_path / "r.html")]) == 0
    assert "Groups of people" in (tmp_path / "r.html").read_text()

    assert main([*words, "--groups", str(table), "--json", str(results)]) == 0
    entries = json.loads(results.read_text())["differentials"]
    assert list(dict.fromkeys(entry["by"] for entry in entries)) == ["age", "ancestry"]
    assert [group["group"] for group in entries[0]["groups"]] == ["18-29", "30-44", "45-59", "60+"]
    assert main([*words, "--groups", str(table), "--by", "[sex, ancestry]", "--json", str(results)]) == 0
    entries = json.loads(results.read_text())["differentials"]
    assert list(dict.fromkeys(entry["by"] for entry in entries)) == ["sex", "ancestry"]

    assert main(words) == 0
    assert " by sex" not in capsys.readouterr().out.splitlines()[-1]
    assert "no column 'height'" in complaint(capsys, *words, "--by", "height")
    assert "nowhere.csv" in complaint(capsys, *words, "--groups", "nowhere.csv")
    assert "fpir is 2" in complaint(capsys, *words, "--by", "sex", "--fpir", "2")


def test_rendered_people_by_their_truth(
    folder_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kronface.network.variants import build

    build(variant="vgg19-quarter", arm="identity-only", identities=3, size=32).save_pretrained(tmp_path / "best")
    truth, results = folder_people / "truth.csv", tmp_path / "r.json"
    words = ["evaluate", "folder", str(folder_people), "--checkpoint", str(tmp_path / "best"), "--resamples", "20"]
    words += ["--draws", "2", "--json", str(results)]
    assert main(words) == 0
    assert "differentials" not in json.loads(results.read_text())
    assert main([*words, "--groups", str(truth)]) == 0
    stored = json.loads(results.read_text())
    assert list(dict.fromkeys(entry["by"] for entry in stored["differentials"])) == ["sex", "age", "tone", "ancestry"]
    assert stored["settings"]["groups"] == str(truth)
    assert all(entry["images_without_group"] == 0 for entry in stored["differentials"])
    sexes = next(e for e in stored["differentials"] if (e["by"], e["measure"]) == ("sex", "rank1"))["groups"]
    assert sum(group["people"] for group in sexes) == 6
    text = capsys.readouterr().out
    assert "135 impostor pairs support no FMR of 0.001" in text
    assert "18 searches for people who are not enrolled support no FPIR of 0.05" in text
    assert "--groups" in complaint(capsys, *words, "--by", "sex")
    assert "height" in complaint(capsys, *words, "--groups", str(truth), "--by", "height")
