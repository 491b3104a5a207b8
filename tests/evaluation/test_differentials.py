"""Rates by group: worked by hand, against plain loops, and through the protocols, the results file and the page."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kronface.errors import ConfigError, DataError
from kronface.evaluation.bootstrap import interval, resample_counts
from kronface.evaluation.differentials import Rates, false_match_rates, rates_by_group, worst_to_best
from kronface.evaluation.features import Features
from kronface.evaluation.groups import Grouping
from kronface.evaluation.identification import closed_set
from kronface.evaluation.open_set import draw_searches
from kronface.evaluation.pairs import compare_pairs
from kronface.evaluation.protocols.arrays import identify_arrays
from kronface.evaluation.protocols.differentials import (
    arrays_differentials,
    check_targets,
    describe,
    folder_differentials,
)
from kronface.evaluation.report.page import build
from kronface.evaluation.result import assemble, load_result
from kronface.faces.image import read_image


def two_groups(wrong_a: int, wrong_b: int, *, people: int = 20, trials: int = 5) -> tuple[np.ndarray, ...]:
    """Errors, people, and groups a and b of so many people with so many trials each."""
    each = people * trials
    errors = np.r_[np.arange(each) < wrong_a, np.arange(each) < wrong_b]
    person = np.arange(2 * each) // trials
    return errors, person, np.where(person < people, "a", "b")


def rates(wrong_a: int, wrong_b: int, **sizes: int) -> Rates:
    errors, person, group = two_groups(wrong_a, wrong_b, **sizes)
    return rates_by_group(errors, person, Grouping.of("g", group), resamples=300)


def test_two_groups_by_hand() -> None:
    found = rates(20, 10)
    a, b = found.groups
    assert (a.group, a.rate, a.trials, a.people, a.errors, a.reason) == ("a", 0.2, 100, 20, 20, "")
    assert (b.group, b.rate, b.trials, b.people, b.errors) == ("b", 0.1, 100, 20, 10)
    assert found.overall == 0.15
    ratio = worst_to_best(found)
    assert (ratio.worst, ratio.best) == ("a", "b")
    assert ratio.value == pytest.approx(2)
    assert ratio.to_mean == pytest.approx(0.2 / math.sqrt(0.2 * 0.1))


def test_intervals_by_plain_loops() -> None:
    rng = np.random.default_rng(1)
    person = rng.integers(0, 30, 400)
    group = np.array([["a", "b", ""][p % 3] for p in person])
    searches = rng.integers(0, 4, 400)
    errors = np.minimum(rng.integers(0, 4, 400), searches)
    found = rates_by_group(errors, person, Grouping.of("g", group), searches=searches, resamples=50, seed=4)
    names = np.unique(person[searches > 0])
    samples: dict[str, list[float]] = {"a": [], "b": []}
    for draw in resample_counts(len(names), resamples=50, seed=4):
        for name, values in samples.items():
            upper = lower = 0.0
            for t in range(400):
                if group[t] == name and searches[t]:
                    weight = draw[list(names).index(person[t])]
                    upper, lower = upper + weight * errors[t], lower + weight * searches[t]
            values.append(upper / lower)
    for k, name in enumerate("ab"):
        inside = (group == name) & (searches > 0)
        one = found.groups[k]
        assert one.rate == pytest.approx(errors[inside].sum() / searches[inside].sum())
        assert one.trials == inside.sum()
        assert one.people == len(np.unique(person[inside]))
        assert (one.low, one.high) == pytest.approx(tuple(float(end) for end in interval(samples[name])))
    assert found.overall == pytest.approx(errors.sum() / searches.sum())
    ratio = worst_to_best(found)
    quotients = sorted(x / y for x, y in zip(samples[ratio.worst], samples[ratio.best], strict=True))
    assert ratio.low == pytest.approx(quotients[math.floor(0.025 * 49)])
    assert ratio.high == pytest.approx(quotients[math.ceil(0.975 * 49)])


def test_a_group_of_few_trials_has_no_rate_and_is_neither_worst_nor_best() -> None:
    errors, person, group = two_groups(20, 10)
    group[person >= 31] = "c"  # nine people
    group[(person >= 10) & (person < 20)] = "d"
    used = (group != "d") | (np.arange(200) % 5 < 1)
    errors, person, group = errors[used], person[used], group[used]  # d: ten people with one trial each
    found = rates_by_group(errors, person, Grouping.of("g", group), resamples=100)
    lone, few = found.groups[2:]
    assert (lone.rate, lone.low, lone.high, lone.reason) == (None, None, None, "fewer than 10 people")
    assert (lone.people, lone.trials) == (9, 45)
    assert (few.rate, few.people, few.trials) == (None, 10, 10)
    assert "10 errors" in few.reason
    assert {worst_to_best(found).worst, worst_to_best(found).best} == {"a", "b"}
    alone = rates_by_group(errors, person, Grouping.of("g", np.where(person < 31, "a", "c")), resamples=100)
    assert worst_to_best(alone).value is None


def test_a_person_without_a_group_counts_among_all_alone() -> None:
    errors, person, group = two_groups(20, 10)
    group[person == 0] = ""  # five errors in five trials
    found = rates_by_group(errors, person, Grouping.of("g", group), resamples=100)
    assert found.overall == 0.15
    assert found.groups[0].rate == pytest.approx(15 / 95)
    assert found.groups[0].people == 19


def test_the_best_served_group_is_given_though_it_made_no_error() -> None:
    found = rates(40, 0)  # at the common rate, 0.2, twenty errors were to be expected
    best = found.groups[1]
    assert (best.rate, best.low) == (0, 0)
    assert best.high == pytest.approx(1 - 0.025 ** (1 / 20))
    ratio = worst_to_best(found)
    assert (ratio.worst, ratio.best, ratio.value, ratio.to_mean) == ("a", "b", None, None)


def test_the_worst_served_group_is_given_though_few_errors_were_expected() -> None:
    errors, person = np.zeros(5000), np.arange(5000) // 10
    errors[:12] = 1
    group = np.where(person < 10, "a", "b")
    found = rates_by_group(errors, person, Grouping.of("g", group), resamples=50)
    assert found.groups[0].rate == 0.12  # at the common rate, not even one error was expected of 100 trials


def test_a_group_that_always_errs() -> None:
    found = rates(100, 50)
    assert found.groups[0].rate == found.groups[0].high == 1
    assert found.groups[0].low == pytest.approx(0.025 ** (1 / 20))


def test_searching_an_image_ten_times_supports_no_more_than_once() -> None:
    errors, person, group = two_groups(8, 4, people=10, trials=2)  # 20 images each
    once = rates_by_group(errors, person, Grouping.of("g", group), resamples=50)
    often = rates_by_group(10 * errors, person, Grouping.of("g", group), searches=np.full(40, 10), resamples=50)
    assert [one.rate for one in once.groups] == [one.rate for one in often.groups] == [None, None]
    assert often.groups[0].trials == 20
    assert often.groups[0].errors == 8


def test_equal_groups_are_two_groups() -> None:
    ratio = worst_to_best(rates(20, 20))
    assert {ratio.worst, ratio.best} == {"a", "b"}
    assert ratio.value == 1
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low < 1 < ratio.high


def test_a_ratio_may_be_without_end() -> None:
    # All ten errors of b are one person's, who is missing from a third of the samples.
    errors, person, group = two_groups(40, 10, people=10, trials=10)
    ratio = worst_to_best(rates_by_group(errors, person, Grouping.of("g", group), resamples=400))
    assert ratio.value == pytest.approx(4)
    assert ratio.high is None
    assert ratio.low is not None


def crowd(people: int, images: int, noise: float, seed: int, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = np.repeat(rng.normal(size=(people, size)), images, 0) + noise * rng.normal(size=(people * images, size))
    return vectors, np.array([f"p{k // images:03d}" for k in range(people * images)])


def test_fmr_by_plain_loops() -> None:
    vectors, people = crowd(24, 3, 0.5, 0, size=4)
    group = np.array(["ab"[int(name[1:]) % 2] for name in people])
    group[:2] = ["", "b"]  # nobody's image, and one person in two groups
    found = compare_pairs(vectors, people, fmr=0.1)
    grouping = Grouping.of("g", group)
    result = false_match_rates(found, grouping, resamples=30, seed=2)
    accepted = {tuple(pair) for pair in found.false_matches.T.tolist()}
    number = {name: k for k, name in enumerate(found.names)}
    samples: dict[str, list[float]] = {"a": [], "b": []}
    counts = {"a": [0, 0], "b": [0, 0]}
    for index, draw in enumerate(resample_counts(24, resamples=30, seed=2)):
        for name, values in samples.items():
            upper = lower = 0.0
            for i in range(len(people)):
                for j in range(i + 1, len(people)):
                    if people[i] == people[j] or group[i] != name or group[j] != name:
                        continue
                    weight = draw[number[people[i]]] * draw[number[people[j]]]
                    hit = (i, j) in accepted
                    upper, lower = upper + weight * hit, lower + weight
                    if index == 0:
                        counts[name][0] += hit
                        counts[name][1] += 1
            values.append(upper / lower if lower else math.nan)
    for k, name in enumerate("ab"):
        one = result.groups[k]
        assert (one.errors, one.trials) == (counts[name][0], counts[name][1])
        assert one.rate == pytest.approx(counts[name][0] / counts[name][1])
        assert (one.low, one.high) == pytest.approx(tuple(float(end) for end in interval(samples[name])))
    assert result.overall == found.fmr
    np.testing.assert_allclose(result.samples[:, 0], samples["a"])


def test_pairs_without_a_false_match_bound_nothing() -> None:
    # b's people are far from one another; a's are near.
    rng = np.random.default_rng(0)
    vectors = np.r_[rng.normal(size=(20, 40)) + 3, 5 * np.eye(40)[:20]]
    group = np.repeat(["a", "b"], 20)
    found = false_match_rates(compare_pairs(vectors, np.arange(40), fmr=0.1), Grouping.of("g", group), resamples=50)
    near, far = found.groups
    assert near.rate is not None
    assert near.rate > 0.3
    assert (far.rate, far.low, far.high, far.errors) == (0, 0, None, 0)
    assert worst_to_best(found).value is None


def test_arrays_that_do_not_fit() -> None:
    errors, person, group = two_groups(20, 10)
    with pytest.raises(DataError, match="200 trials"):
        rates_by_group(errors, person[:-1], Grouping.of("g", group))
    with pytest.raises(DataError, match="4 images"):
        false_match_rates(compare_pairs(np.eye(4), ["a", "a", "b", "b"], fmr=0.5), Grouping.of("g", group))
    for targets in ({"fmr": 0, "fpir": 0.1}, {"fmr": 0.1, "fpir": 1}):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            check_targets(**targets)


@pytest.fixture
def folder() -> tuple[np.ndarray, np.ndarray, list[Grouping]]:
    vectors, people = crowd(40, 6, 1.4, 5)
    vectors[::37] = np.nan
    number = np.array([int(name[1:]) for name in people])
    sex = Grouping.of("sex", np.where(number < 25, "female", np.where(number < 39, "male", "")))
    return vectors, people, [sex, Grouping.of("light", np.where(np.arange(240) % 2, "day", "night"))]


def entry(entries: list[dict[str, Any]], by: str, measure: str) -> dict[str, Any]:
    return next(one for one in entries if (one["by"], one["measure"]) == (by, measure))


def rate_of(found: dict[str, Any], group: str) -> float:
    return float(next(one["rate"] for one in found["groups"] if one["group"] == group))


def test_the_folder_protocol_by_plain_loops(folder: tuple[np.ndarray, np.ndarray, list[Grouping]]) -> None:
    vectors, people, groups = folder
    ranked = closed_set(vectors, people, draws=3, resamples=20)
    found = folder_differentials(vectors, people, ranked, groups, fmr=0.02, fpir=0.15, resamples=20)
    assert [(one["by"], one["measure"]) for one in found] == [
        (by, measure) for by in ("sex", "light") for measure in ("fnmr", "fmr", "fnir", "fpir", "rank1")
    ]
    pairs = compare_pairs(vectors, people, fmr=0.02)
    for grouping in groups:
        for k, group in enumerate(grouping.names):
            inside = grouping.number == k
            genuine = inside[pairs.genuine].all(0)
            assert rate_of(entry(found, grouping.by, "fnmr"), group) == pytest.approx(pairs.missed[genuine].mean())
            hits, times = ranked.image_hits[inside].sum(), ranked.image_searches[inside].sum()
            assert rate_of(entry(found, grouping.by, "rank1"), group) == pytest.approx(hits / times)
    rank1 = entry(found, "sex", "rank1")
    assert rank1["overall"] == pytest.approx(ranked.rank1)
    assert rank1["images_without_group"] == 6
    female, male = rank1["groups"]
    worst, best = sorted((female["rate"], male["rate"]))
    assert rank1["worst_to_best"] == pytest.approx((1 - worst) / (1 - best))
    assert rate_of(rank1, rank1["worst"]) == worst
    assert female["low"] < female["rate"] < female["high"]

    searches = draw_searches(vectors, people)
    strangers = sorted((float(score) for score in searches.rival[~searches.mated]), reverse=True)
    limit = entry(found, "sex", "fpir")["threshold"]
    allowed = math.floor(0.15 * len(strangers))
    assert entry(found, "sex", "fpir")["overall"] * len(strangers) == pytest.approx(allowed)
    assert sum(score >= limit for score in strangers) <= allowed < sum(score >= limit - 1e-6 for score in strangers)
    errors = {kind: {"female": [0, 0], "male": [0, 0]} for kind in ("fnir", "fpir")}
    scores = searches.mate.astype(np.float64), searches.rival.astype(np.float64)
    for row, mated, mate, rival in zip(searches.row, searches.mated, *scores, strict=True):
        group = groups[0].names[groups[0].number[row]] if groups[0].number[row] >= 0 else ""
        if group:
            counts = errors["fnir" if mated else "fpir"][group]
            counts[0] += not (mate >= limit and mate > rival + 1e-6) if mated else rival >= limit
            counts[1] += 1
    for measure, by_group in errors.items():
        for group, (wrong, times) in by_group.items():
            assert rate_of(entry(found, "sex", measure), group) == pytest.approx(wrong / times)


def test_rates_that_nothing_supports_are_not_given(folder: tuple[np.ndarray, np.ndarray, list[Grouping]]) -> None:
    vectors, people, groups = folder
    ranked = closed_set(vectors, people, draws=1, resamples=20)
    found = folder_differentials(vectors, people, ranked, groups[:1], fmr=1e-4, fpir=0.01, resamples=20)
    assert [one["measure"] for one in found if one["groups"]] == ["rank1"]
    lines = describe(found)
    assert "28080 impostor pairs support no FMR of 0.0001" in lines[0]
    assert "240 searches" in lines[3]
    three = folder_differentials(
        vectors[:18], people[:18], ranked_of(vectors[:18], people[:18]), [groups[0].take(np.arange(18))]
    )
    assert "at least four" in entry(three, "sex", "fnir")["reason"]
    assert "no two of 2 groups" in describe(three)[-1]


def ranked_of(vectors: np.ndarray, people: np.ndarray) -> Any:  # noqa: ANN401 - an IdentificationResult
    return closed_set(vectors, people, draws=1, resamples=20)


def test_the_protocol_of_arrays(folder: tuple[np.ndarray, np.ndarray, list[Grouping]]) -> None:
    vectors, people, _ = folder
    gallery = (np.arange(240) % 6 == 0) & (np.arange(240) < 120)  # one image of each of the first twenty
    probes = Features(vectors[~gallery], "probes", people[~gallery])
    enrolled = Features(vectors[gallery], "gallery", people[gallery])
    sex = Grouping.of("sex", np.where(np.array([int(name[1:]) for name in people[~gallery]]) % 2, "f", "m"))
    searched = identify_arrays(probes, enrolled)
    found = arrays_differentials(searched, probes, [sex], fmr=0.02, fpir=0.3, resamples=20)
    ranks, limit = searched.trials.ranks(), entry(found, "sex", "fpir")["threshold"]
    for k, group in enumerate(sex.names):
        mated = sex.number[searched.probe] == k
        assert rate_of(entry(found, "sex", "rank1"), group) == pytest.approx((ranks[mated] == 1).mean())
        lost = [not (rank == 1 and score >= limit) for rank, score in zip(ranks, searched.score, strict=True)]
        assert rate_of(entry(found, "sex", "fnir"), group) == pytest.approx(np.array(lost)[mated].mean())
        strange = sex.number[searched.strangers] == k
        reached = searched.stranger_score[strange] >= limit
        assert rate_of(entry(found, "sex", "fpir"), group) == pytest.approx(reached.mean())
    assert entry(found, "sex", "fmr")["groups"]
    euclidean = arrays_differentials(searched, probes, [sex], metric="euclidean", resamples=20)
    assert "cosine" in entry(euclidean, "sex", "fmr")["reason"]
    one_each = Features(vectors[::6], "probes", people[::6])
    single = arrays_differentials(
        identify_arrays(one_each, enrolled, mates="each"), one_each, [sex.take(np.arange(40))], fmr=0.05, resamples=20
    )
    assert entry(single, "sex", "fnmr")["reason"] == "nobody has two images"


def stored(folder: tuple[np.ndarray, np.ndarray, list[Grouping]], path: Path) -> dict[str, Any]:
    vectors, people, groups = folder
    ranked = closed_set(vectors, people, draws=3, resamples=20)
    result = assemble(
        name="joint",
        protocol="folder",
        data={"root": "people", "layout": "folder", "people": 40, "images": 240, "notes": []},
        settings={"draws": 3, "groups": "truth.csv", "by": ["sex", "light"], "fmr": 0.02, "fpir": 0.1},
        checkpoint={"path": "c", "fingerprint": "0" * 64, "arm": "joint", "variant": "v"},
        identification=ranked,
    )
    odd = Grouping.of("<b>", np.where(groups[0].number == 0, "x$y_", ""))  # one group alone
    result["differentials"] = folder_differentials(
        vectors, people, ranked, [*groups, odd], fmr=0.02, fpir=0.1, resamples=200
    )
    path.write_text(json.dumps(result, allow_nan=False))
    return result


def test_the_results_file_and_the_page(folder: tuple[np.ndarray, np.ndarray, list[Grouping]], tmp_path: Path) -> None:
    result = stored(folder, tmp_path / "r.json")
    assert load_result(tmp_path / "r.json")["differentials"] == result["differentials"]
    build([result], title="t", out=tmp_path / "r.html", read=read_image)
    page = (tmp_path / "r.html").read_text()
    assert "<h2>Groups of people</h2>" in page
    assert "joint by light" in page
    assert "<b>" not in page
    assert "--groups truth.csv --by sex,light --fmr 0.02 --fpir 0.1" in page
    for one in entry(result["differentials"], "sex", "fmr")["groups"]:
        assert f"{100 * one['rate']:.3g}" in page


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"by": 3}, r"differentials\[0\].by"),
        ({"measure": "far"}, "unknown measure"),
        ({"worst": "nobody"}, "worst or best"),
        ({"groups": None}, "no list"),
        ({"groups": [{"group": "a"}]}, "no 'differentials"),
    ],
)
def test_damaged_differentials_are_refused(
    folder: tuple[np.ndarray, np.ndarray, list[Grouping]], tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    result = stored(folder, tmp_path / "r.json")
    result["differentials"][0] |= change
    (tmp_path / "r.json").write_text(json.dumps(result))
    with pytest.raises(DataError, match=complaint):
        load_result(tmp_path / "r.json")
    result["differentials"] = [entry(result["differentials"], "sex", "fmr")]
    result["differentials"][0]["groups"][0]["rate"] = None
    (tmp_path / "r.json").write_text(json.dumps(result))
    with pytest.raises(DataError, match="supported group without a rate"):
        load_result(tmp_path / "r.json")
