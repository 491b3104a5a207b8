"""A data set through a network: embeddings and attribute probabilities of every picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.data.reading import BadImage, FaceReader, load_faces
from kronface.data.records import Records
from kronface.faces.detect import Detector
from kronface.files import Progress, no_progress
from kronface.runtime.embedder import Embedder, Floats


@dataclass(frozen=True)
class Extraction:
    """What a network says of a data set."""

    records: Records
    """The pictures that could be read, in their order."""
    embeddings: Floats | None
    """(N, D) of length 1; NaN where no face was found; None where the network has no embedding."""
    probabilities: Floats | None
    """(N, T); NaN where no face was found; None where the network predicts no attributes."""
    bad: tuple[BadImage, ...]
    """Pictures that could not be read; they are not among the records."""
    not_found: tuple[BadImage, ...]
    """Pictures on which no face was found; they are."""


def extract(
    records: Records,
    embedder: Embedder,
    *,
    detector: Detector | None = None,
    detect: bool = False,
    single: bool = False,
    reader: FaceReader | None = None,
    batch_size: int = 64,
    max_bad_share: float = 0.01,
    stage: str = "embedding faces",
    progress: Progress = no_progress,
) -> Extraction:
    """Aligns and embeds every picture.

    Args:
        records: the pictures.
        embedder: the network.
        detector: for pictures without known landmarks.
        detect: find the landmarks even where they are known, as it will be with photographs.
        single: refuse pictures with a second face of like size; they count as pictures without a face.
        reader: where the faces come from, if not from the records' files; detector, detect and single are then its own.
        batch_size: faces per pass.
        max_bad_share: share of unreadable pictures above which it stops.
        stage: what the progress is called.
        progress: called after every picture.

    Raises:
        DataError: too many pictures are unreadable.
    """
    batch: list[NDArray[np.uint8]] = []
    rows: list[int] = []
    embeddings: Floats | None = None
    probabilities: Floats | None = None
    good = np.ones(len(records), np.bool_)
    bad: list[BadImage] = []
    not_found: list[BadImage] = []

    def flush() -> None:
        nonlocal embeddings, probabilities
        if not batch:
            return
        vectors, chances = embedder(np.stack(batch))
        if vectors is not None:
            embeddings = _empty(len(records), vectors.shape[1]) if embeddings is None else embeddings
            embeddings[rows] = vectors
        if chances is not None:
            probabilities = _empty(len(records), chances.shape[1]) if probabilities is None else probabilities
            probabilities[rows] = chances
        batch.clear()
        rows.clear()

    for row, face, problem in load_faces(
        records,
        size=embedder.size,
        reference=embedder.reference,
        detector=detector,
        detect=detect,
        single=single,
        reader=reader,
        max_bad_share=max_bad_share,
        stage=stage,
        progress=progress,
    ):
        if face is not None:
            batch.append(face)
            rows.append(row)
        elif problem is not None and problem.face_missing:
            not_found.append(problem)
        elif problem is not None:
            good[row] = False
            bad.append(problem)
        if len(batch) == batch_size:
            flush()
    flush()
    return Extraction(
        records.keep(good),
        None if embeddings is None else embeddings[good],
        None if probabilities is None else probabilities[good],
        tuple(bad),
        tuple(not_found),
    )


def _empty(rows: int, columns: int) -> Floats:
    return np.full((rows, columns), np.nan, np.float32)
