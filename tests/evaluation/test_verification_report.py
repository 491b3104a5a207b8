"""Results of verification: their format is checked, and the page shows them alone or beside others."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kronface.errors import DataError
from kronface.evaluation.report.page import build
from kronface.evaluation.result import load_any_result, load_result
from kronface.evaluation.verification_schema import SHAPE, check_verification
from kronface.faces.image import read_image
from tests.evaluation.test_comparison import pair_result, result_of


@pytest.fixture
def result() -> dict[str, Any]:
    found = pair_result("net <b>", 1, 1.5)
    found["settings"]["pairs"] = "some/pairs_<i>.txt"
    gallery = {"rank": {"1": 0.9, "5": 0.95}, "tpir": {"0.1": None}}
    found["identification"] = {"G1": gallery | {"gallery": 7}, "mean": gallery}
    found["notes"] = ["not the official lists"]
    return found


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, part in inner for place in places(part, (*path, key))]


def changed(value: dict[str, Any], path: tuple[Any, ...], new: object) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(value))
    inner: Any = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copy


def test_whatever_is_wrong_in_the_file_is_said_in_one_line(result: dict[str, Any]) -> None:
    check_verification(json.loads(json.dumps(result, allow_nan=False)), "whole.json")
    free = {
        ("settings", "rule"),
        ("settings", "thresholds"),
        ("settings", "pairs"),
        ("identification", "G1", "gallery"),
    }
    unlisted = {("figures", "accuracy", "thresholds"), ("figures", "accuracy", "thresholds", 0)}
    tried = 0
    for path in places(result):
        if path in free | unlisted or "threshold" in path[-1:]:
            continue
        with pytest.raises(DataError, match=re.escape("bad.json")) as caught:
            check_verification(changed(result, path, float("inf")), "bad.json")
        assert "\n" not in str(caught.value)
        tried += 1
    assert tried > 40
    for key in SHAPE:
        with pytest.raises(DataError, match="write it"):
            check_verification({name: value for name, value in result.items() if name != key}, "bad.json")


@pytest.mark.parametrize(
    ("path", "new", "complaint"),
    [
        (("roc", "tar"), [0.1], "unequal length"),
        (("pairs", "score"), "0.1 0.2", "2 numbers of 400 pairs"),
        (("pairs", "same"), "1 " * 400, "other than 200 genuine pairs"),
        (("pairs", "fold"), "x", "other than whole numbers"),
        (("pairs", "first"), 3, "wrong value at 'pairs.first'"),
        (("figures", "tar"), {"often": None}, "no rate"),
        (("counts", "genuine"), "many", "counts.genuine"),
        (("format",), "kronface-verification/2", "format kronface-verification/1"),
    ],
)
def test_contradictions_are_refused(result: dict[str, Any], path: tuple[str, ...], new: object, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        check_verification(changed(result, path, new), "bad.json")


def test_one_person_of_a_pair_alone_is_refused(result: dict[str, Any]) -> None:
    broken = json.loads(json.dumps(result))
    del broken["pairs"]["second"]
    with pytest.raises(DataError, match="not the other"):
        check_verification(broken, "bad.json")


def test_every_cut_of_the_file_is_refused(result: dict[str, Any], tmp_path: Path) -> None:
    text, path = json.dumps(result), tmp_path / "cut.json"
    for end in range(0, len(text) - 1, 997):
        path.write_text(text[:end])
        with pytest.raises(DataError, match=re.escape("cut.json")):
            load_any_result(path)
    path.write_text(text)
    assert load_any_result(path) == json.loads(text)
    with pytest.raises(DataError, match="kronface-evaluation/1"):
        load_result(path)
    for other in ("[]", "3", '{"format": 3}', '{"format": "kronface-verification/9"}'):
        path.write_text(other)
        with pytest.raises(DataError, match="not a results file of the format"):
            load_any_result(path)


def test_the_page_shows_verification_alone_and_beside_others(result: dict[str, Any], tmp_path: Path) -> None:
    build([result], title="T", out=tmp_path / "a.html", read=read_image)
    page = (tmp_path / "a.html").read_text()
    assert "<b>" not in page
    assert "<i>" not in page
    assert "<h2>Verification: LFW</h2>" in page
    accuracy = result["figures"]["accuracy"]
    assert f"{100 * accuracy['value']:.2f}" in page
    assert f"{100 * accuracy['low']:.2f} \u2013 {100 * accuracy['high']:.2f}" in page
    assert f"{100 * result['figures']['eer']['value']:.2f}" in page
    assert f"{100 * result['figures']['tar']['0.1']['value']:.2f}" in page
    assert "pairs_&lt;i&gt; (not the official list)" in page
    assert "200 pairs of one person" in page
    assert "1:N among templates" in page
    assert page.count("<svg") == 1
    other = pair_result("other", 2, 0.2)
    build([result_of("mine", 1, 0.3), result, other], title="T", out=tmp_path / "b.html", read=read_image)
    page = (tmp_path / "b.html").read_text()
    assert page.index("<h2>Identification</h2>") < page.index("<h2>Verification: LFW</h2>")
    differences = page[page.index("<h2>Differences</h2>") : page.index("<h2>Attributes</h2>")]
    assert "accuracy" in differences
    assert "gains" in differences or "loses" in differences
    with pytest.raises(DataError, match="result 1"):
        build([changed(result, ("roc", "tar"), [])], title="T", out=tmp_path / "c.html", read=read_image)


def test_a_file_without_figures_that_cannot_be_given_shows_dashes(result: dict[str, Any], tmp_path: Path) -> None:
    bare = changed(result, ("figures",), {"tar": {"0.1": None}, "eer": None}) | {"pairs": None, "identification": None}
    build([bare], title="T", out=tmp_path / "a.html", read=read_image)
    row = re.search(r"<tr><th scope=\"row\">net.*?</tr>", (tmp_path / "a.html").read_text())
    assert row
    assert row[0].count("<td>—</td>") == 3


def test_the_roc_keeps_the_points_that_a_logarithm_can_show(result: dict[str, Any]) -> None:
    from kronface.evaluation.report.plots import roc_figure

    figure = roc_figure([result], ["a"])
    line = figure.axes[0].lines[0]
    far, tar = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    assert (far > 0).all()
    assert set(zip(far.tolist(), tar.tolist(), strict=True)) <= set(
        zip(result["roc"]["far"], result["roc"]["tar"], strict=True)
    )
