"""How well attributes are predicted: accuracy and balanced accuracy beside what always guessing would give."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.evaluation.bootstrap import interval, ratio_samples


@dataclass(frozen=True)
class AttributeScore:
    """One attribute; low and high are ends of 95 % intervals over people; None where a class is absent."""

    accuracy: float
    accuracy_low: float
    accuracy_high: float
    balanced_accuracy: float | None
    """Mean of the shares of right answers among positive and among negative images."""
    balanced_accuracy_low: float | None
    balanced_accuracy_high: float | None
    majority: float
    """Accuracy of always answering the more frequent label."""
    positives: int
    """People who are labelled positive in at least half of their images."""
    people: int
    images: int
    """With a label."""


def score(
    probabilities: ArrayLike,
    labels: ArrayLike,
    identities: Sequence[str] | NDArray[np.str_],
    names: Sequence[str],
    *,
    threshold: float = 0.5,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, AttributeScore]:
    """Scores predicted probabilities against labels; attributes without any label are left out.

    Args:
        probabilities: (N, T) in [0, 1]; NaN (no face was found) counts as a wrong answer.
        labels: (N, T) of 1 and 0; NaN marks a missing label, which is not scored.
        identities: (N,) person of each image, for the intervals.
        names: (T,) of the attributes.
        threshold: probability from which the answer is positive.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.
    """
    chance, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    _, person = np.unique(np.asarray(identities), return_inverse=True)
    people = int(person.max()) + 1 if len(person) else 0
    scores: dict[str, AttributeScore] = {}
    for column, name in enumerate(names):
        known = ~np.isnan(truth[:, column])
        if not known.any():
            continue
        positive = truth[known, column] > 0.5
        right = ((chance[known, column] >= threshold) == positive) & ~np.isnan(chance[known, column])
        owner = person[known]

        def per_person(mask: NDArray[np.bool_], owner: NDArray[np.integer] = owner) -> NDArray[np.float64]:
            return np.bincount(owner[mask], minlength=people).astype(np.float64)

        hits = np.stack([per_person(right & positive), per_person(right & ~positive)], 1)
        totals = np.stack([per_person(positive), per_person(~positive)], 1)
        present = totals.sum(1) > 0
        hits, totals = hits[present], totals[present]
        low, high = interval(ratio_samples(hits.sum(1), totals.sum(1), resamples=resamples, seed=seed))
        balanced = balanced_low = balanced_high = None
        if positive.any() and not positive.all():
            samples = ratio_samples(hits, totals, resamples=resamples, seed=seed).mean(1)
            b_low, b_high = interval(samples)
            balanced = float((hits.sum(0) / totals.sum(0)).mean())
            balanced_low, balanced_high = float(b_low), float(b_high)
        scores[name] = AttributeScore(
            accuracy=float(right.mean()),
            accuracy_low=float(low),
            accuracy_high=float(high),
            balanced_accuracy=balanced,
            balanced_accuracy_low=balanced_low,
            balanced_accuracy_high=balanced_high,
            majority=float(max(positive.mean(), 1 - positive.mean())),
            positives=int((totals[:, 0] * 2 >= totals.sum(1)).sum()),
            people=int(present.sum()),
            images=int(known.sum()),
        )
    return scores
