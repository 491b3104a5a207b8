"""Embeddings of one's own against a slow reference, on random, tied and collapsed embeddings, faces missing."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from kronface.errors import ConfigError, DataError
from kronface.evaluation.features import Features
from kronface.evaluation.identification import MISS
from kronface.evaluation.protocols.arrays import Identification, Mates, arrays_content, identify_arrays
from kronface.evaluation.schema import check_result
from kronface.evaluation.search import Metric

from . import arrays_reference as reference
from .arrays_reference import Images
from .test_det import slow_tpir

SIZE = 16
KINDS = ["random", "long", "tied", "collapsed"]


def vectors(kind: str, people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows near their person's centre. `long`: of many lengths; `tied`: of 1 and -1 only."""
    centres: np.ndarray = np.random.default_rng(99).normal(size=(40, SIZE))
    rows: np.ndarray = centres[people] + 1.2 * rng.normal(size=(len(people), SIZE))
    if kind == "tied":
        return np.where(rows > 0, 1.0, -1.0) * np.where(rng.random(rows.shape) < 0.5, 1.0, np.sign(centres[0]))
    if kind == "long":
        return rows * rng.uniform(0.2, 3, (len(people), 1))
    return np.full_like(rows, 0.3) if kind == "collapsed" else rows


class Made:
    """Probes, a gallery set, and distractors with people of their own, some of them probes' people."""

    def __init__(
        self, kind: str, seed: int = 0, *, lost: float = 0.12, dtype: type = np.float32, pool: int = 8
    ) -> None:
        rng = np.random.default_rng(seed)
        parts = {
            "probes": rng.permutation(np.concatenate([np.repeat(np.arange(7), 3), [7, 8, 9, 9]])),  # 7, 8 come once
            "gallery": rng.permutation([0, 0, 0, 1, 1, 2, 3, 4, 5, 20, 21, 21]),  # 6 to 9 are strangers
            "distractors": rng.integers(0, 30, pool),
        }
        self.features: dict[str, Features] = {}
        self.images: dict[str, Images] = {}
        for name, people in parts.items():
            rows: np.ndarray = vectors(kind, people, rng).astype(dtype)
            rows[rng.random(len(rows)) < lost] = np.nan
            if kind != "collapsed":
                rows[-1] = 0
            owners = np.array([f"p{person}" for person in people])
            self.features[name] = Features(rows, name, owners)
            self.images[name] = Images(rows.tolist(), owners.tolist())
        self.unlabelled = dataclasses.replace(self.features["distractors"], identities=None)


