"""Rendered people before the outside judges: are faces found, and the same persons seen in them?"""

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

import _judges
from kronface.faces.detect import YuFaceDetector
from kronface.faces.image import Image, read_image

AGE_GROUPS = (35, 50)
"""Years at which one group ends and the next begins."""

LIMIT = 0.6
"""Distance below which dlib takes two faces for one person."""


@dataclass(frozen=True)
class Judged:
    """Pictures of one set before dlib's network."""

    people: NDArray[np.int64]
    """(N,) number of each picture's person."""
    male: NDArray[np.bool_]
    """(N,)."""
    groups: NDArray[np.str_]
    """(N,) sex, age group and largest ancestry."""
    descriptors: NDArray[np.float32]
    """(N, 128); NaN where no face was found."""

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) whether a face was found."""
        return np.asarray(~np.isnan(self.descriptors[:, 0]))

    def figures(self) -> dict[str, float]:
        """Every figure; a face that is not found counts as an error in each."""
        distance = self._distances()
        same = self.people[:, None] == self.people[None]
        upper = np.triu(np.ones_like(same), 1)
        alike = self.groups[:, None] == self.groups[None]
        genuine, impostor = distance[same & upper], distance[~same & upper]
        # Pairs with a missing face are infinitely far apart: wrong for one person, and no better than that for two.
        missing = ~np.isfinite(impostor)
        return {
            "detected_share_45deg": float(self.found.mean()),
            "dlib_auc": area(genuine, np.where(missing, -1, impostor)),
            "dlib_auc_same_group": area(genuine, np.nan_to_num(distance[~same & upper & alike], posinf=-1)),
            "dlib_rank1": self._rank1(distance),
            "dlib_genuine_below_0_6": float((genuine < LIMIT).mean()),
            "dlib_impostor_above_0_6": float(((impostor > LIMIT) & ~missing).mean()),
            "dlib_genuine_distance": float(genuine[np.isfinite(genuine)].mean()),
            "dlib_impostor_distance": float(impostor[~missing].mean()),
            "male_probe_accuracy": self._male_probe(),
        }

    def _distances(self) -> NDArray[np.float64]:
        vectors = np.nan_to_num(self.descriptors.astype(np.float64))
        squares = (vectors**2).sum(1)
        distance = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * vectors @ vectors.T, 0))
        distance[~self.found] = np.inf
        distance[:, ~self.found] = np.inf
        return np.asarray(distance)

    def _rank1(self, distance: NDArray[np.float64]) -> float:
        """One gallery image each, all others searched; the mean over every picture's place as the gallery image."""
        rows = [np.flatnonzero(self.people == person) for person in np.unique(self.people)]
        right = total = 0
        for place in range(max(map(len, rows))):
            gallery = np.array([own[place % len(own)] for own in rows])
            probes = np.setdiff1d(np.arange(len(self.people)), gallery)
            nearest = distance[np.ix_(probes, gallery)]
            hit = self.people[gallery[nearest.argmin(1)]] == self.people[probes]
            right += int((hit & np.isfinite(nearest.min(1))).sum())
            total += len(probes)
        return right / total

    def _male_probe(self) -> float:
        """A linear probe trained on half of the people, balanced accuracy on the others."""
        people = np.unique(self.people)
        trained = np.isin(self.people, people[::2])
        probe = LogisticRegression(max_iter=2000, class_weight="balanced")
        use = trained & self.found
        probe.fit(self.descriptors[use], self.male[use])
        guess = probe.predict(np.nan_to_num(self.descriptors[~trained]))
        guess = np.where(self.found[~trained], guess, ~self.male[~trained])
        return float(balanced_accuracy_score(self.male[~trained], guess))


def area(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> float:
    """Chance that two pictures of a person are nearer to each other than two of two people; ties count half."""
    ranks = rankdata(np.concatenate([genuine, impostor]))[: len(genuine)]
    lost = ranks.sum() - len(genuine) * (len(genuine) + 1) / 2
    return float(1 - lost / (len(genuine) * len(impostor)))


def judge(root: Path, *, largest_yaw_rad: float = 0.7854, workers: int = 2) -> Judged:
    """Detects and embeds every picture of a set that `kronface synth write` wrote, up to a turn of the head."""
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes to come: the detector's threads would get in their way
    table = pl.read_csv(root / "truth.csv").filter(pl.col("yaw_rad").abs() <= largest_yaw_rad)
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start) as pool:
        chips = list(pool.map(_chip, [root / path for path in table["path"]], chunksize=32))
    found = [row for row, chip in enumerate(chips) if chip is not None]
    descriptors = np.full((len(chips), 128), np.nan, np.float32)
    descriptors[found] = _judges.embed([chips[row] for row in found])  # type: ignore[misc]
    age = np.digitize(table["age_years"].to_numpy(), AGE_GROUPS)
    ancestry = table.select("african", "asian", "caucasian").to_numpy().argmax(1)
    groups = [f"{sex} {a} {b}" for sex, a, b in zip(table["sex"], age, ancestry, strict=True)]
    male = (table["sex"] == "male").to_numpy()
    return Judged(table["identity"].to_numpy(), male, np.array(groups), descriptors)


def _start() -> None:
    cv2.setNumThreads(1)


def _chip(path: Path) -> Image | None:
    """The largest face of a picture, as dlib crops it; None where the detector finds none."""
    image = read_image(path)
    faces = YuFaceDetector().detect(image)
    return _judges.chip(image, faces[0]) if faces else None
