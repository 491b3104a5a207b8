"""Embeddings from files, whoever wrote them: numpy, safetensors, parquet, and the MegaFace devkit's own format.

`read_features` takes any of the first three; `read_devkit` the fourth, one small file per image. What a file says of
its network (a fingerprint) goes along, and `check_comparable` refuses to mix two.
"""

import json
import struct
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from kronface.errors import DataError
from kronface.evaluation.embedding_store import EmbeddingStore, is_store
from kronface.files import Progress, atomic_path, no_progress

if TYPE_CHECKING:
    import polars as pl

EMBEDDING, IDENTITY, PATH = "embedding", "identity", "path"
"""Columns of a parquet file; whatever else it holds comes along as a column of the records."""

FINGERPRINT = "kronface.fingerprint"
"""Under which safetensors and parquet files keep the fingerprint of the network."""

SUFFIXES = (".npy", ".safetensors", ".parquet")

UNREADABLE = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    OverflowError,
    MemoryError,
    RecursionError,
    SyntaxError,
    tokenize.TokenError,
)
"""What numpy raises at a damaged header, which it reads as Python's own literals."""

MAT_TYPES: Mapping[int, np.dtype[np.floating]] = {5: np.dtype("<f4"), 6: np.dtype("<f8")}
"""OpenCV's numbers for the element types of a matrix."""


@dataclass(frozen=True)
class Features:
    """Embeddings of images, and what is known of each."""

    values: NDArray[np.floating]
    """(N, D) as stored; .npy files stay on disk and are read as they are needed."""
    source: str
    """The file, for messages."""
    identities: NDArray[np.str_] | None = None
    """(N,) people."""
    paths: NDArray[np.str_] | None = None
    """(N,) names of the images."""
    columns: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    """Whatever else the file says of each image, such as sex; (N,) each."""
    fingerprint: str | None = None
    """Of the network; None where the file does not say."""
    seen: tuple[str, ...] = ()
    """Layouts of data sets whose people the network's training saw, as far as the file says."""

    def __len__(self) -> int:
        """Number of images."""
        return len(self.values)


def read_features(path: Path, *, labels: Path | None = None) -> Features:
    """Embeddings from a file, by its suffix.

    - `.npy`: one array (N, D); nothing else is known of the images.
    - `.safetensors`: the tensor `embeddings`, or the only table in the file; people from a tensor `identities` or
      `labels` (N,) of numbers, if there is one; the fingerprint from the metadata `kronface.fingerprint`.
    - `.parquet`: the column `embedding` (lists of one length), people from `identity`, names from `path`; all other
      columns come along; the fingerprint from the metadata `kronface.fingerprint`.

    Args:
        path: the file.
        labels: a file with the people, which then count instead; see `read_labels`.

    Raises:
        DataError: a file is missing or damaged, of another kind, or there is not one label per image.
    """
    if path.is_dir() and is_store(path):
        found = _read_store(path)
        return found if labels is None else replace(found, identities=_checked(read_labels(labels), found, labels))
    if not path.is_file():
        raise DataError(
            f"{path} is no file of embeddings ({', '.join(SUFFIXES)}), and no folder made by kronface extract"
        )
    readers = {".npy": _read_npy, ".safetensors": _read_safetensors, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path} is no file of embeddings: its name must end in one of {', '.join(SUFFIXES)}")
    found = readers[path.suffix.lower()](path)
    if found.values.ndim != 2 or found.values.shape[1] == 0:
        raise DataError(f"{path} holds an array of shape {found.values.shape}: bring one row of numbers per image")
    if found.values.dtype.kind not in "fiu":
        raise DataError(f"{path} holds values of type {found.values.dtype}: bring numbers")
    identities = found.identities if labels is None else read_labels(labels)
    if identities is not None:
        _checked(identities, found, labels or path)
    return replace(found, source=str(path), identities=identities)


def _checked(identities: NDArray[np.str_], found: Features, where: Path) -> NDArray[np.str_]:
    if len(identities) != len(found):
        raise DataError(
            f"{where} has {len(identities)} labels for {len(found)} embeddings in {found.source}: bring one each"
        )
    return identities


