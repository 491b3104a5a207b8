"""From parameters and neutral geometry to attributes: exact, constant per person, at CelebA's base rates.

`python -m kronface.synth.labels` draws 200,000 identities and prints the thresholds that stand below.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import ANCHORS, Floats, Head, load_head
from kronface.synth.identity import Identity, draw_identity
from kronface.synth.landmarks import COUNT, landmark_places
from kronface.synth.places import Places, join, vertex_places

BASE_RATES: Mapping[str, float] = MappingProxyType(
    {
        "Narrow_Eyes": 0.1158,
        "Big_Nose": 0.2374,
        "Pointy_Nose": 0.2762,
        "Chubby": 0.0571,
        "Double_Chin": 0.0464,
        "High_Cheekbones": 0.4500,
        "Bald": 0.0232,
        "Big_Lips": 0.2386,
        "Oval_Face": 0.2788,
        "Young": 0.780,
    }
)
"""Shares of positive labels in CelebA's first 20,000 pictures; Male's is the prior of `identity.draw_identity`."""

THRESHOLDS: Mapping[str, float] = MappingProxyType(
    {
        "Narrow_Eyes": -0.26885,
        "Big_Nose": 0.93477,
        "Pointy_Nose": -0.11289,
        "Chubby": 3.43427,
        "Double_Chin": 0.83001,
        "High_Cheekbones": 0.15665,
        "Bald": 0.93248,
        "Big_Lips": 0.19424,
        "Oval_Face": -0.22115,
        "Young": -46.74628,
    }
)
"""A measurement above its threshold makes the attribute positive."""

TEMPLATE_POINTS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "lid_upper": (0.031, -0.1415, 0.7345),
        "lid_lower": (0.031, -0.1405, 0.7232),
        "eye_inner": (0.0165, -0.1345, 0.7265),
        "eye_outer": (0.0455, -0.128, 0.7295),
        "nose_tip": (0.0, -0.16807, 0.6909),
        "nose_root": (0.0, -0.1475, 0.732),
        "nose_base": (0.0, -0.152, 0.6795),
        "nose_wing": (0.0175, -0.1455, 0.6868),
        "tip_side": (0.0085, -0.1625, 0.6905),
        "mouth_corner": (0.0248, -0.1356, 0.6647),
        "lip_top": (0.0, -0.1575, 0.6712),
        "lip_bottom": (0.0, -0.1515, 0.6505),
        "cheekbone": (0.058, -0.1105, 0.7035),
        "cheek_hollow": (0.052, -0.1085, 0.668),
        "jaw": (0.051, -0.077, 0.637),
        "chin": (0.0, -0.146, 0.6225),
        "under_chin": (0.0, -0.112, 0.612),
        "forehead": (0.0, -0.1405, 0.790),
        "temple": (0.068, -0.083, 0.752),
    }
)
"""Places on the template, at x >= 0, whose nearest skin vertices are measured (metres)."""

NAMES = tuple(TEMPLATE_POINTS)

Measured = dict[str, NDArray[np.float64]]
"""Numbers by attribute, of several people."""

CHUNK = 200
"""People measured at once: what they need stays in the processor's cache."""

OVAL = (1.45, 0.75)
"""Height of an oval face from the chin to the forehead, and width of its jaw, both over its width."""


def measure(head: Head, identity: Identity) -> dict[str, float]:
    """The number behind each attribute of one person: see `measure_many`, with which it agrees to the last bit."""
    return {name: float(values[0]) for name, values in measure_many(head, [identity]).items()}


def measure_many(head: Head, identities: Sequence[Identity]) -> Measured:
    """The numbers behind the attributes, from parameters and the neutral geometry.

    Args:
        head: the template.
        identities: N people.

    Returns:
        (N,) of each attribute in `BASE_RATES`; the larger, the more it applies.
    """
    starts = range(0, len(identities), CHUNK)
    parts = [measure_shape(rest_points(head, identities[first : first + CHUNK])) for first in starts]
    shape = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return add(shape, measure_parameters(head, identities))


def add(shape: Measured, parameters: Measured) -> Measured:
    """What the geometry and the parameters tell, together: summed where both tell of an attribute."""
    return {
        name: shape[name] + parameters[name] if name in shape and name in parameters else (shape | parameters)[name]
        for name in BASE_RATES
    }


