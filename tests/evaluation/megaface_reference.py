"""MegaFace's Challenge 1, slowly and independently: a made-up devkit tree on disk, and what its protocol comes to.

Written from the protocol's words alone, before any of the package's code was read, and sharing none of it: plain
loops over pairs, Python's floats, `struct` for bytes.

The protocol: every photo g of a person enters the gallery in turn, among the distractors; every other photo p of that
person searches it. The pair (g, p) is correct at rank N if score(g, p) is at least the N-th best score of p among the
distractors, so a distractor that ties with the mate does not push it down. Photos of other people are not in the
gallery, unless asked for: then one of each. The denominator is all ordered pairs, Σ n(n - 1).

A photo without a feature is a row of NaN here. As g or as p it makes the pair a miss at every rank, which stays in the
denominator; as a distractor it pushes nobody down, and its pairs stay in the denominator of the false positive rate.
"""

import json
import math
import struct
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

Metric = Literal["cosine", "euclidean"]
Vector = Sequence[float]
Ranks = dict[tuple[int, int], float]  # (g, p) to the rank of g in the search of p; infinite: a miss

MISS = math.inf
Item = TypeVar("Item")
TYPES = {"float32": (5, 4, "f"), "float64": (6, 8, "d")}  # OpenCV's number of the type, bytes, struct's letter


# --- scores ----------------------------------------------------------------------------------------------------------


def found(vector: Vector) -> bool:
    return not any(math.isnan(value) for value in vector)


