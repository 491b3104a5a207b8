"""`kronface report` and `kronface compare` as a user meets them."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kronface.cli.main import main
from tests.evaluation.test_comparison import pair_result, result_of


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a mistaken command leaves."""
    capsys.readouterr()
    assert main(words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line for line in lines if line.startswith("kronface: ")] == lines[-1:], lines
    return lines[-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two results of identification and attributes, and one of verification."""
    path = tmp_path / "results"
    path.mkdir()
    contents = {
        "a": result_of("net_1 {x}", 1, 0.3),
        "b": result_of("net_2", 2, 0.8),
        "c": pair_result("net_1 {x}", 1, 1.5),
    }
    for name, content in contents.items():
        (path / f"{name}.json").write_text(json.dumps(content, allow_nan=False))
    return path


def test_every_table_and_figure_becomes_files(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables, figures = tmp_path / "t", tmp_path / "f"
    words = [
        "report",
        str(folder),
        "--out",
        str(tmp_path / "r.html"),
        "--tables",
        str(tables),
        "--figures",
        str(figures),
    ]
    assert main(words) == 0
    text = capsys.readouterr().out
    page = (tmp_path / "r.html").read_text()
    stems = {path.stem for path in tables.glob("*.csv")}
    assert stems == {path.stem for path in tables.glob("*.tex")}
    assert {"rank1", "distractors", "attributes", "differences", "verification-lfw", "tar-lfw"} <= stems
    assert len(stems) == page.count("<table>")
    assert f"tables: {len(stems)} in {tables}" in text
    drawn = {path.stem for path in figures.glob("*.svg")}
    assert drawn == {path.stem for path in figures.glob("*.pdf")} == {"cmc", "distractors", "attributes", "roc-lfw"}
    assert len(drawn) == page.count("<svg")
    for path in figures.glob("*.pdf"):
        assert path.read_bytes().startswith(b"%PDF-")
        assert b"CreationDate" not in path.read_bytes()
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)).replace("\u2212", "-")
    shown = re.sub(r"(?<=\d),(?=\d{3})", "", shown)
    for path in tables.glob("*.csv"):
        with path.open(newline="") as file:
            for row in list(csv.reader(file))[1:]:
                for cell in row:
                    assert cell in shown, (path.name, cell)
    assert r"net\_1 \{x\}" in (tables / "rank1.tex").read_text()


def test_the_same_results_give_the_same_bytes_in_another_process(folder: Path, tmp_path: Path) -> None:
    contents = []
    for out in (tmp_path / "here", tmp_path / "there"):
        words = ["report", str(folder), "--out", str(out / "r.html"), "--tables", str(out), "--figures", str(out)]
        if out.name == "here":
            assert main(words) == 0
        else:
            environment = os.environ | {"PYTHONHASHSEED": "7"}
            command = [sys.executable, "-m", "kronface.cli.main", *words]
            subprocess.run(command, check=True, env=environment, capture_output=True)
        contents.append({path.name: path.read_bytes() for path in sorted(out.iterdir())})
    assert len(contents[0]) > 15
    assert contents[0] == contents[1]


def test_networks_of_one_name_do_not_overwrite_one_another_s_files(tmp_path: Path) -> None:
    from kronface.evaluation.report.files import write_files
    from kronface.evaluation.report.section import Section
    from kronface.evaluation.report.table import Column, Table, text

    parts = tuple(Table(name, "", (Column("a"),), ((text(name),),)) for name in ("../x/y", "X Y", "x-y", "", "é"))
    written = write_files([Section("s", parts)], tables=tmp_path / "t")
    assert sorted(path.name for path in written if path.suffix == ".csv") == [
        "table-2.csv", "table.csv", "x-y-2.csv", "x-y-3.csv", "x-y.csv",
    ]  # fmt: skip
    assert {path.parent for path in written} == {tmp_path / "t"}


def test_mistakes_with_reports(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    out = ["--out", str(tmp_path / "r.html")]
    assert "--tables" in complaint(capsys, "report", str(folder), *out, "--tables", str(tmp_path / "file"))
    assert not (tmp_path / "r.html").exists()
    stored = json.loads((folder / "c.json").read_text())
    stored["roc"]["far"][0] = "none"
    (folder / "c.json").write_text(json.dumps(stored))
    assert "c.json has a wrong value at 'roc.far[0]'" in complaint(capsys, "report", str(folder), *out)


def test_compare(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = str(folder / "a.json"), str(folder / "b.json")
    out = tmp_path / "d.json"
    assert main(["compare", first, second, second, "--json", str(out), "--resamples", "50"]) == 0
    text = capsys.readouterr().out
    assert text.count("net_2") == 2
    assert re.search(r"rank-1 +\d+\.\d\d -> +\d+\.\d\d +\+\d+\.\d\d  \[\+\d+\.\d\d, \+\d+\.\d\d\]  gains", text)
    assert "balanced accuracy mean of 2" in text
    stored = json.loads(out.read_text())
    assert stored["format"] == "kronface-comparison/1"
    assert stored["first"]["name"] == "net_1 {x}"
    assert [part["name"] for part in stored["comparisons"]] == ["net_2", "net_2"]
    rank1 = stored["comparisons"][0]["differences"][0]
    assert (rank1["measure"], rank1["verdict"]) == ("rank-1", "gains")
    assert rank1["low"] < rank1["difference"] < rank1["high"]
    assert rank1["second"] - rank1["first"] == pytest.approx(rank1["difference"])


def test_mistakes_with_comparisons(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, pairs = str(folder / "a.json"), str(folder / "c.json")
    assert "cannot be compared" in complaint(capsys, "compare", first, pairs)
    assert "two results files or more" in complaint(capsys, "compare", first)
    assert "results" in complaint(capsys, "compare")
    assert "nowhere.json" in complaint(capsys, "compare", first, "nowhere.json")
    assert "resamples is 0" in complaint(capsys, "compare", first, first, "--resamples", "0")
    others = [f"q{row // 4}" for row in range(80)]
    (folder / "d.json").write_text(json.dumps(result_of("other", 1, 0.3, people=others)))
    assert "different people" in complaint(capsys, "compare", first, str(folder / "d.json"))


def test_compare_shows_its_help_and_takes_options_before_files(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = str(folder / "a.json")
    assert main(["compare", "--resamples", "10", first, first]) == 0
    assert "undecided" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "two files or more" in text
