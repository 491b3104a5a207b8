"""Open-set identification in the terms of ISO/IEC 19795-1: thresholds for unknown people, FPIR and FNIR."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import CheckpointError, ConfigError, DataError
from kronface.evaluation.templates import BLOCK, TIE, draw_images, make_templates, normalise, number_people

STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


@dataclass(frozen=True)
class Threshold:
    """A score from which a face counts as the person found."""

    score: float
    fpir: float
    """Share of searches for people who are not enrolled that it lets through, on the calibration's people."""
    extrapolated: bool
    """Whether more people are enrolled than the calibration could try."""
    calibrated_on: int
    """People that it was measured on."""


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
        of many scores nearly is. Beyond the last, -log(1 - score²) goes on linearly in that logarithm, by the slope of
        the last decade: of N random directions in d dimensions, the one nearest to a probe has a cosine c with
        N (1 - c²)^((d - 1) / 2) nearly constant. So the threshold keeps below 1, and one noisy pair of numbers does not
        steer it; the result is marked. For more pictures per person than were measured, the largest measured
        number stands in.

        Raises:
            ConfigError: nobody is enrolled.
        """
        if people < 1 or images < 1:
            raise ConfigError(f"a threshold for {people} people with {images} images: enrol at least one of each")
        row = np.array(
            self.scores[max(i for i, count in enumerate(self.images) if count <= max(images, self.images[0]))]
        )
        counts = np.array(self.people)
        if people <= counts[-1]:
            value = float(np.interp(np.log(people), np.log(counts), row))
            return Threshold(value, self.fpir, False, self.calibrated_on)
        depth = -np.log1p(-(np.clip(row, 0.0, 1 - 1e-9) ** 2))
        decade = counts >= counts[-1] / 10
        slope = np.polyfit(np.log(counts[decade]), depth[decade], 1)[0] if decade.sum() > 1 else 0.0
        reached = depth[-1] + max(float(slope), 0.0) * np.log(people / counts[-1])
        return Threshold(max(float(np.sqrt(-np.expm1(-reached))), float(row[-1])), self.fpir, True, self.calibrated_on)

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
            loaded = cls(
                float(stored["fpir"]),
                tuple(int(value) for value in stored["people"]),
                tuple(int(value) for value in stored["images"]),
                tuple(tuple(float(value) for value in row) for row in stored["scores"]),
                int(stored["calibrated_on"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the calibration is damaged ({error}): calibrate the checkpoint again") from error
        table = [loaded.people, loaded.images, *loaded.scores]
        whole = all(table) and len(loaded.scores) == len(loaded.images)
        if not whole or any(len(row) != len(loaded.people) or not np.isfinite(row).all() for row in loaded.scores):
            raise CheckpointError("the calibration is damaged (its table has holes): calibrate the checkpoint again")
        return loaded


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

    In each round, three quarters of the people are enrolled in random order, and the images of the others are searched
    for. The best score among the first N enrolled people is what a gallery of N would have answered, so one round
    serves every N. The threshold for N is the 1 - fpir quantile of these best scores over all rounds.

    Args:
        embeddings: (N, D); rows of NaN where no face was found, which are left out.
        identities: (N,) people whom training never saw.
        fpir: false positive identification rate, between 0 and 1.
        images: numbers of images per enrolled person to measure, as far as the data go; who has fewer is enrolled
            with those.
        rounds: draws of who is enrolled.
        seed: of the draws.

    Raises:
        ConfigError: an impossible number.
        DataError: fewer than four people with a face, or arrays that do not fit together.
    """
    if not 0 < fpir < 1:
        raise ConfigError(f"fpir is {fpir}: it must lie between 0 and 1, such as 0.05")
    if rounds < 1 or not images or min(images) < 1:
        raise ConfigError(f"rounds is {rounds} and images is {tuple(images)}: all must be at least 1")
    vectors, found = normalise(embeddings)
    owners = np.asarray(identities)
    number_people(owners, len(vectors))
    vectors = vectors[found]
    names, number_of = number_people(owners[found], len(vectors))
    if len(names) < 4:
        raise DataError(f"{len(names)} people are too few to set a threshold on: bring at least four")
    most = int(np.bincount(number_of).max())
    counts = sorted({count for count in images if count <= most}) or [1]
    largest = len(names) - max(len(names) // 4, 1)
    sizes = [*(step for step in STEPS if step < largest), largest]
    table = []
    for count in counts:
        best = [
            best_non_mate_scores(vectors, number_of, len(names), sizes, count, np.random.default_rng([seed, count, k]))
            for k in range(rounds)
        ]
        table.append(tuple(float(value) for value in np.quantile(np.concatenate(best), 1 - fpir, axis=0)))
    return Calibration(fpir, tuple(sizes), tuple(counts), tuple(table), len(names))


def best_non_mate_scores(
    vectors: NDArray[np.float32],
    number_of: NDArray[np.integer],
    people: int,
    sizes: Sequence[int],
    images: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """(searches, S) best scores of the images of people outside, for the first `sizes` (S,) people of one draw.

    Args:
        vectors: (N, D) of length 1, all with a face.
        number_of: (N,) person of each.
        people: how many there are; the last of `sizes` are enrolled, the others searched for.
        sizes: growing numbers of enrolled people.
        images: enrolled of each person.
        rng: of the draw.
    """
    order = rng.permutation(people)[: sizes[-1]]
    inside = np.zeros(people, np.bool_)
    inside[order] = True
    enrolled = draw_images(number_of, images, rng) & inside[number_of]
    templates, _ = make_templates(vectors, np.ones(len(vectors), np.bool_), number_of, enrolled, people)
    outside = np.flatnonzero(~inside[number_of])
    best = np.empty((len(outside), len(sizes)), np.float32)
    starts = [0, *sizes[:-1]]
    for start in range(0, len(outside), BLOCK):
        scores = vectors[outside[start : start + BLOCK]] @ templates[order].T
        parts = np.maximum.reduceat(scores, starts, axis=1)
        best[start : start + BLOCK] = np.maximum.accumulate(parts, axis=1)
    return best


@dataclass(frozen=True)
class OpenSetResult:
    """What a threshold does on people other than those it was set on."""

    threshold: float
    people: int
    """Enrolled."""
    fpir: float
    """Share of searches for people who are not enrolled that returned somebody."""
    fnir: float
    """Share of searches for enrolled people that did not return them first and above the threshold: 1 - TPIR."""
    non_mated_searches: int
    mated_searches: int
    target_fpir: float
    """What the threshold was set for."""
    extrapolated: bool
    """Whether more people are enrolled than the calibration could try."""
    calibrated_on: int
    """People that the threshold was measured on."""


@dataclass(frozen=True)
class Searches:
    """Every image that is not enrolled, searched for in several draws of who is."""

    row: NDArray[np.int64]
    """(S,) the image."""
    mated: NDArray[np.bool_]
    """(S,) whether its person is enrolled."""
    mate: NDArray[np.float32]
    """(S,) score of that person; -inf where a face was not found, or none of the enrolled images shows one."""
    rival: NDArray[np.float32]
    """(S,) best score of anybody else; -inf where no face was found."""

    def returns(self, threshold: float) -> NDArray[np.bool_]:
        """(S,) which searches return the mate, first and at the threshold; a rival of the same score stands before."""
        first = self.mate > self.rival + np.float32(TIE)
        found: NDArray[np.bool_] = self.mated & first & (self.mate >= np.float64(threshold))
        return found

    def names_strangers(self, threshold: float) -> NDArray[np.bool_]:
        """(S,) which searches for people who are not enrolled return somebody."""
        # In float64: numpy rounds a plain number to the scores' own precision, and so lets the next score pass.
        found: NDArray[np.bool_] = ~self.mated & (self.rival >= np.float64(threshold))
        return found


def draw_searches(
    embeddings: ArrayLike,
    identities: Sequence[str] | NDArray[np.str_],
    *,
    images: int = 1,
    rounds: int = 10,
    seed: int = 0,
) -> Searches:
    """Enrols half of the people, anew in each round, and searches for everybody.

    Args:
        embeddings: (N, D); NaN where no face was found.
        identities: (N,) person of each image.
        images: enrolled of each person.
        rounds: draws of who is enrolled, and with which images.
        seed: of the draws.

    Raises:
        DataError: fewer than four people, no spare images, or arrays that do not fit together.
    """
    vectors, found = normalise(embeddings)
    names, number_of = number_people(identities, len(vectors))
    if len(names) < 4:
        raise DataError(f"{len(names)} people are too few for an open-set measurement: bring at least four")
    parts: list[tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]] = []
    for k in range(rounds):
        rng = np.random.default_rng([seed, k])
        chosen = np.zeros(len(names), np.bool_)
        chosen[rng.choice(len(names), len(names) // 2, replace=False)] = True
        enrolled = draw_images(number_of, images, rng) & chosen[number_of]
        templates, usable = make_templates(vectors, found, number_of, enrolled, len(names))
        searched = np.flatnonzero(~enrolled)
        for start in range(0, len(searched), BLOCK):
            rows = searched[start : start + BLOCK]
            people, each = number_of[rows], np.arange(len(rows))
            scores = vectors[rows] @ templates.T
            scores[:, ~(usable & chosen)] = -np.inf
            scores[~found[rows]] = -np.inf
            mate = scores[each, people]
            scores[each, people] = -np.inf
            parts.append((rows, chosen[people], mate, scores.max(1)))
    if not any(mated.any() for _, mated, _, _ in parts):
        raise DataError("nobody has a spare image to search with: bring more images per person")
    row, mated, mates, rivals = zip(*parts, strict=True)
    return Searches(np.concatenate(row), np.concatenate(mated), np.concatenate(mates), np.concatenate(rivals))


def tightened(
    calibration: Calibration,
    embeddings: ArrayLike,
    identities: Sequence[str] | NDArray[np.str_],
    *,
    rounds: int = 10,
    seed: int = 0,
) -> tuple[Calibration, float]:
    """Thresholds that keep their FPIR on people of another kind too: each one's distance from 1 is scaled down.

    Args:
        calibration: thresholds that were measured on many people.
        embeddings: (N, D) of few people of another kind; NaN where no face was found.
        identities: (N,) whose they are.
        rounds: how often half of them are enrolled.
        seed: of who is.

    Returns:
        The thresholds, and the factor of their distances from 1, at most 1: half of the few people, enrolled by one
        image each, let no more strangers through than the calibration's FPIR.

    Raises:
        DataError: as `measure`.
    """
    searches = draw_searches(embeddings, identities, images=1, rounds=rounds, seed=seed)
    limit = calibration.threshold_for(len(np.unique(identities)) // 2).score
    strangers = ~searches.mated

    def passes(factor: float) -> bool:
        return bool(searches.names_strangers(1 - (1 - limit) * factor)[strangers].mean() <= calibration.fpir)

    factor = next((step / 200 for step in range(200, 0, -1) if passes(step / 200)), 0.0)
    scores = tuple(tuple(1 - (1 - score) * factor for score in row) for row in calibration.scores)
    return replace(calibration, scores=scores), factor


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

    Faces that were not found are misses among mated searches, and return nobody among the others; so are people whose
    enrolled images show no face. A stranger who scores as high as the mate (within `templates.TIE`) makes a miss.

    Raises:
        DataError: fewer than four people, no spare images, or arrays that do not fit together.
    """
    searches = draw_searches(embeddings, identities, images=images, rounds=rounds, seed=seed)
    size = len(np.unique(identities)) // 2
    limit = calibration.threshold_for(size, images)
    mated, strangers = searches.mated, ~searches.mated
    return OpenSetResult(
        limit.score,
        size,
        float(searches.names_strangers(limit.score)[strangers].mean()),
        float((~searches.returns(limit.score))[mated].mean()),
        int(strangers.sum()),
        int(mated.sum()),
        calibration.fpir,
        limit.extrapolated,
        calibration.calibrated_on,
    )
