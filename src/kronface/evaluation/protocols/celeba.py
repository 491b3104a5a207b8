"""CelebA identification: a protocol of our own, since no identity stands in two of the official splits.

Each test identity with two images or more enrols one, by seeded draws; its other images are the probes. A test identity
with one image is enrolled and never searched for, and all images of the validation identities are distractors. In the
open set, those images are the searches for strangers instead: their people are not enrolled.
"""

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kronface.errors import ConfigError, DataError
from kronface.evaluation.features import Features, check_comparable
from kronface.evaluation.identification import MISS
from kronface.evaluation.search import LISTS, Metric, Rows, score_pairs, search, warm_up
from kronface.evaluation.templates import draw_gallery
from kronface.evaluation.trials import Trials
from kronface.files import Progress, no_progress


@dataclass(frozen=True)
class CelebA:
    """What `identify_celeba` measures: L trials over all draws, and M searches for strangers."""

    trials: Trials
    """Each mate among the other enrolled people and all distractors."""
    fixed: Trials
    """The same trials among the other enrolled people."""
    distractors: Trials
    """The same trials among the distractors."""
    names: NDArray[np.str_]
    """People with trials, by number."""
    probe: NDArray[np.int64]
    """(L,) test image of each trial."""
    mate: NDArray[np.int64]
    """(L,) test image that is enrolled."""
    score: NDArray[np.float64]
    """(L,) of the mate; NaN where a face was not found."""
    stranger: NDArray[np.int64]
    """(M,) validation image of each search for a stranger."""
    stranger_score: NDArray[np.float64]
    """(M,) best score; -inf where no face was found."""
    draws: int
    not_found: tuple[int, int]
    """Test and validation images without a face."""
    compared: int
    """Scores."""
    seconds: float
    """Spent on scoring."""


def identify_celeba(
    test: Features,
    validation: Features,
    *,
    draws: int = 10,
    metric: Metric = "cosine",
    seed: int = 0,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> CelebA:
    """Searches test images among one enrolled image per test identity and all validation images.

    Args:
        test: with people.
        validation: with people, none of them among the test people.
        draws: seeded choices of the enrolled images.
        metric: cosine or euclidean.
        seed: of the choices.
        threads: how many; all of the machine's by default.
        progress: called as rows are compared.

    Raises:
        ConfigError: an impossible number of draws.
        DataError: people are missing or in both splits, or nobody has two images.
    """
    if not 1 <= draws <= LISTS:
        raise ConfigError(f"draws is {draws}: from 1 to {LISTS}")
    check_comparable(test, validation)
    if test.identities is None or validation.identities is None:
        raise DataError(f"{test.source} says nothing of its people: bring their labels too")
    both = np.intersect1d(test.identities, validation.identities)
    if len(both):
        raise DataError(f"{both[0]} is in the test and in the validation split: distractors must be other people")
    everybody, owner = np.unique(test.identities, return_inverse=True)
    images = np.bincount(owner)
    if images.max(initial=0) < 2:
        raise DataError(f"nobody in {test.source} has two images: one is enrolled, the others are searched for")
    progress("preparing", 0, 1)
    warm_up(test.values, validation.values)
    progress("preparing", 1, 1)
    start = time.perf_counter()
    rows = Rows.of(test.values, what=test.source, threads=threads)
    pool = Rows.of(validation.values, what=validation.source, threads=threads)
    enrolled = [np.flatnonzero(draw_gallery(owner, gallery_images=1, seed=seed, draw=draw)) for draw in range(draws)]
    probe, mate, list_of = _trials(owner, images, enrolled)
    order = np.argsort(probe, kind="stable")
    score = np.empty(len(probe))
    score[order] = score_pairs(rows, rows, probe[order], mate[order], metric=metric, threads=threads)
    lost = np.isnan(score)
    kept = np.flatnonzero(~lost)
    names, person = np.unique(everybody[owner[probe]], return_inverse=True)
    ask = partial(search, rows, probe=probe[kept], scores=score[kept], metric=metric, threads=threads)
    among = ask(rows, lists=enrolled, probe_people=owner, gallery_people=owner)
    beside = ask(pool, progress=progress)
    counts = np.zeros((4, len(probe)), np.int64)
    own = list_of[kept], np.arange(len(kept))
    counts[0, kept], counts[1, kept] = among.above[own], among.tied[own]
    counts[2, kept], counts[3, kept] = beside.above[0], beside.tied[0]

    def trials(higher: NDArray[np.int64], tied: NDArray[np.int64], others: int) -> Trials:
        return Trials(np.where(lost, MISS, higher), tied, person, len(names), others)

    seen = int(pool.found.sum())
    best, compared = [], sum(among.compared) + sum(beside.compared)
    for draw, listed in enumerate(enrolled):
        found = search(pool, rows, lists=[listed], best=True, metric=metric, threads=threads)
        best.append(found.best)
        compared += sum(found.compared)
        progress("strangers", draw + 1, draws)
    return CelebA(
        trials=trials(counts[0] + counts[2], counts[1] + counts[3], len(everybody) - 1 + seen),
        fixed=trials(counts[0], counts[1], len(everybody) - 1),
        distractors=trials(counts[2], counts[3], seen),
        names=names,
        probe=probe,
        mate=mate,
        score=score,
        stranger=np.tile(np.arange(len(validation)), draws),
        stranger_score=np.concatenate(best),
        draws=draws,
        not_found=(int((~rows.found).sum()), int((~pool.found).sum())),
        compared=compared,
        seconds=time.perf_counter() - start,
    )


def _trials(
    owner: NDArray[np.integer], images: NDArray[np.int64], enrolled: list[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Probe, mate and draw of each trial."""
    parts = []
    for draw, chosen in enumerate(enrolled):
        mate_of = np.empty(len(images), np.int64)
        mate_of[owner[chosen]] = chosen
        probe = np.setdiff1d(np.flatnonzero(images[owner] > 1), chosen)
        parts.append(np.stack([probe, mate_of[owner[probe]], np.full(len(probe), draw)]))
    probe, mate, list_of = np.concatenate(parts, 1)
    return probe, mate, list_of
