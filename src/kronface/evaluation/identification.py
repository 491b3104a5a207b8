"""Closed-set identification: rank-k and CMC of people among people, with growing numbers of distractors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from kronface.errors import ConfigError, DataError
from kronface.evaluation.bootstrap import interval, ratio_samples

Floats = NDArray[np.floating]

MISS = np.iinfo(np.int64).max
"""The rank of a probe that cannot be found at any rank: its face, or its mate's, was not found."""

BLOCK = 2048
"""Probes that are scored at once."""


@dataclass(frozen=True)
class Match:
    """One search of the first draw; numbers are rows of the embeddings."""

    probe: int
    found: int
    """Gallery image of the best-scoring person."""
    found_score: float
    mate: int
    """Gallery image of the probe's own person."""
    mate_score: float
    rank: int


@dataclass(frozen=True)
class IdentificationResult:
    """What `closed_set` measures; low and high are ends of 95 % intervals over people."""

    rank1: float
    rank1_low: float
    rank1_high: float
    cmc: NDArray[np.float64]
    """(K,) share of probes whose mate is among the first 1 … K people."""
    cmc_low: NDArray[np.float64]
    cmc_high: NDArray[np.float64]
    distractors: NDArray[np.int64]
    """Numbers of other people in the gallery set."""
    distractor_rank1: NDArray[np.float64]
    """Rank-1 at each of them: the exact mean over all subsets of the other people of that size."""
    distractor_low: NDArray[np.float64]
    distractor_high: NDArray[np.float64]
    identities: NDArray[np.str_]
    """(P,) people with probes, sorted."""
    hits: NDArray[np.float64]
    """(P,) probes of each person that were right at rank 1, over all draws."""
    probes_of: NDArray[np.int64]
    """(P,) probes of each person, over all draws."""
    probes: int
    """In one draw."""
    people: int
    """In the gallery set."""
    faces_not_found: int
    """Images without an embedding."""
    matches: tuple[Match, ...]
    """Every search of the first draw whose faces were found."""


