"""What a rendered person's surface looks like: skin, brows, lips, lashes, beard, iris, hair; fixed per person."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kronface.synth.head import Floats
from kronface.synth.identity import Identity
from kronface.synth.render import HIGH, LOW

ROWS, COLUMNS = 320, 640
"""Of the texture around the head: about one millimetre each."""

TURN: Floats = np.asarray(((np.arange(COLUMNS) + 0.5) / COLUMNS - 0.5)[None, :] * 2 * np.pi, np.float32)
"""(1, COLUMNS) turn about the vertical axis in radians: 0 in front, positive towards the person's left."""

LEVEL: Floats = np.asarray((HIGH - (np.arange(ROWS) + 0.5) / ROWS * (HIGH - LOW))[:, None], np.float32)
"""(ROWS, 1) height on the template in metres."""

EYE_TURN, EYE_LEVEL = 0.227, 0.7284
LIP_LEVEL, LIP_TURN = 0.6607, 0.176

PALE = np.array([0.66, 0.43, 0.33])
DARK = np.array([0.075, 0.04, 0.027])
"""Linear RGB of the lightest and the darkest skin; those between lie on a line of logarithms."""

HAIR_COLOURS = {
    "black": (0.012, 0.010, 0.009),
    "brown": (0.055, 0.030, 0.017),
    "blond": (0.36, 0.22, 0.10),
    "red": (0.19, 0.06, 0.022),
    "gray": (0.34, 0.33, 0.31),
}
"""Linear RGB."""

IRIS_COLOURS = ((0.045, 0.02, 0.01), (0.11, 0.055, 0.02), (0.10, 0.10, 0.03), (0.12, 0.20, 0.30), (0.20, 0.25, 0.27))


@dataclass(frozen=True)
class Appearance:
    """One person's fixed look."""

    texture: Floats
    """(ROWS, COLUMNS, 6): linear RGB of the skin, density of hair, occlusion, strand noise."""
    tone: float
    """Of the skin: 0 the lightest, 1 the darkest."""
    iris: tuple[float, float, float]
    iris_radius: float
    hair_colour: str
    hair: tuple[float, float, float]
    bald: bool
    length: str
    """bald, cropped, short, medium or long."""
    thickness: float
    """Of the hair above the scalp, metres."""
    bangs: bool
    beard: str
    """none, stubble, moustache, goatee or full."""
    gloss: float


def draw_appearance(identity: Identity, bald: bool) -> Appearance:
    """The look of one person; `bald` comes from the labels, which decide it from age and gender."""
    rng = identity.generator(2)
    ancestry = identity.phenotypes
    tone = 0.78 * ancestry["african"] + 0.32 * ancestry["asian"] + 0.14 * ancestry["caucasian"]
    tone = float(np.clip(tone + rng.normal(0, 0.09), 0, 1))
    skin = np.exp((1 - tone) * np.log(PALE) + tone * np.log(DARK))
    skin = skin * (1 + rng.normal(0, (0.03, 0.04, 0.06)))
    fair = ancestry["caucasian"] > 0.6 and tone < 0.3
    colour = str(
        rng.choice(["black", "brown", "blond", "red"], p=(0.15, 0.5, 0.27, 0.08) if fair else (0.72, 0.27, 0.01, 0))
    )
    if rng.random() < np.clip((identity.age_years - 42) / 28, 0, 0.9):
        colour = "gray"
    hair = np.array(HAIR_COLOURS[colour]) * np.exp(rng.normal(0, 0.22)) * (1 + rng.normal(0, 0.06, 3))
    dark_eyes = rng.random() > (0.75 if fair else 0.06)
    iris = np.array(IRIS_COLOURS[rng.integers(0, 2) if dark_eyes else rng.integers(2, 5)]) * np.exp(
        rng.normal(0, 0.2, 3)
    )
    lengths = ("cropped", "short", "medium", "long")
    odds = (0.35, 0.5, 0.1, 0.05) if identity.male else (0.04, 0.2, 0.3, 0.46)
    length = "bald" if bald else str(rng.choice(lengths, p=odds))
    thickness = {"bald": 0.0, "cropped": 0.003, "short": 0.012, "medium": 0.018, "long": 0.015}[length]
    thickness *= float(np.exp(rng.normal(0, 0.3)))
    bangs = bool(length != "bald" and rng.random() < (0.08 if identity.male else 0.22))
    beards = ("none", "stubble", "moustache", "goatee", "full")
    beard = str(rng.choice(beards, p=(0.5, 0.24, 0.06, 0.07, 0.13))) if identity.male else "none"

    texture = np.empty((ROWS, COLUMNS, 6), np.float32)
    texture[:, :, :3] = _paint_skin(rng, identity, skin, tone)
    _paint_lips(rng, texture, skin)
    _paint_eyes(texture, identity, skin)
    brow_colour = np.minimum(hair, 0.12) * (0.8 if colour == "gray" else 0.55)
    _paint_brows(rng, texture, brow_colour, identity)
    _paint_beard(rng, texture, beard, np.minimum(hair * 0.8, 0.25))
    texture[:, :, 3] = _hair_density(rng, identity, length, bangs)
    texture[:, :, 4] = _occlusion()
    texture[:, :, 5] = _strands(rng)
    return Appearance(
        texture,
        tone,
        _triple(np.clip(iris, 0.005, 0.5)),
        float(np.clip(rng.normal(0.0059, 0.0002), 0.0054, 0.0064)),
        colour,
        _triple(np.clip(hair, 0.003, 0.9)),
        bald,
        length,
        thickness,
        bangs,
        beard,
        float(np.clip(rng.normal(0.5, 0.15), 0.15, 0.9)),
    )


