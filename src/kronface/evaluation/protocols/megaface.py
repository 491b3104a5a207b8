"""MegaFace challenge 1: every photograph of a person is in turn the mate of the person's others, among distractors.

A trial is an ordered pair of two photographs of one person, the mate and the probe. It is right at rank k when fewer
than k distractors of a list score higher against the probe than the mate does. Other people's photographs do not
compete, unless one of each other person is asked for. The lists of one set are independent samples, so each is searched
for itself, all in one pass. (The challenge's tool is no longer handed out; this rule is FaceX-Zoo's, which found it to
agree with the tool, and the denominators of published logs are its number of pairs.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kronface.errors import ConfigError, DataError
from kronface.evaluation.features import Features, check_comparable
from kronface.evaluation.identification import MISS
from kronface.evaluation.roc_tail import Tail
from kronface.evaluation.search import LISTS, Found, Metric, Rows, score_pairs, search, warm_up
from kronface.evaluation.trials import Trials
from kronface.files import Progress, no_progress

Variant = Literal["raw", "refined", "deletion"]
"""What becomes of images that a noise list names. raw: nothing. refined, as InsightFace does: a noisy probe becomes the
person's mean, which nearly all of the person's photographs match, so figures are optimistic; a noisy distractor matches
nobody. deletion: both are left out."""

KEPT = 1 << 17
"""Highest impostor scores that are kept per list: FAR down from 3.7e-5 at a million distractors."""

JITTER = 1e-3
"""Half of the range of the noise that InsightFace adds to a person's mean."""


@dataclass(frozen=True)
class Outcome:
    """What one list comes to, in one variant."""

    variant: Variant
    list_number: int
    """Of the list, in the order that they were given in."""
    trials: Trials
    """(draws · L,) with one photograph of each other person: draw after draw."""
    tail: Tail
    """Of the pairs of probes and distractors."""
    probe: NDArray[np.int64]
    """(L,) number of the probe in its list."""
    mate: NDArray[np.int64]
    """(L,)"""
    distractors: int
    """That show a face, and are not left out."""


@dataclass(frozen=True)
class MegaFace:
    """All outcomes."""

    outcomes: tuple[Outcome, ...]
    """By variant, then by list."""
    names: NDArray[np.str_]
    """People with pairs, by number."""
    noisy: tuple[int, int]
    """Probes and distractors that noise lists name."""
    not_found: tuple[int, int]
    """Probes and distractors without a face."""
    draws: int
    """Of the photographs of other people; 0 where none compete."""
    compared: int
    """Scores."""


@dataclass(frozen=True)
class _Plan:
    """Which pairs each variant scores, on a table of the probes followed by the refined ones."""

    table: NDArray[np.floating]
    """(P + R, D)"""
    owner: NDArray[np.int64]
    """(P + R,) people."""
    pairs: NDArray[np.int64]
    """(2, M) probe and mate: all pairs, then those of refined photographs."""
    index: dict[Variant, NDArray[np.int64]]
    """(L,) the variant's pairs, as columns of `pairs`."""
    probes: dict[Variant, NDArray[np.int64]]
    """Rows that the variant searches for."""


