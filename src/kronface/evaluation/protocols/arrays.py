"""Embeddings of one's own: probes, a gallery set, distractors, and who is who."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kronface.errors import ConfigError, DataError
from kronface.evaluation.det import det
from kronface.evaluation.features import Features, check_comparable
from kronface.evaluation.identification import MISS, distractor_counts
from kronface.evaluation.protocols.content import (
    describe_investigation,
    describe_points,
    identification_content,
    investigation,
)
from kronface.evaluation.search import Metric, Rows, distances, score_pairs, search, warm_up
from kronface.evaluation.trials import Curve, Ties, Trials, by_distractors, cmc
from kronface.files import Progress, no_progress
from kronface.hardware import processor_name

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
    """(L,) of the mate, its cosine or minus its distance; NaN where a face was not found."""
    strangers: NDArray[np.int64]
    """(M,) probes of people who are not in the gallery set."""
    stranger_score: NDArray[np.float64]
    """(M,) best score of each of them, likewise; -inf where no face was found."""
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
    owners = _people(probes)
    pooled_images = False  # whether templates are made of several images
    if gallery is None:
        pairs = _pairs(owners, owners)
        probe, mate = pairs[:, pairs[0] != pairs[1]]
        first = np.arange(len(owners))
    elif mates == "each":
        holders = _people(gallery)
        probe, mate = _pairs(owners, holders)
        apart = ~_same_image(probes, gallery, probe, mate)
        probe, mate = probe[apart], mate[apart]
        first = np.arange(len(holders))
    else:
        _check_apart(probes, gallery)
        holders = _people(gallery)
        first = np.arange(len(holders))
        people, at, number = np.unique(holders, return_index=True, return_inverse=True)
        pooled_images = len(people) < len(holders)
        if pooled_images:
            holders, first = people, at
        probe, mate = _pairs(owners, holders)
    if len(probe) == 0:
        raise DataError(f"no probe in {probes.source} has a mate: do the labels of both mean the same people?")
    progress("preparing", 0, 1)
    warm_up(*(part.values for part in parts), *([np.zeros((2, probes.values.shape[1]))] if pooled_images else []))
    progress("preparing", 1, 1)
    start = time.perf_counter()
    rows = [Rows.of(part.values, what=part.source, threads=threads) for part in parts]
    searched, enrolled = rows[0], rows[0] if gallery is None else rows[1]
    if pooled_images:
        enrolled = enrolled.means(number, len(holders), metric=metric)
    names, person = np.unique(owners[probe], return_inverse=True)
    order = np.argsort(person, kind="stable")  # a person's rows stay in the cache meanwhile
    score = np.zeros(len(probe))
    if gallery is None and metric == "cosine":
        # Each pair is there both ways round, and scores the same.
        once = order[probe[order] < mate[order]]
        score[once] = score_pairs(searched, enrolled, probe[once], mate[once], metric=metric, threads=threads)
        mirrored = np.empty(len(probe))
        mirrored[np.lexsort((probe, mate))] = score[np.lexsort((mate, probe))]
        score = np.where(probe < mate, score, mirrored)
    else:
        score[order] = score_pairs(searched, enrolled, probe[order], mate[order], metric=metric, threads=threads)
    lost = np.isnan(score)
    kept = np.flatnonzero(~lost)
    strangers = np.empty(0, np.int64) if gallery is None else np.flatnonzero(~np.isin(owners, holders))
    best = np.full(len(strangers), -np.inf)
    compared = 0
    nobody = np.zeros(len(probe), np.int64)

    def among(pool: Rows, labels: NDArray[np.str_] | None, others: int) -> Trials:
        nonlocal best, compared
        found = search(
            searched,
            pool,
            probe=probe[kept],
            scores=score[kept],
            probe_people=None if labels is None else owners,
            gallery_people=labels,
            best=len(strangers) > 0,
            metric=metric,
            threads=threads,
            progress=progress,
        )
        higher, tied = nobody.copy(), nobody.copy()
        higher[kept], tied[kept] = found.above[0], found.tied[0]
        compared += sum(found.compared)
        if len(strangers):
            best = np.maximum(best, found.best[strangers])
        return Trials(np.where(lost, MISS, higher), tied, person, len(names), others)

    fixed = pooled = Trials(np.where(lost, MISS, nobody), nobody, person, len(names), 0)
    if gallery is not None:
        fixed = among(enrolled, holders, max(int(enrolled.found.sum()) - 1, 0))
    if distractors is not None:
        pooled = among(rows[-1], distractors.identities, int(rows[-1].found.sum()))
    if metric == "euclidean":  # a threshold has to mean the same for all probes
        score = -distances(searched, probe, score)
        best = np.where(np.isneginf(best), best, -distances(searched, strangers, best))
    together = Trials(
        np.where(lost, MISS, np.where(lost, 0, fixed.higher) + np.where(lost, 0, pooled.higher)),
        fixed.tied + pooled.tied,
        person,
        len(names),
        fixed.others + pooled.others,
    )
    return Identification(
        trials=together,
        fixed=fixed,
        distractors=pooled,
        names=names,
        probe=probe,
        mate=first[mate],
        score=score,
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
        same: NDArray[np.bool_] = probes.paths[probe] == gallery.paths[row]
        return same
    return np.asarray((probe == row) & _same_file(probes, gallery))


def _same_file(one: Features, other: Features) -> bool:
    return Path(one.source).resolve() == Path(other.source).resolve()


def _check_apart(probes: Features, gallery: Features) -> None:
    """No probe may be in its own template.

    Raises:
        DataError: an image is in both.
    """
    if probes.paths is not None and gallery.paths is not None:
        both = np.intersect1d(probes.paths, gallery.paths)
        shared = str(both[0]) if len(both) else ""
    else:
        shared = "every image" if _same_file(probes, gallery) else ""
    if shared:
        raise DataError(
            f"{shared} of {probes.source} is in the gallery set {gallery.source} too, and would find itself: enrol "
            "other images, or give --mates each, which leaves an image out as its own mate"
        )


def _people(part: Features) -> NDArray[np.str_]:
    if part.identities is None:
        raise DataError(f"{part.source} says nothing of its people: bring their labels too")
    return part.identities


def _pairs(owners: NDArray[np.str_], holders: NDArray[np.str_]) -> NDArray[np.int64]:
    """(2, L) all pairs of a probe and a gallery row of the same person, sorted by the probe."""
    order = np.argsort(holders, kind="stable")
    low = np.searchsorted(holders, owners, "left", sorter=order)
    counts = np.searchsorted(holders, owners, "right", sorter=order) - low
    probe = np.repeat(np.arange(len(owners)), counts)
    place = np.arange(len(probe)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(low, counts)
    return np.stack([probe, order[place]])


def check_options(*, sizes: Sequence[int] | None, distractors: int, resamples: int, seed: int) -> None:
    """Whether `arrays_content` can work with these; as far as that can be said, before anything is measured.

    Args:
        sizes: as there.
        distractors: how many there are.
        resamples: as there.
        seed: as there.

    Raises:
        ConfigError: it cannot.
    """
    if resamples < 1 or seed < 0:
        raise ConfigError(f"resamples is {resamples} and seed is {seed}: from 1, and from 0")
    if sizes is not None and not all(0 <= size <= distractors for size in sizes or [-1]):
        raise ConfigError(
            f"sizes are {', '.join(map(str, sizes)) or 'none'}: give numbers of distractors, up to the {distractors} "
            "that show a face"
        )


def arrays_content(
    found: Identification,
    *,
    name: str,
    root: str,
    settings: dict[str, Any],
    owners: NDArray[np.str_] | None,
    fingerprint: str | None = None,
    ties: Ties = "against",
    sizes: Sequence[int] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[dict[str, Any], list[str]]:
    """The content of a results file, and lines for the terminal.

    Args:
        found: what was measured.
        name: how tables call the network.
        root: where the arrays lie.
        settings: what else a repetition needs.
        owners: (P,) the probes' people, for the intervals of the open set.
        fingerprint: of the network.
        ties: see `kronface.evaluation.trials.Ties`.
        sizes: numbers of distractors; 1, 2, 5, 10 … by default.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.

    Raises:
        ConfigError: as `check_options`, or a number of distractors that there are not.
    """
    trials, pool = found.trials, found.distractors
    there = pool.others
    check_options(sizes=sizes, distractors=there, resamples=resamples, seed=seed)
    wanted = distractor_counts(there) if sizes is None and there else np.array(sorted(set(sizes or [])), np.int64)
    if not there:  # the other people of the gallery set play that part
        fixed, pool = Trials(trials.higher * 0, trials.tied * 0, trials.person, trials.people, 0), trials
        wanted = distractor_counts(trials.others) if trials.others else np.zeros(1, np.int64)
    else:
        fixed = found.fixed
    curve = cmc(trials, ties=ties, resamples=resamples, seed=seed)
    growing = by_distractors(fixed, pool, wanted, ties=ties, resamples=resamples, seed=seed)
    open_set = None
    if len(found.strangers) and owners is not None:
        open_set = det(
            found.score,
            trials.ranks(ties),
            found.names[trials.person],
            found.stranger_score,
            owners[found.strangers],
            resamples=resamples,
            seed=seed,
        )
    looked_through = investigation(trials, ties=ties, resamples=resamples, seed=seed) if found.fixed.others else None
    tied = int(((trials.higher != MISS) & (trials.tied > 0)).sum())
    result = identification_content(
        name=name,
        protocol="arrays",
        data={"root": root, "people": len(found.names), "images": len(np.unique(found.probe)), "notes": []},
        settings=settings | {"seed": seed, "resamples": resamples, "seconds": round(found.seconds, 3)},
        processor=processor_name(),
        cmc=curve,
        by_distractors=growing,
        names=found.names,
        gallery_size=trials.others + 1,
        not_found=sum(found.not_found),
        fingerprint=fingerprint,
        det=open_set,
        investigation=looked_through,
        scores=found.compared,
        tied_trials=tied,
    )
    lines = [
        f"rank-1 {curve.rate[0]:.4f} [{curve.low[0]:.4f}, {curve.high[0]:.4f}] among {trials.others} others, "
        f"{len(found.probe)} trials of {len(found.names)} people",
        "rank-k: " + ", ".join(f"{k}: {rate:.4f}" for k, rate in _some(curve)),
    ]
    if growing.at.size:
        shown = zip(growing.at, growing.rate, strict=True)
        lines.append("rank-1 by distractors: " + ", ".join(f"{count}: {rate:.4f}" for count, rate in shown))
    if tied:
        other: Ties = "for" if ties == "against" else "against"
        rate = cmc(trials, ties=other, at=np.ones(1, np.int64), resamples=1, seed=seed).rate[0]
        lines.append(
            f"{tied} trials have others of the mate's own score: with ties {other} the mate, rank-1 is {rate:.4f}"
        )
    if looked_through is not None:
        lines.append(describe_investigation(looked_through))
    if open_set is not None:
        lines += [f"strangers: {open_set.strangers} searches", *describe_points(open_set)]
    if sum(found.not_found):
        counts = zip(("probes", "gallery images", "distractors"), found.not_found, strict=True)
        lines.append("faces not found: " + ", ".join(f"{count} {kind}" for kind, count in counts if count))
    lines.append(f"scoring: {found.seconds:.3f} s for {found.compared:,} scores")
    return result, lines


def _some(curve: Curve) -> list[tuple[int, float]]:
    wanted = [k for k in (5, 10, 20, 50, 100, 1000, 10_000, 100_000) if k <= curve.at[-1]]
    places = np.searchsorted(curve.at, wanted)
    return [(int(curve.at[place]), float(curve.rate[place])) for place in places]
