"""Embeddings of one's own: probes, a gallery set, distractors, and who is who."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kronface.errors import ConfigError, DataError
from kronface.evaluation.features import Features, check_comparable
from kronface.evaluation.identification import MISS
from kronface.evaluation.search import Metric, Rows, score_pairs, search, warm_up
from kronface.evaluation.trials import Trials
from kronface.files import Progress, no_progress

Mates = Literal["template", "each"]
"""What the gallery images of a person are: one template, their mean; or each a mate that is enrolled alone."""


@dataclass(frozen=True)
class Identification:
    """What `identify_arrays` measures."""

    trials: Trials
    """Each mate among all others."""
    fixed: Trials
    """The same trials among the other people of the gallery set."""
    distractors: Trials
    """The same trials among the distractors."""
    names: NDArray[np.str_]
    """People with trials, by number."""
    probe: NDArray[np.int64]
    """(L,) probe of each trial."""
    mate: NDArray[np.int64]
    """(L,) gallery row of each trial's mate; with templates the first image of the person."""
    score: NDArray[np.float64]
    """(L,) of the mate; NaN where a face was not found."""
    gallery_size: int
    """Templates or images that the gallery set holds, without distractors; 0 in a search among the probes themselves."""
    strangers: NDArray[np.int64]
    """(M,) probes of people who are not in the gallery set."""
    stranger_score: NDArray[np.float64]
    """(M,) best score of each of them; -inf where no face was found."""
    not_found: tuple[int, int, int]
    """Probes, gallery images and distractors without a face."""
    compared: int
    """Scores."""
    seconds: float
    """Spent on scoring: lengths of rows, mates' scores, and searches."""


def identify_arrays(
    probes: Features,
    gallery: Features | None = None,
    distractors: Features | None = None,
    *,
    mates: Mates = "template",
    metric: Metric = "cosine",
    threads: int | None = None,
    progress: Progress = no_progress,
) -> Identification:
    """Searches every probe in a gallery set, or, without one, among the distractors by MegaFace's rule.

    With a gallery set, the others are its other people and all distractors; probes of people who are not in it are
    searches for strangers. Without one, each probe is in turn the mate of every other probe of the same person, and
    only distractors are the others.

    Args:
        probes: with people.
        gallery: with people, or None.
        distractors: nobody's mates; their people, if known, are looked at: rows of the probe's own person are passed
            over.
        mates: template or each.
        metric: cosine or euclidean.
        threads: how many; all of the machine's by default.
        progress: called as rows are compared.

    Raises:
        ConfigError: an unknown choice, or neither gallery set nor distractors.
        DataError: people are missing, or embeddings do not belong together; no probe has a mate.
    """
    if mates not in ("template", "each"):
        raise ConfigError(f"mates is {mates}: it must be template or each")
    if gallery is None and distractors is None:
        raise ConfigError("neither a gallery set nor distractors are given: name at least one of them")
    parts = [part for part in (probes, gallery, distractors) if part is not None]
    check_comparable(*parts)
    for part in parts[: 1 if gallery is None else 2]:
        if part.identities is None:
            raise DataError(f"{part.source} says nothing of its people: bring their labels too")
    warm_up(*(part.values for part in parts))
    start = time.perf_counter()
    rows = [Rows.of(part.values, what=part.source, threads=threads) for part in parts]
    searched, enrolled = rows[0], rows[0] if gallery is None else rows[1]
    owners = _people(probes)
    if gallery is None:
        names, numbers = np.unique(owners, return_inverse=True)
        probe, mate = _pairs_within(numbers)
        first = np.arange(len(owners))
    else:
        holders = _people(gallery)
        names, numbers = np.unique(owners, return_inverse=True)
        if mates == "template":
            people, first, number = np.unique(holders, return_index=True, return_inverse=True)
            if len(people) < len(holders):
                enrolled = enrolled.means(number, len(people), metric=metric)
            holders = people
        else:
            first = np.arange(len(holders))
        if mates == "template":
            _check_apart(probes, gallery)
        probe, mate = _pairs_between(owners, holders)
        if mates == "each":
            apart = ~_same_image(probes, gallery, probe, mate)
            probe, mate = probe[apart], mate[apart]
    if len(probe) == 0:
        raise DataError(f"no probe in {probes.source} has a mate: do the labels of both mean the same people?")
    lost = ~searched.found[probe] | ~enrolled.found[mate]
    score = np.full(len(probe), np.nan)
    kept = np.flatnonzero(~lost)
    score[kept] = score_pairs(searched, enrolled, probe[kept], mate[kept], metric=metric, threads=threads)
    person = numbers[probe].astype(np.int64)
    used, person = np.unique(person, return_inverse=True)
    strangers = np.empty(0, np.int64)
    if gallery is not None:
        strangers = np.flatnonzero(~np.isin(owners, holders))
    best = np.full(len(strangers), -np.inf)
    compared = 0
    outcomes = []
    for pool, labels in (
        (None if gallery is None else enrolled, None if gallery is None else holders),
        (None if distractors is None else rows[-1], None if distractors is None else distractors.identities),
    ):
        higher, tied = np.zeros(len(probe), np.int64), np.zeros(len(probe), np.int64)
        if pool is not None:
            found = search(
                searched,
                pool,
                probe=probe[kept],
                scores=score[kept],
                probe_people=None if labels is None else owners,
                gallery_people=labels,
                metric=metric,
                threads=threads,
                progress=progress,
            )
            higher[kept], tied[kept] = found.above[0], found.tied[0]
            compared += found.compared
            if len(strangers):
                alone = Rows(searched.values[strangers], searched.lengths[strangers])
                outside = search(
                    alone,
                    pool,
                    probe_people=None if labels is None else owners[strangers],
                    gallery_people=labels,
                    best=True,
                    metric=metric,
                    threads=threads,
                    stage="searching for strangers",
                    progress=progress,
                )
                best = np.maximum(best, outside.best)
        others = 0 if pool is None else int(pool.found.sum())
        outcomes.append(Trials(np.where(lost, MISS, higher), tied, person, len(used), others))
    fixed, pooled = outcomes
    if gallery is not None:
        fixed = Trials(fixed.higher, fixed.tied, person, len(used), max(fixed.others - 1, 0))
    together = Trials(
        np.where(lost, MISS, np.where(lost, 0, fixed.higher) + np.where(lost, 0, pooled.higher)),
        fixed.tied + pooled.tied,
        person,
        len(used),
        fixed.others + pooled.others,
    )
    return Identification(
        trials=together,
        fixed=fixed,
        distractors=pooled,
        names=names[used],
        probe=probe,
        mate=first[mate],
        score=score,
        gallery_size=0 if gallery is None else len(enrolled),
        strangers=strangers,
        stranger_score=best,
        not_found=(
            int((~rows[0].found).sum()),
            0 if gallery is None else int((~rows[1].found).sum()),
            0 if distractors is None else int((~rows[-1].found).sum()),
        ),
        compared=compared,
        seconds=time.perf_counter() - start,
    )


