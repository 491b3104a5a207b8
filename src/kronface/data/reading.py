"""Reading the aligned faces of records, whatever they come from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kronface.data.records import Records
from kronface.data.store import read_picture
from kronface.errors import ConfigError, DataError, FaceNotFoundError, ImageError
from kronface.faces.align import align, realign
from kronface.faces.detect import Detector, face_in_box, largest_face, single_face
from kronface.faces.image import Image
from kronface.files import Progress, no_progress


@dataclass(frozen=True)
class BadImage:
    """A picture that could not be used, and why."""

    path: str
    reason: str
    face_missing: bool = False
    """The picture is readable, but the detector finds no face on it, or not the one that was expected."""


@dataclass(frozen=True)
class Reading:
    """One aligned face."""

    face: Image
    """(S, S, 3) uint8 RGB."""
    labels: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Attributes that are known of this very picture, 1 or 0: they go before those of the records."""


class FaceReader(Protocol):
    """Where the aligned faces of some records come from: files, or whatever else makes them."""

    @property
    def size(self) -> int:
        """Side of the faces in pixels."""

    @property
    def start_method(self) -> str | None:
        """How processes that read side by side must be started ('spawn'); None where the system's way will do."""

    def __call__(self, row: int, epoch: int = 0) -> Reading:
        """The face of one row; where pictures can be made anew, each epoch may have another one.

        Raises:
            ImageError: the picture cannot be used.
        """


class FileReader:
    """Reads the aligned faces of some records from their files, or from the records' store, by row.

    It keeps paths and landmarks as plain arrays: polars' threads do not survive the fork that makes a loader's worker.

    Args:
        records: the images.
        size: side of the aligned face in pixels.
        detector: for pictures without landmarks; it takes the face in the records' box, without one the largest face.
        detect: use the detector even where landmarks are known.
        single: refuse pictures with a second face of like size: nobody knows whose picture they are.
        reference: (5, 2) where a network wants the landmarks; None for the reference points of its size.
    """

    def __init__(
        self,
        records: Records,
        *,
        size: int,
        reference: NDArray[np.float64] | None = None,
        detector: Detector | None = None,
        detect: bool = False,
        single: bool = False,
    ) -> None:
        self.size = size
        self._reference = reference
        self.start_method: str | None = None if records.store is None else records.store.start_method
        self._store = records.store
        self._single = single
        self._root = records.root
        self._paths = records.table["path"].to_list()
        self._aligned = records.table["aligned"].to_numpy()
        self._detector = detector
        self._landmarks = records.landmarks()
        self._known = np.isfinite(self._landmarks[:, :, 0]).sum(1) >= 2
        self._boxes = records.boxes()
        if detect:
            self._known[:] = False

    def __call__(self, row: int, epoch: int = 0) -> Reading:  # noqa: ARG002 - files do not change
        """One aligned face, the same in every epoch.

        Pictures that are crops at the reference points already are only scaled.

        Raises:
            FaceNotFoundError: the detector sees no face, or several where one is expected.
            ImageError: the picture cannot be read, or needs a detector and none is given.
        """
        return Reading(self._read(row))

    def _read(self, row: int) -> Image:
        image = read_picture(self._root, self._paths[row], self._store)
        path = self._root / self._paths[row]
        if self._aligned[row]:
            return realign(image, self.size, self._reference)
        if self._known[row]:
            return align(image, self._landmarks[row], self.size, self._reference)
        if self._detector is None:
            raise ImageError(f"{path} has no landmarks: a detector is needed to align it")
        boxed = bool(np.isfinite(self._boxes[row]).all())
        if self._single and not boxed:
            only = single_face(image, self._detector, str(path))
            return align(image, only.landmarks, self.size, self._reference)
        face = face_in_box(image, self._detector, self._boxes[row]) if boxed else largest_face(image, self._detector)
        if face is None:
            where = " in its box" if boxed else ""
            raise FaceNotFoundError(f"{path} shows no face{where} that the detector finds")
        return align(image, face.landmarks, self.size, self._reference)


def load_faces(
    records: Records,
    *,
    size: int,
    reference: NDArray[np.float64] | None = None,
    detector: Detector | None = None,
    detect: bool = False,
    single: bool = False,
    reader: FaceReader | None = None,
    max_bad_share: float = 0.01,
    stage: str = "reading faces",
    progress: Progress = no_progress,
) -> Iterator[tuple[int, Image | None, BadImage | None]]:
    """Goes through all rows in their order and yields (row, face, None), or (row, None, what is wrong).

    Pictures on which no face is found come with the reason and do not count as bad: what they mean is the caller's
    to say. Unreadable ones count. `reader` takes the place of the files, and of all that says how to read them; its
    faces lie at the 112x112 reference points.

    Raises:
        ConfigError: `max_bad_share` is no share.
        DataError: more than `max_bad_share` of the pictures are unreadable.
    """
    check_share(max_bad_share)
    bad: list[BadImage] = []
    allowed = max_bad_share * len(records)
    own = reader or FileReader(records, size=size, reference=reference, detector=detector, detect=detect, single=single)
    progress(stage, 0, len(records))
    for row, path in enumerate(records.table["path"].to_list()):
        try:
            face = own(row).face
            yield row, face if reader is None else realign(face, size, reference), None
        except FaceNotFoundError as error:
            yield row, None, BadImage(path, str(error), face_missing=True)
        except ImageError as error:
            bad.append(BadImage(path, str(error)))
            if len(bad) > allowed:
                raise DataError(too_many(records, len(bad), max_bad_share, bad[0])) from error
            yield row, None, bad[-1]
        progress(stage, row + 1, len(records))


def too_many(records: Records, count: int, max_bad_share: float, first: BadImage) -> str:
    """What a user is told when too many pictures are unusable."""
    return (
        f"{records.root}: {count} of {len(records)} pictures or more are unusable, over {max_bad_share:.1%} "
        f"(--max-bad-share); the first: {first.reason}"
    )


def check_share(max_bad_share: float) -> None:
    """Whether this is a share of pictures.

    Raises:
        ConfigError: it lies outside of [0, 1].
    """
    if not 0 <= max_bad_share <= 1:
        raise ConfigError(f"max_bad_share is {max_bad_share}: it is a share of the pictures, 0 to 1 (0.01 is 1 %)")
