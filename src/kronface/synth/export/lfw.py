"""Rendered people as LFW has them, with a list of pairs in folds that share nobody."""

from collections.abc import Iterator
from itertools import combinations
from math import isqrt
from pathlib import Path

import numpy as np

from kronface.files import write_text
from kronface.synth.export.names import NAMES, person_name
from kronface.synth.export.shape import Numbers, Shape
from kronface.synth.export.writing import Note

FOLDER = "lfw"
PAIRS = "pairs.txt"

FOLDS, EACH = 10, 300
"""As many folds, and pairs of either kind in each, as LFW has; fewer where there are not enough people."""


def _name(person: int, seed: int) -> str:
    return person_name(person, seed).replace(" ", "_")


def _files(person: int, numbers: Numbers) -> tuple[str, ...]:
    name = _name(person, numbers.seed)
    return tuple(f"{FOLDER}/{name}/{name}_{image + 1:04d}.jpg" for image in range(numbers.images))


def _index(out: Path, notes: Iterator[Note], numbers: Numbers) -> None:
    for _ in notes:
        pass
    write_text(out / PAIRS, pairs(numbers))


def pairs(numbers: Numbers) -> str:
    """The text of `pairs.txt`: in each fold N pairs of one person's pictures, then N of two people's, none twice."""
    rng = np.random.default_rng([numbers.seed, numbers.identities, numbers.images, 1006])
    folds = np.array_split(rng.permutation(numbers.identities), min(FOLDS, numbers.identities // 2))
    choices = list(combinations(range(1, numbers.images + 1), 2))
    squared = numbers.images**2
    fewest = min(map(len, folds))
    count = min(EACH, fewest * len(choices), fewest * (fewest - 1) // 2 * squared)
    lines = [f"{len(folds)}\t{count}"]
    for fold in folds:
        names = [_name(int(person), numbers.seed) for person in fold]
        for code in rng.choice(len(names) * len(choices), count, replace=False).tolist():
            one, other = choices[code % len(choices)]
            lines.append(f"{names[code // len(choices)]}\t{one}\t{other}")
        for code in rng.choice(len(names) * (len(names) - 1) // 2 * squared, count, replace=False).tolist():
            first, second = _unranked(code // squared)
            one, other = divmod(code % squared, numbers.images)
            lines.append(f"{names[first]}\t{one + 1}\t{names[second]}\t{other + 1}")
    return "\n".join(lines) + "\n"


def _unranked(rank: int) -> tuple[int, int]:
    """The pair a < b of a rank, in the order (0, 1), (0, 2), (1, 2), (0, 3) and so on."""
    larger = (1 + isqrt(1 + 8 * rank)) // 2
    return rank - larger * (larger - 1) // 2, larger


LFW = Shape(
    layout="lfw",
    title="Rendered people in LFW's layout.",
    lines=(
        f"{PAIRS} has LFW's form: folds, and in each as many pairs of one person as of two; no person is in two folds.",
        "Names are made of syllables at random; whoever has one is not meant.",
    ),
    framing="portrait",
    files=_files,
    index=_index,
    least=(4, 2),
    most=(NAMES, 9_999),
)
