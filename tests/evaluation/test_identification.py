"""Rank-k identification against a slow reference written from the protocol's words, ties and missing faces included."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kronface.errors import ConfigError, DataError
from kronface.evaluation.comparison import paired_difference
from kronface.evaluation.identification import MISS, closed_set, distractor_counts, expected_rank1, ranks
from kronface.evaluation.templates import BLOCK, draw_gallery

NAN = float("nan")


def slow_ranks(
    embeddings: np.ndarray, identities: list[str], enrolled: np.ndarray, gallery_images: int
) -> dict[int, float]:
    """Rank of each probe (infinite: a miss), person by person and image by image."""
    people = sorted(set(identities))
    templates: dict[str, np.ndarray | None] = {}
    for person in people:
        units = []
        for row, owner in enumerate(identities):
            if owner == person and enrolled[row] and not math.isnan(embeddings[row][0]):
                length = math.sqrt(sum(value**2 for value in embeddings[row]))
                units.append([value / length for value in embeddings[row]])
        if not units:
            templates[person] = None
            continue
        mean = np.sum(units, axis=0)
        templates[person] = mean / math.sqrt(float((mean**2).sum()))
    ranks = {}
    for row, owner in enumerate(identities):
        spare = sum(1 for other in identities if other == owner) > gallery_images
        if enrolled[row] or not spare:
            continue
        mate = templates[owner]
        if math.isnan(embeddings[row][0]) or mate is None:
            ranks[row] = math.inf
            continue
        probe = embeddings[row] / math.sqrt(float((embeddings[row] ** 2).sum()))
        rank = 1
        for person in people:
            other = templates[person]
            if person != owner and other is not None and float(probe @ other) >= float(probe @ mate):
                rank += 1
        ranks[row] = rank
    return ranks


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(1, 2), st.integers(0, 10_000), st.booleans(), st.integers(1, 3))
def test_equals_the_slow_reference(people: int, gallery_images: int, seed: int, tied: bool, draws: int) -> None:
    rng = np.random.default_rng(seed)
    identities = [f"p{k}" for k in range(people) for _ in range(int(rng.integers(1, 5)))] + ["p0"] * 3
    # Small whole numbers along the axes give exact ties in any order of summation.
    vectors = np.eye(4)[rng.integers(0, 4, len(identities))] if tied else rng.normal(size=(len(identities), 4))
    vectors[rng.random(len(identities)) < 0.15] = NAN
    result = closed_set(vectors, identities, gallery_images=gallery_images, draws=draws, seed=seed, resamples=5)
    _, numbers = np.unique(identities, return_inverse=True)
    hits = total = 0
    cmc = np.zeros(len(set(identities)))
    for draw in range(draws):
        enrolled = draw_gallery(numbers, gallery_images=gallery_images, seed=seed, draw=draw)
        ranks = slow_ranks(vectors, identities, enrolled, gallery_images)
        total += len(ranks)
        hits += sum(rank == 1 for rank in ranks.values())
        for k in range(len(cmc)):
            cmc[k] += sum(rank <= k + 1 for rank in ranks.values())
    assert result.rank1 == pytest.approx(hits / total)
    np.testing.assert_allclose(result.cmc, cmc / total)
    assert result.probes * draws == total
    assert result.faces_not_found == int(np.isnan(vectors[:, 0]).sum())


def test_hand_worked_example() -> None:
    identities = ["a", "a", "b", "b", "c"]
    vectors = np.array([[1, 0], [1, 0.01], [0, 1], [0.2, -1], [-1, 0]])
    result = closed_set(vectors, identities, draws=1, seed=0, resamples=10)
    # a's images look alike; b's two images face away from each other, so that even c is nearer to either.
    assert result.rank1 == pytest.approx(0.5)
    assert result.cmc.tolist() == pytest.approx([0.5, 0.5, 1.0])
    assert (result.people, result.probes) == (3, 2)


def test_a_network_that_maps_all_faces_to_one_point_scores_nothing() -> None:
    result = closed_set(np.ones((40, 8)), [f"p{k // 4}" for k in range(40)], draws=2, resamples=10)
    assert result.rank1 == 0


@pytest.mark.parametrize("size", [3, 512, 4096])
@pytest.mark.parametrize("people", [5, 33, 100])
def test_nor_does_one_whose_faces_lie_on_one_ray(size: int, people: int) -> None:
    # Equal in words, but their float32 sums differ by where they stand in a matrix product.
    rng = np.random.default_rng(size)
    vectors = np.outer(rng.uniform(0.1, 9, people * 4), rng.normal(size=size))
    identities = [f"p{k // 4}" for k in range(people * 4)]
    for images in (1, 2, 3):
        result = closed_set(vectors[:-2], identities[:-2], gallery_images=images, draws=2, resamples=2)
        assert result.rank1 == 0


def test_more_probes_than_one_block() -> None:
    rng = np.random.default_rng(5)
    people = BLOCK // 2
    identities = [f"p{k // 4:05d}" for k in range(people * 4)]
    vectors = np.repeat(rng.normal(size=(people, 3)), 4, 0) + 0.05 * rng.normal(size=(people * 4, 3))
    result = closed_set(vectors, identities, draws=1, resamples=2)
    enrolled = draw_gallery(np.arange(people * 4) // 4, gallery_images=1, seed=0, draw=0)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = units[~enrolled] @ units[enrolled].T
    mates = np.arange(people * 4)[~enrolled] // 4
    others = scores.copy()
    others[np.arange(len(mates)), mates] = -2
    assert result.rank1 == pytest.approx(np.mean(scores[np.arange(len(mates)), mates] > others.max(1)), abs=2e-3)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 10_000), st.booleans())
def test_ranks_equal_the_slow_reference(people: int, probes: int, seed: int, tied: bool) -> None:
    rng = np.random.default_rng(seed)
    gallery_ids = [f"p{rng.integers(people)}" for _ in range(people * 2)]
    probe_ids = [f"p{rng.integers(people + 1)}" for _ in range(probes)]  # one person is never enrolled
    vectors = np.eye(3)[rng.integers(0, 3, people * 2 + probes)] if tied else rng.normal(size=(people * 2 + probes, 3))
    vectors[rng.random(len(vectors)) < 0.15] = NAN
    found = ranks(vectors[people * 2 :], probe_ids, vectors[: people * 2], gallery_ids)
    for index, owner in enumerate(probe_ids):
        if owner not in gallery_ids:
            assert found[index] == 0
            continue
        # A set of all gallery images and this probe, which is the only one that is not enrolled.
        rows = np.r_[vectors[: people * 2], vectors[people * 2 + index][None]]
        enrolled = np.arange(len(rows)) < people * 2
        (expected,) = slow_ranks(rows, [*gallery_ids, owner], enrolled, 0).values()
        assert found[index] == (MISS if math.isinf(expected) else expected)


def test_matches_name_the_images_and_their_scores() -> None:
    rng = np.random.default_rng(8)
    identities = np.array([f"p{k // 5}" for k in range(60)])
    vectors = np.repeat(rng.normal(size=(12, 6)), 5, 0) + rng.normal(size=(60, 6))
    vectors[[3, 20]] = NAN
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    result = closed_set(vectors, identities, gallery_images=2, draws=1, seed=3, resamples=2)
    _, numbers = np.unique(identities, return_inverse=True)
    enrolled = draw_gallery(numbers, gallery_images=2, seed=3, draw=0)
    assert {match.rank for match in result.matches} > {1}
    for match in result.matches:
        assert not enrolled[match.probe]
        for image, score in ((match.found, match.found_score), (match.mate, match.mate_score)):
            own = [
                row for row in np.flatnonzero(identities == identities[image]) if enrolled[row] and row not in (3, 20)
            ]
            template = units[own].mean(0) / np.linalg.norm(units[own].mean(0))
            assert score == pytest.approx(units[match.probe] @ template, abs=1e-5)
            assert image == max(own, key=lambda row: units[match.probe] @ units[row])
        assert identities[match.mate] == identities[match.probe]
        assert (match.rank == 1) == (identities[match.found] == identities[match.probe])
        assert (match.rank == 1) == (match.found == match.mate)


def test_negative_scores_are_scores() -> None:
    angles = np.radians([0, 100, 230, 231])  # a's images differ by 100 degrees, b lies 130 from both of them
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1)
    result = closed_set(vectors, ["a", "a", "b", "b"], draws=3, resamples=5)
    assert result.rank1 == 1
    assert min(match.mate_score for match in result.matches) < 0


def test_faces_that_are_not_found_stay_in_the_denominator() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(10)
    identities = [f"p{k}" for k in range(10) for _ in range(4)]
    vectors = np.repeat(centres, 4, 0) + 0.01 * rng.normal(size=(40, 10))
    assert closed_set(vectors, identities, draws=3, resamples=5).rank1 == 1
    vectors[4:8] = NAN  # one person whom the detector never sees
    result = closed_set(vectors, identities, draws=3, resamples=5)
    assert result.rank1 == pytest.approx(0.9)
    assert result.faces_not_found == 4
    assert result.cmc[-1] == pytest.approx(0.9)


@pytest.mark.parametrize("others", [1, 4, 7])
def test_distractor_expectation_by_brute_force(others: int) -> None:
    sizes = np.arange(1, others + 1)
    for better in range(others + 1):
        expected = []
        for size in sizes:
            subsets = list(itertools.combinations(range(others), int(size)))
            expected.append(sum(all(person >= better for person in subset) for subset in subsets) / len(subsets))
        np.testing.assert_allclose(expected_rank1(np.array([better]), others, sizes)[0], expected, atol=1e-12)
    assert not expected_rank1(np.array([others + 1]), others, sizes).any()


def test_distractor_counts_end_with_everybody() -> None:
    assert distractor_counts(99).tolist() == [1, 2, 5, 10, 20, 50, 99]
    assert distractor_counts(1).tolist() == [1]


def test_rank1_with_all_distractors_is_rank1() -> None:
    rng = np.random.default_rng(1)
    identities = [f"p{k // 5}" for k in range(60)]
    result = closed_set(rng.normal(size=(60, 6)), identities, draws=2, resamples=20)
    assert result.distractor_rank1[-1] == pytest.approx(result.rank1)
    assert (np.diff(result.distractor_rank1) <= 1e-12).all()


def test_intervals_hold_the_value_and_same_seeds_repeat() -> None:
    rng = np.random.default_rng(2)
    identities = [f"p{k // 6}" for k in range(180)]
    vectors = np.repeat(rng.normal(size=(30, 8)), 6, 0) + 0.8 * rng.normal(size=(180, 8))
    first = closed_set(vectors, identities, seed=4)
    second = closed_set(vectors, identities, seed=4)
    assert first.rank1_low < first.rank1 < first.rank1_high
    assert (first.rank1, first.rank1_low) == (second.rank1, second.rank1_low)
    np.testing.assert_array_equal(first.cmc, second.cmc)


def test_paired_difference_is_zero_with_itself_and_narrower_than_unpaired() -> None:
    rng = np.random.default_rng(3)
    identities = [f"p{k // 6}" for k in range(180)]
    base = np.repeat(rng.normal(size=(30, 8)), 6, 0) + 0.8 * rng.normal(size=(180, 8))
    first = closed_set(base, identities)
    second = closed_set(base + 0.1 * rng.normal(size=base.shape), identities)
    assert paired_difference(first, first) == (0.0, 0.0, 0.0)
    difference, low, high = paired_difference(first, second)
    assert low <= difference <= high
    assert high - low < (first.rank1_high - first.rank1_low)
    with pytest.raises(DataError, match="different people"):
        paired_difference(first, closed_set(base, [name + "x" for name in identities]))


def test_impossible_requests() -> None:
    with pytest.raises(DataError, match="at least two"):
        closed_set(np.eye(3), ["a"] * 3)
    with pytest.raises(DataError, match="more than 1"):
        closed_set(np.eye(3), ["a", "b", "c"])
    with pytest.raises(ConfigError, match="gallery_images"):
        closed_set(np.eye(3), ["a", "a", "b"], gallery_images=0)
    with pytest.raises(ConfigError, match="resamples"):
        closed_set(np.eye(3), ["a", "a", "b"], resamples=0)


def test_arrays_that_do_not_fit_are_refused_in_one_line() -> None:
    with pytest.raises(DataError, match="3 images need"):
        closed_set(np.eye(3), ["a", "a"])
    with pytest.raises(DataError, match="no table"):
        closed_set(np.ones(3), ["a", "a", "b"])
    with pytest.raises(DataError, match="embedding 1 holds an infinite"):
        closed_set([[1.0, 0.0], [np.inf, 0.0], [0.0, 1.0]], ["a", "a", "b"])
    with pytest.raises(DataError, match="2 probes need"):
        ranks(np.eye(2), ["a"], np.eye(2), ["a", "b"])
    with pytest.raises(DataError, match="cannot be searched"):
        ranks(np.eye(2), ["a", "b"], np.eye(3), ["a", "b", "c"])
