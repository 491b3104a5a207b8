"""Names and numbers for people who do not exist: each one once in a set, the same for a seed whatever else is named."""

import math
from functools import cache

import numpy as np

GIVEN_STARTS = (
    "Al", "Bel", "Bran", "Cor", "Dal", "Dor", "El", "Fal", "Gar", "Hal", "Ister", "Jar", "Kel", "Lor", "Mar", "Nel",
    "Or", "Per", "Quil", "Ras", "Sel", "Tam", "Ul", "Var", "Wil", "Yor", "Zan",
)  # fmt: skip
MENS_ENDS = ("bert", "dor", "gan", "mon", "nus", "rick", "ton", "vik", "wen", "zek")
WOMENS_ENDS = ("bella", "della", "gia", "lina", "mira", "netta", "rina", "sia", "tessa", "vina")
FAMILY_STARTS = (
    "Ash", "Bram", "Crom", "Dun", "Elk", "Fern", "Glen", "Hark", "Ing", "Kest", "Lam", "Mor", "Nord", "Oak", "Pem",
    "Quar", "Rook", "Stan", "Thorn", "Und", "Vel", "Wern", "Yarr", "Zell",
)  # fmt: skip
FAMILY_MIDDLES = ("a", "ama", "e", "edo", "i", "ino", "o", "oli", "u", "uva")
FAMILY_ENDS = ("bar", "court", "dell", "gard", "kov", "mont", "nez", "quist", "san", "shaw", "tani", "wick")

COUNTS = (len(GIVEN_STARTS), len(MENS_ENDS), len(FAMILY_STARTS), len(FAMILY_MIDDLES), len(FAMILY_ENDS))
NAMES = math.prod(COUNTS)
"""Different names of men, and as many of women: 777,600."""

NSIDS = 90_000_000
"""Members' numbers of eight digits that do not begin with a zero."""


def invented_name(number: int, *, male: bool, seed: int) -> str:
    """A given name and a family name made of syllables; among `NAMES` successive people of a seed no two share one."""
    ends = MENS_ENDS if male else WOMENS_ENDS
    place = shuffled(number % NAMES, NAMES, seed)
    given, end, family, middle, last = (int(part) for part in np.unravel_index(place, COUNTS))
    surname = FAMILY_STARTS[family] + FAMILY_MIDDLES[middle] + FAMILY_ENDS[last]
    return f"{GIVEN_STARTS[given]}{ends[end]} {surname}"


def person_name(number: int, seed: int) -> str:
    """The name of a rendered person: a man's or a woman's."""
    from kronface.synth.head import load_head
    from kronface.synth.identity import draw_identity

    return invented_name(number, male=draw_identity(load_head(), number, seed).male, seed=seed)


def member_id(number: int, *, seed: int) -> str:
    """A member's number as photograph sites give them, `53415754@N00`; no two people of a seed share one."""
    digits = shuffled(number, NSIDS, seed) + 10_000_000
    return f"{digits}@N0{digits % 9}"


def shuffled(number: int, size: int, seed: int) -> int:
    """Takes 0 … size - 1 to the same numbers in another order, which the seed chooses."""
    factor, shift = _order(size, seed)
    return (number * factor + shift) % size


@cache
def _order(size: int, seed: int) -> tuple[int, int]:
    rng = np.random.default_rng([seed, size, 1001])
    factor = int(size * rng.uniform(0.36, 0.4))  # near the golden section: neighbours come to lie far apart
    while math.gcd(factor, size) != 1:
        factor += 1
    return factor, int(rng.integers(size))