def read_labels(path: Path) -> NDArray[np.str_]:
    """One label per image, as text: from `.npy`, the parquet column `identity`, or a text file with one per line.

    Raises:
        DataError: the file is missing, damaged, or holds no list.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file: name labels as .npy, .parquet or .txt, one per image")
    if path.suffix.lower() == ".npy":
        values = _load_npy(path)
    elif path.suffix.lower() == ".parquet":
        table = _load_parquet(path)
        if IDENTITY not in table.columns:
            raise DataError(f"{path} has no column '{IDENTITY}': it should name the person on each row")
        return _column(table, IDENTITY, path)
    else:
        try:
            values = np.array(path.read_text(encoding="utf-8-sig").splitlines(), np.str_)
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not text in UTF-8: name labels as .npy, .parquet or .txt") from error
    return _names(values, path)


def check_comparable(*parts: Features) -> None:
    """Whether embeddings come from one network, as far as the files say.

    Raises:
        DataError: they differ in length or fingerprint; names both files.
    """
    for first, other in combinations(parts, 2):
        if first.values.shape[1] != other.values.shape[1]:
            raise DataError(
                f"{first.source} holds embeddings of length {first.values.shape[1]}, {other.source} of length "
                f"{other.values.shape[1]}: extract both by one network"
            )
        if first.fingerprint and other.fingerprint and first.fingerprint != other.fingerprint:
            raise DataError(
                f"{first.source} and {other.source} come from different networks (fingerprints "
                f"{first.fingerprint[:16]} and {other.fingerprint[:16]}): extract both by one"
            )


def select(features: Features, paths: Sequence[str], *, missing: str = "stop", source: str = "the list") -> Features:
    """The embeddings of some images, in their order: by name, or row by row where the table names none.

    A name that ends in a listed path, after a folder, is that image.

    Args:
        features: of at least these images.
        paths: (N,) names of images.
        missing: 'stop', or 'miss': an image that is not there is a row of NaN.
        source: of the list, for messages.

    Raises:
        DataError: images are missing, or names are not clear.
    """
    if features.paths is None:
        if len(features) != len(paths):
            raise DataError(
                f"{features.source} holds {len(features)} embeddings for the {len(paths)} images of {source}, and "
                "names none: bring a .parquet with a column path, or one row per listed image, in that order"
            )
        return replace(features, paths=np.array(paths))
    known = {str(entry): row for row, entry in enumerate(features.paths)}
    if len(known) < len(features.paths):
        raise DataError(f"{features.source} names an image twice: bring each once")
    if not any(entry in known for entry in paths):  # named from another folder on
        depth = max(entry.count("/") for entry in paths) + 1
        known = _shortened(known, depth, frozenset(paths), features.source)
    rows = np.fromiter((known.get(entry, -1) for entry in paths), np.int64, len(paths))
    absent = np.flatnonzero(rows < 0)
    if len(absent) == len(paths) or (len(absent) and missing == "stop"):
        raise DataError(
            f"{features.source} lacks {len(absent)} of the {len(paths)} images of {source}, the first "
            f"{paths[int(absent[0])]}: extract them, or give --missing miss to count them as not found"
        )
    if len(paths) == len(features) and (rows == np.arange(len(paths))).all():
        return replace(features, paths=np.array(paths))
    values = np.asarray(features.values[np.maximum(rows, 0)])
    if len(absent):
        values = values if values.dtype.kind == "f" else values.astype(np.float64)
        values[absent] = np.nan
    rows = np.maximum(rows, 0)
    identities = None if features.identities is None else features.identities[rows]
    columns = {name: np.asarray(column)[rows] for name, column in features.columns.items()}
    return replace(features, values=values, identities=identities, paths=np.array(paths), columns=columns)


def _shortened(known: Mapping[str, int], depth: int, wanted: frozenset[str], source: str) -> dict[str, int]:
    """Rows by the last `depth` parts of their names; those that are wanted must be clear."""
    found: dict[str, int] = {}
    for entry, row in known.items():
        name = "/".join(entry.split("/")[-depth:])
        if name in wanted and name in found:
            raise DataError(f"{source} has {name} in several folders: list images with the one that tells them apart")
        found[name] = row
    return found


def write_features(path: Path, features: Features) -> None:
    """Writes embeddings with all that is known of them as parquet, atomically.

    Raises:
        DataError: the name does not end in .parquet.
    """
    import polars as pl

    if path.suffix.lower() != ".parquet":
        raise DataError(f"{path}: embeddings are written as .parquet, name such a file")
    data: dict[str, pl.Series] = {}
    if features.paths is not None:
        data[PATH] = pl.Series(features.paths)
    if features.identities is not None:
        data[IDENTITY] = pl.Series(features.identities)
    data |= {name: pl.Series(np.asarray(values)) for name, values in features.columns.items()}
    values = np.ascontiguousarray(features.values)
    data[EMBEDDING] = pl.Series(
        values, dtype=pl.Array(pl.Float64 if values.dtype == np.float64 else pl.Float32, values.shape[1])
    )
    with atomic_path(path) as temporary:
        metadata = {} if features.fingerprint is None else {FINGERPRINT: features.fingerprint}
        pl.DataFrame(data).write_parquet(temporary, metadata=metadata)


def read_mat(path: Path) -> NDArray[np.floating]:
    """The vector in one of the devkit's feature files: an OpenCV matrix of one column (or one row).

    Four little-endian 32-bit integers (rows, columns, bytes per row, type: 5 float32, 6 float64), then the numbers. A
    wrong number of bytes per row, which the devkit's own writer leaves with float64, is passed over.

    Raises:
        DataError: the file is missing, too short, too long, or of another type.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return parse_mat(content, str(path))


