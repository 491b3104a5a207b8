"""What a rendered person's face looks like: skin, brows, lips, iris, and the hair that grows; fixed per person."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.synth import facial_hair
from kronface.synth import texture as paint
from kronface.synth.head import Floats
from kronface.synth.identity import Identity
from kronface.synth.settings import Rendering

PALE = np.array([0.68, 0.45, 0.35])
DARK = np.array([0.062, 0.032, 0.021])
"""Linear RGB of the lightest and the darkest skin; those between lie on a line of logarithms."""

HAIR_COLOURS = {
    "black": (0.010, 0.008, 0.0075),
    "brown": (0.055, 0.030, 0.017),
    "blond": (0.36, 0.22, 0.10),
    "red": (0.19, 0.06, 0.022),
    "gray": (0.30, 0.29, 0.275),
}
"""Linear RGB."""

IRIS_COLOURS = ((0.03, 0.014, 0.007), (0.09, 0.045, 0.018), (0.10, 0.10, 0.03), (0.10, 0.18, 0.28), (0.20, 0.25, 0.27))

Colour = tuple[float, float, float]
"""Linear RGB."""


@dataclass(frozen=True)
class Appearance:
    """One person's fixed look."""

    skin: Colour
    tone: float
    """Of the skin: 0 the lightest, 1 the darkest."""
    marks: paint.SkinMarks
    brows: facial_hair.Brows
    lips: Colour
    lip_strength: float
    """How much the lips' colour covers the skin's, in [0, 1]."""
    lip_fullness: float
    lashes: float
    """0 thin, 1 thick."""
    nostrils: float
    """Size, about 1."""
    iris: Colour
    iris_radius: float
    iris_spokes: int
    """Of its pattern, around."""
    gloss: float
    """Of the skin: 0 matt, 1 oily."""
    hair_colour: str
    """A name in `HAIR_COLOURS`."""
    hair: Colour
    bald: bool
    curl: float
    """Of the hair as it grows: 0 straight, 1 coiled."""
    hair_front: float
    """Height of the hairline in front, on the template."""
    hair_recess: float
    """By how much it lies farther back at the corners."""
    hair_beside: float
    """Height to which it grows in front of the ears."""
    beard: str
    """A name in `facial_hair.BEARDS`."""
    beard_length: float
    """Metres."""


def hair_tint(rng: np.random.Generator, colour: str) -> Colour:
    """One hair of a named colour."""
    tint = np.array(HAIR_COLOURS[colour]) * np.exp(rng.normal(0, 0.25)) * (1 + rng.normal(0, 0.06, 3))
    return triple(np.clip(tint, 0.003, 0.6))


def draw_hair_colour(rng: np.random.Generator, identity: Identity, tone: float) -> str:
    """A name in `HAIR_COLOURS`, by complexion and age."""
    fair = identity.phenotypes["caucasian"] > 0.6 and tone < 0.3
    colour = str(
        rng.choice(["black", "brown", "blond", "red"], p=(0.12, 0.48, 0.32, 0.08) if fair else (0.66, 0.31, 0.03, 0))
    )
    return "gray" if rng.random() < np.clip((identity.age_years - 44) / 30, 0, 0.85) else colour


