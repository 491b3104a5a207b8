"""Pictures of pairs to embeddings: packs of aligned chips, lists of images, and what mirroring adds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kronface.data.records import Records
from kronface.errors import CheckpointError, DataError, ImageError
from kronface.faces.align import realign
from kronface.faces.detect import Detector
from kronface.faces.image import decode_image
from kronface.files import Progress, no_progress
from kronface.runtime.embedder import Embedder, Floats, Pixels
from kronface.runtime.extract import extract

MAX_PIXELS = 1 << 22
"""Of a chip in a pack; the known packs hold 112x112."""


class MirroredEmbedder:
    """An embedder whose embeddings are the sum of those of a face and of its mirror image, scaled to length 1.

    InsightFace adds the vectors as they leave its networks; ours have length 1 before.

    Args:
        embedder: the network.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.fingerprint = embedder.fingerprint
        self.size = embedder.size
        self.reference = embedder.reference
        self.predicted = embedder.predicted
        self.about = embedder.about
        self.seen = embedder.seen
        self._embedder = embedder

    def __call__(self, faces: Pixels) -> tuple[Floats | None, Floats | None]:
        """Aligned RGB faces (N, size, size, 3) -> embeddings (N, D) of length 1; attributes of the face itself."""
        vectors, chances = self._embedder(faces)
        mirrored, _ = self._embedder(np.ascontiguousarray(faces[:, :, ::-1]))
        if vectors is None or mirrored is None:
            return None, chances
        total = vectors + mirrored
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), np.finfo(np.float32).tiny), chances


@dataclass(frozen=True)
class Embedded:
    """Embeddings of pictures, row by row."""

    vectors: Floats
    """(N, D) of length 1; NaN where there is no face."""
    not_found: int
    """Pictures on which the detector found no face."""
    unreadable: tuple[str, ...]
    """Why each picture that cannot be read cannot be: they count like those without a face."""

    @classmethod
    def given(cls, vectors: Floats) -> "Embedded":
        """Embeddings that somebody else made: a row with a NaN is a picture without a face."""
        return cls(vectors, int(np.isnan(vectors).any(1).sum()), ())


def embed_chips(
    pictures: Sequence[bytes],
    embedder: Embedder,
    *,
    where: str,
    batch_size: int = 64,
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> Embedded:
    """Embeds encoded pictures of faces that are aligned to the reference points already.

    Args:
        pictures: JPEG or another format.
        embedder: the network; pictures of another size than its own are scaled.
        where: what messages call the pictures' file.
        batch_size: faces per pass.
        max_bad_share: share of unreadable pictures above which it stops.
        progress: called after every pass.

    Raises:
        CheckpointError: the network has no embedding.
        DataError: too many pictures are unreadable.
    """
    result: Floats | None = None
    unreadable: list[str] = []
    for start in range(0, len(pictures), batch_size):
        rows: list[int] = []
        faces: list[NDArray[np.uint8]] = []
        for row in range(start, min(start + batch_size, len(pictures))):
            try:
                face = decode_image(pictures[row], f"{where} picture {row}", max_pixels=MAX_PIXELS)
            except ImageError as error:
                unreadable.append(str(error))
                if len(unreadable) > max_bad_share * len(pictures):
                    raise DataError(
                        f"{where}: {len(unreadable)} of {len(pictures)} pictures or more are unreadable, over "
                        f"{max_bad_share:.1%} (--max-bad-share); the first: {unreadable[0]}"
                    ) from error
                continue
            faces.append(realign(face, embedder.size, embedder.reference))
            rows.append(row)
        if faces:
            vectors, _ = embedder(np.stack(faces))
            if vectors is None:
                raise CheckpointError("the checkpoint has no identity branch, so it cannot compare: choose another one")
            result = np.full((len(pictures), vectors.shape[1]), np.nan, np.float32) if result is None else result
            result[rows] = vectors
        progress("embedding pictures", min(start + batch_size, len(pictures)), len(pictures))
    if result is None:
        raise DataError(f"{where} holds no readable picture: copy it again")
    return Embedded(result, 0, tuple(unreadable))


def embed_images(
    records: Records,
    images: Sequence[str],
    embedder: Embedder,
    *,
    detector: Detector | None = None,
    max_bad_share: float = 0.01,
    progress: Progress = no_progress,
) -> Embedded:
    """Embeds images that a list names, from the records of the folder that holds them.

    Args:
        records: of the folder.
        images: paths; another suffix will do.
        embedder: the network.
        detector: for pictures without landmarks.
        max_bad_share: share of unreadable pictures above which it stops.
        progress: called after every picture.

    Raises:
        CheckpointError: the network has no embedding.
        DataError: images are missing, or too many are unreadable.
    """
    paths = records.table["path"].to_list()
    row_of = {without_suffix(path): row for row, path in enumerate(paths)}
    missing = [image for image in images if without_suffix(image) not in row_of]
    if missing:
        raise DataError(
            f"{records.root} lacks {len(missing)} of {len(images)} listed images, {missing[0]} the first: name the "
            "folder that holds one folder per person"
        )
    wanted = np.zeros(len(records), np.bool_)
    wanted[[row_of[without_suffix(image)] for image in images]] = True
    found = extract(records.keep(wanted), embedder, detector=detector, max_bad_share=max_bad_share, progress=progress)
    if len(found.not_found) == len(found.records):
        raise DataError(f"{records.root}: no face was found on any picture: are they crops (--aligned)?")
    if found.embeddings is None:
        raise CheckpointError("the checkpoint has no identity branch, so it cannot compare: choose another one")
    at = {without_suffix(path): row for row, path in enumerate(found.records.table["path"].to_list())}
    vectors = np.full((len(images), found.embeddings.shape[1]), np.nan, np.float32)
    for row, image in enumerate(images):
        if without_suffix(image) in at:
            vectors[row] = found.embeddings[at[without_suffix(image)]]
    return Embedded(vectors, len(found.not_found), tuple(picture.reason for picture in found.bad))


def without_suffix(path: str) -> str:
    """`a/b_0001.jpg` -> `a/b_0001`; a dot in a folder's name is none of a suffix."""
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and "/" not in suffix else path
