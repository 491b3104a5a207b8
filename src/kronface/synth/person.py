"""A whole person: geometry, look and habits together, dressed and posed for a picture."""

from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from kronface.synth.accessories import accessories
from kronface.synth.appearance import Appearance, draw_appearance, paint_face
from kronface.synth.hair import bare_above, beard, cap, curtain, ear_vertices, hairline, knot, strands
from kronface.synth.head import SHADELESS, Floats, Head, part_vertices
from kronface.synth.identity import Identity, draw_identity, eye_vertices, neutral_positions
from kronface.synth.kernels import EAR, EYE, MOUTH, SKIN, SOCKET, TEETH, TONGUE
from kronface.synth.labels import attributes, point_vertices
from kronface.synth.linear import combine
from kronface.synth.part import Part, assemble, grid_triangles
from kronface.synth.render import Mesh, Pose, Surface, vertex_normals
from kronface.synth.scene import Scene, rotation
from kronface.synth.settings import Rendering
from kronface.synth.styling import Habits, HairStyle, Styling, draw_habits, draw_styling

MATERIALS = np.array([SKIN, EYE, EYE, EYE, EYE, SOCKET, SOCKET, MOUTH, TONGUE], np.int32)
"""Material by `Head.parts`."""

NECK = (0.57, 0.06)
"""Height of the template at which the head's turn begins, and over how much it grows."""

STUBBLE = {"none": 0.0, "stubble": 0.42, "moustache": 0.85, "goatee": 0.85, "full": 0.85}
"""How much a beard's density shows as colour on the skin."""


@dataclass(frozen=True, eq=False)
class Person:
    """Everything about one person that stays the same from picture to picture."""

    head: Head
    identity: Identity
    labels: dict[str, int]
    """The eleven identity attributes without noise."""
    appearance: Appearance
    habits: Habits
    rendering: Rendering
    _hair: dict[tuple[HairStyle, bool], tuple[Floats, list[Part]]] = field(default_factory=dict, repr=False)

    @cached_property
    def neutral(self) -> Floats:
        """(V, 3) at rest, the point between the eyes at the origin."""
        return neutral_positions(self.head, self.identity)

    @cached_property
    def normals(self) -> Floats:
        """(V, 3) of the head at rest."""
        return vertex_normals(self.neutral, self.head.triangles)

    @cached_property
    def painted(self) -> tuple[Floats, Floats]:
        """The texture, and where in it the brows are, as `paint_face` gives them."""
        return paint_face(self.identity, self.appearance, detail=self.rendering.has("skin"))

    def styling(self, image: int) -> Styling:
        """What the person wears in picture `image`."""
        return draw_styling(self.identity, self.appearance, self.habits, image, self.rendering)

    def expressed(self, scene: Scene) -> Floats:
        """(V, 3) with the picture's expression, before the head turns."""
        return self.neutral + combine(scene.actions, self.head.action_basis).reshape(-1, 3)

    def mesh(self, scene: Scene, styling: Styling, expressed: Floats) -> Mesh:
        """Head, hair and all that is worn; the head's vertices come first."""
        head, look = self.head, self.appearance
        parts = [*self._teeth(scene, expressed), *self._hair_of(styling)[1]]
        if look.beard in ("moustache", "goatee", "full") and not styling.shaven:
            length = min(look.beard_length, 0.0015) if styling.cover == "mask" else look.beard_length
            parts += beard(head, expressed, self.normals, length)
        parts += accessories(head, styling, self.neutral, expressed)
        return assemble(
            expressed,
            head.template,
            head.open_light,
            head.triangles,
            _materials(head),
            parts,
            shadeless=_shadeless(head),
        )

    def pose(self, scene: Scene) -> Pose:
        """How the head stands in a picture."""
        level = float(self.head.template[eye_vertices(self.head), 2].mean())
        pivot = np.array([0.0, 0.07, 0.62 - level])
        head = rotation(scene.yaw, scene.pitch, scene.roll)
        body = rotation(scene.yaw * scene.body_turn, 0.0, 0.0)
        # The point between the eyes stays where the camera looks.
        offset = head @ -pivot
        return Pose(head, body, pivot, offset, (NECK[0] - level, NECK[1]))

    def surface(self, styling: Styling) -> Surface:
        """What is painted on the person in a picture."""
        look = self.appearance
        head = self.head
        left, right = (head.template[part_vertices(head, part)].mean(0) for part in (1, 2))
        garment, hair = styling.garment, styling.hair
        beard_colour = tuple(0.75 * value + 0.002 for value in np.minimum(look.hair, 0.16))
        grown = STUBBLE[look.beard] * (0.3 if styling.shaven and look.beard != "stubble" else 1.0)
        frame = (0.1, 0.1, 0.1) if styling.spectacles is None else styling.spectacles.colour
        palette = np.array(
            [hair.tint, beard_colour, styling.hat_colour, styling.cover_colour, frame, (0.5, 0.42, 0.28)]
        )
        lens = (1.0, 1.0, 1.0, 0.0)
        if styling.spectacles is not None:
            lens = (*styling.spectacles.tint, styling.spectacles.glare)
        values: dict[str, object] = {
            "iris": look.iris,
            "iris_radius": look.iris_radius,
            "pupil_radius": 0.0023,
            "spokes": float(look.iris_spokes),
            "spokes_turn": float(self.identity.number % 7),
            "eye_left": tuple(left.tolist()),
            "eye_right": tuple(right.tolist()),
            "gloss": look.gloss,
            "beard": beard_colour,
            "stubble": grown,
            "lipstick": styling.lipstick,
            "lips": 0.65 * float(np.clip((styling.make_up - 0.3) / 0.25, 0, 1)),
            "shadow": styling.lid_colour,
            "lids": 0.65 * float(np.clip((styling.make_up - 0.45) / 0.4, 0, 1)),
            "blush": 0.9 * float(np.clip((styling.make_up - 0.5) / 0.5, 0, 1)),
            "cloth": garment.cloth,
            "second": garment.second,
            "tie": garment.tie,
            "garment": garment.kind,
            "pattern": garment.pattern,
            "neckline": garment.neckline,
            "necklace": 1.0 if styling.necklace else 0.0,
            "hand": look.skin,
        }
        line = self._hair_of(styling)[0]
        return Surface(
            *self.painted,
            line,
            bare_above(hair),
            strands(),
            palette.astype(np.float32),
            hair.curl,
            (hair.seed % 997) / 997,
            values,
            lens,
        )

    def landmarks(self, expressed: Floats, pose: Pose) -> Floats:
        """(5, 3) in space: eye at -x, eye at +x, nose tip, mouth corner at -x, at +x."""
        head = self.head
        numbers = point_vertices(head)
        right, left = (expressed[part_vertices(head, part)].mean(0) for part in (2, 1))
        corner = numbers["mouth_corner"]
        tip = expressed[numbers["nose_tip"]].mean(0)
        return pose.apply(np.stack([right, left, tip, expressed[corner[1]], expressed[corner[0]]])).astype(np.float32)

    def _hair_of(self, styling: Styling) -> tuple[Floats, list[Part]]:
        """Hairline and parts of a hair style; the last few are kept, for most pictures show the same."""
        style, pressed = styling.hair, bool(styling.hat)
        if (style, pressed) not in self._hair:
            if len(self._hair) >= 4:
                self._hair.pop(next(iter(self._hair)))
            line = hairline(self.appearance, style)
            eye_level = float(self.head.template[eye_vertices(self.head), 2].mean())
            parts = cap(self.head, style, line, self.neutral, self.normals, pressed=pressed)
            if styling.hat != "headscarf":
                parts += curtain(self.head, style, self.neutral, eye_level, pressed=pressed)
            if not pressed:
                parts += knot(self.head, style, self.neutral)
            self._hair[style, pressed] = line, parts
        return self._hair[style, pressed]

    def _teeth(self, scene: Scene, expressed: Floats) -> list[Part]:
        """The upper teeth as a curved strip behind the upper lip, moving with the skull; none behind closed lips."""
        opened = sum(float(scene.actions[index]) for index in _opening_actions(self.head))
        if opened < 0.08:
            return []
        numbers, rest = point_vertices(self.head), self.head.template
        across = np.linspace(-0.021, 0.021, 15)
        template = np.stack(
            [np.stack([across, -0.1415 + 20 * across**2, np.full(15, level)], 1) for level in (0.6705, 0.6615)]
        ).reshape(-1, 3)
        lips = np.concatenate([numbers["lip_top"], numbers["lip_bottom"]])
        shift = self.neutral[lips].mean(0) - rest[lips].mean(0)
        where = template + shift
        # Behind the lips wherever this person's are.
        near = lip_vertices(self.head)
        front = self.neutral[near]
        depth = np.array([front[np.abs(front[:, 0] - x) < 0.005, 1].min(initial=0.0) for x in across])
        where[:, 1] = np.maximum(where[:, 1], np.tile(depth + 0.009, 2))
        # A lower lip that an open jaw draws back takes them along.
        lip = expressed[near].astype(np.float64)
        beside = np.abs(lip[None] - where[:, None])
        close = (beside[..., 0] < 0.005) & (beside[..., 2] < 0.004)
        where[:, 1] = np.maximum(where[:, 1], np.where(close, lip[:, 1] + 0.003, -1.0).max(1))
        covers = np.zeros(len(where), np.float32)
        faces = grid_triangles(2, 15)
        return [Part(where.astype(np.float32), template.astype(np.float32), faces, TEETH, 0, covers, casts=False)]