def closed_set(
    embeddings: ArrayLike,
    identities: Sequence[str] | NDArray[np.str_],
    *,
    gallery_images: int = 1,
    draws: int = 10,
    seed: int = 0,
    resamples: int = 1000,
    ranks: int = 100,
) -> IdentificationResult:
    """Searches every remaining image among one template per person, averaged over draws of the gallery images.

    In each draw, `gallery_images` images of every person are enrolled; their mean, L2-normalised, is the person's
    template; all other images are probes. Similarity is the cosine. People without a spare image are distractors
    only. A person with the same score as the mate counts as better, so that a network that maps all faces to one
    point scores nothing. An image without a face (a row of NaN) stays in: as a probe it is a miss, and if none of a
    person's gallery images shows a face, all of that person's probes are misses.

    Args:
        embeddings: (N, D); rows of NaN where no face was found. Any length: rows are normalised here.
        identities: (N,) person of each image.
        gallery_images: enrolled images per person.
        draws: seeded choices of the gallery images.
        seed: of the choices and of the bootstrap.
        resamples: of the bootstrap over people.
        ranks: length of the CMC, at most the number of people.

    Raises:
        ConfigError: an impossible number.
        DataError: fewer than two people, or nobody with a spare image.
    """
    names, number_of = np.unique(np.asarray(identities), return_inverse=True)
    if gallery_images < 1 or draws < 1:
        raise ConfigError(f"gallery_images is {gallery_images} and draws is {draws}: both must be at least 1")
    counts = np.bincount(number_of)
    if len(names) < 2:
        raise DataError(f"{len(names)} person cannot be told from others: bring at least two people")
    if counts.max() <= gallery_images:
        raise DataError(f"no person has more than {gallery_images} images: bring more, or enrol fewer of each")
    vectors, found = normalise(embeddings)
    length = min(ranks, len(names))
    sizes = distractor_counts(len(names) - 1)
    hits = np.zeros((len(names), length))
    thinned = np.zeros((len(names), len(sizes)))
    probes_of = np.zeros(len(names), np.int64)
    matches: list[Match] = []
    probes = 0
    for draw in range(draws):
        enrolled = draw_gallery(number_of, gallery_images=gallery_images, seed=seed, draw=draw)
        probe_rows = np.flatnonzero(~enrolled & (counts > gallery_images)[number_of])
        templates, usable = make_templates(vectors, found, number_of, enrolled, len(names))
        probes = len(probe_rows)
        probes_of += np.bincount(number_of[probe_rows], minlength=len(names))
        for start in range(0, probes, BLOCK):
            rows = probe_rows[start : start + BLOCK]
            people = number_of[rows]
            scores = vectors[rows] @ templates.T
            scores[:, ~usable] = -np.inf
            mated = scores[np.arange(len(rows)), people]
            scores[np.arange(len(rows)), people] = -np.inf
            better = (scores >= mated[:, None]).sum(1)
            lost = ~found[rows] | ~usable[people]
            rank = np.where(lost, MISS, better + 1)
            first = np.minimum(rank, length + 1) - 1
            reached = np.arange(length)[None, :] >= first[:, None]
            np.add.at(hits, people, reached)
            np.add.at(thinned, people, expected_rank1(np.where(lost, len(names), better), len(names) - 1, sizes))
            if draw == 0:
                matches += _matches(rows, people, scores, mated, rank, enrolled, number_of, vectors, found)
    mated_people = probes_of > 0
    hits, thinned, probes_of = hits[mated_people], thinned[mated_people], probes_of[mated_people]
    cmc_low, cmc_high = interval(ratio_samples(hits, probes_of, resamples=resamples, seed=seed))
    thin_low, thin_high = interval(ratio_samples(thinned, probes_of, resamples=resamples, seed=seed))
    cmc = hits.sum(0) / probes_of.sum()
    return IdentificationResult(
        rank1=float(cmc[0]),
        rank1_low=float(cmc_low[0]),
        rank1_high=float(cmc_high[0]),
        cmc=cmc,
        cmc_low=cmc_low,
        cmc_high=cmc_high,
        distractors=sizes,
        distractor_rank1=thinned.sum(0) / probes_of.sum(),
        distractor_low=thin_low,
        distractor_high=thin_high,
        identities=names[mated_people],
        hits=hits[:, 0],
        probes_of=probes_of,
        probes=probes,
        people=len(names),
        faces_not_found=int((~found).sum()),
        matches=tuple(matches),
    )


