"""Hair as geometry: a shell that is lifted off the scalp, and a sheet that hangs from it."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from kronface.synth.appearance import Appearance
from kronface.synth.head import Floats, Head
from kronface.synth.identity import Identity
from kronface.synth.render import vertex_normals
from kronface.synth.texture import hairline

SCALP_REACH = 0.03
"""Metres below the hairline to which the shell goes on, unseen, so that its texture alone draws the edge."""


@dataclass(frozen=True)
class Part:
    """Further geometry of a person."""

    positions: Floats
    """(V, 3) before the head turns."""
    template: Floats
    """(V, 3) where its texture is looked up."""
    triangles: NDArray[np.int32]


def cap(head: Head, identity: Identity, look: Appearance, positions: Floats) -> Part | None:
    """The scalp's triangles, lifted along their normals: little at the hairline, more further up, uneven like locks."""
    rest = head.template
    line = hairline(identity.generator(4), identity, look.length, look.bangs)[0]
    turn = np.arctan2(rest[:, 0], -rest[:, 1])
    column = np.clip(((turn / (2 * np.pi) + 0.5) * len(line)).astype(int), 0, len(line) - 1)
    above = rest[:, 2] - line[column]
    scalp = (above > -SCALP_REACH) & ~ear_vertices(head) & (np.abs(rest[:, 0]) < 0.12) & (rest[:, 2] > 0.6)
    faces = head.triangles[(head.parts == 0) & scalp[head.triangles].all(1)]
    if len(faces) == 0:
        return None
    rng = identity.generator(6)
    rise = _smooth((above - 0.001) / (0.022 + 1.2 * look.thickness))
    top = _smooth((rest[:, 2] - 0.765) / 0.05)
    lift = look.thickness * rise * (look.sides + (1 - look.sides) * top)
    # More or less of it in front: a quiff, or hair that lies back.
    front = _smooth((np.cos(turn) - 0.3) / 0.6) * top
    lift = lift * (1 + rng.uniform(-0.35, 0.6) * front)
    lift = lift * (1 + _locks(rng, turn, rest[:, 2], 0.35 if look.curly and look.length != "long" else 0.2))
    normals = vertex_normals(positions.astype(np.float32), head.triangles)
    where = positions + normals * (0.0008 + lift)[:, None]
    used, compact = np.unique(faces, return_inverse=True)
    return Part(where[used].astype(np.float32), rest[used], compact.reshape(-1, 3).astype(np.int32))


def curtain(head: Head, identity: Identity, look: Appearance, positions: Floats, eye_level: float) -> Part | None:
    """Medium and long hair beside and behind the face.

    Args:
        head: the template.
        identity: whose.
        look: length and thickness; none for cropped and short hair, nor for curls that stand up by themselves.
        positions: (V, 3) of the person's vertices.
        eye_level: height of the eyes on the template: heights in `positions` are relative to it.
    """
    if look.length not in ("medium", "long") or (look.curly and look.length == "medium"):
        return None
    rng = identity.generator(5)
    rest = head.template
    crown = positions[(rest[:, 2] > 0.74) & ~ear_vertices(head)]
    middle = (crown.max(0) + crown.min(0)) / 2
    radius = (crown.max(0) - crown.min(0)) / 2 + look.thickness * 0.75
    opening = rng.uniform(1.2, 1.4) if look.tucked else rng.uniform(0.88, 1.08)
    columns, rows = 128, 18
    end = (rng.uniform(0.6, 0.655) if look.length == "medium" else rng.uniform(0.46, 0.56)) - eye_level
    top = 0.8 - eye_level
    turns = np.linspace(opening, 2 * np.pi - opening, columns)
    down = np.linspace(0, 1, rows)[:, None]
    ragged = 0.005 * rng.normal(size=columns) + 0.012 * np.sin(turns * rng.uniform(2, 5) + rng.uniform(0, 6))
    # In front it ends higher than behind, in steps or in one line.
    nearness = np.minimum(turns - opening, 2 * np.pi - opening - turns)
    ragged = ragged + rng.uniform(0.0, 0.05) * np.exp(-((nearness / 0.25) ** 2))
    heights = top + (end + ragged - top) * down
    # Narrower towards the crown, so that its upper edge disappears into the cap; wider or narrower further down.
    bulge = 0.8 + 0.24 * np.clip(down * 3.5, 0, 1) + rng.uniform(-0.08, 0.12) * down
    waves = rng.uniform(0.01, 0.035) if look.curly or rng.random() < 0.5 else 0.004
    wave = 1 + waves * np.sin(down * rng.uniform(8, 22) + turns * 3 + 2 * np.sin(turns * 5)) * np.clip(down * 2, 0, 1)
    folds = 1 + 0.02 * np.sin(turns * rng.uniform(14, 24)) + 0.012 * np.sin(turns * rng.uniform(30, 50))
    across = np.sin(turns) * (radius[0] + 0.012) * bulge * wave * folds
    depth = -np.cos(turns) * (radius[1] + 0.004) * bulge * wave * folds
    where = np.stack([middle[0] + across, middle[1] + depth, heights], 2).reshape(-1, 3)
    # Painted from a level that is always hair: only the strands' column and lightness vary.
    columns_of = np.broadcast_arrays(np.sin(turns)[None], -np.cos(turns)[None], 0.855 - 0.045 * down)
    painted = np.stack(columns_of, 2).reshape(-1, 3)
    grid = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = grid[:-1, :-1].ravel(), grid[:-1, 1:].ravel(), grid[1:, :-1].ravel(), grid[1:, 1:].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    return Part(where.astype(np.float32), painted.astype(np.float32), faces.astype(np.int32))


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