def identify_megaface(
    probes: Features,
    distractors: Features,
    lists: Sequence[NDArray[np.integer]],
    *,
    noisy_probes: NDArray[np.bool_] | None = None,
    noisy_distractors: NDArray[np.bool_] | None = None,
    draws: int = 0,
    metric: Metric = "cosine",
    kept: int = KEPT,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress = no_progress,
) -> MegaFace:
    """Searches probes of known people among lists of distractors.

    Args:
        probes: with people.
        distractors: of all lists together.
        lists: rows of the distractors.
        noisy_probes: (P,) which a noise list names.
        noisy_distractors: (D,) likewise. With either, all three variants are measured.
        draws: above 0, one photograph of each other person competes too, drawn anew so many times.
        metric: cosine or euclidean.
        kept: highest impostor scores that are kept per list.
        seed: of the photographs that compete, and of the noise in refined probes.
        threads: how many; all of the machine's by default.
        progress: called as rows are compared.

    Raises:
        ConfigError: an impossible number.
        DataError: people are missing, embeddings do not belong together, or nobody has two photographs.
    """
    if not 0 <= draws <= LISTS:
        raise ConfigError(f"draws is {draws}: from 0 to {LISTS}")
    if probes.identities is None:
        raise DataError(f"{probes.source} says nothing of its people: bring their labels too")
    check_comparable(probes, distractors)
    names, owner = np.unique(probes.identities, return_inverse=True)
    if np.bincount(owner).max(initial=0) < 2:
        raise DataError(f"nobody in {probes.source} has two photographs: pairs of the same person are what is searched")
    with_noise = noisy_probes is not None or noisy_distractors is not None
    bad = np.zeros(len(probes), np.bool_) if noisy_probes is None else noisy_probes
    unfit = np.zeros(len(distractors), np.bool_) if noisy_distractors is None else noisy_distractors
    plan = _plan(probes, owner.astype(np.int64), bad if with_noise else None, metric, seed)
    progress("preparing", 0, 1)
    warm_up(plan.table, distractors.values)
    progress("preparing", 1, 1)
    rows = Rows.of(plan.table, what=probes.source, threads=threads)
    pool = Rows.of(distractors.values, what=distractors.source, threads=threads)
    scores = score_pairs(rows, rows, plan.pairs[0], plan.pairs[1], metric=metric, threads=threads)
    usable = np.flatnonzero(~np.isnan(scores))
    clean = [np.asarray(part)[~unfit[part]] for part in lists] if with_noise else []
    found = _search_all(rows, pool, [*lists, *clean], plan, scores, usable, metric, kept, threads, progress)
    outcomes = []
    compared = sum(part.compared for part in found)
    for variant, index in plan.index.items():
        rivals, more = _others(rows, plan, variant, scores, draws, metric, threads, seed)
        compared += more
        for number in range(len(lists)):
            part = found[number if variant == "raw" else len(lists) + number]
            listed = len(clean[number] if variant == "deletion" else lists[number])
            outcomes.append(
                _outcome(variant, number, part, listed, rivals, rows.shift(metric), plan, scores, index, len(names))
            )
    return MegaFace(
        tuple(outcomes),
        names,
        (int(bad.sum()), int(unfit.sum())),
        (int((~rows.found[: len(probes)]).sum()), int((~pool.found).sum())),
        draws,
        compared,
    )


@dataclass(frozen=True)
class _Part:
    """One list's share of a search."""

    above: NDArray[np.int64]
    """(M,)"""
    tied: NDArray[np.int64]
    scores: NDArray[np.float64]
    """(K,) the highest, falling."""
    probe: NDArray[np.int64]
    compared: int
    size: int
    """Rows with a face."""


def _plan(
    probes: Features, owner: NDArray[np.int64], bad: NDArray[np.bool_] | None, metric: Metric, seed: int
) -> _Plan:
    values = np.asarray(probes.values)
    probe, mate = _ordered_pairs(owner)
    everyone = np.arange(len(owner))
    if bad is None:
        index: dict[Variant, NDArray[np.int64]] = {"raw": np.arange(len(probe))}
        return _Plan(values, owner, np.stack([probe, mate]), index, {"raw": everyone})
    noisy = np.flatnonzero(bad)
    instead = everyone.copy()
    instead[noisy] = len(owner) + np.arange(len(noisy))
    touched = np.flatnonzero(bad[probe] | bad[mate])
    refined = np.arange(len(probe))
    refined[touched] = len(probe) + np.arange(len(touched))
    pairs = np.stack([probe, mate])
    return _Plan(
        table=np.concatenate([values, _refine(values, owner, bad, metric, seed).astype(values.dtype)]),
        owner=np.concatenate([owner, owner[noisy]]),
        pairs=np.concatenate([pairs, instead[pairs[:, touched]]], 1),
        index={"raw": np.arange(len(probe)), "refined": refined, "deletion": np.flatnonzero(~(bad[probe] | bad[mate]))},
        probes={"raw": everyone, "refined": instead, "deletion": np.flatnonzero(~bad)},
    )


def _refine(
    values: NDArray[np.floating], owner: NDArray[np.int64], bad: NDArray[np.bool_], metric: Metric, seed: int
) -> NDArray[np.float64]:
    """(R, D) what noisy probes are replaced by: the sum of the person's other rows and a little noise, of length 1.

    For Euclidean distances it has the mean length of those rows. A person without a clean row with a face keeps none.
    """
    rng = np.random.default_rng(seed)
    made = np.full((int(bad.sum()), values.shape[1]), np.nan)
    for place, row in enumerate(np.flatnonzero(bad)):
        own = values[(owner == owner[row]) & ~bad].astype(np.float64)
        lengths = np.linalg.norm(own, axis=1)
        own, lengths = own[lengths > 0], lengths[lengths > 0]
        noise = rng.uniform(-JITTER, JITTER, values.shape[1])
        if len(own):
            total = (own / lengths[:, None]).sum(0) + noise
            made[place] = total / np.linalg.norm(total) * (1 if metric == "cosine" else lengths.mean())
    return made


