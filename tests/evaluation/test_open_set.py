"""Thresholds on made-up people whose scores are known."""

import json

import numpy as np
import pytest

from kronface.errors import CheckpointError, DataError
from kronface.evaluation.open_set import Calibration, calibrate, measure


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


def test_too_few_people() -> None:
    with pytest.raises(DataError, match="at least four"):
        calibrate(np.eye(3), ["a", "b", "c"])
