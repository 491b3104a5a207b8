from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from kronface.synth.head import Head
from kronface.synth.kernels import CLOTH, HAIR
from kronface.synth.part import Part, assemble, grid_triangles, shell, tube


def open_edges(triangles: NDArray[np.integer]) -> int:
    """Edges that belong to one triangle alone."""
    edges = Counter(frozenset((int(face[i]), int(face[j]))) for face in triangles for i, j in ((0, 1), (1, 2), (2, 0)))
    assert max(edges.values()) <= 2
    return sum(number == 1 for number in edges.values())


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (5, 4), (9, 16)])
def test_a_grid_has_a_border_all_around_or_above_and_below_alone(rows: int, columns: int) -> None:
    sheet, ring = grid_triangles(rows, columns), grid_triangles(rows, columns, closed=True)
    assert open_edges(sheet) == 2 * (rows - 1) + 2 * (columns - 1)
    assert open_edges(ring) == 2 * columns
    assert (len(sheet), len(ring)) == (2 * (rows - 1) * (columns - 1), 2 * (rows - 1) * columns)
    for faces in (sheet, ring):
        assert set(faces.ravel()) == set(range(rows * columns))


def circle(points: int) -> NDArray[np.float64]:
    angle = np.arange(points) / points * 2 * np.pi
    return np.stack([0 * angle, 0.02 * np.sin(angle), 0.03 * np.cos(angle)], 1)  # it points straight up and down twice


@pytest.mark.parametrize("closed", [True, False])
def test_a_tube_stands_around_its_path_without_a_twist(closed: bool) -> None:
    path = circle(14)
    radius = np.linspace(0.001, 0.002, 14)
    where, faces = tube(path, radius, sides=6, closed=closed)
    rings = where.reshape(-1, 6, 3)
    assert len(rings) == 14 + closed
    assert set(faces.ravel()) == set(range(len(where)))
    for number, ring in enumerate(rings):
        arms = ring - path[number % 14]
        np.testing.assert_allclose(np.linalg.norm(arms, axis=1), radius[number % 14], rtol=1e-4)
        if closed or 0 < number < 13:
            ahead = path[(number + 1) % 14] - path[number % 14 - 1]
            np.testing.assert_allclose(arms @ ahead / np.linalg.norm(ahead), 0, atol=1e-7)
    # Half-way between two points the section is as wide as beside them: lines from ring to ring do not cross.
    middles = (rings[:-1] + rings[1:]) / 2 - ((rings[:-1] + rings[1:]) / 2).mean(1, keepdims=True)
    assert np.linalg.norm(middles, axis=2).min() > 0.001 * 0.95
    if closed:
        np.testing.assert_array_equal(rings[0], rings[-1])
        merged = np.where(faces >= 14 * 6, faces - 14 * 6, faces)
        assert open_edges(merged) == 0
    else:
        assert open_edges(faces) == 2 * 6


def test_a_shell_is_lifted_along_the_normals(head: Head) -> None:
    faces = head.triangles[head.parts == 1]
    rng = np.random.default_rng(0)
    normals = rng.normal(size=head.template.shape).astype(np.float32)
    lift = rng.uniform(0, 0.01, len(head.template)).astype(np.float32)
    part = shell(head.template, head.template, normals, faces, lift, material=HAIR, paint=0, cover=0.3)
    assert part is not None
    for face, old in zip(part.triangles, faces, strict=True):
        for new, vertex in zip(face, old, strict=True):
            expected = head.template[vertex] + normals[vertex] * lift[vertex]
            np.testing.assert_allclose(part.positions[new], expected, atol=1e-6)
            np.testing.assert_array_equal(part.template[new], head.template[vertex])
    assert (part.covers == np.float32(0.3)).all()
    nothing = shell(head.template, head.template, normals, faces[:0], lift, material=HAIR, paint=0)
    assert nothing is None


def test_a_mesh_has_casters_then_other_parts_then_lenses(head: Head) -> None:
    """Every triangle of the mesh has the corners, the material and the colour that it had in its part."""

    def part(number: int, *, casts: bool, lens: bool) -> Part:
        where = np.full((3, 3), number, np.float32) + np.eye(3, dtype=np.float32)
        faces = np.array([[0, 1, 2]] * (number + 1), np.int32)
        return Part(where, where, faces, CLOTH + number, number, np.full(3, number, np.float32), casts, lens)

    parts = [
        part(0, casts=False, lens=True),
        part(1, casts=False, lens=False),
        part(2, casts=True, lens=False),
        part(3, casts=False, lens=False),
    ]
    materials = np.arange(len(head.triangles), dtype=np.int32) % 3
    mesh = assemble(head.template, head.template, head.open_light, head.triangles, materials, parts, shadeless=7)
    own = len(head.triangles)
    np.testing.assert_array_equal(mesh.triangles[:own], head.triangles)
    np.testing.assert_array_equal(mesh.materials[:own], materials)
    assert (mesh.paints[:own] == 0).all()
    assert (mesh.shadeless, mesh.casters, mesh.lenses) == (7, own + 3, 1)
    assert mesh.paints[own:].tolist() == [2, 2, 2, 1, 1, 3, 3, 3, 3, 0]
    for face, paint, material in zip(mesh.triangles[own:], mesh.paints[own:], mesh.materials[own:], strict=True):
        np.testing.assert_array_equal(mesh.shape[face], paint + np.eye(3, dtype=np.float32))
        assert material == CLOTH + paint
        assert (mesh.covers[face] == paint).all()
    assert not mesh.covers[: len(head.template)].any()
