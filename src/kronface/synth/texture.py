"""The picture that is wrapped around a head: skin, lips, lashes, brows, beard, hairline; one per person.

Places are given on the template: the turn about the vertical axis (radians, 0 in front, positive towards the person's
left; the ears lie at 0.85 to 1.18, for the axis runs behind them) and the height (metres).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats
from kronface.synth.identity import Identity
from kronface.synth.render import HIGH, LOW

ROWS, COLUMNS = 320, 640
"""About one millimetre each."""

TURN: Floats = np.asarray(((np.arange(COLUMNS) + 0.5) / COLUMNS - 0.5)[None, :] * 2 * np.pi, np.float32)
"""(1, COLUMNS) turn of each column."""

LEVEL: Floats = np.asarray((HIGH - (np.arange(ROWS) + 0.5) / ROWS * (HIGH - LOW))[:, None], np.float32)
"""(ROWS, 1) height of each row."""

EYE_TURN, EYE_LEVEL = 0.227, 0.7284
LIP_LEVEL, LIP_TURN = 0.6607, 0.176


@dataclass(frozen=True)
class Window:
    """A part of the texture: what is small is painted there alone."""

    rows: slice
    columns: slice

    @property
    def turn(self) -> Floats:
        """(1, columns) turns."""
        return TURN[:, self.columns]

    @property
    def level(self) -> Floats:
        """(rows, 1) heights."""
        return LEVEL[self.rows]


def window(turn: tuple[float, float], level: tuple[float, float]) -> Window:
    """The part between two turns and two heights, low before high."""
    left, right = np.searchsorted(TURN[0], turn)
    bottom, top = np.searchsorted(-LEVEL[:, 0], (-level[1], -level[0]))
    return Window(slice(int(bottom), int(top)), slice(int(left), int(right)))


def noise(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """(ROWS, COLUMNS) smooth noise of standard deviation 1, with so many knots down and around."""
    knots = rng.normal(size=(rows, columns)).astype(np.float32)
    knots = np.concatenate([knots, knots[:, :4]], 1)  # the two sides meet behind the head
    wide = cv2.resize(knots, (round(COLUMNS * (columns + 4) / columns), ROWS), interpolation=cv2.INTER_CUBIC)
    shift = COLUMNS * 2 // columns
    field = np.asarray(wide[:, shift : shift + COLUMNS], np.float32)
    if field.shape[1] < COLUMNS:
        field = cv2.resize(field, (COLUMNS, ROWS)).astype(np.float32)
    out: Floats = field / max(float(field.std()), 1e-6)
    return out


def step(low: float, high: float, value: NDArray[np.floating]) -> Floats:
    """0 at `low`, 1 at `high`, smooth between; `low` may be the larger one."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _spot(place: Window, turn: float, level: float, width: float, height: float) -> Floats:
    """A soft spot of height 1; turn and width in radians, level and height in metres."""
    out: Floats = np.exp(-(((place.turn - turn) / width) ** 2 + ((place.level - level) / height) ** 2))
    return out


def _darken(
    colour: Floats, turn: float, level: float, width: float, height: float, amount: float, tint: tuple[float, ...]
) -> None:
    """Subtracts a soft spot from a logarithm of colour, in place."""
    place = window((turn - 2.6 * width, turn + 2.6 * width), (level - 2.6 * height, level + 2.6 * height))
    spot = amount * _spot(place, turn, level, width, height)
    colour[place.rows, place.columns] -= spot[:, :, None] * np.array(tint, np.float32)


