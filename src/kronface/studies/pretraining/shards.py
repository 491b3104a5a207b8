"""Shards of rendered faces on disk: drawn, labelled, seen by a teacher, used some rounds, and thrown away."""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kronface.errors import DataError
from kronface.faces.align import REFERENCE_POINTS, REFERENCE_SIZE, align, reference_points
from kronface.files import write_json
from kronface.studies.pretraining.mixing import mixture
from kronface.synth.settings import USUAL_PITCH_RAD, Rendering

if TYPE_CHECKING:
    from kronface.runtime.embedder import Embedder
    from kronface.synth.person import Person

MARGIN = 0.125
"""How far a stored face reaches beyond the network's crop on each side, as a share of the crop's side."""

LANDMARK_BIAS = np.array([[-0.006, -0.014], [0.012, -0.016], [0.004, -0.046], [0.001, -0.014], [0.004, -0.015]])
LANDMARK_ERROR = np.array([[0.021, 0.016], [0.02, 0.017], [0.02, 0.042], [0.021, 0.029], [0.022, 0.029]])
"""Means and standard deviations (5, 2) of the detector's landmarks around the exact ones, as shares of the crop's side
(`benchmarks/landmarks.py`): faces are placed in training as it would place them."""

TEACHERS = ("none", "renderer", "dlib")
"""Whose embeddings of the same pictures are learned: nobody's, the renderer's own knowledge of a person
(`synth.code.face_code`), or those of dlib's network. A shard holds what its teacher and those before it say."""

ARRAYS = ("faces", "people", "labels", "codes", "taught")
MIXED = ("mixed", "mixed_codes", "mixed_taught")
"""Arrays of a shard that has mixtures."""
ABOUT = "about.json"


@dataclass(frozen=True)
class ShardPlan:
    """What every shard of a run has in common."""

    people: int
    """In each shard; nobody is in two."""
    images: int
    """Of each person."""
    size: int
    """Side of the network's crop in pixels."""
    seed: int
    attributes: tuple[str, ...]
    """Whose labels are kept."""
    teacher: str
    """A name in `TEACHERS`."""
    max_yaw_rad: float
    without: tuple[str, ...] = ()
    mixed: int = 0
    """Faces between its people (`mixing.mixture`)."""
    redrawn_people: float = 0.0
    """Share of the people whose hair, spectacles, clothes and background are drawn anew in every picture."""
    pitch_rad: float = USUAL_PITCH_RAD
    """Standard deviation of the heads' nod."""

    @property
    def side(self) -> int:
        """Of a stored face in pixels."""
        return round(self.size * (1 + 2 * MARGIN))

    @property
    def rows(self) -> int:
        """Faces in a shard."""
        return self.people * self.images

    def rendering(self, identity: int = 0) -> Rendering:
        """How a person is drawn."""
        chosen = np.random.default_rng([self.seed, identity, 78]).random() < self.redrawn_people
        return Rendering(
            max_yaw_rad=self.max_yaw_rad, without=self.without, redrawn=bool(chosen), pitch_rad=self.pitch_rad
        )


@dataclass(frozen=True)
class Shard:
    """The faces of some people; arrays stay on disk."""

    number: int
    faces: NDArray[np.uint8]
    """(N, side, side, 3) RGB."""
    people: NDArray[np.int32]
    """(N,) 0 to the plan's people - 1."""
    labels: NDArray[np.float32]
    """(N, T)."""
    taught: NDArray[np.floating[Any]]
    """(N, D) the teacher's embeddings; (N, 0) without a teacher."""
    mixed: NDArray[np.uint8]
    """(M, side, side, 3) faces between people."""
    mixed_taught: NDArray[np.floating[Any]]
    """(M, D) what the teacher says of them."""

    def averaged(self) -> "Shard":
        """The same, but of each face the teacher says what it says of the person's faces on average."""
        taught = np.asarray(self.taught, np.float32)
        means = np.stack([taught[self.people == person].mean(0) for person in range(self.people.max() + 1)])
        return replace(self, taught=(means / np.linalg.norm(means, axis=1, keepdims=True))[self.people])


