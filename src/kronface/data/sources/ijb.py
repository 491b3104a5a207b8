"""IJB-B and IJB-C in InsightFace's packs: `loose_crop/` and `meta/`, with five landmarks of every image.

`meta/ijbc_name_5pts_score.txt` has lines `name x1 y1 … x5 y5 faceness`, `ijbc_face_tid_mid.txt`, row by row for the
same images, `name template medium`; whose a template is stands in the lists of 1:N, if anywhere.
"""

from pathlib import Path

import numpy as np
import polars as pl

from kronface.data.layout import Layout, Part
from kronface.data.records import Records
from kronface.errors import DataError

IMAGES, META = "loose_crop", "meta"
POINTS, TEMPLATES = "name_5pts_score.txt", "face_tid_mid.txt"
SUBJECTS = {
    "ijbb": ("1N_gallery_S1.csv", "1N_gallery_S2.csv", "1N_probe_mixed.csv"),
    "ijbc": ("1N_gallery_G1.csv", "1N_gallery_G2.csv", "1N_probe_mixed.csv"),
}

COUNTS = {"ijbb": 227_630, "ijbc": 469_375}
"""Images."""


def ijb(root: Path, *, official: bool = False) -> Records:
    """The images of IJB-B or IJB-C, in the order of the meta files, which evaluation needs them in.

    Args:
        root: the pack's folder, `IJBB/` or `IJBC/`.
        official: require the official number of images; otherwise a difference becomes a note.

    Raises:
        DataError: a file is missing or damaged, or a count is not official.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name InsightFace's IJBC/ or IJBB/, which holds {IMAGES}/ and {META}/")
    if not (root / IMAGES).is_dir():
        raise DataError(f"{root / IMAGES}/ is missing: unpack InsightFace's pack of IJB there")
    target, points = _find_target(root / META)
    numbers = [f"n{place}" for place in range(11)]
    listed = _read(points, ["name", *numbers], "name x1 y1 … x5 y5 score")
    landmarks = listed.select(numbers[:10]).to_numpy().astype(np.float32).reshape(-1, 5, 2)
    table = pl.DataFrame(
        {
            "path": f"{IMAGES}/" + listed["name"],
            "landmarks": pl.Series(landmarks, dtype=pl.Array(pl.Float32, (5, 2))),
        }
    )
    notes: list[str] = []
    people = _people(root / META, target, listed["name"], notes)
    if listed.height != COUNTS[target]:
        difference = f"{listed.height} images (official: {COUNTS[target]})"
        if official:
            raise DataError(f"{root} is not the official {target.upper()}: {difference}")
        notes.append(f"not the official {target.upper()}: {difference}")
    return Records.from_columns(root, table.with_columns(people.alias("identity")), name="ijb", notes=notes)


def _find_target(meta: Path) -> tuple[str, Path]:
    """ijbb or ijbc, and its file of landmarks."""
    found = [(target, meta / f"{target}_{POINTS}") for target in COUNTS if (meta / f"{target}_{POINTS}").is_file()]
    if not found:
        raise DataError(f"{meta / f'ijbc_{POINTS}'} is missing: take it from InsightFace's pack of IJB")
    if len(found) > 1:
        raise DataError(f"{meta} holds the files of IJB-B and of IJB-C: keep each in a folder of its own")
    return found[0]


def _people(meta: Path, target: str, names: pl.Series, notes: list[str]) -> pl.Series:
    """(n,) whose each image is; nulls throughout where the lists do not say it of all."""
    nobody = pl.Series([None] * len(names), dtype=pl.String)
    path = meta / f"{target}_{TEMPLATES}"
    if not path.is_file():
        notes.append(f"{path.name} is missing: nobody knows which images belong together")
        return nobody
    templates = _read(path, ["name", "template", "medium"], "name template medium")
    if not templates["name"].equals(names):
        raise DataError(f"{path} lists other images than {target}_{POINTS}: bring both of one pack")
    lists = [meta / f"{target}_{name}" for name in SUBJECTS[target]]
    if not all(list_.is_file() for list_ in lists):
        notes.append(f"{next(list_ for list_ in lists if not list_.is_file()).name} is missing: people are not known")
        return nobody
    subjects = pl.concat([_read_subjects(list_) for list_ in lists]).unique("template", keep="first")
    joined = templates.join(subjects, on="template", how="left", maintain_order="left")
    unknown = joined["subject"].null_count()
    if unknown:
        notes.append(f"{unknown:,} images are of templates that the lists of 1:N do not have: people are not known")
        return nobody
    return joined["subject"].cast(pl.Int64).cast(pl.String).str.zfill(6)


def _read_subjects(path: Path) -> pl.DataFrame:
    """Template and subject: the first two columns."""
    try:
        table = pl.read_csv(path, columns=[0, 1], infer_schema=False, truncate_ragged_lines=True)
        named = dict(zip(table.columns, ("template", "subject"), strict=True))
        return table.rename(named).select(pl.all().str.strip_chars().cast(pl.Float64))
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: its first two columns should be a template and a subject") from error


def _read(path: Path, columns: list[str], form: str) -> pl.DataFrame:
    """Lines of a name and numbers, separated by single blanks."""
    schema = {column: pl.String() if column == "name" else pl.Float64() for column in columns}
    try:
        table = pl.read_csv(path, separator=" ", has_header=False, schema=schema, quote_char=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}{_first_fault(path, len(columns))}: a line should be '{form}'") from error
    if table.height == 0 or sum(table.null_count().row(0)):
        raise DataError(f"{path}{_first_fault(path, len(columns))}: a line should be '{form}'")
    return table


def _first_fault(path: Path, columns: int) -> str:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            words = line.decode("utf-8", "replace").rstrip("\r\n").split(" ")
            try:
                numbers = [float(word) for word in words[1:]]
            except ValueError:
                return f", line {number}"
            if len(numbers) != columns - 1:
                return f", line {number}"
    return " is empty"


LAYOUT = Layout(
    name="ijb",
    title="IJB-B and IJB-C",
    read=ijb,
    owner="National Institute of Standards and Technology (IARPA Janus)",
    terms="research, by NIST's agreement; the pictures are under Creative Commons licences",
    ask="nist.gov/programs-projects/face-challenges; crops and meta files are InsightFace's",
    parts=(
        Part("crops", (f"{IMAGES}/",), "unpack InsightFace's IJBC or IJBB there"),
        Part("landmarks", (f"{META}/ijbc_{POINTS}", f"{META}/ijbb_{POINTS}"), "it belongs to the same pack"),
    ),
    options=("official",),
)