def draw_appearance(identity: Identity, bald: bool, rendering: Rendering = Rendering()) -> Appearance:  # noqa: B008
    """The look of one person; `bald` comes from the labels, which decide it from age and gender."""
    rng = identity.generator(2)
    ancestry, years, male = identity.phenotypes, identity.age_years, identity.male
    tone = 0.80 * ancestry["african"] + 0.33 * ancestry["asian"] + 0.13 * ancestry["caucasian"]
    tone = float(np.clip(tone + rng.normal(0, 0.1), 0, 1))
    skin = np.exp((1 - tone) * np.log(PALE) + tone * np.log(DARK))
    skin = np.clip(skin * (1 + rng.normal(0, (0.035, 0.05, 0.08))), 0.01, 0.8)
    colour = draw_hair_colour(rng, identity, tone)
    hair = hair_tint(rng, colour)
    fair = ancestry["caucasian"] > 0.6 and tone < 0.3
    dark_eyes = rng.random() > (0.75 if fair else 0.06)
    iris = np.array(IRIS_COLOURS[rng.integers(0, 2) if dark_eyes else rng.integers(2, 5)])
    iris = np.clip(iris * np.exp(rng.normal(0, 0.25, 3)), 0.005, 0.5)
    curl = float(np.clip(rng.normal(0.9, 0.12) if ancestry["african"] > 0.5 else rng.gamma(0.7, 0.28) - 0.05, 0, 1))
    beard = str(rng.choice(facial_hair.BEARDS, p=(0.56, 0.2, 0.05, 0.06, 0.13))) if male else "none"
    marks = paint.SkinMarks(
        blotches=float(np.exp(rng.normal(-0.1, 0.45))),
        flush=float(abs(rng.normal(0.7, 0.5)) * (1 - 0.6 * tone)),
        bags=float(0.35 * abs(rng.normal(1, 0.7)) + 0.5 * np.clip((years - 45) / 30, 0, 1)),
        freckles=float(rng.uniform(0.3, 1.4)) if tone < 0.35 and rng.random() < 0.22 else 0.0,
        moles=int(rng.poisson(3)),
        wrinkles=float(0.08 + 0.85 * np.clip((years - 30) / 42, 0, 1) * rng.uniform(0.6, 1.3)),
        pores=float(np.exp(rng.normal(0, 0.35)) * (1.3 if male else 0.7)),
        beard_shadow=float(rng.uniform(0.3, 1.0)) if male and beard in ("none", "moustache", "goatee") else 0.0,
        veins=float(abs(rng.normal(0, 0.5)) * (1 - tone)),
    )
    brows = facial_hair.Brows(
        start=float(rng.normal(0.075, 0.02)),
        end=float(rng.normal(0.40, 0.037)),
        height=float(rng.normal(0.7458 if male else 0.7478, 0.0019)),
        arch=float(rng.normal(0.0035 if male else 0.0055, 0.0024)),
        tilt=float(rng.normal(0.001, 0.0028)),
        width=float(np.clip(rng.normal(0.0062 if male else 0.0040, 0.0015), 0.0022, 0.0095)),
        density=float(np.clip(rng.normal(0.85 if male else 0.75, 0.14), 0.3, 1.0)),
    )
    lips = skin * (0.8, 0.43, 0.48) * np.exp(rng.normal(0, 0.13, 3))
    front = rng.normal(0.797, 0.005) + (0.012 * np.clip((years - 35) / 35, 0, 1) if male else 0)
    recess = abs(rng.normal(0.004 if male else 0.0, 0.006))
    recess += 0.012 * float(np.clip((years - 30) / 40, 0, 1)) * rng.random() if male else 0.0
    return Appearance(
        skin=triple(skin),
        tone=tone,
        marks=marks,
        brows=brows,
        lips=triple(lips),
        lip_strength=0.75 * float(np.clip(rng.normal(0.85, 0.18), 0.35, 1.1)),
        lip_fullness=float(np.clip(rng.normal(1.0, 0.03), 0.9, 1.1)),
        lashes=float(np.clip(rng.normal(0.1 if male else 0.65, 0.2), 0, 1)),
        nostrils=float(np.clip(rng.normal(1, 0.12), 0.7, 1.3)),
        iris=triple(iris),
        iris_radius=float(np.clip(rng.normal(0.0059, 0.0002), 0.0054, 0.0064)),
        iris_spokes=int(rng.integers(14, 34)),
        gloss=float(np.clip(rng.normal(0.5, 0.17), 0.12, 0.95)),
        hair_colour=colour,
        hair=hair,
        bald=bald,
        curl=curl,
        hair_front=float(front),
        hair_recess=float(recess),
        hair_beside=float(rng.normal(0.7 if male else 0.708, 0.006)),
        beard=beard if rendering.has("beard") else "none",
        beard_length=float(rng.uniform(0.003, 0.008) if beard == "full" else rng.uniform(0.002, 0.004)),
    )


def paint_face(identity: Identity, look: Appearance, *, detail: bool) -> tuple[Floats, Floats]:
    """The texture of a person's skin with all that is painted on it.

    Args:
        identity: who.
        look: the parameters.
        detail: whether the skin has marks; otherwise it is even.

    Returns:
        (ROWS, COLUMNS, 8) as `texture` describes it, and (ROWS, COLUMNS) how much of each place the brows cover.
    """
    rng = identity.generator(13)
    surface = paint.paint_skin(identity.generator(12), np.array(look.skin), look.marks, detail=detail)
    paint.paint_lips(surface, np.array(look.lips), look.lip_strength, look.lip_fullness)
    paint.paint_eyes(surface, identity.male, look.lashes)
    paint.paint_nostrils(surface, look.nostrils)
    dark = np.minimum(look.hair, 0.12) * (0.8 if look.hair_colour == "gray" else 0.55)
    cover = facial_hair.paint_brows(rng, surface, dark, look.brows)
    facial_hair.paint_beard(rng, surface, look.beard)
    return surface, cover


def triple(values: NDArray[np.floating]) -> Colour:
    """Three plain numbers."""
    return float(values[0]), float(values[1]), float(values[2])
