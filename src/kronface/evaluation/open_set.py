"""Open-set identification in the terms of ISO/IEC 19795-1: thresholds for unknown people, FPIR and FNIR."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import CheckpointError, DataError
from kronface.evaluation.identification import make_templates, normalise

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


@dataclass(frozen=True)
class Threshold:
    """A score from which a face counts as the person found."""

    score: float
    fpir: float
    """Share of searches for people who are not enrolled that it lets through, on the calibration's people."""
    extrapolated: bool
    """Whether more people are enrolled than the calibration could try."""


@dataclass(frozen=True)
class Calibration:
    """Thresholds for numbers of enrolled people, measured on people whom training never saw."""

    fpir: float
    people: tuple[int, ...]
    """Numbers of enrolled people."""
    images: tuple[int, ...]
    """Numbers of images per enrolled person."""
    scores: tuple[tuple[float, ...], ...]
    """Threshold per number of images and number of people."""
    calibrated_on: int
    """People that it was measured on."""

    def threshold_for(self, people: int, images: int = 1) -> Threshold:
        """The threshold for a gallery of `people` with about `images` pictures each.

        Between the numbers that were measured it is linear in the logarithm of the number of people, as the largest
        of many scores nearly is; beyond them the last two points are continued, and the result is marked. For more
        pictures per person than were measured, the largest measured number stands in.
        """
        row = self.scores[max(i for i, count in enumerate(self.images) if count <= max(images, self.images[0]))]
        where = math.log(max(people, 1))
        known = [math.log(count) for count in self.people]
        beyond = where > known[-1] + 1e-9
        if beyond and len(known) > 1:
            slope = (row[-1] - row[-2]) / (known[-1] - known[-2])
            value = min(row[-1] + max(slope, 0.0) * (where - known[-1]), 1.0)
        else:
            value = float(np.interp(where, known, row))
        return Threshold(value, self.fpir, beyond)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "fpir": self.fpir,
            "people": list(self.people),
            "images": list(self.images),
            "scores": [list(row) for row in self.scores],
            "calibrated_on": self.calibrated_on,
        }

    @classmethod
    def from_dict(cls, stored: Any) -> "Calibration":  # noqa: ANN401 - whatever a file holds
        """From JSON values.

        Raises:
            CheckpointError: they are not what `to_dict` gives.
        """
        try:
            return cls(
                float(stored["fpir"]),
                tuple(int(value) for value in stored["people"]),
                tuple(int(value) for value in stored["images"]),
                tuple(tuple(float(value) for value in row) for row in stored["scores"]),
                int(stored["calibrated_on"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the calibration is damaged ({error}): calibrate the checkpoint again") from error


def calibrate(
    embeddings: ArrayLike,
    identities: Sequence[str] | NDArray[np.str_],
    *,
    fpir: float = 0.05,
    images: Sequence[int] = (1, 2, 4),
    rounds: int = 40,
    seed: int = 0,
) -> Calibration:
    """Finds thresholds at which a share `fpir` of searches for unknown people returns somebody.

    For each number of enrolled people, that many are drawn and enrolled, and the images of everybody else are searched
    for; the threshold is the 1 - fpir quantile of their best scores over all rounds.

    Args:
        embeddings: (N, D); rows of NaN where no face was found, which are left out.
        identities: (N,) people whom training never saw.
        fpir: false positive identification rate.
        images: numbers of images per enrolled person to measure, as far as the data go.
        rounds: draws per number.
        seed: of the draws.

    Raises:
        DataError: fewer than four people with a face.
    """
    vectors, found = normalise(embeddings)
    vectors = vectors[found]
    names, number_of = np.unique(np.asarray(identities)[found], return_inverse=True)
    if len(names) < 4:
        raise DataError(f"{len(names)} people are too few to set a threshold on: bring at least four")
    most = int(np.bincount(number_of).max())
    counts = [count for count in images if count <= most] or [1]
    largest = len(names) - max(len(names) // 4, 1)  # a quarter of the people stays outside
    sizes = [*(step for step in STEPS if step < largest), largest]
    table = []
    for count in counts:
        row: list[float] = []
        for size in sizes:
            best = [
                non_mate_scores(
                    vectors, number_of, len(names), size, count, np.random.default_rng([seed, count, size, k])
                )
                for k in range(rounds)
            ]
            value = float(np.quantile(np.concatenate(best), 1 - fpir))
            row.append(max(value, row[-1] if row else -1.0))  # more people never make a lower threshold
        table.append(tuple(row))
    return Calibration(fpir, tuple(sizes), tuple(counts), tuple(table), len(names))


def non_mate_scores(
    vectors: NDArray[np.float32],
    number_of: NDArray[np.integer],
    people: int,
    enrolled_people: int,
    images: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Best scores of the images of people who are not enrolled, for one draw of those who are."""
    chosen = np.zeros(people, np.bool_)
    chosen[rng.choice(people, enrolled_people, replace=False)] = True
    enrolled = first_images(number_of, images, rng) & chosen[number_of]
    templates, usable = make_templates(vectors, np.ones(len(vectors), np.bool_), number_of, enrolled, people)
    outside = vectors[~chosen[number_of]]
    best: NDArray[np.float32] = (outside @ templates[usable & chosen].T).max(1)
    return best


def first_images(number_of: NDArray[np.integer], images: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(N,) a random choice of up to `images` images of every person."""
    order = rng.permutation(len(number_of))
    seen: dict[int, int] = {}
    mask = np.zeros(len(number_of), np.bool_)
    for row in order:
        person = int(number_of[row])
        if seen.get(person, 0) < images:
            seen[person] = seen.get(person, 0) + 1
            mask[row] = True
    return mask


@dataclass(frozen=True)
class OpenSetResult:
    """What a threshold does on people other than those it was set on."""

    threshold: float
    people: int
    """Enrolled."""
    fpir: float
    """Share of searches for people who are not enrolled that returned somebody."""
    fnir: float
    """Share of searches for enrolled people that did not return them first and above the threshold."""
    non_mated_searches: int
    mated_searches: int


def measure(
    embeddings: ArrayLike,
    identities: Sequence[str] | NDArray[np.str_],
    calibration: Calibration,
    *,
    images: int = 1,
    rounds: int = 10,
    seed: int = 0,
) -> OpenSetResult:
    """Enrols half of the people, searches for everybody, and counts both kinds of error at the calibrated threshold.

    Faces that were not found are misses among mated searches, and return nobody among the others.

    Raises:
        DataError: fewer than four people, or no spare images.
    """
    vectors, found = normalise(embeddings)
    names, number_of = np.unique(np.asarray(identities), return_inverse=True)
    if len(names) < 4:
        raise DataError(f"{len(names)} people are too few for an open-set measurement: bring at least four")
    size = len(names) // 2
    threshold = calibration.threshold_for(size, images).score
    false_positives = non_mated = misses = mated = 0
    for k in range(rounds):
        rng = np.random.default_rng([seed, k])
        chosen = np.zeros(len(names), np.bool_)
        chosen[rng.choice(len(names), size, replace=False)] = True
        enrolled = first_images(number_of, images, rng) & chosen[number_of]
        templates, usable = make_templates(vectors, found, number_of, enrolled, len(names))
        scores = vectors @ templates.T
        scores[:, ~(usable & chosen)] = -np.inf
        scores[~found] = -np.inf
        best, who = scores.max(1), scores.argmax(1)
        outside = ~chosen[number_of]
        inside = chosen[number_of] & ~enrolled
        false_positives += int((best[outside] >= threshold).sum())
        non_mated += int(outside.sum())
        misses += int(((best < threshold) | (who != number_of))[inside].sum())
        mated += int(inside.sum())
    if mated == 0:
        raise DataError("nobody has a spare image to search with: bring more images per person")
    return OpenSetResult(threshold, size, false_positives / non_mated, misses / mated, non_mated, mated)
