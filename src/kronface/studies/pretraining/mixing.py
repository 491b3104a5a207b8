"""Faces between two people: a teacher's answer to them is known too, and nobody has to be drawn."""

import cv2
import numpy as np
from numpy.typing import NDArray

BLENDED = 0.4
"""Share of the mixtures that are the same everywhere; in the others each person has regions of their own."""
CENTRE, SPREAD = (0.494, 0.575), (0.175, 0.2)
"""Where the face lies, and how wide it is: across and down, as shares of the picture's side. What a person has of a
mixture is counted there."""
BENT = 0.5
"""Share of the mixtures that are bent."""
LARGEST_BEND = 0.01
"""Standard deviation of the strongest one, as a share of the side."""


def mixed_face(
    one: NDArray[np.uint8], other: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], float]:
    """Two aligned faces (S, S, 3) -> a face between them, and how much of it is the first one's, 0 to 1.

    Pixels are blended, evenly or by a smooth random mask (mixup: Zhang et al., ICLR 2018; for a teacher: Beyer et al.,
    CVPR 2022), and the result may be bent a little.
    """
    side = one.shape[0]
    first, second = one.astype(np.float32), other.astype(np.float32)
    if rng.random() < BLENDED:
        mask = np.full((side, side, 1), rng.uniform(0.2, 0.8), np.float32)
    else:
        field = _smooth(rng, side, 1)
        mask = (1 / (1 + np.exp(-4 * (field + rng.normal(0, 0.3))))).astype(np.float32)
        if rng.random() < 0.7:  # in the light of the first
            gain = (first.std((0, 1)) + 5) / (second.std((0, 1)) + 5)
            second = (second - second.mean((0, 1))) * gain + first.mean((0, 1))
    out = np.clip(mask * first + (1 - mask) * second + 0.5, 0, 255).astype(np.uint8)
    down, across = np.mgrid[:side, :side].astype(np.float32)
    if rng.random() < BENT:
        bend = _smooth(rng, side, 2) * rng.uniform(0.25, 1) * LARGEST_BEND * side
        out = cv2.remap(
            out, across + bend[..., 0], down + bend[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        ).astype(np.uint8)
    away = [(place / (side - 1) - at) / wide for place, at, wide in zip((across, down), CENTRE, SPREAD, strict=True)]
    weight = np.exp(-np.square(away[0]) - np.square(away[1]))
    return out, float((mask[..., 0] * weight).sum() / weight.sum())


def _smooth(rng: np.random.Generator, side: int, channels: int) -> NDArray[np.float32]:
    """(side, side, channels) that changes over a third to a fifth of the side."""
    count = int(rng.integers(3, 6))
    coarse = rng.normal(0, 1, (count, count, channels)).astype(np.float32)
    out = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(out.reshape(side, side, channels), np.float32)
