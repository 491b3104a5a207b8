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
from kronface.evaluation.identification import Match, closed_set
from kronface.evaluation.open_set import Calibration, measure
from kronface.evaluation.report.page import build
from kronface.evaluation.report.plots import cmc_figure, to_svg
from kronface.evaluation.result import assemble, choose_examples, load_result
from kronface.evaluation.schema import IDENTIFICATION, SHAPE, check_result
from kronface.faces.image import read_image, write_image

FIGURES = ("balanced_accuracy", "accuracy", "average_precision", "ece")
ENDS = {
    "balanced_accuracy_low": 0.4,
    "balanced_accuracy_high": 0.9,
    "accuracy_low": 0.8,
    "accuracy_high": 0.95,
}
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
        data={"root": str(tmp_path), "layout": "folder", "people": 12, "images": 48, "notes": ["a note"]},
        settings={"draws": 3, "seed": 0, "aligned": True},
        checkpoint={
            "path": "c",
            "fingerprint": "0" * 64,
            "arm": "joint",
            "variant": "v",
            "fusion": "f",
            "training": {},
        },
        identification=closed_set(vectors, people, draws=3),
        open_set=measure(vectors, people, Calibration(0.05, (1, 5), (1,), ((0.5, 0.7),), 40)),
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


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to everything that the format promises and that is in `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, part in inner for place in places(part, (*path, key))]


def changed(value: dict[str, Any], path: tuple[Any, ...], new: object) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(value))
    inner: Any = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return copy


def test_whatever_is_wrong_in_a_results_file_is_said_in_one_line(result: dict[str, Any]) -> None:
    check_result(result, "whole.json")
    free = {"settings", "labels", "probabilities"}  # any content, or none
    tried = 0
    for path in places(result):
        if free & set(path) or path[0] not in SHAPE | IDENTIFICATION:
            continue
        with pytest.raises(DataError, match=re.escape("bad.json")) as caught:
            check_result(changed(result, path, float("inf")), "bad.json")
        assert "\n" not in str(caught.value)
        tried += 1
    assert tried > 60


def test_missing_parts_and_unequal_lists_are_refused(result: dict[str, Any], tmp_path: Path) -> None:
    for key in SHAPE | IDENTIFICATION:
        if key == "rank1":  # without it, this is a network that does not identify
            continue
        with pytest.raises(DataError, match="write it"):
            check_result({name: value for name, value in result.items() if name != key}, "bad.json")
    for path in (("cmc_low",), ("distractors", "counts"), ("per_identity", "hits")):
        with pytest.raises(DataError, match="unequal length"):
            check_result(changed(result, path, []), "bad.json")
        with pytest.raises(DataError, match="result 2"):
            build([result, changed(result, path, [])], title="T", out=tmp_path / "none.html", read=read_image)
    assert not (tmp_path / "none.html").exists()


def test_every_cut_of_a_results_file_is_refused(result: dict[str, Any], tmp_path: Path) -> None:
    text = json.dumps(result)
    path = tmp_path / "cut.json"
    for end in range(0, len(text) - 1, 97):
        path.write_text(text[:end])
        with pytest.raises(DataError, match=re.escape("cut.json")):
            load_result(path)
    path.write_text(text.replace(f'"probes": {result["probes"]}', '"probes": NaN', 1))
    with pytest.raises(DataError, match="NaN"):
        load_result(path)


def test_a_curve_of_chosen_ranks_is_drawn_at_them(result: dict[str, Any]) -> None:
    every = to_svg(cmc_figure([result]))
    ranks = list(range(1, len(result["cmc"]) + 1))
    assert to_svg(cmc_figure([result | {"cmc_ranks": ranks}])) == every
    assert to_svg(cmc_figure([result | {"cmc_ranks": [rank * 10 for rank in ranks]}])) != every
    check_result(result | {"cmc_ranks": ranks}, "it")
    with pytest.raises(DataError, match="unequal length"):
        check_result(result | {"cmc_ranks": ranks[:-1]}, "it")
    with pytest.raises(DataError, match="cmc_ranks"):
        check_result(result | {"cmc_ranks": [str(rank) for rank in ranks]}, "it")


def test_examples_run_from_sure_to_narrow_and_show_each_mate_once() -> None:
    paths = [str(number) for number in range(40)]
    right = [Match(row, 20 + row % 5, 0.9 - row / 100, 20 + row % 5, 0.9 - row / 100, 1) for row in range(20)]
    wrong = [Match(row, 30, row / 100, 35 + row % 2, 0.0, 3) for row in range(20)]
    shown = choose_examples([*right, *wrong], paths, 4)
    assert [example["mate_score"] for example in shown["right"]] == sorted(
        (example["mate_score"] for example in shown["right"]), reverse=True
    )
    assert (shown["right"][0]["mate_score"], shown["right"][-1]["mate_score"]) == (0.9, 0.71)
    assert len({example["mate"] for example in shown["right"]}) == 4
    assert [(example["probe"], example["mate"]) for example in shown["wrong"]] == [("19", "36"), ("18", "35")]
    assert choose_examples([], paths, 4) == {"right": [], "wrong": []}
    assert choose_examples(right, (), 4) == {"right": [], "wrong": []}


def test_page_says_how_to_repeat_and_what_was_extrapolated(result: dict[str, Any], tmp_path: Path) -> None:
    moved = result | {"data": result["data"] | {"root": "/photos of $(friends)"}}
    build([moved], title="T", out=tmp_path / "a.html", read=read_image)
    page = (tmp_path / "a.html").read_text()
    assert (
        "kronface evaluate folder &#39;/photos of $(friends)&#39; --checkpoint c --draws 3 --seed 0 --aligned" in page
    )
    assert "12 people; a note" in page
    assert "(extrapolated)" in page  # six people are enrolled, and five were at most
    assert page.count("no longer at its place") > 10
    build([changed(moved, ("data", "layout"), "celeba")], title="T", out=tmp_path / "b.html", read=read_image)
    assert "kronface evaluate folder" not in (tmp_path / "b.html").read_text()


def test_a_network_without_some_attribute_gets_a_dash(result: dict[str, Any], tmp_path: Path) -> None:
    other = result | {"name": "other", "attributes": {"5_o_Clock.Shadow": result["attributes"]["Bald"]}}
    build([result, other], title="T", out=tmp_path / "a.html", read=read_image)
    page = (tmp_path / "a.html").read_text()
    assert len(re.findall(r"(<td>—</td>){4}</tr>", page)) == 2
    assert "one class only" in page
    assert "5 o Clock.Shadow" in page


def cells(page: str, row: str) -> list[str]:
    """The text of the cells of the attribute table's row of this name."""
    part = re.search(rf'<tr[^>]*><th scope="row">{row}</th>(.*?)</tr>', page, re.S)
    assert part
    return [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<td>.*?</td>", part[1], re.S)]


def test_attribute_table_ends_with_the_mean(result: dict[str, Any], tmp_path: Path) -> None:
    scores = {
        name: result["attributes"]["Male"] | ENDS | dict(zip(("majority", *FIGURES), values, strict=True))
        for name, values in {"A": (0.6, 0.8, 0.9, 0.5, 0.1), "B": (0.8, None, 0.7, None, 0.2)}.items()
    }
    build([result | {"attributes": scores}], title="T", out=tmp_path / "a.html", read=read_image)
    page = (tmp_path / "a.html").read_text()
    assert cells(page, "A")[1:] == ["60.0", "80.0 40.0 \u2013 90.0", "90.0 80.0 \u2013 95.0", "50.0", "10.0"]
    assert cells(page, "B")[1:] == ["80.0", "one class only", "70.0 80.0 \u2013 95.0", "—", "20.0"]
    assert cells(page, "mean") == ["", "70.0", "80.0", "80.0", "50.0", "15.0"]


def test_results_files_of_before_are_reported_too(result: dict[str, Any], tmp_path: Path) -> None:
    def without(scores: dict[str, Any]) -> dict[str, Any]:
        new = {"average_precision", "average_precision_low", "average_precision_high", "ece", "threshold"}
        return {name: {k: v for k, v in entry.items() if k not in new} for name, entry in scores.items()}

    old = result | {"name": "old", "attributes": without(result["attributes"])}
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    build([load_result(path)], title="T", out=tmp_path / "a.html", read=read_image)
    page = (tmp_path / "a.html").read_text()
    assert "ECE" not in page
    assert [len(cells(page, row)) for row in ("Bald", "mean")] == [4, 4]
    build([result, old], title="T", out=tmp_path / "b.html", read=read_image)
    page = (tmp_path / "b.html").read_text()
    assert [len(cells(page, row)) for row in ("Bald", "mean")] == [10, 10]
    assert cells(page, "mean")[-2:] == ["—", "—"]


def test_samples_are_judged_by_the_threshold_in_use(result: dict[str, Any], tmp_path: Path) -> None:
    wrong = []
    for threshold in (0.5, 0.1):  # the samples say 0.2 of somebody male
        scores = {"Male": result["attributes"]["Male"] | {"threshold": threshold}}
        build([result | {"attributes": scores}], title="T", out=tmp_path / "a.html", read=read_image)
        wrong.append((tmp_path / "a.html").read_text().count('"bar wrong"'))
    assert wrong == [2, 0]


def test_page_is_self_contained_and_escapes_what_users_bring(result: dict[str, Any], tmp_path: Path) -> None:
    other = result | {"name": "pixels", "checkpoint": None, "attributes": {}, "samples": []}
    build([result, other], title=f"T {EVIL}", out=tmp_path / "report.html", read=read_image)
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
    build([{k: v for k, v in result.items() if k not in keys}], title="T", out=tmp_path / "a.html", read=read_image)
    assert "balanced" in (tmp_path / "a.html").read_text()
    with pytest.raises(DataError):
        build([], title="T", out=tmp_path / "b.html", read=read_image)
    assert not (tmp_path / "b.html").exists()


def test_same_results_give_the_same_page(result: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        build([result], title="T", out=tmp_path / name, read=read_image)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_verdicts() -> None:
    assert [verdict(0.1, 0.2), verdict(-0.2, -0.1), verdict(-0.1, 0.1)] == ["gains", "loses", "undecided"]


def test_the_page_shows_no_pictures_outside_of_the_data_set(result: dict[str, Any], tmp_path: Path) -> None:
    secret = tmp_path.parent / "secret.png"
    write_image(secret, np.zeros((20, 20, 3), np.uint8))
    inside = result | {"samples": result["samples"][:1], "examples": {"right": [], "wrong": []}}
    build([inside], title="t", out=tmp_path / "page.html", read=read_image)
    shown = (tmp_path / "page.html").read_text().count("data:image/jpeg")
    for path in (str(secret), "../secret.png"):
        outside = inside | {"samples": [inside["samples"][0] | {"path": path}]}
        build([outside], title="t", out=tmp_path / "page.html", read=read_image)
        assert (tmp_path / "page.html").read_text().count("data:image/jpeg") == shown - 1


POINT = {"target_fpir": 0.1, "threshold": None, "fpir": 0.1, "tpir": 0.5, "tpir_low": 0.4, "tpir_high": 0.6}
DET = {
    "points": [POINT],
    "unsupported": [0.01],
    "fpir": [0.1, 0.5],
    "fnir": [0.6, 0.2],
    "threshold": [0.3, 0.1],
    "mated_searches": 4,
    "stranger_searches": 9,
}


@pytest.mark.parametrize(
    ("part", "broken", "complaint"),
    [
        ({"det": DET}, {"det": DET | {"fnir": [0.6]}}, "unequal length in 'det'"),
        ({"det": DET}, {"det": DET | {"points": [{}]}}, r"det.points\[0\].target_fpir"),
        ({"tar": []}, {"tar": [{"far": "often"}]}, r"tar\[0\].far"),
        ({"variants": None}, {"variants": {"refined": {"rank1": 0.5}}}, "variants.refined.rank1_low"),
        ({"lists": None}, {"lists": [{"size": "large"}]}, r"lists\[0\].size"),
        ({"official": None}, {"official": {"is_official": 1}}, "official.is_official"),
        (
            {"attribute_protocol": {"labels": {}, "chosen": None}},
            {"attribute_protocol": {"labels": {}, "chosen": {"criterion": 3}}},
            "attribute_protocol.chosen.criterion",
        ),
        ({"attribute_protocol": None}, {"attribute_protocol": {"labels": {"A": {}}}}, "attribute_protocol.labels.A"),
        (
            {"attribute_counts": {"identities": [], "attributes": {}}},
            {"attribute_counts": {"identities": ["a"], "attributes": {"A": {"positives": "1"}}}},
            "attribute_counts.attributes.A",
        ),
    ],
)
def test_parts_that_only_some_protocols_write_are_checked_too(
    result: dict[str, Any], part: dict[str, Any], broken: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    build([result | part], title="T", out=tmp_path / "a.html", read=read_image)
    with pytest.raises(DataError, match=complaint):
        check_result(result | broken, "bad.json")


def test_the_page_shows_the_open_set_and_says_where_every_score_passes(result: dict[str, Any], tmp_path: Path) -> None:
    build([result | {"det": DET}], title="T", out=tmp_path / "a.html", read=read_image)
    page = (tmp_path / "a.html").read_text()
    assert "Open set: TPIR at FPIR" in page
    assert re.search(r"<td>0.1</td><td>50.0 .*?40.0 \u2013 60.0</span></td><td>—</td>", page)
    assert page.count("<svg") == 4


def test_the_page_shows_the_audit_and_the_chosen_thresholds(result: dict[str, Any], tmp_path: Path) -> None:
    from kronface.evaluation.protocols.attributes import measure_attributes

    rng = np.random.default_rng(0)
    labels = (rng.random((48, 2)) < 0.5).astype(float)
    people = [f"p{k // 4}" for k in range(48)]
    chances = rng.random((48, 2))
    measured = measure_attributes(chances, labels, people, ("Male", "Bald"), validation=(chances, labels), resamples=20)
    counts = measured.pop("counts")
    other = result | {"attributes": measured.pop("attributes"), "attribute_counts": counts}
    other |= {"attribute_protocol": measured, "protocol": "celeba"}
    build([other], title="T", out=tmp_path / "a.html", read=read_image)
    page = (tmp_path / "a.html").read_text()
    audit = page[page.index("Audit of the labels") : page.index("How this was measured")]
    entry = measured["labels"]["Male"]
    assert cells(audit, "Male")[2] == f"{100 * entry['prevalence']:.1f}"
    assert cells(audit, "Male")[3].startswith(f"{100 * entry['agreement']:.1f} ")
    assert cells(audit, "Male")[6:] == [str(entry["mixed_people"]), str(entry["minority_images"])]
    chosen = page[page.index("At thresholds chosen") : page.index("Accuracy beside what was published")]
    assert cells(chosen, "Male")[0] == f"{measured['chosen']['attributes']['Male']['threshold']:.3f}"
    assert cells(chosen, "Male")[1].startswith(f"{100 * measured['chosen']['attributes']['Male']['accuracy']:.1f} ")
    assert "cannot be compared with them" in page
