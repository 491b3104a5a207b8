"""Hair and beards as geometry: layers lifted off the skin, sheets that hang, buns."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.synth.appearance import Appearance
from kronface.synth.head import Floats, Head
from kronface.synth.kernels import BEARD, HAIR
from kronface.synth.part import BEARD_PAINT, HAIR_PAINT, Part, grid_triangles, shell
from kronface.synth.styling import HairStyle

SCALP_REACH = 0.03
"""Metres below the hairline to which a layer goes on, unseen, so that its strands alone draw the edge."""

LINE = 512
"""Places around the head at which the hairline's height is given."""

TURNS: Floats = np.asarray(((np.arange(LINE) + 0.5) / LINE - 0.5) * 2 * np.pi, np.float32)

BRIM = 0.72
"""Height on the template down to which hats reach: hair is let out below."""

LAYERS = {"cropped": (1.0,), "short": (1.0, 0.5), "medium": (1.0, 0.5), "long": (1.0, 0.5)}
"""Heights of the layers above the roots, as shares of the hair's thickness."""


def hairline(look: Appearance, style: HairStyle) -> Floats:
    """(LINE,) height on the template above which hair grows, by turn."""
    own = np.random.default_rng(style.seed)
    front, recess = look.hair_front, look.hair_recess
    if style.bangs:
        front -= own.uniform(0.018, 0.03)
        recess = 0.0
    knots = [0, 0.2, 0.36, 0.45, 0.54, 0.66, 0.76, 0.92, 1.25, 1.8, np.pi]
    nape = 0.655 if style.length == "cropped" else 0.63
    corner = front + recess
    beside = look.hair_beside
    levels = [front, front + 0.3 * recess, corner, corner - 0.008, 0.778, 0.755, beside, beside, 0.69, 0.65, nape]
    if style.length == "bald":
        levels = [0.9, 0.9, 0.9, 0.9, 0.9, 0.88, 0.775, 0.735, 0.69, 0.66, nape]
    line = np.interp(np.abs(TURNS), knots, levels)
    # No line is even: a few waves, and locks of bangs.
    for waves in (9, 23, 41):
        line = line + (0.0016 if style.bangs else 0.0009) * np.sin(waves * TURNS + own.uniform(0, 2 * np.pi))
    return line.astype(np.float32)


def bare_above(style: HairStyle) -> float:
    """Height on the template above which a bald head has no hair: a wreath is left beside and behind."""
    if style.length != "bald":
        return 1.0
    return float(np.random.default_rng([style.seed, 9]).uniform(0.765, 0.8))


@cache
def strands() -> Floats:
    """(256, 512, 4) fine and coarse straight strands running down, fine and coarse curls; each in [0, 1]; tileable."""
    rng = np.random.default_rng(20_261_125)

    def field(rows: int, columns: int) -> Floats:
        knots = rng.normal(size=(rows, columns)).astype(np.float32)
        wrapped = np.pad(knots, 2, mode="wrap")
        scale = (256 / rows, 512 / columns)
        wide = cv2.resize(wrapped, (round(wrapped.shape[1] * scale[1]), round(wrapped.shape[0] * scale[0])))
        top, left = round(2 * scale[0]), round(2 * scale[1])
        part = wide[top : top + 256, left : left + 512]
        # By rank, so that a share of the strands is as long as the share says.
        ranked = np.empty(part.size, np.float32)
        ranked[np.argsort(part, axis=None)] = np.linspace(0, 1, part.size, dtype=np.float32)
        return ranked.reshape(part.shape)

    fields = [field(4, 256), field(4, 64), field(64, 128), field(28, 48)]
    out: Floats = np.ascontiguousarray(np.stack(fields, 2))
    out.setflags(write=False)
    return out


