"""From a mesh, a texture, lights and a camera to pixels."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import warp as wp
from numpy.typing import NDArray

from kronface.synth import kernels
from kronface.synth.linear import transform
from kronface.synth.silence import silenced

Floats = NDArray[np.float32]

LOW, HIGH = 0.56, 0.86
"""Heights of the template between which the texture's rows lie, in metres."""

SHADOW_SIDE = 256
SHADOW_REACH = 0.2
"""Metres around the eyes within which shadows fall; farther off everything is lit."""

SUPERSAMPLING = 2


@dataclass(frozen=True)
class Mesh:
    """Posed geometry, in metres, the camera looking along +y from far -y."""

    positions: Floats
    """(V, 3) where each vertex is."""
    template: Floats
    """(V, 3) where it is on the template: what is painted on it."""
    normals: Floats
    """(V, 3) of length 1."""
    triangles: NDArray[np.int32]
    """(F, 3)."""
    materials: NDArray[np.int32]
    """(F,) numbers of `kernels`."""


@dataclass(frozen=True)
class Surface:
    """What is painted on a person."""

    texture: Floats
    """(H, W, 6): linear RGB of the skin, density of hair, occlusion, and noise; columns go around the head."""
    iris: tuple[float, float, float]
    iris_radius: float
    pupil_radius: float
    eye_left: Floats
    """(3,) centre of the eye at +x on the template."""
    eye_right: Floats
    hair: tuple[float, float, float]
    cloth: tuple[float, float, float]
    neckline: float
    gloss: float


@dataclass(frozen=True)
class Lighting:
    """Directional lights, the first of which casts shadows, and a two-tone ambient light; linear RGB."""

    directions: Floats
    """(L, 3) towards the light, of length 1."""
    colours: Floats
    """(L, 3)."""
    sky: tuple[float, float, float]
    ground: tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera at (0, -distance, 0) that looks along +y, and a similarity into the picture."""

    distance: float
    """Metres from the point between the eyes."""
    matrix: NDArray[np.float64]
    """(2, 3): from the image plane (x to the right, y down, at unit distance) to pixels."""

    def project(self, positions: NDArray[np.floating]) -> Floats:
        """(N, 3) positions -> (N, 3): pixel x, pixel y, and the distance along the camera's axis."""
        depth = positions[:, 1] + self.distance
        plane = np.stack([positions[:, 0] / depth, -positions[:, 2] / depth], 1)
        pixels = transform(plane, self.matrix[:, :2]) + self.matrix[:, 2]
        return np.concatenate([pixels, depth[:, None]], 1).astype(np.float32)


@cache
def compile_kernels(device: str = "cpu") -> None:
    """Starts Warp and compiles the kernels, unless its cache on disk has them: half a minute the first time.

    Processes that render side by side should find them compiled: let their parent do it.
    """
    with silenced():
        wp.init()
    wp.load_module(kernels, device=device)


def render(
    mesh: Mesh, surface: Surface, lighting: Lighting, camera: Camera, background: Floats, *, device: str = "cpu"
) -> Floats:
    """Renders one picture.

    Args:
        mesh: what is seen.
        surface: what is painted on it.
        lighting: the lights.
        camera: where from; its matrix gives pixels of the finished picture.
        background: (H, W, 3) linear RGB; its shape is the picture's.
        device: Warp's name of the device.

    Returns:
        (H, W, 3) linear RGB, averaged from four samples per pixel.
    """
    compile_kernels(device)
    height, width = background.shape[0] * SUPERSAMPLING, background.shape[1] * SUPERSAMPLING
    points = camera.project(mesh.positions)
    # Sample k of a pixel p lies at k / n + (1 - n) / 2n beside its centre.
    points[:, :2] = points[:, :2] * SUPERSAMPLING + (SUPERSAMPLING - 1) / 2
    light_points = _light_view(mesh.positions, lighting.directions[0])

    with wp.ScopedDevice(device):
        triangles = wp.array(mesh.triangles, dtype=wp.int32)
        materials = wp.array(mesh.materials, dtype=wp.int32)
        template = wp.array(mesh.template, dtype=wp.vec3)
        texture = wp.array(surface.texture, dtype=kernels.texel)
        views = []
        for view, shape in ((points, (height, width)), (light_points, (SHADOW_SIDE, SHADOW_SIDE))):
            keys = wp.full(shape, kernels.EMPTY, dtype=wp.int64)
            near, far = float(view[:, 2].min()) - 1e-3, float(view[:, 2].max()) + 1e-3
            on_device = wp.array(view, dtype=wp.vec3)
            wp.launch(
                kernels.rasterise,
                len(mesh.triangles),
                [on_device, triangles, materials, template, texture, LOW, HIGH, near, far, shape[1], shape[0], keys],
            )
            views.append((keys, on_device, near, far))
        out = wp.empty(background.shape[:2], dtype=wp.vec3)
        wp.launch(
            kernels.shade,
            background.shape[:2],
            [
                views[0][0],
                SUPERSAMPLING,
                views[0][1],
                wp.array(mesh.positions, dtype=wp.vec3),
                wp.array(mesh.normals, dtype=wp.vec3),
                template,
                views[1][1],
                triangles,
                materials,
                texture,
                LOW,
                HIGH,
                views[0][3] - views[0][2],
                views[1][0],
                views[1][2],
                views[1][3],
                wp.vec3(0.0, -camera.distance, 0.0),
                wp.array(lighting.directions, dtype=wp.vec3),
                wp.array(lighting.colours, dtype=wp.vec3),
                wp.vec3(*lighting.sky),
                wp.vec3(*lighting.ground),
                wp.vec3(*surface.eye_left),
                wp.vec3(*surface.eye_right),
                wp.vec3(*surface.iris),
                surface.iris_radius,
                surface.pupil_radius,
                wp.vec3(*surface.hair),
                wp.vec3(*surface.cloth),
                surface.neckline,
                surface.gloss,
                wp.array(background, dtype=wp.vec3),
                out,
            ],
        )
        return np.array(out.numpy(), np.float32)


def _light_view(positions: Floats, direction: Floats) -> Floats:
    """(V, 3) pixels and distance as the light sees the mesh, orthographic, filling the shadow map."""
    forward = -direction / np.linalg.norm(direction)
    right = np.cross(forward, (0.0, 0.0, 1.0) if abs(forward[2]) < 0.9 else (1.0, 0.0, 0.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward], 1)
    view = transform(positions, axes.T)
    # What lies below the neck casts no shadow on the face: the map holds the head, at two pixels per three millimetres.
    head = view[(positions**2).sum(1) < SHADOW_REACH**2]
    held = head if len(head) else view
    low, high = held[:, :2].min(0), held[:, :2].max(0)
    view[:, :2] = (view[:, :2] - low) / (high - low).max() * (SHADOW_SIDE - 3) + 1
    return np.asarray(view, np.float32)


def vertex_normals(positions: Floats, triangles: NDArray[np.int32]) -> Floats:
    """(V, 3) normals of length 1, averaged over each vertex's triangles by their area."""
    a, b, c = (positions[triangles[:, corner]] for corner in range(3))
    faces = np.cross(b - a, c - a)
    total = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(faces[:, axis], 3), minlength=len(positions)) for axis in range(3)],
        1,
    )
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12), np.float32)
