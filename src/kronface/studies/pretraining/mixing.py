"""Faces between people, and faces that are altered: a teacher's answer to them is known too, and nobody is drawn."""

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.data.augment import LUMA

PEOPLE_IN_ONE = (0.3, 0.45, 0.25)
"""Shares of the mixtures that are of one person, of two and of three."""
BLENDED = 0.4
"""Share of the mixtures of two that are the same everywhere; in the others each has regions of their own."""
CENTRE, SPREAD = (0.494, 0.575), (0.175, 0.2)
"""Where the face lies, and how wide it is: across and down, as shares of the picture's side. What a person has of a
mixture is counted there."""
BENT = 0.7
"""Share of the mixtures that are bent and stretched."""
LARGEST_BEND = 0.025
"""Standard deviation of the strongest bend, as a share of the side."""


def mixture(faces: list[NDArray[np.uint8]], rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Three aligned faces (S, S, 3) -> a face between one, two or three of them, altered, and each one's share of it.

    A network that learns what a teacher says of such faces agrees with it on photographs too, which lie as far from
    renderings as they do (for a teacher: Beyer et al., CVPR 2022, who blend photographs).
    """
    count = 1 + int(rng.choice(len(PEOPLE_IN_ONE), p=PEOPLE_IN_ONE))
    face, shares = faces[0], np.array([1.0, 0.0, 0.0])
    for place in range(1, count):
        face, share = mixed_face(face, faces[place], rng)
        shares *= share
        shares[place] = 1 - share
    if rng.random() < BENT:
        face = bent(face, rng)
    return altered(face, rng), shares


def mixed_face(
    one: NDArray[np.uint8], other: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], float]:
    """Two aligned faces (S, S, 3) -> a face between them, and how much of it is the first one's, 0 to 1.

    Pixels are blended, evenly or by a smooth random mask (mixup: Zhang et al., ICLR 2018).
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
    away = [(place / (side - 1) - at) / wide for place, at, wide in zip((across, down), CENTRE, SPREAD, strict=True)]
    weight = np.exp(-np.square(away[0]) - np.square(away[1]))
    return out, float((mask[..., 0] * weight).sum() / weight.sum())


def bent(face: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A face (S, S, 3) of another shape: bent here and there, stretched and sheared a little about its middle."""
    side = face.shape[0]
    middle = np.float32((side - 1) / 2)
    down, across = np.mgrid[:side, :side].astype(np.float32) - middle
    bend = _smooth(rng, side, 2) * np.float32(rng.uniform(0.2, 1) * LARGEST_BEND * side)
    wide, tall = np.exp(rng.normal(0, 0.05, 2)).astype(np.float32)
    shear = np.float32(rng.normal(0, 0.04))
    return cv2.remap(
        face,
        middle + across * wide + down * shear + bend[..., 0],
        middle + down * tall + bend[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.uint8)


def altered(face: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A face (S, S, 3) in other light, by another camera: shaded, sharper or softer, grainy, grey, of other tones."""
    side = face.shape[0]
    out = face.astype(np.float32)
    if rng.random() < 0.5:
        shade = _smooth(rng, side, 1, (2, 5)) * np.float32(rng.uniform(0.1, 0.5))
        if rng.random() < 0.5:  # from one side
            shade = shade + np.linspace(-1, 1, side, dtype=np.float32)[:, None] * np.float32(rng.normal(0, 0.5))
        out = out * np.exp(shade)
    if rng.random() < 0.5:
        soft = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.6, 2.5) * side / 80)
        out = out + np.float32(rng.uniform(-0.8, 1.2)) * (out - soft)
    if rng.random() < 0.3:
        out = out + _smooth(rng, side, 1, (side // 6, side // 2)) * np.float32(rng.uniform(2, 7))
    if rng.random() < 0.5:
        share = np.float32(1 if rng.random() < 0.6 else rng.random())
        out = (1 - share) * out + share * (out @ np.asarray(LUMA, np.float32))[..., None]
    if rng.random() < 0.6:
        out = 255 * np.power(np.clip(out, 0, 255) / 255, np.float32(np.exp(rng.normal(0, 0.35))))
        level = out.mean()
        out = (out - level) * np.float32(np.exp(rng.normal(0, 0.25))) + level + np.float32(rng.normal(0, 15))
    return np.asarray(np.clip(out + 0.5, 0, 255), np.uint8)


def _smooth(
    rng: np.random.Generator, side: int, channels: int, counts: tuple[int, int] = (3, 6)
) -> NDArray[np.float32]:
    """(side, side, channels) of random waves, through so many values on a side: from the first to below the second."""
    count = int(rng.integers(*counts))
    coarse = rng.normal(0, 1, (count, count, channels)).astype(np.float32)
    out = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(out.reshape(side, side, channels), np.float32)