def parse_mat(content: bytes, where: str) -> NDArray[np.floating]:
    """As `read_mat`, of bytes at hand; `where` names them in messages."""
    if len(content) < 16:
        raise DataError(f"{where} has {len(content)} bytes: a feature file begins with 16 that tell its shape")
    rows, columns, _, kind = struct.unpack("<4i", content[:16])
    if kind not in MAT_TYPES:
        raise DataError(
            f"{where} is no feature file: its element type is {kind}, known are 5 (float32) and 6 (float64)"
        )
    if min(rows, columns) != 1 or max(rows, columns) < 1:
        raise DataError(f"{where} holds a matrix of {rows} x {columns}: a feature file holds one column")
    size = rows * columns
    if len(content) != 16 + size * MAT_TYPES[kind].itemsize:
        raise DataError(
            f"{where} has {len(content)} bytes, not the {16 + size * MAT_TYPES[kind].itemsize} it announces"
        )
    return np.frombuffer(content, MAT_TYPES[kind], offset=16)


def write_mat(path: Path, vector: NDArray[np.floating]) -> None:
    """Writes one of the devkit's feature files (float32 or float64), atomically.

    Raises:
        DataError: not a vector of either type.
    """
    kinds = {dtype: number for number, dtype in MAT_TYPES.items()}
    kind = kinds.get(np.dtype(vector.dtype).newbyteorder("<"))
    if vector.ndim != 1 or kind is None:
        raise DataError(
            f"{path}: a feature file holds one vector of float32 or float64, not {vector.dtype} {vector.shape}"
        )
    header = struct.pack("<4i", len(vector), 1, vector.dtype.itemsize, kind)
    with atomic_path(path, durable=False) as temporary:
        temporary.write_bytes(header + vector.astype(MAT_TYPES[kind]).tobytes())


@dataclass(frozen=True)
class TemplateList:
    """The devkit's list of images."""

    paths: tuple[str, ...]
    """As written, relative to the folder of features."""
    ids: tuple[str, ...] | None
    """People; the distractors' lists of challenge 1 have none."""
    source: str = ""


