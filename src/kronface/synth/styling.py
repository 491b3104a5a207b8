"""What a person wears in a picture: hair style, make-up, spectacles, hat, jewellery, clothes, what hides the face.

A person has habits, and follows them in most pictures.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from kronface.synth.appearance import Appearance, Colour, draw_hair_colour, hair_tint, triple
from kronface.synth.identity import Identity
from kronface.synth.settings import Rendering

LENGTHS = ("cropped", "short", "medium", "long")

LIPSTICKS = ((0.42, 0.04, 0.05), (0.28, 0.03, 0.06), (0.5, 0.14, 0.15), (0.38, 0.1, 0.08), (0.55, 0.2, 0.2))
"""Linear RGB: red, berry, pink, brick, nude."""

LID_COLOURS = ((0.08, 0.05, 0.045), (0.03, 0.03, 0.035), (0.2, 0.1, 0.08), (0.06, 0.08, 0.14), (0.25, 0.17, 0.08))

FRAMES = ((0.012, 0.012, 0.013), (0.05, 0.02, 0.01), (0.25, 0.2, 0.12), (0.4, 0.4, 0.42), (0.12, 0.01, 0.015))
"""Linear RGB: black, tortoise, gold, steel, red."""

KEEPS_STYLE = 0.92
"""Share of a person's pictures with the usual hair."""

HAT_RATE, COVER_RATE, SUNGLASSES_RATE = 0.045, 0.03, 0.012
"""Chosen; CelebA's Wearing_Hat lies near the first."""


@dataclass(frozen=True)
class HairStyle:
    """One way to wear hair."""

    length: str
    """bald, cropped, short, medium or long."""
    thickness: float
    """Of the hair above the scalp, metres."""
    sides: float
    """Thickness at the sides, as a share of that on top."""
    curl: float
    """0 straight, 1 coiled."""
    tucked: bool
    """Hair that is long enough lies behind the ears."""
    tied: str
    """Empty, bun or ponytail."""
    bangs: bool
    parting: float
    """Where a furrow runs: -1 to 1 from one side to the other, 0 for none."""
    colour: str
    tint: Colour
    seed: int
    """Of its waves and tips."""


@dataclass(frozen=True)
class Spectacles:
    """A frame with two lenses."""

    width: float
    """Half of a lens, metres."""
    height: float
    roundness: float
    """Exponent of the outline: 2 an ellipse, larger ones nearly a rectangle."""
    rim: float
    """Radius of the frame's tube, metres."""
    colour: Colour
    tint: Colour
    """Share of light that the lenses let through."""
    glare: float


@dataclass(frozen=True)
class Garment:
    """Clothes at the neck."""

    kind: int
    """A number of `kernels.Paint.garment`."""
    pattern: int
    neckline: float
    cloth: Colour
    second: Colour
    tie: Colour


@dataclass(frozen=True)
class Styling:
    """Everything that a person has put on or done for one picture."""

    hair: HairStyle
    spectacles: Spectacles | None
    hat: str
    """Empty, or a name in `accessories.HATS`."""
    hat_colour: Colour
    cover: str
    """Empty, or what hides part of the face: a name in `accessories.COVERS`."""
    cover_colour: Colour
    cover_seed: int
    shaven: bool
    make_up: float
    """0 none, 1 heavy."""
    lipstick: Colour
    lid_colour: Colour
    earrings: bool
    necklace: bool
    garment: Garment


@dataclass(frozen=True)
class Habits:
    """What a person usually wears."""

    hair: HairStyle
    spectacles: Spectacles | None
    make_up: float
    lipstick: Colour
    earrings: bool
    necklace: bool
    shaves: float
    """Share of pictures in which a beard is gone."""