def cap(head: Head, style: HairStyle, line: Floats, positions: Floats, normals: Floats, *, pressed: bool) -> list[Part]:
    """The scalp's triangles in layers, lifted along their normals: little at the hairline, more further up.

    Args:
        head: the template.
        style: of the hair.
        line: (LINE,) the hairline.
        positions: (V, 3) of the head at rest.
        normals: (V, 3).
        pressed: a hat lies on it.
    """
    rest = head.template
    turn = np.arctan2(rest[:, 0], -rest[:, 1])
    above = rest[:, 2] - line[np.clip(((turn / (2 * np.pi) + 0.5) * LINE).astype(int), 0, LINE - 1)]
    scalp = (above > -SCALP_REACH) & ~ear_vertices(head) & (np.abs(rest[:, 0]) < 0.12) & (rest[:, 2] > 0.6)
    faces = head.triangles[(head.parts == 0) & scalp[head.triangles].all(1)]
    rng = np.random.default_rng([style.seed, 6])
    rise = _smooth((above - 0.001) / (0.022 + 1.2 * style.thickness))
    top = _smooth((rest[:, 2] - 0.765) / 0.05)
    lift = style.thickness * rise * (style.sides + (1 - style.sides) * top)
    # More or less of it in front: a quiff, or hair that lies back.
    front = _smooth((np.cos(turn) - 0.3) / 0.6) * top
    lift = lift * (1 + rng.uniform(-0.35, 0.6) * front)
    # A parting: a furrow from the front to the crown on one side.
    if style.parting:
        furrow = np.exp(-(((rest[:, 0] - 0.03 * style.parting) / 0.006) ** 2)) * top
        lift = lift * (1 - 0.6 * furrow)
    lift = lift * (1 + _locks(rng, turn, rest[:, 2], 0.3 if style.curl > 0.5 else 0.17))
    if pressed:
        lift = np.minimum(lift, 0.004)
    layers = LAYERS.get(style.length, (1.0,)) if style.thickness > 0 and not pressed else ()
    if style.curl > 0.5 and layers and style.thickness > 0.01:
        layers = (1.0, 0.72, 0.45)
    parts = []
    for number, share in enumerate((*layers, 0.0)):
        cover = 0.5 * share if style.curl > 0.5 else 0.3 * share
        part = shell(
            positions,
            rest,
            normals,
            faces,
            (0.0008 + lift * (share if share else 0.25 if layers else 1.0)).astype(np.float32),
            material=HAIR,
            paint=HAIR_PAINT,
            cover=cover,
            casts=number == 0 or not layers,
        )
        if part is not None:
            parts.append(part)
    return parts


def curtain(head: Head, style: HairStyle, positions: Floats, eye_level: float, *, pressed: bool) -> list[Part]:
    """Medium and long hair beside and behind the face; none where it is short, tied, or stands up by itself.

    Args:
        head: the template.
        style: of the hair.
        positions: (V, 3) of the head at rest.
        eye_level: height of the eyes on the template: heights in `positions` are relative to it.
        pressed: a hat lies on it.
    """
    if style.length not in ("medium", "long") or style.tied or (style.curl > 0.5 and style.length == "medium"):
        return []
    rng = np.random.default_rng([style.seed, 5])
    rest = head.template
    crown = positions[(rest[:, 2] > 0.74) & ~ear_vertices(head)]
    middle = (crown.max(0) + crown.min(0)) / 2
    radius = (crown.max(0) - crown.min(0)) / 2 + (0.0 if pressed else style.thickness * 0.75)
    opening = rng.uniform(1.2, 1.4) if style.tucked else rng.uniform(0.88, 1.08)
    columns, rows = 96, 14
    end = (rng.uniform(0.6, 0.655) if style.length == "medium" else rng.uniform(0.46, 0.56)) - eye_level
    top = (0.77 if pressed else 0.8) - eye_level
    turns = np.linspace(opening, 2 * np.pi - opening, columns)
    down = np.linspace(0, 1, rows)[:, None]
    ragged = 0.004 * rng.normal(size=columns) + 0.012 * np.sin(turns * rng.uniform(2, 5) + rng.uniform(0, 6))
    # In front it ends higher than behind, in steps or in one line.
    nearness = np.minimum(turns - opening, 2 * np.pi - opening - turns)
    ragged = ragged + rng.uniform(0.0, 0.05) * np.exp(-((nearness / 0.25) ** 2))
    heights = top + (end + ragged - top) * down
    waves = 0.006 + 0.03 * style.curl * rng.uniform(0.6, 1.2)
    speeds, phase = rng.uniform(8, 22), rng.uniform(0, 6)
    folds = 1 + 0.02 * np.sin(turns * rng.uniform(14, 24)) + 0.012 * np.sin(turns * rng.uniform(30, 50))
    # Narrower towards the crown, so that its upper edge disappears into the cap; wider or narrower further down.
    widening = (BRIM - eye_level - heights) / 0.04 if pressed else down * 3.5
    bulge = 0.8 + 0.24 * np.clip(widening, 0, 1) + (rng.uniform(-0.08, 0.12) + 0.1 * style.curl) * down
    swing = np.sin(down * speeds + turns * 3 + phase + 2 * np.sin(turns * 5))
    parts = []
    for out, loose in ((0.0, 0.0), (0.005, 0.22)):  # a dense sheet, and looser strands over it
        wave = 1 + waves * swing * np.clip(down * 2, 0, 1)
        across = np.sin(turns) * (radius[0] + 0.012 + out) * bulge * wave * folds
        depth = -np.cos(turns) * (radius[1] + 0.004 + out) * bulge * wave * folds
        where = np.stack([middle[0] + across, middle[1] + depth, heights], 2).reshape(-1, 3)
        # Painted from a level that is always hair: only the strands' column and lightness vary.
        painted = np.stack(np.broadcast_arrays(np.sin(turns)[None], -np.cos(turns)[None], 0.855 - 0.045 * down), 2)
        # Strands end one by one, at the tips and along the opening.
        covers = loose + 0.75 * np.clip((down - 0.7) / 0.3, 0, 1) + 0.5 * np.exp(-((nearness / 0.05) ** 2))
        parts.append(
            Part(
                where.astype(np.float32),
                painted.reshape(-1, 3).astype(np.float32),
                grid_triangles(rows, columns),
                HAIR,
                HAIR_PAINT,
                np.broadcast_to(covers, (rows, columns)).reshape(-1).astype(np.float32),
                casts=out == 0.0,
            )
        )
    return parts


