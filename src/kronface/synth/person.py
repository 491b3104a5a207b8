"""A whole person: geometry, look and labels together, posed and photographed."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from kronface.synth.appearance import Appearance, draw_appearance, hairline
from kronface.synth.head import Floats, Head
from kronface.synth.identity import Identity, draw_identity, eye_vertices, neutral_positions
from kronface.synth.kernels import EYE, HAIR, MOUTH, SKIN, SOCKET, TEETH, TONGUE
from kronface.synth.labels import attributes, point_vertices
from kronface.synth.linear import combine, transform
from kronface.synth.render import Mesh, Surface, vertex_normals
from kronface.synth.scene import Scene, rotation

MATERIALS = np.array([SKIN, EYE, EYE, EYE, EYE, SOCKET, SOCKET, MOUTH, TONGUE], np.int32)
"""Material by `Head.parts`."""

NECK = (0.57, 0.63)
"""Heights of the template between which the head's turn fades into the shoulders'."""


@dataclass(frozen=True)
class Person:
    """Everything about one person that stays the same from picture to picture."""

    head: Head
    identity: Identity
    labels: dict[str, int]
    appearance: Appearance

    @cached_property
    def neutral(self) -> Floats:
        """(V, 3) at rest, the point between the eyes at the origin."""
        return neutral_positions(self.head, self.identity)

    def surface(self, scene: Scene) -> Surface:
        """What is painted on the person, with the picture's clothes."""
        look = self.appearance
        eyes = [self.head.template[np.unique(self.head.triangles[self.head.parts == part])].mean(0) for part in (1, 2)]
        return Surface(
            look.texture,
            look.iris,
            look.iris_radius,
            0.0023,
            eyes[0],
            eyes[1],
            look.hair,
            scene.cloth,
            scene.neckline,
            look.gloss,
        )

    def pose(self, scene: Scene) -> tuple[Mesh, Floats]:
        """The mesh in the picture's pose, and the five landmarks in space.

        Returns:
            The mesh, and (5, 3): eye at -x, eye at +x, nose tip, mouth corner at -x, at +x.
        """
        head = self.head
        positions = self.neutral + combine(scene.actions, head.action_basis).reshape(-1, 3)
        rest = head.template
        triangles = [head.triangles]
        materials = [MATERIALS[head.parts]]
        extra_positions: list[Floats] = [positions.astype(np.float32)]
        extra_rest: list[Floats] = [rest]
        count = len(positions)
        for part in (self._cap(positions), self._curtain(positions), self._teeth()):
            if part is None:
                continue
            where, painted, faces, material = part
            extra_positions.append(where)
            extra_rest.append(painted)
            triangles.append((faces + count).astype(np.int32))
            materials.append(np.full(len(faces), material, np.int32))
            count += len(where)
        everything = np.concatenate(extra_positions)
        painted_all = np.concatenate(extra_rest).astype(np.float32)
        weights = np.clip((everything[:, 2] - self.neutral_height(NECK[0])) / 0.06, 0, 1)[:, None]
        faces_all = np.concatenate(triangles)
        turned = self._turn(everything, weights, scene)
        mesh = Mesh(turned, painted_all, vertex_normals(turned, faces_all), faces_all, np.concatenate(materials))
        return mesh, self._landmarks(turned)

    def neutral_height(self, template_height: float) -> float:
        """Height in the person's own coordinates of a height of the template."""
        return template_height - float(self.head.template[eye_vertices(self.head), 2].mean())

    def _turn(self, positions: Floats, weights: Floats, scene: Scene) -> Floats:
        pivot = np.array([0.0, 0.07, self.neutral_height(0.62)])
        whole = rotation(scene.yaw, scene.pitch, scene.roll)
        part = rotation(scene.yaw * scene.body_turn, 0.0, 0.0)
        centred = positions - pivot
        turned = weights * transform(centred, whole) + (1 - weights) * transform(centred, part)
        # The point between the eyes stays where the camera looks.
        eyes = turned[eye_vertices(self.head)].mean(0)
        out: Floats = (turned - eyes).astype(np.float32)
        return out

    def _landmarks(self, positions: Floats) -> Floats:
        head = self.head
        numbers = point_vertices(head)
        right, left = (positions[np.unique(head.triangles[head.parts == part])].mean(0) for part in (2, 1))
        corner = numbers["mouth_corner"]
        tip = positions[numbers["nose_tip"]].mean(0)
        return np.stack([right, left, tip, positions[corner[1]], positions[corner[0]]])

    def _cap(self, positions: Floats) -> tuple[Floats, Floats, NDArray[np.int32], int] | None:
        """Hair as the scalp's triangles lifted along their normals, less towards the hairline."""
        look = self.appearance
        rest = self.head.template
        line = hairline(self.identity.generator(4), self.identity, look.length, look.bangs)[0]
        turn = np.arctan2(rest[:, 0], -rest[:, 1])
        column = np.clip(((turn / (2 * np.pi) + 0.5) * len(line)).astype(int), 0, len(line) - 1)
        above = rest[:, 2] - line[column]
        ears = _ear_vertices(self.head)
        scalp = (above > -0.02) & ~ears & (np.abs(rest[:, 0]) < 0.12)
        faces = self.head.triangles[(self.head.parts == 0) & scalp[self.head.triangles].all(1)]
        if len(faces) == 0:
            return None
        normals = vertex_normals(positions.astype(np.float32), self.head.triangles)
        rise = np.clip((above + 0.004) / 0.035, 0, 1)
        lift = 0.0012 + look.thickness * (rise * rise * (3 - 2 * rise))
        where = (positions + normals * lift[:, None]).astype(np.float32)
        used, compact = np.unique(faces, return_inverse=True)
        return where[used], rest[used], compact.reshape(-1, 3).astype(np.int32), HAIR

    def _curtain(self, positions: Floats) -> tuple[Floats, Floats, NDArray[np.int32], int] | None:
        """Medium and long hair beside and behind the face: a sheet that hangs from the cap."""
        look = self.appearance
        if look.length not in ("medium", "long"):
            return None
        rng = self.identity.generator(5)
        rest = self.head.template
        crown = positions[(rest[:, 2] > 0.74) & ~_ear_vertices(self.head)]
        middle = (crown.max(0) + crown.min(0)) / 2
        radius = (crown.max(0) - crown.min(0)) / 2 + look.thickness * 0.8
        opening = rng.uniform(1.3, 1.5)
        columns, rows = 72, 14
        end = self.neutral_height(rng.uniform(0.6, 0.66) if look.length == "medium" else rng.uniform(0.48, 0.57))
        top = self.neutral_height(0.79)
        turns = np.linspace(opening, 2 * np.pi - opening, columns)
        down = np.linspace(0, 1, rows)[:, None]
        ragged = 0.012 * rng.normal(size=columns) + 0.015 * np.sin(turns * rng.uniform(2, 5) + rng.uniform(0, 6))
        heights = top + (end + ragged - top) * down
        # Narrower towards the crown, so that its upper edge disappears into the cap; waves further down.
        bulge = 0.86 + 0.2 * np.clip(down * 4, 0, 1) + rng.uniform(-0.06, 0.1) * down
        wave = 1 + rng.uniform(0.0, 0.03) * np.sin(down * rng.uniform(6, 16) + turns * 3) * down
        across = np.sin(turns) * (radius[0] + 0.012) * bulge * wave
        depth = -np.cos(turns) * (radius[1] + 0.004) * bulge * wave
        where = np.stack([middle[0] + across, middle[1] + depth, heights], 2).reshape(-1, 3)
        # Painted from a level that is always hair: only the strands' column and lightness vary.
        painted = np.stack(
            np.broadcast_arrays(np.sin(turns)[None], -np.cos(turns)[None], 0.852 - 0.03 * down), 2
        ).reshape(-1, 3)
        grid = np.arange(rows * columns).reshape(rows, columns)
        a, b, c, d = grid[:-1, :-1].ravel(), grid[:-1, 1:].ravel(), grid[1:, :-1].ravel(), grid[1:, 1:].ravel()
        faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
        return where.astype(np.float32), painted.astype(np.float32), faces.astype(np.int32), HAIR

    def _teeth(self) -> tuple[Floats, Floats, NDArray[np.int32], int]:
        """The upper teeth as a curved strip behind the upper lip, moving with the skull, not with the lips."""
        numbers = point_vertices(self.head)
        shift = self.neutral[numbers["nose_base"]].mean(0) - self.head.template[numbers["nose_base"]].mean(0)
        across = np.linspace(-0.021, 0.021, 15)
        rest = np.stack(
            [np.stack([across, -0.1415 + 20 * across**2, np.full(15, level)], 1) for level in (0.6705, 0.6615)]
        ).reshape(-1, 3)
        where = rest + shift
        grid = np.arange(30).reshape(2, 15)
        a, b, c, d = grid[0, :-1], grid[0, 1:], grid[1, :-1], grid[1, 1:]
        faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
        return where.astype(np.float32), rest.astype(np.float32), faces.astype(np.int32), TEETH


