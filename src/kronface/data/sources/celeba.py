"""CelebA in its official text files, read as their owners wrote them."""

from pathlib import Path

import numpy as np
import polars as pl

from kronface.data.attributes import CELEBA
from kronface.data.records import Records
from kronface.errors import DataError

IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba.txt"
IDENTITIES = "identity_CelebA.txt"
PARTITION = "list_eval_partition.txt"
LANDMARKS = "list_landmarks_align_celeba.txt"

INDEX_FOLDERS = ("", "Anno", "Eval")
IMAGE_FOLDERS = (IMAGES, f"{IMAGES}/{IMAGES}", f"Img/{IMAGES}")
LANDMARK_NAMES = [
    f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"
]

OFFICIAL_IMAGES = {"train": 162_770, "validation": 19_867, "test": 19_962}
OFFICIAL_IDENTITIES = {"train": 8_192, "validation": 985, "test": 1_000}

TYPICAL_LANDMARKS = ((69.0, 111.0), (108.0, 111.0), (88.0, 136.0), (72.0, 152.0), (105.0, 152.0))
"""Where the landmarks of CelebA's aligned 178x218 pictures lie, but for a few pixels: used where they are missing."""

SPLITS = ("train", "validation", "test")


def celeba(root: Path, *, official: bool = False) -> Records:
    """CelebA's aligned pictures with identities, splits, landmarks and 40 attributes.

    Index files may lie side by side or in the official `Anno/` and `Eval/`; pictures in `img_align_celeba/`, also
    doubled as some archives unpack, or below `Img/`. Attributes' 1 and -1 become 1 and 0.

    Args:
        root: the folder that holds them.
        official: require the official set's 202,599 images, its counts per split, and 8,192, 985 and 1,000
            identities, none of them in two splits.

    Raises:
        DataError: a file is missing, damaged or of another length than the others, or a count is not official.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name the one that holds {IMAGES}/ and {ATTRIBUTES}")
    images = find_images(root)
    names, labels, attributes = _read_table(_require(root, ATTRIBUTES), None)
    unknown = [name for name in attributes if name not in CELEBA]
    if unknown:
        raise DataError(f"{find_index(root, ATTRIBUTES)} has the unknown attribute {unknown[0]}: CelebA has 40")
    odd = ~np.isin(labels, (-1, 1))
    if odd.any():
        row, column = np.argwhere(odd)[0]
        raise DataError(
            f"{find_index(root, ATTRIBUTES)}: {names[row]} has {labels[row, column]:g} for {attributes[column]}: "
            "labels are 1 and -1"
        )
    identities = _read_pairs(_require(root, IDENTITIES))
    partition = _read_pairs(_require(root, PARTITION))
    for name, read in ((IDENTITIES, identities), (PARTITION, partition)):
        _check_same(root, name, read["path"].to_numpy(), names)
    if not partition["value"].is_in([0, 1, 2]).all():
        raise DataError(f"{find_index(root, PARTITION)} has a split other than 0, 1 and 2")

    notes: list[str] = []
    landmark_path = find_index(root, LANDMARKS)
    if landmark_path is None:
        points = np.broadcast_to(np.array(TYPICAL_LANDMARKS, np.float32), (len(names), 5, 2))
        notes.append(f"{LANDMARKS} is missing: CelebA's typical landmarks are used for all pictures")
    else:
        landmark_names, values, _ = _read_table(landmark_path, LANDMARK_NAMES)
        _check_same(root, LANDMARKS, landmark_names, names)
        points = values.reshape(-1, 5, 2)
    folder = images.relative_to(root).as_posix()
    table = pl.DataFrame(
        {
            "path": pl.Series(names).map_elements(lambda name: f"{folder}/{name}", return_dtype=pl.String),
            "identity": identities["value"].cast(pl.String).str.zfill(5),
            "split": partition["value"].replace_strict([0, 1, 2], list(SPLITS)),
            "landmarks": pl.Series(points.astype(np.float32), dtype=pl.Array(pl.Float32, (5, 2))),
        }
        | {name: (labels[:, column] > 0).astype(np.int8) for column, name in enumerate(attributes)}
    )
    notes += _check_counts(root, table, official)
    return Records.from_columns(root, table, name="celeba", attributes=attributes, notes=notes)


def find_index(root: Path, name: str) -> Path | None:
    """Where an index file lies below the root, or None."""
    for folder in INDEX_FOLDERS:
        if (root / folder / name).is_file():
            return root / folder / name
    return None


def find_images(root: Path) -> Path:
    """The folder of pictures: the innermost of `img_align_celeba/`, its doubled form, and that below `Img/`.

    Raises:
        DataError: there is none.
    """
    for folder in reversed(IMAGE_FOLDERS):
        if (root / folder).is_dir():
            return root / folder
    raise DataError(f"{root / IMAGES} is missing: unpack img_align_celeba.zip into {root}")


def _require(root: Path, name: str) -> Path:
    path = find_index(root, name)
    if path is None:
        source = "its owners send it on request" if name == IDENTITIES else "it is part of CelebA's download"
        raise DataError(f"{root / name} is missing: {source}; put it into {root}")
    return path


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not plain text: copy it again") from error


def _read_table(path: Path, columns: list[str] | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """A count, a line of column names, and rows of a file name and numbers, padded by one or more spaces."""
    lines = _lines(path)
    if len(lines) < 2 or not lines[0].strip().isdigit():
        raise DataError(f"{path} does not start with a count and a line of names: copy it again")
    declared, found = int(lines[0]), lines[1].split()
    if columns is not None and found != columns:
        raise DataError(f"{path} has the columns {' '.join(found)[:80]}, not those of CelebA")
    rows = [line for line in lines[2:] if line.strip()]
    if len(rows) != declared:
        raise DataError(f"{path} announces {declared} images, but lists {len(rows)}: copy it again")
    words = [row.split() for row in rows]
    wrong = next((index for index, row in enumerate(words) if len(row) != len(found) + 1), None)
    if wrong is not None:
        raise DataError(f"{path}, line {wrong + 3}: {len(words[wrong]) - 1} values, where {len(found)} are named")
    try:
        values = np.array([row[1:] for row in words], np.float32)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    return np.array([row[0] for row in words]), values, found


def _read_pairs(path: Path) -> pl.DataFrame:
    """Rows of a file name and a whole number; a first line that names the columns is passed over."""
    words = [line.split() for line in _lines(path) if line.strip()]
    if words and not words[0][-1].isdigit():
        words = words[1:]  # a widespread copy of the identity file starts with "image identity"
    wrong = next((index for index, row in enumerate(words) if len(row) != 2 or not row[1].isdigit()), None)
    if wrong is not None:
        raise DataError(f"{path}: '{' '.join(words[wrong])[:60]}' is not a file name and a number")
    return pl.DataFrame(
        {"path": [row[0] for row in words], "value": [int(row[1]) for row in words]},
        schema={"path": pl.String, "value": pl.Int64},
    )


def _check_same(root: Path, name: str, found: np.ndarray, expected: np.ndarray) -> None:
    path = find_index(root, name)
    if len(found) != len(expected):
        raise DataError(f"{path} lists {len(found)} images, {ATTRIBUTES} {len(expected)}: one of them is not whole")
    differs = np.flatnonzero(found != expected)
    if len(differs):
        row = differs[0]
        raise DataError(f"{path} has {found[row]} where {ATTRIBUTES} has {expected[row]}: they are of different sets")


def _check_counts(root: Path, table: pl.DataFrame, official: bool) -> list[str]:
    """Compares with the official counts; differences are notes, or errors under `official`."""
    groups = {split: table.filter(pl.col("split") == split) for split in SPLITS}
    differences = []
    for split, part in groups.items():
        counts = part.height, part["identity"].n_unique()
        wanted = OFFICIAL_IMAGES[split], OFFICIAL_IDENTITIES[split]
        if counts != wanted:
            differences.append(
                f"{split} has {counts[0]} images of {counts[1]} identities (official: {wanted[0]} of {wanted[1]})"
            )
    shared = table.group_by("identity").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1).height
    if shared:
        differences.append(f"{shared} identities are in two splits (official: none)")
    if official and differences:
        raise DataError(f"{root} is not the official CelebA: {'; '.join(differences)}")
    return [f"not the official CelebA: {difference}" for difference in differences]
