"""One person's work: what is to be drawn, and drawing it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.synth.export.truth import Truth
from kronface.synth.settings import Rendering

Sidecar = Callable[[Truth], bytes]
"""What is written into `PICTURE.json` beside a picture."""


@dataclass(frozen=True)
class Job:
    """One person's pictures: all that a process needs to know."""

    seed: int
    identity: int
    framing: str
    files: tuple[str, ...]
    """Where the pictures go, relative to the set's folder; the place is the picture's number."""
    rendering: Rendering
    masks: bool = False
    sidecar: Sidecar | None = None


@dataclass(frozen=True)
class Shot:
    """A picture on its way to disk."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    quality: int
    """Of the JPEG."""
    truth: Truth
    regions: NDArray[np.uint8] | None
    """(H, W), if masks are wanted."""


Draw = Callable[[Job], Iterator[Shot]]
"""Draws a person's pictures, one after the other."""


def draw_person(job: Job) -> Iterator[Shot]:
    """Renders a person's pictures."""
    from kronface.synth.head import load_head
    from kronface.synth.person import make_person
    from kronface.synth.picture import take_picture

    person = make_person(load_head(), job.identity, job.seed, job.rendering)
    for image, file in enumerate(job.files):
        picture = take_picture(
            job.seed,
            job.identity,
            image,
            framing=job.framing,
            person=person,
            rendering=job.rendering,
            masks=job.masks,
        )
        truth = Truth.of(picture, file, job.identity, image)
        yield Shot(picture.image, picture.scene.flaws.quality, truth, picture.regions)


def prepare_drawing() -> None:
    """Loads the head and compiles the kernels, unless the caches on disk have them.

    Processes that work side by side should find them there: their parent calls this before it starts them.

    Raises:
        MissingExtraError: `anny` or `warp-lang` is not installed.
    """
    from kronface.synth.head import load_head

    load_head()
    from kronface.synth.render import compile_kernels

    compile_kernels()
