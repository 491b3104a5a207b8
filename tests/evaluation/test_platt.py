import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from kronface.errors import DataError
from kronface.evaluation.calibration_error import expected_calibration_error
from kronface.evaluation.platt import platt, temperature


def test_it_agrees_with_a_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 4000)
    labels = (rng.random(4000) < 1 / (1 + np.exp(-(0.4 * logits - 1)))).astype(float)
    slope, offset = platt(logits, labels)
    other = LogisticRegression(C=1e9).fit(logits[:, None], labels)
    np.testing.assert_allclose([slope, offset], [other.coef_[0, 0], other.intercept_[0]], atol=0.01)
    before = expected_calibration_error(1 / (1 + np.exp(-logits)), labels)
    after = expected_calibration_error(1 / (1 + np.exp(-(slope * logits + offset))), labels)
    assert before is not None
    assert after is not None
    assert after < 0.25 * before


def test_missing_labels_few_labels_separable_ones_and_useless_scores() -> None:
    logits = np.linspace(-3, 3, 60)
    labels = (logits > 0).astype(float)
    slope, offset = platt(logits, labels)
    assert 1 < slope < 100
    assert abs(offset) < 0.5
    holes = labels.copy()
    holes[::2] = np.nan
    assert platt(logits, holes) == platt(logits[1::2], labels[1::2])
    assert platt(logits, np.where(logits > 2.9, 1.0, 0.0)) == (1, 0)
    assert platt(-logits, labels)[0] == 0  # never turned round: a worse guess than chance becomes none
    with pytest.raises(DataError, match="do not fit"):
        platt(logits, labels[1:])


def test_a_temperature_is_the_one_that_the_logits_were_spoilt_by() -> None:
    rng = np.random.default_rng(0)
    right = np.concatenate([rng.normal(0, 2, (6000, 2)), rng.normal(0, 4, (6000, 1))], 1)
    labels = (rng.random(right.shape) < 1 / (1 + np.exp(-right))).astype(float)
    assert temperature(right / 0.4, labels) == pytest.approx(0.4, abs=0.02)
    assert temperature(0.5 * right, labels) == 1  # never surer than before
    rare = np.where((labels == 0) & (rng.random(right.shape) < 0.9), np.nan, labels)
    assert temperature(right / 0.4, rare) == pytest.approx(0.4, abs=0.05)  # both sides count alike
    weights = np.where(rare == 1, 1 / (rare == 1).sum(0), 1 / (rare == 0).sum(0))
    known = ~np.isnan(rare)
    factors = np.linspace(0.2, 1, 801)
    signed = np.where(rare == 1, 1, -1) * right / 0.4
    losses = [(weights * np.log1p(np.exp(-factor * signed)))[known].sum() for factor in factors]
    assert temperature(right / 0.4, rare) == pytest.approx(factors[int(np.argmin(losses))], abs=0.002)


def test_a_temperature_where_little_is_known() -> None:
    logits, labels = np.array([[3.0, 2.0], [-3.0, np.nan], [2.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]])
    assert temperature(logits[:2], labels[:2]) == 1  # nothing is wrong
    assert 0 < temperature(logits, labels) < 1
    assert temperature(logits, np.full((3, 2), np.nan)) == 1
    assert temperature(logits, np.ones((3, 2))) == 1
    assert temperature(-logits[:2], labels[:2]) < 0.01  # a worse guess than chance becomes none
    with pytest.raises(DataError, match="do not fit"):
        temperature(logits, labels[1:])