def draw_hair_style(rng: np.random.Generator, identity: Identity, look: Appearance, *, colour: bool) -> HairStyle:
    """A hair style; `colour` draws its colour anew as well."""
    male = identity.male
    odds = (0.36, 0.52, 0.08, 0.04) if male else (0.03, 0.12, 0.33, 0.52)
    length = "bald" if look.bald else str(rng.choice(LENGTHS, p=odds))
    thickness = {"bald": 0.0015, "cropped": 0.0035, "short": 0.012, "medium": 0.017, "long": 0.014}[length]
    thickness *= float(np.exp(rng.normal(0, 0.3)))
    curl = float(np.clip(look.curl + rng.normal(0, 0.1) + (0.35 if not male and rng.random() < 0.2 else 0), 0, 1))
    if look.curl > 0.6 and not male and rng.random() < 0.4:
        curl = float(rng.uniform(0.0, 0.3))  # straightened
    if curl > 0.5 and length == "medium":
        thickness = float(rng.uniform(0.022, 0.045))  # it stands up instead of falling
    tied = str(rng.choice(("bun", "ponytail"))) if length == "long" and rng.random() < 0.22 else ""
    name = draw_hair_colour(rng, identity, look.tone) if colour else look.hair_colour
    bangs = length not in ("bald", "cropped") and not tied and rng.random() < (0.1 if male else 0.24)
    return HairStyle(
        length=length,
        thickness=0.006 if tied else thickness,
        sides=float(rng.uniform(0.2, 0.8)) if male else float(rng.uniform(0.6, 1.0)),
        curl=curl,
        tucked=bool(rng.random() < 0.3),
        tied=tied,
        bangs=bool(bangs),
        parting=float(rng.choice((-1, 1)) * rng.uniform(0.3, 1)) if rng.random() < 0.4 and not bangs else 0.0,
        colour=name,
        tint=hair_tint(rng, name) if colour else look.hair,
        seed=int(rng.integers(1 << 31)),
    )


def draw_spectacles(rng: np.random.Generator, *, dark: bool) -> Spectacles:
    """A pair of spectacles; `dark` for sunglasses."""
    tint = rng.uniform(0.03, 0.12) * np.array([1.0, 0.95, 0.85]) if dark else np.full(3, rng.uniform(0.9, 0.97))
    return Spectacles(
        width=float(rng.uniform(0.0235, 0.028)),
        height=float(rng.uniform(0.0145, 0.022)) + (0.003 if dark else 0),
        roundness=float(rng.choice((2.0, 2.6, 4.0, 5.5))),
        rim=float(rng.choice((0.0007, 0.0012, 0.0018, 0.0024))),
        colour=triple(np.array(FRAMES[rng.integers(len(FRAMES))]) * np.exp(rng.normal(0, 0.3))),
        tint=triple(tint),
        glare=float(rng.uniform(0.1, 0.35) if dark else rng.choice((0.02, 0.05, 0.12, 0.3), p=(0.4, 0.3, 0.2, 0.1))),
    )


def draw_habits(identity: Identity, look: Appearance, rendering: Rendering) -> Habits:
    """The same for all pictures of a person."""
    rng = identity.generator(7)
    male = identity.male
    hair = draw_hair_style(rng, identity, look, colour=False)
    wears = rng.random() < 0.05 + 0.1 * np.clip((identity.age_years - 30) / 40, 0, 1)
    spectacles = draw_spectacles(rng, dark=False)
    lipstick = triple(np.array(LIPSTICKS[rng.integers(len(LIPSTICKS))]) * np.exp(rng.normal(0, 0.15, 3)))
    make_up = 0.0 if male else float(np.clip(rng.normal(0.5, 0.3), 0, 1))
    earrings, necklace = bool(rng.random() < (0.02 if male else 0.32)), bool(rng.random() < (0.02 if male else 0.2))
    return Habits(
        hair if rendering.has("hair") else _plain(hair),
        spectacles if wears else None,
        make_up,
        lipstick,
        earrings,
        necklace,
        shaves=float(rng.choice((0.0, 0.1, 0.4))),
    )


