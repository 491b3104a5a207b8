"""Geometry's kernels, each against a slow reference in double precision."""

from dataclasses import replace

import numpy as np
import pytest
import warp as wp
from numpy.typing import NDArray

from kronface.synth import kernels
from kronface.synth.hair import strands
from kronface.synth.head import Floats
from kronface.synth.kernels import BEARD, EAR, EYE, HAIR, MOUTH, SKIN
from kronface.synth.render import CROWDING, HIGH, LOW, Camera, Pose, compile_kernels, render, vertex_normals
from kronface.synth.scene import rotation
from tests.synth.plain import BLACK, FRONT, Plain, Square, squares

SIZE = 24


def growth_of(line: Floats, curl: float = 0.0, crown: float = 10.0) -> kernels.Growth:
    growth = kernels.Growth()
    growth.line = wp.array(line, dtype=float, device="cpu")
    growth.strands = wp.array(strands(), dtype=wp.vec4, device="cpu")
    growth.offset, growth.curl, growth.crown = 0.3, curl, crown
    growth.low, growth.high, growth.crowding = LOW, HIGH, CROWDING
    return growth


class Case:
    """Random triangles of one material, with random places on the template."""

    def __init__(self, seed: int, material: int, rest: Floats, covers: Floats, *, line: Floats | None = None) -> None:
        rng = np.random.default_rng(seed)
        self.points = rng.uniform((-4, -4, 1), (SIZE + 4, SIZE + 4, 2), (24, 3)).astype(np.float32)
        self.triangles = rng.permutation(24).reshape(8, 3).astype(np.int32)
        self.material, self.rest, self.covers = material, rest, covers
        self.line = np.zeros(16, np.float32) if line is None else line
        self.texture = rng.uniform(0, 1, (12, 16, 8)).astype(np.float32)
        self.curl = 0.4
        self.crown = 10.0

    def rasterised(
        self, first: int = 0, number: int | None = None, over: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """(SIZE, SIZE) keys; `over` are those of an earlier pass, behind which nothing is looked at."""
        compile_kernels()
        keys = wp.full((SIZE, SIZE), kernels.EMPTY, dtype=wp.int64, device="cpu")
        tiles = wp.empty((1, 1), dtype=wp.int64, device="cpu")
        if over is not None:
            keys = wp.array(over, dtype=wp.int64, device="cpu")
            tiles = wp.empty((-(-SIZE // kernels.TILE),) * 2, dtype=wp.int64, device="cpu")
            wp.launch(kernels.farthest, tiles.shape, [keys, tiles], device="cpu")
        arguments = [
            wp.array(self.points, dtype=wp.vec3, device="cpu"),
            wp.array(self.triangles, dtype=wp.int32, device="cpu"),
            wp.full(len(self.triangles), self.material, dtype=wp.int32, device="cpu"),
            wp.array(self.covers, dtype=float, device="cpu"),
            wp.array(self.rest, dtype=wp.vec3, device="cpu"),
            wp.array(self.texture, dtype=kernels.texel, device="cpu"),
            growth_of(self.line, self.curl, self.crown),
            first,
            0.5,
            2.5,
            SIZE,
            SIZE,
            tiles,
            keys,
        ]
        wp.launch(kernels.rasterise, len(self.triangles) if number is None else number, arguments, device="cpu")
        return np.array(keys.numpy(), np.int64)

    def strand(self, turn: float, height: float, around: float, down: float) -> tuple[float, float]:
        rows, columns = strands().shape[:2]
        x = ((turn / (2 * np.pi) + 0.3) % 1.0) * around % 1.0
        y = abs(height) * down % 1.0
        found = strands()[min(int(y * rows), rows - 1), min(int(x * columns), columns - 1)].astype(np.float64)
        mixed = (1 - self.curl) * found[:2] + self.curl * found[2:]
        return float(mixed[0]), float(mixed[1])

    def covered(self, place: NDArray[np.float64], cover: float) -> bool:
        """Whether a strand is there."""
        turn = float(np.arctan2(place[0], -place[1]))
        if self.material == HAIR:
            fine, coarse = self.strand(turn, place[2], 3.0, 5.0)
            if not 0.4 * fine + 0.6 * coarse >= cover:
                return False
            if place[2] >= 0.83 and self.crown > 0.83:
                return True
            position = np.clip((turn / (2 * np.pi) + 0.5) * len(self.line) - 0.5, 0, len(self.line) - 1.001)
            line = np.interp(position, np.arange(len(self.line)), self.line)
            density = np.clip(0.5 + min(place[2] - line, self.crown - place[2]) / 0.012, 0, 1)
            return bool(density + 0.45 * (fine - 0.5) > 0.5)
        if self.material == BEARD:
            fine, _ = self.strand(turn, place[2], 9.0, 30.0)
            share = turn / np.pi
            x = 0.5 + 0.5 * (1 + CROWDING) * share / (1 + CROWDING * abs(share))
            y = (HIGH - place[2]) / (HIGH - LOW)
            rows, columns = self.texture.shape[:2]
            row = min(max(int(y * rows), 0), rows - 1)
            dense = float(self.texture[row, min(max(int(x * columns), 0), columns - 1), 7])
            return dense * (0.4 + fine) > 0.35 + 0.5 * cover
        return True

    def expected(self, first: int = 0, number: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Slow reference: at every pixel, every triangle, by barycentric coordinates; -1 where there is none."""
        out, depths = np.full((SIZE, SIZE), -1), np.full((SIZE, SIZE), np.inf)
        chosen = range(first, len(self.triangles) if number is None else first + number)
        for t in chosen:
            corners = self.points[self.triangles[t]].astype(np.float64)
            plane = np.concatenate([corners[:, :2].T, np.ones((1, 3))])
            area = float(np.linalg.det(plane))
            if abs(area) < 1e-9 or (area > 0 and self.material in (SKIN, EYE, EAR)):
                continue
            for y in range(SIZE):
                for x in range(SIZE):
                    weights = np.linalg.solve(plane, (x, y, 1.0))
                    depth = weights @ corners[:, 2]
                    if weights.min() < 0 or not 0.5 < depth < 2.5 or depth >= depths[y, x]:
                        continue
                    place = weights @ self.rest[self.triangles[t]].astype(np.float64)
                    if self.covered(place, float(weights @ self.covers[self.triangles[t]])):
                        depths[y, x], out[y, x] = depth, t
        return out, depths


def numbers_of(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(keys == np.iinfo(np.int64).max, -1, keys & 0xFFFFFFFF)


PLAIN_REST, NO_COVERS = np.zeros((24, 3), np.float32), np.zeros(24, np.float32)


@pytest.mark.parametrize(("seed", "material"), [(0, MOUTH), (1, MOUTH), (2, SKIN), (3, EYE), (4, EAR)])
def test_rasteriser_keeps_the_nearest_triangle(seed: int, material: int) -> None:
    case = Case(seed, material, PLAIN_REST, NO_COVERS)
    keys = case.rasterised()
    expected, depths = case.expected()
    # A pixel that lies on an edge to the last bit may go either way.
    same = numbers_of(keys) == expected
    assert same.mean() > 0.995
    assert len(np.unique(expected)) > 3
    found = (keys >> 32) / 1e9 * 2.0 + 0.5
    np.testing.assert_allclose(found[same & (expected >= 0)], depths[same & (expected >= 0)], atol=1e-5)


def test_what_faces_away_is_left_out_for_skin_and_eyes_alone() -> None:
    for material, both in ((SKIN, False), (EYE, False), (EAR, False), (MOUTH, True), (HAIR, True)):
        case = Case(5, material, np.tile(np.array([0, -0.1, 0.84], np.float32), (24, 1)), NO_COVERS)
        seen = set(np.unique(numbers_of(case.rasterised()))) - {-1}
        case.points = case.points[:, [1, 0, 2]]  # mirrored: what faced away faces here
        mirrored = set(np.unique(numbers_of(case.rasterised()))) - {-1}
        assert bool(seen & mirrored) == both, material


def test_a_part_of_the_triangles_can_be_rasterised_alone() -> None:
    case = Case(6, MOUTH, PLAIN_REST, NO_COVERS)
    part = numbers_of(case.rasterised(first=3, number=4))
    assert set(np.unique(part)) <= {-1, 3, 4, 5, 6}
    assert (part == case.expected(first=3, number=4)[0]).mean() > 0.995
    assert (part >= 0).any()


@pytest.mark.parametrize("seed", range(5))
def test_leaving_out_what_is_hidden_changes_nothing(seed: int) -> None:
    case = Case(seed, MOUTH, PLAIN_REST, NO_COVERS)
    case.points[case.triangles[0]] = [(-60, -60, 1.5), (90, -60, 1.5), (10, 90, 1.5)]  # a wall
    wall = case.rasterised(number=1)
    assert (wall != kernels.EMPTY).all()
    np.testing.assert_array_equal(case.rasterised(first=1, number=7, over=wall), case.rasterised())
    nothing = np.full((SIZE, SIZE), kernels.EMPTY, np.int64)
    np.testing.assert_array_equal(case.rasterised(over=nothing), case.rasterised())


def test_layers_of_hair_let_through_what_no_strand_covers() -> None:
    rng = np.random.default_rng(7)
    rest = rng.uniform((-0.1, -0.12, 0.7), (0.1, 0.1, 0.84), (24, 3)).astype(np.float32)
    covers = rng.uniform(0, 0.9, 24).astype(np.float32)
    line = np.full(16, 0.77, np.float32) + rng.normal(0, 0.01, 16).astype(np.float32)
    for crown in (10.0, 0.8):
        case = Case(8, HAIR, rest, covers, line=line)
        case.crown = crown
        expected = case.expected()[0]
        # Where a strand's border runs between two texels, single precision may fall on the other side.
        assert (numbers_of(case.rasterised()) == expected).mean() > 0.98
        assert 0.1 < (expected >= 0).mean() < 0.9
    whole = Case(8, MOUTH, rest, covers).expected()[0]
    assert ((whole >= 0) & (expected < 0)).mean() > 0.1


def test_beards_grow_by_the_texture() -> None:
    rng = np.random.default_rng(9)
    rest = rng.uniform((-0.1, -0.16, 0.58), (0.1, -0.05, 0.72), (24, 3)).astype(np.float32)
    case = Case(8, BEARD, rest, rng.uniform(0, 0.5, 24).astype(np.float32))
    expected = case.expected()[0]
    assert (numbers_of(case.rasterised()) == expected).mean() > 0.98
    assert 0.05 < (expected >= 0).mean() < 0.9
    case.texture[:, :, 7] = 0
    assert (numbers_of(case.rasterised()) == -1).all()


def test_roots_are_dense_and_tips_end() -> None:
    """Cover 0 is hair everywhere, cover 1 nowhere, one half about half of the places."""
    rest = np.random.default_rng(1).uniform((-0.1, -0.1, 0.831), (0.1, 0.1, 0.85), (24, 3)).astype(np.float32)
    solid = numbers_of(Case(8, MOUTH, rest, NO_COVERS).rasterised()) >= 0
    shares = {}
    for cover in (0.0, 0.5, 1.0):
        hairy = numbers_of(Case(8, HAIR, rest, np.full(24, cover, np.float32)).rasterised()) >= 0
        assert not (hairy & ~solid).any()
        shares[cover] = hairy.sum() / solid.sum()
    assert shares[0.0] == 1.0
    assert shares[1.0] == 0.0
    assert 0.3 < shares[0.5] < 0.9  # several layers lie over each other


def test_vertices_are_staged_as_the_pose_and_the_camera_say() -> None:
    """The head's turn grows over the neck; the renderer's positions are those of `Pose.apply`."""
    rng = np.random.default_rng(3)
    mesh = replace(squares(Square(), Square(y=0.2)), shape=rng.uniform(-0.2, 0.2, (8, 3)).astype(np.float32))
    pose = Pose(
        rotation(0.5, 0.2, -0.1),
        rotation(0.2, 0, 0),
        np.array([0, 0.07, -0.1]),
        np.array([0.01, 0.02, 0.03]),
        (-0.1, 0.2),
    )
    seen = render(mesh, pose, Plain().surface(), FRONT, Camera(1.5, np.array([[9.0, 0, 20], [0, 9.0, 20]])), BLACK)
    np.testing.assert_allclose(seen.positions, pose.apply(mesh.shape), atol=1e-6)
    for place, found in zip(mesh.shape.astype(np.float64), seen.positions, strict=True):
        share = np.clip((place[2] + 0.1) / 0.2, 0, 1)
        turned = share * pose.head @ (place - pose.pivot) + (1 - share) * pose.body @ (place - pose.pivot)
        np.testing.assert_allclose(found, turned - pose.offset, atol=1e-6)


def test_camera_is_a_pinhole() -> None:
    camera = Camera(2.0, np.array([[100.0, 0.0, 50.0], [0.0, 100.0, 60.0]]))
    seen = camera.project(np.array([[0.0, 0.0, 0.0], [0.1, -1.0, 0.2]]))
    np.testing.assert_allclose(seen, [[50, 60, 2], [50 + 10, 60 - 20, 1]], rtol=1e-6)


def test_normals_are_those_of_a_sphere_and_of_the_kernel() -> None:
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 24, endpoint=False), np.linspace(0.2, np.pi - 0.2, 12))
    points = np.stack([np.sin(v) * np.cos(u), np.sin(v) * np.sin(u), np.cos(v)], 2).reshape(-1, 3).astype(np.float32)
    faces = []
    for row in range(11):
        for column in range(24):
            a, b = row * 24 + column, row * 24 + (column + 1) % 24
            faces += [[a, a + 24, b], [b, a + 24, b + 24]]
    triangles = np.array(faces, np.int32)
    normals = vertex_normals(points, triangles)
    assert ((normals * points).sum(1) > 0.95).all()  # outwards
    compile_kernels()
    total = wp.zeros(len(points), dtype=wp.vec3, device="cpu")
    arguments = [
        wp.array(points, dtype=wp.vec3, device="cpu"),
        wp.array(triangles, dtype=wp.int32, device="cpu"),
        total,
    ]
    wp.launch(kernels.add_normals, len(triangles), arguments, device="cpu")
    found = total.numpy()
    np.testing.assert_allclose(found / np.linalg.norm(found, axis=1, keepdims=True), normals, atol=1e-5)
