"""The picture that is wrapped around a head: skin, lips, lashes, and where a beard grows; one per person.

Places are given on the template: the turn about the vertical axis (radians, 0 in front, positive towards the person's
left; the ears lie at 0.85 to 1.18, for the axis runs behind them) and the height (metres).
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats
from kronface.synth.render import CROWDING, HIGH, LOW

ROWS, COLUMNS = 448, 640
"""Two thirds of a millimetre down; around, 0.4 millimetres in front, 0.7 at the cheeks, and 1.2 behind."""

CHANNELS = 8
GLOSS, OCCLUSION, LIPS, LID, BEARD = 3, 4, 5, 6, 7
"""Channels behind the skin's linear RGB: shine, ambient light that arrives, lips, upper lid (where make-up goes), and
how dense a beard can grow; all in [0, 1]."""


def _turns() -> Floats:
    """Turn of each column: the inverse of `kernels.surface_coordinates`."""
    x = (np.arange(COLUMNS) + 0.5) / COLUMNS * 2 - 1
    return np.asarray(np.pi * x / (1 + CROWDING - CROWDING * np.abs(x)), np.float32)


TURN: Floats = _turns()[None, :]
"""(1, COLUMNS) turn of each column."""

LEVEL: Floats = np.asarray((HIGH - (np.arange(ROWS) + 0.5) / ROWS * (HIGH - LOW))[:, None], np.float32)
"""(ROWS, 1) height of each row."""

EYE_TURN, EYE_LEVEL = 0.227, 0.7284
LIP_LEVEL, LIP_TURN = 0.6607, 0.176

BANDS = ((18, 16), (46, 40), (150, 128), (224, 200))
"""Knots down and around of the noise, evenly spaced in front: blotches, patches, freckles, pores."""

VARIANTS = 3


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


FACE = window((-1.3, 1.3), (0.575, 0.84))
"""What is worth painting: the rest is under hair and clothes."""


@cache
def _bank() -> Floats:
    """(bands, variants, ROWS, COLUMNS) smooth noise of standard deviation 1: what everybody's skin is mixed from."""
    rng = np.random.default_rng(20_261_124)
    fields = np.empty((len(BANDS), VARIANTS, ROWS, COLUMNS), np.float32)
    for band, (rows, columns) in enumerate(BANDS):
        for variant in range(VARIANTS):
            knots = rng.normal(size=(rows, columns)).astype(np.float32)
            knots = np.concatenate([knots, knots[:, :4]], 1)  # the two sides meet behind the head
            wide = cv2.resize(knots, (round(COLUMNS * (columns + 4) / columns), ROWS), interpolation=cv2.INTER_CUBIC)
            field = wide[:, : COLUMNS if wide.shape[1] >= COLUMNS else None]
            if field.shape[1] < COLUMNS:
                field = cv2.resize(field, (COLUMNS, ROWS))
            fields[band, variant] = field / max(float(field.std()), 1e-6)
    fields.setflags(write=False)
    return fields


def noise(rng: np.random.Generator, band: int, place: Window) -> Floats:
    """Noise of one band and about standard deviation 1 in a window: a mixture of two fields, shifted, one's own."""
    total = np.zeros((place.level.shape[0], place.turn.shape[1]), np.float32)
    angle = rng.uniform(0, np.pi / 2)
    for weight in (np.cos(angle), np.sin(angle)):
        field = _bank()[band, rng.integers(VARIANTS)]
        down, across = rng.integers(ROWS - total.shape[0] + 1), rng.integers(COLUMNS - total.shape[1] + 1)
        part = field[down : down + total.shape[0], across : across + total.shape[1]]
        flip = rng.integers(4)
        total += np.float32(weight) * part[:: -1 if flip & 1 else 1, :: -1 if flip & 2 else 1]
    return total