def shard_folder(root: Path, number: int) -> Path:
    """Where a shard lies."""
    return root / f"shard-{number:05d}"


def make_shard(root: Path, number: int, plan: ShardPlan) -> None:
    """Draws a shard, unless it is there; it appears whole or not at all. Only one process may draw a shard.

    Args:
        root: folder of the shards.
        number: which; its people follow from it and the seed alone.
        plan: what is drawn.
    """
    from kronface.synth.code import CODE_SIZE, face_code
    from kronface.synth.head import load_head
    from kronface.synth.person import make_person

    folder = shard_folder(root, number)
    if folder.is_dir():
        return
    # Whole arrays from the start: thousands of small ones, kept between large ones that go, would tear memory apart.
    faces = np.empty((plan.rows, plan.side, plan.side, 3), np.uint8)
    labels = np.empty((plan.rows, len(plan.attributes)), np.float32)
    codes = np.empty((plan.people, CODE_SIZE if plan.teacher != "none" else 0), np.float32)
    taught: list[NDArray[np.float16]] = []
    row = 0
    for number_of_person in range(plan.people):
        chips = []
        identity = number * plan.people + number_of_person
        person = make_person(load_head(), identity, plan.seed, plan.rendering(identity))
        if codes.shape[1]:
            codes[number_of_person] = face_code(person)
        for face, chip, known in _draw_person(plan, person):
            faces[row] = face
            labels[row] = [float(known.get(name, np.nan)) for name in plan.attributes]
            row += 1
            if chip is not None:
                chips.append(chip)
        if chips:
            taught.append(_taught(chips))
    arrays: dict[str, NDArray[Any]] = {
        "faces": faces,
        "people": np.repeat(np.arange(plan.people, dtype=np.int32), plan.images),
        "labels": labels,
        "codes": codes,
        "taught": np.concatenate(taught) if taught else np.empty((plan.rows, 0), np.float16),
    }
    if plan.mixed:
        arrays |= _mix(plan, number, faces, codes)
    temporary = folder.with_name(f".{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)  # what a killed process left
    temporary.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(temporary / f"{name}.npy", array)
    write_json(temporary / ABOUT, asdict(plan) | {"number": number})
    temporary.rename(folder)


def read_shard(root: Path, number: int, plan: ShardPlan) -> Shard:
    """Opens a shard; one that was drawn for a teacher serves those before it in `TEACHERS`, and those without mixtures.

    Raises:
        DataError: it is damaged, or of another run.
    """
    folder = shard_folder(root, number)
    wanted = json.loads(json.dumps(asdict(plan))) | {"number": number}
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if isinstance(about, dict):
            if about.get("teacher") in TEACHERS[TEACHERS.index(plan.teacher) :]:
                about["teacher"] = plan.teacher
            if not plan.mixed:
                about["mixed"] = 0
        if about != wanted:
            raise DataError(f"{folder} is of another run: choose another --out or --pool, or delete {root}")
        names = (*ARRAYS, *(MIXED if plan.mixed else ()))
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names}
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} is damaged ({error}): delete it, and it is drawn again") from error
    if not plan.mixed:
        arrays |= dict.fromkeys(MIXED, np.empty((0, 0), np.float32))
    codes, between = arrays.pop("codes"), arrays.pop("mixed_codes")
    if plan.teacher == "none":
        codes, between = codes[:, :0], between[:, :0]
    if plan.teacher != "dlib":
        arrays |= {"taught": codes[arrays["people"]], "mixed_taught": between}
    return Shard(number, **arrays)


