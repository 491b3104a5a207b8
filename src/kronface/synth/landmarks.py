"""Sixty-eight landmarks and the face's box, exact from geometry: places on the template's skin that move with it.

The order is that of the iBUG 300-W annotation (Sagonas et al., "300 Faces in-the-Wild Challenge", 2013, figure 1): 0-16
jaw from image-left over the chin to image-right, 17-21 and 22-26 brows, 27-30 bridge of the nose from above, 31-35
below the nose, 36-41 image-left eye and 42-47 image-right eye clockwise from their image-left corner, 48-59 outer and
60-67 inner edge of the lips clockwise from their image-left corner. "Left" is the picture's left, the person's right.

The landmarks are places of the head, not of its outline: a turned head hides those of the farther cheek.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from kronface.synth.hair import ear_vertices
from kronface.synth.head import PARTS, Floats, Head
from kronface.synth.person import face_vertices
from kronface.synth.texture import LIP_LEVEL, LIP_TURN

Place = tuple[float, float]
"""Turn about the vertical axis in radians, 0 in front, positive towards +x; height on the template in metres."""

COUNT = 68

JAW = (
    (0.80, 0.728),
    (0.80, 0.712),
    (0.80, 0.697),
    (0.785, 0.683),
    (0.70, 0.667),
    (0.57, 0.651),
    (0.42, 0.638),
    (0.20, 0.6255),
    (0.0, 0.6205),
)
"""Turn (radians, away from the middle) and height (metres) on the template, from beside the eye to the chin."""

BROW = ((0.40, 0.7439), (0.319, 0.7497), (0.2375, 0.7512), (0.156, 0.7492), (0.08, 0.747))
"""From the outer end to the inner one, along the middle of an average brow of `texture.paint_brows`."""

BRIDGE = ((0.0, 0.7345), (0.0, 0.72), (0.0, 0.7055), (0.0, 0.6915))
BELOW_NOSE = ((0.113, 0.6855), (0.052, 0.681), (0.0, 0.6795))

LIPS_ABOVE, LIPS_BELOW = (0.174, 0.115, 0.047, 0.0), (0.115, 0.055, 0.0)
"""Turns at which the painted lips' upper and lower edge are marked, from the corner to the middle."""


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


def landmarks68(head: Head, positions: NDArray[np.floating]) -> Floats:
    """The landmarks of a posed head.

    Args:
        head: the template.
        positions: (V, 3) vertices; further ones, of hair or teeth, may follow those of the head.

    Returns:
        (68, 3) in the coordinates of `positions`.
    """
    return landmark_places(head).on(positions)


def face_box(head: Head, pixels: NDArray[np.floating]) -> Floats:
    """The box around a face: from the forehead to the chin and from cheek to cheek, its hidden side included.

    Args:
        head: the template.
        pixels: (V, 2 or more) projected vertices; further ones may follow those of the head.

    Returns:
        (4,) x, y, width, height in pixels.
    """
    face = np.concatenate([pixels[_face_above_jaw(head), :2], landmark_places(head).on(pixels)[:, :2]])
    return np.concatenate([face.min(0), np.ptp(face, axis=0)]).astype(np.float32)


@cache
def _face_above_jaw(head: Head) -> NDArray[np.int64]:
    """Numbers of the face's vertices without those under the jaw, which belong to the neck for an annotator."""
    numbers = face_vertices(head)
    places = head.template[numbers]
    turn = np.abs(np.arctan2(places[:, 0], -places[:, 1]))
    turns, levels = np.array(JAW[::-1]).T
    out: NDArray[np.int64] = numbers[places[:, 2] > np.interp(turn, turns[:-2], levels[:-2])]
    return out


@cache
def landmark_places(head: Head) -> Places:
    """Where the 68 landmarks lie on the head."""
    mouth, eyes = _border(head, "mouth_cavity"), [_border(head, f"eye_cavity.{side}") for side in ("R", "L")]
    return _join(
        _cast(head, _mirrored(JAW)),
        _cast(head, _mirrored(BROW, middle=False)),
        _cast(head, BRIDGE),
        _cast(head, _mirrored(BELOW_NOSE)),
        *(_around(head, eye, (1 / 3, 2 / 3)) for eye in eyes),
        _cast(head, _lips()),
        _around(head, mouth, (0.28, 0.5, 0.72)),
    )


def _mirrored(half: Sequence[Place], *, middle: bool = True) -> list[Place]:
    """Places of image-left, then those of image-right in the other order; the last lies in the middle, or not."""
    other = list(half[::-1])[1:] if middle else list(half[::-1])
    return [(-turn, level) for turn, level in half] + other


def _lips() -> list[Place]:
    """Twelve places on the outline that `paint_lips` draws: over the upper lip to the right, back below the lower."""
    upper = _mirrored([(turn, lip_edges(turn)[0]) for turn in LIPS_ABOVE])
    lower = _mirrored([(turn, lip_edges(turn)[1]) for turn in LIPS_BELOW])
    return upper + lower[::-1]


def lip_edges(turn: float) -> Place:
    """Heights on the template of the painted lips' upper and lower edge at a turn; see `texture.paint_lips`."""
    across = turn / LIP_TURN
    arc = float(np.sqrt(max(1 - across**2, 0)))
    line = LIP_LEVEL + 0.003 * across**2
    return line + 0.0105 * arc * (1 - 0.22 * float(np.exp(-((across / 0.16) ** 2)))), line - 0.0112 * arc


def _cast(head: Head, places: Sequence[Place]) -> Places:
    """Where rays from the vertical axis, at a turn and a height, leave the skin (Moeller and Trumbore, 1997)."""
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
            raise ValueError(f"no skin at turn {turn}, height {level}")  # the tables above do not fit this head
        hit = hits[distance[hits].argmax()]
        vertices.append(skin[hit])
        weights.append(np.clip([1 - second[hit] - third[hit], second[hit], third[hit]], 0, 1))
    return Places(np.stack(vertices), np.array(weights, np.float32))


def _border(head: Head, part: str) -> NDArray[np.int64]:
    """Vertices that the skin shares with a part: the rims of the lids, or where the lips meet."""
    skin, other = (np.unique(head.triangles[head.parts == number]) for number in (0, PARTS.index(part) + 1))
    return np.intersect1d(skin, other).astype(np.int64)


def _around(head: Head, border: NDArray[np.int64], shares: Sequence[float]) -> Places:
    """Vertices around a slit: its corner at -x, shares of its width along the upper edge, the other, and back."""
    places = head.template[border]
    first, last = places[:, 0].argmin(), places[:, 0].argmax()
    share = (places[:, 0] - places[first, 0]) / (places[last, 0] - places[first, 0])
    above = places[:, 2] - (1 - share) * places[first, 2] - share * places[last, 2]
    upper = [np.where(above > 0, np.abs(share - wanted), np.inf).argmin() for wanted in shares]
    lower = [np.where(above < 0, np.abs(share - wanted), np.inf).argmin() for wanted in shares]
    chosen = border[np.array([first, *upper, last, *lower[::-1]])]
    return Places(np.repeat(chosen[:, None], 3, 1), np.tile(np.array([1, 0, 0], np.float32), (len(chosen), 1)))


def _join(*parts: Places) -> Places:
    return Places(np.concatenate([part.vertices for part in parts]), np.concatenate([part.weights for part in parts]))