def _ordered_pairs(owner: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All ordered pairs of two photographs of one person, by the probe."""
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(owner.max() + 2))
    counts = np.diff(starts)[owner]
    probe = np.repeat(np.arange(len(owner)), counts)
    place = np.arange(len(probe)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts[owner], counts)
    mate = order[place]
    return probe[probe != mate], mate[probe != mate]


def _search_all(
    rows: Rows,
    pool: Rows,
    lists: Sequence[NDArray[np.integer]],
    plan: _Plan,
    scores: NDArray[np.float64],
    usable: NDArray[np.int64],
    metric: Metric,
    kept: int,
    threads: int | None,
    progress: Progress,
) -> list[_Part]:
    parts: list[_Part] = []
    for start in range(0, len(lists), LISTS):
        block = lists[start : start + LISTS]
        found: Found = search(
            rows,
            pool,
            probe=plan.pairs[0, usable],
            scores=scores[usable],
            lists=block,
            high=kept,
            metric=metric,
            threads=threads,
            progress=progress,
        )
        for number, listed in enumerate(block):
            above, tied = np.zeros((2, len(scores)), np.int64)
            above[usable], tied[usable] = found.above[number], found.tied[number]
            high = found.high[number]
            size = int(pool.found[listed].sum())
            parts.append(_Part(above, tied, high.scores, high.probe, found.compared[number], size))
    return parts


def _others(
    rows: Rows,
    plan: _Plan,
    variant: Variant,
    scores: NDArray[np.float64],
    draws: int,
    metric: Metric,
    threads: int | None,
    seed: int,
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64], int] | None, int]:
    """Of one photograph of each other person: (draws, L) that score higher, or the same, and how many compete."""
    if draws == 0:
        return None, 0
    index, own = plan.index[variant], plan.probes[variant]
    people = np.unique(plan.owner[own])
    rng = np.random.default_rng([seed, 1])
    order = own[np.argsort(plan.owner[own], kind="stable")]
    starts = np.searchsorted(plan.owner[order], people)
    counts = np.diff(np.append(starts, len(order)))
    chosen = order[(starts + np.floor(rng.random((draws, len(people))) * counts).astype(np.int64)).ravel()]
    usable = np.flatnonzero(~np.isnan(scores[index]))
    found = search(
        rows,
        Rows(np.asarray(rows.values[chosen]), rows.squares[chosen]),
        probe=plan.pairs[0, index[usable]],
        scores=scores[index[usable]],
        lists=list(np.arange(len(chosen)).reshape(draws, -1)),
        probe_people=plan.owner,
        gallery_people=plan.owner[chosen],
        metric=metric,
        threads=threads,
    )
    above, tied = np.zeros((2, draws, len(index)), np.int64)
    above[:, usable], tied[:, usable] = found.above, found.tied
    return (above, tied, len(people) - 1), sum(found.compared)


def _outcome(
    variant: Variant,
    number: int,
    part: _Part,
    listed: int,
    rivals: tuple[NDArray[np.int64], NDArray[np.int64], int] | None,
    shift: NDArray[np.float64],
    plan: _Plan,
    scores: NDArray[np.float64],
    index: NDArray[np.int64],
    people: int,
) -> Outcome:
    lost = np.isnan(scores[index])
    above, tied, others = part.above[index][None], part.tied[index][None], part.size
    if rivals is not None:
        above, tied, others = above + rivals[0], tied + rivals[1], others + rivals[2]
    draws = len(above)
    person = plan.owner[plan.pairs[0, index]]
    trials = Trials(
        np.where(lost, MISS, above).ravel(), np.where(lost, 0, tied).ravel(), np.tile(person, draws), people, others
    )
    searched = np.zeros(len(plan.owner), np.bool_)
    searched[plan.probes[variant]] = True
    own = searched[part.probe]
    tail = Tail(
        genuine=np.where(lost, -np.inf, scores[index] - shift[plan.pairs[0, index]]),
        genuine_person=person,
        impostor=part.scores[own],
        impostor_person=plan.owner[part.probe[own]],
        impostors=len(plan.probes[variant]) * listed,
        complete=len(part.scores) >= part.compared,
        probes=np.bincount(plan.owner[plan.probes[variant]], minlength=people),
    )
    return Outcome(
        variant,
        number,
        trials,
        tail,
        _place(plan, variant)[plan.pairs[0, index]],
        _place(plan, variant)[plan.pairs[1, index]],
        part.size,
    )


def _place(plan: _Plan, variant: Variant) -> NDArray[np.int64]:
    """(P + R,) number in the list of probes of each row."""
    place = np.arange(len(plan.owner))
    if variant == "refined":
        place[plan.probes["refined"]] = np.arange(len(plan.probes["refined"]))
    return place
