"""Linear machines on features, one per attribute: what PANDA and ANet end in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.svm import LinearSVC

from kronface.errors import DataError
from kronface.methods.interface import Faces, Floats


@dataclass(frozen=True)
class LinearScores:
    """Scores of attributes that are linear in features, above 0 for yes."""

    weights: Floats
    """(D, T)"""
    offsets: Floats
    """(T,); infinite for an answer that is always the same."""

    @classmethod
    def joined(cls, columns: Sequence["LinearScores"]) -> "LinearScores":
        """Those of several attributes side by side."""
        return cls(np.hstack([each.weights for each in columns]), np.hstack([each.offsets for each in columns]))

    def of(self, features: Floats) -> Floats:
        """(N, D) -> (N, T)."""
        found: Floats = features @ self.weights + self.offsets
        return found


def only_answers(train: Faces, validation: Faces) -> Floats:
    """(T,) 0 or 1 for attributes whose labels in `train` are all the same, NaN for the others.

    Raises:
        DataError: other attributes in validation, or an attribute without a label in `train`.
    """
    if train.attributes != validation.attributes:
        raise DataError("training and validation images have other attributes")
    found = np.full(len(train.attributes), np.nan, np.float32)
    for column, attribute in enumerate(train.attributes):
        answers = np.unique(train.labels[~np.isnan(train.labels[:, column]), column])
        if not len(answers):
            raise DataError(f"no training image has a label of {attribute}")
        if len(answers) == 1:
            found[column] = answers[0]
    return found


def constant_scores(size: int, answer: float) -> LinearScores:
    """One attribute, always answered so; of `size` features."""
    return LinearScores(np.zeros((size, 1), np.float32), np.array([np.inf if answer > 0.5 else -np.inf], np.float32))


def linear_svm(features: Floats, labels: Floats, *, weigh_positives: bool, seed: int) -> LinearScores:
    """A linear support vector machine: hinge loss, L2 regularisation, liblinear's dual solver ('-s 3 -B 1').

    Features are divided by the root of their mean squared length, so that C = 1 means the same for all of them (it is
    SVMlight's `1 / mean |x|²` for features as they come).

    Args:
        features: (N, D).
        labels: (N,) of 1 and 0, both there; NaN marks a missing label, which is left out.
        weigh_positives: whether errors on positives count #negatives / #positives times.
        seed: of the solver's order.

    Returns:
        One attribute's scores, of features as they come.
    """
    known = ~np.isnan(labels)
    seen, answers = features[known], labels[known] > 0.5
    scale = np.float32(1 / max(np.sqrt((seen.astype(np.float64) ** 2).sum(1).mean()), 1e-12))
    weights = {False: 1.0, True: (~answers).sum() / answers.sum()} if weigh_positives else None
    # liblinear's own tolerance for this solver; scikit-learn's default is a thousandth of it.
    machine = LinearSVC(loss="hinge", dual=True, tol=0.1, class_weight=weights, max_iter=10_000, random_state=seed)
    machine.fit(seen * scale, answers)
    return LinearScores(machine.coef_.T.astype(np.float32) * scale, machine.intercept_.astype(np.float32))
