import numpy as np
import pytest
import warp as wp
from numpy.typing import NDArray

from kronface.synth import kernels
from kronface.synth.render import Camera, compile_kernels

SIZE = 24


def nearest_triangles(points: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.int64]:
    """Slow reference: at every pixel, every triangle, by barycentric coordinates; -1 where there is none."""
    out = np.full((SIZE, SIZE), -1)
    for y in range(SIZE):
        for x in range(SIZE):
            nearest = np.inf
            for number, corners in enumerate(triangles):
                plane = np.concatenate([points[corners][:, :2].T, np.ones((1, 3))])
                if abs(np.linalg.det(plane)) < 1e-9:
                    continue
                weights = np.linalg.solve(plane, (x, y, 1.0))
                depth = weights @ points[corners][:, 2]
                if weights.min() >= 0 and depth < nearest:
                    nearest, out[y, x] = depth, number
    return out


@pytest.mark.parametrize("seed", [0, 1])
def test_rasteriser_keeps_the_nearest_triangle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform((-4, -4, 1), (SIZE + 4, SIZE + 4, 2), (24, 3)).astype(np.float32)
    triangles = rng.permutation(24).reshape(8, 3).astype(np.int32)
    compile_kernels()
    keys = wp.full((SIZE, SIZE), kernels.EMPTY, dtype=wp.int64, device="cpu")
    wp.launch(
        kernels.rasterise,
        len(triangles),
        [
            wp.array(points, dtype=wp.vec3, device="cpu"),
            wp.array(triangles, dtype=wp.int32, device="cpu"),
            wp.full(len(triangles), kernels.MOUTH, dtype=wp.int32, device="cpu"),
            wp.zeros(len(points), dtype=wp.vec3, device="cpu"),
            wp.zeros((2, 2), dtype=kernels.texel, device="cpu"),
            0.0,
            1.0,
            0.5,
            2.5,
            SIZE,
            SIZE,
            keys,
        ],
        device="cpu",
    )
    found = keys.numpy()
    numbers = np.where(found == np.iinfo(np.int64).max, -1, found & 0xFFFFFFFF)
    expected = nearest_triangles(points.astype(np.float64), triangles)
    # A pixel that lies on an edge to the last bit may go either way.
    assert (numbers != expected).mean() < 0.005
    assert len(np.unique(expected)) > 4


def test_camera_is_a_pinhole() -> None:
    camera = Camera(2.0, np.array([[100.0, 0.0, 50.0], [0.0, 100.0, 60.0]]))
    seen = camera.project(np.array([[0.0, 0.0, 0.0], [0.1, -1.0, 0.2]]))
    np.testing.assert_allclose(seen, [[50, 60, 2], [50 + 10, 60 - 20, 1]], rtol=1e-6)