def paint_skin(rng: np.random.Generator, skin: NDArray[np.float64], tone: float, years: float) -> Floats:
    """(ROWS, COLUMNS, 3) linear RGB: blotches, flush, shadows under the eyes, freckles, moles, wrinkles."""
    blotches = 0.05 * noise(rng, 12, 24) + 0.035 * noise(rng, 40, 80) + 0.03 * noise(rng, 160, 320)
    colour = np.log(skin).astype(np.float32) + blotches[:, :, None] * np.array([0.6, 1.0, 1.1], np.float32)
    flush = abs(rng.normal(0.12, 0.08)) * (1 - 0.6 * tone)
    for side in (-1, 1):
        _darken(colour, side * 0.42, 0.69, 0.2, 0.02, flush, (0.1, 0.9, 0.8))
        bags = 0.12 * abs(rng.normal(1, 0.5)) + 0.12 * max(years - 45, 0) / 30
        _darken(colour, side * EYE_TURN, 0.7165, 0.1, 0.005, bags, (1, 1, 1))
    _darken(colour, 0, 0.69, 0.09, 0.012, 0.7 * flush, (0.1, 0.8, 0.7))
    if tone < 0.35 and rng.random() < 0.25:
        place = window((-1.4, 1.4), (0.64, 0.76))
        freckles = np.clip(noise(rng, 150, 300)[place.rows, place.columns] - 1.2, 0, 1.5)
        freckles = 0.45 * freckles * _spot(place, 0, 0.7, 0.55, 0.025)
        colour[place.rows, place.columns] -= freckles[:, :, None] * np.array([0.5, 0.9, 1.1], np.float32)
    for _ in range(rng.poisson(3)):
        turn, level, size = rng.normal(0, 0.45), rng.uniform(0.63, 0.78), rng.uniform(0.5, 1.4)
        _darken(colour, turn, level, 0.012 * size, 0.0016 * size, rng.uniform(0.3, 1.2), (0.8, 1, 1))
    _wrinkle(rng, colour, years)
    out: Floats = np.exp(colour)
    return out


def _wrinkle(rng: np.random.Generator, colour: Floats, years: float) -> None:
    """Lines that come with age; also the young have a trace of them."""
    strength = 0.05 + 0.42 * np.clip((years - 30) / 40, 0, 1) * rng.uniform(0.6, 1.3)
    place = window((-0.75, 0.75), (0.635, 0.8))
    turn, level = place.turn, place.level
    lines = np.zeros((level.shape[0], turn.shape[1]), np.float32)
    for k in range(3):  # across the forehead
        height = 0.762 + 0.009 * k + 0.002 * np.sin(turn * 6 + rng.uniform(0, 6))
        lines += rng.uniform(0.4, 1) * np.exp(-(((level - height) / 0.0011) ** 2)) * np.exp(-((turn / 0.35) ** 4))
    for side in (-1, 1):
        fold = 0.11 + 0.12 * np.clip((0.69 - level) / 0.03, 0, 1)  # from the nose to the corner of the mouth
        inside = step(0.655, 0.663, level) * (1 - step(0.684, 0.692, level))
        lines += 1.2 * np.exp(-(((side * turn - fold) / 0.014) ** 2)) * inside
        for k in range(3):  # crow's feet
            height = EYE_LEVEL + (k - 1) * 0.006 * (side * turn - 0.34) / 0.1
            lines += 0.8 * np.exp(-(((level - height) / 0.001) ** 2)) * np.exp(-(((side * turn - 0.43) / 0.06) ** 4))
        lines += 0.7 * np.exp(-(((side * turn - 0.03) / 0.008) ** 2)) * np.exp(-(((level - 0.748) / 0.007) ** 2))
    colour[place.rows, place.columns] -= (strength * lines)[:, :, None] * np.array([0.7, 1.0, 1.0], np.float32)


def paint_lips(skin: Floats, colour: NDArray[np.float64], strength: float) -> None:
    """Lips of a colour, and the seam between them; in place."""
    place = window((-0.2, 0.2), (0.64, 0.68))
    across = place.turn / LIP_TURN
    arc = np.sqrt(np.clip(1 - across**2, 0, 1))
    line = LIP_LEVEL + 0.003 * across**2
    above = line + 0.0105 * arc * (1 - 0.22 * np.exp(-((across / 0.16) ** 2)))
    below = line - 0.0112 * arc
    mask = step(-0.0008, 0.0008, above - place.level) * step(-0.0008, 0.0008, place.level - below)
    _cover(skin, place, strength * mask * (np.abs(across) < 1), colour)
    seam = np.exp(-(((place.level - line) / 0.0011) ** 2)) * (np.abs(across) < 1.02)
    skin[place.rows, place.columns] *= 1 - 0.6 * seam[:, :, None]


