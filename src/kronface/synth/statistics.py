"""How often each attribute is found among rendered people, and what it is found together with; nothing is rendered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from kronface.data.attributes import CELEBA, PREDICTED
from kronface.errors import ConfigError
from kronface.files import Progress, no_progress
from kronface.synth.attributes import known_attributes
from kronface.synth.head import Head, load_head
from kronface.synth.identity import draw_identity
from kronface.synth.labels import BASE_RATES, CHUNK, attributes_many
from kronface.synth.person import Person, person_of
from kronface.synth.scene import draw_scene
from kronface.synth.settings import Rendering

CELEBA_RATES: Mapping[str, float] = dict(BASE_RATES) | {"Male": 0.4215}
"""Shares of positive labels in CelebA's first 20,000 pictures, where they are known; all other rates were chosen."""

TRAITS = ("male", "age", "african", "asian", "caucasian", "skin tone")
"""What attributes are compared with: sex, years, shares of ancestry, and 0 for the lightest skin to 1."""

CONFIDENCE = 0.99


@dataclass(frozen=True)
class Table:
    """One drawn picture of each of N people."""

    attributes: Mapping[str, NDArray[np.int8]]
    """(N,) 1 or 0 of every attribute that is labelled, in CelebA's order."""
    traits: Mapping[str, NDArray[np.float64]]
    """(N,) of each of `TRAITS`."""


def draw_people(head: Head, numbers: Sequence[int], seed: int, rendering: Rendering) -> Iterator[Person]:
    """People of a seed, as `make_person` makes them one by one; measured many at once."""
    for first in range(0, len(numbers), CHUNK):
        identities = [draw_identity(head, number, seed) for number in numbers[first : first + CHUNK]]
        measured = attributes_many(head, identities)
        for row, identity in enumerate(identities):
            labels = {name: int(values[row]) for name, values in measured.items()}
            yield person_of(head, identity, labels, rendering)


def draw_table(
    identities: int,
    seed: int,
    *,
    first: int = 0,
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
    progress: Progress = no_progress,
) -> Table:
    """Draws people and one scene of each.

    Args:
        identities: how many people; their numbers begin at `first`.
        seed: of the set of people.
        first: number of the first.
        rendering: how their pictures would be drawn.
        progress: called as people are drawn.

    Raises:
        ConfigError: fewer than one person.
    """
    if identities < 1:
        raise ConfigError(f"identities is {identities}: it must be at least 1")
    head = load_head()
    names = [name for name in CELEBA if name in _labels_of(head, next(draw_people(head, [first], seed, rendering)))]
    attributes = np.empty((identities, len(names)), np.int8)
    traits = np.empty((identities, len(TRAITS)))
    for row, person in enumerate(draw_people(head, range(first, first + identities), seed, rendering)):
        labels = _labels_of(head, person)
        attributes[row] = [labels[name] for name in names]
        identity, tone = person.identity, person.appearance.tone
        ancestry = [identity.phenotypes[name] for name in TRAITS[2:5]]
        traits[row] = (identity.male, identity.age_years, *ancestry, tone)
        if row % CHUNK == 0:
            progress("drawing people", row, identities)
    progress("drawing people", identities, identities)
    return Table(dict(zip(names, attributes.T, strict=True)), dict(zip(TRAITS, traits.T, strict=True)))


def _labels_of(head: Head, person: Person) -> dict[str, int]:
    """Labels of the person's first picture, without noise."""
    identity = person.identity
    scene = draw_scene(head, identity.seed, identity.number, 0, person.rendering)
    return known_attributes(person, scene, person.styling(0))


def interval(count: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact two-sided interval of a binomial share (Clopper and Pearson, 1934).

    Args:
        count: positives.
        total: of so many, at least 1.
        confidence: probability that the interval holds the true share, at least.
    """
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, count, total - count + 1)) if count > 0 else 0.0
    high = float(beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
    return low, high


def correlations(rows: Sequence[NDArray[np.generic]], columns: Sequence[NDArray[np.generic]]) -> NDArray[np.float64]:
    """Pearson's correlation of each row's variable with each column's; of two labels it is their φ.

    Args:
        rows: A variables, (N,) each.
        columns: B variables, (N,) each.

    Returns:
        (A, B) in [-1, 1]; NaN where a variable is constant.
    """
    left, right = _standardised(rows), _standardised(columns)
    return np.asarray(left @ right.T / left.shape[1], np.float64)


def _standardised(variables: Sequence[NDArray[np.generic]]) -> NDArray[np.float64]:
    stacked = np.stack(variables).astype(np.float64)
    centred = stacked - stacked.mean(1, keepdims=True)
    spread = centred.std(1, keepdims=True)
    return np.asarray(centred / np.where(spread > 0, spread, np.nan), np.float64)


def describe(table: Table) -> dict[str, Any]:
    """Base rates with their intervals, and correlations, as plain values that JSON holds.

    Returns:
        `rates`: for each attribute how often it was drawn, the 99 % interval of its rate, and CelebA's rate or None;
        `phi`: names of the identity attributes and their correlation matrix; `traits`: all attributes' correlations
        with `TRAITS`. Correlations of what is constant are None.
    """
    rates: dict[str, dict[str, float | None]] = {}
    for name, values in table.attributes.items():
        count, total = int(values.sum()), len(values)
        low, high = (round(end, 5) for end in interval(count, total))
        rates[name] = {"rate": round(count / total, 5), "low": low, "high": high, "celeba": CELEBA_RATES.get(name)}
    fixed = [name for name in PREDICTED if name in table.attributes]
    labels, traits = [table.attributes[name] for name in fixed], [table.traits[name] for name in TRAITS]
    everything = correlations(list(table.attributes.values()), traits)
    return {
        "rates": rates,
        "phi": {"rows": fixed, "columns": fixed, "matrix": _plain(correlations(labels, labels))},
        "traits": {"rows": list(table.attributes), "columns": list(TRAITS), "matrix": _plain(everything)},
    }


def _plain(matrix: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(value) else round(float(value), 3) for value in row] for row in matrix]


def as_text(found: Mapping[str, Any]) -> str:
    """What `describe` found, as tables for a terminal."""
    lines = [f"{'attribute':<20}{'drawn':>8}{'99 % interval':>18}{'CelebA':>9}"]
    for name, row in found["rates"].items():
        span = f"{row['low']:.4f}-{row['high']:.4f}"
        celeba = "chosen" if row["celeba"] is None else f"{row['celeba']:.4f}"
        lines.append(f"{name:<20}{row['rate']:>8.4f}{span:>18}{celeba:>9}")
    lines += ["", "Correlation of the identity attributes (phi)", "", *_matrix_text(found["phi"])]
    return "\n".join(
        [*lines, "", "Correlation with sex, age, ancestry and skin tone", "", *_matrix_text(found["traits"])]
    )


def _matrix_text(part: Mapping[str, Any]) -> list[str]:
    width = max(len(name) for name in part["columns"]) + 2 if len(part["columns"]) < 8 else 8
    lines = [" " * 20 + "".join(f"{name[: width - 1]:>{width}}" for name in part["columns"])]
    for name, row in zip(part["rows"], part["matrix"], strict=True):
        cells = ("-" if value is None else f"{value:.2f}" for value in row)
        lines.append(f"{name:<20}" + "".join(f"{cell:>{width}}" for cell in cells))
    return lines
