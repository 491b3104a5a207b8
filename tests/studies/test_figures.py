"""The paper's figures as commands: what they show is what was built and measured."""

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kronface.cli.main import main
from kronface.data.attributes import PREDICTED
from kronface.errors import ConfigError
from kronface.evaluation.bootstrap import resample_counts
from kronface.network.fusion import FUSIONS
from kronface.network.variants import build
from kronface.studies.figures.activation_measures import measure, region_of, summarise
from kronface.studies.figures.architecture import measure_parts
from kronface.synth.picture import REGIONS, take_picture
from tests.evaluation.test_comparison import result_of


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a mistaken command leaves."""
    capsys.readouterr()
    assert main(words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line for line in lines if line.startswith("kronface: ")] == lines[-1:], lines
    return lines[-1]


def picture(path: Path) -> NDArray[np.uint8]:
    """As it was written."""
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, np.uint8)


# --- figure 1 ---------------------------------------------------------------------------------------------------------


def test_figure_1_is_the_papers_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "figure-1", "--out", str(tmp_path)]) == 0
    table = (tmp_path / "figure-1.txt").read_text()
    assert table.strip() in capsys.readouterr().out
    lines = [re.split(r"  +", line) for line in table.splitlines()]
    assert lines[-1] == ["all", "86,499,482"]  # the design's 86,495,385, and Young as an eleventh attribute
    assert [line[2] for line in lines if line[1] == "max-pool 2x2"] == [
        "56 x 56 x 64", "28 x 28 x 128", "14 x 14 x 256", "7 x 7 x 512",
    ]  # fmt: skip
    assert ["fusion", "u ⊗ v", "5120", "0"] in lines
    svg = (tmp_path / "figure-1.svg").read_text()
    assert "average" in svg
    assert all(text in svg for text in ("5\u2009120", "10\u2009575", "86\u2009499\u2009482"))
    assert picture(tmp_path / "figure-1.png").shape[1] > 1500
    assert (tmp_path / "figure-1.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("arm", ["identity-only", "attributes-only", *FUSIONS])
def test_parts_have_all_parameters(arm: str) -> None:
    network = build(
        variant="vgg19-quarter",
        arm=arm if arm.endswith("only") else "joint",
        fusion="kronecker" if arm.endswith("only") else arm,
        predicted=PREDICTED,
        fused=PREDICTED[:3],
        identities=7,
        embedding_size=5 if arm == "none" else None,
        batch_norm=arm != "concatenation",
        size=40,
    ).eval()
    parts = measure_parts(network)
    assert sum(part.parameters for part in parts) == sum(weights.numel() for weights in network.parameters())
    out = network(network.preprocess(torch.zeros((1, 40, 40, 3), dtype=torch.uint8)))
    if out.identity_logits is not None:
        assert parts[-1].output == (7,)
    assert next(part.output for part in parts if part.name.endswith(": u")) == (128,)


def test_figure_1_of_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(variant="vgg19-quarter", arm="identity-only", identities=7, size=40).save_pretrained(tmp_path / "net")
    assert main(["reproduce", "figure-1", "--checkpoint", str(tmp_path / "net"), "--out", str(tmp_path)]) == 0
    assert "attribute branch" not in capsys.readouterr().out
    message = complaint(capsys, "reproduce", "figure-1", "--checkpoint", str(tmp_path), "--out", str(tmp_path / "new"))
    assert str(tmp_path) in message
    assert not (tmp_path / "new").exists()


# --- figure 2 ---------------------------------------------------------------------------------------------------------


def test_figure_2_shows_sets_as_they_are_and_aligned(
    celeba_people: Path, folder_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [f"celeba={celeba_people}", f"folder={folder_people}"]
    words = ["reproduce", "figure-2", *sets, "--images", "5", "--out", str(tmp_path)]
    assert main(words) == 0
    first = (tmp_path / "figure-2.png").read_bytes()
    image = picture(tmp_path / "figure-2.png")
    assert image.shape == (2 * (22 + 2 * 116), 5 * 116 - 4, 3)
    assert "figure: " in capsys.readouterr().out
    assert main(words) == 0
    assert (tmp_path / "figure-2.png").read_bytes() == first
    assert main([*words, "--seed", "1"]) == 0
    assert (tmp_path / "figure-2.png").read_bytes() != first


def test_figure_2_says_what_is_left_blank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for person in ("a", "b"):
        (tmp_path / "set" / person).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / person / "1.png"), np.full((40, 60, 3), 90, np.uint8))
    (tmp_path / "set" / "b" / "2.png").write_bytes(b"no picture")
    words = ["reproduce", "figure-2", f"folder={tmp_path / 'set'}", "--images", "3", "--out", str(tmp_path)]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert text.count("left blank") == 3
    assert "2.png is not a picture" in text
    image = picture(tmp_path / "figure-2.png")
    assert image[22 + 56, 56, 0] == 90  # the grey picture as it is
    assert (image[22 + 116 :] == 255).all()  # and no face in it


def test_figure_2_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "LAYOUT=FOLDER" in complaint(capsys, "reproduce", "figure-2", "celeba")
    assert "unknown layout 'x'" in complaint(capsys, "reproduce", "figure-2", f"x={tmp_path}")
    assert "images is 0" in complaint(capsys, "reproduce", "figure-2", f"folder={tmp_path}", "--images", "0")


# --- figure 3 ---------------------------------------------------------------------------------------------------------


def test_figure_3_draws_results_and_imported_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    content = result_of('net "one"', 1, 0.3)
    (folder / "a.json").write_text(json.dumps(content))
    curve = {"cmc": [[0, 1, 2], [0.25, 0.5, 1.0]]}
    (folder / "cmc_facescrub_other_100_1.json").write_text(json.dumps(curve))
    assert main(["reproduce", "figure-3", str(folder), "--out", str(tmp_path)]) == 0
    rows = list(csv.DictReader((tmp_path / "figure-3.csv").open()))
    mine = [float(row["rate"]) for row in rows if row["name"] == 'net "one"']
    assert mine == pytest.approx(content["cmc"], abs=1e-6)
    others = [(int(row["rank"]), float(row["rate"])) for row in rows if "imported" in row["name"]]
    assert others == [(1, 0.25), (2, 0.5), (3, 1.0)]
    assert "rank-1 0.250" in capsys.readouterr().out
    assert "imported" in (tmp_path / "figure-3.svg").read_text()
    (tmp_path / "none").mkdir()
    assert "holds no results files" in complaint(capsys, "reproduce", "figure-3", str(tmp_path / "none"))


# --- figure 4 ---------------------------------------------------------------------------------------------------------


def test_figure_4_measures_where_maps_lie(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = build(variant="vgg19-quarter", predicted=PREDICTED, fused=PREDICTED[:2], identities=4, size=64, seed=2)
    network.save_pretrained(tmp_path / "net")
    words = ["reproduce", "figure-4", str(tmp_path / "net"), "--people", "2", "--out", str(tmp_path)]
    assert main(words) == 0
    text = capsys.readouterr().out
    content = json.loads((tmp_path / "figure-4.json").read_text())
    assert len(content["rows"]) == 16  # four attributes, two framings, two kinds
    for row in content["rows"]:
        assert row["pictures"] + row["hidden"] == 2
        for part in (row["share"], row["peak"]):
            assert 0 <= part["low"] <= part["value"] <= part["high"] <= 1
            assert part["minus_uniform"] == pytest.approx(part["value"] - part["uniform"])
            assert part["minus_redrawn"] == pytest.approx(part["value"] - part["redrawn"])
    assert text.count("where the attribute is than of a uniform map") == 4
    first = (tmp_path / "figure-4.png").read_bytes()
    assert main(words) == 0
    assert (tmp_path / "figure-4.png").read_bytes() == first
    assert json.loads((tmp_path / "figure-4.json").read_text()) == content


def test_figure_4_of_a_trunk_that_does_not_pool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(variant="residual-quarter", predicted=PREDICTED, fused=PREDICTED[:2], size=48).save_pretrained(
        tmp_path / "net"
    )
    assert main(["reproduce", "figure-4", str(tmp_path / "net"), "--people", "2", "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "figure-4.json").read_text())["rows"]
    assert [(row["picture"], row["map"]) for row in rows] == [("aligned", "gradient")] * 4
    assert capsys.readouterr().out.count("where the attribute is than of a uniform map") == 1


def test_figure_4_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(variant="vgg19-quarter", arm="attributes-only", predicted=["Bald"], size=32).save_pretrained(tmp_path / "net")
    assert "does not predict Big_Nose" in complaint(capsys, "reproduce", "figure-4", str(tmp_path / "net"))
    assert "people is 1" in complaint(capsys, "reproduce", "figure-4", str(tmp_path / "net"), "--people", "1")


def test_regions_are_where_landmarks_are() -> None:
    taken = take_picture(3, 1, 0, framing="portrait", masks=True)
    assert taken.regions is not None
    for part, points in {"nose": [30], "lips": [51, 57]}.items():
        region = region_of(taken, part)
        for point in taken.landmarks68[points]:
            x, y = np.round(point).astype(int)
            assert region[y - 2 : y + 3, x - 2 : x + 3].any()
    top = region_of(taken, "top of the head")
    brows = taken.landmarks68[17:27, 1]
    rows = np.nonzero(top)[0]
    assert len(rows) > 500
    assert rows.max() < brows.max()
    assert not (top & (taken.regions == REGIONS.index("background"))).any()
    with pytest.raises(ConfigError, match="masks"):
        region_of(take_picture(3, 1, 0, framing="crop"), "nose")


def test_measures_and_intervals_by_hand() -> None:
    region = np.zeros((40, 40), np.bool_)
    region[:8, :8] = True
    inside, outside = np.zeros((40, 40)), np.zeros((40, 40))
    inside[2, 2], outside[35, 35] = 1, 1
    row = measure(region, inside, [outside, inside])
    assert (row["share"], row["peak"], row["share_redrawn"], row["peak_redrawn"]) == (1, 1, 0.5, 0.5)
    assert 64 / 1600 < row["uniform"] < 16 * 16 / 1600  # widened by 8 pixels with round corners
    rows = [row, measure(region, outside, [outside, outside]), measure(region, inside, [outside, outside])]
    found = summarise(rows, seed=3)["peak"]
    counts = resample_counts(3, resamples=1000, seed=3)
    expected = np.quantile(counts @ np.array([1, 0, 1]) / 3, [0.025, 0.975])
    assert [found["low"], found["high"]] == pytest.approx(expected)
    assert found["value"] == pytest.approx(2 / 3)
    assert found["redrawn"] == pytest.approx(0.5 / 3)
    assert found["minus_redrawn"] == pytest.approx(0.5)
