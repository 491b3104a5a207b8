"""The paper's tables, run again on a few rendered people."""

import json
from pathlib import Path

import numpy as np
import pytest

from kronface.cli.main import main
from kronface.evaluation.devkit import DevkitCurves, write_cmc
from kronface.evaluation.features import Features
from kronface.evaluation.protocols.megaface import identify_megaface
from kronface.evaluation.report.table import Cell, Column, Table, to_markdown
from kronface.files import no_progress
from kronface.methods.interface import Faces, Floats, Pixels, cosines
from kronface.methods.lbp import LbpAhonen
from kronface.methods.learning import Budget
from kronface.studies.tables import measures
from kronface.studies.tables.measures import AttributeRight, attribute_figures, measure_rank1, rank1_figures
from kronface.studies.tables.rows import TABLE_1, TABLE_2, Chance

SMALL = ["--identities", "12", "--images", "3", "--passes", "64", "--batch-size", "16"]


class Drawn:
    """Features that a picture's first bytes point to."""

    name = "drawn"

    def __init__(self, features: Floats) -> None:
        self.features = features

    def embed(self, images: Pixels) -> Floats:
        numbers = images[:, 0, 0, 0].astype(np.int64) + 256 * images[:, 0, 0, 1].astype(np.int64)
        return np.asarray(self.features[numbers])

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        return cosines(probes, gallery)

    def fit(self, faces: Faces, *, progress: object = no_progress) -> None: ...


def pictures(numbers: np.ndarray, people: np.ndarray) -> Faces:
    images = np.zeros((len(numbers), 2, 2, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = numbers % 256, numbers // 256
    empty = np.empty((len(numbers), 0), np.float32)
    return Faces(images, people, (), empty, np.zeros((len(numbers), 5, 2), np.float32))


def test_rank1_is_megafaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "BLOCK", 37)
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(7), rng.integers(2, 6, 7))
    features = rng.normal(size=(len(people) + 400, 5)).astype(np.float32)
    features[: len(people)] += 2 * rng.normal(size=(7, 5)).astype(np.float32)[people]
    features[len(people)] = features[0]  # a distractor that looks like a probe
    probes, others = pictures(np.arange(len(people)), people), np.arange(len(people), len(features))
    found = measure_rank1(Drawn(features), probes, pictures(others, np.full(400, -1)))
    official = identify_megaface(
        Features(features[: len(people)], "p", identities=people.astype(np.str_)),
        Features(features[len(people) :], "d"),
        [np.arange(400)],
    )
    expected = (official.outcomes[0].trials.before("for") == 0).mean()
    assert found.pairs.sum() == sum(n * (n - 1) for n in np.bincount(people))
    assert 0 < found.right.sum() < found.pairs.sum()
    assert found.right.sum() / found.pairs.sum() == pytest.approx(expected)


def test_no_measure_depends_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (6, 8, 8, 3)).repeat(14, 1).repeat(14, 2)
    noisy = np.clip(base.repeat(2, 0) + rng.normal(0, 90, (12, 112, 112, 3)), 0, 255).astype(np.uint8)
    others = rng.integers(0, 256, (9, 112, 112, 3), np.uint8)

    def faces(images: Pixels, people: np.ndarray) -> Faces:
        empty = np.empty((len(images), 0), np.float32)
        return Faces(images, people, (), empty, np.zeros((len(images), 5, 2), np.float32))

    for name in ("lbp", "lbp-ahonen", "chance"):
        found = []
        for block in (2, 5, 4096):
            monkeypatch.setattr(measures, "BLOCK", block)
            method = TABLE_2[name].make(Budget())
            found.append(measure_rank1(method, faces(noisy, np.arange(6).repeat(2)), faces(others, np.full(9, -1))))
        assert all(np.array_equal(part.right, found[0].right) for part in found)
    assert LbpAhonen(exact_up_to=0).similarity(*(LbpAhonen().embed(noisy),) * 2).shape == (12, 12)


