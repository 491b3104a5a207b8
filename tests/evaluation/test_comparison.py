"""Paired differences of results files against plain loops over the same draws of people."""

import json
from typing import Any

import numpy as np
import pytest

from kronface.errors import DataError
from kronface.evaluation.attribute_counts import count_by_person
from kronface.evaluation.attributes import score
from kronface.evaluation.bootstrap import resample_counts
from kronface.evaluation.comparison import Difference, compare
from kronface.evaluation.identification import closed_set
from kronface.evaluation.pair_bootstrap import People
from kronface.evaluation.result import assemble
from kronface.evaluation.verification import verify
from kronface.evaluation.verification_result import assemble as assemble_pairs
from kronface.evaluation.verification_result import keep_pairs

NAMES = ("A", "B", "C")
PEOPLE = [f"p{row // 4:02d}" for row in range(80)]


def labels_of() -> np.ndarray:
    rng = np.random.default_rng(0)
    labels = (rng.random((80, 3)) < (0.4, 0.1, 0.0)).astype(float)
    labels[rng.random((80, 3)) < 0.1] = np.nan
    return labels


def chances_of(seed: int, strength: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    chances: np.ndarray = np.clip(strength * np.nan_to_num(labels_of()) + (1 - strength) * rng.random((80, 3)), 0, 1)
    return chances


def result_of(
    name: str, seed: int, strength: float, *, people: list[str] = PEOPLE, counts: bool = True
) -> dict[str, Any]:
    base, rng = np.repeat(np.random.default_rng(9).normal(size=(20, 8)), 4, 0), np.random.default_rng(seed)
    vectors = base + (1 - strength) * 2 * rng.normal(size=(80, 8))
    chances, labels = chances_of(seed, strength), labels_of()
    return assemble(
        name=name,
        protocol="folder",
        data={"root": "r", "people": 20, "images": 80},
        settings={},
        identification=closed_set(vectors, people, draws=3, resamples=5),
        attributes=score(chances, labels, people, NAMES, resamples=5),
        attribute_counts=count_by_person(chances, labels, people, NAMES, chosen=0.4) if counts else None,
    )


def by_name(differences: tuple[Difference, ...]) -> dict[tuple[str, str], Difference]:
    return {(each.measure, each.of): each for each in differences}


def loop_rate(chances: np.ndarray, weight: dict[str, float], column: int, limit: float, *, balanced: bool) -> float:
    """Accuracy where each image counts as often as its person was drawn; NaN where a class is missing."""
    labels = labels_of()
    sums = {1.0: [0.0, 0.0], 0.0: [0.0, 0.0]}
    for row in range(80):
        label = labels[row, column]
        if np.isnan(label):
            continue
        sums[label][1] += weight[PEOPLE[row]]
        sums[label][0] += weight[PEOPLE[row]] * float((chances[row, column] >= limit) == bool(label))
    if balanced:
        return float(np.mean([hits / total if total else np.nan for hits, total in sums.values()]))
    return (sums[1.0][0] + sums[0.0][0]) / (sums[1.0][1] + sums[0.0][1])


@pytest.mark.parametrize(("suffix", "limit"), [("", 0.5), (" at chosen thresholds", 0.4)])
def test_attributes_are_paired_by_people(suffix: str, limit: float) -> None:
    found = by_name(compare(result_of("one", 1, 0.3), result_of("two", 2, 0.4), resamples=40, seed=3).differences)
    drawn = resample_counts(20, resamples=40, seed=3)
    names = sorted(set(PEOPLE))
    weights = [dict.fromkeys(names, 1.0), *(dict(zip(names, row.tolist(), strict=True)) for row in drawn)]
    chances = chances_of(1, 0.3), chances_of(2, 0.4)
    for measure, balanced, kept in (("accuracy", False, "ABC"), ("balanced accuracy", True, "AB")):
        changes = {}
        for name in kept:
            column = NAMES.index(name)
            rates = np.array(
                [[loop_rate(part, weight, column, limit, balanced=balanced) for part in chances] for weight in weights]
            )
            changes[name] = rates[:, 1] - rates[:, 0]
            one = found[measure + suffix, name]
            assert (one.first, one.second) == pytest.approx(tuple(rates[0]))
            assert one.difference == pytest.approx(changes[name][0])
            assert (one.low, one.high) == pytest.approx(tuple(np.nanquantile(changes[name][1:], [0.025, 0.975])))
        mean = found[measure + suffix, f"mean of {len(kept)}"]
        each = np.nanmean(np.stack(list(changes.values())), 0)
        assert mean.difference == pytest.approx(each[0])
        assert (mean.low, mean.high) == pytest.approx(tuple(np.nanquantile(each[1:], [0.025, 0.975])))
    assert ("balanced accuracy" + suffix, "C") not in found  # nobody is labelled yes


def test_rank1_is_paired_by_people_and_a_result_differs_in_nothing_from_itself() -> None:
    one, two = result_of("one", 1, 0.3), result_of("two", 2, 0.8)
    found = by_name(compare(one, two, resamples=200).differences)["rank-1", ""]
    assert found.first == pytest.approx(one["rank1"])
    assert found.second == pytest.approx(two["rank1"])
    assert found.difference > 0.1
    assert found.verdict == "gains"
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < found.difference < found.high
    assert by_name(compare(two, one, resamples=200).differences)["rank-1", ""].verdict == "loses"
    same = compare(one, json.loads(json.dumps(one)), resamples=20)
    assert same.notes == ()
    for each in same.differences:
        assert (each.difference, each.low, each.high, each.verdict) == (0, 0, 0, "undecided")


def test_what_cannot_be_paired_is_said() -> None:
    one = result_of("one", 1, 0.3)
    others = [f"q{row // 4:02d}" for row in range(80)]
    with pytest.raises(DataError, match=r"rank-1 is of different people.*attributes are of different people") as caught:
        compare(one, result_of("two", 1, 0.3, people=others))
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="of the protocol folder, the other of celeba"):
        compare(one, one | {"protocol": "celeba"})
    bare = compare(one, result_of("two", 2, 0.4, counts=False), resamples=20)
    assert "keeps no counts of them by person" in bare.notes[0]
    found = by_name(bare.differences)
    full = by_name(compare(one, result_of("two", 2, 0.4), resamples=20).differences)
    for key in (("accuracy", "A"), ("balanced accuracy", "B"), ("accuracy", "mean of 3")):
        assert (found[key].low, found[key].high, found[key].verdict) == (None, None, "")
        assert found[key].difference == pytest.approx(full[key].difference)
    more = compare(one, result_of("two", 2, 0.4) | {"people": 7}, resamples=5)
    assert any("20 candidates of the one and 7 of the other" in note for note in more.notes)
    empty = {key: value for key, value in one.items() if key != "rank1"} | {"attributes": {}}
    with pytest.raises(DataError, match="share no figure"):
        compare(one, empty)


