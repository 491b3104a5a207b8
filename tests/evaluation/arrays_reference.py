"""Identification among embeddings of one's own, in plain loops over Python's floats.

Written from the words of `kronface evaluate arrays`: who is a mate, who are the others, who is a stranger, and that
scores which differ by no more than 1e-12 are the same. It shares no code with the package.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

Vector = list[float]
SAME = 1e-12


@dataclass
class Images:
    """Embeddings, and whose they are."""

    rows: Sequence[Sequence[float]]
    people: Sequence[str] | None = None

    def vectors(self) -> list[Vector | None]:
        """None: an image without a face."""
        listed = [[float(value) for value in row] for row in self.rows]
        return [None if any(map(math.isnan, row)) else row for row in listed]


@dataclass
class Trial:
    """One probe and one mate."""

    probe: int
    person: str
    mate: float | None
    """Its score; None: the face of either was not found."""
    fixed: list[float | None] = field(default_factory=list)
    """Scores of all others in the gallery set; None: an image of the probe's own person, which is passed over."""
    pool: list[float | None] = field(default_factory=list)
    """The same of the distractors."""

    def before(self, others: Sequence[float | None], ties: str) -> float:
        """How many of the others stand before the mate; infinite: a miss."""
        if self.mate is None:
            return math.inf
        gaps = [score - self.mate for score in others if score is not None]
        return sum(1 for gap in gaps if gap > SAME or (ties == "against" and abs(gap) <= SAME))


@dataclass
class Searches:
    trials: list[Trial]
    strangers: list[tuple[int, float]]
    """Probes of people who are not in the gallery set, and their best scores; -inf where no face was found."""

    def rank1(self, ties: str) -> float:
        return self.cmc(1, ties)

    def cmc(self, k: int, ties: str) -> float:
        hits = [trial.before([*trial.fixed, *trial.pool], ties) < k for trial in self.trials]
        return sum(hits) / len(hits)

    def among(self, size: int, ties: str) -> float:
        """Rank-1 with so many distractors: the mean over all subsets. Without any, the gallery set is their pool."""
        total = 0.0
        for trial in self.trials:
            fixed, pool = (trial.fixed, trial.pool) if trial.pool else ([], trial.fixed)
            subsets = list(itertools.combinations(range(len(pool)), size))
            for subset in subsets:
                others = [*fixed, *(pool[row] for row in subset)]
                total += (trial.before(others, ties) == 0) / len(subsets)
        return total / len(self.trials)


def similarity(x: Vector, y: Vector, metric: str) -> float:
    """The cosine (0 for what has no length), or minus half of the squared distance."""
    if metric == "euclidean":
        return -math.fsum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / 2
    length = math.sqrt(math.fsum(a * a for a in x)) * math.sqrt(math.fsum(b * b for b in y))
    return math.fsum(a * b for a, b in zip(x, y, strict=True)) / length if length else 0.0


def shown(score: float, metric: str) -> float:
    """What a threshold is set on, for all probes alike: the cosine, or minus the distance."""
    return -math.sqrt(-2 * score) if metric == "euclidean" and score > -math.inf else score


def mean(vectors: Sequence[Vector], metric: str) -> Vector:
    """Of a person's images; for the cosine, of their directions."""
    total = [0.0] * len(vectors[0])
    for vector in vectors:
        length = math.sqrt(math.fsum(value * value for value in vector)) if metric == "cosine" else 1.0
        total = [a + b / (length or 1.0) for a, b in zip(total, vector, strict=True)]
    return [value / len(vectors) for value in total]


def enrolled(gallery: Images, mates: str, metric: str) -> list[tuple[str, Vector | None]]:
    """Everybody in the gallery set: a template per person, or each image."""
    vectors, people = gallery.vectors(), list(gallery.people or ())
    if mates == "each":
        return list(zip(people, vectors, strict=True))
    result = []
    for person in sorted(set(people)):
        own = [vector for vector, owner in zip(vectors, people, strict=True) if owner == person and vector is not None]
        result.append((person, mean(own, metric) if own else None))
    return result


def identify(
    probes: Images,
    gallery: Images | None = None,
    distractors: Images | None = None,
    *,
    mates: str = "template",
    metric: str = "cosine",
) -> Searches:
    vectors, owners = probes.vectors(), list(probes.people or ())
    held = list(zip(owners, vectors, strict=True)) if gallery is None else enrolled(gallery, mates, metric)
    there = {person for person, _ in held}
    crowd = [] if distractors is None else distractors.vectors()
    crowd_people: Sequence[str | None] = [None] * len(crowd)
    if distractors is not None and distractors.people is not None:
        crowd_people = distractors.people
    trials, strangers = [], []
    for row, (x, owner) in enumerate(zip(vectors, owners, strict=True)):
        pool = [
            None if x is None or person == owner else similarity(x, y, metric)
            for person, y in zip(crowd_people, crowd, strict=True)
            if y is not None
        ]
        if owner not in there:
            others = [similarity(x, y, metric) for _, y in held if x is not None and y is not None]
            strangers.append((row, max([*others, *(score for score in pool if score is not None)], default=-math.inf)))
        for number, (person, y) in enumerate(held):
            if person != owner or (gallery is None and number == row):
                continue
            mate = None if x is None or y is None else similarity(x, y, metric)
            fixed: list[float | None] = []
            for other, (name, z) in enumerate(held if gallery is not None else []):
                if other != number and z is not None:
                    fixed.append(None if x is None or name == owner else similarity(x, z, metric))
            trials.append(Trial(row, owner, mate, fixed, pool))
    return Searches(trials, strangers)
