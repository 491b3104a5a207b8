"""FaceScrub: pictures by name and number of the face, and the owners' two lists of where they come from.

The uncropped tree is `Name With Blanks/Name With Blanks_FACE.ext`, of any ending or none; the cropped one
`Name_With_Underscores/Name_With_Underscores_FACE.png`. `facescrub_actors.txt` (men) and `facescrub_actresses.txt`
(women) are separated by tabs: name, image_id, face_id, url, bbox (x1,y1,x2,y2 in the uncropped picture), sha256.
"""

import os
import re
from pathlib import Path

import polars as pl

from kronface.data.layout import Layout, Part
from kronface.data.records import Records
from kronface.errors import DataError
from kronface.faces.image import SUFFIXES

FOLDERS = ("facescrub", "facescrub_images", "FaceScrub")
LISTS = ("facescrub_actors.txt", "facescrub_actresses.txt")
COLUMNS = ("name", "image_id", "face_id", "url", "bbox", "sha256")
HEADER = "\t".join(COLUMNS)

BOX = r"^\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(-?\d+)\s*$"


def facescrub(root: Path, *, aligned: bool = False) -> Records:
    """FaceScrub's pictures; people are called by their names with blanks, in either tree.

    With the lists beside the pictures, `Male` is known, and in the uncropped tree also the box of the face, which says
    who of several people is meant.

    Args:
        root: the folder that holds one folder per person, or the one around it (`facescrub/`), with the lists.
        aligned: the pictures are crops at the reference points already, as in InsightFace's test pack.

    Raises:
        DataError: there are no such pictures, or a list is damaged; names the line.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name the one that holds a folder per person and {LISTS[0]}")
    top = next((f"{name}/" for name in FOLDERS if (root / name).is_dir()), "")
    table, passed = _pictures(root, top)
    uncropped = table["folder"].str.contains(" ").any()
    notes = [f"{len(passed)} files are not named as FaceScrub's, {passed[0]} the first"] if passed else []
    lists = [(path, male) for name, male in zip(LISTS, (1, 0), strict=True) if (path := _find(root, name))]
    if lists:
        listed = pl.concat([_read_list(path, male) for path, male in lists]).unique(["identity", "face"], keep="first")
        sexes = listed.select("identity", "Male").unique("identity", keep="first")
        table = table.join(listed.drop("Male"), on=["identity", "face"], how="left", maintain_order="left")
        table = table.join(sexes, on="identity", how="left", maintain_order="left")
        unlisted = table["listed"].null_count()
        absent = listed.height - (table.height - unlisted)
        if absent:
            notes.append(f"{absent:,} of the {listed.height:,} listed faces are not there: their addresses decay")
        if unlisted:
            notes.append(f"{unlisted:,} pictures are in neither list")
    if not uncropped and "box" in table.columns:
        table = table.drop("box")  # it is of the uncropped picture
    table = table.with_columns(pl.lit(aligned).alias("aligned"))
    return Records.from_columns(
        root, table, name="facescrub", attributes=("Male",) if "Male" in table.columns else (), notes=notes
    )


def _pictures(root: Path, top: str) -> tuple[pl.DataFrame, list[str]]:
    """Path, folder, identity and face of every picture, sorted by path; and files of other names."""
    rows: list[tuple[str, str, int]] = []
    passed: list[str] = []
    with os.scandir(root / top) as entries:
        people = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    for person in people:
        pattern = re.compile(re.escape(person) + r"_(\d+)(\.\w+)?")
        with os.scandir(root / top / person) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file() and not entry.name.startswith("."))
        for name in names:
            match = pattern.fullmatch(name)
            if match and (match[2] is None or match[2].lower() in SUFFIXES):
                rows.append((f"{top}{person}/{name}", person, int(match[1])))
            elif not match or match[2].lower() not in (".json", ".txt", ".csv"):
                passed.append(f"{top}{person}/{name}")
    if not rows:
        raise DataError(f"{root / top} holds no pictures named Name/Name_1234.jpg: is it FaceScrub?")
    table = pl.DataFrame(rows, schema=["path", "folder", "face"], orient="row")
    return table.with_columns(pl.col("folder").str.replace_all("_", " ").alias("identity")), passed


def _find(root: Path, name: str) -> Path | None:
    """A list beside the pictures, or beside the folder that holds them."""
    return next((path for path in (root / name, root.parent / name) if path.is_file()), None)


def _read_list(path: Path, male: int) -> pl.DataFrame:
    """Identity, face, box and Male of each line."""
    try:
        table = pl.read_csv(path, separator="\t", infer_schema=False, quote_char=None, encoding="utf8-lossy")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} cannot be read ({str(error).splitlines()[0][:80]}): bring the owners' list") from error
    if tuple(table.columns) != COLUMNS:
        raise DataError(f"{path} has the columns {' '.join(table.columns)[:80]}: expected are {' '.join(COLUMNS)}")
    corners = [pl.col("bbox").str.extract(BOX, place).cast(pl.Float32) for place in range(1, 5)]
    read = table.select(
        pl.col("name").str.strip_chars().str.replace_all("_", " ").alias("identity"),
        pl.col("face_id").str.strip_chars().cast(pl.Int64, strict=False).alias("face"),
        pl.concat_list(corners[0], corners[1], corners[2] - corners[0], corners[3] - corners[1])
        .list.to_array(4)
        .alias("box"),
        corners[3].is_not_null().alias("boxed"),
        pl.lit(male).alias("Male"),
        pl.lit(value=True).alias("listed"),
    )
    odd = read.with_row_index().filter(pl.col("face").is_null() | pl.col("identity").is_null() | ~pl.col("boxed"))
    if odd.height:
        raise DataError(
            f"{path}, line {odd['index'][0] + 2}: a line should be a name, three numbers and addresses, and a box "
            f"x1,y1,x2,y2, as the header says: bring the owners' list"
        )
    return read.drop("boxed")


LAYOUT = Layout(
    name="facescrub",
    title="FaceScrub",
    read=facescrub,
    owner="H.-W. Ng and S. Winkler, Advanced Digital Sciences Center, Singapore",
    terms="the lists for non-commercial use, unchanged; the pictures belong to those who show them",
    ask="vintage.winklerbros.net/facescrub.html, by a form",
    parts=(
        Part(
            "one folder per person",
            (f"{FOLDERS[0]}/*/", *(f"{name}/*/" for name in FOLDERS[1:]), "*/"),
            "download what facescrub_actors.txt and facescrub_actresses.txt list, or unpack MegaFace's copy there",
        ),
    ),
    options=("aligned",),
)