def test_people_in_another_order_and_other_attributes_are_matched_by_name() -> None:
    one, two = result_of("one", 1, 0.3), result_of("two", 2, 0.4)
    expected = by_name(compare(one, two, resamples=30).differences)
    turned = json.loads(json.dumps(two))
    table = turned["attribute_counts"]
    table["identities"].reverse()
    for entry in table["attributes"].values():
        for key, value in entry.items():
            entry[key] = " ".join(reversed(value.split()))
    table["attributes"] = dict(reversed(table["attributes"].items()))
    assert by_name(compare(one, turned, resamples=30).differences) == expected
    del turned["attributes"]["C"], table["attributes"]["C"]
    assert ("accuracy", "mean of 2") in by_name(compare(one, turned, resamples=30).differences)


def test_variants_and_tar_of_megaface() -> None:
    one, two = result_of("one", 1, 0.3), result_of("two", 2, 0.8)
    for part, rate in ((one, 0.2), (two, 0.5)):
        part["tar"] = [{"far": 1e-6, "tar": rate, "low": 0.1, "high": 0.9, "threshold": 0.5}]
        part["variants"] = {"deletion": {key: part[key] for key in ("people", "per_identity")}}
    two["variants"]["refined"] = two["variants"]["deletion"]
    comparison = compare(one, two, resamples=50)
    found = by_name(comparison.differences)
    assert found["rank-1, deletion", ""].low == found["rank-1", ""].low
    assert ("rank-1, refined", "") not in found
    tar = found["TAR at FAR 1e-06", ""]
    assert tar.difference == pytest.approx(0.3)
    assert tar.low is None
    assert any("TAR has no interval" in note for note in comparison.notes)


# --- pairs -----------------------------------------------------------------------------------------------------------


