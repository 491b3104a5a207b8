"""Pictures of rendered people in the three framings that are needed: CelebA's, a portrait, and a crop."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.faces.align import REFERENCE_POINTS, similarity
from kronface.synth.head import Floats, load_head
from kronface.synth.linear import transform
from kronface.synth.person import Person, face_vertices, make_person
from kronface.synth.render import Camera, render
from kronface.synth.scene import Scene, background, develop, draw_scene, meter
from kronface.synth.settings import Rendering

CELEBA_SHAPE = (218, 178)
CELEBA_POINTS = np.array([[69.0, 111.0], [108.0, 111.0], [88.0, 136.0], [72.0, 152.0], [105.0, 152.0]])
"""Where the five landmarks of CelebA's aligned pictures lie, but for a few pixels."""

EYE_DISTANCE = float(CELEBA_POINTS[1, 0] - CELEBA_POINTS[0, 0])

FRAMINGS = ("celeba", "portrait", "crop")


@dataclass(frozen=True)
class Picture:
    """A finished picture with what is known of it."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    landmarks: Floats
    """(5, 2) exact, in pixels: image-left eye, image-right eye, nose tip, image-left and image-right mouth corner."""
    landmarks68: Floats
    """(68, 2) exact, in pixels, in the order of the iBUG 300-W annotation."""
    box: Floats
    """(4,) of the face from forehead to chin: left, top, width, height, in pixels."""
    regions: NDArray[np.uint8] | None
    """(H, W): 0 background, 1 skin, 2 brows, 3 eyes, 4 nose, 5 lips, 6 hair, 7 other; None unless asked for."""
    person: Person
    scene: Scene


def take_picture(
    seed: int,
    identity: int,
    image: int,
    *,
    framing: str,
    person: Person | None = None,
    rendering: Rendering = Rendering(),  # noqa: B008, ARG001 - it cannot change
    masks: bool = False,
) -> Picture:
    """Picture `image` of person `identity`: the same whatever else is rendered.

    Args:
        seed: of the whole set of people.
        identity: the person's number.
        image: the picture's number.
        framing: celeba (178x218, rolled upright and centred as CelebA's), portrait (256x256, the face somewhere in
            the middle, as it was held), or crop (112x112 at the reference points).
        person: where it is made already.
        rendering: what is drawn.
        masks: say of each pixel what it shows.
    """
    head = load_head()
    person = person or make_person(head, identity, seed)
    scene = draw_scene(head, seed, identity, image)
    mesh, points = person.pose(scene)
    rng = np.random.default_rng([seed, identity, 1 + image, 8])
    plane = np.stack([points[:, 0], -points[:, 2]], 1) / (points[:, 1:2] + scene.distance)
    if framing == "celeba":
        shape, matrix, scale = CELEBA_SHAPE, similarity(plane, CELEBA_POINTS + rng.normal(0, 0.7, (5, 2))), 1.0
    elif framing == "crop":
        shape, matrix = (112, 112), similarity(plane, REFERENCE_POINTS)
        scale = (REFERENCE_POINTS[1, 0] - REFERENCE_POINTS[0, 0]) / EYE_DISTANCE
    else:
        shape, matrix, scale = (256, 256), *_portrait(rng, plane)
    camera = Camera(scene.distance, matrix)
    linear = render(mesh, person.surface(scene), scene.lighting, camera, background(scene.backdrop, *shape))
    landmarks = transform(plane, matrix[:, :2]) + matrix[:, 2]
    linear *= meter(linear, landmarks)
    places = camera.project(mesh.positions[: len(head.template)][face_vertices(head)])[:, :2]
    box = np.concatenate([places.min(0), np.ptp(places, axis=0)]).astype(np.float32)
    points = np.resize(landmarks, (68, 2)).astype(np.float32)  # provisional
    regions = np.zeros(shape, np.uint8) if masks else None  # provisional
    developed = develop(linear, scene, rng, scale)
    return Picture(developed, landmarks.astype(np.float32), points, box, regions, person, scene)


def _portrait(rng: np.random.Generator, plane: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """A matrix that neither turns nor aligns: the face is about a third of the picture's width."""
    eyes = 38 * float(np.exp(rng.normal(0, 0.12)))
    size = np.linalg.norm(plane[1] - plane[0]) + 0.8 * np.linalg.norm(plane[3:].mean(0) - plane[:2].mean(0))
    factor = eyes * 1.85 / size
    middle = plane.mean(0) * factor
    place = np.array([128.0, 138.0]) + rng.normal(0, 9, 2)
    return np.array([[factor, 0, place[0] - middle[0]], [0, factor, place[1] - middle[1]]]), eyes / EYE_DISTANCE


def known_attributes(picture: Picture) -> dict[str, int]:
    """CelebA attributes that are exact in a picture: the eleven of the identity, and those that the scene decides."""
    look, scene = picture.person.appearance, picture.scene
    shaven = look.beard in ("none", "stubble")
    hair = {
        name: int(look.hair_colour == colour and not look.bald)
        for name, colour in (
            ("Black_Hair", "black"),
            ("Brown_Hair", "brown"),
            ("Blond_Hair", "blond"),
            ("Gray_Hair", "gray"),
        )
    }
    return (
        picture.person.labels
        | hair
        | {
            "Bangs": int(look.bangs),
            "5_o_Clock_Shadow": int(look.beard == "stubble"),
            "Eyeglasses": 0,
            "Goatee": int(look.beard in ("goatee", "full")),
            "Mouth_Slightly_Open": int(scene.mouth_open),
            "Mustache": int(look.beard in ("moustache", "goatee", "full")),
            "No_Beard": int(shaven),
            "Pale_Skin": int(look.tone < 0.1),
            "Smiling": int(scene.smiling),
            "Wavy_Hair": int(look.curly and not look.bald),
            "Wearing_Hat": 0,
            "Wearing_Lipstick": int(look.lipstick),
        }
    )
