"""Thresholds on made-up people whose scores are known."""

import json

import numpy as np
import pytest

from kronface.errors import CheckpointError, ConfigError, DataError
from kronface.evaluation.open_set import Calibration, best_non_mate_scores, calibrate, measure, tightened
from kronface.evaluation.templates import draw_images, normalise


def crowd(people: int, images: int, noise: float, seed: int, size: int = 32) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, size))
    vectors = np.repeat(centres, images, 0) + noise * rng.normal(size=(people * images, size))
    return vectors, [f"p{k // images}" for k in range(people * images)]


def test_threshold_gives_the_rate_on_other_people_from_the_same_crowd() -> None:
    calibration = calibrate(*crowd(120, 4, 0.5, 0), fpir=0.05, images=(1,))
    result = measure(*crowd(120, 4, 0.5, 1), calibration, rounds=20)
    assert result.people == 60
    assert 0.02 < result.fpir < 0.09
    assert result.fnir < 0.2


def test_more_people_never_make_a_lower_threshold_and_beyond_is_marked() -> None:
    calibration = calibrate(*crowd(80, 3, 0.5, 0), images=(1, 2))
    values = [calibration.threshold_for(people).score for people in (1, 2, 5, 20, 50, 60)]
    assert values == sorted(values)
    assert not calibration.threshold_for(60).extrapolated
    far = calibration.threshold_for(100_000)
    assert far.extrapolated
    assert values[-1] < far.score <= 1
    assert calibration.threshold_for(5, images=9).score == calibration.threshold_for(5, images=2).score


def test_extrapolation_is_near_the_truth() -> None:
    small = calibrate(*crowd(80, 4, 0.5, 0), images=(1,))
    large = calibrate(*crowd(800, 4, 0.5, 1), images=(1,), rounds=5)
    assert small.threshold_for(500).score == pytest.approx(large.threshold_for(500).score, abs=0.05)


@pytest.mark.parametrize("people", [50, 68, 70, 134])  # the last two measured numbers lie far apart, or side by side
def test_extrapolation_is_not_steered_by_one_noisy_pair_of_numbers(people: int) -> None:
    truth = calibrate(*crowd(1400, 2, 0.5, 9), images=(1,), rounds=3).threshold_for(1000)
    assert not truth.extrapolated
    for seed in range(3):
        far = calibrate(*crowd(people, 4, 0.5, seed), images=(1,)).threshold_for(1000)
        assert far.extrapolated
        assert far.calibrated_on == people
        assert far.score == pytest.approx(truth.score, abs=0.1)


def test_best_scores_by_plain_loops() -> None:
    vectors, identities = crowd(9, 3, 0.5, 2)
    units, _ = normalise(vectors)
    numbers = np.array([int(name[1:]) for name in identities])
    found = best_non_mate_scores(units, numbers, 9, [1, 2, 5], 2, np.random.default_rng(4))
    rng = np.random.default_rng(4)
    order = list(rng.permutation(9)[:5])
    chosen = draw_images(numbers, 2, rng)
    row = 0
    for probe in range(len(units)):
        if numbers[probe] in order:
            continue
        scores = []
        for person in order:
            mean = np.mean([units[k] for k in range(len(units)) if chosen[k] and numbers[k] == person], axis=0)
            scores.append(float(units[probe] @ mean) / float(np.linalg.norm(mean)))
        np.testing.assert_allclose(found[row], [max(scores[:1]), max(scores[:2]), max(scores)], atol=1e-6)
        row += 1
    assert row == len(found)