def _mix(plan: ShardPlan, number: int, faces: NDArray[np.uint8], codes: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Faces between any people of a shard, and what the teachers say of them."""
    rng = np.random.default_rng([plan.seed, number, 79])
    mixed = np.empty((plan.mixed, plan.side, plan.side, 3), np.uint8)
    between = np.empty((plan.mixed, codes.shape[1]), np.float32)
    for row in range(plan.mixed):
        chosen = rng.choice(plan.people, 3, replace=plan.people < 3)
        rows = chosen * plan.images + rng.integers(plan.images, size=3)
        mixed[row], shares = mixture([faces[place] for place in rows], rng)
        between[row] = shares @ codes[chosen]
    taught = np.empty((plan.mixed, 0), np.float16)
    if plan.teacher == "dlib":
        parts = [mixed[start : start + 256] for start in range(0, plan.mixed, 256)]  # their crops are large
        taught = np.concatenate([_taught([_chip(plan, face) for face in part]) for part in parts])
    return {"mixed": mixed, "mixed_codes": between, "mixed_taught": taught}


def drop_shards(root: Path, before: int) -> None:
    """Throws away all shards with smaller numbers."""
    for folder in root.glob("shard-*"):
        if int(folder.name.removeprefix("shard-")) < before:
            shutil.rmtree(folder)


def _draw_person(
    plan: ShardPlan, person: "Person"
) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8] | None, dict[str, int]]]:
    """The pictures of a person: the stored face, the teacher's crop, and labels."""
    from kronface.runtime.dlib_network import CHIP
    from kronface.synth.picture import take_picture

    identity = person.identity.number
    found = []
    for image in range(plan.images):
        picture = take_picture(plan.seed, identity, image, framing="celeba", person=person, rendering=person.rendering)
        rng = np.random.default_rng([plan.seed, identity, image, 77])
        away = rng.normal(LANDMARK_BIAS, LANDMARK_ERROR) * plan.size
        face = align(picture.image, picture.landmarks, plan.side, _stored_points(plan) - away)
        chip = align(picture.image, picture.landmarks, CHIP, _teachers_points()) if plan.teacher == "dlib" else None
        found.append((face, chip, picture.attributes))
    return found


def _chip(plan: ShardPlan, face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The teacher's crop of a stored face; blurred, where a picture would have more detail."""
    from kronface.runtime.dlib_network import CHIP, POINTS

    return align(face, _stored_points(plan), CHIP, POINTS)


def _stored_points(plan: ShardPlan) -> NDArray[np.float64]:
    """(5, 2) where landmarks are brought to in a stored face."""
    return np.asarray((reference_points(plan.size) + 0.5) + plan.size * MARGIN - 0.5)


@lru_cache(maxsize=1)
def _teachers_points() -> NDArray[np.float64]:
    """(5, 2) where the exact landmarks lie in the teacher's crops, whose points are the detector's."""
    from kronface.runtime.dlib_network import POINTS

    eyes = np.linalg.norm(POINTS[1] - POINTS[0]) / np.linalg.norm(np.subtract(*REFERENCE_POINTS[:2]))
    return np.asarray(POINTS - LANDMARK_BIAS * REFERENCE_SIZE * eyes)


def check_teacher(plan: ShardPlan) -> None:
    """Whether the teacher can be had, before anything is drawn.

    Raises:
        ConfigError: it is not installed.
        CheckpointError: its weights are damaged.
    """
    if plan.teacher == "dlib":
        _teacher()


@lru_cache(maxsize=1)
def _teacher() -> "Embedder":
    from kronface.runtime.dlib_network import DlibEmbedder
    from kronface.runtime.verify import MirroredEmbedder

    return MirroredEmbedder(DlibEmbedder(device="cpu"))


def _taught(chips: list[NDArray[np.uint8]]) -> NDArray[np.float16]:
    """(N, 128): what the teacher says of faces together with their mirror images, of length 1."""
    parts = [_teacher()(np.stack(chips[start : start + 32]))[0] for start in range(0, len(chips), 32)]
    return np.concatenate([part for part in parts if part is not None]).astype(np.float16)
