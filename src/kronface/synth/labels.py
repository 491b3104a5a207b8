"""From parameters and neutral geometry to attributes: exact, constant per person, at CelebA's base rates.

`python -m kronface.synth.labels` draws 50,000 identities and prints the thresholds that stand below.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats, Head, load_head
from kronface.synth.identity import Identity, draw_identity, shaped

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
        "Narrow_Eyes": -0.37029,
        "Big_Nose": 1.61898,
        "Pointy_Nose": 1.69925,
        "Chubby": 1.04705,
        "Double_Chin": 0.83649,
        "High_Cheekbones": 0.31652,
        "Bald": 0.93444,
        "Big_Lips": 0.47284,
        "Oval_Face": -0.10370,
        "Young": -46.79106,
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


def measure(head: Head, identity: Identity) -> dict[str, float]:
    """The number behind each attribute of one person, from parameters and the neutral geometry.

    Lengths are in units of the distance between the eyes, so that a large head is not a big nose.
    """
    places = shaped(identity, head, *_measured_bases(head))
    pairs = dict(zip(TEMPLATE_POINTS, places[: 2 * len(TEMPLATE_POINTS)].reshape(-1, 2, 3), strict=True))
    point = {name: pair.mean(0) for name, pair in pairs.items()}
    spread = {name: abs(float(pair[0, 0] - pair[1, 0])) for name, pair in pairs.items()}
    left, right = np.split(places[2 * len(TEMPLATE_POINTS) :], 2)
    unit = float(np.linalg.norm(left.mean(0) - right.mean(0)))

    opening = float(point["lid_upper"][2] - point["lid_lower"][2])
    eye_width = (spread["eye_outer"] - spread["eye_inner"]) / 2
    nose_length = float(point["nose_root"][2] - point["nose_base"][2])
    projection = float(point["nose_base"][1] - point["nose_tip"][1]) + 0.5 * float(
        point["nose_wing"][1] - point["nose_tip"][1]
    )
    lips = float(point["lip_top"][2] - point["lip_bottom"][2])
    face_height = float(point["forehead"][2] - point["chin"][2])
    taper = spread["jaw"] / spread["cheekbone"]
    changes = dict(zip(head.changes, identity.changes.tolist(), strict=True))
    weight = identity.phenotypes["weight"]
    return {
        "Narrow_Eyes": -opening / max(eye_width, 1e-4),
        "Big_Nose": (spread["nose_wing"] + 0.6 * nose_length + 0.8 * projection) / unit,
        "Pointy_Nose": projection / max(spread["tip_side"], 1e-4),
        "Chubby": weight + 0.45 * changes["head-fat-incr"],
        "Double_Chin": changes["neck-double-incr"] + 0.3 * weight,
        "High_Cheekbones": float(point["cheek_hollow"][1] - point["cheekbone"][1]) / unit
        + 0.5 * (spread["cheekbone"] - spread["cheek_hollow"]) / unit,
        "Bald": (identity.age_years - 20) / 60
        + float(identity.generator(3).normal(0, 0.35))
        - (0 if identity.male else 9),
        "Big_Lips": lips / unit,
        "Oval_Face": -abs(face_height / spread["temple"] - 1.32) - 1.5 * abs(taper - 0.8),
        "Young": -identity.age_years,
    }


def attributes(head: Head, identity: Identity) -> dict[str, int]:
    """The eleven identity attributes of one person: 1 or 0."""
    measured = measure(head, identity)
    return {"Male": int(identity.male)} | {name: int(measured[name] > THRESHOLDS[name]) for name in THRESHOLDS}


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
def _measured_bases(head: Head) -> tuple[Floats, Floats, Floats]:
    """Template and bases of the measured points (in pairs) and of both eyes' vertices, and of nothing else."""
    eyes = [np.unique(head.triangles[head.parts == part]) for part in (1, 2)]
    numbers = np.concatenate([*point_vertices(head).values(), *eyes])
    columns = (numbers[:, None] * 3 + np.arange(3)).ravel()
    return head.template[numbers], head.phenotype_basis[:, columns], head.change_basis[:, columns]


def find_thresholds(people: int = 50_000, seed: int = 20_261_124) -> dict[str, float]:
    """Thresholds at which drawn identities have the base rates; takes some minutes."""
    head = load_head()
    rows = [measure(head, draw_identity(head, number, seed)) for number in range(people)]
    return {name: float(np.quantile([row[name] for row in rows], 1 - rate)) for name, rate in BASE_RATES.items()}


if __name__ == "__main__":
    for attribute, threshold in find_thresholds().items():
        print(f'        "{attribute}": {threshold:.5f},')  # noqa: T201
