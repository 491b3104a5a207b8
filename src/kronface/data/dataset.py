"""The Dataset that training and validation read: aligned faces with their labels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import data

from kronface.data.augment import Augment
from kronface.data.records import Records
from kronface.errors import DataError, FaceNotFoundError, ImageError
from kronface.faces.align import align, resize
from kronface.faces.detect import Detector, largest_face
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
    """The picture is readable, but the detector finds no face on it."""


def load_face(records: Records, row: int, *, size: int, detector: Detector | None, detect: bool = False) -> Image:
    """One aligned face: (size, size, 3) uint8 RGB.

    Pictures that are aligned already are only scaled; known landmarks are used where there are any, unless `detect`
    is set; everything else needs the detector, which takes the largest face.

    Raises:
        FaceNotFoundError: the detector sees no face.
        ImageError: the picture cannot be read, or needs a detector and none is given.
    """
    path, aligned, landmarks = (records.table[name][row] for name in ("path", "aligned", "landmarks"))
    image = read_image(records.root / path)
    if aligned:
        return resize(image, size)
    if landmarks is not None and not detect:
        return align(image, landmarks.to_numpy(), size)
    if detector is None:
        raise ImageError(f"{path} has no landmarks: a detector is needed to align it")
    face = largest_face(image, detector)
    if face is None:
        raise FaceNotFoundError(f"{records.root / path} shows no face that the detector finds")
    return align(image, face.landmarks, size)


def load_faces(
    records: Records,
    *,
    size: int,
    detector: Detector | None = None,
    detect: bool = False,
    max_bad_share: float = 0.01,
    stage: str = "reading faces",
    progress: Progress = no_progress,
) -> Iterator[tuple[int, Image | None, BadImage | None]]:
    """Goes through all rows in their order and yields (row, face, None), or (row, None, what is wrong).

    Pictures on which no face is found come with the reason and do not count as bad: what they mean is the caller's
    to say. Unreadable ones count.

    Raises:
        DataError: more than `max_bad_share` of the pictures are unreadable.
    """
    bad: list[BadImage] = []
    allowed = max_bad_share * len(records)
    progress(stage, 0, len(records))
    for row, path in enumerate(records.table["path"]):
        try:
            yield row, load_face(records, row, size=size, detector=detector, detect=detect), None
        except FaceNotFoundError as error:
            yield row, None, BadImage(path, str(error), face_missing=True)
        except ImageError as error:
            bad.append(BadImage(path, str(error)))
            if len(bad) > allowed:
                raise DataError(_too_many(records, len(bad), max_bad_share, bad[0])) from error
            yield row, None, bad[-1]
        progress(stage, row + 1, len(records))


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
        self.detector = detector
        self.augment = augment
        self.seed = seed
        self.bad = tuple(bad)
        self._epoch = 0
        self._faces = faces
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
            faces=faces[good] if fits else None,
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
        if self._faces is not None:
            face = self._faces[index]
        else:
            face = load_face(self.records, index, size=self.size, detector=self.detector)
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


def missing_pictures(records: Records, folder: Path) -> list[str]:
    """Names that the records list below `folder` and that are not there, by one look at the folder."""
    present = {path.name for path in folder.iterdir()}
    names = (Path(path).name for path in records.table["path"])
    return [name for name in names if name not in present]