def test_a_network_that_says_nothing_is_told_by_its_ties() -> None:
    people = np.array([0, 0, 1, 1])
    found = measure_rank1(
        Drawn(np.ones((9, 3), np.float32)), pictures(np.arange(4), people), pictures(np.arange(4, 9), people[[0] * 5])
    )
    assert found.right.sum() == found.tied == 4


def test_figures_by_hand() -> None:
    found = measures.Rank1(np.array([3, 0]), np.array([4, 4]))
    before = measures.Rank1(np.array([1, 0]), np.array([4, 4]))
    figures = rank1_figures(found, before)
    assert (figures["rank1"]["value"], figures["untrained"]["value"], figures["lift"]["value"]) == (0.375, 0.125, 0.25)
    assert (figures["lift"]["low"], figures["lift"]["high"]) == (0, 0.5)
    right = np.array([[[2.0, 1.0]], [[0.0, 3.0]]])
    labels = np.array([[[2.0, 2.0]], [[2.0, 4.0]]])
    figures = attribute_figures(AttributeRight(("Male",), right, labels), None)
    assert figures["attributes"]["Male"]["accuracy"]["value"] == 0.6
    assert figures["attributes"]["Male"]["balanced_accuracy"]["value"] == pytest.approx((2 / 4 + 4 / 6) / 2, abs=1e-6)


def test_table_2_is_run_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "table"
    command = ["reproduce", "table-2", "--out", str(out), *SMALL, "--others", "12"]
    assert main([*command, "--rows", "lbp,separately,chance"]) == 0
    rows = {path.stem: json.loads(path.read_text()) for path in (out / "rows").iterdir()}
    assert set(rows) == {"lbp", "separately", "chance"}
    assert rows["separately"]["name"] == "PM-Separately (compact)"
    assert set(rows["separately"]) >= {"rank1", "untrained", "lift", "seconds", "processor"}
    assert "untrained" not in rows["lbp"]
    before = {path: path.stat().st_mtime_ns for path in (out / "rows").iterdir()}
    curve = tmp_path / "cmc_facescrub_megaface_x_1000000_1.json"
    ranks = np.array([1, 10])
    write_cmc(curve, DevkitCurves("x", ranks, np.array([0.3371, 0.5]), np.empty(0), np.empty(0)))
    capsys.readouterr()
    assert main([*command, "--rows", "lbp,arcface", "--imported", f"3DiVi Company={curve}"]) == 0
    said = capsys.readouterr().out
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())  # finished rows are not run again
    assert "ArcFace (iresnet-18-quarter, compact)" in said
    table = (out / "table.md").read_text()
    assert "| 3DiVi Company | no | Small | 33.7 (" in table
    assert "*70.5*" in table.replace("*70.50*", "*70.5*")
    order = [table.index(name) for name in ("FaceNet v8", "LBP: LBP", "paper, separately: PM", "random features")]
    assert order == sorted(order)
    assert (out / "table.tex").read_text().count("\\\\") > 15
    assert main([*command[:-1], "13"]) == 2
    assert "other people or another budget" in capsys.readouterr().err
    (out / "rows" / "lbp.json").write_text("{")
    assert main([*command, "--rows", "lbp"]) == 2
    assert "lbp.json is damaged: delete it" in capsys.readouterr().err


