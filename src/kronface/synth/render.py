"""From a mesh, a texture, lights and a camera to pixels."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import warp as wp
from numpy.typing import NDArray

from kronface.synth import kernels, shading
from kronface.synth.linear import transform
from kronface.synth.silence import silenced

Floats = NDArray[np.float32]

LOW, HIGH = 0.56, 0.86
"""Heights of the template between which the texture's rows lie, in metres."""

CROWDING = 3.0
"""The skin's columns lie this many times + 1 as close in front as they would if they were even."""

SHADOW_SIDE = 192
SHADOW_REACH = 0.165
"""Half of what the light sees, in metres: the head. Farther off everything is lit."""
SHADOW_MIDDLE = (0.0, 0.07, -0.01)
"""Middle of the head, relative to the point between the eyes."""

DEPTH = 0.5
"""Metres before and behind the eyes between which there is anything to see."""

SUPERSAMPLING = 2


@dataclass(frozen=True)
class Mesh:
    """Geometry before the head turns, in metres, the point between the eyes at the origin.

    Triangles come in this order: those that cast shadows, further layers of hair, and lenses.
    """

    shape: Floats
    """(V, 3) where each vertex is."""
    template: Floats
    """(V, 3) where it is on the template: what is painted on it."""
    covers: Floats
    """(V,) height in a layer of hair: 0 root, 1 tip."""
    triangles: NDArray[np.int32]
    """(F, 3)."""
    materials: NDArray[np.int32]
    """(F,) numbers of `kernels`."""
    paints: NDArray[np.int32]
    """(F,) colours by their number in the surface's palette."""
    open_light: Floats
    """(W,) share of the light from all around that arrives at each of the first W vertices; at the others, all."""
    head: int
    """Triangles at the start that are the head's: they hide many of the others."""
    shadeless: int
    """Triangles at the start that cast no shadows after all."""
    casters: int
    """Triangles up to which shadows are cast."""
    lenses: int
    """Triangles at the end that are looked through."""


@dataclass(frozen=True)
class Pose:
    """How the head stands on the shoulders."""

    head: NDArray[np.float64]
    """(3, 3) rotation."""
    body: NDArray[np.float64]
    """(3, 3) rotation of the shoulders."""
    pivot: NDArray[np.float64]
    """(3,) about which both turn."""
    offset: NDArray[np.float64]
    """(3,) subtracted at the end, so that the point between the eyes comes to the origin."""
    neck: tuple[float, float]
    """Height at which the head's turn begins, and over how much it grows to all of it."""

    def apply(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 3) points of the mesh -> where they are after the turn."""
        centred = np.asarray(points, np.float64) - self.pivot
        weight = np.clip((np.asarray(points, np.float64)[:, 2:] - self.neck[0]) / self.neck[1], 0, 1)
        turned = weight * transform(centred, self.head) + (1 - weight) * transform(centred, self.body)
        return np.asarray(turned - self.offset, np.float64)


@dataclass(frozen=True)
class Surface:
    """What is painted on a person in one picture."""

    texture: Floats
    """(H, W, 8) as `texture` describes it."""
    brows: Floats
    """(H, W) how much of each place they cover."""
    line: Floats
    """(C,) height above which hair grows, by turn, evenly from behind over the right, the front and the left."""
    crown: float
    """Height above which a bald head is bare."""
    strands: Floats
    """(R, S, 4) fine and coarse straight strands and curls, in [0, 1]."""
    palette: Floats
    """(P, 3) linear RGB; the first is the hair's."""
    curl: float
    offset: float
    """Of `kernels.Growth`."""
    values: dict[str, object]
    """Fields of `kernels.Paint`."""
    lens: tuple[float, float, float, float]
    """Shares of red, green and blue that lenses let through, and how much they mirror."""


@dataclass(frozen=True)
class Lighting:
    """Directional lights, the first of which casts shadows, and a two-tone ambient light; linear RGB."""

    directions: Floats
    """(L, 3) towards the light, of length 1."""
    colours: Floats
    """(L, 3)."""
    sky: tuple[float, float, float]
    ground: tuple[float, float, float]
    softness: float = 1.2
    """Of the shadows' edges, in pixels of the shadow map."""
    dark: float = 1.0
    """How much of the first light a shadow takes, in [0, 1]."""


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