def score(a: Vector, b: Vector, metric: Metric) -> float:
    """How alike two features are: cosine, or minus the distance of the features as they are. No length: cosine 0."""
    if metric == "euclidean":
        return -math.sqrt(math.fsum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)))
    lengths = math.sqrt(math.fsum(float(x) ** 2 for x in a)) * math.sqrt(math.fsum(float(y) ** 2 for y in b))
    return math.fsum(float(x) * float(y) for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def genuine_pairs(ids: Sequence[str]) -> list[tuple[int, int]]:
    """Every (g, p) of two photos of one person, in the order of g, then of p."""
    return [(g, p) for g in range(len(ids)) for p in range(len(ids)) if g != p and ids[g] == ids[p]]


def rival_scores(probe: Vector, distractors: Sequence[Vector], metric: Metric, never: Sequence[int]) -> list[float]:
    """One score per distractor; minus infinity for those that were not found or that never match."""
    return [
        score(distractor, probe, metric) if found(probe) and found(distractor) and row not in never else -math.inf
        for row, distractor in enumerate(distractors)
    ]


# --- ranks -----------------------------------------------------------------------------------------------------------


def reference_ranks(
    probes: Sequence[Vector],
    ids: Sequence[str],
    distractors: Sequence[Vector],
    metric: Metric = "cosine",
    *,
    never: Sequence[int] = (),
) -> Ranks:
    """The first rank at which each genuine pair is correct. `never`: rows of distractors that never match."""
    return reference_ranks_with_others(probes, ids, distractors, {}, metric, never=never)


def first_photos(ids: Sequence[str]) -> dict[tuple[int, str], int]:
    """For each g the first photo of every other person: one choice of those who stand in the gallery too."""
    return {(g, other): list(ids).index(other) for g in range(len(ids)) for other in set(ids) - {ids[g]}}


def reference_ranks_with_others(
    probes: Sequence[Vector],
    ids: Sequence[str],
    distractors: Sequence[Vector],
    chosen: Mapping[tuple[int, str], int],
    metric: Metric = "cosine",
    *,
    never: Sequence[int] = (),
) -> Ranks:
    """As `reference_ranks`, with photos of others in the gallery of each g: `chosen[g, other]` is a row of `probes`."""
    ranks = {}
    for g, p in genuine_pairs(ids):
        if not found(probes[g]) or not found(probes[p]):
            ranks[g, p] = MISS
            continue
        rivals = rival_scores(probes[p], distractors, metric, never)
        rivals += [
            score(probes[row], probes[p], metric)
            for (photo, _), row in chosen.items()
            if photo == g and found(probes[row])
        ]
        rivals.sort(reverse=True)
        mate = score(probes[g], probes[p], metric)
        rank = 1
        while rank <= len(rivals) and not mate >= rivals[rank - 1]:
            rank += 1
        ranks[g, p] = rank
    return ranks


def reference_cmc(ranks: Ranks, at: Sequence[int]) -> list[float]:
    """Share of all genuine pairs that are correct at each of the ranks, which count from 1."""
    return [sum(1 for rank in ranks.values() if rank <= k) / len(ranks) for k in at]


def reference_rank1(ranks: Ranks) -> float:
    return reference_cmc(ranks, [1])[0]


# --- the tail of the ROC ---------------------------------------------------------------------------------------------


def reference_roc(
    probes: Sequence[Vector],
    ids: Sequence[str],
    distractors: Sequence[Vector],
    metric: Metric = "cosine",
    *,
    never: Sequence[int] = (),
) -> list[tuple[float, float]]:
    """(FPR, TPR) at every finite score taken as threshold, highest first: genuine pairs, probe-distractor pairs.

    Accepted is what scores at least the threshold.
    """
    genuine = [
        score(probes[g], probes[p], metric) if found(probes[g]) and found(probes[p]) else -math.inf
        for g, p in genuine_pairs(ids)
    ]
    impostor = [value for probe in probes for value in rival_scores(probe, distractors, metric, never)]
    genuine.sort()
    impostor.sort()
    thresholds = sorted({value for value in genuine + impostor if value > -math.inf}, reverse=True)
    return [
        (
            (len(impostor) - bisect_left(impostor, threshold)) / len(impostor),
            (len(genuine) - bisect_left(genuine, threshold)) / len(genuine),
        )
        for threshold in thresholds
    ]


def reference_tpr(
    curve: Sequence[tuple[float, float]], fpr: float, rule: Literal["strict", "nearest", "linear"]
) -> float:
    """TPR at a FPR.

    `strict`: the largest whose FPR does not exceed it. `nearest`: the largest at the FPR that is nearest on the curve
    (at equal distance the smaller FPR). `linear`: between the two neighbouring FPRs of the curve, linear in log10(FPR),
    each with its largest TPR; `strict` where one of the two is missing or 0, for which there is no logarithm.
    """
    best: dict[float, float] = {0.0: 0.0}
    for x, y in curve:
        best[x] = max(y, best.get(x, 0.0))
    strict = max(y for x, y in best.items() if x <= fpr)
    if rule == "strict":
        return strict
    if rule == "nearest":
        return best[min(sorted(best), key=lambda x: abs(x - fpr))]
    below, above = max(x for x in best if x <= fpr), min((x for x in best if x >= fpr), default=None)
    if above is None or below == 0 or above == below:
        return strict
    part = (math.log10(fpr) - math.log10(below)) / (math.log10(above) - math.log10(below))
    return best[below] + part * (best[above] - best[below])


# --- noise -----------------------------------------------------------------------------------------------------------


def noise_names(path: Path) -> list[str]:
    """What a list of noise names: '#' starts a comment; of two columns (by a tab) the second counts."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line.split("\t")[1] if "\t" in line else line for line in lines if line and not line.startswith("#")]


def noisy_probe_rows(paths: Sequence[str], names: Sequence[str]) -> list[int]:
    """Probes are named by file name alone."""
    return [row for row, path in enumerate(paths) if path.split("/")[-1] in set(names)]


def noisy_distractor_rows(paths: Sequence[str], names: Sequence[str]) -> list[int]:
    """Distractors are named by the last three parts of their path."""
    return [row for row, path in enumerate(paths) if "/".join(path.split("/")[-3:]) in set(names)]


def refine(
    probes: Sequence[Vector], ids: Sequence[str], noisy: Sequence[int], noise: Sequence[Vector]
) -> list[list[float]]:
    """InsightFace's refinement: a noisy probe becomes the sum of its person's clean ones plus noise, of length 1.

    `noise` has one row per probe. Clean photos without a feature count for nothing.
    """
    refined = [[float(value) for value in probe] for probe in probes]
    for row in noisy:
        total = [float(value) for value in noise[row]]
        for other, probe in enumerate(probes):
            if ids[other] == ids[row] and other not in noisy and found(probe):
                total = [a + float(b) for a, b in zip(total, probe, strict=True)]
        length = math.sqrt(math.fsum(value**2 for value in total))
        refined[row] = [value / length for value in total]
    return refined


def without(items: Sequence[Item], rows: Sequence[int]) -> list[Item]:
    """Deletion: what is left, in its order."""
    return [item for row, item in enumerate(items) if row not in rows]


# --- the official results files --------------------------------------------------------------------------------------


def read_official_cmc(path: Path) -> tuple[list[int], list[float], list[float], list[float]]:
    """(ranks from 1, rates, FPR, TPR) of a `cmc_….json`, in which ranks count from 0."""
    content = json.loads(path.read_text(encoding="utf-8"))
    (ranks, rates), (fpr, tpr) = content["cmc"], content["roc"]
    assert len(ranks) == len(rates) > 0
    assert len(fpr) == len(tpr) > 0
    assert all(type(rank) is int for rank in ranks)
    assert ranks == sorted(set(ranks))
    assert ranks[0] == 0
    return [rank + 1 for rank in ranks], rates, fpr, tpr


def read_official_matches(path: Path) -> list[dict[int, int]]:
    """Per item of a `matches_….json` the probes' numbers to their ranks from 1; in the file 0 is correct."""
    content = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(content, list)
    items = []
    for item in content:
        idx, rank = item["probes"]["idx"], item["probes"]["rank"]
        assert len(idx) == len(rank)
        items.append({number: place + 1 for number, place in zip(idx, rank, strict=True)})
    return items


# --- a devkit tree on disk -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Devkit:
    """What was written, as it reads back: features already rounded to the type of the files, NaN where no file is."""

    probe_folder: Path
    distractor_folder: Path
    probe_list: Path
    distractor_list: Path  # the prefix: `_<size>_<set>` follows
    probe_noises: Path
    distractor_noises: Path
    ending: str
    probe_paths: list[str]
    ids: list[str]
    probes: np.ndarray  # (photos, length) float64
    distractor_paths: list[str]  # of all that exist, not of one list
    distractors: np.ndarray  # (all, length) float64
    samples: dict[tuple[int, int], list[int]]  # (size, set) to the rows of its list, in its order
    noisy_probes: list[int]
    noisy_distractors: list[int]

    def distractors_of(self, size: int, number: int) -> np.ndarray:
        return self.distractors[self.samples[size, number]]

    def noisy_of(self, size: int, number: int) -> list[int]:
        """Places in one list of its noisy distractors."""
        return [place for place, row in enumerate(self.samples[size, number]) if row in self.noisy_distractors]


def feature_bytes(feature: Vector, kind: str = "float32") -> bytes:
    """One feature as OpenCV dumps an N x 1 matrix: rows, columns, bytes of a row, type, values; little-endian."""
    number, size, letter = TYPES[kind]
    return struct.pack("<4i", len(feature), 1, size, number) + struct.pack(f"<{len(feature)}{letter}", *feature)


def probe_path(person: int, face: int) -> tuple[str, str]:
    """(path, person) in the way of FaceScrub's tree as MegaFace has it: blanks in names, any extension or none."""
    name = ["Aaron Eckhart", "Mary-Kate Olsen", "Beyoncé Knowles", "Robert Di Niro", "Dr. Dre"][person % 5]
    name += "" if person < 5 else f" {person}"
    extension = [".jpg", ".png", ".jpeg", "", ".JPG", ".gif"][face % 6]
    return f"{name}/{name}_{1000 * person + 7 * face + 3}{extension}", name.replace(" ", "_")


def distractor_path(row: int) -> str:
    """A path in the way of MegaFace's tree: the first three characters of the owner, the owner, photo and face."""
    owner = f"{53415754 + 100003 * (row // 2)}@N0{row % 3}"
    return f"{owner[:3]}/{owner}/{37731000 + row}_{row % 2}.jpg"


def write_devkit(
    root: Path,
    *,
    people: int = 4,
    photos: Sequence[int] = (3, 2, 4),
    pool: int = 60,
    sizes: Sequence[int] = (10, 25),
    sets: int = 2,
    length: int = 16,
    spread: float = 0.8,
    tied: bool = False,
    kind: str = "float32",
    ending: str = ".bin",
    noisy_probes: Sequence[int] = (1, 5),
    noisy_distractors: Sequence[int] = (0, 3, 17, 18, 40),
    missing_probes: Sequence[int] = (),
    missing_distractors: Sequence[int] = (),
    seed: int = 0,
) -> Devkit:
    """Write a tiny devkit tree.

    Person i has `photos[i % len(photos)]` photos around a centre at a distance of `spread`; some distractors are near a
    person's centre too. With `tied` every value is 1 or -1 (choose a length of 4 or 16), so that cosines and squared
    distances are exact in any precision and most of them tie. Rows that are `missing` have no file. The lists of each
    size and set are samples of their own.
    """
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, length))
    counts = [photos[person % len(photos)] for person in range(people)]
    # A list that is not sorted by person, as the devkit's need not be.
    where = [(person, face) for face in range(max(counts)) for person in range(people) if face < counts[person]]
    probes = np.array([centres[person] + spread * rng.normal(size=length) for person, _ in where])
    near = rng.random(pool) < 0.3
    distractors = np.where(near[:, None], centres[rng.integers(people, size=pool)], 0) + rng.normal(size=(pool, length))
    if tied:
        probes, distractors = np.where(probes > 0, 1.0, -1.0), np.where(distractors > 0, 1.0, -1.0)
    else:
        probes /= np.linalg.norm(probes, axis=1, keepdims=True)
        distractors /= np.linalg.norm(distractors, axis=1, keepdims=True)
    probe_paths, ids = (list(part) for part in zip(*(probe_path(*place) for place in where), strict=True))
    distractor_paths = [distractor_path(row) for row in range(pool)]
    samples = {
        (size, number): [int(row) for row in rng.choice(pool, size, replace=False)]
        for number in range(1, sets + 1)
        for size in sizes
    }
    lists = root / "templatelists"
    lists.mkdir(parents=True)
    probe_list, distractor_list = lists / "facescrub_features_list.json", lists / "megaface_features_list.json"
    probe_list.write_text(json.dumps({"path": probe_paths, "id": ids}), encoding="utf-8")
    for (size, number), rows in samples.items():
        text = json.dumps({"path": [distractor_paths[row] for row in rows]})
        distractor_list.with_name(f"{distractor_list.name}_{size}_{number}").write_text(text, encoding="utf-8")
    return Devkit(
        root / "facescrub",
        root / "megaface",
        probe_list,
        distractor_list,
        _write_noises(lists / "facescrub_noises.txt", [probe_paths[row].split("/")[-1] for row in noisy_probes]),
        _write_noises(lists / "megaface_noises.txt", [distractor_paths[row] for row in noisy_distractors], columns=2),
        ending,
        probe_paths,
        ids,
        _write_features(root / "facescrub", probe_paths, probes, ending, kind, missing_probes),
        distractor_paths,
        _write_features(root / "megaface", distractor_paths, distractors, ending, kind, missing_distractors),
        samples,
        list(noisy_probes),
        list(noisy_distractors),
    )


def _write_features(
    folder: Path, paths: Sequence[str], features: np.ndarray, ending: str, kind: str, missing: Sequence[int]
) -> np.ndarray:
    written = features.astype(kind).astype(np.float64)
    for row, path in enumerate(paths):
        if row in missing:
            written[row] = np.nan
            continue
        place = folder / (path + ending)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(feature_bytes(written[row].tolist(), kind))
    return written


def _write_noises(path: Path, names: Sequence[str], columns: int = 1) -> Path:
    lines = ["# made-up noise", "#also a comment: " + (names[0] if names else "")]
    lines += [f"x\t{name}" if columns == 2 and number % 2 else name for number, name in enumerate(names)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
