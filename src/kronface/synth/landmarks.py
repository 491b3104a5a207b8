"""Sixty-eight landmarks and the face's box, exact from geometry: places on the template's skin that move with it.

The order is that of the iBUG 300-W annotation (Sagonas et al., "300 Faces in-the-Wild Challenge", 2013, figure 1): 0-16
jaw from image-left over the chin to image-right, 17-21 and 22-26 brows, 27-30 bridge of the nose from above, 31-35
below the nose, 36-41 image-left eye and 42-47 image-right eye clockwise from their image-left corner, 48-59 outer and
60-67 inner edge of the lips clockwise from their image-left corner. "Left" is the picture's left, the person's right.

The landmarks are places of the head, not of its outline: a turned head hides those of the farther cheek.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from kronface.synth.hair import ear_vertices
from kronface.synth.head import Floats, Head, part_vertices
from kronface.synth.places import Place, Places, around, border, cast, join, mirrored
from kronface.synth.texture import LIP_LEVEL, LIP_TURN

COUNT = 68

MOST_TURN, FOREHEAD = 1.1, 0.785
"""The face's box ends in front of the ears (radians) and half-way up to the hairline (metres on the template)."""

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
"""From the outer end to the inner one, along the middle of an average brow of `facial_hair.paint_brows`."""

BRIDGE = ((0.0, 0.7345), (0.0, 0.72), (0.0, 0.7055), (0.0, 0.6915))
BELOW_NOSE = ((0.113, 0.6855), (0.052, 0.681), (0.0, 0.6795))

LIPS_ABOVE, LIPS_BELOW = (0.174, 0.115, 0.047, 0.0), (0.115, 0.055, 0.0)
"""Turns at which the painted lips' upper and lower edge are marked, from the corner to the middle."""


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
def telling_vertices(head: Head) -> NDArray[np.int64]:
    """Numbers of the vertices that `landmarks68` and `face_box` look at: a third of all."""
    return np.union1d(_face_above_jaw(head), landmark_places(head).vertices)


@cache
def _face_above_jaw(head: Head) -> NDArray[np.int64]:
    """Numbers of the skin's vertices from the forehead to the jaw, without ears and neck."""
    skin = part_vertices(head, 0)
    places = head.template[skin]
    turn = np.abs(np.arctan2(places[:, 0], -places[:, 1]))
    turns, levels = np.array(JAW[::-1]).T
    inside = (turn < MOST_TURN) & (places[:, 2] < FOREHEAD) & ~ear_vertices(head)[skin]
    out: NDArray[np.int64] = skin[inside & (places[:, 2] > np.interp(turn, turns[:-2], levels[:-2]))]
    return out


@cache
def landmark_places(head: Head) -> Places:
    """Where the 68 landmarks lie on the head."""
    mouth, eyes = border(head, "mouth_cavity"), [border(head, f"eye_cavity.{side}") for side in ("R", "L")]
    return join(
        cast(head, mirrored(JAW)),
        cast(head, mirrored(BROW, middle=False)),
        cast(head, BRIDGE),
        cast(head, mirrored(BELOW_NOSE)),
        *(around(head, eye, (1 / 3, 2 / 3)) for eye in eyes),
        cast(head, _lips()),
        around(head, mouth, (0.28, 0.5, 0.72)),
    )


def _lips() -> list[Place]:
    """Twelve places on the outline that `paint_lips` draws: over the upper lip to the right, back below the lower."""
    upper = mirrored([(turn, lip_edges(turn)[0]) for turn in LIPS_ABOVE])
    lower = mirrored([(turn, lip_edges(turn)[1]) for turn in LIPS_BELOW])
    return upper + lower[::-1]


def lip_edges(turn: float) -> Place:
    """Heights on the template of the painted lips' upper and lower edge at a turn; see `texture.paint_lips`."""
    across = turn / LIP_TURN
    arc = float(np.sqrt(max(1 - across**2, 0)))
    line = LIP_LEVEL + 0.003 * across**2
    return line + 0.0105 * arc * (1 - 0.22 * float(np.exp(-((across / 0.16) ** 2)))), line - 0.0112 * arc