def check(found: Identification, slow: reference.Searches, metric: str) -> None:
    """Trial by trial: who stands before each mate, and what strangers find."""
    assert len(found.probe) == len(slow.trials)
    order = np.lexsort((found.mate, found.probe))
    for place, trial in zip(order, slow.trials, strict=True):
        assert found.probe[place] == trial.probe
        assert found.names[found.trials.person[place]] == trial.person
        for counted, others in (
            (found.fixed, trial.fixed),
            (found.distractors, trial.pool),
            (found.trials, [*trial.fixed, *trial.pool]),
        ):
            if trial.mate is None:
                assert counted.higher[place] == MISS
                assert np.isnan(found.score[place])
                continue
            assert counted.higher[place] == trial.before(others, "for")
            assert counted.higher[place] + counted.tied[place] == trial.before(others, "against")
            assert counted.others == len(others)
            assert found.score[place] == pytest.approx(reference.shown(trial.mate, metric), abs=1e-6)
    assert found.strangers.tolist() == [row for row, _ in slow.strangers]
    np.testing.assert_allclose(
        found.stranger_score, [reference.shown(score, metric) for _, score in slow.strangers], atol=1e-6
    )


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("mates", ["template", "each"])
@pytest.mark.parametrize("pool", ["none", "unlabelled", "labelled"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_gallery_set_equals_plain_loops(kind: str, pool: str, mates: Mates, metric: Metric) -> None:
    for seed in range(2):
        made = Made(kind, seed, dtype=np.float64 if seed else np.float32)
        probes, gallery = made.features["probes"], made.features["gallery"]
        crowd = {"none": None, "unlabelled": made.unlabelled, "labelled": made.features["distractors"]}[pool]
        slow_crowd = None if crowd is None else dataclasses.replace(made.images["distractors"])
        if slow_crowd is not None and pool == "unlabelled":
            slow_crowd.people = None
        found = identify_arrays(probes, gallery, crowd, mates=mates, metric=metric, threads=2)
        slow = reference.identify(made.images["probes"], made.images["gallery"], slow_crowd, mates=mates, metric=metric)
        check(found, slow, metric)
        assert len(found.strangers) == 3 + 4  # person 6 comes three times
        lost = [int(np.isnan(part.values[:, 0]).sum()) for part in made.features.values()]
        assert found.not_found == (lost[0], lost[1], 0 if crowd is None else lost[2])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_distractors_alone_equal_plain_loops(kind: str, labelled: bool, metric: Metric) -> None:
    made = Made(kind, 3, dtype=np.float16)
    crowd = made.features["distractors"] if labelled else made.unlabelled
    slow_crowd = Images(made.images["distractors"].rows, made.images["distractors"].people if labelled else None)
    found = identify_arrays(made.features["probes"], None, crowd, metric=metric)
    slow = reference.identify(made.images["probes"], None, slow_crowd, metric=metric)
    check(found, slow, metric)
    # 7 and 8 come once: nobody's mates, and no strangers, for there is no gallery set that they could be missing from.
    assert "p7" not in found.names
    assert len(found.probe) == 7 * 6 + 2
    assert len(found.strangers) == 0


@pytest.mark.parametrize("ties", ["against", "for"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["template", "each", "template+pool", "each+pool", "pool"])
def test_the_results_equal_plain_loops(case: str, kind: str, ties: str) -> None:
    made = Made(kind, 5)
    probes, mates = made.features["probes"], "each" if "each" in case else "template"
    gallery = None if case == "pool" else "gallery"
    crowd = "distractors" if "pool" in case else None
    found = identify_arrays(
        probes,
        None if gallery is None else made.features[gallery],
        None if crowd is None else made.features[crowd],
        mates=mates,  # type: ignore[arg-type]
    )
    slow = reference.identify(
        made.images["probes"],
        None if gallery is None else made.images[gallery],
        None if crowd is None else made.images[crowd],
        mates=mates,
    )
    result, lines = arrays_content(
        found,
        name="n",
        root="r",
        settings={},
        owners=probes.identities,
        ties=ties,  # type: ignore[arg-type]
        resamples=30,
        seed=1,
    )
    check_result(result, "here")
    assert result["rank1"] == pytest.approx(slow.rank1(ties))
    last = len(slow.trials[0].fixed) + len(slow.trials[0].pool) + 1
    assert result["cmc_ranks"] == list(range(1, last + 1))
    for k, rate in zip(result["cmc_ranks"], result["cmc"], strict=True):
        assert rate == pytest.approx(slow.cmc(k, ties), abs=1e-6)
    counts = result["distractors"]["counts"]
    there = len(slow.trials[0].pool) if crowd else len(slow.trials[0].fixed)
    assert counts == sorted({*(count for count in (1, 2, 5, 10) if count < there), there})
    for count, rate in zip(counts, result["distractors"]["rank1"], strict=True):
        assert rate == pytest.approx(slow.among(count, ties), abs=2e-6)
    assert result["distractors"]["rank1"][-1] == pytest.approx(result["rank1"], abs=1e-6)
    assert (result["probes"], result["people"]) == (len(slow.trials), last)
    assert result["data"]["people"] == len({trial.person for trial in slow.trials})
    for name, hits, trials in zip(*result["per_identity"].values(), strict=True):
        own = [trial for trial in slow.trials if trial.person == name]
        assert trials == len(own)
        assert hits == sum(trial.before([*trial.fixed, *trial.pool], ties) == 0 for trial in own)
    tied = [t for t in slow.trials if t.before([*t.fixed, *t.pool], "for") < t.before([*t.fixed, *t.pool], "against")]
    assert result["tied_trials"] == len(tied)
    assert any("of the mate's own score" in line for line in lines) == bool(tied)
    assert result["faces_not_found"] == sum(found.not_found)
    assert (result["det"] is None) == (gallery is None)
    assert 0 <= result["rank1_low"] <= result["rank1"] <= result["rank1_high"] <= 1


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("decimals", [0, 9])
def test_strangers_equal_slow_loops(decimals: int, metric: Metric) -> None:
    rng = np.random.default_rng(decimals)
    centres = rng.normal(size=(60, SIZE)) * 2
    owners = np.concatenate([np.repeat(np.arange(30), 2), np.arange(30, 60).repeat(4)])
    # Of many lengths: a threshold means the same for short and for long probes.
    rows = (centres[owners] + rng.normal(size=(len(owners), SIZE))) * rng.uniform(0.3, 2, (len(owners), 1))
    rows = np.round(rows, decimals)
    rows[::19] = np.nan
    enrolled = np.round(centres[:30] + 0.3 * rng.normal(size=(30, SIZE)), decimals)
    names, gallery_names = np.array([f"p{k}" for k in owners]), np.array([f"p{k}" for k in range(30)])
    found = identify_arrays(
        Features(rows, "probes", names), Features(enrolled, "gallery", gallery_names), metric=metric
    )
    slow = reference.identify(
        Images(rows.tolist(), names.tolist()), Images(enrolled.tolist(), gallery_names.tolist()), metric=metric
    )
    check(found, slow, metric)
    result, lines = arrays_content(found, name="n", root="r", settings={}, owners=names, resamples=30)
    check_result(result, "here")
    scores = [float("nan") if t.mate is None else reference.shown(t.mate, metric) for t in slow.trials]
    ranks = [1 if trial.before(trial.fixed, "against") == 0 else 2 for trial in slow.trials]
    strange = [reference.shown(score, metric) for _, score in slow.strangers]
    points = result["det"]["points"]
    assert [point["target_fpir"] for point in points] == [0.1]  # 120 searches for strangers
    assert result["det"]["unsupported"] == [0.001, 0.003, 0.01, 0.03]
    assert (result["det"]["mated_searches"], result["det"]["stranger_searches"]) == (60, 120)
    assert points[0]["tpir"] == pytest.approx(slow_tpir(scores, ranks, strange, 0.1))
    assert 0.1 < points[0]["tpir"] < 1
    assert any(line.startswith("TPIR") for line in lines)
    assert any("120 searches" in line for line in lines)


def test_all_strangers_without_a_face() -> None:
    probes = Features(np.vstack([np.eye(2), np.full((120, 2), np.nan)]), "p", np.array(["a", "b"] + ["s"] * 120))
    gallery = Features(np.eye(2), "g", np.array(["a", "b"]))
    found = identify_arrays(probes, gallery)
    result, lines = arrays_content(found, name="n", root="r", settings={}, owners=probes.identities, resamples=5)
    check_result(result, "here")
    assert [(p["target_fpir"], p["threshold"], p["fpir"], p["tpir"]) for p in result["det"]["points"]] == [
        (0.1, None, 0, 1)
    ]
    assert any("every score passes" in line for line in lines)


def test_an_image_is_never_its_own_mate() -> None:
    people = np.array(["a", "a", "b", "b"])
    values = np.array([[1, 0], [1, 0.1], [0, 1], [1, 1]])
    named = Features(values, "file", people, np.array(["1.jpg", "2.jpg", "3.jpg", "4.jpg"]))
    plain = Features(values, "file", people)
    turned = Features(values[::-1], "other", people[::-1], np.array(["4.jpg", "3.jpg", "2.jpg", "1.jpg"]))
    for probes, gallery in ((plain, plain), (named, named), (named, turned)):
        found = identify_arrays(probes, gallery, mates="each")
        assert len(found.probe) == 4
        mates = values[found.mate] if gallery is not turned else values[::-1][found.mate]
        assert not (mates == values[found.probe]).all(1).any()
        with pytest.raises(DataError, match="would find itself"):
            identify_arrays(probes, gallery)
    # Other names, or another file that says nothing of names: other images.
    other = dataclasses.replace(turned, paths=np.array(["5.jpg", "6.jpg", "7.jpg", "8.jpg"]))
    assert len(identify_arrays(named, other, mates="each").probe) == 8
    assert len(identify_arrays(plain, dataclasses.replace(plain, source="copy"), mates="each").probe) == 8


def test_one_file_under_two_names_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("f.npy", np.eye(2))
    people = np.array(["a", "a"])
    here, there = Features(np.eye(2), "f.npy", people), Features(np.eye(2), str(tmp_path / "f.npy"), people)
    assert len(identify_arrays(here, there, mates="each").probe) == 2
    with pytest.raises(DataError, match="would find itself"):
        identify_arrays(here, there)


def test_what_cannot_be_searched_is_refused() -> None:
    probes = Features(np.eye(3), "p.npy", np.array(["a", "a", "b"]))
    gallery = Features(np.eye(3), "g.npy", np.array(["x", "y", "z"]))
    with pytest.raises(ConfigError, match="neither a gallery set nor distractors"):
        identify_arrays(probes)
    with pytest.raises(ConfigError, match="template or each"):
        identify_arrays(probes, gallery, mates="all")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"no probe in p\.npy has a mate"):
        identify_arrays(probes, gallery)
    with pytest.raises(DataError, match=r"p\.npy says nothing of its people"):
        identify_arrays(dataclasses.replace(probes, identities=None), gallery)
    with pytest.raises(DataError, match=r"g\.npy says nothing of its people"):
        identify_arrays(probes, dataclasses.replace(gallery, identities=None))
    with pytest.raises(DataError, match="of length 3, d of length 2"):
        identify_arrays(probes, None, Features(np.eye(2), "d"))
    infinite = np.eye(3)
    infinite[1, 1] = np.inf
    with pytest.raises(DataError, match="d: row 1 holds an infinite value"):
        identify_arrays(probes, None, Features(infinite, "d"))
    with pytest.raises(DataError, match="has a mate"):
        identify_arrays(Features(np.empty((0, 3)), "p.npy", np.empty(0, np.str_)), gallery)


def test_nobody_to_compare_with() -> None:
    # No distractor shows a face, and nobody else is enrolled: a mate that is found is the only candidate.
    probes = Features(np.eye(3), "p", np.array(["a", "a", "b"]))
    for crowd in (np.full((4, 3), np.nan), np.empty((0, 3))):
        found = identify_arrays(probes, None, Features(crowd, "d"))
        assert found.trials.before().tolist() == [0, 0]
        result, _ = arrays_content(found, name="n", root="r", settings={}, owners=probes.identities, resamples=5)
        check_result(result, "here")
        assert (result["rank1"], result["people"]) == (1, 1)
    found = identify_arrays(probes, Features(np.eye(3)[:1], "g", np.array(["a"])))
    result, _ = arrays_content(found, name="n", root="r", settings={}, owners=probes.identities, resamples=5)
    check_result(result, "here")
    assert (result["rank1"], result["det"]["stranger_searches"]) == (1, 1)


def test_sizes_that_there_are_not() -> None:
    probes = Features(np.eye(3), "p", np.array(["a", "a", "b"]))
    found = identify_arrays(probes, None, Features(-np.eye(3), "d"))

    def content(**options: object) -> dict[str, object]:
        return arrays_content(found, name="n", root="r", settings={}, owners=None, **options)[0]  # type: ignore[arg-type]

    stored = content(sizes=[3, 0, 3], resamples=5)
    assert stored["distractors"]["counts"] == [0, 3]  # type: ignore[index]
    for sizes in ([], [-1], [1, -1], [4], [1, 4]):
        with pytest.raises(ConfigError, match="up to the 3 that show a face"):
            content(sizes=sizes, resamples=5)
    for options in ({"resamples": 0}, {"seed": -1}):
        with pytest.raises(ConfigError, match="resamples is"):
            content(**options)
