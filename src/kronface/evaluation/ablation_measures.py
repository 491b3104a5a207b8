"""What one network of an ablation is worth, counted per person, so that arms can be compared person by person."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.evaluation.attribute_thresholds import choose_thresholds
from kronface.evaluation.attributes import count_right
from kronface.evaluation.identification import closed_set
from kronface.evaluation.pairs import compare_pairs, count_impostors
from kronface.evaluation.rates import is_supported
from kronface.evaluation.templates import number_people

DRAWS = 10
"""Seeded choices of the enrolled images, the same for all arms."""

CRITERIA = ("accuracy", "balanced_accuracy")


def count_identities(embeddings: ArrayLike, identities: NDArray[np.str_], *, far: float) -> dict[str, Any]:
    """Searches and pairs of each person, as a run's file holds them.

    Args:
        embeddings: (N, D).
        identities: (N,) person of each image.
        far: at which the threshold of the pairs is set, over all impostor pairs of these people.

    Returns:
        By figure, lists over the P people, sorted by name: `rank1` with `right` and `all` searches, one image of each
        person enrolled, over `DRAWS` choices; `tar` with `right` (accepted) and `all` genuine pairs, `far` and
        `threshold`, or None where the impostor pairs cannot support the FAR.
    """
    names, person = number_people(identities, len(identities))
    found = closed_set(embeddings, identities, draws=DRAWS, resamples=1)
    place = np.searchsorted(names, found.identities)
    right, searches = np.zeros(len(names)), np.zeros(len(names))
    right[place], searches[place] = found.hits, found.probes_of
    content: dict[str, Any] = {"rank1": {"right": _whole(right), "all": _whole(searches)}, "tar": None}
    if is_supported(far, count_impostors(identities)):
        pairs = compare_pairs(embeddings, identities, fmr=far)
        owner = person[pairs.genuine[0]]
        content["tar"] = {
            "far": far,
            "threshold": pairs.threshold,
            "right": np.bincount(owner[~pairs.missed], minlength=len(names)).tolist(),
            "all": np.bincount(owner, minlength=len(names)).tolist(),
        }
    return content


def count_attributes(
    probabilities: ArrayLike,
    labels: ArrayLike,
    identities: NDArray[np.str_],
    names: Sequence[str],
    *,
    validation: tuple[ArrayLike, ArrayLike],
) -> dict[str, Any]:
    """Right answers of each person, as a run's file holds them.

    Accuracy is that of thresholds which were chosen for accuracy on validation images, balanced accuracy that of
    thresholds which were chosen for balanced accuracy.

    Args:
        probabilities: (N, T).
        labels: (N, T) of 1, 0 and NaN.
        identities: (N,) person of each image.
        names: (T,) of the attributes.
        validation: probabilities and labels of other people's images.

    Returns:
        By attribute: `all`, (P, 2) labels of each person, sorted by name: positive ones and negative ones; and for
        either of `CRITERIA` the `threshold`, and `right` (P, 2), how many of them were answered right.
    """
    people, person = number_people(identities, len(identities))
    chance, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    content: dict[str, Any] = {name: {} for name in names}
    for criterion in CRITERIA:
        limits = choose_thresholds(*validation, criterion=criterion)  # type: ignore[arg-type]
        right, labelled = count_right(chance, truth, limits, person, len(people))
        for column, name in enumerate(names):
            content[name]["all"] = _whole(labelled[:, column])
            content[name][criterion] = {"threshold": float(limits[column]), "right": _whole(right[:, column])}
    return content


def _whole(counts: NDArray[np.float64]) -> Any:  # noqa: ANN401 - nested lists of int
    return np.rint(counts).astype(np.int64).tolist()