def test_measure_by_plain_loops() -> None:
    vectors, identities = crowd(12, 3, 0.9, 3, size=5)
    vectors[[4, 17]] = np.nan
    fixed = Calibration(0.05, (1, 6), (1,), ((0.6, 0.6),), 40)
    found = measure(vectors, identities, fixed, rounds=3, seed=2)
    units, seen = normalise(vectors)
    names, numbers = np.unique(identities, return_inverse=True)
    errors, searches = {"positive": 0, "negative": 0}, {"positive": 0, "negative": 0}
    for k in range(3):
        rng = np.random.default_rng([2, k])
        inside = set(rng.choice(len(names), 6, replace=False).tolist())
        enrolled = draw_images(numbers, 1, rng)
        for probe in range(len(units)):
            known = int(numbers[probe]) in inside
            if known and enrolled[probe]:
                continue
            scores = {
                int(numbers[row]): float(units[probe] @ units[row])
                for row in range(len(units))
                if enrolled[row] and int(numbers[row]) in inside and seen[row] and seen[probe]
            }
            best = max(scores, key=lambda person: scores[person]) if scores else None
            returned = best is not None and scores[best] >= 0.6
            kind = "negative" if known else "positive"
            searches[kind] += 1
            errors[kind] += int(not returned or best != numbers[probe]) if known else int(returned)
    assert (found.non_mated_searches, found.mated_searches) == (searches["positive"], searches["negative"])
    assert found.fpir == pytest.approx(errors["positive"] / searches["positive"])
    assert found.fnir == pytest.approx(errors["negative"] / searches["negative"])
    assert 0 < found.fnir < 1
    assert (found.target_fpir, found.extrapolated, found.calibrated_on) == (0.05, False, 40)


def test_thresholds_are_tightened_where_strangers_are_more_alike() -> None:
    embeddings, identities = crowd(120, 4, 0.5, 3)
    thresholds = calibrate(embeddings, identities)
    others, owners = crowd(20, 6, 0.5, 4)
    assert tightened(thresholds, others, owners, rounds=20)[1] > 0.7  # of the same kind: little is to be done
    alike = others + 1.0  # all embeddings share a direction
    before = measure(alike, owners, thresholds, rounds=20)
    found, factor = tightened(thresholds, alike, owners, rounds=20)
    after = measure(alike, owners, found, rounds=20)
    assert before.fpir > 2 * thresholds.fpir
    assert after.fpir <= thresholds.fpir
    assert factor < 1
    one = thresholds.scores[0][-1]
    assert found.scores[0][-1] == pytest.approx(1 - (1 - one) * factor)
    assert found.calibrated_on == thresholds.calibrated_on


def test_a_network_that_maps_all_faces_to_one_point_finds_nobody() -> None:
    calibration = calibrate(*crowd(20, 3, 0.4, 0), images=(1,))
    assert measure(np.ones((40, 8)), [f"p{k // 4}" for k in range(40)], calibration).fnir == 1
    collapsed = calibrate(np.ones((40, 8)), [f"p{k // 4}" for k in range(40)], images=(1,))
    assert 0.99 < collapsed.threshold_for(10_000).score <= 1.001


def test_faces_that_were_not_found() -> None:
    vectors, identities = crowd(40, 4, 0.3, 0)
    calibration = calibrate(vectors, identities, images=(1,))
    vectors[::4] = np.nan
    result = measure(vectors, identities, calibration)
    assert result.fnir > 0.15  # every fourth mated search has no face


def test_round_trip_and_damage() -> None:
    calibration = calibrate(*crowd(20, 3, 0.4, 0))
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration
    with pytest.raises(CheckpointError, match="damaged"):
        Calibration.from_dict({"fpir": 0.05})
    whole = calibration.to_dict()
    for scores in ([], [whole["scores"][0][:-1]] * len(whole["scores"]), [[float("nan")] * len(whole["people"])]):
        with pytest.raises(CheckpointError, match="damaged"):
            Calibration.from_dict(whole | {"scores": scores})


def test_too_few_people() -> None:
    with pytest.raises(DataError, match="at least four"):
        calibrate(np.eye(3), ["a", "b", "c"])


def test_impossible_requests() -> None:
    crowded = crowd(8, 2, 0.4, 0)
    with pytest.raises(ConfigError, match="fpir is 5"):
        calibrate(*crowded, fpir=5)
    with pytest.raises(ConfigError, match="rounds is 0"):
        calibrate(*crowded, rounds=0)
    with pytest.raises(ConfigError, match="at least one"):
        calibrate(*crowded).threshold_for(0)
    with pytest.raises(DataError, match="16 images need"):
        calibrate(crowded[0], crowded[1][:-1])
    with pytest.raises(DataError, match="spare"):
        measure(np.eye(6), list("abcdef"), calibrate(*crowded))