def make_person(head: Head, number: int, seed: int) -> Person:
    """Person `number` of a seed."""
    identity = draw_identity(head, number, seed)
    labels = attributes(head, identity)
    return Person(head, identity, labels, draw_appearance(identity, bool(labels["Bald"])))


@cache
def _ear_vertices(head: Head) -> NDArray[np.bool_]:
    """(V,) vertices that the shape of the ears moves."""
    moved = np.zeros(len(head.template), np.bool_)
    for side in ("l", "r"):
        index = head.changes.index(f"{side}-ear-scale-incr")
        distance = np.linalg.norm(head.change_basis[2 * index].reshape(-1, 3), axis=1)
        moved |= distance > 0.25 * distance.max()
    return moved


@cache
def face_vertices(head: Head) -> NDArray[np.int64]:
    """Numbers of the skin's vertices between forehead and chin and from cheek to cheek: what a face's box holds."""
    skin = np.unique(head.triangles[head.parts == 0])
    places = head.template[skin]
    turn = np.abs(np.arctan2(places[:, 0], -places[:, 1]))
    inside = (turn < 1.1) & (places[:, 2] > 0.615) & (places[:, 2] < 0.785) & ~_ear_vertices(head)[skin]
    out: NDArray[np.int64] = skin[inside]
    return out
