"""The Dataset that training and validation read: aligned faces with their labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import data

from kronface.data.augment import Augment
from kronface.data.records import Records
from kronface.errors import ConfigError, DataError, FaceNotFoundError, ImageError
from kronface.faces.align import align, resize
from kronface.faces.detect import Detector, largest_face, single_face
from kronface.faces.image import Image, read_image
from kronface.files import Progress, no_progress

CACHE_BYTES = 2 << 30
"""Aligned faces up to this many bytes are kept in memory."""


@dataclass(frozen=True)
class BadImage:
    """A picture that could not be used, and why."""

    path: str
    reason: str
    face_missing: bool = False
    """The picture is readable, but the detector finds no face on it, or not the one that was expected."""


class FaceReader:
    """Reads the aligned faces of some records, by row.

    It keeps paths and landmarks as plain arrays: polars' threads do not survive the fork that makes a loader's worker.

    Args:
        records: the images.
        size: side of the aligned face in pixels.
        detector: for pictures without landmarks; it takes the largest face.
        detect: use the detector even where landmarks are known.
        single: refuse pictures with a second face of like size: nobody knows whose picture they are.
    """

    def __init__(
        self,
        records: Records,
        *,
        size: int,
        detector: Detector | None = None,
        detect: bool = False,
        single: bool = False,
    ) -> None:
        self.size = size
        self._single = single
        self._root = records.root
        self._paths = records.table["path"].to_list()
        self._aligned = records.table["aligned"].to_numpy()
        self._detector = detector
        self._landmarks = records.landmarks()
        self._known = np.isfinite(self._landmarks[:, 0, 0])
        if detect:
            self._known[:] = False

    def __call__(self, row: int) -> Image:
        """One aligned face: (size, size, 3) uint8 RGB.

        Pictures that are crops at the reference points already are only scaled.

        Raises:
            FaceNotFoundError: the detector sees no face, or several where one is expected.
            ImageError: the picture cannot be read, or needs a detector and none is given.
        """
        path = self._root / self._paths[row]
        image = read_image(path)
        if self._aligned[row]:
            return resize(image, self.size)
        if self._known[row]:
            return align(image, self._landmarks[row], self.size)
        if self._detector is None:
            raise ImageError(f"{path} has no landmarks: a detector is needed to align it")
        if self._single:
            return align(image, single_face(image, self._detector, str(path)).landmarks, self.size)
        face = largest_face(image, self._detector)
        if face is None:
            raise FaceNotFoundError(f"{path} shows no face that the detector finds")
        return align(image, face.landmarks, self.size)


def load_faces(
    records: Records,
    *,
    size: int,
    detector: Detector | None = None,
    detect: bool = False,
    single: bool = False,
    max_bad_share: float = 0.01,
    stage: str = "reading faces",
    progress: Progress = no_progress,
) -> Iterator[tuple[int, Image | None, BadImage | None]]:
    """Goes through all rows in their order and yields (row, face, None), or (row, None, what is wrong).

    Pictures on which no face is found come with the reason and do not count as bad: what they mean is the caller's
    to say. Unreadable ones count.

    Raises:
        ConfigError: `max_bad_share` is no share.
        DataError: more than `max_bad_share` of the pictures are unreadable.
    """
    check_share(max_bad_share)
    bad: list[BadImage] = []
    allowed = max_bad_share * len(records)
    reader = FaceReader(records, size=size, detector=detector, detect=detect, single=single)
    progress(stage, 0, len(records))
    for row, path in enumerate(records.table["path"].to_list()):
        try:
            yield row, reader(row), None
        except FaceNotFoundError as error:
            yield row, None, BadImage(path, str(error), face_missing=True)
        except ImageError as error:
            bad.append(BadImage(path, str(error)))
            if len(bad) > allowed:
                raise DataError(_too_many(records, len(bad), max_bad_share, bad[0])) from error
            yield row, None, bad[-1]
        progress(stage, row + 1, len(records))


def check_share(max_bad_share: float) -> None:
    """Whether this is a share of pictures.

    Raises:
        ConfigError: it lies outside of [0, 1].
    """
    if not 0 <= max_bad_share <= 1:
        raise ConfigError(f"max_bad_share is {max_bad_share}: it is a share of the pictures, 0 to 1 (0.01 is 1 %)")


class FaceDataset(data.Dataset[dict[str, Tensor]]):
    """Aligned faces with identity and attributes.

    Args:
        records: the images.
        size: side of the aligned face in pixels.
        attributes: names of the labels, in the order in which they are wanted; those that the records lack are NaN.
        identities: people in the order of their class numbers; everybody else has the number -1.
        detector: for pictures without landmarks.
        augment: changes training images; None leaves them as they are.
        seed: of the augmentation, which also depends on epoch and image, and on nothing else.
        faces: (n, size, size, 3) uint8, the aligned faces where they are in memory already.
        bad: pictures that were left out of the records because they cannot be used.

    Each item is a dict: image (size, size, 3) uint8 RGB, identity int64, attributes (T,) float32 with NaN for missing
    labels, index int64.
    """

    def __init__(
        self,
        records: Records,
        *,
        size: int,
        attributes: Sequence[str] = (),
        identities: Sequence[str] = (),
        detector: Detector | None = None,
        augment: Augment | None = None,
        seed: int = 0,
        faces: NDArray[np.uint8] | None = None,
        bad: Sequence[BadImage] = (),
    ) -> None:
        self.records = records
        self.size = size
        self.augment = augment
        self.seed = seed
        self.bad = tuple(bad)
        self._epoch = 0
        self._faces = faces
        self._read = FaceReader(records, size=size, detector=detector)
        self._threads_set = False
        self._labels = torch.from_numpy(records.labels(attributes))
        numbers = {name: number for number, name in enumerate(identities)}
        self._identities = torch.tensor([numbers.get(name, -1) for name in records.table["identity"]])

    @classmethod
    def screened(
        cls,
        records: Records,
        *,
        size: int,
        attributes: Sequence[str] = (),
        identities: Sequence[str] = (),
        detector: Detector | None = None,
        augment: Augment | None = None,
        seed: int = 0,
        max_bad_share: float = 0.01,
        name: str = "",
        progress: Progress = no_progress,
    ) -> "FaceDataset":
        """Reads every picture once, leaves the unusable ones out, and keeps the faces in memory if they fit.

        Raises:
            DataError: more than `max_bad_share` of the pictures are unusable.
        """
        fits = len(records) * size * size * 3 <= CACHE_BYTES
        faces = np.zeros((len(records) if fits else 0, size, size, 3), np.uint8)
        good = np.ones(len(records), np.bool_)
        bad: list[BadImage] = []
        stage = f"reading {name} faces".replace("  ", " ")
        for row, face, problem in load_faces(
            records, size=size, detector=detector, max_bad_share=max_bad_share, stage=stage, progress=progress
        ):
            if problem is not None:
                good[row] = False
                bad.append(problem)
            elif fits and face is not None:
                faces[row] = face
        if len(bad) > max_bad_share * len(records):
            raise DataError(_too_many(records, len(bad), max_bad_share, bad[0]))
        return cls(
            records.keep(good),
            size=size,
            attributes=attributes,
            identities=identities,
            detector=detector,
            augment=augment,
            seed=seed,
            faces=None if not fits else faces if good.all() else faces[good],
            bad=bad,
        )

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch on which the augmentation depends."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Number of images."""
        return len(self.records)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """The item of one image.

        Raises:
            ImageError: the picture cannot be used.
        """
        if not self._threads_set and data.get_worker_info() is not None:
            cv2.setNumThreads(0)  # as many workers as there are processors would each start as many threads
            self._threads_set = True
        face = self._faces[index] if self._faces is not None else self._read(index)
        if self.augment is not None:
            face = self.augment(face, np.random.default_rng([self.seed, self._epoch, index]))
        return {
            "image": torch.from_numpy(np.ascontiguousarray(face)),
            "identity": self._identities[index],
            "attributes": self._labels[index],
            "index": torch.tensor(index),
        }


def _too_many(records: Records, count: int, max_bad_share: float, first: BadImage) -> str:
    return (
        f"{records.root}: {count} of {len(records)} pictures or more are unusable, over {max_bad_share:.1%} "
        f"(--max-bad-share); the first: {first.reason}"
    )
