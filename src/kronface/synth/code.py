"""A rendered person's face as a vector: how alike two people are by the renderer's own knowledge of them."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from kronface.synth.appearance import Appearance
from kronface.synth.facial_hair import BEARDS
from kronface.synth.head import Head, part_vertices
from kronface.synth.identity import Identity, draw_identity, neutral_positions
from kronface.synth.labels import attributes
from kronface.synth.person import Person, lip_vertices, person_of
from kronface.synth.settings import Rendering

CODE_SIZE = 128
"""Numbers in a code."""

SHAPES = 100
"""Of them describe the shape of the face; the others, what it looks like, and zeros."""

WHITENING = 0.5
"""Principal components are divided by this power of their deviation: 0 keeps their size, 1 makes all of them equal."""

LOOKS = 0.3
"""Share of a code's mean squared length that the looks have."""

REFERENCE_SEED = 3_000_001
REFERENCE_PEOPLE = 1_000
"""Whom means and principal components are taken from; nobody else's seed."""

FACE = (-0.06, 0.635, 0.80)
"""On the template: the face lies in front of the first number (metres, along y), between the two heights (along z)."""


def face_code(person: Person) -> NDArray[np.float32]:
    """(128,) of length 1: shape and look of a person, whose cosine to another's tells how alike the two are.

    The shape is that of the face at rest, every other vertex of its skin, scaled to the distance between the eyes and
    the mouth: principal components among 1,000 people, partly whitened. The look is what stays the same on a person
    and can be seen: skin, hair, brows, lips, beard, age.
    """
    shape_mean, components, look_mean, look_scale = _basis(person.head)
    code = np.zeros(CODE_SIZE, np.float64)
    code[:SHAPES] = (_shape(person.head, person.identity) - shape_mean) @ components
    looks = _look(person.identity, person.appearance)
    code[SHAPES : SHAPES + len(looks)] = (looks - look_mean) * look_scale
    return np.asarray(code / np.linalg.norm(code), np.float32)


def _shape(head: Head, identity: Identity) -> NDArray[np.float64]:
    """(N·3,) places of the face's vertices, free of size."""
    places = neutral_positions(head, identity).astype(np.float64)
    mouth = places[lip_vertices(head)].mean(0)
    return np.asarray(places[_face(head)] / np.linalg.norm(mouth)).ravel()


def _look(identity: Identity, look: Appearance) -> NDArray[np.float64]:
    """(L,) what the face looks like apart from its shape, in any units."""
    brows, marks = look.brows, look.marks
    values = [
        look.tone,
        float(identity.male),
        identity.age_years,
        marks.wrinkles,
        marks.bags,
        marks.freckles,
        marks.beard_shadow,
        brows.start,
        brows.end,
        brows.height,
        brows.arch,
        brows.tilt,
        brows.width,
        brows.density,
        look.lip_fullness,
        look.nostrils,
        look.lashes,
        np.log(np.mean(look.iris)),
        np.log(np.mean(look.hair)),
        look.curl,
        look.hair_front,
        float(look.bald),
        *(float(look.beard == kind) for kind in BEARDS if kind != "none"),
    ]
    return np.array(values, np.float64)


@cache
def _basis(head: Head) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The mean shape, (N·3, SHAPES) components, and mean and scale of the looks."""
    shapes, looks = [], []
    for number in range(REFERENCE_PEOPLE):
        identity = draw_identity(head, number, REFERENCE_SEED)
        shapes.append(_shape(head, identity))
        person = person_of(head, identity, attributes(head, identity), Rendering())
        looks.append(_look(identity, person.appearance))
    stacked, faces = np.stack(looks), np.stack(shapes)
    mean = faces.mean(0)
    _, sizes, rows = np.linalg.svd(faces - mean, full_matrices=False)
    deviations = sizes[:SHAPES] / np.sqrt(REFERENCE_PEOPLE)
    scale = deviations**-WHITENING
    components = rows[:SHAPES].T * scale
    length = float(np.square(deviations * scale).sum())  # mean squared, of the shapes
    spread = stacked.std(0)
    spread[spread == 0] = 1
    wanted = np.sqrt(length * LOOKS / (1 - LOOKS) / stacked.shape[1])
    return mean, np.asarray(components), stacked.mean(0), np.asarray(wanted / spread)


@cache
def _face(head: Head) -> NDArray[np.int64]:
    """Numbers of every other vertex of the face's skin."""
    skin = part_vertices(head, 0)
    places = head.template[skin]
    front, low, high = FACE
    return np.asarray(skin[(places[:, 1] < front) & (places[:, 2] > low) & (places[:, 2] < high)][::2])
