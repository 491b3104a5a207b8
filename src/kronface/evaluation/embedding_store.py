"""An embedding store: a folder of parquet parts, one row per picture, with the network's fingerprint inside.

`store.json` says what was asked for (`kronface-embeddings/1`); `part-00000.parquet` and so on hold `rows_per_part`
pictures each, in the records' order. A part is written whole or not at all, so that work that was ended goes on with
the first part that is missing. Columns: `path`, `identity`, `split`, `embedding` (float32, NaN where no face was
found), `problem` (null where all is well), and one column of probabilities under each attribute's name.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kronface.errors import DataError
from kronface.files import atomic_path, write_json

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

FORMAT = "kronface-embeddings/1"
MANIFEST = "store.json"
EMBEDDING, IDENTITY, PATH, SPLIT, PROBLEM, READABLE = "embedding", "identity", "path", "split", "problem", "readable"

ROWS_PER_PART = 4096


@dataclass(frozen=True)
class Part:
    """Some pictures, and what the network says of them."""

    paths: Sequence[str]
    """(N,)"""
    identities: Sequence[str]
    splits: Sequence[str]
    embeddings: "NDArray[np.float32] | None"
    """(N, D); NaN where there is no face; None where the network has none."""
    probabilities: "NDArray[np.float32] | None"
    """(N, T)"""
    problems: Sequence[str | None]
    """(N,) why a picture has no embedding."""
    readable: Sequence[bool]
    """(N,)"""


class EmbeddingStore:
    """A store that exists, or is being written.

    Args:
        folder: of the store.

    Raises:
        DataError: the folder is none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _read_manifest(folder)

    @classmethod
    def create(cls, folder: Path, manifest: Mapping[str, Any]) -> "EmbeddingStore":
        """Begins a store, or goes on with the one that is there.

        Args:
            folder: is made.
            manifest: what is asked for; `fingerprint`, `rows`, `paths_sha256` and whatever else must agree.

        Raises:
            DataError: another store is there, or other files are.
        """
        wanted = {"format": FORMAT, **manifest}
        if (folder / MANIFEST).is_file():
            store = cls(folder)
            there = {key: value for key, value in store.manifest.items() if key != "complete"}
            different = [key for key in {**wanted, **there} if there.get(key) != wanted.get(key)]
            if different:
                raise DataError(
                    f"{folder} holds embeddings of another run ({', '.join(different)} differ): name another folder"
                )
            for left in folder.glob(".part-*.tmp"):  # of a run that was killed
                left.unlink()
            return store
        if folder.exists() and any(folder.iterdir()):
            raise DataError(f"{folder} holds other files: name a new folder for the embeddings")
        write_json(folder / MANIFEST, {**wanted, "complete": False})
        return cls(folder)

    @property
    def rows(self) -> int:
        """Pictures altogether."""
        return int(self.manifest["rows"])

    @property
    def rows_per_part(self) -> int:
        """In all parts but the last."""
        return int(self.manifest["rows_per_part"])

    @property
    def parts(self) -> int:
        """Of a whole store."""
        return -(-self.rows // self.rows_per_part)

    def has(self, number: int) -> bool:
        """Whether a part is there."""
        return self.path(number).is_file()

    def path(self, number: int) -> Path:
        """Of a part."""
        return self.folder / f"part-{number:05d}.parquet"

    def write(self, number: int, part: Part) -> None:
        """Writes a part, atomically."""
        import polars as pl

        columns: dict[str, pl.Series] = {
            PATH: pl.Series(part.paths, dtype=pl.String),
            IDENTITY: pl.Series(part.identities, dtype=pl.String),
            SPLIT: pl.Series(part.splits, dtype=pl.String),
            READABLE: pl.Series(part.readable, dtype=pl.Boolean),
            PROBLEM: pl.Series(part.problems, dtype=pl.String),
        }
        if part.probabilities is not None:
            names = self.manifest["predicted"]
            columns |= {name: pl.Series(part.probabilities[:, place]) for place, name in enumerate(names)}
        if part.embeddings is not None:
            size = part.embeddings.shape[1]
            columns[EMBEDDING] = pl.Series(part.embeddings, dtype=pl.Array(pl.Float32, size))
        with atomic_path(self.path(number)) as temporary:
            pl.DataFrame(columns).write_parquet(temporary, metadata={"kronface.fingerprint": self.fingerprint})

    @property
    def fingerprint(self) -> str:
        """Of the network."""
        return str(self.manifest["fingerprint"])

    def finish(self) -> None:
        """Says in the manifest that all parts are there."""
        if not self.manifest["complete"]:
            self.manifest = {**self.manifest, "complete": True}
            write_json(self.folder / MANIFEST, self.manifest)

    def table(self, number: int) -> "pl.DataFrame":
        """One part.

        Raises:
            DataError: it is missing or damaged.
        """
        import polars as pl

        path = self.path(number)
        if not path.is_file():
            raise DataError(f"{path} is missing: the extraction was not ended, run the same kronface extract again")
        try:
            found = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"{path} is damaged ({str(error).splitlines()[0]}): delete it and extract again") from error
        first = number * self.rows_per_part
        if found.height != min(self.rows_per_part, self.rows - first) or PATH not in found.columns:
            raise DataError(f"{path} has {found.height} rows, not those of this store: delete it and extract again")
        return found


def is_store(path: Path) -> bool:
    """Whether a folder is an embedding store."""
    return (path / MANIFEST).is_file()


def paths_digest(paths: Sequence[str]) -> str:
    """SHA-256 of a list of paths."""
    return hashlib.sha256("\n".join(paths).encode("utf-8", "surrogateescape")).hexdigest()


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{folder} is no embedding store ({MANIFEST}: {error.strerror}): make one by kronface extract"
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}): extract again into another folder") from error
    shape = {"format": str, "fingerprint": str, "rows": int, "rows_per_part": int, "predicted": list, "complete": bool}
    good = isinstance(content, dict) and all(isinstance(content.get(key), kind) for key, kind in shape.items())
    if not good or content["format"] != FORMAT or content["rows"] < 1 or content["rows_per_part"] < 1:
        raise DataError(f"{path} is no manifest of the format {FORMAT}: make the store by kronface extract")
    return dict(content)
