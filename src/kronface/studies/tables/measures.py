"""What a row of a table is measured by, person by person."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kronface.evaluation.attributes import count_right
from kronface.evaluation.bootstrap import interval, ratio_of, resample_counts
from kronface.files import Progress, no_progress
from kronface.methods.interface import AttributeMethod, Faces, IdentificationMethod

BLOCK = 4096
"""Distractors that are embedded at a time: a million are never in memory together."""

RESAMPLES = 1000


@dataclass(frozen=True)
class Rank1:
    """Of each probe person, pairs of photographs, and those that are found before every distractor."""

    right: NDArray[np.int64]
    pairs: NDArray[np.int64]
    tied: int = 0
    """Of the right ones, those that a distractor equals: a network that says the same of all faces has no others."""


@dataclass(frozen=True)
class AttributeRight:
    """(people, T, 2) right answers and labels; the last axis: positives, negatives."""

    names: tuple[str, ...]
    right: NDArray[np.float64]
    labels: NDArray[np.float64]


def measure_rank1(
    method: IdentificationMethod, probes: Faces, distractors: Faces, *, progress: Progress = no_progress
) -> Rank1:
    """MegaFace's rank-1: each photograph of a person is the mate of every other one, among all distractors.

    A pair counts as found if no distractor is more alike to the probe than its mate; equal ones do not stand before it
    (as the challenge's tool ranks). The distractors are gone through in blocks.
    """
    features = method.embed(probes.images)
    within = method.similarity(features, features)
    strongest = np.full(len(probes), -np.inf, np.float32)
    for start in range(0, len(distractors), BLOCK):
        part = method.embed(distractors.images[start : start + BLOCK])
        strongest = np.maximum(strongest, method.similarity(features, part).max(1))
        progress(f"{method.name}: searching", min(start + BLOCK, len(distractors)), len(distractors))
    names, person = np.unique(probes.people, return_inverse=True)
    mates = (person[:, None] == person[None]) & ~np.eye(len(person), dtype=np.bool_)
    found = mates & (within >= strongest[:, None])
    tied = int((mates & (within == strongest[:, None])).sum())
    return Rank1(
        np.bincount(person, found.sum(1), len(names)).astype(np.int64),
        np.bincount(person, mates.sum(1), len(names)).astype(np.int64),
        tied,
    )


def measure_attributes(method: AttributeMethod, test: Faces) -> AttributeRight:
    """Right answers on a test split."""
    _, person = np.unique(test.people, return_inverse=True)
    chance = method.predict(test).astype(np.float64)
    limits = np.full(len(test.attributes), 0.5)
    right, labels = count_right(chance, test.labels.astype(np.float64), limits, person, int(person.max()) + 1)
    return AttributeRight(test.attributes, right, labels)


def rank1_figures(found: Rank1, untrained: Rank1 | None) -> dict[str, Any]:
    """Rank-1 with its interval over people, and how far it lies above the untrained method's."""
    drawn = resample_counts(len(found.pairs), resamples=RESAMPLES)
    samples = ratio_of(drawn, found.right, found.pairs)
    figures: dict[str, Any] = {"rank1": _with_interval(found.right.sum() / found.pairs.sum(), samples)}
    if untrained is not None:
        before = ratio_of(drawn, untrained.right, untrained.pairs)
        value = untrained.right.sum() / untrained.pairs.sum()
        figures["untrained"] = _with_interval(value, before)
        figures["lift"] = _with_interval(figures["rank1"]["value"] - value, samples - before)
    return figures


def attribute_figures(found: AttributeRight, untrained: AttributeRight | None) -> dict[str, Any]:
    """Accuracy and balanced accuracy by attribute, and the mean of the latter above the untrained method's."""
    drawn = resample_counts(len(found.right), resamples=RESAMPLES)
    ones = np.ones((1, len(found.right)))
    accuracy, balanced = _rates(found, ones)
    accuracy_samples, balanced_samples = _rates(found, drawn)
    figures: dict[str, Any] = {
        "attributes": {
            name: {
                "accuracy": _with_interval(accuracy[0, k], accuracy_samples[:, k]),
                "balanced_accuracy": _with_interval(balanced[0, k], balanced_samples[:, k]),
            }
            for k, name in enumerate(found.names)
        },
        "mean_balanced_accuracy": _with_interval(_mean(balanced)[0], _mean(balanced_samples)),
    }
    if untrained is not None:
        before, before_samples = (_mean(_rates(untrained, weights)[1]) for weights in (ones, drawn))
        figures["untrained"] = _with_interval(before[0], before_samples)
        lift = _mean(balanced_samples) - before_samples
        figures["lift"] = _with_interval(_mean(balanced)[0] - before[0], lift)
    return figures


def _rates(found: AttributeRight, drawn: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(R, T) accuracy and balanced accuracy of each resample; NaN where a class is absent."""
    right, labels = (np.tensordot(drawn, part, 1) for part in (found.right, found.labels))  # (R, T, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracy = right.sum(2) / labels.sum(2)
        balanced = (right / labels).mean(2)
    return accuracy, balanced


def _mean(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, T) -> (R,) over the attributes that have a rate; NaN where none has."""
    known = np.isfinite(rates)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: NDArray[np.float64] = np.where(known, rates, 0).sum(1) / known.sum(1)
    return found


def _with_interval(value: float | np.floating[Any], samples: NDArray[np.float64]) -> dict[str, float | None]:
    low, high = interval(samples)
    return {
        key: None if np.isnan(part) else round(float(part), 6)
        for key, part in {"value": value, "low": float(low), "high": float(high)}.items()
    }