def normalise(embeddings: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Rows of length 1 (zeros where there is no face, or a row has no direction), and which rows have a face."""
    vectors = np.asarray(embeddings, np.float32)
    found: NDArray[np.bool_] = np.asarray(~np.isnan(vectors).any(1))
    clean = np.where(found[:, None], vectors, 0)
    lengths = np.linalg.norm(clean, axis=1, keepdims=True)
    return np.asarray(clean / np.where(lengths > 0, lengths, 1), np.float32), found


def draw_gallery(number_of: NDArray[np.integer], *, gallery_images: int, seed: int, draw: int) -> NDArray[np.bool_]:
    """(N,) which images are enrolled in a draw: `gallery_images` of each person, all of those who have fewer."""
    rng = np.random.default_rng([seed, draw])
    order = np.lexsort((rng.random(len(number_of)), number_of))
    grouped = number_of[order]
    starts = np.r_[0, np.flatnonzero(np.diff(grouped)) + 1]
    place = np.arange(len(grouped)) - np.repeat(starts, np.diff(np.r_[starts, len(grouped)]))
    enrolled = np.zeros(len(number_of), np.bool_)
    enrolled[order[place < gallery_images]] = True
    return enrolled


def make_templates(
    vectors: NDArray[np.float32],
    found: NDArray[np.bool_],
    number_of: NDArray[np.integer],
    enrolled: NDArray[np.bool_],
    people: int,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """One template per person, (people, D) of length 1, from the enrolled images that show a face; and who has one."""
    used = enrolled & found
    sums = np.zeros((people, vectors.shape[1]), np.float32)
    np.add.at(sums, number_of[used], vectors[used])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    usable: NDArray[np.bool_] = np.asarray(np.bincount(number_of[used], minlength=people) > 0)
    return np.asarray(sums / np.where(lengths > 0, lengths, 1), np.float32), usable


def distractor_counts(others: int) -> NDArray[np.int64]:
    """1, 2, 5, 10, 20, 50, … up to the number of other people, which ends the list."""
    steps = [base * 10**power for power in range(8) for base in (1, 2, 5)]
    return np.array([*(step for step in steps if step < others), others], np.int64)


def expected_rank1(better: NDArray[np.integer], others: int, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Chance that none of the `better` people is among `size` of the `others`, drawn at random without replacement.

    The mean of rank-1 over all subsets: C(others - better, size) / C(others, size).

    Args:
        better: (P,) people who score at least as high as the mate; more than `others` marks a miss.
        others: people besides the mate.
        sizes: (S,) numbers of distractors, each at most `others`.

    Returns:
        (P, S).
    """
    left = (others - np.asarray(better, np.float64))[:, None]
    size = sizes[None, :].astype(np.float64)
    possible = left >= size
    safe = np.where(possible, left, size)
    log_share = gammaln(safe + 1) - gammaln(safe - size + 1) - gammaln(others + 1.0) + gammaln(others - size + 1)
    return np.where(possible, np.exp(log_share), 0.0)


def paired_difference(
    first: IdentificationResult, second: IdentificationResult, *, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """Rank-1 of `first` minus that of `second`, and the 95 % interval over people who are drawn for both at once.

    Raises:
        DataError: the results are of other people.
    """
    return paired_rank1_difference(
        first.identities,
        first.hits,
        first.probes_of,
        second.identities,
        second.hits,
        second.probes_of,
        resamples=resamples,
        seed=seed,
    )


def paired_rank1_difference(
    first_identities: ArrayLike,
    first_hits: ArrayLike,
    first_probes: ArrayLike,
    second_identities: ArrayLike,
    second_hits: ArrayLike,
    second_probes: ArrayLike,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """As `paired_difference`, from per-person sums as a results file keeps them."""
    if not np.array_equal(np.asarray(first_identities), np.asarray(second_identities)):
        raise DataError("the two results are of different people: evaluate both on the same data")
    a, b = np.asarray(first_hits, np.float64), np.asarray(second_hits, np.float64)
    n, m = np.asarray(first_probes, np.float64), np.asarray(second_probes, np.float64)
    samples = ratio_samples(a, n, resamples=resamples, seed=seed) - ratio_samples(b, m, resamples=resamples, seed=seed)
    low, high = interval(samples)
    return float(a.sum() / n.sum() - b.sum() / m.sum()), float(low), float(high)


def _matches(
    rows: NDArray[np.integer],
    people: NDArray[np.integer],
    scores: NDArray[np.floating],
    mated: NDArray[np.floating],
    rank: NDArray[np.integer],
    enrolled: NDArray[np.bool_],
    number_of: NDArray[np.integer],
    vectors: NDArray[np.float32],
    found: NDArray[np.bool_],
) -> list[Match]:
    gallery = np.flatnonzero(enrolled & found)
    images: dict[int, NDArray[np.integer]] = {
        person: gallery[number_of[gallery] == person] for person in np.unique(number_of[gallery])
    }

    def closest(row: int, person: int) -> int:
        own = images[person]
        return int(own[(vectors[own] @ vectors[row]).argmax()])

    result = []
    for index, row in enumerate(rows):
        if rank[index] == MISS:
            continue
        rival = int(scores[index].argmax())
        person = int(people[index])
        best = person if rank[index] == 1 else rival
        result.append(
            Match(
                int(row),
                closest(int(row), best),
                float(mated[index] if rank[index] == 1 else scores[index, rival]),
                closest(int(row), person),
                float(mated[index]),
                int(rank[index]),
            )
        )
    return result
