"""All pairs of some images: the threshold of a wanted FMR over every impostor pair, and what passes it.

The matrix of all scores is never held: blocks of it are looked through for the highest scores of two people, as many
as the wanted FMR lets pass, and one. Those and the genuine pairs are then scored anew in float64.

- Similarity is the cosine. A pair is accepted where its score is at least the threshold.
- An impostor pair that scores no more than `templates.TIE` above the first one that may not pass does not pass either.
  Float32 products are off by less than half of that, so none of the pairs that were left behind reaches the threshold.
- A row with a NaN is an image without a face. Its pairs stay in the count: genuine ones are misses, none of the others
  is a false match.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from kronface.errors import ConfigError, DataError
from kronface.evaluation.search import Rows, score_pairs
from kronface.evaluation.strongest import Strongest
from kronface.evaluation.templates import BLOCK, TIE, normalise, number_people
from kronface.files import Progress, no_progress

MOST = 1 << 27
"""False matches that are kept, at most: some gigabytes."""


@dataclass(frozen=True)
class Pairs:
    """What the pairs of N images come to at one threshold."""

    names: NDArray[np.str_]
    """(P,) people, sorted."""
    person: NDArray[np.int64]
    """(N,) number of each image's person."""
    genuine: NDArray[np.int64]
    """(2, L) rows of all pairs of one person's images."""
    scores: NDArray[np.float64]
    """(L,) of the genuine pairs; NaN where either shows no face."""
    impostors: int
    """Pairs of images of two people."""
    target: float
    """The FMR that was wanted."""
    threshold: float
    """The lowest that no more than the target's share of the impostor pairs reaches."""
    false_matches: NDArray[np.int64]
    """(2, F) rows of the impostor pairs that reach it."""

    @property
    def fmr(self) -> float:
        """False match rate over all impostor pairs: at most the target."""
        return int(self.false_matches.shape[1]) / self.impostors

    @property
    def missed(self) -> NDArray[np.bool_]:
        """(L,) which genuine pairs are false non-matches."""
        return ~(self.scores >= self.threshold)


def count_impostors(identities: ArrayLike) -> int:
    """Pairs of images of two people.

    Args:
        identities: (N,) person of each image.
    """
    counts: list[int] = np.unique(np.asarray(identities), return_counts=True)[1].tolist()
    total = sum(counts)
    return (total * total - sum(count * count for count in counts)) // 2


def compare_pairs(
    embeddings: ArrayLike,
    identities: ArrayLike,
    *,
    fmr: float = 1e-3,
    threads: int | None = None,
    stage: str = "comparing all pairs",
    progress: Progress = no_progress,
) -> Pairs:
    """Compares every image with every other.

    Args:
        embeddings: (N, D); NaN where no face was found.
        identities: (N,) person of each image.
        fmr: the wanted FMR over all impostor pairs. Whether there are enough of them to support it is for the caller to
            ask (`rates.is_supported`, `count_impostors`).
        threads: how many; all of the machine's by default.
        stage: what the progress is called.
        progress: called as rows are compared.

    Raises:
        ConfigError: an impossible FMR, or one that would let more than `MOST` pairs pass.
        DataError: arrays that do not fit together, or no two people with a face.
    """
    if not 0 < fmr < 1:
        raise ConfigError(f"fmr is {fmr}: it must lie between 0 and 1, such as 0.001")
    vectors, found = normalise(embeddings)
    names, person = number_people(np.asarray(identities), len(vectors))
    impostors = count_impostors(person)
    allowed = int(np.floor(fmr * impostors + 1e-9))
    if allowed > MOST:
        raise ConfigError(
            f"fmr is {fmr}: {allowed:,} of {impostors:,} pairs would pass, {MOST:,} can be kept: lower it"
        )
    rows = Rows.of(embeddings)
    genuine = _genuine(person)
    scores = score_pairs(rows, rows, genuine[0], genuine[1], threads=threads)
    shown = np.flatnonzero(found)
    with threadpool_limits(threads, user_api="blas"):
        highest = shown[_highest(vectors[shown], person[shown], allowed + 1, stage, progress)]
    if highest.shape[1] == 0:
        raise DataError(f"{len(names)} people make no pair of faces of two of them: bring at least two people")
    reached = score_pairs(rows, rows, highest[0], highest[1], threads=threads)
    threshold = float(reached.min() + (TIE if len(reached) > allowed else 0.0))
    return Pairs(names, person, genuine, scores, impostors, fmr, threshold, highest[:, reached >= threshold])


def _genuine(person: NDArray[np.int64]) -> NDArray[np.int64]:
    """(2, L) rows of all pairs of images of one person, the earlier row first."""
    order = np.argsort(person, kind="stable")
    ends = np.searchsorted(person[order], person[order], "right")
    later = ends - np.arange(len(order)) - 1  # images of the same person that follow
    first = np.repeat(np.arange(len(order)), later)
    second = np.arange(len(first)) - np.repeat(np.cumsum(later) - later, later) + first + 1
    return np.stack([order[first], order[second]])


def _highest(
    vectors: NDArray[np.float32], person: NDArray[np.int64], wanted: int, stage: str, progress: Progress
) -> NDArray[np.int64]:
    """(2, F) rows of the `wanted` impostor pairs that score highest, or of all that there are."""
    size = len(vectors)
    kept = Strongest(wanted)
    progress(stage, 0, size)
    for start in range(0, size, BLOCK):
        for other in range(start, size, BLOCK):
            product = vectors[start : start + BLOCK] @ vectors[other : other + BLOCK].T
            scores = product.ravel()
            at = np.flatnonzero(scores > kept.least)
            first, second = at // product.shape[1] + start, at % product.shape[1] + other
            apart = (first < second) & (person[first] != person[second])
            kept.add(scores[at[apart]], first[apart], second[apart])
        progress(stage, min(start + BLOCK, size), size)
    kept.drop()
    return np.stack([kept.rows.astype(np.int64), kept.columns])
