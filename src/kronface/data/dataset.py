"""The Dataset that training and validation read: aligned faces with their labels."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import data

from kronface.data.augment import Augment
from kronface.data.reading import BadImage, FaceReader, FileReader, Reading, load_faces, too_many
from kronface.data.records import Records
from kronface.errors import DataError
from kronface.faces.detect import Detector
from kronface.files import Progress, no_progress
from kronface.processes import end_with_parent

CACHE_BYTES = 2 << 30
"""Aligned faces up to this many bytes are kept in memory."""

Key = int | tuple[int, int]
"""An image's index, or (epoch, index)."""


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
        reader: where the faces come from; the records' files by default.
        given: (n, F) what enters a network's fusion in place of its own predictions; None leaves them to it.

    Each item is a dict: image (size, size, 3) uint8 RGB, identity int64, attributes (T,) float32 with NaN for missing
    labels, index int64, and given (F,) float32 where it is. It is asked for by an image's index, which means epoch 0,
    or by (epoch, index).
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
        reader: FaceReader | None = None,
        given: NDArray[np.floating] | None = None,
    ) -> None:
        self.records = records
        self.size = size
        self.attributes = tuple(attributes)
        self.identities = tuple(identities)
        self.augment = augment
        self.seed = seed
        self.bad = tuple(bad)
        self._faces = faces
        self._read = reader or FileReader(records, size=size, detector=detector)
        self._threads_set = False
        self._labels = torch.from_numpy(records.labels(attributes))
        self._given = None if given is None else torch.from_numpy(np.asarray(given, np.float32))
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
        """Reads every picture's file once, leaves the unusable ones out, and keeps the faces in memory if they fit.

        Raises:
            DataError: more than `max_bad_share` of the pictures are unusable.
        """
        fits = _fits(records, size)
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
            raise DataError(too_many(records, len(bad), max_bad_share, bad[0]))
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

    def kept(
        self, *, workers: int = 0, stage: str = "reading faces", progress: Progress = no_progress
    ) -> "FaceDataset":
        """The faces of epoch 0, in memory if they fit, and the labels that came with them in the records.

        Args:
            workers: processes that read; 0 reads in this one.
            stage: what the progress is called.
            progress: called as faces are read.
        """
        if not _fits(self.records, self.size):
            return self
        names = [name for name in self.attributes if name in self.records.attributes]
        plain = FaceDataset(self.records, size=self.size, attributes=names, reader=self._read, faces=self._faces)
        faces = np.zeros((len(self), self.size, self.size, 3), np.uint8)
        labels = np.full((len(self), len(names)), np.nan, np.float32)
        progress(stage, 0, len(self))
        for batch in data.DataLoader(
            plain,
            16,
            num_workers=workers,
            multiprocessing_context=plain.start_method(workers),
            worker_init_fn=end_with_parent,
        ):
            rows = batch["index"].numpy()
            faces[rows], labels[rows] = batch["image"].numpy(), batch["attributes"].numpy()
            progress(stage, int(rows[-1]) + 1, len(self))
        return FaceDataset(
            self.records.with_labels(names, labels),
            size=self.size,
            attributes=self.attributes,
            identities=self.identities,
            augment=self.augment,
            seed=self.seed,
            faces=faces,
            bad=self.bad,
        )

    def relabelled(
        self,
        labels: NDArray[np.floating],
        *,
        augment: Augment | None = None,
        seed: int = 0,
        given: NDArray[np.floating] | None = None,
    ) -> "FaceDataset":
        """The same faces, which are not read again, with other labels.

        Args:
            labels: (n, T) of 1, 0 and NaN, in the order of `attributes`.
            augment: changes training images.
            seed: of the augmentation.
            given: what enters a network's fusion, as in the constructor.
        """
        return FaceDataset(
            self.records.with_labels(self.attributes, labels),
            size=self.size,
            attributes=self.attributes,
            identities=self.identities,
            augment=augment,
            seed=seed,
            faces=self._faces,
            bad=self.bad,
            reader=self._read,
            given=given,
        )

    @property
    def in_memory(self) -> bool:
        """Nothing has to be read: processes to read side by side would be of no use."""
        return self._faces is not None

    def start_method(self, workers: int) -> str | None:
        """How a DataLoader's processes must be started; None where the system's way will do, or there are none."""
        return None if workers == 0 or self.in_memory else self._read.start_method

    def __len__(self) -> int:
        """Number of images."""
        return len(self.records)

    def __getitem__(self, key: Key) -> dict[str, Tensor]:
        """The item of one image.

        Raises:
            ImageError: the picture cannot be used.
        """
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if not self._threads_set and data.get_worker_info() is not None:
            cv2.setNumThreads(0)  # as many workers as there are processors would each start as many threads
            self._threads_set = True
        reading = Reading(self._faces[index]) if self._faces is not None else self._read(index, epoch)
        face = reading.face
        if self.augment is not None:
            face = self.augment(face, np.random.default_rng([self.seed, epoch, index]))
        labels = self._labels[index]
        if reading.labels:
            labels = labels.clone()
            for place, name in enumerate(self.attributes):
                if name in reading.labels:
                    labels[place] = reading.labels[name]
        item = {
            "image": torch.from_numpy(np.ascontiguousarray(face)),
            "identity": self._identities[index],
            "attributes": labels,
            "index": torch.tensor(index),
        }
        return item if self._given is None else item | {"given": self._given[index]}


def _fits(records: Records, size: int) -> bool:
    return len(records) * size * size * 3 <= CACHE_BYTES
