"""A whole person: geometry, look and labels together, posed and photographed."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from kronface.synth.appearance import Appearance, draw_appearance
from kronface.synth.hair import Part, cap, curtain, ear_vertices
from kronface.synth.head import Floats, Head
from kronface.synth.identity import Identity, draw_identity, eye_vertices, neutral_positions
from kronface.synth.kernels import EAR, EYE, HAIR, MOUTH, SKIN, SOCKET, TEETH, TONGUE
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
        materials = [_materials(head)]
        extra_positions: list[Floats] = [positions.astype(np.float32)]
        extra_rest: list[Floats] = [rest]
        count = len(positions)
        look, eye_level = self.appearance, float(head.template[eye_vertices(head), 2].mean())
        further = (
            (cap(head, self.identity, look, positions), HAIR),
            (curtain(head, self.identity, look, positions, eye_level), HAIR),
            (self._teeth(), TEETH),
        )
        for part, material in further:
            if part is None:
                continue
            extra_positions.append(part.positions)
            extra_rest.append(part.template)
            triangles.append((part.triangles + count).astype(np.int32))
            materials.append(np.full(len(part.triangles), material, np.int32))
            count += len(part.positions)
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

    def _teeth(self) -> Part:
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
        return Part(where.astype(np.float32), rest.astype(np.float32), faces.astype(np.int32))


def make_person(head: Head, number: int, seed: int) -> Person:
    """Person `number` of a seed."""
    identity = draw_identity(head, number, seed)
    labels = attributes(head, identity)
    return Person(head, identity, labels, draw_appearance(identity, bool(labels["Bald"])))


@cache
def _materials(head: Head) -> NDArray[np.int32]:
    """(F,) the head's materials: by its parts, and ears apart from other skin."""
    ears = ear_vertices(head)[head.triangles].any(1) & (head.parts == 0)
    return np.asarray(np.where(ears, EAR, MATERIALS[head.parts]), np.int32)


@cache
def face_vertices(head: Head) -> NDArray[np.int64]:
    """Numbers of the skin's vertices between forehead and chin and from cheek to cheek: what a face's box holds."""
    skin = np.unique(head.triangles[head.parts == 0])
    places = head.template[skin]
    turn = np.abs(np.arctan2(places[:, 0], -places[:, 1]))
    inside = (turn < 1.1) & (places[:, 2] > 0.615) & (places[:, 2] < 0.785) & ~ear_vertices(head)[skin]
    out: NDArray[np.int64] = skin[inside]
    return out
