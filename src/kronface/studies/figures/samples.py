"""Figure 2: sample pictures of each data set, as they are and aligned."""

from pathlib import Path
from typing import TYPE_CHECKING

from kronface.errors import ConfigError, ImageError
from kronface.files import Progress, no_progress

if TYPE_CHECKING:
    from kronface.faces.image import Image

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
    import numpy as np

    from kronface.data.reading import FileReader
    from kronface.data.sources import find_layout, read_source
    from kronface.data.store import read_picture
    from kronface.faces.detect import YuFaceDetector
    from kronface.faces.image import write_image
    from kronface.studies.figures.sample_sheet import GAP, PAPER, SIDE, caption, choose, fitted, row

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
        records = choose(read_source(known.name, root), images, seed)
        reader = FileReader(records, size=SIDE, detector=detector)
        raw, aligned = [], []
        for place, path in enumerate(records.table["path"].to_list()):
            try:
                raw.append(fitted(read_picture(records.root, path, records.store)))
                aligned.append(reader(place).face)
            except ImageError as error:
                lines.append(f"left blank: {error}")
                blank = np.full((SIDE, SIDE, 3), PAPER, np.uint8)
                raw, aligned = (part if len(part) > place else [*part, blank] for part in (raw, aligned))
            progress(STAGE, number * images + place + 1, len(pairs) * images)
        width = images * (SIDE + GAP) - GAP
        title = caption(f"{known.title}: as they are, and aligned", width)
        parts += [title, row(raw, width), row(aligned, width)]
    path = out / "figure-2.png"
    write_image(path, np.concatenate(parts))
    return "\n".join([*lines, f"figure: {path}"])
