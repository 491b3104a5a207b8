"""The smallest things that can be rendered: squares, a plain surface, a lamp in front."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats
from kronface.synth.kernels import SKIN
from kronface.synth.render import Camera, Lighting, Mesh, Pose, Surface

UPRIGHT = Pose(np.eye(3), np.eye(3), np.zeros(3), np.zeros(3), (-10.0, 1.0))
CAMERA = Camera(2.0, np.array([[40.0, 0.0, 20.0], [0.0, 40.0, 20.0]]))
"""A metre at the origin is twenty pixels wide; the middle of 41x41 pixels looks straight ahead."""

BLACK = np.zeros((41, 41, 3), np.float32)
FRONT = Lighting(
    np.array([[0, -1, 0]], np.float32), np.array([[0.8, 0.6, 0.4]], np.float32), (0.2, 0.3, 0.4), (0.2, 0.3, 0.4)
)

VALUES: dict[str, object] = {
    "iris": (0.1, 0.05, 0.02),
    "iris_radius": 0.006,
    "pupil_radius": 0.0023,
    "spokes": 20.0,
    "spokes_turn": 0.0,
    "eye_left": (0.03, -0.13, 0.73),
    "eye_right": (-0.03, -0.13, 0.73),
    "gloss": 0.0,
    "beard": (0.0, 0.0, 0.0),
    "stubble": 0.0,
    "lipstick": (0.5, 0.0, 0.0),
    "lips": 0.0,
    "shadow": (0.0, 0.0, 0.0),
    "lids": 0.0,
    "blush": 0.0,
    "cloth": (0.1, 0.1, 0.1),
    "second": (0.2, 0.2, 0.2),
    "tie": (0.3, 0.0, 0.0),
    "garment": 0,
    "pattern": 0,
    "neckline": 0.58,
    "necklace": 0.0,
    "hand": (0.4, 0.3, 0.2),
}


def texture_of(*channels: float) -> Floats:
    """(8, 8, 8) the same everywhere."""
    return np.broadcast_to(np.array(channels, np.float32), (8, 8, 8)).copy()


@dataclass
class Plain:
    """A surface whose parts can be replaced one by one."""

    texture: Floats = field(default_factory=lambda: texture_of(0.5, 0.4, 0.3, 0, 1, 0, 0, 0))
    brows: Floats = field(default_factory=lambda: np.zeros((8, 8), np.float32))
    line: Floats = field(default_factory=lambda: np.full(16, 9.0, np.float32))
    crown: float = 10.0
    strands: Floats = field(default_factory=lambda: np.full((4, 4, 4), 0.5, np.float32))
    palette: Floats = field(default_factory=lambda: np.full((6, 3), 0.25, np.float32))
    curl: float = 0.0
    offset: float = 0.0
    values: dict[str, object] = field(default_factory=dict)
    lens: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 0.0)

    def surface(self) -> Surface:
        return Surface(
            self.texture,
            self.brows,
            self.line,
            self.crown,
            self.strands,
            self.palette,
            self.curl,
            self.offset,
            VALUES | self.values,
            self.lens,
        )


@dataclass
class Square:
    """Two triangles that face the camera at the depth y."""

    y: float = 0.0
    half: float = 0.5
    material: int = SKIN
    x: float = 0.0
    rest: tuple[float, float, float] = (0.0, -0.1, 0.75)
    cover: float = 0.0


def squares(*parts: Square, shadeless: int = 0, casters: int = 0, lenses: int = 0, opened: float = 1.0) -> Mesh:
    """A mesh of squares in order; the open light is that of the first."""
    around = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1]], np.float32)
    where = [around * np.float32(part.half) + np.array([part.x, part.y, 0], np.float32) for part in parts]
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    numbers: NDArray[np.int32] = np.concatenate([faces + np.int32(4 * number) for number in range(len(parts))])
    return Mesh(
        np.concatenate(where),
        np.repeat(np.array([part.rest for part in parts], np.float32), 4, 0),
        np.repeat(np.array([part.cover for part in parts], np.float32), 4),
        numbers,
        np.repeat(np.array([part.material for part in parts], np.int32), 2),
        np.zeros(2 * len(parts), np.int32),
        np.full(4, opened, np.float32),
        0,
        2 * shadeless,
        2 * casters,
        2 * lenses,
    )
