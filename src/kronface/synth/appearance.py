"""What a rendered person's surface looks like: skin, brows, lips, lashes, beard, iris, hair; fixed per person."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.synth import texture as paint
from kronface.synth.head import Floats
from kronface.synth.identity import Identity

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

LIPSTICKS = ((0.42, 0.04, 0.05), (0.28, 0.03, 0.06), (0.5, 0.14, 0.15), (0.38, 0.1, 0.08))
"""Linear RGB: red, berry, pink, brick."""

PAINTED_LIPS = 0.5
"""Make-up from which lips are painted: on about a quarter of all people."""

IRIS_COLOURS = ((0.045, 0.02, 0.01), (0.11, 0.055, 0.02), (0.10, 0.10, 0.03), (0.12, 0.20, 0.30), (0.20, 0.25, 0.27))


@dataclass(frozen=True)
class Appearance:
    """One person's fixed look."""

    texture: Floats
    """(H, W, 6): linear RGB of the skin, density of hair, occlusion, strand noise."""
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
    sides: float
    """Thickness at the sides, as a share of that on top."""
    curly: bool
    tucked: bool
    """Hair that is long enough lies behind the ears."""
    bangs: bool
    beard: str
    """none, stubble, moustache, goatee or full."""
    lipstick: bool
    gloss: float
    """Of the skin: 0 matt, 1 oily."""


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
        rng.choice(["black", "brown", "blond", "red"], p=(0.15, 0.5, 0.27, 0.08) if fair else (0.62, 0.34, 0.04, 0))
    )
    if rng.random() < np.clip((identity.age_years - 42) / 28, 0, 0.9):
        colour = "gray"
    hair = np.array(HAIR_COLOURS[colour]) * np.exp(rng.normal(0, 0.22)) * (1 + rng.normal(0, 0.06, 3))
    dark_eyes = rng.random() > (0.75 if fair else 0.06)
    iris = np.array(IRIS_COLOURS[rng.integers(0, 2) if dark_eyes else rng.integers(2, 5)]) * np.exp(
        rng.normal(0, 0.2, 3)
    )
    lengths = ("cropped", "short", "medium", "long")
    odds = (0.36, 0.52, 0.08, 0.04) if identity.male else (0.03, 0.12, 0.33, 0.52)
    length = "bald" if bald else str(rng.choice(lengths, p=odds))
    thickness = {"bald": 0.0, "cropped": 0.003, "short": 0.012, "medium": 0.018, "long": 0.015}[length]
    thickness *= float(np.exp(rng.normal(0, 0.3)))
    curly = bool(rng.random() < (0.75 if ancestry["african"] > 0.5 else 0.15))
    if curly and length == "medium":
        thickness = float(rng.uniform(0.022, 0.042))  # it stands up instead of falling
    sides = float(rng.uniform(0.25, 0.8)) if identity.male else float(rng.uniform(0.6, 1.0))
    tucked = bool(rng.random() < 0.3)
    bangs = bool(length != "bald" and rng.random() < (0.08 if identity.male else 0.22))
    beards = ("none", "stubble", "moustache", "goatee", "full")
    beard = str(rng.choice(beards, p=(0.5, 0.24, 0.06, 0.07, 0.13))) if identity.male else "none"

    # Make-up is a habit here: most women wear some, always the same.
    make_up = float(np.clip(rng.normal(0.45, 0.35), 0, 1)) if not identity.male else 0.0
    lips = skin * (0.78, 0.42, 0.47) * np.exp(rng.normal(0, 0.1, 3))
    lipstick = np.array(LIPSTICKS[rng.integers(len(LIPSTICKS))]) * np.exp(rng.normal(0, 0.15, 3))
    lipstick = lipstick * (skin.mean() / PALE.mean()) ** 0.6  # a dark face wears darker ones
    painted = make_up > PAINTED_LIPS
    brows = abs(rng.normal(0.0046 if identity.male else 0.0031, 0.0008)) + 0.0012

    texture = np.empty((paint.ROWS, paint.COLUMNS, 6), np.float32)
    surface = paint.paint_skin(rng, skin, tone, identity.age_years)
    strength = 0.75 * float(np.clip(rng.normal(0.85, 0.15), 0.4, 1.1))
    paint.paint_lips(surface, lipstick if painted else lips, max(strength, 0.75 * make_up) if painted else strength)
    shadow = skin * np.array((0.45, 0.36, 0.4)) * np.exp(rng.normal(0, 0.2, 3))
    paint.paint_eyes(surface, identity.male, shadow, make_up)
    paint.paint_brows(rng, surface, np.minimum(hair, 0.12) * (0.8 if colour == "gray" else 0.55), identity.male, brows)
    paint.paint_beard(rng, surface, beard, np.minimum(hair * 0.8, 0.13))
    line = paint.hairline(identity.generator(4), identity, length, bangs)
    texture[:, :, :3] = surface
    texture[:, :, 3] = paint.hair_density(rng, line, bangs)
    texture[:, :, 4] = paint.occlusion()
    texture[:, :, 5] = paint.strands(rng, curly)
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
        sides,
        curly,
        tucked,
        bangs,
        beard,
        painted,
        float(np.clip(rng.normal(0.5, 0.15), 0.15, 0.9)),
    )


def _triple(values: NDArray[np.floating]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
