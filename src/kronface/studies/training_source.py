"""Where a training run's faces come from: files in a layout, or people who are rendered as they are needed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from kronface.data.augment import Augment
from kronface.data.dataset import FaceDataset
from kronface.data.reading import FaceReader
from kronface.data.records import Records
from kronface.errors import ConfigError
from kronface.faces.detect import YuFaceDetector
from kronface.files import Progress
from kronface.synth.settings import Rendering

SYNTH = "synth"

LEAST_HELD_OUT = 4
"""People that a threshold needs."""


class TrainingSource(Protocol):
    """People with their splits, and the datasets that show them."""

    name: str
    """What users call it."""
    records: Records

    def dataset(
        self,
        split: str,
        *,
        size: int,
        attributes: Sequence[str],
        identities: Sequence[str],
        augment: Augment | None,
        progress: Progress,
    ) -> FaceDataset:
        """The faces of one split.

        Args:
            split: train or validation.
            size: side of the faces in pixels.
            attributes: labels that are wanted.
            identities: people in the order of their class numbers.
            augment: of the training images.
            progress: called as faces are read.
        """

    def found_faces(self, split: str, *, size: int) -> FaceReader | None:
        """Reads the faces of a split as a detector finds them; None where they lie in files."""


class FileSource:
    """A data set on disk.

    Args:
        root: its folder.
        layout: a name in `kronface.data.sources.LAYOUTS`.
        official: require the official set's counts.
        aligned: the pictures are crops at the reference points already.
        overlap: of CASIA-WebFace with the usual tests: as-paper or removed.
        held_out: share of the people who are kept for validation where the layout has no splits.
        seed: of that choice, and of the augmentation.
        max_bad_share: share of unusable images above which reading stops.

    Raises:
        KronfaceError: what is wrong with the data or the options.
    """

    def __init__(
        self,
        root: Path,
        *,
        layout: str,
        official: bool,
        aligned: bool,
        overlap: str,
        held_out: float,
        seed: int,
        max_bad_share: float,
    ) -> None:
        from kronface.data.sources import read_source

        records = read_source(layout, root, official=official, aligned=aligned, overlap=overlap)
        without_splits = set(records.table["split"].unique()) == {""}
        self.name = root.name
        self.records = hold_out(records, held_out, seed) if without_splits else records
        self._seed = seed
        self._max_bad_share = max_bad_share
        self._detector = YuFaceDetector()

    def dataset(
        self,
        split: str,
        *,
        size: int,
        attributes: Sequence[str],
        identities: Sequence[str],
        augment: Augment | None,
        progress: Progress,
    ) -> FaceDataset:
        """The faces of one split, those without unusable pictures."""
        return FaceDataset.screened(
            self.records.select(split=split),
            size=size,
            attributes=attributes,
            identities=identities,
            detector=self._detector,
            augment=augment,
            seed=self._seed,
            max_bad_share=self._max_bad_share,
            name=split,
            progress=progress,
        )

    def found_faces(self, split: str, *, size: int) -> FaceReader | None:  # noqa: ARG002 - there are files
        """They lie in files."""
        return None


class RenderedSource:
    """People who do not exist, rendered as training needs them.

    Args:
        identities: people to train on.
        images: pictures of each, per epoch.
        held_out: further people for validation, as a share of those; at least four, unless it is 0.
        fresh: every epoch shows further pictures of the training people.
        rendering: what the pictures are drawn from.
        seed: of people, pictures and augmentation.
        workers: processes that render what is kept in memory.
        progress: called as people are drawn.

    Raises:
        KronfaceError: what is wrong with the options, or not installed.
    """

    def __init__(
        self,
        *,
        identities: int,
        images: int,
        held_out: float,
        fresh: bool,
        rendering: Rendering,
        seed: int,
        workers: int,
        progress: Progress,
    ) -> None:
        from kronface.synth.source import people

        _check_share(held_out)
        further = max(round(held_out * identities), LEAST_HELD_OUT) if held_out else 0
        self.name = f"people who do not exist (seed {seed}{', others in every epoch' if fresh else ''})"
        self.records = people(
            identities=identities,
            images=images,
            seed=seed,
            validation=further,
            rendering=rendering,
            progress=progress,
        )
        self._images = images
        self._fresh = fresh
        self._rendering = rendering
        self._seed = seed
        self._workers = workers

    def dataset(
        self,
        split: str,
        *,
        size: int,
        attributes: Sequence[str],
        identities: Sequence[str],
        augment: Augment | None,
        progress: Progress,
    ) -> FaceDataset:
        """The faces of one split: rendered once and kept, or anew in every epoch."""
        from kronface.synth.source import RenderedFaces

        fresh = self._fresh and split == "train"
        records = self.records.select(split=split)
        reader = RenderedFaces(
            records, size=size, images=self._images, seed=self._seed, fresh=fresh, rendering=self._rendering
        )
        dataset = FaceDataset(
            records,
            size=size,
            attributes=attributes,
            identities=identities,
            augment=augment,
            seed=self._seed,
            reader=reader,
        )
        if fresh:
            return dataset
        return dataset.kept(workers=self._workers, stage=f"rendering {split} faces", progress=progress)

    def found_faces(self, split: str, *, size: int) -> FaceReader | None:
        """Portraits, on which the detector finds the faces."""
        from kronface.synth.source import RenderedFaces

        return RenderedFaces(
            self.records.select(split=split),
            size=size,
            images=self._images,
            seed=self._seed,
            rendering=self._rendering,
            detector=YuFaceDetector(),
        )


def hold_out(records: Records, share: float, seed: int) -> Records:
    """Splits people, never pictures of one person: a share of them, at least four, for validation."""
    _check_share(share)
    people = records.identities()
    count = round(share * len(people))
    kept = np.random.default_rng([seed, 13]).choice(people, count if count >= LEAST_HELD_OUT else 0, replace=False)
    split = pl.when(pl.col("identity").is_in(kept.tolist())).then(pl.lit("validation")).otherwise(pl.lit("train"))
    return replace(records, table=records.table.with_columns(split.alias("split")))


def _check_share(share: float) -> None:
    if not 0 <= share < 1:
        raise ConfigError(f"held_out is {share}: it is a share of the people, at least 0 and below 1")
