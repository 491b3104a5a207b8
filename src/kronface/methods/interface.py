"""What the comparison methods take and give: faces in memory, and two small interfaces."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kronface.errors import DataError
from kronface.files import Progress, no_progress

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Faces:
    """Aligned faces of people, and what is known of each."""

    images: Pixels
    """(N, S, S, 3) RGB, aligned to the reference points; may be an array on disk."""
    people: NDArray[np.int64]
    """(N,) person of each image; -1 where it is unknown."""
    attributes: tuple[str, ...]
    """T names."""
    labels: Floats
    """(N, T) of 1, 0 and NaN where a label is missing."""
    landmarks: Floats
    """(N, 5, 2) x and y in the aligned image's pixels: image-left eye, image-right eye, nose tip, image-left and
    image-right mouth corner."""

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    @property
    def size(self) -> int:
        """Side of the images in pixels."""
        return int(self.images.shape[1])

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "Faces":
        """Some of the images; all of them without a copy."""
        if len(rows) == len(self) and rows.dtype == np.bool_ and rows.all():
            return self
        return Faces(
            np.asarray(self.images[rows]),
            self.people[rows],
            self.attributes,
            self.labels[rows],
            self.landmarks[rows],
        )


class IdentificationMethod(Protocol):
    """A system that tells people apart."""

    @property
    def name(self) -> str:
        """What its row is called; a stand-in, or one of reduced size, has 'compact' in it."""
        ...

    def fit(self, faces: Faces, *, progress: Progress = no_progress) -> None:
        """Learns from people none of whom it is measured on; does nothing where there is nothing to learn."""
        ...

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) aligned faces -> (N, D) features.

        Raises:
            DataError: pixels of another shape or type.
        """
        ...

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """(P, D) and (G, D) features -> (P, G), higher where two faces are more alike."""
        ...


class AttributeMethod(Protocol):
    """A system that reads attributes off a face."""

    @property
    def name(self) -> str:
        """As `IdentificationMethod.name`."""
        ...

    def fit(self, train: Faces, validation: Faces, *, progress: Progress = no_progress) -> None:
        """Learns the attributes of `train`; `validation` shows other people, for classifiers on top or thresholds."""
        ...

    def predict(self, faces: Faces) -> Floats:
        """(N, T) in [0, 1]; from 0.5 on the answer is yes. Of the faces, images and landmarks are looked at alone."""
        ...


def check_pixels(images: Pixels) -> None:
    """Whether these are aligned faces.

    Raises:
        DataError: pixels of another shape or type.
    """
    if images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] != 3 or images.dtype != np.uint8:
        raise DataError(f"faces must be (N, S, S, 3) of uint8, not {images.shape} of {images.dtype}")


def cosines(probes: Floats, gallery: Floats) -> Floats:
    """(P, G) cosines; 0 for a row without length."""
    units = [part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12) for part in (probes, gallery)]
    found: Floats = (units[0] @ units[1].T).astype(np.float32)
    return found


def nearness(probes: Floats, gallery: Floats) -> Floats:
    """(P, G) minus the squared Euclidean distances."""
    one, other = ((part.astype(np.float64) ** 2).sum(1) for part in (probes, gallery))
    found: Floats = (2 * (probes.astype(np.float64) @ gallery.T.astype(np.float64)) - one[:, None] - other).astype(
        np.float32
    )
    return found
