"""Published figures: their inner agreement, and how they stand beside measured ones."""

from typing import Any

import numpy as np
import pytest

from kronface.data import attributes as vocabulary
from kronface.evaluation import published
from kronface.evaluation.report.published_tables import accuracy_table, is_official_celeba, rank1_table
from kronface.evaluation.report.table import to_csv, to_latex

METHODS = {method.name: method for method in published.ATTRIBUTE_METHODS}
SEPARATE, JOINT = METHODS["paper, separately"], METHODS["paper, jointly"]


def test_the_attributes_are_the_vocabulary_s() -> None:
    assert published.REPORTED == vocabulary.TABLE_1
    assert set(published.ALL) == set(vocabulary.PREDICTED)


def test_the_paper_s_columns_have_the_means_and_the_order_that_its_text_claims() -> None:
    assert np.mean(list(SEPARATE.accuracy.values())) == pytest.approx(85.70, abs=0.005)
    assert np.mean(list(JOINT.accuracy.values())) == pytest.approx(87.70, abs=0.005)
    gains = {name: JOINT.accuracy[name] - SEPARATE.accuracy[name] for name in published.REPORTED}
    assert sorted(gains, key=lambda name: -gains[name]) == [
        "Male", "Bald", "Narrow_Eyes", "Big_Lips", "Big_Nose", "Oval_Face", "Young", "High_Cheekbones", "Chubby",
    ]  # fmt: skip
    rates = {method.name: method.rank1 for method in published.RANK1_METHODS}
    assert rates["paper, jointly"] - rates["paper, separately"] == pytest.approx(2.67)
    assert max(rates.values()) == rates["paper, jointly"]


def test_columns_have_the_attributes_that_their_source_gives() -> None:
    for method in published.ATTRIBUTE_METHODS:
        expected = published.ALL if method.source == published.LIU else published.REPORTED
        assert tuple(method.accuracy) == expected
        assert all(50 < value < 100 for value in method.accuracy.values())
    assert len(published.RANK1_METHODS) == 15
    assert {method.training_set for method in published.RANK1_METHODS} == {"Large", "Small"}
    assert METHODS["LNets+ANet"].accuracy["High_Cheekbones"] == 87
    assert METHODS["LNets+ANet"].accuracy["Pointy_Nose"] == 72
    assert METHODS["PANDA-l"].accuracy["Double_Chin"] == 88
    # Where the more frequent answer gets more: an accuracy that says nothing.
    assert METHODS["FaceTracer"].accuracy["Bald"] < published.MAJORITY["Bald"]
    assert METHODS["LNets+ANet"].accuracy["Narrow_Eyes"] < published.MAJORITY["Narrow_Eyes"]


def scores(accuracy: float, majority: float = 0.7) -> dict[str, Any]:
    return {"accuracy": accuracy, "balanced_accuracy": accuracy - 0.1, "majority": majority}


def celeba_result(*notes: str, names: tuple[str, ...] = published.ALL, chosen: bool = True) -> dict[str, Any]:
    at_half = {name: scores(0.8) for name in names}
    table = {name: scores(0.9) for name in names}
    return {
        "name": "mine",
        "protocol": "celeba",
        "data": {"root": "r", "layout": "celeba", "notes": list(notes)},
        "attributes": at_half,
        "attribute_protocol": {"chosen": {"attributes": table} if chosen else None},
    }


def rows(csv_text: str) -> dict[str, list[str]]:
    return {line.split(",")[0]: line.split(",")[1:] for line in csv_text.splitlines()}


def test_measured_and_published_accuracies_stand_side_by_side() -> None:
    table = accuracy_table([celeba_result()])
    assert table is not None
    found = rows(to_csv(table))
    assert found["Bald"] == ["70.0", "80.0", "90.0", "80.0", "89", "92", "96", "92", "95", "98", "98", "96.16", "98.93"]
    assert found["Pointy Nose"][4:] == ["68", "65", "71", "67", "70", "72", "", "", ""]
    mean = found["mean of the paper's nine"]
    assert mean[:4] == ["70.0", "80.0", "90.0", "80.0"]
    assert mean[-2:] == ["85.7", "87.7"]
    assert mean[9] == "83.8"  # of the nine, not of Liu et al.'s forty, which is 87
    assert "cannot be compared" not in table.note
    assert table.footnotes == (METHODS["LNets+ANet"].footnotes["High_Cheekbones"],)
    marks = {row[0].text: row[10].mark for row in table.rows}
    assert marks["High Cheekbones"] == "1"
    assert marks["Oval Face"] == "*"  # 66 beside a majority of 70
    assert marks["Bald"] == ""
    assert r"\textsuperscript{1}87 in Liu et al." in to_latex(table)


def test_other_pictures_than_celeba_s_are_said_to_be_others() -> None:
    other = celeba_result("not the official CelebA: 12 images")
    assert not is_official_celeba(other)
    assert not is_official_celeba(celeba_result() | {"data": {"root": "r", "layout": "celeba"}})
    assert not is_official_celeba(celeba_result() | {"protocol": "folder"})
    table = accuracy_table([celeba_result(), other])
    assert table is not None
    assert "not the official CelebA" in table.note
    assert "cannot be compared" in table.note
    assert {row[0].text: row[13].mark for row in table.rows}["Bald"] == ""  # 98 beside CelebA's own 97.7, not 70
    assert {row[0].text: row[13].mark for row in table.rows}["Big Lips"] == "*"


def test_attributes_that_are_missing_leave_dashes() -> None:
    table = accuracy_table([celeba_result(names=("Male", "Smiling"), chosen=False)])
    assert table is not None
    found = rows(to_csv(table))
    assert list(found) == ["attribute", "Male"]
    assert found["Male"][1:4] == ["80.0", "", ""]
    assert accuracy_table([celeba_result(names=("Smiling",))]) is None


def megaface_result(*, official: bool, probes: str = "FaceScrub", largest: int = 1_000_000) -> dict[str, Any]:
    return {
        "name": "mine (raw)",
        "official": {"is_official": official, "probes": probes, "title": "t"},
        "lists": [{"size": largest}],
        "distractors": {"counts": [10, largest], "rank1": [0.9, 0.5], "low": [0.8, 0.4], "high": [0.95, 0.6]},
    }


def test_measured_and_published_rank1_stand_side_by_side() -> None:
    table = rank1_table([megaface_result(official=True)])
    assert [cell.text for cell in table.rows[0]] == ["mine (raw)", "—", "—", "1,000,000", "50.0", "measured here"]
    assert len(table.rows) == 16
    paper = table.rows[-1]
    assert [cell.text for cell in paper[:5]] == ["paper, jointly", "yes", "Small", "1,000,000", "78.82"]
    assert {cell.kind for cell in paper} == {"published"}
    assert {cell.kind for cell in table.rows[0]} == {""}
    assert "ceiling" in table.footnotes[int(paper[4].mark) - 1]
    assert "cannot" not in table.note


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (megaface_result(official=False), "other lists"),
        (megaface_result(official=True, probes="FG-NET"), "FG-NET"),
        (megaface_result(official=True, largest=1000), "1,000 distractors"),
    ],
)
def test_other_lists_than_the_challenge_s_are_said_to_be_others(result: dict[str, Any], reason: str) -> None:
    note = rank1_table([megaface_result(official=True), result]).note
    assert reason in note
    assert "cannot be compared" in note