def pair_result(name: str, seed: int, shift: float, *, named: bool = True, kept: bool = True) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    same = np.arange(400) % 2 == 0
    first = rng.integers(0, 30, 400)
    second = np.where(same, first, (first + 1 + rng.integers(0, 28, 400)) % 30)
    folds = np.arange(400) // 100
    scores = np.random.default_rng(seed).normal(size=400) + shift * same
    scores[7] = np.nan
    people = People.of(first, second) if named else None
    found = verify(scores, same, folds=folds, people=people, rates=(0.1, 0.01), resamples=20)
    return assemble_pairs(
        found,
        name=name,
        protocol="lfw",
        official=False,
        notes=[],
        counts={},
        settings={"rule": "strict", "thresholds": "exact", "seed": 0, "resamples": 20},
        checkpoint=None,
        fingerprint=None,
        processor="p",
        pairs=keep_pairs(scores, same, folds=folds, people=people) if kept else None,
    )


@pytest.mark.parametrize("named", [True, False])
def test_pairs_are_paired_by_people_or_by_themselves(named: bool) -> None:
    one, two = pair_result("one", 1, 1.0, named=named), pair_result("two", 2, 1.6, named=named)
    found = by_name(compare(one, two, resamples=60, seed=4).differences)
    accuracy = found["accuracy", ""]
    assert accuracy.first == one["figures"]["accuracy"]["value"]
    assert accuracy.low is not None
    # A loop over the same draws: each pair weighs what its people weigh, or how often it is drawn.
    pairs = {key: np.array(one["pairs"][key].split(), float) for key in one["pairs"]}
    fold = pairs["fold"].astype(int)
    if named:
        drawn = resample_counts(30, resamples=60, seed=4)
        a, b = (pairs[key].astype(int) for key in ("first", "second"))
        weights = np.where(a == b, drawn[:, a], drawn[:, a] * drawn[:, b])
    else:
        weights = resample_counts(400, resamples=60, seed=4)
    rates = []
    for result in (one, two):
        scores = np.array(result["pairs"]["score"].split(), float)
        limits = np.array([np.inf if t is None else t for t in result["figures"]["accuracy"]["thresholds"]])
        right = (np.nan_to_num(scores, nan=-np.inf) >= limits[fold]) == (pairs["same"] == 1)
        of_folds = [(weights * right)[:, fold == k].sum(1) / weights[:, fold == k].sum(1) for k in range(4)]
        rates.append(np.mean(of_folds, 0))
    ends = np.quantile(rates[1] - rates[0], [0.025, 0.975])
    assert (accuracy.low, accuracy.high) == pytest.approx(tuple(ends))
    assert found["TAR at FAR 0.1", ""].verdict == "gains"
    assert found["EER", ""].difference < 0
    assert found["EER", ""].verdict == "gains"
    assert ("TAR at FAR 0.01", "") not in found  # two hundred impostor pairs do not support it
    for each in compare(one, one, resamples=10).differences:
        assert (each.difference, each.low, each.high) == (0, 0, 0)


def test_kept_pairs_give_the_same_figures_again() -> None:
    stored = json.loads(json.dumps(pair_result("one", 1, 1.0)))
    scores = [float(word) for word in stored["pairs"]["score"].split()]
    again = verify(
        scores,
        [word == "1" for word in stored["pairs"]["same"].split()],
        folds=[int(word) for word in stored["pairs"]["fold"].split()],
        rates=(0.1,),
        resamples=0,
    )
    assert again.accuracy is not None
    assert again.accuracy.value == stored["figures"]["accuracy"]["value"]
    assert again.tar_thresholds[0.1] == stored["figures"]["tar"]["0.1"]["threshold"]
    assert keep_pairs(np.zeros(20_001), np.ones(20_001)) is None
    templates = People.of([1, 2], [1, 3], unit="templates")
    assert set(keep_pairs([0.1, -np.inf], [True, False], people=templates) or {}) == {"score", "same"}


def test_pairs_of_other_lists_are_refused_and_files_without_pairs_have_no_intervals() -> None:
    one = pair_result("one", 1, 1.0)
    with pytest.raises(DataError, match="400 pairs and 399"):
        compare(one, one | {"counts": one["counts"] | {"pairs": 399}})
    other = one | {"pairs": one["pairs"] | {"first": "0 " * 400}}
    with pytest.raises(DataError, match="other pairs, or in another order"):
        compare(one, other)
    bare = compare(one, pair_result("two", 2, 1.6, kept=False), resamples=5)
    assert "does not keep the score of every pair" in bare.notes[0]
    assert {each.low for each in bare.differences} == {None}
    nearest = one | {"settings": one["settings"] | {"rule": "nearest"}}
    assert "other rules" in compare(one, nearest, resamples=5).notes[0]