def step(low: float, high: float, value: NDArray[np.floating]) -> Floats:
    """0 at `low`, 1 at `high`, smooth between; `low` may be the larger one."""
    t = np.clip((value - float(low)) / float(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _spot(place: Window, turn: float, level: float, width: float, height: float) -> Floats:
    """A soft spot of height 1; turn and width in radians, level and height in metres."""
    across = np.exp(-(((place.turn - turn) / width) ** 2))
    down = np.exp(-(((place.level - level) / height) ** 2))
    return np.asarray(down * across, np.float32)


@dataclass(frozen=True)
class SkinMarks:
    """What tells one person's skin from another's, besides its tone; each 0 for none, about 1 for much."""

    blotches: float
    flush: float
    bags: float
    freckles: float
    moles: int
    wrinkles: float
    pores: float
    beard_shadow: float
    """Bluish darkness of a shaven jaw."""
    veins: float


def paint_skin(rng: np.random.Generator, skin: NDArray[np.float64], marks: SkinMarks, *, detail: bool) -> Floats:
    """(ROWS, COLUMNS, CHANNELS) the skin without brows and beard: linear RGB, gloss, and the static channels.

    Args:
        rng: of the person.
        skin: (3,) linear RGB of the plain skin.
        marks: what is painted onto it.
        detail: whether anything is.
    """
    # Added, not written into a copy: writing three of eight channels at a time takes twice as long.
    plain = np.concatenate([skin, np.zeros(CHANNELS - 3)]).astype(np.float32)
    surface: Floats = (_static().reshape(ROWS, -1) + np.tile(plain, COLUMNS)).reshape(ROWS, COLUMNS, CHANNELS)
    place = FACE
    shape = (place.level.shape[0], place.turn.shape[1])
    # Logarithms: dark[…] is what is taken off red, green and blue.
    red, other = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    if detail:
        patches = marks.blotches * (0.055 * noise(rng, 0, place) + 0.04 * noise(rng, 1, place))
        red += 0.6 * patches
        other += patches
        pores = marks.pores * 0.035 * noise(rng, 3, place)
        red += pores
        other += pores
        _regions(rng, place, red, other, marks)
        _lines(rng, place, red, other, marks.wrinkles)
        if marks.freckles > 0.05:
            speckles = np.clip(noise(rng, 2, place) - 1.1, 0, 1.4) * _spot(place, 0, 0.702, 0.6, 0.03)
            red += 0.3 * marks.freckles * speckles
            other += 0.55 * marks.freckles * speckles
        for _ in range(marks.moles):
            turn, level = float(np.clip(rng.normal(0, 0.4), -1.1, 1.1)), float(rng.uniform(0.62, 0.785))
            _mole(place, red, other, turn, level, float(rng.uniform(0.4, 1.3)), float(rng.uniform(0.4, 1.4)))
    part = surface[place.rows, place.columns]
    shade_red, shade_other = cv2.exp(-red), cv2.exp(-other)
    part[:, :, 0] = skin[0] * shade_red
    part[:, :, 1] = skin[1] * shade_other
    part[:, :, 2] = skin[2] * shade_other
    return surface


def _regions(rng: np.random.Generator, place: Window, red: Floats, other: Floats, marks: SkinMarks) -> None:
    """Flush of cheeks, nose and chin, shadows under the eyes, a shaven jaw, veins at the temples; in place."""

    def add(spot: Window, field: Floats, much_red: float, much_other: float) -> None:
        rows, columns = _inside(spot, place)
        red[rows, columns] += np.float32(much_red) * field
        other[rows, columns] += np.float32(much_other) * field

    for side in (-1, 1):
        flush = marks.flush * float(1 + 0.15 * rng.normal())
        cheek, lid, temple = _beside(side)
        add(*cheek, 0.04 * flush, 0.2 * flush)
        add(*lid, 0.2 * marks.bags, 0.22 * marks.bags)
        add(*temple, 0.12 * marks.veins, 0.0)
    nose, chin, jaw = _middle()
    add(*nose, 0.02 * marks.flush, 0.16 * marks.flush)
    add(*chin, 0.01 * marks.flush, 0.08 * marks.flush)
    if marks.beard_shadow > 0:
        add(*jaw, 0.26 * marks.beard_shadow, 0.16 * marks.beard_shadow)


Stencil = tuple[Window, Floats]
"""What is painted on everybody in the same place, more or less of it: where, and its strength there, in [0, 1]."""


@cache
def _beside(side: int) -> tuple[Stencil, Stencil, Stencil]:
    """Cheek, shadow under the eye, and vein at the temple on one side."""
    cheek = window((side * 0.42 - 0.5, side * 0.42 + 0.5), (0.64, 0.74))
    lid = window((side * 0.22 - 0.26, side * 0.22 + 0.26), (0.70, 0.73))
    temple = window((side * 0.62 - 0.12, side * 0.62 + 0.12), (0.735, 0.8))
    course = side * (0.62 + 0.05 * np.sin(90 * temple.level))
    vein = np.exp(-(((temple.turn - course) / 0.02) ** 2)) * step(0.735, 0.75, temple.level)
    return (
        (cheek, _spot(cheek, side * 0.42, 0.69, 0.2, 0.02)),
        (lid, _spot(lid, side * (EYE_TURN - 0.01), 0.7155, 0.105, 0.0055)),
        (temple, vein),
    )


@cache
def _middle() -> tuple[Stencil, Stencil, Stencil]:
    """Nose, chin and jaw."""
    nose = window((-0.25, 0.25), (0.655, 0.72))
    chin = window((-0.4, 0.4), (0.6, 0.66))
    jaw = window((-0.95, 0.95), (0.592, 0.705))
    return (
        (nose, _spot(nose, 0, 0.69, 0.085, 0.012)),
        (chin, _spot(chin, 0, 0.63, 0.15, 0.012)),
        (jaw, beard_region(jaw)),
    )


def _inside(part: Window, whole: Window) -> tuple[slice, slice]:
    """Where a window lies within another one, which holds it."""
    return (
        slice(part.rows.start - whole.rows.start, part.rows.stop - whole.rows.start),
        slice(part.columns.start - whole.columns.start, part.columns.stop - whole.columns.start),
    )


def _lines(rng: np.random.Generator, place: Window, red: Floats, other: Floats, strength: float) -> None:
    """Lines that come with age; also the young have a trace of them. In place."""

    def add(spot: Window, lines: Floats, much: float) -> None:
        rows, columns = _inside(spot, place)
        red[rows, columns] += np.float32(0.35 * strength * much) * lines
        other[rows, columns] += np.float32(0.5 * strength * much) * lines

    phase = float(rng.uniform(0, 6))
    for k in range(int(rng.integers(2, 5))):  # across the forehead
        middle, speed = 0.761 + float(rng.uniform(0.0075, 0.0105)) * k, float(rng.uniform(4, 8))
        spot = window((-0.6, 0.6), (middle - 0.006, middle + 0.006))
        height = middle + 0.002 * np.sin(spot.turn * speed + phase)
        fade = np.exp(-((spot.turn / float(rng.uniform(0.25, 0.45))) ** 4))
        add(spot, np.exp(-(((spot.level - height) / 0.0010) ** 2)) * fade, float(rng.uniform(0.3, 1)))
    folds, feet, frown, mouth = (float(value) for value in rng.uniform(0.5, 1.4, 4))
    for side in (-1, 1):
        fold, *crows_feet, between, corner, lid = _creases(side)
        add(*fold, 1.1 * folds)
        for crease in crows_feet:
            add(*crease, feet)
        add(*between, frown)
        add(*corner, 0.8 * mouth)
        add(*lid, 0.7 * feet)


@cache
def _creases(side: int) -> tuple[Stencil, ...]:
    """On one side: from the nose to the mouth, crow's feet (3), between the brows, beside the mouth, under the eye."""
    creases: list[Stencil] = []
    spot = window((side * 0.2 - 0.15, side * 0.2 + 0.15), (0.65, 0.695))
    bow = 0.112 + 0.12 * np.clip((0.69 - spot.level) / 0.03, 0, 1)
    inside = step(0.652, 0.662, spot.level) * (1 - step(0.684, 0.692, spot.level))
    creases.append((spot, np.exp(-(((side * spot.turn - bow) / 0.012) ** 2)) * inside))
    spot = window((side * 0.44 - 0.12, side * 0.44 + 0.12), (0.712, 0.745))
    fade = np.exp(-(((side * spot.turn - 0.44) / 0.06) ** 4))
    for k in range(3):
        height = EYE_LEVEL + (k - 1) * 0.006 * (side * spot.turn - 0.34) / 0.1
        creases.append((spot, np.exp(-(((spot.level - height) / 0.0009) ** 2)) * fade))
    spot = window((side * 0.03 - 0.025, side * 0.03 + 0.025), (0.73, 0.766))
    creases.append((spot, _spot(spot, side * 0.03, 0.748, 0.007, 0.007)))
    spot = window((side * 0.2 - 0.04, side * 0.2 + 0.04), (0.63, 0.66))
    creases.append((spot, _spot(spot, side * 0.2, 0.645, 0.012, 0.009)))
    spot = window((side * EYE_TURN - 0.13, side * EYE_TURN + 0.13), (0.708, 0.72))
    height = 0.7135 - 0.002 * np.cos((side * spot.turn - EYE_TURN) * 14)
    fade = np.exp(-(((side * spot.turn - EYE_TURN) / 0.09) ** 4))
    creases.append((spot, np.exp(-(((spot.level - height) / 0.0011) ** 2)) * fade))
    return tuple(creases)


def _mole(place: Window, red: Floats, other: Floats, turn: float, level: float, size: float, amount: float) -> None:
    spot = window((turn - 0.03 * size, turn + 0.03 * size), (level - 0.004 * size, level + 0.004 * size))
    rows, columns = _inside(spot, place)
    mark = amount * _spot(spot, turn, level, 0.011 * size, 0.0015 * size)
    red[rows, columns] += 0.8 * mark
    other[rows, columns] += mark


def paint_lips(surface: Floats, colour: NDArray[np.float64], strength: float, fullness: float) -> None:
    """Lips of a colour, and the seam between them; in place. `fullness` scales their height around 1."""
    place = window((-0.2, 0.2), (0.64, 0.68))
    across = place.turn / LIP_TURN
    arc = np.sqrt(np.clip(1 - across**2, 0, 1))
    line = LIP_LEVEL + 0.003 * across**2
    above = line + 0.0105 * fullness * arc * (1 - 0.22 * np.exp(-((across / 0.16) ** 2)))
    below = line - 0.0112 * fullness * arc
    mask = step(-0.0012, 0.0012, above - place.level) * step(-0.0012, 0.0012, place.level - below)
    mask = mask * (np.abs(across) < 1)
    part = surface[place.rows, place.columns]
    part[:, :, LIPS] = mask
    # Lips are darker towards the seam, and their folds run down.
    folds = 1 - 0.07 * np.sin(place.turn * 260) * np.cos(place.turn * 67)
    depth = 1 - 0.25 * np.exp(-(((place.level - line) / 0.004) ** 2))
    cover(part, strength * mask, colour * (folds * depth)[:, :, None])
    part[:, :, GLOSS] += 0.35 * mask
    seam = np.exp(-(((place.level - line) / 0.0011) ** 2)) * (np.abs(across) < 1.02)
    part[:, :, :3] *= 1 - 0.6 * seam[:, :, None]


def paint_eyes(surface: Floats, male: bool, lashes: float) -> None:
    """Lashes along the upper lid, the crease above, the rim of the lower lid; in place."""
    for side in (-1, 1):
        middle = side * EYE_TURN
        place = window((middle - 0.15, middle + 0.15), (0.712, 0.752))
        across = (side * place.turn - EYE_TURN) / 0.108
        arc = np.sqrt(np.clip(1 - across**2, 0, 1))
        lid = EYE_LEVEL + 0.0052 * arc
        part = surface[place.rows, place.columns]
        part[:, :, LID] = step(-0.001, 0.001, place.level - lid) * step(0.012, 0.004, place.level - lid) * arc
        upper = np.exp(-(((place.level - lid) / (0.0014 + 0.0005 * lashes)) ** 2)) * (np.abs(across) < 1.08)
        lower = np.exp(-(((place.level - EYE_LEVEL + 0.0048 * arc) / 0.001) ** 2)) * (np.abs(across) < 1.0)
        crease = np.exp(-(((place.level - lid - 0.0045) / 0.0012) ** 2)) * (np.abs(across) < 1.1)
        dark = (1 - (0.5 + 0.35 * lashes) * upper) * (1 - ((0.12 if male else 0.2) + 0.15 * lashes) * lower)
        part[:, :, :3] *= (dark * (1 - 0.22 * crease))[:, :, None]


def paint_nostrils(surface: Floats, size: float) -> None:
    """Two dark holes, in place; `size` scales them around 1."""
    for side in (-1, 1):
        place = window((side * 0.058 - 0.06, side * 0.058 + 0.06), (0.675, 0.69))
        hole = np.clip(1.25 * _spot(place, side * 0.058, 0.6815, 0.027 * size, 0.0021 * size), 0, 1)
        surface[place.rows, place.columns, :3] *= (1 - 0.85 * hole)[:, :, None]


def beard_region(place: Window) -> Floats:
    """Jaw, chin and upper lip: where a full beard grows, in [0, 1]."""
    turn, level = np.abs(place.turn), place.level
    edge = 0.656 + 0.006 * step(0.2, 0.4, turn) + 0.045 * step(0.45, 0.78, turn)
    jaw = step(0.92, 0.82, turn) * step(0.594, 0.61, level) * step(0.0, 0.008, edge - level)
    lips = np.sqrt((turn / 0.17) ** 2 + ((level - 0.661) / 0.0118) ** 2)
    return np.asarray(np.maximum(jaw * step(0.95, 1.12, lips), beard_ring(place, lips)), np.float32)


def beard_ring(place: Window, lips: Floats) -> Floats:
    """Upper lip, chin and what joins them: a beard around the mouth, in [0, 1]; `lips` is 1 at their outline."""
    turn, level = np.abs(place.turn), place.level
    outer = np.sqrt((turn / 0.25) ** 2 + ((level - 0.656) / 0.033) ** 2)
    nose = step(0.6885, 0.6835, level + 0.02 * turn)
    ring = step(1.0, 0.85, outer) * step(0.95, 1.12, lips) * nose
    return np.asarray(ring * (0.35 + 0.65 * np.maximum(step(0.662, 0.668, level), step(0.645, 0.638, level))))


def cover(part: Floats, strength: Floats, colour: NDArray[np.floating]) -> None:
    """Blends a colour over the RGB of a part of the surface, in place."""
    part[:, :, :3] += strength[:, :, None] * (np.asarray(colour, np.float32) - part[:, :, :3])


@cache
def _static() -> Floats:
    """(ROWS, COLUMNS, CHANNELS) with gloss (more on forehead, nose and cheekbones) and the light that arrives."""
    surface = np.zeros((ROWS, COLUMNS, CHANNELS), np.float32)
    everywhere = Window(slice(0, ROWS), slice(0, COLUMNS))
    surface[:, :, GLOSS] = 0.7 + 0.5 * _spot(everywhere, 0, 0.7, 0.09, 0.03)
    surface[:, :, GLOSS] += 0.4 * _spot(everywhere, 0, 0.775, 0.4, 0.02)
    for side in (-1, 1):
        surface[:, :, GLOSS] += 0.25 * _spot(everywhere, side * 0.42, 0.708, 0.15, 0.012)
    shade = np.ones((ROWS, COLUMNS), np.float32)
    shade -= 0.3 * step(0.615, 0.59, LEVEL) * step(1.6, 0.8, np.abs(TURN))
    place = window((-0.6, 0.6), (0.62, 0.78))
    part = shade[place.rows, place.columns]
    for side in (-1, 1):
        part -= 0.15 * _spot(place, side * 0.17, 0.735, 0.08, 0.011)
        part -= 0.2 * _spot(place, side * 0.055, 0.6835, 0.03, 0.004)
        part -= 0.2 * _spot(place, side * 0.13, 0.688, 0.05, 0.01)
    part -= 0.25 * _spot(place, 0, 0.647, 0.15, 0.005)
    surface[:, :, OCCLUSION] = np.clip(shade, 0.15, 1)
    surface.setflags(write=False)
    return surface