def draw_styling(identity: Identity, look: Appearance, habits: Habits, image: int, rendering: Rendering) -> Styling:
    """What a person wears in picture `image`: the same whatever else is drawn."""
    rng = np.random.default_rng([identity.seed, identity.number, 1 + image, 11])
    male = identity.male
    hair = habits.hair
    own = np.random.default_rng([identity.seed, identity.number, 1 + image, 13])
    another = draw_hair_style(own, identity, look, colour=rendering.redrawn)
    keeps = rng.random() < KEEPS_STYLE
    if rendering.has("hair") and (rendering.redrawn or (rendering.has("restyling") and not keeps)):
        hair = another
    wears, dark = rng.random(), rng.random() < SUNGLASSES_RATE
    pair = draw_spectacles(rng, dark=bool(dark))
    if rendering.redrawn:
        spectacles = pair if wears < 0.1 or dark else None
    else:
        usual = habits.spectacles if wears < 0.88 else None
        spectacles = pair if dark else usual
    hat = str(rng.choice(("beanie", "peaked", "brimmed", "headscarf"), p=(0.3, 0.4, 0.2, 0.1)))
    hat = hat if rng.random() < HAT_RATE and rendering.has("hats") else ""
    covers = ("scarf", "mask", "hand")
    cover = str(rng.choice(covers)) if rng.random() < COVER_RATE else ""
    made = float(np.clip(habits.make_up + rng.normal(0, 0.15), 0, 1)) if habits.make_up > 0 else 0.0
    lids = triple(np.array(LID_COLOURS[rng.integers(len(LID_COLOURS))]) * np.exp(rng.normal(0, 0.2, 3)))
    changes = rng.random(3)
    shaven = bool(rng.random() < habits.shaves)
    lipstick = habits.lipstick
    if changes[2] < 0.3:
        lipstick = triple(np.array(LIPSTICKS[rng.integers(len(LIPSTICKS))]))
    # A dark face wears darker ones.
    lipstick = triple(np.array(lipstick) * (0.35 + 0.65 * (1 - look.tone)))
    return Styling(
        hair=hair,
        spectacles=spectacles if rendering.has("spectacles") else None,
        hat=hat,
        hat_colour=_cloth(rng),
        cover=cover if rendering.has("occluders") else "",
        cover_colour=_mask(rng) if cover == "mask" else _cloth(rng),
        cover_seed=int(rng.integers(1 << 31)),
        shaven=shaven,
        make_up=made if rendering.has("make-up") else 0.0,
        lipstick=lipstick,
        lid_colour=lids,
        earrings=habits.earrings and changes[0] < 0.75 and rendering.has("clothes"),
        necklace=habits.necklace and changes[1] < 0.75 and rendering.has("clothes"),
        garment=_garment(rng, male) if rendering.has("clothes") else plain_garment(),
    )


def _plain(hair: HairStyle) -> HairStyle:
    if hair.length == "bald":
        return hair
    return replace(hair, length="cropped", thickness=0.0035, curl=0.0, tied="", bangs=False, parting=0.0)


@cache
def plain_garment() -> Garment:
    """A grey round neck."""
    grey = (0.15, 0.15, 0.15)
    return Garment(0, 0, 0.58, grey, grey, grey)


def _cloth(rng: np.random.Generator) -> Colour:
    """Linear RGB of cloth: often dark or grey, now and then bright."""
    value = np.exp(rng.normal(-2.2, 0.9))
    hue = np.exp(rng.normal(0, 0.5 if rng.random() < 0.6 else 0.12, 3))
    return triple(np.clip(value * hue, 0.004, 0.75))


def _mask(rng: np.random.Generator) -> Colour:
    masks = ((0.25, 0.45, 0.6), (0.65, 0.65, 0.65), (0.015, 0.015, 0.017), (0.35, 0.5, 0.45))
    return masks[int(rng.integers(len(masks)))]


def _garment(rng: np.random.Generator, male: bool) -> Garment:
    kind = int(rng.choice(5, p=(0.42, 0.12, 0.2, 0.2, 0.06) if male else (0.5, 0.3, 0.08, 0.02, 0.1)))
    pattern = int(rng.choice(4, p=(0.75, 0.1, 0.08, 0.07)))
    if kind == 3:
        dark = triple(np.exp(rng.normal(-3.4, 0.4)) * np.exp(rng.normal(0, 0.12, 3)))
        shirt = triple(np.exp(rng.normal(-0.8, 0.25)) * np.array([0.95, 0.97, 1.0]))
        return Garment(3, 0, float(rng.uniform(0.578, 0.592)), dark, shirt, _cloth(rng))
    low = rng.uniform(0.535, 0.6) if male else rng.uniform(0.5, 0.6)
    return Garment(
        kind, pattern, float(low if kind < 2 else rng.uniform(0.58, 0.598)), _cloth(rng), _cloth(rng), (0, 0, 0)
    )
