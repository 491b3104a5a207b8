"""Brows, and where a beard grows: painted onto the skin's texture, in its coordinates."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats
from kronface.synth.texture import (
    BEARD,
    COLUMNS,
    ROWS,
    Window,
    beard_region,
    beard_ring,
    cover,
    noise,
    step,
    window,
)


@cache
def _fibres() -> Floats:
    """(ROWS, COLUMNS) short hairs that run up, in [0, 1]."""
    rng = np.random.default_rng(20_261_127)
    knots = rng.random((ROWS // 7, COLUMNS)).astype(np.float32)
    field = cv2.GaussianBlur(cv2.resize(knots, (COLUMNS, ROWS), interpolation=cv2.INTER_LINEAR), (0, 0), 0.6)
    ranked = np.empty(field.size, np.float32)
    ranked[np.argsort(field, axis=None)] = np.linspace(0, 1, field.size, dtype=np.float32)
    out = ranked.reshape(field.shape)
    out.setflags(write=False)
    return out


def _hairs(rng: np.random.Generator, place: Window, slant: float) -> Floats:
    """Hairs in a window that lean by `slant` columns per row; in [0, 1]."""
    rows, columns = np.arange(place.level.shape[0])[:, None], np.arange(place.turn.shape[1])[None]
    down, across = rng.integers(ROWS), rng.integers(COLUMNS)
    where = (columns + across + np.round(slant * rows).astype(int)) % COLUMNS
    return np.asarray(_fibres()[(rows + down) % ROWS, where], np.float32)


@dataclass(frozen=True)
class Brows:
    """The shape of a person's brows on the template."""

    start: float
    """Turn of the inner end."""
    end: float
    height: float
    arch: float
    tilt: float
    width: float
    """Half of their height, metres."""
    density: float


def paint_brows(rng: np.random.Generator, surface: Floats, colour: NDArray[np.float64], brows: Brows) -> Floats:
    """Both brows, in place.

    Returns:
        (ROWS, COLUMNS) how much of each place they cover, in [0, 1].
    """
    covered = np.zeros((ROWS, COLUMNS), np.float32)
    for side in (-1, 1):
        place = window((side * 0.25 - 0.28, side * 0.25 + 0.28), (0.725, 0.775))
        across = (side * place.turn - brows.start) / (brows.end - brows.start)
        along = np.clip(across, 0, 1)
        level = brows.height + brows.arch * np.sin(np.pi * along**1.3) + brows.tilt * across - 0.004 * along**3
        half = brows.width * (1.05 - 0.65 * along)
        fibres = _hairs(rng, place, -side * 0.9) - 0.5
        uneven = np.abs(place.level - level) / half + 0.5 * fibres
        inside = step(1.25, 0.45, uneven) * step(-0.03, 0.1, across + 0.04 * fibres) * step(1.05, 0.9, across)
        strength = np.clip(brows.density * inside * (0.95 + 0.5 * fibres), 0, 1)
        cover(surface[place.rows, place.columns], strength, colour)
        covered[place.rows, place.columns] = strength
    return covered


BEARDS = ("none", "stubble", "moustache", "goatee", "full")


def paint_beard(rng: np.random.Generator, surface: Floats, beard: str) -> None:
    """Where a beard of one of `BEARDS` grows, into its channel: moustache, a ring around the mouth, or all of the jaw.

    The colour comes in the picture, where it may be shaven.
    """
    if beard == "none":
        return
    place = window((-1.0, 1.0), (0.585, 0.72))
    turn, level = np.abs(place.turn), place.level
    lips = np.sqrt((turn / 0.17) ** 2 + ((level - 0.661) / 0.0118) ** 2)
    ring = beard_ring(place, lips)
    chin = step(0.2, 0.13, turn) * step(0.608, 0.618, level) * step(0.654, 0.647, level) * step(0.95, 1.12, lips)
    if beard == "moustache":
        region = ring * step(0.655, 0.664, level)
    elif beard == "goatee":
        region = np.maximum(ring, chin)
    else:
        region = beard_region(place)
    grain = 0.1 * noise(rng, 1, place) + 0.22 * noise(rng, 3, place)
    surface[place.rows, place.columns, BEARD] = np.clip(region * (0.9 + grain), 0, 1)