def paint_eyes(skin: Floats, male: bool, shadow: NDArray[np.float64], make_up: float) -> None:
    """Lashes along the upper lid, the crease above, the rim of the lower lid, and eye shadow; in place."""
    for side in (-1, 1):
        middle = side * EYE_TURN
        place = window((middle - 0.15, middle + 0.15), (0.715, 0.75))
        across = (side * place.turn - EYE_TURN) / 0.108
        arc = np.sqrt(np.clip(1 - across**2, 0, 1))
        lid = EYE_LEVEL + 0.0052 * arc
        if make_up > 0:
            veil = step(-0.001, 0.001, place.level - lid) * step(0.011, 0.004, place.level - lid) * arc
            _cover(skin, place, 0.5 * make_up * veil, shadow)
        upper = np.exp(-(((place.level - lid) / (0.0016 + 0.0005 * make_up)) ** 2)) * (np.abs(across) < 1.08)
        lower = np.exp(-(((place.level - EYE_LEVEL + 0.0048 * arc) / 0.001) ** 2)) * (np.abs(across) < 1.0)
        crease = np.exp(-(((place.level - lid - 0.0045) / 0.0012) ** 2)) * (np.abs(across) < 1.1)
        dark = (1 - (0.6 if male else 0.78 + 0.15 * make_up) * upper) * (1 - (0.15 if male else 0.35) * lower)
        skin[place.rows, place.columns] *= (dark * (1 - 0.22 * crease))[:, :, None]


def paint_brows(rng: np.random.Generator, skin: Floats, colour: NDArray[np.float64], male: bool, width: float) -> None:
    """Both brows, in place; `width` is half of their height in metres."""
    start, end = rng.normal(0.075, 0.014), rng.normal(0.40, 0.025)
    height = rng.normal(0.7462 if male else 0.7475, 0.0012)
    arch, tilt = rng.normal(0.0035 if male else 0.0055, 0.0015), rng.normal(0.001, 0.0018)
    fibres = noise(rng, 70, 420)
    density = np.clip(rng.normal(0.85 if male else 0.75, 0.12), 0.35, 1.0)
    for side in (-1, 1):
        place = window((side * 0.25 - 0.28, side * 0.25 + 0.28), (0.725, 0.775))
        across = (side * place.turn - start) / (end - start)
        along = np.clip(across, 0, 1)
        level = height + arch * np.sin(np.pi * along**1.3) + tilt * across - 0.004 * along**3
        half = width * (1.05 - 0.65 * along)
        inside = step(1.2, 0.5, np.abs(place.level - level) / half) * step(-0.02, 0.1, across) * step(1.05, 0.9, across)
        strength = density * inside * (0.9 + 0.15 * fibres[place.rows, place.columns])
        _cover(skin, place, np.clip(strength, 0, 1), colour)


def paint_beard(rng: np.random.Generator, skin: Floats, beard: str, colour: NDArray[np.float64]) -> None:
    """A shadow, a moustache, a ring around the mouth, or all of the jaw up to the sideburns; in place."""
    if beard == "none":
        return
    place = window((-1.0, 1.0), (0.57, 0.72))
    turn, level = np.abs(place.turn), place.level
    edge = 0.656 + 0.006 * step(0.2, 0.4, turn) + 0.045 * step(0.45, 0.78, turn)
    jaw = step(0.92, 0.82, turn) * step(0.594, 0.61, level) * step(0.0, 0.008, edge - level)
    outer = np.sqrt((turn / 0.25) ** 2 + ((level - 0.656) / 0.033) ** 2)
    lips = np.sqrt((turn / 0.17) ** 2 + ((level - 0.661) / 0.0118) ** 2)
    jaw = jaw * step(0.95, 1.12, lips)
    nose = step(0.6885, 0.6835, level + 0.02 * turn)
    ring = step(1.0, 0.85, outer) * step(0.95, 1.12, lips) * nose
    ring = ring * (0.35 + 0.65 * np.maximum(step(0.662, 0.668, level), step(0.645, 0.638, level)))
    above = ring * step(0.655, 0.664, level)
    chin = step(0.2, 0.13, turn) * step(0.608, 0.618, level) * step(0.654, 0.647, level) * step(0.95, 1.12, lips)
    region = {
        "stubble": 0.38 * np.maximum(jaw, ring),
        "moustache": above,
        "goatee": np.maximum(ring, chin),
        "full": np.maximum(jaw, ring),
    }[beard]
    grain = (0.12 * noise(rng, 60, 140) + 0.16 * noise(rng, 200, 500))[place.rows, place.columns]
    _cover(skin, place, np.clip(region * (0.86 + grain), 0, 0.95), colour)


