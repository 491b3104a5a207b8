"""How well attributes are predicted: accuracy and balanced accuracy beside what always guessing would give."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError
from kronface.evaluation.bootstrap import interval, ratio_of, resample_counts
from kronface.evaluation.templates import number_people


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

    Raises:
        DataError: arrays that do not fit together.
    """
    chance, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    if truth.ndim != 2 or chance.shape != truth.shape or truth.shape[1] != len(names):
        raise DataError(
            f"probabilities of shape {chance.shape} do not fit labels of {truth.shape} of {len(names)} names"
        )
    people, person = number_people(identities, len(truth))
    known = ~np.isnan(truth)
    kept = np.flatnonzero(known.any(0))
    if len(kept) == 0:
        return {}
    known, truth, chance = known[:, kept], truth[:, kept], chance[:, kept]
    positive = known & (truth > 0.5)
    right = known & ((chance >= threshold) == positive) & ~np.isnan(chance)

    def per_person(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        sums = np.zeros((len(people), mask.shape[1]))
        np.add.at(sums, person, mask)
        return sums

    # (people, attributes, class): positives first.
    hits = np.stack([per_person(right & positive), per_person(right & ~positive)], 2)
    totals = np.stack([per_person(positive), per_person(known & ~positive)], 2)
    counts = resample_counts(len(people), resamples=resamples, seed=seed)
    low, high = interval(ratio_of(counts, hits.sum(2), totals.sum(2)))
    balanced_low, balanced_high = interval(ratio_of(counts, hits, totals).mean(2))
    scores: dict[str, AttributeScore] = {}
    for column, name in enumerate(names[int(index)] for index in kept):
        images, all_right = totals[:, column].sum(0), hits[:, column].sum(0)
        both = bool((images > 0).all())
        labelled = totals[:, column].sum(1)
        scores[name] = AttributeScore(
            accuracy=float(all_right.sum() / images.sum()),
            accuracy_low=float(low[column]),
            accuracy_high=float(high[column]),
            balanced_accuracy=float((all_right / images).mean()) if both else None,
            balanced_accuracy_low=float(balanced_low[column]) if both else None,
            balanced_accuracy_high=float(balanced_high[column]) if both else None,
            majority=float(images.max() / images.sum()),
            positives=int(((totals[:, column, 0] * 2 >= labelled) & (labelled > 0)).sum()),
            people=int((labelled > 0).sum()),
            images=int(images.sum()),
        )
    return scores
