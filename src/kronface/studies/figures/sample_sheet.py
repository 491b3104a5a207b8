"""How figure 2 is laid out: two rows of pictures for each data set, with its name above."""

from collections.abc import Sequence

import cv2
import numpy as np

from kronface.data.records import Records
from kronface.faces.image import Image

SIDE = 112
"""Of a picture, in pixels."""

GAP = 4
STRIP = 22
PAPER, INK = 255, (40, 40, 40)


def choose(records: Records, images: int, seed: int) -> Records:
    """Pictures of different people, at random; of any where nobody has a name, or there are too few."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(records))
    people = records.table["identity"].to_list()
    seen: set[str | None] = set()
    first: list[int] = []
    others: list[int] = []
    for row in order.tolist():
        fresh = people[row] is not None and people[row] not in seen
        (first if fresh else others).append(row)
        seen.add(people[row])
        if len(first) == images:
            break
    return records.take(sorted((first + others)[:images]))


def fitted(image: Image) -> Image:
    """The whole picture in a square, with paper beside it."""
    scale = SIDE / max(image.shape[:2])
    height, width = (max(round(side * scale), 1) for side in image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    square[top : top + height, left : left + width] = cv2.resize(image, (width, height), interpolation=how)
    return square


def row(pictures: Sequence[Image], width: int) -> Image:
    """Squares side by side."""
    line = np.full((SIDE + GAP, width, 3), PAPER, np.uint8)
    for place, picture in enumerate(pictures):
        line[:SIDE, place * (SIDE + GAP) : place * (SIDE + GAP) + SIDE] = picture
    return line


def caption(text: str, width: int) -> Image:
    """A strip with words."""
    strip = np.full((STRIP, width, 3), PAPER, np.uint8)
    cv2.putText(strip, text, (2, STRIP - 7), INK, cv2.FontFace("sans"), 14, 400)
    return strip
