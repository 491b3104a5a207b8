"""What a camera makes of the light: the background out of focus, metering, tone, and its flaws."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats
from kronface.synth.scene import Flaws
from kronface.synth.shifted import PATTERNS, damage, pattern

MIDDLE = 0.2
"""Linear brightness that a metered face is drawn to."""

EVENNESS = 0.5
"""Exponent by which metering evens out brightness: 1 would draw every face alike."""

STEPS = 4096
"""Of the tone curve's table."""

BRIGHTEST = 8.0
"""Linear light from which everything is white."""


def background(seed: int, height: int, width: int) -> Floats:
    """(height, width, 3) linear RGB: walls, windows, foliage, lights out of focus, or a plain studio; -1 is grey.

    It is made at a quarter of the size: nothing in it is sharp.
    """
    if seed < 0:
        return np.full((height, width, 3), 0.18, np.float32)
    if seed >= PATTERNS:
        return pattern(seed, height, width)
    rng = np.random.default_rng(seed)
    h, w = -(-height // 4), -(-width // 4)
    base = rng.normal(-1.5, 0.85)
    corners = base + rng.normal(0, 0.45, (2, 2, 1)) + rng.normal(0, 0.13, (1, 1, 3)) + rng.normal(0, 0.08, (2, 2, 3))
    field = _stretched(corners, h, w, cv2.INTER_LINEAR)
    kind = rng.random()
    if kind > 0.18:  # not a studio
        for knots in (4, 9):
            blobs = rng.normal(0, 0.28, (knots, knots, 1)) + rng.normal(0, 0.07, (knots, knots, 3))
            field += _stretched(blobs, h, w, cv2.INTER_CUBIC)
    if kind > 0.75:  # leaves
        leaves = rng.normal(0, 0.5, (h // 3 + 1, w // 3 + 1, 1)) + rng.normal(0, 0.1, (h // 3 + 1, w // 3 + 1, 3))
        field += _stretched(leaves, h, w, cv2.INTER_CUBIC) + np.array([0, 0.15, -0.1], np.float32)
    elif kind > 0.18:  # rooms and streets
        for _ in range(int(rng.integers(0, 6))):
            x, y = rng.integers(-w // 4, w, endpoint=True), rng.integers(-h // 4, h, endpoint=True)
            across, down = rng.integers(2, w // 2 + 3), rng.integers(2, h + 1)
            value = rng.normal(0, 0.55) + rng.normal(0, 0.15, 3)
            field[max(y, 0) : y + down, max(x, 0) : x + across] += value.astype(np.float32)
    if rng.random() < 0.12:  # lights far off
        for _ in range(int(rng.integers(4, 14))):
            centre = (int(rng.integers(w)), int(rng.integers(h)))
            spot = np.zeros((h, w), np.float32)
            cv2.circle(spot, centre, int(rng.integers(1, max(w // 12, 2) + 1)), 1.0, -1)
            field += spot[:, :, None] * (rng.uniform(0.5, 2.2) + rng.normal(0, 0.3, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(np.exp(field), (0, 0), float(np.exp(rng.uniform(-0.7, 1.2))))
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _stretched(knots: NDArray[np.floating], rows: int, columns: int, how: int) -> Floats:
    return np.asarray(cv2.resize(knots.astype(np.float32), (columns, rows), interpolation=how), np.float32)


def meter(linear: Floats, places: NDArray[np.floating]) -> float:
    """The factor by which a camera that looks at faces exposes: it evens out most, not all, of a face's brightness.

    Args:
        linear: (H, W, 3) linear RGB.
        places: (N, 2) pixels on faces, x then y; the rectangles of five consecutive ones (a face's landmarks) count.
    """
    height, width = linear.shape[:2]
    values = []
    for face in places.reshape(-1, 5, 2):
        x0, y0 = np.clip(np.floor(face.min(0)), 0, (width - 2, height - 2)).astype(int)
        x1, y1 = np.clip(np.ceil(face.max(0)), (x0 + 1, y0 + 1), (width, height)).astype(int)
        values.append(float(linear[y0:y1, x0:x1].mean()))
    return float(np.clip((MIDDLE / max(float(np.mean(values)), 1e-4)) ** EVENNESS, 0.4, 4.0))


def develop(linear: Floats, flaws: Flaws, rng: np.random.Generator, *, gain: float, scale: float) -> NDArray[np.uint8]:
    """White balance, exposure, tone curve, blur and grain: linear RGB (H, W, 3) -> uint8.

    Args:
        linear: the rendered picture.
        flaws: of the camera.
        rng: of the grain.
        gain: the metered exposure.
        scale: the face's size relative to a 178x218 picture: blur grows with it.
    """
    factors = gain * flaws.exposure * np.array(flaws.tint) * (STEPS - 1) ** 2 / BRIGHTEST
    index = np.minimum(cv2.sqrt(linear * factors.astype(np.float32)), STEPS - 1).astype(np.uint16)
    picture: Floats = _tone(round(flaws.contrast, 2))[index]
    blur = flaws.blur * scale
    if flaws.shrink > 1:
        size = (max(round(picture.shape[1] / flaws.shrink), 16), max(round(picture.shape[0] / flaws.shrink), 16))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        picture = np.asarray(cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.float32)
    if blur > 0.15:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), np.float32)
    if flaws.motion != (0.0, 0.0):
        streak = _streak(flaws.motion[0] * scale, flaws.motion[1] * scale)
        picture = np.asarray(cv2.filter2D(picture, -1, streak), np.float32)
    if flaws.grain > 0:
        picture = picture + _grain(rng, picture.shape[:2], flaws.grain)
    developed: NDArray[np.uint8] = np.clip(picture + 0.5, 0, 255).astype(np.uint8)
    if flaws.grey:
        developed = cv2.cvtColor(cv2.cvtColor(developed, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.uint8)
    return damage(developed, flaws) if flaws.damaged else developed


@cache
def _tone(contrast: float) -> Floats:
    """(STEPS,) values in [0, 255]: highlights roll off (Reinhard's curve), then gamma.

    Step k stands for the light (k / (STEPS - 1))² · BRIGHTEST: by the square root, so that dark steps are fine enough.
    """
    light = (np.arange(STEPS) / (STEPS - 1)) ** 2 * BRIGHTEST
    toned = light * (1 + light / 6.0) / (1 + light)
    encoded = np.clip(toned * 1.45, 0, 1) ** (1 / 2.2)
    out: Floats = (np.clip(0.5 + contrast * (encoded - 0.5), 0, 1) * 255).astype(np.float32)
    return out


@cache
def _noise() -> Floats:
    """(1024, 1024) of standard deviation 1."""
    out: Floats = np.random.default_rng(20_261_126).normal(size=(1024, 1024)).astype(np.float32)
    out.setflags(write=False)
    return out


def _grain(rng: np.random.Generator, shape: tuple[int, ...], strength: float) -> Floats:
    """(H, W, 3) noise of brightness and of colour, cut at random from a sheet of it that is repeated."""
    sheet = _noise()
    height, width = shape[:2]
    parts = []
    for _ in range(4):
        down, across = rng.integers(1024, size=2)
        if down + height <= 1024 and across + width <= 1024:
            parts.append(sheet[down : down + height, across : across + width])  # most often: nothing is copied
        else:
            parts.append(sheet[np.ix_((np.arange(height) + down) % 1024, (np.arange(width) + across) % 1024)])
    level = np.float32(255 * strength)
    grey = 0.8 * parts[0]
    return np.asarray(cv2.merge([level * (grey + 0.6 * part) for part in parts[1:]]), np.float32)


def _streak(dx: float, dy: float) -> Floats:
    """A kernel that smears along a path."""
    side = 2 * (int(np.ceil(max(abs(dx), abs(dy)) / 2)) + 1) + 1
    kernel = np.zeros((side, side), np.float32)
    for share in np.linspace(-0.5, 0.5, 31):
        x, y = side // 2 + share * dx, side // 2 + share * dy
        kernel[round(y), round(x)] += 1
    return np.asarray(kernel / kernel.sum(), np.float32)