def read_template_list(path: Path) -> TemplateList:
    """A template list of the devkit: JSON with `path`, and `id` where the people are known.

    Raises:
        DataError: the file is missing, no JSON, or its lists do not fit together.
    """
    form = f'{path} is no template list: it should be JSON of the form {{"path": […], "id": […]}}'
    try:
        stored = json.loads(path.read_text(encoding="utf-8-sig"))
        json.dumps(stored, ensure_ascii=False).encode()  # half of a character, which JSON can spell, is no text
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(form) from error
    if not isinstance(stored, dict) or not isinstance(stored.get("path"), list):
        raise DataError(form)
    paths, ids = stored["path"], stored.get("id", [])
    if not paths or not all(isinstance(entry, str) and entry for entry in paths):
        raise DataError(f"{path} is no template list: 'path' should list the names of images")
    if not isinstance(ids, list) or not all(type(entry) in (str, int) for entry in ids):
        raise DataError(f"{path} is no template list: 'id' should list the people, as names or numbers")
    if "id" in stored and len(ids) != len(paths):
        raise DataError(f"{path} lists {len(paths)} paths and {len(ids)} ids: there should be one each")
    seen: set[str] = set()
    for entry in paths:
        if entry in seen:
            raise DataError(f"{path} lists {entry} twice")
        seen.add(entry)
    return TemplateList(tuple(paths), tuple(map(str, ids)) if "id" in stored else None, str(path))


def read_devkit(
    root: Path,
    paths: Sequence[str],
    ending: str,
    *,
    missing: str = "stop",
    stage: str = "reading features",
    progress: Progress = no_progress,
) -> Features:
    """The devkit's feature files of some images, as one table; a missing one is a row of NaN where that is allowed.

    Args:
        root: the folder that `paths` are relative to.
        paths: of the images; the feature file of an image is its path with `ending` added.
        ending: such as `_LBP_100x100.bin`.
        missing: 'stop', or 'miss': an image without a feature file counts as a face that was not found.
        stage: what the progress is called.
        progress: called after every file.

    Raises:
        DataError: a file is missing or damaged, leads out of the root, or has another length than the first.
    """
    values: NDArray[np.floating] | None = None
    for row, name in enumerate(paths):
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DataError(f"{name} leads out of {root}: a template list names images below it")
        file = root / (name + ending)
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            if missing == "stop":
                raise DataError(
                    f"{file} is missing: extract its features, or give --missing miss to count such images as not found"
                ) from None
            progress(stage, row + 1, len(paths))
            continue
        except ValueError as error:
            raise DataError(f"{name!r} is no name of a file: a template list names images below {root}") from error
        vector = parse_mat(content, str(file))
        if values is None:
            values = np.full((len(paths), len(vector)), np.nan, vector.dtype)
        if vector.dtype.itemsize > values.dtype.itemsize:
            values = values.astype(vector.dtype)
        if len(vector) != values.shape[1]:
            raise DataError(f"{file} has {len(vector)} numbers, others {values.shape[1]}: extract all by one network")
        values[row] = vector
        progress(stage, row + 1, len(paths))
    if values is None:
        raise DataError(f"{root} holds no feature file of the ending {ending}: check both")
    return Features(values, str(root), paths=np.array(paths))


def _read_store(folder: Path) -> Features:
    """The readable pictures of an embedding store."""
    store = EmbeddingStore(folder)
    if not store.manifest["complete"]:
        raise DataError(f"{folder} is not whole: run the same kronface extract again, it goes on")
    values = np.empty((0, 0), np.float32)
    texts: dict[str, list[NDArray[np.str_]]] = {PATH: [], IDENTITY: [], "split": []}
    chances: dict[str, list[NDArray[np.float32]]] = {name: [] for name in store.manifest["predicted"]}
    filled = 0
    for number in range(store.parts):
        table = store.table(number)
        table = table.filter(table["readable"])
        if EMBEDDING not in table.columns:
            raise DataError(f"{folder} holds no embeddings: its network has no identity branch")
        block = table[EMBEDDING].to_numpy()
        if number == 0:
            values = np.empty((store.rows, block.shape[1]), np.float32)
        values[filled : filled + len(block)] = block
        filled += len(block)
        for name, parts in texts.items():
            parts.append(table[name].to_numpy().astype(np.str_))
        for name, columns in chances.items():
            columns.append(table[name].to_numpy())
    paths, identities, splits = (np.concatenate(parts) for parts in texts.values())
    known = {name: np.concatenate(columns) for name, columns in chances.items()}
    seen = tuple(str(name) for name in store.manifest.get("seen", ()))
    said = {"split": splits, **known}
    return Features(values[:filled], str(folder), identities, paths, said, store.fingerprint, seen)


