"""Pictures of rendered people in the three framings that are needed: CelebA's, a portrait, and a crop."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.faces.align import REFERENCE_POINTS, reference_points, similarity
from kronface.synth.camera import background, develop, meter
from kronface.synth.head import Floats, load_head
from kronface.synth.linear import transform
from kronface.synth.person import Person, make_person
from kronface.synth.render import Camera, render
from kronface.synth.scene import Scene, draw_scene
from kronface.synth.settings import Rendering
from kronface.synth.styling import Styling

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
    regions: NDArray[np.uint8] | None
    """(H, W): 0 background, 1 skin, 2 brow, 3 eye, 4 nose, 5 lips, 6 hair, 7 other; None where it was not asked for."""
    person: Person
    scene: Scene
    styling: Styling


def take_picture(
    seed: int,
    identity: int,
    image: int,
    *,
    framing: str,
    person: Person | None = None,
    rendering: Rendering = Rendering(),  # noqa: B008 - it cannot change
    size: int = 112,
    masks: bool = False,
) -> Picture:
    """Picture `image` of person `identity`: the same whatever else is rendered.

    Args:
        seed: of the whole set of people.
        identity: the person's number.
        image: the picture's number.
        framing: celeba (178x218, rolled upright and centred as CelebA's), portrait (256x256, the face somewhere in
            the middle, as it was held), or crop (at the reference points).
        person: where it is made already, with the same `rendering`.
        rendering: what is drawn.
        size: side of a crop, in pixels.
        masks: also make the regions.
    """
    head = load_head()
    person = person or make_person(head, identity, seed, rendering)
    scene, styling = draw_scene(head, seed, identity, image, rendering), person.styling(image)
    expressed, pose = person.expressed(scene), person.pose(scene)
    points = person.landmarks(expressed, pose)
    rng = np.random.default_rng([seed, identity, 1 + image, 8])
    plane = np.stack([points[:, 0], -points[:, 2]], 1) / (points[:, 1:2] + scene.distance)
    if framing == "celeba":
        shape, matrix, scale = CELEBA_SHAPE, similarity(plane, CELEBA_POINTS + rng.normal(0, 0.7, (5, 2))), 1.0
    elif framing == "crop":
        shape, matrix = (size, size), similarity(plane, reference_points(size))
        scale = (REFERENCE_POINTS[1, 0] - REFERENCE_POINTS[0, 0]) / EYE_DISTANCE * size / 112
    else:
        shape, matrix, scale = (256, 256), *_portrait(rng, plane)
    camera = Camera(scene.distance, matrix)
    mesh, surface = person.mesh(scene, styling, expressed), person.surface(styling)
    seen = render(mesh, pose, surface, scene.lighting, camera, background(scene.backdrop, *shape), regions=masks)
    landmarks = transform(plane, matrix[:, :2]) + matrix[:, 2]
    finished = develop(seen.linear, scene, rng, gain=meter(seen.linear, landmarks), scale=scale)
    return Picture(finished, landmarks.astype(np.float32), seen.regions, person, scene, styling)


def _portrait(rng: np.random.Generator, plane: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """A matrix that neither turns nor aligns: the face is about a third of the picture's width."""
    eyes = 38 * float(np.exp(rng.normal(0, 0.12)))
    size = np.linalg.norm(plane[1] - plane[0]) + 0.8 * np.linalg.norm(plane[3:].mean(0) - plane[:2].mean(0))
    factor = eyes * 1.85 / size
    middle = plane.mean(0) * factor
    place = np.array([128.0, 138.0]) + rng.normal(0, 9, 2)
    return np.array([[factor, 0, place[0] - middle[0]], [0, factor, place[1] - middle[1]]]), eyes / EYE_DISTANCE


def known_attributes(picture: Picture) -> dict[str, int]:
    """CelebA attributes that are exact in a picture: the eleven of the identity, and those that the picture decides.

    Only Attractive is not among them.
    """
    look, scene, worn = picture.person.appearance, picture.scene, picture.styling
    hair, identity = worn.hair, picture.person.identity
    bearded = "none" if worn.shaven and look.beard != "stubble" else look.beard
    grown = hair.length not in ("bald", "cropped") and not worn.hat
    coloured = {
        name: int(hair.colour == colour and not look.bald)
        for name, colour in (
            ("Black_Hair", "black"),
            ("Brown_Hair", "brown"),
            ("Blond_Hair", "blond"),
            ("Gray_Hair", "gray"),
        )
    }
    decided = {
        "5_o_Clock_Shadow": bearded == "stubble",
        "Arched_Eyebrows": look.brows.arch > 0.0063,
        "Bags_Under_Eyes": look.marks.bags > 0.55,
        "Bangs": hair.bangs and not worn.hat,
        "Blurry": scene.blurry,
        "Bushy_Eyebrows": look.brows.width * look.brows.density > 0.0056,
        "Eyeglasses": worn.spectacles is not None,
        "Goatee": bearded in ("goatee", "full"),
        "Heavy_Makeup": worn.make_up > 0.5,
        "Mouth_Slightly_Open": scene.mouth_open,
        "Mustache": bearded in ("moustache", "goatee", "full"),
        "No_Beard": bearded in ("none", "stubble"),
        "Pale_Skin": look.tone < 0.05,
        "Receding_Hairline": look.hair_front - 0.797 + 0.7 * look.hair_recess > 0.013 and not hair.bangs,
        "Rosy_Cheeks": worn.make_up > 0.85 or look.marks.flush > 1.5,
        "Sideburns": identity.male and (bearded == "full" or look.hair_beside < 0.693) and not look.bald,
        "Smiling": scene.smiling,
        "Straight_Hair": grown and hair.curl < 0.12,
        "Wavy_Hair": grown and hair.curl >= 0.25,
        "Wearing_Earrings": worn.earrings,
        "Wearing_Hat": bool(worn.hat),
        "Wearing_Lipstick": worn.make_up > 0.4,
        "Wearing_Necklace": worn.necklace,
        "Wearing_Necktie": worn.garment.kind == 3,
    }
    return picture.person.labels | coloured | {name: int(value) for name, value in decided.items()}