def measure_parameters(head: Head, identities: Sequence[Identity]) -> Measured:
    """What follows from the parameters of N people without their geometry: (N,) of each such attribute."""
    double_chin, fat = (head.changes.index(f"{name}-incr") for name in ("neck-double", "head-fat"))
    changes = np.array([identity.changes[[double_chin, fat]] for identity in identities], np.float64)
    weight = np.array([identity.phenotypes["weight"] for identity in identities])
    years = np.array([identity.age_years for identity in identities])
    male = np.array([identity.male for identity in identities])
    fate = np.array([identity.generator(3).normal(0, 0.35) for identity in identities])
    return {
        "Chubby": 0.6 * (weight + 0.45 * changes[:, 1]),
        "Double_Chin": changes[:, 0] + 0.3 * weight,
        "Bald": (years - 20) / 60 + fate - np.where(male, 0, 9),
        "Young": -years,
    }


def measure_shape(points: NDArray[np.floating]) -> Measured:
    """What a viewer at -y sees of faces in any pose: extents across and upwards, and the depth that shading tells of.

    Lengths are in units of the face's size, so that a large head is not a big nose.

    Args:
        points: (N, P, 3) places of `measured_places`; a perspective is already in x and z.

    Returns:
        (N,) of each attribute that geometry decides.
    """
    seen = _Seen(np.asarray(points, np.float64))
    size = np.sqrt(seen.distance(2, 14) * seen.distance(27, 8))
    width = seen.extent(range(17), "cheekbone", "nose_tip")
    nose = seen.extent((30, 31, 35), "nose_wing", "nose_tip")
    projection = seen.forward("nose_tip", "nose_base") + 0.5 * seen.forward("nose_tip", "nose_wing")
    outside = 2 * seen.height(51, 57) + seen.height(50, 58) + seen.height(52, 56)
    between = 2 * seen.height(62, 66) + seen.height(61, 67) + seen.height(63, 65)
    lips = (outside - between) / 4  # an open mouth is no lip
    hollow = seen.forward("cheekbone", "cheek_hollow")
    hollow = hollow + 0.5 * (seen.extent((), "cheekbone") - seen.extent((), "cheek_hollow"))
    slender = seen.height("forehead", 8) / width
    taper = (seen.extent((4, 12)) + seen.extent((5, 11))) / (2 * width)
    lower = (seen.extent(range(4, 13)) + seen.extent(range(5, 12))) / 2
    return {
        "Narrow_Eyes": -(seen.opening(range(36, 42)) + seen.opening(range(42, 48))) / 2,
        "Big_Nose": (1.5 * nose + 0.6 * seen.height(27, 33) + 0.6 * projection) / size,
        "Pointy_Nose": (projection - 2.5 * seen.extent((), "tip_side")) / size,
        "High_Cheekbones": hollow / size,
        "Big_Lips": (lips + 0.3 * seen.forward("lip_top", "nose_base")) / size,
        "Chubby": 2.5 * lower / seen.distance(27, 8),
        "Oval_Face": -np.abs(slender - OVAL[0]) - 1.5 * np.abs(taper - OVAL[1]),
    }


@dataclass(frozen=True)
class _Seen:
    """Distances between measured points: landmarks by their number, pairs by their name in `TEMPLATE_POINTS`."""

    places: NDArray[np.float64]
    """(N, P, 3)."""

    def _at(self, point: int | str) -> NDArray[np.float64]:
        """(N, 3) a landmark, or the middle of a pair."""
        if isinstance(point, int):
            return self.places[:, point]
        first = COUNT + 2 * NAMES.index(point)
        return (self.places[:, first] + self.places[:, first + 1]) / 2

    def extent(self, landmarks: Iterable[int], *pairs: str) -> NDArray[np.float64]:
        """(N,) across, of all these points."""
        firsts = [COUNT + 2 * NAMES.index(name) for name in pairs]
        numbers = [*landmarks, *firsts, *(first + 1 for first in firsts)]
        out: NDArray[np.float64] = np.ptp(self.places[:, numbers, 0], axis=1)
        return out

    def height(self, upper: int | str, lower: int | str) -> NDArray[np.float64]:
        """(N,) how far one lies above the other."""
        return self._at(upper)[:, 2] - self._at(lower)[:, 2]

    def forward(self, front: int | str, back: int | str) -> NDArray[np.float64]:
        """(N,) how far one lies in front of the other."""
        return self._at(back)[:, 1] - self._at(front)[:, 1]

    def distance(self, one: int, other: int) -> NDArray[np.float64]:
        """(N,) in space: no turn changes it."""
        out: NDArray[np.float64] = np.linalg.norm(self.places[:, one] - self.places[:, other], axis=1)
        return out

    def opening(self, eye: Sequence[int]) -> NDArray[np.float64]:
        """(N,) height of an eye's opening in units of its width, which is measured in space."""
        corner, upper, upper_2, other, lower_2, lower = eye
        return (self.height(upper, lower) + self.height(upper_2, lower_2)) / (2 * self.distance(corner, other))


