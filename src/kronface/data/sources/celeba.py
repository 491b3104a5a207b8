"""CelebA in its official text files, read as their owners wrote them."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kronface.data.attributes import CELEBA
from kronface.data.layout import Layout, Part
from kronface.data.records import Records
from kronface.data.sources.index_files import Index, read_pairs, read_table
from kronface.errors import DataError

IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba.txt"
IDENTITIES = "identity_CelebA.txt"
PARTITION = "list_eval_partition.txt"
LANDMARKS = "list_landmarks_align_celeba.txt"

REQUIRED = (ATTRIBUTES, IDENTITIES, PARTITION)
"""Index files without which the set cannot be read."""

INDEX_FOLDERS = ("", "Anno", "Eval")
IMAGE_FOLDERS = (IMAGES, f"{IMAGES}/{IMAGES}", f"Img/{IMAGES}", f"Img/{IMAGES}/{IMAGES}")
LANDMARK_NAMES = [
    f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"
]

OFFICIAL_IMAGES = {"train": 162_770, "validation": 19_867, "test": 19_962}
OFFICIAL_IDENTITIES = {"train": 8_192, "validation": 985, "test": 1_000}

TYPICAL_LANDMARKS = ((69.0, 111.0), (108.0, 111.0), (88.0, 136.0), (72.0, 152.0), (105.0, 152.0))
"""Where the landmarks of CelebA's aligned 178x218 pictures lie, but for a few pixels: used where they are missing."""

SPLITS = ("train", "validation", "test")

OWNER = "Multimedia Laboratory, The Chinese University of Hong Kong"
TERMS = "non-commercial research only, no passing on"


