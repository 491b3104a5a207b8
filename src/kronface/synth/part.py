"""Pieces of geometry that are added to a head, and the shells and sheets that most of them are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats
from kronface.synth.render import Mesh

HAIR_PAINT, BEARD_PAINT, HAT_PAINT, COVER_PAINT, FRAME_PAINT, METAL_PAINT = range(6)
"""Numbers in a surface's palette."""


@dataclass(frozen=True)
class Part:
    """Further geometry of a person."""

    positions: Floats
    """(V, 3) before the head turns."""
    template: Floats
    """(V, 3) where its texture is looked up."""
    triangles: NDArray[np.int32]
    """(F, 3)."""
    material: int
    """A number of `kernels`."""
    paint: int
    """A number in the palette."""
    covers: Floats
    """(V,) height in a layer of hair: 0 root, 1 tip."""
    casts: bool = True
    """It casts shadows."""
    lens: bool = False
    """It is looked through."""


def shell(
    positions: Floats,
    template: Floats,
    normals: Floats,
    triangles: NDArray[np.int32],
    lift: Floats,
    *,
    material: int,
    paint: int,
    cover: float = 0.0,
    casts: bool = True,
) -> Part | None:
    """Triangles of a head, lifted along its normals; None where there are none.

    Args:
        positions: (V, 3) of the head.
        template: (V, 3) of the head.
        normals: (V, 3) of the head.
        triangles: (F, 3) those that are lifted.
        lift: (V,) how far, in metres.
        material: of the shell.
        paint: of the shell.
        cover: of all of its vertices.
        casts: whether it casts shadows.
    """
    if len(triangles) == 0:
        return None
    used, compact = np.unique(triangles, return_inverse=True)
    where = positions[used] + normals[used] * lift[used, None]
    faces = compact.reshape(-1, 3).astype(np.int32)
    covers = np.full(len(used), cover, np.float32)
    return Part(where.astype(np.float32), template[used], faces, material, paint, covers, casts)


def grid_triangles(rows: int, columns: int, *, closed: bool = False) -> NDArray[np.int32]:
    """(F, 3) two triangles per cell of a grid of vertices in row order; `closed` joins the last column to the first."""
    number = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        number = np.concatenate([number, number[:, :1]], 1)
    a, b, c, d = (part.ravel() for part in (number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]).astype(np.int32)


def tube(
    path: NDArray[np.floating], radius: float | NDArray[np.floating], *, sides: int = 6, closed: bool = False
) -> tuple[Floats, NDArray[np.int32]]:
    """A tube around a path: (N·sides, 3) vertices and its triangles.

    Args:
        path: (N, 3) points.
        radius: in metres, one or (N,).
        sides: corners of its section.
        closed: the path ends where it starts (its first point is not repeated).
    """
    points = np.asarray(path, np.float64)
    ahead = np.roll(points, -1, 0) - np.roll(points, 1, 0) if closed else np.gradient(points, axis=0)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    first = np.empty_like(ahead)
    before = np.cross(ahead[0], (0.0, 0.0, 1.0) if abs(ahead[0, 2]) < 0.9 else (0.0, 1.0, 0.0))
    for number, way in enumerate(ahead):
        # Carried along: a section of its own choice at each point would twist the tube.
        before = before - way * (before @ way)
        before /= np.linalg.norm(before)
        first[number] = before
    second = np.cross(ahead, first)
    angle = np.arange(sides) / sides * 2 * np.pi
    ring = first[:, None] * np.cos(angle)[None, :, None] + second[:, None] * np.sin(angle)[None, :, None]
    where = points[:, None] + ring * np.broadcast_to(np.asarray(radius, np.float64), len(points))[:, None, None]
    rows = where if not closed else np.concatenate([where, where[:1]])
    return rows.reshape(-1, 3).astype(np.float32), grid_triangles(len(rows), sides, closed=True)


def assemble(
    positions: Floats,
    template: Floats,
    open_light: Floats,
    triangles: NDArray[np.int32],
    materials: NDArray[np.int32],
    parts: Sequence[Part],
    *,
    shadeless: int = 0,
) -> Mesh:
    """The mesh of a head and its parts, in the order that `Mesh` wants: casters, other parts, lenses.

    The first `shadeless` triangles of the head cast no shadows.
    """
    ordered = sorted(parts, key=lambda part: (part.lens, not part.casts))
    starts = np.cumsum([len(positions), *(len(part.positions) for part in ordered)])
    faces = [triangles, *(part.triangles + np.int32(start) for part, start in zip(ordered, starts, strict=False))]
    counts = [len(part.triangles) for part in ordered]
    return Mesh(
        np.concatenate([positions, *(part.positions for part in ordered)]).astype(np.float32, copy=False),
        np.concatenate([template, *(part.template for part in ordered)]).astype(np.float32, copy=False),
        np.concatenate([np.zeros(len(positions), np.float32), *(part.covers for part in ordered)]),
        np.concatenate(faces).astype(np.int32, copy=False),
        np.concatenate([materials, np.repeat([part.material for part in ordered], counts)]).astype(np.int32),
        np.concatenate([np.zeros(len(triangles)), np.repeat([part.paint for part in ordered], counts)]).astype(
            np.int32
        ),
        open_light,
        len(triangles),
        shadeless,
        len(triangles)
        + sum(count for part, count in zip(ordered, counts, strict=True) if part.casts and not part.lens),
        sum(count for part, count in zip(ordered, counts, strict=True) if part.lens),
    )