def knot(head: Head, style: HairStyle, positions: Floats) -> list[Part]:
    """A bun or a pony-tail at the back of tied hair."""
    if not style.tied:
        return []
    rng = np.random.default_rng([style.seed, 8])
    rest = head.template
    back = positions[(rest[:, 1] > 0.0) & (rest[:, 2] > 0.72)]
    height = rng.uniform(0.0, 0.085)
    near = back[np.abs(back[:, 2] - height) < 0.02]
    anchor = near[near[:, 1].argmax()] if len(near) else back[back[:, 1].argmax()]
    size = rng.uniform(0.024, 0.038)
    rows, columns = 9, 16
    polar = np.linspace(0, np.pi, rows)[:, None]
    around = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    ball = np.stack(
        np.broadcast_arrays(np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)), 2
    )
    long = style.tied == "ponytail"
    stretch = np.array([0.8, 0.9, 3.2 if long else 1.0]) * size
    centre = anchor + np.array([0, 0.6 * size, -2.6 * size if long else 0.2 * size])
    where = (centre + ball * stretch).reshape(-1, 3)
    painted = np.stack([ball[..., 0] * 0.1, -0.1 * ball[..., 1], 0.84 + 0.01 * ball[..., 2]], 2).reshape(-1, 3)
    faces = grid_triangles(rows, columns, closed=True)
    covers = np.zeros(len(where), np.float32)
    return [Part(where.astype(np.float32), painted.astype(np.float32), faces, HAIR, HAIR_PAINT, covers)]


def beard(head: Head, positions: Floats, normals: Floats, length: float) -> list[Part]:
    """A beard's layers over jaw, chin and upper lip; where it grows is in the skin's texture.

    Args:
        head: the template.
        positions: (V, 3) in the picture's expression.
        normals: (V, 3).
        length: in metres.
    """
    rest = head.template
    turn = np.abs(np.arctan2(rest[:, 0], -rest[:, 1]))
    lips = np.sqrt((turn / 0.17) ** 2 + ((rest[:, 2] - 0.661) / 0.0118) ** 2)
    region = (turn < 1.0) & (rest[:, 2] > 0.592) & (rest[:, 2] < 0.715) & (lips > 0.8) & ~ear_vertices(head)
    faces = head.triangles[(head.parts == 0) & region[head.triangles].all(1)]
    inside = _smooth((lips - 0.9) / 0.6)
    parts = []
    for share in (1.0, 0.6, 0.25):
        lift = (0.0004 + length * share * inside).astype(np.float32)
        part = shell(
            positions,
            rest,
            normals,
            faces,
            lift,
            material=BEARD,
            paint=BEARD_PAINT,
            cover=share,
            casts=False,
        )
        parts += [] if part is None else [part]
    return parts


def _smooth(value: NDArray[np.floating]) -> Floats:
    """0 below 0, 1 above 1, without corners between."""
    t = np.clip(value, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _locks(rng: np.random.Generator, turn: Floats, level: Floats, strength: float) -> Floats:
    """Unevenness of the surface, in [-strength, strength]: a few waves around the head and down."""
    total = np.zeros_like(turn)
    for frequency in (3, 7, 13):
        phase, slant = rng.uniform(0, 2 * np.pi), rng.uniform(-90, 90)
        total += np.sin(frequency * turn + slant * level + phase) / 3
    return np.asarray(strength * total, np.float32)


@cache
def ear_vertices(head: Head) -> NDArray[np.bool_]:
    """(V,) vertices of the ears: those that a shape moves which makes them stand off."""
    moved = np.zeros(len(head.template), np.bool_)
    for side in ("l", "r"):
        index = head.changes.index(f"{side}-ear-wing-incr")
        distance = np.linalg.norm(head.change_basis[2 * index].reshape(-1, 3), axis=1)
        moved |= distance > 0.05 * distance.max()
    return moved
