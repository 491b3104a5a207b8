import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from kronface.errors import DataError
from kronface.evaluation.calibration_error import expected_calibration_error
from kronface.evaluation.platt import platt


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
