"""The calibration error against hand-worked bins and torchmetrics."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_calibration_error

from kronface.errors import DataError
from kronface.evaluation.calibration_error import bin_of, expected_calibration_error

NAN = float("nan")


def test_hand_worked_bins() -> None:
    # Two bins: (0.2, 0.4) has one positive of two, mean 0.3; (0.9) has none, mean 0.9.
    assert expected_calibration_error([0.2, 0.4, 0.9], [1, 0, 0], bins=2) == pytest.approx((2 * 0.2 + 0.9) / 3)
    # In one bin, too sure and too unsure even out: 0.5 on average, and half are positive.
    assert expected_calibration_error([0.1, 0.9], [1, 0], bins=1) == pytest.approx(0)
    assert expected_calibration_error([0.1, 0.9], [1, 0]) == pytest.approx(0.9)
    assert expected_calibration_error([0.0, 1.0], [0, 1]) == 0
    assert expected_calibration_error([0.5, NAN, 0.5], [1, 1, NAN]) == 0.5
    assert expected_calibration_error([NAN], [1]) is None


def test_bins_are_closed_above() -> None:
    assert bin_of(np.array([0.0, 0.2, 0.2 + 1e-9, 0.8, 1.0]), 5).tolist() == [0, 0, 1, 3, 4]
    thirds = np.array([1 / 15, 2 / 15, 14 / 15])
    assert bin_of(thirds, 15).tolist() == [0, 1, 13]


def test_equals_torchmetrics() -> None:
    rng = np.random.default_rng(0)
    chances = rng.random(500)
    labels = (rng.random(500) < chances**2).astype(float)
    expected = binary_calibration_error(torch.from_numpy(chances), torch.from_numpy(labels).long(), n_bins=15)
    assert expected_calibration_error(chances, labels) == pytest.approx(float(expected), abs=1e-6)
    assert float(expected) > 0.05


def test_what_are_no_probabilities_is_refused() -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        expected_calibration_error([1.2], [1])
    with pytest.raises(DataError, match="do not fit"):
        expected_calibration_error([0.2], [1, 0])
