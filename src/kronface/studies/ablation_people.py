"""The people of an ablation: aligned faces that all runs share, with the labels of annotators and the true ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kronface.data.attributes import PREDICTED
from kronface.data.dataset import FaceDataset
from kronface.data.records import Records
from kronface.data.sources.celeba import celeba
from kronface.errors import DataError
from kronface.evaluation.label_audit import audit_labels
from kronface.faces.detect import YuFaceDetector
from kronface.files import Progress, write_text
from kronface.studies.demo import LARGEST_YAW_RAD, LEFT_OUT
from kronface.synth.settings import Rendering

SPLITS = ("train", "validation", "test")

JUDGED = 5000
"""Drawn people from whom it is found how strongly annotators must be misled to agree as CelebA's do."""

RENDERED = {"train": 600, "validation": 100, "test": 200}
"""People who are rendered where no other numbers are asked for."""

Labels = NDArray[np.float32]


@dataclass(frozen=True)
class People:
    """Faces of three splits, and what is said of them."""

    source: str
    faces: Mapping[str, FaceDataset]
    labels: Mapping[str, Mapping[str, Labels]]
    """By truth (`annotated`, and `true` where it is known) and split: (n, T), T the predicted attributes."""
    notes: tuple[str, ...]

    def identities(self, split: str) -> NDArray[np.str_]:
        """(n,) whom each image shows."""
        return self.faces[split].records.people()

    def describe(self) -> dict[str, Any]:
        """What a results file says of the data."""
        content: dict[str, Any] = {"source": self.source, "notes": list(self.notes)}
        for split in SPLITS:
            content[f"{split}_people"] = len(set(self.identities(split).tolist()))
            content[f"{split}_images"] = len(self.faces[split])
        return content

    def agreement(self) -> dict[str, dict[str, float | None]]:
        """κ of annotators' labels of the training images, and in CelebA."""
        from kronface.synth.noise import KAPPA

        audit = audit_labels(self.labels["annotated"]["train"], self.identities("train"), PREDICTED, resamples=1)
        return {
            name: {"here": audit[name].kappa if name in audit else None, "celeba": KAPPA[name]} for name in PREDICTED
        }


def rendered_people(
    out: Path,
    *,
    people: Mapping[str, int],
    images: int,
    seed: int,
    size: int,
    workers: int,
    progress: Progress,
) -> People:
    """People who do not exist, rendered once into `out/people`, annotated once into `out/annotated.csv`.

    Args:
        out: the ablation's folder.
        people: by split.
        images: pictures of each.
        seed: of people and pictures.
        size: side of the faces in pixels.
        workers: processes that render.
        progress: called as the work goes on.
    """
    from kronface.synth.export import write_celeba

    # The demo's plain pictures: there are minutes to learn from them. The annotators are found for these very scenes.
    rendering = Rendering(max_yaw_rad=LARGEST_YAW_RAD, without=LEFT_OUT)
    root, everybody = out / "people", sum(people.values())
    write_celeba(
        root,
        identities=everybody,
        images=images,
        seed=seed,
        validation=people["validation"],
        test=people["test"],
        rendering=rendering,
        workers=workers,
        progress=progress,
    )
    faces = _read({split: celeba(root).select(split=split) for split in SPLITS}, size, progress)
    annotated = _annotated(out / "annotated.csv", everybody, images, seed, rendering, progress)
    return People(
        f"people who do not exist (seed {seed})",
        faces,
        {
            "annotated": {split: _rows_of(annotated, faces[split].records) for split in SPLITS},
            "true": {split: faces[split].records.labels(PREDICTED) for split in SPLITS},
        },
        (
            "annotators judge each picture by expression, pose and light, so strongly misled that two labels of a "
            "person agree as in CelebA; the true labels are the person's own",
        ),
    )


def photographed_people(
    root: Path, *, people: Mapping[str, int | None], seed: int, size: int, progress: Progress
) -> People:
    """People of a data set in CelebA's layout: its splits, or a seeded choice of so many people of each.

    Raises:
        DataError: a split is empty, or has fewer people than are asked for.
    """
    records = celeba(root)
    parts = {split: _choose(records.select(split=split), people[split], split, seed) for split in SPLITS}
    faces = _read(parts, size, progress)
    labels = {split: faces[split].records.labels(PREDICTED) for split in SPLITS}
    note = "true labels of photographs are not known: there are the annotators' alone, and the oracle is given those"
    return People(str(root), faces, {"annotated": labels}, (note, *records.notes))


def _choose(records: Records, count: int | None, split: str, seed: int) -> Records:
    names = records.identities()
    if not names:
        raise DataError(
            f"{records.root} names nobody in the {split} split: an ablation needs train, validation and test"
        )
    if count is None:
        return records
    if count > len(names):
        raise DataError(f"{records.root} has {len(names)} people in the {split} split: {count} are asked for")
    chosen = np.random.default_rng([seed, 22]).choice(names, count, replace=False)
    return records.select(identities=chosen.tolist())


def _read(parts: Mapping[str, Records], size: int, progress: Progress) -> dict[str, FaceDataset]:
    detector = YuFaceDetector()
    return {
        split: FaceDataset.screened(
            records,
            size=size,
            attributes=PREDICTED,
            identities=records.identities() if split == "train" else (),
            detector=detector,
            name=split,
            progress=progress,
        )
        for split, records in parts.items()
    }


def _annotated(
    path: Path,
    people: int,
    images: int,
    seed: int,
    rendering: Rendering,
    progress: Progress,
) -> pl.DataFrame:
    """One row per picture, in the order of their numbers: what annotators say of it."""
    if path.is_file():
        return pl.read_csv(path)
    from kronface.synth.noise import annotate, find_judges

    judges, _ = find_judges(JUDGED, progress=progress, rendering=rendering)
    labels = annotate(people, seed, images=images, judges=judges, rendering=rendering, progress=progress)
    names = [f"{number + 1:06d}.jpg" for number in range(people * images)]
    table = pl.DataFrame({"picture": names} | {name: labels[name].ravel() for name in PREDICTED})
    write_text(path, table.write_csv())
    return table


def _rows_of(table: pl.DataFrame, records: Records) -> Labels:
    """(n, T) the labels of some records' pictures."""
    wanted = records.table.select(pl.col("path").str.split("/").list.last().alias("picture"))
    joined = wanted.join(table, on="picture", how="left", maintain_order="left")
    return joined.select(pl.col(name).cast(pl.Float32) for name in PREDICTED).to_numpy()