def _triple(values: NDArray[np.floating]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


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


def _spot(turn: float, level: float, width: float, height: float) -> Floats:
    """A soft spot of height 1; turn and width in radians, level and height in metres."""
    out: Floats = np.exp(-(((TURN - turn) / width) ** 2 + ((LEVEL - level) / height) ** 2)).astype(np.float32)
    return out


def _step(low: float, high: float, value: Floats) -> Floats:
    t = np.clip((value - low) / (high - low), 0, 1)
    out: Floats = t * t * (3 - 2 * t)
    return out


def _paint_skin(rng: np.random.Generator, identity: Identity, skin: NDArray[np.float64], tone: float) -> Floats:
    blotches = 0.05 * noise(rng, 12, 24) + 0.035 * noise(rng, 40, 80) + 0.03 * noise(rng, 160, 320)
    colour = np.log(skin)[None, None, :] + blotches[:, :, None] * np.array([0.6, 1.0, 1.1])
    flush = abs(rng.normal(0.12, 0.08)) * (1 - 0.6 * tone)
    for side in (-1, 1):
        colour -= flush * _spot(side * 0.42, 0.69, 0.2, 0.02)[:, :, None] * np.array([0.1, 0.9, 0.8])
        colour -= 0.16 * abs(rng.normal(1, 0.4)) * _spot(side * EYE_TURN, 0.7165, 0.1, 0.005)[:, :, None]
    colour -= 0.7 * flush * _spot(0, 0.69, 0.09, 0.012)[:, :, None] * np.array([0.1, 0.8, 0.7])
    if tone < 0.35 and rng.random() < 0.25:
        freckles = np.clip(noise(rng, 150, 300) - 1.2, 0, 1.5) * _spot(0, 0.7, 0.55, 0.025)
        colour -= 0.45 * freckles[:, :, None] * np.array([0.5, 0.9, 1.1])
    for _ in range(rng.poisson(4)):
        turn, level, size = rng.normal(0, 0.45), rng.uniform(0.63, 0.78), rng.uniform(0.6, 1.6)
        colour -= rng.uniform(0.4, 1.3) * _spot(turn, level, 0.012 * size, 0.0016 * size)[:, :, None]
    colour -= _wrinkles(rng, identity.age_years)[:, :, None] * np.array([0.7, 1.0, 1.0])
    out: Floats = np.exp(colour).astype(np.float32)
    return out


def _wrinkles(rng: np.random.Generator, years: float) -> Floats:
    """(ROWS, COLUMNS) darkness of lines that come with age; also the young have a trace of them."""
    strength = 0.05 + 0.4 * np.clip((years - 30) / 40, 0, 1) * rng.uniform(0.6, 1.3)
    lines = np.zeros((ROWS, COLUMNS), np.float32)
    for k in range(3):  # across the forehead
        level = 0.762 + 0.009 * k + 0.002 * np.sin(TURN * 6 + rng.uniform(0, 6))
        lines += rng.uniform(0.4, 1) * np.exp(-(((LEVEL - level) / 0.0011) ** 2)) * np.exp(-((TURN / 0.35) ** 4))
    for side in (-1, 1):
        fold = 0.11 + 0.12 * np.clip((0.69 - LEVEL) / 0.03, 0, 1)  # from the nose to the corner of the mouth
        inside = _step(0.655, 0.663, LEVEL) * (1 - _step(0.684, 0.692, LEVEL))
        lines += 1.2 * np.exp(-(((side * TURN - fold) / 0.014) ** 2)) * inside
        for k in range(3):  # crow's feet
            level = EYE_LEVEL + (k - 1) * 0.006 * (side * TURN - 0.34) / 0.1
            place = np.exp(-(((side * TURN - 0.43) / 0.06) ** 4))
            lines += 0.8 * np.exp(-(((LEVEL - level) / 0.001) ** 2)) * place
        lines += 0.7 * np.exp(-(((side * TURN - 0.03) / 0.008) ** 2)) * _spot(0, 0.748, 0.3, 0.007)  # frown
    out: Floats = (strength * lines).astype(np.float32)
    return out


def _paint_lips(rng: np.random.Generator, texture: Floats, skin: NDArray[np.float64]) -> None:
    across = TURN / LIP_TURN
    arc = np.sqrt(np.clip(1 - across**2, 0, 1))
    line = LIP_LEVEL + 0.003 * across**2
    bow = 1 - 0.22 * np.exp(-((across / 0.16) ** 2))
    above = line + 0.0105 * arc * bow
    below = line - 0.0112 * arc
    mask = _step(-0.0008, 0.0008, above - LEVEL) * _step(-0.0008, 0.0008, LEVEL - below) * (np.abs(across) < 1)
    colour = skin * (0.78, 0.42, 0.47) * np.exp(rng.normal(0, 0.1, 3))
    strength = 0.75 * mask[:, :, None] * np.clip(rng.normal(0.85, 0.15), 0.4, 1.1)
    texture[:, :, :3] = texture[:, :, :3] * (1 - strength) + colour * strength
    seam = np.exp(-(((LEVEL - line) / 0.0011) ** 2)) * (np.abs(across) < 1.02)
    texture[:, :, :3] *= 1 - 0.6 * seam[:, :, None]


def _paint_eyes(texture: Floats, identity: Identity, skin: NDArray[np.float64]) -> None:
    """Lashes along the upper lid, stronger on women, and the pink rim of the lower one."""
    for side in (-1, 1):
        across = (side * TURN - EYE_TURN) / 0.108
        arc = np.sqrt(np.clip(1 - across**2, 0, 1))
        upper = np.exp(-(((LEVEL - EYE_LEVEL - 0.0052 * arc) / 0.0016) ** 2)) * (np.abs(across) < 1.08)
        lower = np.exp(-(((LEVEL - EYE_LEVEL + 0.0048 * arc) / 0.001) ** 2)) * (np.abs(across) < 1.0)
        texture[:, :, :3] *= 1 - (0.6 if identity.male else 0.82) * upper[:, :, None]
        texture[:, :, :3] *= 1 - (0.15 if identity.male else 0.35) * lower[:, :, None]
        crease = np.exp(-(((LEVEL - EYE_LEVEL - 0.0052 * arc - 0.0045) / 0.0012) ** 2)) * (np.abs(across) < 1.1)
        texture[:, :, :3] *= 1 - 0.22 * crease[:, :, None] * (skin / skin.max())


def _paint_brows(rng: np.random.Generator, texture: Floats, colour: NDArray[np.float64], identity: Identity) -> None:
    start, end = rng.normal(0.075, 0.014), rng.normal(0.40, 0.025)
    height = rng.normal(0.7462 if identity.male else 0.7475, 0.0012)
    arch, tilt = rng.normal(0.0035 if identity.male else 0.0055, 0.0015), rng.normal(0.001, 0.0018)
    width = abs(rng.normal(0.0046 if identity.male else 0.0034, 0.0008)) + 0.0012
    fibres = noise(rng, 70, 420)
    density = np.clip(rng.normal(0.85 if identity.male else 0.75, 0.12), 0.35, 1.0)
    for side in (-1, 1):
        across = (side * TURN - start) / (end - start)
        level = (
            height
            + arch * np.sin(np.pi * np.clip(across, 0, 1) ** 1.3)
            + tilt * across
            - 0.004 * np.clip(across, 0, 1) ** 3
        )
        half = width * (1.05 - 0.65 * np.clip(across, 0, 1))
        inside = _step(1.2, 0.5, np.abs(LEVEL - level) / half) * _step(-0.02, 0.1, across) * _step(1.05, 0.9, across)
        strength = np.clip(density * inside * (0.85 + 0.25 * fibres), 0, 1)[:, :, None]
        texture[:, :, :3] = texture[:, :, :3] * (1 - strength) + colour * strength


def _paint_beard(rng: np.random.Generator, texture: Floats, beard: str, colour: NDArray[np.float64]) -> None:
    if beard == "none":
        return
    turn = np.abs(TURN)
    jaw = (
        _step(1.25, 1.0, turn)
        * _step(0.585, 0.605, LEVEL)
        * _step(0.0, 0.012, 0.655 + 0.035 * _step(0.35, 1.0, turn) - LEVEL)
    )
    lip = _step(0.25, 0.18, turn) * _step(0.6735, 0.6765, LEVEL) * _step(0.6865, 0.682, LEVEL)
    chin = _step(0.2, 0.13, turn) * _step(0.6, 0.612, LEVEL) * _step(0.648, 0.643, LEVEL)
    side = _step(0.25, 0.2, turn) * _step(0.17, 0.2, turn) * _step(0.63, 0.64, LEVEL) * _step(0.68, 0.675, LEVEL)
    region = {
        "stubble": 0.4 * np.maximum(jaw, lip),
        "moustache": lip,
        "goatee": np.maximum(np.maximum(lip, chin), side),
        "full": np.maximum(np.maximum(jaw, lip), side),
    }[beard]
    strength = np.clip(region * (0.85 + 0.3 * noise(rng, 160, 400)), 0, 0.95)[:, :, None]
    texture[:, :, :3] = texture[:, :, :3] * (1 - strength) + colour * strength


def hairline(rng: np.random.Generator, identity: Identity, length: str, bangs: bool) -> Floats:
    """(1, COLUMNS) height on the template above which hair grows."""
    turn = np.abs(TURN)
    front = rng.normal(0.797, 0.004) + (0.012 * np.clip((identity.age_years - 35) / 35, 0, 1) if identity.male else 0)
    recess = abs(rng.normal(0.004 if identity.male else 0.0, 0.006))
    if bangs:
        front -= rng.uniform(0.018, 0.03)
        recess = 0.0
    knots = [0, 0.25, 0.5, 0.65, 0.8, 0.95, 1.3, 1.75, 2.2, np.pi]
    beside = 0.705 if identity.male else 0.7
    nape = 0.655 if length == "cropped" else 0.63
    corner = front + recess
    levels = [front, front + 0.3 * recess, corner, corner - 0.013, 0.766, 0.741, beside, 0.735, 0.66, nape]
    if length == "bald":
        levels = [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.768, 0.76, 0.745, 0.74]
    return np.interp(turn, knots, levels).astype(np.float32)


def _hair_density(rng: np.random.Generator, identity: Identity, length: str, bangs: bool) -> Floats:
    line = hairline(rng, identity, length, bangs)
    ragged = 0.0035 * noise(rng, 20, 300) + 0.0015 * noise(rng, 100, 500)
    out: Floats = np.clip(0.5 + (LEVEL - line + ragged) / 0.008, 0, 1).astype(np.float32)
    return out


def _occlusion() -> Floats:
    """(ROWS, COLUMNS) ambient light that reaches a place: less in sockets and nostrils and under the chin."""
    shade = np.ones((ROWS, COLUMNS), np.float32)
    for side in (-1, 1):
        shade -= 0.28 * _spot(side * 0.17, 0.735, 0.08, 0.011)
        shade -= 0.45 * _spot(side * 0.055, 0.6835, 0.03, 0.004)
        shade -= 0.2 * _spot(side * 0.13, 0.688, 0.05, 0.01)
    shade -= 0.25 * _spot(0, 0.647, 0.15, 0.005)
    shade -= 0.45 * _step(0.615, 0.59, LEVEL) * _step(1.6, 0.8, np.abs(TURN))
    return np.clip(shade, 0.15, 1)


def _strands(rng: np.random.Generator) -> Floats:
    """(ROWS, COLUMNS) strands running down, in [0, 1]."""
    fine, coarse = noise(rng, 6, 320), noise(rng, 8, 90)
    out: Floats = np.clip(0.5 + 0.17 * fine + 0.15 * coarse, 0, 1)
    return out