def _same_image(
    probes: Features, gallery: Features, probe: NDArray[np.int64], row: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(L,) whether both are one image: of one name, or, where names are unknown, one row of one file."""
    if probes.paths is not None and gallery.paths is not None:
        return probes.paths[probe] == gallery.paths[row]
    return (probe == row) & (probes.source == gallery.source)


def _check_apart(probes: Features, gallery: Features) -> None:
    """No probe may be in its own template.

    Raises:
        DataError: an image is in both.
    """
    if probes.paths is not None and gallery.paths is not None:
        both = np.intersect1d(probes.paths, gallery.paths)
        shared = str(both[0]) if len(both) else ""
    else:
        shared = "every image" if probes.source == gallery.source else ""
    if shared:
        raise DataError(
            f"{shared} of {probes.source} is in the gallery set {gallery.source} too, and would find itself: enrol "
            "other images, or give --mates each, which leaves an image out as its own mate"
        )


def _people(part: Features) -> NDArray[np.str_]:
    if part.identities is None:
        raise DataError(f"{part.source} says nothing of its people: bring their labels too")
    return part.identities


def _pairs_within(numbers: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All ordered pairs of two different images of one person: (probe, mate), sorted by the probe."""
    return _pairs(numbers, numbers, itself=False)


def _pairs_between(
    owners: NDArray[np.str_], holders: NDArray[np.str_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of a probe and a gallery row of the same person, sorted by the probe."""
    names, numbers = np.unique(np.concatenate([owners, holders]), return_inverse=True)
    del names
    return _pairs(numbers[: len(owners)], numbers[len(owners) :], itself=True)


def _pairs(
    ours: NDArray[np.integer], theirs: NDArray[np.integer], *, itself: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(theirs, kind="stable")
    low = np.searchsorted(theirs[order], ours, "left")
    high = np.searchsorted(theirs[order], ours, "right")
    counts = high - low
    probe = np.repeat(np.arange(len(ours)), counts)
    place = np.arange(len(probe)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(low, counts)
    mate = order[place]
    keep = np.ones(len(probe), np.bool_) if itself else probe != mate
    return probe[keep].astype(np.int64), mate[keep].astype(np.int64)
