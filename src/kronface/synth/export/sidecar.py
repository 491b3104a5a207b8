"""MegaFace's sidecars beside rendered pictures."""

import json

import numpy as np

from kronface.data.sources.sidecar import BOX, PLACES
from kronface.synth.export.truth import Truth

WITHOUT_BOX = 0.05
"""Share of the sidecars without a bounding box; chosen."""


def sidecar(seed: int, truth: Truth) -> bytes:
    """The content of `PICTURE.json`: three landmarks, and mostly a box."""
    points = np.reshape(truth.landmarks, (5, 2))
    content: dict[str, object] = {}
    if np.random.default_rng([seed, truth.identity, 1 + truth.image, 1005]).random() >= WITHOUT_BOX:
        content["bounding_box"] = {name: round(value, 2) for name, value in zip(BOX, truth.box, strict=True)}
    content["landmarks"] = {
        name: {axis: round(float(value), 2) for axis, value in zip("xy", points[PLACES.index(name)], strict=True)}
        for name in sorted(PLACES)
    }
    return json.dumps(content).encode()