def test_table_2_on_files_of_people_without_attributes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, world = tmp_path / "casia", tmp_path / "world"
    for path, layout, count, images in ((root, "casia", 8, 4), (world, "megaface", 4, 3)):
        words = ["--layout", layout, "--identities", str(count), "--images", str(images), "--seed", str(count)]
        assert main(["synth", "write", str(path), *words]) == 0
    command = ["reproduce", "table-2", "--root", str(root), "--probes", str(world), "--distractors", str(world)]
    command += ["--passes", "64", "--batch_size", "16"]
    capsys.readouterr()
    assert main([*command, "--out", str(tmp_path / "named"), "--rows", "jointly,lbp"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "--rows names jointly: they learn attributes" in said
    assert "--layout" in said
    assert not (tmp_path / "named" / "settings.json").exists()
    assert main([*command, "--out", str(tmp_path / "all")]) == 0
    said = capsys.readouterr().out
    assert "not run: wang, jointly, arcface-fused: they learn attributes" in said
    assert "FaceScrub" in said
    rows = {path.stem for path in (tmp_path / "all" / "rows").iterdir()}
    assert rows == set(TABLE_2) - {"wang", "jointly", "arcface-fused"}


def test_a_mistaken_call_leaves_the_folder_free(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert main(["reproduce", "table-1", "--out", out, "--root", str(tmp_path / "nowhere"), *SMALL]) == 2
    assert not (tmp_path / "out" / "settings.json").exists()
    assert main(["reproduce", "table-1", "--out", out, *SMALL, "--rows", "mt-rbm-pca"]) == 0


def test_table_1_is_run(tmp_path: Path) -> None:
    out = tmp_path / "table"
    assert main(["reproduce", "table-1", "--out", str(out), *SMALL, "--rows", "facetracer,jointly"]) == 0
    content = json.loads((out / "table.json").read_text())
    assert set(content["rows"]) == {"facetracer", "jointly"}
    male = content["rows"]["jointly"]["attributes"]["Male"]
    assert 0 <= male["balanced_accuracy"]["low"] <= male["balanced_accuracy"]["high"] <= 1
    table = (out / "table.md").read_text()
    assert "Male" in table
    assert "*91*" in table  # FaceTracer's, as published
    assert "*98.61*" in table


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["table-2", "--rows", "sphereface"], "unknown row 'sphereface' of table 2: choose from facenet"),
        (["table-1", "--rows", "lbp"], "unknown row 'lbp' of table 1"),
        (["table-2", "--root", "nowhere"], "--probes is missing"),
        (["table-2", "--imported", "3DiVi Company"], "write NAME=FILE"),
        (["table-2", "--imported", "Nobody=x.json"], "no row 'Nobody'"),
        (["table-2", "--imported", "3DiVi Company=x.json"], "x.json cannot be read"),
        (["table-1", "--passes", "0"], "passes is 0"),
        (["table-1", "--passes", "100"], "at least four batches"),
        (["table-2", "--seed=-1"], "seed is -1"),
        (["table-2", "--learning-rate=-1"], "learning_rate is -1"),
        (["table-1", "--root", "nowhere"], "nowhere"),
    ],
)
def test_mistakes(options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", *options, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err


def test_every_row_has_a_published_one_or_none_at_all() -> None:
    from kronface.evaluation.published import ATTRIBUTE_METHODS, RANK1_METHODS

    public = {method.name for method in RANK1_METHODS if method.is_released} - {"Google - FaceNet v8"}
    assert {row.published for row in TABLE_2.values()} - {""} == public
    assert {row.published for row in TABLE_1.values()} <= {method.name for method in ATTRIBUTE_METHODS}


def test_chance_knows_nothing_but_the_picture() -> None:
    faces = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    one, again = Chance().embed(faces), Chance().embed(faces.copy())
    np.testing.assert_array_equal(one, again)
    assert abs(cosines(one, one)[0, 1]) < 0.95


def test_markdown() -> None:
    table = Table(
        "t",
        "A table",
        (Column("name", is_text=True), Column("x", group="g"), Column("y", group="g", source="them")),
        ((Cell("a|b_c"), Cell("1", "0", "2"), Cell("3", kind="published", mark="1")),),
        note="How",
        footnotes=("Why",),
    )
    assert to_markdown(table).splitlines()[:5] == [
        "**A table**",
        "",
        "| name | g: x | g: y |",
        "| --- | ---: | ---: |",
        r"| a\|b\_c | 1 [0, 2] | *3* (1) |",
    ]