@cache
def _opening_actions(head: Head) -> tuple[int, ...]:
    """Numbers of the actions that part the lips."""
    starts = ("jawOpen", "mouthUpperUp", "mouthLowerDown", "mouthFunnel")
    return tuple(index for index, name in enumerate(head.actions) if name.startswith(starts))


@cache
def lip_vertices(head: Head) -> NDArray[np.int64]:
    """Numbers of the vertices of the lips' outside."""
    skin = part_vertices(head, 0)
    places = head.template[skin]
    near = (np.abs(places[:, 2] - 0.662) < 0.008) & (np.abs(places[:, 0]) < 0.028) & (places[:, 1] < -0.125)
    out: NDArray[np.int64] = skin[near]
    return out


def make_person(head: Head, number: int, seed: int, rendering: Rendering = Rendering()) -> Person:  # noqa: B008
    """Person `number` of a seed."""
    identity = draw_identity(head, number, seed)
    return person_of(head, identity, attributes(head, identity), rendering)


def person_of(head: Head, identity: Identity, labels: dict[str, int], rendering: Rendering) -> Person:
    """The person of an identity whose labels are measured already."""
    look = draw_appearance(identity, bool(labels["Bald"]), rendering)
    return Person(head, identity, labels, look, draw_habits(identity, look, rendering), rendering)


@cache
def _shadeless(head: Head) -> int:
    """Number of the head's triangles, the first, that throw no shadow."""
    heights = head.template[head.triangles].mean(1)[:, 2]
    return int(np.argmax((head.parts == 0) & (heights > SHADELESS)))


@cache
def _materials(head: Head) -> NDArray[np.int32]:
    """(F,) the head's materials: by its parts, and ears apart from other skin."""
    ears = ear_vertices(head)[head.triangles].any(1) & (head.parts == 0)
    return np.asarray(np.where(ears, EAR, MATERIALS[head.parts]), np.int32)
