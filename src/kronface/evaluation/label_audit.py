"""Do labels stay the same over a person's images? What an attribute can say of identity, and how noisy labels are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError
from kronface.evaluation.bootstrap import interval, ratio_of, resample_counts
from kronface.evaluation.templates import number_people


@dataclass(frozen=True)
class LabelAudit:
    """One attribute's labels; low and high are ends of 95 % intervals over people, None as the figure itself."""

    prevalence: float
    """p, the share of positives among the labelled images."""
    agreement: float | None
    """Share of all pairs of one person's images whose labels agree; None where nobody has two labelled images."""
    agreement_low: float | None
    agreement_high: float | None
    chance: float
    """p² + (1 - p)²: what two images drawn at random from everybody's would agree in."""
    kappa: float | None
    """(agreement - chance) / (1 - chance): 1 where labels never change over a person's images, 0 where the person says
    nothing about them; None also where one label alone occurs."""
    kappa_low: float | None
    kappa_high: float | None
    pairs: int
    """Of two images of one person, each counted once."""
    people: int
    """With a label."""
    mixed_people: int
    """Labelled yes in some images and no in others."""
    images: int
    """With a label."""
    minority_images: int
    """Labelled other than most of their person's; half of them where a person has as many of either. Whoever predicts
    one answer per person is wrong about at least so many."""


def audit_labels(
    labels: ArrayLike,
    identities: Sequence[str] | NDArray[np.str_],
    names: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, LabelAudit]:
    """Compares the labels of each person's images with one another; attributes without any label are left out.

    Of a person with n labelled images, k of them positive, k(k - 1)/2 + (n - k)(n - k - 1)/2 of n(n - 1)/2 pairs agree.
    Pairs of all people count alike, so people with many images weigh more. κ is corrected for chance as Scott's π of
    1955 is: both images of a pair share one p, that of all images. In a resample of people, p is the resample's.

    Args:
        labels: (N, T) of 1 and 0; NaN marks a missing label, which is left out.
        identities: (N,) person of each image.
        names: (T,) of the attributes.
        resamples: of the bootstrap over people.
        seed: of the bootstrap.

    Raises:
        DataError: arrays that do not fit together.
    """
    truth = np.asarray(labels, np.float64)
    if truth.ndim != 2 or truth.shape[1] != len(names):
        raise DataError(f"labels of shape {truth.shape} do not fit {len(names)} names")
    people, person = number_people(identities, len(truth))
    if len(people) == 0:
        return {}
    yes, labelled = _per_person(truth, person, len(people))
    no = labelled - yes
    agreeing, pairs = (yes * (yes - 1) + no * (no - 1)) / 2, labelled * (labelled - 1) / 2
    ones = np.ones((1, len(people)))
    agreement, chance, kappa = (part[0] for part in _kappa(ones, yes, labelled, agreeing, pairs))
    counts = resample_counts(len(people), resamples=resamples, seed=seed)
    drawn, _, drawn_kappa = _kappa(counts, yes, labelled, agreeing, pairs)
    ends, kappa_ends = interval(drawn), interval(drawn_kappa)
    return {
        name: LabelAudit(
            prevalence=float(yes[:, column].sum() / labelled[:, column].sum()),
            agreement=_number(agreement[column]),
            agreement_low=_number(ends[0][column]),
            agreement_high=_number(ends[1][column]),
            chance=float(chance[column]),
            kappa=_number(kappa[column]),
            kappa_low=_number(kappa_ends[0][column]),
            kappa_high=_number(kappa_ends[1][column]),
            pairs=int(pairs[:, column].sum()),
            people=int((labelled[:, column] > 0).sum()),
            mixed_people=int(((yes[:, column] > 0) & (no[:, column] > 0)).sum()),
            images=int(labelled[:, column].sum()),
            minority_images=int(np.minimum(yes[:, column], no[:, column]).sum()),
        )
        for column, name in enumerate(names)
        if labelled[:, column].any()
    }


def voted_labels(labels: ArrayLike, identities: Sequence[str] | NDArray[np.str_]) -> NDArray[np.float64]:
    """(N, T) for each image the label that most of its person's labelled images have.

    A tie is a yes, as in `AttributeScore.positives`. An image without a label gets its person's; where none of a
    person's images is labelled, NaN stays.

    Args:
        labels: (N, T) of 1 and 0; NaN marks a missing label, which has no vote.
        identities: (N,) person of each image.

    Raises:
        DataError: arrays that do not fit together.
    """
    truth = np.asarray(labels, np.float64)
    if truth.ndim != 2:
        raise DataError(f"labels of shape {truth.shape} are no table: bring one row per image")
    people, person = number_people(identities, len(truth))
    yes, labelled = _per_person(truth, person, len(people))
    return np.where(labelled > 0, yes * 2 >= labelled, np.nan)[person]


def _per_person(
    truth: NDArray[np.float64], person: NDArray[np.int64], people: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(people, T) positive images, and labelled ones."""
    yes, labelled = np.zeros((people, truth.shape[1])), np.zeros((people, truth.shape[1]))
    np.add.at(yes, person, truth > 0.5)
    np.add.at(labelled, person, ~np.isnan(truth))
    return yes, labelled


def _kappa(
    counts: NDArray[np.float64],
    yes: NDArray[np.float64],
    labelled: NDArray[np.float64],
    agreeing: NDArray[np.float64],
    pairs: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(R, T) agreement, chance agreement and κ where people are drawn `counts` (R, people) times; NaN without pairs."""
    p = ratio_of(counts, yes, labelled)
    agreement, chance = ratio_of(counts, agreeing, pairs), p * p + (1 - p) * (1 - p)
    varied = (p > 0) & (p < 1)
    kappa = (agreement - chance) / np.where(varied, 1 - chance, 1)
    return agreement, chance, np.where(varied, kappa, np.nan)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