def attributes(head: Head, identity: Identity) -> dict[str, int]:
    """The eleven identity attributes of one person: 1 or 0."""
    return {name: int(values[0]) for name, values in attributes_many(head, [identity]).items()}


def attributes_many(head: Head, identities: Sequence[Identity]) -> dict[str, NDArray[np.int8]]:
    """The eleven identity attributes of N people: (N,) 1 or 0 of each."""
    measured = measure_many(head, identities)
    male = np.array([identity.male for identity in identities], np.int8)
    return {"Male": male} | {name: (measured[name] > THRESHOLDS[name]).astype(np.int8) for name in THRESHOLDS}


@cache
def point_vertices(head: Head) -> dict[str, NDArray[np.int64]]:
    """For each of `TEMPLATE_POINTS` the skin vertices nearest to it at +x and at -x."""
    skin = np.unique(head.triangles[head.parts == 0])
    places = head.template[skin]
    numbers = {}
    for name, place in TEMPLATE_POINTS.items():
        pair = [np.linalg.norm(places - np.array(place) * (side, 1, 1), axis=1).argmin() for side in (1, -1)]
        numbers[name] = skin[np.array(pair)]
    return numbers


@cache
def measured_places(head: Head) -> Places:
    """The 68 landmarks, then a pair of vertices, +x and -x, for each of `TEMPLATE_POINTS`."""
    return join(landmark_places(head), vertex_places(np.concatenate(list(point_vertices(head).values()))))


def rest_points(head: Head, identities: Sequence[Identity]) -> NDArray[np.float64]:
    """(N, P, 3) the points of `measured_places` on people at rest, in the template's coordinates."""
    template, phenotypes, changes = _measured_bases(head)
    values = np.stack([identity.changes for identity in identities]).astype(np.float64)
    split = np.empty((len(values), 2 * values.shape[1]))
    split[:, ::2], split[:, 1::2] = np.maximum(values, 0), np.maximum(-values, 0)
    places = np.tile(template, (len(identities), 1))
    # One product after another: sums in one order, whatever the number of people or of BLAS's threads.
    for coefficients, basis in ((_phenotype_products(head, identities), phenotypes), (split, changes)):
        for k in np.flatnonzero(coefficients.any(0)):
            places += coefficients[:, k, None] * basis[k]
    return places.reshape(len(identities), -1, 3)


def _phenotype_products(head: Head, identities: Sequence[Identity]) -> NDArray[np.float64]:
    """(N, K) products of the variations' weights: `Head.phenotype_coefficients` before its projection."""
    values = [identity.phenotypes for identity in identities]
    ancestries = np.array([[row.get(name, 1 / 3) for name in ("african", "asian", "caucasian")] for row in values])
    weights = [ancestries / ancestries.sum(1, keepdims=True)]
    for name, anchors in ANCHORS.items():
        points = np.arange(len(anchors))
        position = np.interp([row.get(name, 0.5) for row in values], anchors, points)
        weights.append(np.clip(1 - np.abs(points - position[:, None]), 0, 1))
    products = np.ones((len(values), len(head.phenotype_mask)))
    for column, spread in enumerate(np.concatenate(weights, 1).T):
        products[:, head.phenotype_mask[:, column]] *= spread[:, None]
    return products


@cache
def _measured_bases(head: Head) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(P·3,) template, (K, P·3) what each product of phenotypes moves, (2C, P·3) what each local change moves."""
    places = measured_places(head)
    columns = places.vertices[:, :, None] * 3 + np.arange(3)  # (P, 3 vertices, 3 axes)

    def measured(basis: Floats) -> NDArray[np.float64]:
        moved: NDArray[np.float64] = np.einsum("npkd,pk->npd", basis[:, columns].astype(np.float64), places.weights)
        return moved.reshape(len(basis), -1)

    phenotypes = np.einsum("kp,pm->km", head.phenotype_projection.astype(np.float64), measured(head.phenotype_basis))
    return measured(head.template.reshape(1, -1))[0], phenotypes, measured(head.change_basis)


def find_thresholds(people: int = 200_000, seed: int = 20_261_124) -> dict[str, float]:
    """Thresholds at which drawn identities have the base rates; takes some minutes.

    Four times the 50,000 of a large draw, so that their own error stays well inside of such a draw's.
    """
    head = load_head()
    measured = measure_many(head, [draw_identity(head, number, seed) for number in range(people)])
    return {name: float(np.quantile(measured[name], 1 - rate)) for name, rate in BASE_RATES.items()}


if __name__ == "__main__":
    for attribute, threshold in find_thresholds().items():
        print(f'        "{attribute}": {threshold:.5f},')  # noqa: T201