@dataclass(frozen=True)
class Rendered:
    """What `render` makes."""

    linear: Floats
    """(H, W, 3) linear RGB, averaged from four samples per pixel."""
    regions: NDArray[np.uint8] | None
    """(H, W) what each pixel shows, as `shading.label` says; None where it was not asked for."""
    positions: Floats
    """(V, 3) where each vertex came to be."""


@cache
def compile_kernels(device: str = "cpu") -> None:
    """Starts Warp and compiles the kernels, unless its cache on disk has them: about a minute the first time.

    Processes that render side by side should find them compiled: let their parent do it.
    """
    with silenced():
        wp.init()
    for module in (kernels, shading):
        wp.load_module(module, device=device)


def render(
    mesh: Mesh,
    pose: Pose,
    surface: Surface,
    lighting: Lighting,
    camera: Camera,
    background: Floats,
    *,
    regions: bool = False,
    device: str = "cpu",
) -> Rendered:
    """Renders one picture.

    Args:
        mesh: what is seen.
        pose: how it is turned.
        surface: what is painted on it.
        lighting: the lights.
        camera: where from; its matrix gives pixels of the finished picture.
        background: (H, W, 3) linear RGB; its shape is the picture's.
        regions: also say what each pixel shows.
        device: Warp's name of the device.
    """
    compile_kernels(device)
    height, width = background.shape[:2]
    samples = (height * SUPERSAMPLING, width * SUPERSAMPLING)
    count, faces = len(mesh.shape), len(mesh.triangles)
    with wp.ScopedDevice(device):
        view, light = _view(camera), _light(lighting)
        triangles = _array(mesh.triangles, wp.int32)
        materials, paints = _array(mesh.materials, wp.int32), _array(mesh.paints, wp.int32)
        rest, covers = _array(mesh.template, wp.vec3), _array(mesh.covers, float)
        texture = _array(surface.texture, kernels.texel)
        growth, paint = _growth(surface), _paint(surface)
        positions, points, light_points, normals = (wp.empty(count, dtype=wp.vec3) for _ in range(4))
        half = (SHADOW_SIDE - 1) / 2
        matrices = (wp.mat33(*matrix.ravel().tolist()) for matrix in (pose.head, pose.body))
        wp.launch(
            kernels.stage,
            count,
            [
                _array(mesh.shape, wp.vec3),
                *matrices,
                wp.vec3(*pose.pivot.tolist()),
                wp.vec3(*pose.offset.tolist()),
                *pose.neck,
                view,
                light,
                wp.vec3(*SHADOW_MIDDLE),
                half,
                positions,
                points,
                light_points,
                normals,
            ],
        )
        wp.launch(kernels.add_normals, faces, [positions, triangles, normals])
        keys, light_keys, lens_keys = (
            wp.full(shape, kernels.EMPTY, dtype=wp.int64)
            for shape in (samples, (SHADOW_SIDE, SHADOW_SIDE), samples if mesh.lenses else (1, 1))
        )
        reach = (-0.4, 0.4)
        tiles = wp.empty(tuple(-(-side // kernels.TILE) for side in samples), dtype=wp.int64)
        none = wp.empty((1, 1), dtype=wp.int64)
        depths = (view.near, view.far)
        passes = (
            (points, 0, mesh.head, depths, none, keys),
            (points, mesh.head, faces - mesh.lenses - mesh.head, depths, tiles, keys),
            (
                light_points,
                mesh.shadeless,
                (mesh.casters - mesh.shadeless) * (lighting.dark > 0),
                reach,
                none,
                light_keys,
            ),
            (points, faces - mesh.lenses, mesh.lenses, depths, none, lens_keys),
        )
        for where, first, number, (near, far), hidden, target in passes:
            if number:
                if hidden is tiles:
                    wp.launch(kernels.farthest, tiles.shape, [keys, tiles])
                shape = target.shape
                arguments = [where, triangles, materials, covers, rest, texture, growth, first, near, far]
                wp.launch(kernels.rasterise, number, [*arguments, shape[1], shape[0], hidden, target])
        out = wp.empty((height, width), dtype=wp.vec3)
        # On a processor threads follow each other, and each loads all of the kernel's arguments anew.
        run = width if device == "cpu" else 1
        wp.launch(
            shading.shade,
            (height, -(-width // run)),
            [
                keys,
                lens_keys,
                run,
                SUPERSAMPLING,
                points,
                positions,
                normals,
                rest,
                light_points,
                triangles,
                materials,
                paints,
                _array(surface.palette, wp.vec3),
                covers,
                _array(mesh.open_light, float),
                texture,
                growth,
                paint,
                light,
                view,
                light_keys,
                *reach,
                wp.vec4(*surface.lens),
                _array(background, wp.vec3),
                out,
            ],
        )
        named = None
        if regions:
            kinds = wp.empty((height, width), dtype=wp.uint8)
            brows = _array(surface.brows, float)
            arguments = [keys, SUPERSAMPLING, points, rest, triangles, materials, texture, brows, growth, paint, kinds]
            wp.launch(shading.label, (height, width), arguments)
            named = np.array(kinds.numpy(), np.uint8)
        return Rendered(np.array(out.numpy(), np.float32), named, np.array(positions.numpy(), np.float32))


def _array(values: NDArray[np.generic], dtype: type) -> wp.array:
    """On a processor the array itself, without a copy."""
    return wp.array(np.ascontiguousarray(values), dtype=dtype, copy=False)


def _view(camera: Camera) -> kernels.View:
    view = kernels.View()
    # Sample k of a pixel p lies at k / n + (1 - n) / 2n beside its centre.
    matrix = camera.matrix * SUPERSAMPLING
    matrix[:, 2] += (SUPERSAMPLING - 1) / 2
    view.distance = camera.distance
    view.a = wp.vec3(*matrix[0].tolist())
    view.b = wp.vec3(*matrix[1].tolist())
    view.near, view.far = max(camera.distance - DEPTH, 0.05), camera.distance + DEPTH
    return view


def _light(lighting: Lighting) -> kernels.Light:
    light = kernels.Light()
    light.directions = _array(lighting.directions, wp.vec3)
    light.colours = _array(lighting.colours, wp.vec3)
    light.sky, light.ground = wp.vec3(*lighting.sky), wp.vec3(*lighting.ground)
    forward = -np.asarray(lighting.directions[0], np.float64)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0) if abs(forward[2]) < 0.9 else (1.0, 0.0, 0.0))
    right /= np.linalg.norm(right)
    light.right, light.down = wp.vec3(*right.tolist()), wp.vec3(*np.cross(forward, right).tolist())
    light.forward = wp.vec3(*forward.tolist())
    light.pixels = (SHADOW_SIDE - 1) / (2 * SHADOW_REACH)
    light.softness, light.dark = lighting.softness, lighting.dark
    return light


def _growth(surface: Surface) -> kernels.Growth:
    growth = kernels.Growth()
    growth.line = _array(surface.line, float)
    growth.strands = _array(surface.strands, wp.vec4)
    growth.offset, growth.curl, growth.crown = surface.offset, surface.curl, surface.crown
    growth.low, growth.high, growth.crowding = LOW, HIGH, CROWDING
    return growth


def _paint(surface: Surface) -> kernels.Paint:
    paint = kernels.Paint()
    for name, value in surface.values.items():
        setattr(paint, name, wp.vec3(*value) if isinstance(value, tuple) else value)
    return paint


def vertex_normals(positions: Floats, triangles: NDArray[np.int32]) -> Floats:
    """(V, 3) normals of length 1, averaged over each vertex's triangles by their area."""
    a, b, c = (positions[triangles[:, corner]] for corner in range(3))
    faces = np.cross(b - a, c - a)
    total = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(faces[:, axis], 3), minlength=len(positions)) for axis in range(3)],
        1,
    )
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12), np.float32)