def celeba(root: Path, *, official: bool = False) -> Records:
    """CelebA's aligned pictures with identities, splits, landmarks and attributes.

    Index files may lie side by side or in the official `Anno/` and `Eval/`; pictures in `img_align_celeba/`, also
    doubled as some archives unpack, or below `Img/`. Attributes' 1 and -1 become 1 and 0. Whether the pictures are
    there is not looked at: `kronface.data.check` does. Without the landmark file, which is optional, all pictures get
    CelebA's typical landmarks: its owners have aligned them by the eyes already.

    Args:
        root: the folder that holds them.
        official: require the official set's 202,599 images, its counts per split, its 40 attributes, and 8,192, 985
            and 1,000 identities, none of them in two splits. Otherwise differences become notes.

    Raises:
        DataError: a file is missing, damaged or lists other pictures than the others, or a count is not official.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name the one that holds {IMAGES}/ and {ATTRIBUTES}")
    return assemble(
        root,
        attributes=read_attributes(require_index(root, ATTRIBUTES)),
        identities=read_pairs(require_index(root, IDENTITIES)),
        partition=read_partition(require_index(root, PARTITION)),
        landmarks=None if (path := find_index(root, LANDMARKS)) is None else read_landmarks(path),
        name="celeba",
        official=official,
    )


def assemble(
    root: Path,
    *,
    attributes: Index,
    identities: Index | None,
    partition: Index,
    landmarks: Index | None,
    name: str,
    official: bool = False,
) -> Records:
    """The records of CelebA's index files, whatever form they were read from.

    Args:
        root: the set's folder.
        attributes: 1 and -1.
        identities: numbers of people; None where nobody knows them.
        partition: 0, 1 and 2.
        landmarks: (n, 10); None where there are none.
        name: of the layout.
        official: as for `celeba`.

    Raises:
        DataError: as `celeba`.
    """
    folder = find_images(root).relative_to(root).as_posix()
    columns: dict[str, Any] = {
        "path": (f"{folder}/" + attributes.names).alias("path"),
        "identity": pl.Series([None] * len(attributes.names), dtype=pl.String),
        "split": pl.Series(partition.in_order_of(attributes).values[:, 0]).replace_strict([0, 1, 2], list(SPLITS)),
    }
    if identities is not None:
        # Padded, so that sorting people by name sorts them by number.
        numbers = pl.Series(identities.in_order_of(attributes).values[:, 0])
        columns["identity"] = numbers.cast(pl.String).str.zfill(5)
    columns |= {name: (attributes.values[:, k] > 0).astype(np.int8) for k, name in enumerate(attributes.columns)}
    notes: list[str] = []
    if landmarks is None:
        points = np.tile(np.array(TYPICAL_LANDMARKS, np.float32), (len(attributes.names), 1, 1))
        notes.append(f"{LANDMARKS} is missing: CelebA's typical landmarks are used for all pictures")
    else:
        points = landmarks.in_order_of(attributes).values.reshape(-1, 5, 2)
    columns["landmarks"] = pl.Series(points, dtype=pl.Array(pl.Float32, (5, 2)))
    table = pl.DataFrame(columns)
    differences = official_differences(table, attributes.columns)
    if official and differences:
        raise DataError(f"{root} is not the official CelebA: {'; '.join(differences)}")
    notes += [f"not the official CelebA: {difference}" for difference in differences]
    return Records.from_columns(root, table, name=name, attributes=attributes.columns, notes=notes)


def find_index(root: Path, name: str) -> Path | None:
    """Where an index file lies below the root, or None."""
    candidates = (root / folder / name for folder in INDEX_FOLDERS)
    return next((path for path in candidates if path.is_file()), None)


def find_images(root: Path) -> Path:
    """The folder of pictures: the innermost of `img_align_celeba/`, its doubled form, and those below `Img/`.

    Raises:
        DataError: there is none.
    """
    for folder in reversed(IMAGE_FOLDERS):
        if (root / folder).is_dir():
            return root / folder
    raise DataError(f"{root / IMAGES}/ is missing: unpack {IMAGES}.zip into {root}")


def require_index(root: Path, name: str) -> Path:
    """Where an index file lies below the root.

    Raises:
        DataError: it is not there; says where to get it and where to put it.
    """
    path = find_index(root, name)
    if path is not None:
        return path
    if find_index(root, name.replace(".txt", ".csv")) is not None:
        remedy = f"for the .csv copies choose the layout celeba-csv, or bring the owners' {name}"
    elif name == IDENTITIES:
        remedy = (
            "ask its owners for it (Multimedia Laboratory, The Chinese University of Hong Kong, send it on request; "
            "mirrors do not have it)"
        )
    else:
        remedy = "take it from CelebA's download"
    raise DataError(f"{root / name} is missing: {remedy} and put it into {root}")


def read_attributes(path: Path) -> Index:
    """Labels of 1 and -1 under CelebA's names.

    Raises:
        DataError: no such file, a name that CelebA does not have, or another label.
    """
    return check_attributes(read_table(path, whole=True))


def check_attributes(index: Index) -> Index:
    """The index itself, if it has CelebA's names and labels.

    Raises:
        DataError: a name that CelebA does not have, or a label other than 1 and -1.
    """
    path = index.path
    unknown = [name for name in index.columns if name not in CELEBA]
    if unknown:
        raise DataError(f"{path} has the unknown attribute {unknown[0]}: its names must be CelebA's, spelt as there")
    odd = np.abs(index.values) != 1
    if odd.any():
        row, column = np.argwhere(odd)[0]
        raise DataError(
            f"{path}: {index.names[int(row)]} has {index.values[row, column]} for {index.columns[column]}: "
            "labels must be 1 or -1"
        )
    return index


def read_partition(path: Path) -> Index:
    """Splits: 0 train, 1 validation, 2 test.

    Raises:
        DataError: no such file, or another number.
    """
    return check_partition(read_pairs(path))


def check_partition(index: Index) -> Index:
    """The index itself, if it has no other numbers than 0, 1 and 2.

    Raises:
        DataError: it has.
    """
    path = index.path
    odd = np.flatnonzero(~np.isin(index.values[:, 0], (0, 1, 2)))
    if len(odd):
        row = int(odd[0])
        raise DataError(f"{path}: {index.names[row]} has the split {index.values[row, 0]}: splits are 0, 1 and 2")
    return index


def read_landmarks(path: Path) -> Index:
    """Five points per aligned picture, in its pixels.

    Raises:
        DataError: no such file.
    """
    return read_table(path, columns=tuple(LANDMARK_NAMES), whole=False)


def official_differences(table: pl.DataFrame, attributes: tuple[str, ...]) -> list[str]:
    """What sets a table apart from the official CelebA; empty where nothing does."""
    differences = []
    images = sum(OFFICIAL_IMAGES.values())
    if table.height != images:
        differences.append(f"{table.height} images (official: {images})")
    unknown = table["identity"].null_count() == table.height
    for split in SPLITS:
        part = table.filter(pl.col("split") == split)
        counts = part.height, part["identity"].n_unique()
        wanted = OFFICIAL_IMAGES[split], OFFICIAL_IDENTITIES[split]
        if unknown and counts[0] != wanted[0]:
            differences.append(f"{split} has {counts[0]} images (official: {wanted[0]})")
        elif not unknown and counts != wanted:
            differences.append(
                f"{split} has {counts[0]} images of {counts[1]} identities (official: {wanted[0]} of {wanted[1]})"
            )
    if unknown:
        return [*differences, *_other_attributes(attributes)]
    spread = table.group_by("identity").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)
    if spread.height:
        first = sorted(spread["identity"])[0]
        differences.append(f"{spread.height} identities are in two splits or more, {first} the first (official: none)")
    return [*differences, *_other_attributes(attributes)]


def _other_attributes(attributes: tuple[str, ...]) -> list[str]:
    if attributes == CELEBA:
        return []
    return [f"{len(attributes)} attributes, or another order (official: {len(CELEBA)})"]


def _places(name: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}".lstrip("/") for folder in INDEX_FOLDERS)


LAYOUT = Layout(
    name="celeba",
    title="CelebA",
    read=celeba,
    owner=OWNER,
    terms=TERMS,
    ask="mmlab.ie.cuhk.edu.hk/projects/CelebA.html, the identity file on request from its owners",
    parts=(
        Part("aligned pictures", (f"{IMAGES}/", f"Img/{IMAGES}/"), f"unpack {IMAGES}.zip there"),
        Part("attributes", _places(ATTRIBUTES), "take it from CelebA's download"),
        Part(
            "identities", _places(IDENTITIES), "ask its owners for it, who send it on request; mirrors do not have it"
        ),
        Part("splits", _places(PARTITION), "take it from CelebA's download"),
    ),
    options=("official",),
)
