"""From runs' files to table, intervals and sentences: by hand, and in words that do not promise too much."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kronface.errors import DataError
from kronface.evaluation.ablation_content import (
    TABLE_1,
    ArmContent,
    ablation_content,
    mean_gain,
    paper_gain,
    visible,
)
from kronface.evaluation.ablation_measures import count_attributes, count_identities
from kronface.evaluation.ablation_statistics import resample
from kronface.evaluation.report.ablation_page import build_ablation, markdown

PEOPLE = [f"p{number:02d}" for number in range(40)]
NAMES = [*TABLE_1, "Pointy_Nose", "Double_Chin"]
FUSED = [name for name in NAMES if name != "Young"]
ABOUT = {
    "data": {
        "source": "drawn people",
        "train_people": 6,
        "train_images": 60,
        "validation_people": 4,
        "passes": 600,
        "epochs": 2,
        "notes": ["a note"],
    },
    "recipe": {"size": 64},
    "agreement": {"Male": {"here": 0.9, "celeba": 0.975}, "Bald": {"here": None, "celeba": 0.618}},
}


def state(rank1: float | None, attributes: float | None, seed: int) -> dict[str, Any]:
    """Everybody is right about as often as asked for."""
    rng = np.random.default_rng(seed)
    content: dict[str, Any] = {"identities": None, "attributes": None}
    if rank1 is not None:
        right = rng.binomial(40, rank1, len(PEOPLE))
        content["identities"] = {
            "rank1": {"right": right.tolist(), "all": [40] * len(PEOPLE)},
            "tar": {"far": 1e-3, "threshold": 0.5, "right": (right // 4).tolist(), "all": [10] * len(PEOPLE)},
        }
    if attributes is not None:
        content["attributes"] = {"annotated": {}}
        for name in NAMES:
            every = np.array([[20, 0] if number % 2 else [0, 20] for number in range(len(PEOPLE))])
            counted = {"threshold": 0.5, "right": rng.binomial(every, attributes).tolist()}
            content["attributes"]["annotated"][name] = {
                "all": every.tolist(),
                "accuracy": counted,
                "balanced_accuracy": copy.deepcopy(counted),
            }
    return content


def arm(
    name: str, rank1: float | None, attributes: float | None, *, untrained: float = 0.1, seeds: int = 3
) -> ArmContent:
    runs = []
    for seed in range(1, seeds + 1):
        salt = sum(map(ord, name)) * 10 + seed
        history = [
            {"passes": passes, "validation_rank1": 0.1 * passes / 300, "validation_balanced_accuracy": 0.5}
            for passes in (300, 600)
        ]
        runs.append(
            {
                "seed": seed,
                "people": PEOPLE,
                "images": 200,
                "far": 1e-3,
                "attributes": NAMES,
                "parameters": 1234567,
                "trained": state(rank1, attributes, salt),
                "untrained": state(
                    None if rank1 is None else untrained, None if attributes is None else 0.5, salt + 5000
                ),
                "history": history,
            }
        )
    return ArmContent(name, f"what {name} is", "annotated", None if name == "joint" else "joint", True, runs)


def content(
    joint: float = 0.6,
    alone: float = 0.6,
    attributes: tuple[float, float] = (0.8, 0.8),
    *,
    indicative: bool = False,
) -> dict[str, Any]:
    return ablation_content(
        [
            arm("identity-only", alone, None),
            arm("attributes-only", None, attributes[1]),
            arm("joint", joint, attributes[0]),
        ],
        fused=FUSED,
        about=ABOUT,
        resamples=300,
        indicative=indicative,
    )


def row(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(entry) for entry in found["arms"] if entry["name"] == name)


def test_the_papers_gains() -> None:
    assert paper_gain("Male") == 2.96
    assert paper_gain("Pointy_Nose") is None
    assert mean_gain() == 2.0
    order = ["Male", "Bald", "Narrow_Eyes", "Big_Lips", "Big_Nose", "Oval_Face", "Young", "High_Cheekbones", "Chubby"]
    assert sorted(TABLE_1, key=lambda name: -(paper_gain(name) or 0)) == order  # as the prose of §5.3 names them


def test_figures_and_intervals_by_hand_from_the_runs() -> None:
    found = content(0.7, 0.6)
    drawn = resample(len(PEOPLE), 3, resamples=300)
    joint, alone = arm("joint", 0.7, 0.8), arm("identity-only", 0.6, None)

    def rank1(which: ArmContent, row: int) -> float:
        upper = lower = 0.0
        for seed, run in enumerate(which.runs):
            part = run["trained"]["identities"]["rank1"]
            for person in range(len(PEOPLE)):
                weight = drawn.seeds[row, seed] * drawn.people[row, person]
                upper += weight * part["right"][person]
                lower += weight * part["all"][person]
        return upper / lower

    differences = [rank1(alone, number) - rank1(joint, number) for number in range(301)]
    got = row(found, "identity-only")
    assert got["figures"]["rank1"]["value"] == pytest.approx(rank1(alone, 0))
    assert got["differences"]["rank1"]["value"] == pytest.approx(differences[0])
    ends = np.quantile(differences[1:], [0.025, 0.975])
    assert (got["differences"]["rank1"]["low"], got["differences"]["rank1"]["high"]) == pytest.approx(tuple(ends))
    # The claim is the same difference the other way round.
    claim = found["claim"]["rank1"]
    assert (claim["value"], claim["low"], claim["high"]) == pytest.approx((-differences[0], -ends[1], -ends[0]))

    def balanced(which: ArmContent, name: str) -> float:
        shares = []
        for side in (0, 1):
            parts = [run["trained"]["attributes"]["annotated"][name] for run in which.runs]
            right = sum(person[side] for part in parts for person in part["balanced_accuracy"]["right"])
            shares.append(right / sum(person[side] for part in parts for person in part["all"]))
        return float(np.mean(shares))

    mean = np.mean([balanced(joint, name) for name in TABLE_1])
    assert row(found, "joint")["figures"]["balanced_accuracy"]["value"] == pytest.approx(mean)
    assert row(found, "joint")["differences"]["rank1"] is None
    assert row(found, "attributes-only")["figures"]["rank1"] is None
    assert row(found, "identity-only")["figures"]["accuracy"] is None


@pytest.mark.parametrize(
    ("joint", "alone", "attributes", "identity_words", "attribute_words"),
    [
        (0.7, 0.55, (0.9, 0.8), "joint training gains rank-1", "joint training gains attribute accuracy"),
        (0.55, 0.7, (0.8, 0.9), "joint training loses rank-1", "joint training loses attribute accuracy"),
        (0.6, 0.6, (0.8, 0.8), "it is undecided whether joint training gains or loses rank-1", "it is undecided"),
    ],
)
def test_the_sentence_says_what_the_intervals_support(
    joint: float, alone: float, attributes: tuple[float, float], identity_words: str, attribute_words: str
) -> None:
    found = content(joint, alone, attributes)
    sentence = found["claim"]["sentence"]
    first, second = sentence.split(", and ")
    assert first.startswith(f"Over 3 seeds and 40 people, {identity_words}")
    assert second.startswith(attribute_words)
    assert "the paper: +2.7" in first
    assert "the paper: +2.0" in second
    points = 100 * found["claim"]["rank1"]["value"]
    assert f"({points:+.1f} points".replace("-", "\u2212") in first
    assert f"{100 * found['claim']['rank1']['smallest']:.1f} points of rank-1" in visible(found)
    word = row(found, "identity-only")["differences"]["rank1"]["word"]
    assert row(found, "identity-only")["sentence"].startswith(
        f"identity-only against joint: {'rank-1 is undecided' if word == 'undecided' else f'{word} rank-1'}"
    )


def test_arms_that_differ_in_one_thing_are_compared() -> None:
    arms = [arm("identity-only", 0.7, None), arm("no-fusion", 0.65, 0.8), arm("joint", 0.6, 0.8)]
    found = ablation_content(arms, fused=FUSED, about=ABOUT, resamples=300)
    (contrast,) = found["contrasts"]
    assert (contrast["arm"], contrast["against"]) == ("no-fusion", "identity-only")
    shares = [
        np.mean([sum(run["trained"]["identities"]["rank1"]["right"]) for run in part.runs])
        / sum(part.runs[0]["trained"]["identities"]["rank1"]["all"])
        for part in (arms[1], arms[0])
    ]
    assert contrast["rank1"]["value"] == pytest.approx(shares[0] - shares[1])
    assert contrast["rank1"]["low"] <= contrast["rank1"]["value"] <= contrast["rank1"]["high"]
    idle = [arms[0], arm("no-fusion", 0.1, 0.8, untrained=0.5), arms[2]]
    assert not ablation_content(idle, fused=FUSED, about=ABOUT, resamples=300)["contrasts"]


def test_indicative_says_so() -> None:
    assert content(indicative=True)["claim"]["sentence"].startswith("Indicative only: over 3 seeds")


def test_an_arm_that_is_no_better_than_untrained_supports_nothing() -> None:
    found = ablation_content(
        [
            arm("identity-only", 0.3, None, untrained=0.3),
            arm("attributes-only", None, 0.8),
            arm("joint", 0.7, 0.8),
        ],
        fused=FUSED,
        about=ABOUT,
        resamples=300,
    )
    assert row(found, "identity-only")["failed"] == ["to tell people apart"]
    assert row(found, "joint")["failed"] == []
    assert "nothing can be said of rank-1 since identity-only did not learn" in found["claim"]["sentence"]
    assert row(found, "identity-only")["sentence"].startswith("identity-only did not learn to tell people apart")
    assert row(found, "identity-only")["differences"]["rank1"]["word"] == "nothing"
    assert row(found, "attributes-only")["differences"]["accuracy"]["word"] == "undecided"


def test_shuffled_labels_need_not_be_learned() -> None:
    shuffled = arm("shuffled-people", 0.6, 0.5)
    arms = [arm("joint", 0.6, 0.8), ArmContent(**(vars(shuffled) | {"learns_attributes": False}))]
    found = ablation_content(arms, fused=FUSED, about=ABOUT, resamples=300)
    assert row(found, "shuffled-people")["failed"] == []
    assert found["separate"] is None
    assert "nothing can be said" in found["claim"]["sentence"]


def test_gains_are_sorted_and_stand_beside_the_papers() -> None:
    separate = content(attributes=(0.85, 0.8))["separate"]
    gains = [entry["accuracy"]["value"] for entry in separate["rows"]]
    assert gains == sorted(gains, reverse=True)
    by_name = {entry["attribute"]: entry for entry in separate["rows"]}
    assert by_name["Male"]["paper"] == 2.96
    assert by_name["Double_Chin"]["paper"] is None
    assert by_name["Male"]["majority"] == 0.5
    nine = [by_name[name]["accuracy"]["value"] for name in TABLE_1]
    ten = [by_name[name]["accuracy"]["value"] for name in FUSED]
    assert separate["means"]["table1"]["accuracy"]["value"] == pytest.approx(np.mean(nine))
    assert separate["means"]["fused"]["accuracy"]["value"] == pytest.approx(np.mean(ten))
    assert (separate["means"]["table1"]["paper"], separate["means"]["fused"]["paper"]) == (2.0, 2.0)
    assert -1 <= separate["order"]["low"] <= separate["order"]["high"] <= 1


def test_the_same_files_give_the_same_page(tmp_path: Path) -> None:
    found = content(0.7, 0.6, indicative=True)
    for name in ("first", "second"):
        build_ablation(json.loads(json.dumps(found)), page=tmp_path / f"{name}.html", table=tmp_path / f"{name}.md")
    assert (tmp_path / "first.html").read_bytes() == (tmp_path / "second.html").read_bytes()
    page = (tmp_path / "first.html").read_text()
    for words in ("settles nothing", "1,234,567", "what identity-only is", "a note", found["claim"]["sentence"][:30]):
        assert words in page
    table = markdown(found)
    assert "| `attributes-only` | 1,234,567 | — | — | — | — |" in table
    assert "| mean of Table 1's nine |" in table
    assert table == (tmp_path / "first.md").read_text()


def test_arms_of_different_people_or_seeds_are_not_compared() -> None:
    other = arm("joint", 0.6, 0.8)
    other.runs[1]["people"] = PEOPLE[1:]  # type: ignore[index]
    with pytest.raises(DataError, match="other people"):
        ablation_content([arm("identity-only", 0.6, None), other], fused=FUSED, about=ABOUT)
    with pytest.raises(DataError, match="other seeds"):
        ablation_content([arm("identity-only", 0.6, None), arm("joint", 0.6, 0.8, seeds=2)], fused=FUSED, about=ABOUT)
    with pytest.raises(DataError, match="nothing to compare"):
        ablation_content([], fused=FUSED, about=ABOUT)


def test_counts_of_identities_by_hand() -> None:
    """Three people on a circle; the third one's second picture lies with the first one."""
    angles = np.array([0.0, 0.1, 2.0, 2.1, 4.0, 0.05])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], 1)
    who = np.array(["b", "b", "a", "a", "c", "c"])
    found = count_identities(embeddings, who, far=0.9)
    assert found["rank1"]["all"] == [10, 10, 10]
    assert found["rank1"]["right"][0] == 10
    assert found["rank1"]["right"][2] == 0
    assert found["tar"]["all"] == [1, 1, 1]
    assert found["tar"]["right"] == [1, 1, 0]
    assert count_identities(embeddings, who, far=0.1)["tar"] is None  # 12 pairs support no such rate


def test_counts_of_attributes_by_hand() -> None:
    chances = np.array([[0.9], [0.2], [0.6], [0.4], [0.1]])
    labels = np.array([[1.0], [1.0], [0.0], [0.0], [np.nan]])
    who = np.array(["b", "b", "a", "a", "a"])
    tried = np.array([[0.95], [0.55], [0.5], [0.45], [0.4], [0.3]]), np.array([[1], [0], [0], [0], [0], [0]])
    found = count_attributes(chances, labels, who, ["Male"], validation=tried)["Male"]
    assert found["all"] == [[0, 2], [2, 0]]
    assert found["accuracy"]["threshold"] == pytest.approx(0.75)
    assert found["accuracy"]["right"] == [[0, 2], [1, 0]]
