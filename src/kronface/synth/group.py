"""One photograph with several rendered people side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kronface.synth.camera import background, develop, meter
from kronface.synth.head import Floats, load_head
from kronface.synth.landmarks import face_box
from kronface.synth.linear import transform
from kronface.synth.person import make_person
from kronface.synth.render import Camera, render
from kronface.synth.scene import draw_scene
from kronface.synth.settings import Rendering

COLUMN, HEIGHT = 320, 480
"""Pixels per person, and of the picture."""


@dataclass(frozen=True)
class GroupPhoto:
    """The photograph, and who is where on it."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    people: tuple[int, ...]
    """Numbers of the people, from left to right."""
    landmarks: tuple[Floats, ...]
    """(5, 2) of each, in pixels."""
    boxes: tuple[Floats, ...]
    """(4,) of each: x, y, width, height of the face from forehead to chin, in pixels."""


PARTY = Rendering(max_yaw_rad=0.8, without=("hats", "occluders", "restyling"))
"""How a group is drawn by default: faces that can be seen."""


def take_group_photo(
    people: Sequence[int], *, seed: int, image: int = 10_000, rendering: Rendering = PARTY
) -> GroupPhoto:
    """Photographs people of one seed together: same background and light, everybody with a pose of their own.

    Args:
        people: their numbers, from left to right.
        seed: of the set of people.
        image: the picture's number; large, so that it is none of a person's other pictures.
        rendering: what is drawn.
    """
    head = load_head()
    shared = draw_scene(head, seed, people[0], image, rendering)
    width = COLUMN * len(people)
    canvas = background(shared.backdrop, HEIGHT, width)
    rng = np.random.default_rng([seed, people[0], 1 + image, 9])
    places: list[Floats] = []
    boxes: list[Floats] = []
    for column, number in enumerate(people):
        own = draw_scene(head, seed, number, image, rendering)
        # A group looks at the camera: half of the turn that a picture of one person has.
        scene = replace(own, yaw=own.yaw / 2, lighting=shared.lighting, distance=2.0)
        person = make_person(head, number, seed, rendering)
        expressed, pose, styling = person.expressed(scene), person.pose(scene), person.styling(image)
        points = person.landmarks(expressed, pose)
        plane = np.stack([points[:, 0], -points[:, 2]], 1) / (points[:, 1:2] + scene.distance)
        factor = float(np.exp(rng.normal(0, 0.05))) * 62 * scene.distance / 0.062
        middle = np.array([COLUMN * (column + 0.5), 0.45 * HEIGHT]) + rng.normal(0, 10, 2)
        left, right = max(round(middle[0]) - COLUMN, 0), min(round(middle[0]) + COLUMN, width)
        matrix = np.array([[factor, 0, middle[0] - left], [0, factor, middle[1]]])
        window = np.ascontiguousarray(canvas[:, left:right])
        camera = Camera(scene.distance, matrix)
        mesh, surface = person.mesh(scene, styling, expressed), person.surface(styling)
        seen = render(mesh, pose, surface, scene.lighting, camera, window)
        canvas[:, left:right] = seen.linear
        box = face_box(head, camera.project(seen.positions[: len(head.template)]))
        boxes.append(box + np.array((left, 0, 0, 0), np.float32))
        places.append((transform(plane, matrix[:, :2]) + matrix[:, 2] + (left, 0)).astype(np.float32))
    flaws = replace(shared.flaws, blur=0.3, motion=(0.0, 0.0), shrink=1.0, exposure=1.0, grey=False)
    developed = develop(canvas, flaws, rng, gain=meter(canvas, np.concatenate(places)), scale=1.0)
    return GroupPhoto(developed, tuple(people), tuple(places), tuple(boxes))
