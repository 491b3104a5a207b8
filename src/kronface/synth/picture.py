"""Pictures of rendered people in the three framings that are needed: CelebA's, a portrait, and a crop."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.faces.align import REFERENCE_POINTS, reference_points, similarity
from kronface.synth.attributes import known_attributes
from kronface.synth.camera import background, develop, meter
from kronface.synth.head import Floats, load_head
from kronface.synth.labels import measured_places
from kronface.synth.landmarks import face_box, landmarks68, telling_vertices
from kronface.synth.linear import transform
from kronface.synth.noise import noisy_labels
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

REGIONS = ("background", "skin", "brows", "eyes", "nose", "lips", "hair", "other")
"""What a pixel can show, by its number in `Picture.regions`."""


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
    """(H, W): numbers in `REGIONS`; None unless asked for."""
    labels: dict[str, int]
    """The eleven identity attributes, as an annotator would give them: without noise, those of the person."""
    person: Person
    scene: Scene
    styling: Styling

    @property
    def attributes(self) -> dict[str, int]:
        """CelebA attributes that are known: all but Attractive."""
        return known_attributes(self.person, self.scene, self.styling) | self.labels


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
    loose = 1.0 if rendering.has("camera") else 0.0
    plane = np.stack([points[:, 0], -points[:, 2]], 1) / (points[:, 1:2] + scene.distance)
    if framing == "celeba":
        shape, matrix, scale = CELEBA_SHAPE, similarity(plane, CELEBA_POINTS + loose * rng.normal(0, 0.7, (5, 2))), 1.0
    elif framing == "crop":
        shape, matrix = (size, size), similarity(plane, reference_points(size))
        scale = (REFERENCE_POINTS[1, 0] - REFERENCE_POINTS[0, 0]) / EYE_DISTANCE * size / 112
    else:
        shape, matrix, scale = (256, 256), *_portrait(rng, plane, loose)
    camera = Camera(scene.distance, matrix)
    mesh, surface = person.mesh(scene, styling, expressed), person.surface(styling)
    behind = background(scene.backdrop, *shape)
    seen = render(mesh, pose, surface, scene.lighting, camera, behind, regions=masks, device=rendering.device)
    landmarks = transform(plane, matrix[:, :2]) + matrix[:, 2]
    finished = develop(seen.linear, scene.flaws, rng, gain=meter(seen.linear, landmarks), scale=scale)
    posed = seen.positions[: len(head.template)]
    pixels = np.zeros_like(posed)
    told = telling_vertices(head)
    pixels[told] = camera.project(posed[told])
    judged = measured_places(head).on(posed) if rendering.label_noise == "appearance" else np.zeros((0, 3))
    return Picture(
        image=finished,
        landmarks=landmarks.astype(np.float32),
        landmarks68=landmarks68(head, pixels)[:, :2],
        box=face_box(head, pixels),
        regions=seen.regions,
        labels=noisy_labels(rendering.label_noise, person, image=image, scene=scene, points=judged),
        person=person,
        scene=scene,
        styling=styling,
    )


def _portrait(rng: np.random.Generator, plane: NDArray[np.floating], loose: float) -> tuple[NDArray[np.float64], float]:
    """A matrix that neither turns nor aligns: the face is about a third of the picture's width; `loose` 0 always."""
    eyes = 38 * float(np.exp(loose * rng.normal(0, 0.12)))
    size = np.linalg.norm(plane[1] - plane[0]) + 0.8 * np.linalg.norm(plane[3:].mean(0) - plane[:2].mean(0))
    factor = eyes * 1.85 / size
    middle = plane.mean(0) * factor
    place = np.array([128.0, 138.0]) + loose * rng.normal(0, 9, 2)
    return np.array([[factor, 0, place[0] - middle[0]], [0, factor, place[1] - middle[1]]]), eyes / EYE_DISTANCE
