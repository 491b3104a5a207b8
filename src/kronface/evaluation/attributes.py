"""How well attributes are predicted: right answers beside what always guessing would give, ranking, calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError
from kronface.evaluation.average_precision import average_precision_samples
from kronface.evaluation.bootstrap import interval, ratio_of, resample_counts
from kronface.evaluation.calibration_error import expected_calibration_error
from kronface.evaluation.templates import number_people

MEANS = ("accuracy", "balanced_accuracy", "average_precision", "ece", "majority")
"""Figures of which a mean over attributes is given."""


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
    average_precision: float | None
    """Step-wise area under precision-recall; a guess comes to the positives' share of the images."""
    average_precision_low: float | None
    average_precision_high: float | None
    ece: float | None
    """Expected calibration error of the probability of a yes; None where no face was found."""
    threshold: float
    """Probability from which an answer counts as a yes."""


def score(
    probabilities: ArrayLike,
    labels: ArrayLike,
    identities: Sequence[str] | NDArray[np.str_],
    names: Sequence[str],
    *,
    threshold: ArrayLike = 0.5,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, AttributeScore]:
    """Scores predicted probabilities against labels; attributes without any label are left out.

    Args:
        probabilities: (N, T) in [0, 1]; NaN (no face was found) counts as a wrong answer at every threshold, and is
            left out of the calibration error.
        labels: (N, T) of 1 and 0; NaN marks a missing label, which is not scored.
        identities: (N,) person of each image, for the intervals.
        names: (T,) of the attributes.
        threshold: probability from which the answer is positive, one for all or (T,).
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
    limits = np.asarray(threshold, np.float64)
    if limits.shape not in ((), (len(names),)) or np.isnan(limits).any():
        raise DataError(f"thresholds of shape {limits.shape} do not fit {len(names)} names: give one number for each")
    people, person = number_people(identities, len(truth))
    kept = np.flatnonzero((~np.isnan(truth)).any(0))
    if len(kept) == 0:
        return {}
    truth, chance, limits = truth[:, kept], chance[:, kept], np.broadcast_to(limits, len(names))[kept]
    hits, totals = count_right(chance, truth, limits, person, len(people))
    counts = resample_counts(len(people), resamples=resamples, seed=seed)
    once_and_drawn = np.vstack([np.ones(len(people)), counts])
    low, high = interval(ratio_of(counts, hits.sum(2), totals.sum(2)))
    balanced_low, balanced_high = interval(ratio_of(counts, hits, totals).mean(2))
    scores: dict[str, AttributeScore] = {}
    for column, name in enumerate(names[int(index)] for index in kept):
        images, all_right = totals[:, column].sum(0), hits[:, column].sum(0)
        both = bool((images > 0).all())
        labelled = totals[:, column].sum(1)
        probability, label = chance[:, column], truth[:, column]
        precision = average_precision_samples(probability, label, person, once_and_drawn)
        precision_low, precision_high = interval(precision[1:])
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
            average_precision=float(precision[0]) if both else None,
            average_precision_low=float(precision_low) if both else None,
            average_precision_high=float(precision_high) if both else None,
            ece=expected_calibration_error(probability, label),
            threshold=float(limits[column]),
        )
    return scores


def mean_scores(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """The unweighted mean over attributes of each of `MEANS`, over those that have it; None where none has.

    Args:
        scores: figures by attribute, as a results file holds them; other keys are passed over.
    """
    there = {key: [entry[key] for entry in scores.values() if entry.get(key) is not None] for key in MEANS}
    return {key: float(np.mean(values)) if values else None for key, values in there.items()}


def count_right(
    chance: NDArray[np.float64],
    truth: NDArray[np.float64],
    limits: NDArray[np.float64],
    person: NDArray[np.int64],
    people: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(people, T, 2) right answers, and labels, per person, attribute and class: positives first.

    Args:
        chance: (N, T) probabilities; NaN (no face was found) is a wrong answer.
        truth: (N, T) labels of 1 and 0; NaN marks a missing one.
        limits: (T,) probability from which an answer is a yes.
        person: (N,) number of each image's person, from 0.
        people: how many there are.
    """
    known = ~np.isnan(truth)
    positive = known & (truth > 0.5)
    right = known & ((chance >= limits) == positive) & ~np.isnan(chance)

    def per_person(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        sums = np.zeros((people, mask.shape[1]))
        np.add.at(sums, person, mask)
        return sums

    hits = np.stack([per_person(right & positive), per_person(right & ~positive)], 2)
    return hits, np.stack([per_person(positive), per_person(known & ~positive)], 2)
