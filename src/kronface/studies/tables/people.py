"""The faces that the tables are run on: rendered, or a user's data sets; aligned once, and kept as arrays."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from kronface.data.attributes import PREDICTED
from kronface.data.reading import load_faces
from kronface.data.records import Records
from kronface.data.sources import read_source
from kronface.errors import DataError
from kronface.faces.align import reference_points, similarity
from kronface.faces.detect import YuFaceDetector
from kronface.files import Progress, atomic_path, write_json
from kronface.methods.interface import Faces
from kronface.studies.demo import LARGEST_YAW_RAD, LEFT_OUT

SIDE = 112
"""Of the aligned faces; methods that look at smaller ones scale them down."""

RENDERED = "people who do not exist"

OVERLAPPING = ("casia", "recordio")
"""Layouts whose people FaceScrub's probes are among, and that can leave them out."""


@dataclass(frozen=True)
class RenderedCounts:
    """How many people are drawn."""

    train: int = 600
    validation: int = 100
    test: int = 200
    images: int = 8
    probes: int = 40
    """Of table 2, with as many images each."""
    distractors: int = 2000
    """People, with one or two images each."""


@dataclass(frozen=True)
class TablePeople:
    """All faces of one table."""

    train: Faces
    validation: Faces | None = None
    """Of table 1."""
    test: Faces | None = None
    probes: Faces | None = None
    """Of table 2."""
    distractors: Faces | None = None


def rendered_attribute_people(
    out: Path, counts: RenderedCounts, *, seed: int, workers: int, progress: Progress
) -> TablePeople:
    """Table 1's people, rendered into `out/people` once."""
    root = _celeba(out, counts, seed, workers, progress)
    return attribute_people(root, out / "faces", progress=progress)


def attribute_people(root: Path, cache: Path, *, progress: Progress) -> TablePeople:
    """The three splits of a data set in CelebA's layout.

    Raises:
        DataError: a split is empty.
    """
    parts = {
        split: read_faces(read_source("celeba", root, split=split), cache / f"attributes-{split}", progress=progress)
        for split in ("train", "validation", "test")
    }
    return TablePeople(parts["train"], parts["validation"], parts["test"])


def rendered_identification_people(
    out: Path, counts: RenderedCounts, *, seed: int, workers: int, progress: Progress
) -> TablePeople:
    """Table 2's people: those that table 1 trains on, and others in the places of FaceScrub's and MegaFace's."""
    from kronface.synth.export import write_megaface
    from kronface.synth.settings import Rendering

    root = _celeba(out, counts, seed, workers, progress)
    challenge = out / "challenge"
    write_megaface(
        challenge,
        identities=counts.probes + counts.distractors,
        images=counts.images,
        seed=seed + 1,
        probes=counts.probes,
        rendering=Rendering(max_yaw_rad=LARGEST_YAW_RAD, without=LEFT_OUT),
        workers=workers,
        progress=progress,
    )
    train = read_faces(
        read_source("celeba", root, split="train"), out / "faces" / "attributes-train", progress=progress
    )
    return TablePeople(
        train,
        probes=read_faces(read_source("facescrub", challenge), out / "faces" / "probes", progress=progress),
        distractors=read_faces(read_source("megaface", challenge), out / "faces" / "distractors", progress=progress),
    )


def identification_people(
    train: Path, probes: Path, distractors: Path, cache: Path, *, layout: str, overlap: str, progress: Progress
) -> TablePeople:
    """A user's data sets: a training set of any layout, FaceScrub's people, and MegaFace's distractors.

    Args:
        train: folder of the training set.
        probes: of FaceScrub.
        distractors: of MegaFace.
        cache: where aligned faces are kept.
        layout: of the training set.
        overlap: of CASIA-WebFace's people with FaceScrub's probes: removed or as-paper; other layouts know none.
        progress: called after every picture.

    Raises:
        DataError: one of them is missing or empty; names it.
    """
    own = overlap if layout in OVERLAPPING else "as-paper"
    return TablePeople(
        read_faces(read_source(layout, train, overlap=own), cache / f"train-{overlap}", progress=progress),
        probes=read_faces(read_source("facescrub", probes), cache / "probes", progress=progress),
        distractors=read_faces(read_source("megaface", distractors), cache / "distractors", progress=progress),
    )


def _celeba(out: Path, counts: RenderedCounts, seed: int, workers: int, progress: Progress) -> Path:
    from kronface.synth.export import write_celeba
    from kronface.synth.settings import Rendering

    root = out / "people"
    write_celeba(
        root,
        identities=counts.train + counts.validation + counts.test,
        images=counts.images,
        seed=seed,
        validation=counts.validation,
        test=counts.test,
        rendering=Rendering(max_yaw_rad=LARGEST_YAW_RAD, without=LEFT_OUT),
        workers=workers,
        progress=progress,
    )
    return root


def read_faces(records: Records, cache: Path, *, progress: Progress) -> Faces:
    """The faces of some records, aligned and kept in `cache`, from where they are taken the next time.

    Landmarks are the records' own, or the detector's; pictures on which no face is found are left out.

    Raises:
        DataError: there is no face at all, or too many pictures are unreadable.
    """
    about = {"root": str(records.root), "images": len(records), "side": SIDE}
    names = [name for name in PREDICTED if name in records.attributes]
    identities = sorted(records.table["identity"].drop_nulls().unique())
    numbers = {name: place for place, name in enumerate(identities)}
    if _read_about(cache / "about.json") != about:
        _align(records, cache, progress)
        write_json(cache / "about.json", about)
    kept = np.load(cache / "rows.npy", allow_pickle=False)
    if len(kept) == 0:
        raise DataError(f"{records.root}: no face was found on any picture")
    people = np.array([-1 if name is None else numbers[name] for name in records.table["identity"].to_list()])
    labels = records.labels(names) if names else np.empty((len(records), 0), np.float32)
    return Faces(
        np.load(cache / "faces.npy", mmap_mode="r", allow_pickle=False)[: len(kept)],
        people[kept].astype(np.int64),
        tuple(names),
        labels[kept],
        np.load(cache / "landmarks.npy", allow_pickle=False),
    )


def _read_about(path: Path) -> object:
    """What is kept; None where that is nothing, or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _align(records: Records, cache: Path, progress: Progress) -> None:
    """Writes faces, their landmarks within them, and which pictures they are of."""
    cache.mkdir(parents=True, exist_ok=True)
    known = records.landmarks()
    rows: list[int] = []
    landmarks: list[NDArray[np.float64]] = []
    with atomic_path(cache / "faces.npy") as temporary:
        faces = open_memmap(temporary, "w+", np.uint8, (len(records), SIDE, SIDE, 3))
        for row, face, _ in load_faces(
            records, size=SIDE, detector=YuFaceDetector(), stage="aligning faces", progress=progress
        ):
            if face is None:
                continue
            faces[len(rows)] = face
            rows.append(row)
            own = known[row].astype(np.float64)
            if np.isfinite(own).all():
                matrix = similarity(own, reference_points(SIDE))
                landmarks.append(own @ matrix[:, :2].T + matrix[:, 2])
            else:  # where the detector put them is where the warp took them, but for the face's own shape
                landmarks.append(reference_points(SIDE))
        faces.flush()
    kept: dict[str, NDArray[Any]] = {
        "landmarks": np.array(landmarks, np.float32).reshape(-1, 5, 2),
        "rows": np.array(rows, np.int64),
    }
    for name, array in kept.items():
        with atomic_path(cache / f"{name}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, array)
