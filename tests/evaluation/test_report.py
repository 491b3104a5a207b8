"""The results file and the page, from real result objects."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kronface.errors import DataError
from kronface.evaluation.attributes import score
from kronface.evaluation.comparison import rank1_difference, verdict
from kronface.evaluation.identification import closed_set
from kronface.evaluation.report.page import build
from kronface.evaluation.result import assemble, load_result
from kronface.faces.image import write_image

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def result(tmp_path: Path) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    people = [f"{EVIL if k < 4 else k // 4}" for k in range(48)]
    vectors = np.repeat(rng.normal(size=(12, 8)), 4, 0) + rng.normal(size=(48, 8))
    paths = [f"{k}.png" for k in range(48)]
    for path in paths[:-1]:
        write_image(tmp_path / path, rng.integers(0, 255, (20, 16, 3), dtype=np.uint8))
    labels = np.tile([1.0, 0.0, np.nan], (48, 1))
    chances = rng.random((48, 3))
    return assemble(
        name=f"joint {EVIL} $x$",
        protocol="folder",
        data={"root": str(tmp_path), "layout": "folder", "people": 12, "images": 48},
        settings={"draws": 3, "seed": 0},
        checkpoint={
            "path": "c",
            "fingerprint": "0" * 64,
            "arm": "joint",
            "variant": "v",
            "fusion": "f",
            "training": {},
        },
        identification=closed_set(vectors, people, draws=3),
        attributes=score(chances, labels, people, ("Male", "Bald", "Young")),
        samples=[
            {"path": path, "probabilities": {"Male": 0.2, "Young": 0.7}, "labels": {"Male": 1}}
            for path in (paths[0], paths[-1])
        ],
        paths=paths,
        processor="a processor",
    )


def test_results_file_has_the_promised_keys_and_survives_json(result: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(result, allow_nan=False))
    stored = load_result(path)
    for key in ("rank1", "rank1_low", "rank1_high", "cmc", "probes", "people", "faces_not_found"):
        assert key in stored
    assert rank1_difference(stored, stored) == (0.0, 0.0, 0.0)
    assert stored["attributes"]["Male"]["balanced_accuracy"] is None


@pytest.mark.parametrize("text", ["", "[1, 2", "[]", '{"format": "other/2"}', '{"format": "kronface-evaluation/1"}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(DataError, match=re.escape("broken.json")) as caught:
        load_result(path)
    assert "\n" not in str(caught.value)


def test_page_is_self_contained_and_escapes_what_users_bring(result: dict[str, Any], tmp_path: Path) -> None:
    other = result | {"name": "pixels", "checkpoint": None, "attributes": {}, "samples": []}
    build([result, other], title=f"T {EVIL}", out=tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert EVIL not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "url(http" not in page
    assert page.count("data:image/jpeg") >= 5
    assert "no longer at its place" in page  # the picture that was never written
    assert f"{100 * result['rank1']:.1f}" in page
    assert page.count("<svg") == 3


def test_page_of_attributes_alone_and_of_nothing(result: dict[str, Any], tmp_path: Path) -> None:
    keys = ("rank1", "rank1_low", "rank1_high", "cmc", "cmc_low", "cmc_high", "distractors", "per_identity", "examples")
    build([{k: v for k, v in result.items() if k not in keys}], title="T", out=tmp_path / "a.html")
    assert "balanced" in (tmp_path / "a.html").read_text()
    with pytest.raises(DataError):
        build([], title="T", out=tmp_path / "b.html")
    assert not (tmp_path / "b.html").exists()


def test_same_results_give_the_same_page(result: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        build([result], title="T", out=tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_verdicts() -> None:
    assert [verdict(0.1, 0.2), verdict(-0.2, -0.1), verdict(-0.1, 0.1)] == ["gains", "loses", "undecided"]
