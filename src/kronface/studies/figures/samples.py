"""Figure 2: sample pictures of each data set, as they are and aligned."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from kronface.data.reading import FileReader
from kronface.data.records import Records
from kronface.data.store import read_picture
from kronface.errors import ConfigError, ImageError
from kronface.faces.detect import YuFaceDetector
from kronface.faces.image import Image, write_image
from kronface.files import Progress, no_progress

SIDE = 112
GAP = 4
STRIP = 22
PAPER, INK = 255, (40, 40, 40)

STAGE = "reading samples"


def figure_2(
    data_sets: list[str],
    *,
    out: Path = Path("runs/figures"),
    images: int = 8,
    seed: int = 0,
    progress: Progress = no_progress,
) -> str:
    """Draws sample pictures of data sets, two rows each: as they are, and aligned. Leaves figure-2.png.

    Args:
        data_sets: LAYOUT=FOLDER of each data set, as celeba=CelebA megaface=MegaFace; kronface data layouts names the
            layouts, and kronface synth write makes stand-ins.
        out: folder for the file.
        images: pictures of each set, of as many people where it has them.
        seed: of the choice.
        progress: called as pictures are read.

    Returns:
        Where the figure is, and which pictures could not be aligned.

    Raises:
        ConfigError: an impossible number, or a set that is not LAYOUT=FOLDER.
        DataError: what is wrong with a data set.
    """
    from kronface.data.sources import find_layout, read_source

    if images < 1:
        raise ConfigError(f"images is {images}: it must be at least 1")
    pairs = []
    for text in data_sets:
        layout, equals, folder = text.partition("=")
        if not equals or not folder:
            raise ConfigError(f"'{text}' is no LAYOUT=FOLDER: write such as celeba=CelebA")
        pairs.append((find_layout(layout), Path(folder)))
    detector = YuFaceDetector()
    parts: list[Image] = []
    lines: list[str] = []
    for number, (known, root) in enumerate(pairs):
        records = _choose(read_source(known.name, root), images, seed)
        reader = FileReader(records, size=SIDE, detector=detector)
        raw, aligned = [], []
        for row, path in enumerate(records.table["path"].to_list()):
            try:
                raw.append(_fitted(read_picture(records.root, path, records.store)))
                aligned.append(reader(row).face)
            except ImageError as error:
                lines.append(f"left blank: {error}")
                blank = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
                raw, aligned = (part if len(part) > row else [*part, blank] for part in (raw, aligned))
            progress(STAGE, number * images + row + 1, len(pairs) * images)
        width = images * (SIDE + GAP) - GAP
        title = _caption(f"{known.title}: as they are, and aligned", width)
        parts += [title, _row(raw, width), _row(aligned, width)]
    path = out / "figure-2.png"
    write_image(path, np.concatenate(parts))
    return "\n".join([*lines, f"figure: {path}"])


def _choose(records: Records, images: int, seed: int) -> Records:
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


def _fitted(image: Image) -> Image:
    """The whole picture in a square, with paper beside it."""
    scale = SIDE / max(image.shape[:2])
    height, width = (max(round(side * scale), 1) for side in image.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    square[top : top + height, left : left + width] = cv2.resize(image, (width, height), interpolation=how)
    return square


def _row(pictures: Sequence[Image], width: int) -> Image:
    row = np.full((SIDE + GAP, width, 3), PAPER, np.uint8)
    for place, picture in enumerate(pictures):
        row[:SIDE, place * (SIDE + GAP) : place * (SIDE + GAP) + SIDE] = picture
    return row


def _caption(text: str, width: int) -> Image:
    strip = np.full((STRIP, width, 3), PAPER, np.uint8)
    cv2.putText(strip, text, (2, STRIP - 7), INK, cv2.FontFace("sans"), 14, 400)
    return strip
