"""Right answers and labels of each person, by attribute: what two results need to be compared in pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError
from kronface.evaluation.attributes import count_right
from kronface.evaluation.packed import pack, unpack_counts
from kronface.evaluation.templates import number_people

LABELS = ("positives", "negatives")
RIGHT = ("right_positives", "right_negatives")
CHOSEN = ("chosen_right_positives", "chosen_right_negatives")
"""Keys of an attribute's table; those of `CHOSEN` may be left out."""

SHAPE: dict[str, Any] = {"identities": [str], "attributes": {...: dict.fromkeys((*LABELS, *RIGHT), str)}}
"""Of what a results file holds under `attribute_counts`; each string is `packed.pack` of a number per identity."""


@dataclass(frozen=True)
class AttributeCounts:
    """Of P people and T attributes; the last axis: positive images, negative ones."""

    identities: tuple[str, ...]
    """(P,)"""
    names: tuple[str, ...]
    """(T,)"""
    labels: NDArray[np.int64]
    """(P, T, 2) images with a label."""
    right: NDArray[np.int64]
    """(P, T, 2) of them, those with a right answer at 0.5."""
    chosen: NDArray[np.int64] | None
    """(P, T, 2) and at thresholds that were chosen on validation images; None where none were."""


def count_by_person(
    probabilities: ArrayLike,
    labels: ArrayLike,
    identities: Sequence[str] | NDArray[np.str_],
    names: Sequence[str],
    *,
    chosen: ArrayLike | None = None,
) -> AttributeCounts:
    """Counts what `attributes.score` scores; attributes without any label are left out.

    Args:
        probabilities: (N, T) in [0, 1]; NaN (no face was found) is a wrong answer.
        labels: (N, T) of 1 and 0; NaN marks a missing label.
        identities: (N,) person of each image.
        names: (T,) of the attributes.
        chosen: (T,) thresholds besides 0.5.

    Raises:
        DataError: arrays that do not fit together.
    """
    chance, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.float64)
    if truth.ndim != 2 or chance.shape != truth.shape or truth.shape[1] != len(names):
        raise DataError(f"probabilities of {chance.shape} do not fit labels of {truth.shape} of {len(names)} names")
    people, person = number_people(identities, len(truth))
    kept = np.flatnonzero((~np.isnan(truth)).any(0))

    def counted(limits: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        every = np.broadcast_to(np.asarray(limits, np.float64), len(names))[kept]
        right, total = count_right(chance[:, kept], truth[:, kept], every, person, len(people))
        return right.astype(np.int64), total.astype(np.int64)

    right, total = counted(0.5)
    return AttributeCounts(
        tuple(people.tolist()),
        tuple(names[int(column)] for column in kept),
        total,
        right,
        None if chosen is None else counted(chosen)[0],
    )


def to_table(counts: AttributeCounts) -> dict[str, Any]:
    """What a results file holds under `attribute_counts`."""
    parts = [(LABELS, counts.labels), (RIGHT, counts.right)]
    parts += [] if counts.chosen is None else [(CHOSEN, counts.chosen)]
    return {
        "identities": list(counts.identities),
        "attributes": {
            name: {key: pack(values[:, column, side]) for keys, values in parts for side, key in enumerate(keys)}
            for column, name in enumerate(counts.names)
        },
    }


def from_table(table: Mapping[str, Any]) -> AttributeCounts:
    """The counts of a table of the form `SHAPE`.

    Raises:
        DataError: a string holds other than a number per identity, or more right answers than labels.
    """
    people, attributes = len(table["identities"]), table["attributes"]
    has_chosen = bool(attributes) and all(set(CHOSEN) <= set(entry) for entry in attributes.values())

    def read(keys: tuple[str, str]) -> NDArray[np.int64]:
        values = np.zeros((people, len(attributes), 2), np.int64)
        for column, (name, entry) in enumerate(attributes.items()):
            for side, key in enumerate(keys):
                where = f"attribute_counts.attributes.{name}.{key}"
                if not isinstance(entry[key], str):
                    raise DataError(f"has a wrong value at '{where}'")
                try:
                    numbers = unpack_counts(entry[key])
                except DataError as error:
                    raise DataError(f"at '{where}' {error}") from error
                if len(numbers) != people:
                    raise DataError(f"has {len(numbers)} numbers of {people} people at '{where}'")
                values[:, column, side] = numbers
        return values

    counts = AttributeCounts(
        tuple(table["identities"]), tuple(attributes), read(LABELS), read(RIGHT), read(CHOSEN) if has_chosen else None
    )
    if any(part is not None and (part > counts.labels).any() for part in (counts.right, counts.chosen)):
        raise DataError("has more right answers than labels in 'attribute_counts'")
    return counts
