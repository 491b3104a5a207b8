"""Who a rendered person is: phenotype and shape of the head, drawn from a distribution of adults."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats, Head
from kronface.synth.linear import combine

SPREAD = 0.55
"""Standard deviation of a local change, in units of its full shape."""

LIMIT = 1.1
"""Beyond it a local change turns into a caricature."""

ASYMMETRY = 0.06
"""Standard deviation of the difference between the left and the right of a pair."""

LARGEST_MOVE = 0.0052
"""Metres that a local change moves any vertex at one standard deviation, at most: some shapes are far larger."""

TELLING = (
    "eye-height",
    "mouth-upperlip-height",
    "mouth-upperlip-volume",
    "mouth-lowerlip-height",
    "mouth-lowerlip-volume",
    "nose-volume",
    "nose-width",
    "nose-point-width",
    "nose-scale-horiz",
    "cheek-bones",
    "chin-width",
    "chin-bones",
)
"""Local changes that the labelled attributes are made of: opening of the eyes, lips, nose, cheekbones, jaw."""

MORE = 1.0
"""They vary so many times as much as the others: what has a name in CelebA is what people differ in visibly."""

PRIOR_MALE = 0.42
"""CelebA's share of pictures labelled Male (first 20,000 pictures)."""


@dataclass(frozen=True)
class Identity:
    """One person's fixed parameters."""

    number: int
    seed: int
    phenotypes: dict[str, float]
    """gender (0 man, 1 woman), age (2/3 young adult, 1 old), weight, muscle, african, asian, caucasian …"""
    changes: Floats
    """(C,) values of the head's local changes, in [-LIMIT, LIMIT]."""
    age_years: float
    """20 to 80; `phenotypes["age"]` follows from it."""
    male: bool

    def generator(self, purpose: int) -> np.random.Generator:
        """Randomness of this person for one purpose (the number of a module's choice), independent of all others."""
        return np.random.default_rng([self.seed, self.number, 0, purpose])


def draw_identity(head: Head, number: int, seed: int) -> Identity:
    """Person `number` of a seed: the same whatever else is drawn."""
    rng = np.random.default_rng([seed, number, 0, 1])
    male = bool(rng.random() < PRIOR_MALE)
    gender = float(np.clip(rng.normal(0.01 if male else 0.99, 0.04), 0, 1))
    years = float(np.clip(20 + 50 * rng.beta(1.3, 2.4), 20, 80))
    ancestry = rng.dirichlet((0.24, 0.24, 0.36))
    phenotypes = {
        "gender": gender,
        "age": float(np.interp(years, (20, 32, 80), (0.62, 2 / 3, 1.0))),
        "muscle": float(np.clip(rng.normal(0.68 if male else 0.32, 0.13), 0, 1)),
        "weight": float(np.clip(rng.normal(0.48, 0.18), 0.05, 1)),
        "height": 0.5,
        "proportions": float(np.clip(rng.normal(0.6, 0.2), 0, 1)),
        "african": float(ancestry[0]),
        "asian": float(ancestry[1]),
        "caucasian": float(ancestry[2]),
    }
    return Identity(number, seed, phenotypes, _draw_changes(head, rng, phenotypes["weight"]), years, male)


def _draw_changes(head: Head, rng: np.random.Generator, weight: float) -> Floats:
    drawn, own = rng.normal(size=(2, len(head.changes)))
    first, paired = _pairs(head)
    drawn = drawn[first] + np.where(paired, own * ASYMMETRY / SPREAD, 0.0)
    values: Floats = np.clip(drawn * _spreads(head), -LIMIT, LIMIT).astype(np.float32)
    # A double chin and a full face come with weight, and not below it.
    values[head.changes.index("neck-double-incr")] = np.clip(rng.normal(3.2 * (weight - 0.62), 0.25), 0, 1)
    values[head.changes.index("head-fat-incr")] = np.clip(rng.normal(2.0 * (weight - 0.48), 0.25), -0.4, 0.9)
    return values


@cache
def _pairs(head: Head) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(C,) for each local change the first one of its pair, which is itself where it has none; and whether it has."""
    bare = [name.removeprefix("l-").removeprefix("r-") for name in head.changes]
    first = np.array([bare.index(name) for name in bare])
    return first, np.array([name != full for name, full in zip(bare, head.changes, strict=True)])


@cache
def _spreads(head: Head) -> Floats:
    """(C,) standard deviations of the local changes."""
    moves = np.linalg.norm(head.change_basis[::2].reshape(len(head.changes), -1, 3), axis=2).max(1)
    plain = np.minimum(SPREAD, LARGEST_MOVE / np.maximum(moves, 1e-6))
    telling = [name.removeprefix("l-").removeprefix("r-").startswith(TELLING) for name in head.changes]
    return np.asarray(plain * np.where(telling, MORE, 1.0), np.float32)


def neutral_positions(head: Head, identity: Identity) -> Floats:
    """(V, 3) vertices of the person at rest, in metres, the point between the eyes at the origin."""
    positions = shaped(identity, head, head.template, head.phenotype_basis, head.change_basis)
    return np.asarray(positions - positions[eye_vertices(head)].mean(0), np.float32)


def shaped(identity: Identity, head: Head, template: Floats, phenotype_basis: Floats, change_basis: Floats) -> Floats:
    """(N, 3) places of template points under the person's shape, given the columns of the bases that move them."""
    coefficients = head.phenotype_coefficients(identity.phenotypes)
    changes = np.empty(2 * len(identity.changes), np.float32)
    changes[::2] = np.maximum(identity.changes, 0)
    changes[1::2] = np.maximum(-identity.changes, 0)
    offsets = combine(coefficients, phenotype_basis) + combine(changes, change_basis)
    return (template + offsets.reshape(-1, 3)).astype(np.float32)


@cache
def eye_vertices(head: Head) -> NDArray[np.int64]:
    """Numbers of the vertices of both eyes' visible halves."""
    return np.unique(head.triangles[(head.parts == 1) | (head.parts == 2)])
