"""CelebA in the .csv copies of Kaggle's mirror: attributes, splits and landmarks, but not who anybody is."""

from pathlib import Path

from kronface.data.layout import Layout, Part
from kronface.data.records import Records
from kronface.data.sources.celeba import (
    ATTRIBUTES,
    IDENTITIES,
    IMAGES,
    LANDMARK_NAMES,
    LANDMARKS,
    OWNER,
    PARTITION,
    TERMS,
    assemble,
    check_attributes,
    check_partition,
    find_index,
)
from kronface.data.sources.index_files import read_comma_table, read_pairs
from kronface.errors import DataError

CSV_ATTRIBUTES, CSV_PARTITION, CSV_LANDMARKS = (
    name.replace(".txt", ".csv") for name in (ATTRIBUTES, PARTITION, LANDMARKS)
)


def celeba_csv(root: Path, *, official: bool = False) -> Records:
    """CelebA's aligned pictures with splits, landmarks and attributes from `list_attr_celeba.csv` and its like.

    The first column is called `image_id`, or nothing at all in some copies. Pictures lie where `celeba` looks for them.
    The mirror has no identities; with the owners' `identity_CelebA.txt` beside the files they are known.

    Args:
        root: the folder that holds them.
        official: require the official set's counts; otherwise differences become notes.

    Raises:
        DataError: a file is missing, damaged or lists other pictures than the others, or a count is not official.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name the one that holds {CSV_ATTRIBUTES}")
    landmarks, identities = find_index(root, CSV_LANDMARKS), find_index(root, IDENTITIES)
    return assemble(
        root,
        attributes=check_attributes(read_comma_table(_require(root, CSV_ATTRIBUTES), whole=True)),
        identities=None if identities is None else read_pairs(identities),
        partition=check_partition(read_comma_table(_require(root, CSV_PARTITION), columns=("partition",), whole=True)),
        landmarks=None
        if landmarks is None
        else read_comma_table(landmarks, columns=tuple(LANDMARK_NAMES), whole=False),
        name="celeba-csv",
        official=official,
    )


def _require(root: Path, name: str) -> Path:
    path = find_index(root, name)
    if path is None:
        raise DataError(f"{root / name} is missing: take it from the mirror and put it into {root}")
    return path


LAYOUT = Layout(
    name="celeba-csv",
    title="CelebA (copies as .csv)",
    read=celeba_csv,
    owner=OWNER,
    terms=TERMS,
    ask="kaggle.com/datasets/jessicali9530/celeba-dataset; without identities, so for arms that need none",
    parts=(
        Part("aligned pictures", (f"{IMAGES}/{IMAGES}/", f"{IMAGES}/", f"Img/{IMAGES}/"), f"unpack {IMAGES}.zip there"),
        Part("attributes", (CSV_ATTRIBUTES, f"*/{CSV_ATTRIBUTES}"), "take it from the mirror"),
        Part("splits", (CSV_PARTITION, f"*/{CSV_PARTITION}"), "take it from the mirror"),
    ),
    options=("official",),
)
