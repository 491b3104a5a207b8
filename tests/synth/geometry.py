"""Slow and plain: where lines through triangles meet them."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def corners(positions: NDArray[np.floating], triangles: NDArray[np.integer]) -> Doubles:
    """(F, 3, 3) corners of triangles."""
    return np.asarray(positions[triangles], np.float64)


def distances(faces: Doubles, centre: NDArray[np.floating], ways: Doubles) -> Doubles:
    """(N, F) how far from a centre rays meet each triangle; infinite where they do not.

    A ray lies in a triangle's cone if it lies on the same side of the three planes through the centre and an edge.
    """
    a, b, c = (faces[:, corner] - centre for corner in range(3))
    sides = np.stack([ways @ np.cross(first, second).T for first, second in ((a, b), (b, c), (c, a))])
    normals = np.cross(b - a, c - a)
    slope = ways @ normals.T
    inside = ((sides >= 0).all(0) | (sides <= 0).all(0)) & (np.abs(slope) > 1e-15)
    far = np.where(inside, (normals * a).sum(1) / np.where(inside, slope, 1.0), np.inf)
    return np.where(far > 0, far, np.inf)


def depths(faces: Doubles, places: NDArray[np.floating]) -> Doubles:
    """(N, F) y at which lines along y through places (x, z) meet each triangle; nan where they do not."""
    x, z = faces[:, :, 0], faces[:, :, 2]
    plane = np.concatenate([np.asarray(places, np.float64), np.ones((len(places), 1))], 1)
    weights = []
    for i, j in ((1, 2), (2, 0), (0, 1)):
        across, up = x[:, j] - x[:, i], z[:, j] - z[:, i]
        weights.append(plane @ np.stack([-up, across, up * x[:, i] - across * z[:, i]]))
    total = np.sum(weights, axis=0)
    inside = ((np.array(weights) >= 0).all(0) | (np.array(weights) <= 0).all(0)) & (np.abs(total) > 1e-16)
    y = sum(weight * faces[:, corner, 1] for corner, weight in enumerate(weights)) / np.where(inside, total, 1.0)
    return np.where(inside, y, np.nan)


def sticks_out(points: NDArray[np.floating], faces: Doubles, centre: NDArray[np.floating]) -> Doubles:
    """(N,) how far points lie beyond a surface around a centre, in metres; minus infinity where it does not reach."""
    arms = np.asarray(points, np.float64) - centre
    lengths = np.linalg.norm(arms, axis=1)
    return np.asarray(lengths - distances(faces, centre, arms / lengths[:, None]).min(1), np.float64)