def _cover(skin: Floats, place: Window, strength: Floats, colour: NDArray[np.float64]) -> None:
    """Blends a colour over a part of the skin, in place."""
    part = skin[place.rows, place.columns]
    part += strength[:, :, None] * (colour.astype(np.float32) - part)


def hairline(rng: np.random.Generator, identity: Identity, length: str, bangs: bool) -> Floats:
    """(1, COLUMNS) height on the template above which hair grows."""
    front = rng.normal(0.797, 0.0045)
    front += 0.012 * np.clip((identity.age_years - 35) / 35, 0, 1) if identity.male else 0
    recess = abs(rng.normal(0.004 if identity.male else 0.0, 0.006))
    if bangs:
        front -= rng.uniform(0.018, 0.03)
        recess = 0.0
    knots = [0, 0.2, 0.36, 0.45, 0.54, 0.66, 0.76, 0.92, 1.25, 1.8, np.pi]
    beside = rng.normal(0.7 if identity.male else 0.708, 0.006)
    nape = 0.655 if length == "cropped" else 0.63
    corner = front + recess
    levels = [front, front + 0.3 * recess, corner, corner - 0.008, 0.778, 0.755, beside, beside, 0.69, 0.65, nape]
    if length == "bald":
        levels = [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.775, 0.765, 0.75, 0.745, 0.74]
    return np.interp(np.abs(TURN), knots, levels).astype(np.float32)


def hair_density(rng: np.random.Generator, line: Floats, bangs: bool) -> Floats:
    """(ROWS, COLUMNS) 0 where there is none, 1 where it is full, one half at the line, which is ragged."""
    ragged = (0.0035 if bangs else 0.0018) * noise(rng, 16, 260) + 0.0012 * noise(rng, 100, 400)
    out: Floats = np.clip(0.5 + (LEVEL - line + ragged) / (0.008 if bangs else 0.013), 0, 1).astype(np.float32)
    return out


def occlusion() -> Floats:
    """(ROWS, COLUMNS) ambient light that reaches a place: less in sockets and nostrils and under the chin."""
    shade = np.ones((ROWS, COLUMNS), np.float32)
    shade -= 0.45 * step(0.615, 0.59, LEVEL) * step(1.6, 0.8, np.abs(TURN))
    place = window((-0.6, 0.6), (0.62, 0.78))
    part = shade[place.rows, place.columns]
    for side in (-1, 1):
        part -= 0.28 * _spot(place, side * 0.17, 0.735, 0.08, 0.011)
        part -= 0.45 * _spot(place, side * 0.055, 0.6835, 0.03, 0.004)
        part -= 0.2 * _spot(place, side * 0.13, 0.688, 0.05, 0.01)
    part -= 0.25 * _spot(place, 0, 0.647, 0.15, 0.005)
    return np.clip(shade, 0.15, 1)


def strands(rng: np.random.Generator, curly: bool) -> Floats:
    """(ROWS, COLUMNS) strands running down, or curls, in [0, 1]; they are repeated around the head."""
    fine, coarse = (noise(rng, 90, 26), noise(rng, 50, 60)) if curly else (noise(rng, 6, 320), noise(rng, 8, 90))
    out: Floats = np.clip(0.5 + 0.17 * fine + 0.15 * coarse, 0, 1)
    return out