def _load_npy(path: Path) -> NDArray[np.generic]:
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except UNREADABLE as error:
        raise DataError(f"{path} is no plain array of numpy ({error}): write it by numpy.save") from error
    if not isinstance(loaded, np.ndarray):
        raise DataError(f"{path} is no plain array of numpy: write it by numpy.save")
    return loaded


def _read_npy(path: Path) -> Features:
    return Features(cast("NDArray[np.floating]", _load_npy(path)), str(path))  # `read_features` looks at the type


def _read_safetensors(path: Path) -> Features:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            keys = list(file.keys())
            metadata = file.metadata() or {}
            tables = [key for key in keys if len(file.get_slice(key).get_shape()) == 2]
            name = "embeddings" if "embeddings" in keys else tables[0] if len(tables) == 1 else ""
            if not name:
                raise DataError(f"{path} has no tensor 'embeddings', and not just one table: it has {', '.join(keys)}")
            values = file.get_tensor(name)
            owners = next((file.get_tensor(key) for key in ("identities", "labels") if key in keys), None)
    except (SafetensorError, OSError, TypeError) as error:
        raise DataError(f"{path} cannot be read as safetensors ({error})") from error
    identities = None if owners is None else _names(owners, path)
    return Features(values, str(path), identities, fingerprint=metadata.get(FINGERPRINT))


def _load_parquet(path: Path) -> "pl.DataFrame":
    import polars as pl

    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet ({f'{error} '.splitlines()[0].strip()})") from error


def _read_parquet(path: Path) -> Features:
    import polars as pl

    table = _load_parquet(path)
    if EMBEDDING not in table.columns:
        raise DataError(f"{path} has no column '{EMBEDDING}': it should hold a list of numbers per image")
    column = table[EMBEDDING]
    if isinstance(column.dtype, pl.List):
        lengths = column.list.len()
        if lengths.null_count() or lengths.n_unique() != 1:
            raise DataError(f"{path}: the lists in '{EMBEDDING}' differ in length, or some are missing")
        column = column.list.to_array(int(lengths[0]))
    if not isinstance(column.dtype, pl.Array) or not column.dtype.inner.is_numeric() or column.null_count():
        raise DataError(f"{path}: the column '{EMBEDDING}' should hold a list of numbers in every row")
    values = column.to_numpy()
    names = {key: _column(table, key, path) for key in (IDENTITY, PATH) if key in table.columns}
    others = {key: table[key].to_numpy() for key in table.columns if key not in (EMBEDDING, IDENTITY, PATH)}
    fingerprint = pl.read_parquet_metadata(path).get(FINGERPRINT)
    return Features(values, str(path), names.get(IDENTITY), names.get(PATH), others, fingerprint)


def _column(table: "pl.DataFrame", key: str, path: Path) -> NDArray[np.str_]:
    if table[key].null_count():
        raise DataError(f"{path}: some images have no label in the column '{key}': give every image one")
    return _names(table[key].to_numpy(), path)


def _names(values: NDArray[np.generic], path: Path) -> NDArray[np.str_]:
    """Labels, (N,) or (N, 1), as text: whole numbers, and names as text or as bytes in UTF-8.

    Raises:
        DataError: they are of another shape or kind, or one is empty.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iuUSO":
        raise DataError(
            f"{path} holds labels of shape {values.shape} and type {values.dtype}: "
            "bring a list of whole numbers or names, one per image"
        )
    if values.dtype.kind in "SO":
        try:
            texts = [entry.decode("utf-8") if isinstance(entry, bytes) else str(entry) for entry in values.tolist()]
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: a label is not text in UTF-8: write the labels as text") from error
        values = np.array(texts, np.str_)
    names = values.astype(np.str_)
    if (names == "").any():
        raise DataError(f"{path}: label {int(np.flatnonzero(names == '')[0])} is empty: give every image one")
    try:
        "\n".join(names.tolist()).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path}: a label holds half of a character, which is no text: write the labels anew"
        ) from error
    return names
