"""Points that are fixed to the head's skin: they move with shape, expression and pose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.synth.hair import ear_vertices
from kronface.synth.head import PARTS, Floats, Head

Place = tuple[float, float]
"""Turn about the vertical axis in radians, 0 in front, positive towards +x; height on the template in metres."""


@dataclass(frozen=True, eq=False)
class Places:
    """Points on triangles of the head."""

    vertices: NDArray[np.int64]
    """(N, 3) numbers of the triangles' vertices."""
    weights: Floats
    """(N, 3) barycentric, at least 0, sum 1."""

    def on(self, positions: NDArray[np.floating]) -> Floats:
        """(V, 3) places of the head's vertices, V at least the template's -> (N, 3) places of the points."""
        out: Floats = np.einsum("nkd,nk->nd", positions[self.vertices], self.weights).astype(np.float32)
        return out


def vertex_places(numbers: NDArray[np.integer]) -> Places:
    """(N,) vertices as points."""
    weights = np.tile(np.array([1, 0, 0], np.float32), (len(numbers), 1))
    return Places(np.repeat(numbers[:, None], 3, 1).astype(np.int64), weights)


def join(*parts: Places) -> Places:
    """All points of several, in order."""
    return Places(np.concatenate([part.vertices for part in parts]), np.concatenate([part.weights for part in parts]))


def mirrored(half: Sequence[Place], *, middle: bool = True) -> list[Place]:
    """Places of image-left, then those of image-right in the other order; the last lies in the middle, or not."""
    other = list(half[::-1])[1:] if middle else list(half[::-1])
    return [(-turn, level) for turn, level in half] + other


def cast(head: Head, places: Sequence[Place]) -> Places:
    """Where rays from the vertical axis, at a turn and a height, leave the skin (Moeller and Trumbore, 1997).

    Ears are seen through.

    Raises:
        ValueError: there is no skin at a place.
    """
    kept = (head.parts == 0) & ~ear_vertices(head)[head.triangles].any(1)
    skin = head.triangles[kept].astype(np.int64)
    a, b, c = (head.template[skin[:, corner]].astype(np.float64) for corner in range(3))
    vertices, weights = [], []
    for turn, level in places:
        direction = np.array([np.sin(turn), -np.cos(turn), 0.0])
        across = np.cross(direction, c - a)
        determinant = ((b - a) * across).sum(1)
        scale = 1 / np.where(np.abs(determinant) < 1e-15, np.inf, determinant)
        start = np.array([0.0, 0.0, level]) - a
        second = (start * across).sum(1) * scale
        side = np.cross(start, b - a)
        third = (side * direction).sum(1) * scale
        distance = ((c - a) * side).sum(1) * scale
        inside = (second >= -1e-9) & (third >= -1e-9) & (second + third <= 1 + 1e-9) & (distance > 0) & (scale != 0)
        hits = np.flatnonzero(inside)
        if len(hits) == 0:
            raise ValueError(f"no skin at turn {turn}, height {level}")
        hit = hits[distance[hits].argmax()]
        vertices.append(skin[hit])
        weights.append(np.clip([1 - second[hit] - third[hit], second[hit], third[hit]], 0, 1))
    return Places(np.stack(vertices), np.array(weights, np.float32))


def border(head: Head, part: str) -> NDArray[np.int64]:
    """Vertices that the skin shares with one of `PARTS`: the rims of the lids, or where the lips meet."""
    skin, other = (np.unique(head.triangles[head.parts == number]) for number in (0, PARTS.index(part) + 1))
    return np.intersect1d(skin, other).astype(np.int64)


def around(head: Head, rim: NDArray[np.int64], shares: Sequence[float]) -> Places:
    """Vertices around a slit: its corner at -x, shares of its width along the upper edge, the other, and back."""
    places = head.template[rim]
    first, last = places[:, 0].argmin(), places[:, 0].argmax()
    share = (places[:, 0] - places[first, 0]) / (places[last, 0] - places[first, 0])
    above = places[:, 2] - (1 - share) * places[first, 2] - share * places[last, 2]
    upper = [np.where(above > 0, np.abs(share - wanted), np.inf).argmin() for wanted in shares]
    lower = [np.where(above < 0, np.abs(share - wanted), np.inf).argmin() for wanted in shares]
    return vertex_places(rim[np.array([first, *upper, last, *lower[::-1]])])
