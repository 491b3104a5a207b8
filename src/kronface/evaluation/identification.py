"""Closed-set identification: rank-k and CMC of people among people, with growing numbers of distractors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from kronface.errors import ConfigError, DataError
from kronface.evaluation.bootstrap import interval, ratio_samples
from kronface.evaluation.templates import BLOCK, TIE, draw_gallery, make_templates, normalise, number_people

MISS = np.iinfo(np.int64).max
"""The rank of a probe that cannot be found at any rank: its face, or its mate's, was not found."""


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
    image_hits: NDArray[np.int64]
    """(N,) draws in which each image found its person at rank 1."""
    image_searches: NDArray[np.int64]
    """(N,) draws in which it was searched for."""
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
    only. A person with the same score as the mate (within `templates.TIE`) counts as better, so that a network that
    maps all faces to one point scores nothing. An image without a face (a row with NaN) stays in: as a probe it is a
    miss, and if none of a person's gallery images shows a face, all of that person's probes are misses.

    Args:
        embeddings: (N, D); NaN where no face was found. Any length: rows are normalised here, in a float32 copy.
        identities: (N,) person of each image.
        gallery_images: enrolled images per person.
        draws: seeded choices of the gallery images.
        seed: of the choices and of the bootstrap.
        resamples: of the bootstrap over people.
        ranks: length of the CMC, at most the number of people.

    Raises:
        ConfigError: an impossible number.
        DataError: fewer than two people, nobody with a spare image, or arrays that do not fit together.
    """
    check_options(gallery_images=gallery_images, draws=draws, seed=seed, resamples=resamples)
    vectors, found = normalise(embeddings)
    names, number_of = number_people(identities, len(vectors))
    counts = np.bincount(number_of)
    if len(names) < 2:
        raise DataError(f"{len(names)} person cannot be told from others: bring at least two people")
    if counts.max() <= gallery_images:
        raise DataError(f"no person has more than {gallery_images} images: bring more, or enrol fewer of each")
    length = min(ranks, len(names))
    sizes = distractor_counts(len(names) - 1)
    reached = np.zeros((len(names), length))
    thinned = np.zeros((len(names), len(sizes)))
    probes_of = np.zeros(len(names), np.int64)
    image_hits, image_searches = (np.zeros(len(vectors), np.int64) for _ in range(2))
    matches: list[Match] = []
    for draw in range(draws):
        enrolled = draw_gallery(number_of, gallery_images=gallery_images, seed=seed, draw=draw)
        rows = np.flatnonzero(~enrolled & (counts > gallery_images)[number_of])
        people = number_of[rows]
        templates, usable = make_templates(vectors, found, number_of, enrolled, len(names))
        search = _search(vectors, rows, people, templates, usable)
        lost = ~found[rows] | ~usable[people]
        probes_of += np.bincount(people, minlength=len(names))
        image_hits[rows] += ~lost & (search.better == 0)
        image_searches[rows] += 1
        place = np.where(lost, length, np.minimum(search.better, length))
        at = np.bincount(people * (length + 1) + place, minlength=len(names) * (length + 1))
        reached += at.reshape(len(names), length + 1)[:, :length].cumsum(1)
        share = expected_rank1(np.where(lost, len(names), search.better), len(names) - 1, sizes)
        for column in range(len(sizes)):
            thinned[:, column] += np.bincount(people, share[:, column], minlength=len(names))
        if draw == 0:
            matches = _matches(search, rows, people, lost, enrolled & found, number_of, vectors)
    mated = probes_of > 0
    reached, thinned, probes_of = reached[mated], thinned[mated], probes_of[mated]
    cmc_low, cmc_high = interval(ratio_samples(reached, probes_of, resamples=resamples, seed=seed))
    thin_low, thin_high = interval(ratio_samples(thinned, probes_of, resamples=resamples, seed=seed))
    cmc = reached.sum(0) / probes_of.sum()
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
        identities=names[mated],
        hits=reached[:, 0],
        probes_of=probes_of,
        image_hits=image_hits,
        image_searches=image_searches,
        probes=int(probes_of.sum()) // draws,
        people=len(names),
        faces_not_found=int((~found).sum()),
        matches=tuple(matches),
    )


def check_options(*, gallery_images: int, draws: int, seed: int, resamples: int) -> None:
    """Whether `closed_set` can work with these, for callers who would know it before they embed a data set.

    Raises:
        ConfigError: an impossible number.
    """
    for option, value in (("gallery_images", gallery_images), ("draws", draws), ("resamples", resamples)):
        if value < 1:
            raise ConfigError(f"{option} is {value}: it must be at least 1")
    if seed < 0:
        raise ConfigError(f"seed is {seed}: it must be at least 0")


def ranks(
    probes: ArrayLike,
    probe_ids: Sequence[str] | NDArray[np.str_],
    gallery: ArrayLike,
    gallery_ids: Sequence[str] | NDArray[np.str_],
) -> NDArray[np.int64]:
    """(P,) rank of each probe's person among the people of a gallery set, from 1; the rules are `closed_set`'s.

    Args:
        probes: (P, D); a row with NaN is a face that was not found.
        probe_ids: (P,) person of each probe.
        gallery: (G, D) images; those of one person make one template.
        gallery_ids: (G,) person of each.

    Returns:
        0 where the person is not in the gallery set, `MISS` where the face of the probe or of its mate was not found.

    Raises:
        DataError: arrays that do not fit together.
    """
    enrolled, shown = normalise(gallery)
    names, number_of = number_people(gallery_ids, len(enrolled))
    vectors, found = normalise(probes)
    owners = np.asarray(probe_ids)
    if owners.shape != (len(vectors),):
        raise DataError(f"{len(vectors)} probes need as many identities, one each: there are {owners.size}")
    if len(names) == 0 or vectors.shape[1] != enrolled.shape[1]:
        raise DataError(f"probes of shape {vectors.shape} cannot be searched among a gallery set of {enrolled.shape}")
    templates, usable = make_templates(enrolled, shown, number_of, np.ones(len(enrolled), np.bool_), len(names))
    person = np.minimum(np.searchsorted(names, owners), len(names) - 1)
    known = names[person] == owners
    search = _search(vectors, np.arange(len(vectors)), person, templates, usable)
    lost = ~found | ~usable[person]
    return np.where(known, np.where(lost, MISS, search.better + 1), 0).astype(np.int64)


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


@dataclass(frozen=True)
class _Search:
    """What the scores of all probes with all templates come to."""

    better: NDArray[np.int64]
    """(P,) other people who score at least as high as the mate."""
    mated: NDArray[np.float32]
    """(P,) score of the mate."""
    rival: NDArray[np.int64]
    """(P,) best-scoring other person."""
    rival_score: NDArray[np.float32]


def _search(
    vectors: NDArray[np.float32],
    rows: NDArray[np.integer],
    people: NDArray[np.integer],
    templates: NDArray[np.float32],
    usable: NDArray[np.bool_],
) -> _Search:
    """Scores the vectors in `rows`, images of `people` (P,), block by block; the whole score matrix is never held."""
    better, rival = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    mated, rival_score = np.empty(len(rows), np.float32), np.empty(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        scores = vectors[rows[part]] @ templates.T
        each = np.arange(len(scores))
        mated[part] = scores[each, people[part]]
        scores[:, ~usable] = -np.inf
        scores[each, people[part]] = -np.inf
        better[part] = (scores >= mated[part, None] - np.float32(TIE)).sum(1)
        rival[part] = scores.argmax(1)
        rival_score[part] = scores[each, rival[part]]
    return _Search(better, mated, rival, rival_score)


def _matches(
    search: _Search,
    rows: NDArray[np.integer],
    people: NDArray[np.integer],
    lost: NDArray[np.bool_],
    shown: NDArray[np.bool_],
    number_of: NDArray[np.integer],
    vectors: NDArray[np.float32],
) -> list[Match]:
    """Each search whose faces were found; `shown` (N,) marks the gallery images."""
    gallery = np.flatnonzero(shown)
    gallery = gallery[np.argsort(number_of[gallery], kind="stable")]
    first = np.searchsorted(number_of[gallery], np.arange(number_of.max() + 2))

    def closest(row: int, person: int) -> int:
        own = gallery[first[person] : first[person + 1]]
        return int(own[0] if len(own) == 1 else own[(vectors[own] @ vectors[row]).argmax()])

    result = []
    for index in np.flatnonzero(~lost):
        row, person, rank = int(rows[index]), int(people[index]), int(search.better[index]) + 1
        mate, score = closest(row, person), float(search.mated[index])
        if rank == 1:
            result.append(Match(row, mate, score, mate, score, rank))
        else:
            rival = closest(row, int(search.rival[index]))
            result.append(Match(row, rival, float(search.rival_score[index]), mate, score, rank))
    return result
