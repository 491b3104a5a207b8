"""A data set through a network into an embedding store, part by part: it can be ended at any time, and goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils import data

from kronface.data.reading import BadImage, FaceReader, FileReader, check_share, too_many
from kronface.data.records import Records
from kronface.errors import ConfigError, DataError, FaceNotFoundError, ImageError
from kronface.evaluation.embedding_store import ROWS_PER_PART, EmbeddingStore, Part, paths_digest
from kronface.faces.detect import Detector
from kronface.files import Progress, no_progress
from kronface.processes import end_with_parent
from kronface.runtime.embedder import Embedder, Floats

Item = tuple[int, NDArray[np.uint8] | None, str, bool]
"""Row, aligned face, what is wrong where there is none, and whether the picture could be read."""


@dataclass(frozen=True)
class Extracted:
    """What a whole store holds."""

    rows: int
    not_found: int
    """Pictures on which no face was found."""
    bad: tuple[BadImage, ...]
    """Unreadable pictures."""
    embedded: int
    """Pictures that this run went through; the others were there already."""


class Faces(data.Dataset[Item]):
    """The faces of some rows, for processes that read side by side.

    Args:
        reader: of the faces.
        rows: which, in this order.
    """

    def __init__(self, reader: FaceReader, rows: Sequence[int]) -> None:
        self._reader = reader
        self._rows = rows
        self._threads_set = False

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._rows)

    def __getitem__(self, index: int) -> Item:
        """A face, or what is wrong."""
        if not self._threads_set and data.get_worker_info() is not None:
            cv2.setNumThreads(0)
            self._threads_set = True
        row = self._rows[index]
        try:
            return row, self._reader(row).face, "", True
        except FaceNotFoundError as error:
            return row, None, str(error), True
        except ImageError as error:
            return row, None, str(error), False


def extract_store(
    records: Records,
    embedder: Embedder,
    out: Path,
    *,
    settings: dict[str, Any],
    detector: Detector | None = None,
    detect: bool = False,
    rows_per_part: int = ROWS_PER_PART,
    batch_size: int = 64,
    workers: int = 1,
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> Extracted:
    """Aligns and embeds every picture that is not in the store yet.

    Args:
        records: the pictures.
        embedder: the network.
        out: folder of the store; one that was begun with the same settings goes on.
        settings: how faces are found and embedded; kept in the manifest, and compared when the work goes on.
        detector: for pictures without known landmarks.
        detect: find the landmarks even where they are known.
        rows_per_part: pictures in each part.
        batch_size: faces per pass of the network.
        workers: processes that decode and detect while the network works; 0 takes turns with it.
        max_bad_share: share of unreadable pictures above which it stops; parts that are whole stay.
        progress: called after every picture.

    Raises:
        ConfigError: an impossible number.
        DataError: too many pictures are unreadable, or the folder holds something else.
    """
    check_share(max_bad_share)
    if min(rows_per_part, batch_size) < 1 or workers < 0:
        raise ConfigError(f"rows_per_part is {rows_per_part}, batch_size {batch_size}, workers {workers}: too few")
    paths = records.table["path"].to_list()
    store = EmbeddingStore.create(
        out,
        {
            "fingerprint": embedder.fingerprint,
            "predicted": list(embedder.predicted),
            "layout": records.name,
            "root": str(records.root),
            "rows": len(records),
            "rows_per_part": rows_per_part,
            "paths_sha256": paths_digest(paths),
            "settings": settings,
            **({"seen": list(embedder.seen)} if embedder.seen else {}),
        },
    )
    done = [number for number in range(store.parts) if store.has(number)]
    bad = [BadImage(path, reason) for number in done for path, reason in _unreadable(store, number)]
    not_found = sum(_not_found(store, number) for number in done)
    missing = [number for number in range(store.parts) if number not in set(done)]
    ranges = [range(number * rows_per_part, min((number + 1) * rows_per_part, len(records))) for number in missing]
    rows = [row for part in ranges for row in part]
    before = len(records) - len(rows)
    progress("embedding faces", before, len(records))
    own = FileReader(records, size=embedder.size, reference=embedder.reference, detector=detector, detect=detect)
    faces = iter(_read(own, rows, batch_size, workers))
    identities, splits = records.table["identity"].to_list(), records.table["split"].to_list()
    seen = before
    for number, part in zip(missing, ranges, strict=True):
        block = _Block(part, embedder, batch_size)
        for _ in part:
            row, face, problem, readable = next(faces)
            block.add(row, face, problem, readable)
            if not readable:
                bad.append(BadImage(paths[row], problem))
                if len(bad) > max_bad_share * len(records):
                    raise DataError(too_many(records, len(bad), max_bad_share, bad[0]))
            not_found += readable and face is None
            seen += 1
            progress("embedding faces", seen, len(records))
        block.flush()
        chosen = slice(part.start, part.stop)
        store.write(
            number,
            Part(
                paths[chosen],
                identities[chosen],
                splits[chosen],
                block.embeddings,
                block.probabilities,
                block.problems,
                block.readable,
            ),
        )
    store.finish()
    return Extracted(len(records), not_found, tuple(bad), len(rows))


class _Block:
    """One part while it is made."""

    def __init__(self, rows: range, embedder: Embedder, batch_size: int) -> None:
        self.embeddings: Floats | None = None
        self.probabilities: Floats | None = None
        self.problems: list[str | None] = [None] * len(rows)
        self.readable = [True] * len(rows)
        self._rows, self._embedder, self._batch_size = rows, embedder, batch_size
        self._faces: list[NDArray[np.uint8]] = []
        self._places: list[int] = []
        # The length of the embeddings must be known even where a whole part shows no face.
        size = embedder.size
        vectors, chances = embedder(np.zeros((1, size, size, 3), np.uint8))
        if vectors is not None:
            self.embeddings = np.full((len(rows), vectors.shape[1]), np.nan, np.float32)
        if chances is not None:
            self.probabilities = np.full((len(rows), chances.shape[1]), np.nan, np.float32)

    def add(self, row: int, face: NDArray[np.uint8] | None, problem: str, readable: bool) -> None:
        place = row - self._rows.start
        if face is None:
            self.problems[place], self.readable[place] = problem, readable
            return
        self._faces.append(face)
        self._places.append(place)
        if len(self._faces) == self._batch_size:
            self.flush()

    def flush(self) -> None:
        if self._faces:
            vectors, chances = self._embedder(np.stack(self._faces))
            if vectors is not None and self.embeddings is not None:
                self.embeddings[self._places] = vectors
            if chances is not None and self.probabilities is not None:
                self.probabilities[self._places] = chances
            self._faces.clear()
            self._places.clear()


def _read(reader: FaceReader, rows: Sequence[int], batch_size: int, workers: int) -> Iterator[Item]:
    """The faces of the rows, in their order, read ahead by other processes."""
    if not rows:
        return
    loader = data.DataLoader(
        Faces(reader, rows),
        batch_size=min(batch_size, 16),
        num_workers=workers,
        collate_fn=_collate,
        prefetch_factor=8 if workers else None,
        multiprocessing_context=reader.start_method if workers else None,
        worker_init_fn=end_with_parent,
    )
    for items, faces in loader:
        whole = iter(faces.numpy())
        for row, has_face, problem, readable in items:
            yield row, next(whole) if has_face else None, problem, readable


def _collate(items: Sequence[Item]) -> tuple[list[tuple[int, bool, str, bool]], torch.Tensor]:
    """Faces as one tensor, which travels in shared memory: a pipe that nobody reads any more would hold a worker."""
    faces = [face for _, face, _, _ in items if face is not None]
    table = torch.from_numpy(np.stack(faces)) if faces else torch.empty(0, dtype=torch.uint8)
    return [(row, face is not None, problem, readable) for row, face, problem, readable in items], table


def _unreadable(store: EmbeddingStore, number: int) -> list[tuple[str, str]]:
    table = store.table(number)
    part = table.filter(~table["readable"])
    return list(zip(part["path"].to_list(), part["problem"].to_list(), strict=True))


def _not_found(store: EmbeddingStore, number: int) -> int:
    table = store.table(number)
    return int((table["readable"] & table["problem"].is_not_null()).sum())
