"""Rendered people on disk: in CelebA's official layout, or one folder per person."""

import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from kronface.data.attributes import CELEBA
from kronface.data.sources.celeba import ATTRIBUTES, IDENTITIES, IMAGES, LANDMARK_NAMES, LANDMARKS, PARTITION
from kronface.errors import ConfigError, DataError
from kronface.faces.image import write_image
from kronface.files import Progress, no_progress, write_bytes, write_json, write_text

Arguments = dict[str, int | str | bool]

MANIFEST = "rendering.json"
NOTES = ".rendering"

RENDERING = 6
"""Raised when the same seed gives other pictures or labels: old pictures and new ones never mix in one folder."""

STAGE = "rendering people"

NOT_LABELLED = (
    "The remaining columns of list_attr_celeba.txt belong to the format, which has no missing value; they are -1 "
    "throughout and mean nothing."
)


@dataclass(frozen=True)
class _Task:
    """One person's pictures: what a worker needs to know."""

    seed: int
    identity: int
    framing: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    """What the index files say of one picture."""

    file: str
    identity: int
    size: int
    """Bytes of the picture's file."""
    landmarks: list[float]
    attributes: dict[str, int]


def write_celeba(
    out: Path,
    *,
    identities: int,
    images: int,
    seed: int,
    validation: int | None = None,
    test: int | None = None,
    workers: int = 2,
    progress: Progress = no_progress,
) -> None:
    """Renders people into CelebA's official layout, with the official files' byte conventions.

    Exact are the eleven identity attributes (Male, Young, Bald, Chubby, Double_Chin, Narrow_Eyes, Big_Nose,
    Pointy_Nose, High_Cheekbones, Big_Lips, Oval_Face), Black_Hair, Brown_Hair, Blond_Hair, Gray_Hair, Wavy_Hair, Bangs,
    No_Beard, Mustache, Goatee, 5_o_Clock_Shadow, Pale_Skin, Wearing_Lipstick, Smiling and Mouth_Slightly_Open, and
    Eyeglasses and Wearing_Hat, which nobody has. The format has no missing value: all other columns are -1 throughout
    and mean nothing, as `README.txt` beside the files says.

    Args:
        out: a new folder, or one that an interrupted call with the same arguments left.
        identities: people in all; the last ones are test people, those before them validation people.
        images: pictures of each.
        seed: of everything.
        validation: people of the validation split; a tenth by default.
        test: people of the test split; a tenth by default.
        workers: processes that render; the pictures do not depend on it.
        progress: called as pictures are finished.

    Raises:
        ConfigError: impossible numbers.
        DataError: the folder holds something else.
    """
    validation = identities // 10 if validation is None else validation
    test = identities // 10 if test is None else test
    _check_numbers(identities, images, workers)
    if validation < 0 or test < 0 or validation + test >= identities:
        raise ConfigError(f"of {identities} identities, {validation} for validation and {test} for test leave none")
    arguments: Arguments = {"layout": "celeba", "identities": identities, "images": images, "seed": seed}
    _claim(out, arguments | {"validation": validation, "test": test})
    tasks = [
        _Task(seed, k, "celeba", tuple(f"{IMAGES}/{k * images + i + 1:06d}.jpg" for i in range(images)))
        for k in range(identities)
    ]
    rows = _render_all(out, tasks, workers, progress)
    names = [Path(row.file).name for row in rows]
    first_validation = identities - test - validation
    splits = [int(row.identity >= first_validation) + int(row.identity >= identities - test) for row in rows]
    write_bytes(out / PARTITION, "".join(f"{n} {s}\r\n" for n, s in zip(names, splits, strict=True)).encode())
    people = "".join(f"{name} {row.identity + 1}\r\n" for name, row in zip(names, rows, strict=True))
    write_bytes(out / IDENTITIES, people.encode())
    lines = [str(len(rows)), " ".join(LANDMARK_NAMES)]
    for name, row in zip(names, rows, strict=True):
        first, *others = (round(value) for value in row.landmarks)
        lines.append(f"{name} {first:3d}" + "".join(f" {value:4d}" for value in others))
    write_text(out / LANDMARKS, "\n".join(lines) + "\n")
    known = list(rows[0].attributes)
    lines = [str(len(rows)), " ".join(CELEBA) + " "]
    for name, row in zip(names, rows, strict=True):
        signs = (1 if row.attributes.get(attribute, 0) else -1 for attribute in CELEBA)
        lines.append(f"{name} " + " ".join(f"{sign:2d}" for sign in signs))
    write_text(out / "README.txt", _explanation(identities, images, seed, known))
    write_text(out / ATTRIBUTES, "\n".join(lines) + "\n")


def write_folder(
    out: Path,
    *,
    identities: int,
    images: int,
    seed: int,
    aligned: bool = False,
    workers: int = 2,
    progress: Progress = no_progress,
) -> None:
    """Renders people into one folder per person: `person-00001/0001.jpg` and so on.

    Args:
        out: a new folder, or one that an interrupted call with the same arguments left.
        identities: people.
        images: pictures of each.
        seed: of everything; person k is the same as in every other layout.
        aligned: 112x112 crops at the reference points instead of 256x256 portraits.
        workers: processes that render; the pictures do not depend on it.
        progress: called as pictures are finished.

    Raises:
        ConfigError: impossible numbers.
        DataError: the folder holds something else.
    """
    _check_numbers(identities, images, workers)
    arguments: Arguments = {
        "layout": "folder",
        "identities": identities,
        "images": images,
        "seed": seed,
        "aligned": aligned,
    }
    _claim(out, arguments)
    framing = "crop" if aligned else "portrait"
    tasks = [
        _Task(seed, k, framing, tuple(f"person-{k + 1:05d}/{i + 1:04d}.jpg" for i in range(images)))
        for k in range(identities)
    ]
    rows = _render_all(out, tasks, workers, progress)
    known = list(rows[0].attributes)
    lines = [",".join(["path", *LANDMARK_NAMES, *known])]
    for row in rows:
        points = [f"{value:.2f}" for value in row.landmarks]
        lines.append(",".join([row.file, *points, *(str(row.attributes[name]) for name in known)]))
    write_text(out / "labels.csv", "\n".join(lines) + "\n")


def _check_numbers(identities: int, images: int, workers: int) -> None:
    for name, value in (("identities", identities), ("images", images), ("workers", workers)):
        if value < 1:
            raise ConfigError(f"{name} is {value}: it must be at least 1")


def _claim(out: Path, arguments: Arguments) -> None:
    """Takes a new folder, or one that was begun with the same arguments."""
    manifest = out / MANIFEST
    arguments = {**arguments, "rendering": RENDERING}
    if manifest.is_file():
        try:
            found = json.loads(manifest.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{manifest} is damaged: delete {out}, or choose another folder") from error
        if found != arguments:
            raise DataError(
                f"{out} holds people rendered with other arguments or by another version ({MANIFEST}): "
                "delete it, or choose another folder"
            )
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists and holds something else: choose a new folder")
    write_json(manifest, arguments)


def _render_all(out: Path, tasks: Sequence[_Task], workers: int, progress: Progress) -> list[_Row]:
    """All pictures that are not there yet, and the index rows of all, in the order of the tasks."""
    total = sum(len(task.files) for task in tasks)
    progress(STAGE, 0, total)
    found = [_read_notes(out, task) for task in tasks]
    missing = [task for task, rows in zip(tasks, found, strict=True) if rows is None]
    done = sum(len(rows) for rows in found if rows is not None)
    rendered: dict[int, list[_Row]] = {}
    for rows in _render_people(out, missing, workers):
        rendered[rows[0].identity] = rows
        done += len(rows)
        progress(STAGE, done, total)
    return [
        row
        for task, rows in zip(tasks, found, strict=True)
        for row in (rendered[task.identity] if rows is None else rows)
    ]


def _render_people(out: Path, tasks: Sequence[_Task], workers: int) -> Iterator[list[_Row]]:
    """Renders, in this process or in several, person by person in the order of the tasks."""
    if not tasks:
        return
    from kronface.synth.head import load_head

    load_head()  # once, so that workers find it in the cache; it also says what is not installed
    from kronface.synth.render import compile_kernels

    compile_kernels()
    for folder in {(out / file).parent for task in tasks for file in task.files} | {out / NOTES}:
        for left in folder.glob("**/.*.tmp"):  # of a process that was killed while it wrote
            left.unlink()
    if workers == 1:
        for task in tasks:
            yield _render_person((str(out), task))
        return
    # Spawned, not forked: Warp and OpenCV hold threads that a fork would not take along. An executor, not a pool: it
    # notices when a worker is killed.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), context, initializer=_start_worker) as executor:
        try:
            yield from executor.map(_render_person, [(str(out), task) for task in tasks])
        except BrokenProcessPool as error:
            raise DataError(
                f"a process that rendered people into {out} was killed: run the same command again, with fewer workers"
            ) from error
        finally:
            executor.shutdown(cancel_futures=True)


def _start_worker() -> None:
    import cv2

    cv2.setNumThreads(1)  # the workers share the cores
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends them
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A parent that is killed cannot end its workers: they would wait for work for ever.
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _read_notes(out: Path, task: _Task) -> list[_Row] | None:
    """What is known of a person whose pictures are all there as they were written; None if some are not."""
    try:
        rows = [_Row(**row) for row in json.loads(_notes_path(out, task).read_text(encoding="utf-8"))]
        whole = all((out / row.file).stat().st_size == row.size for row in rows)
    except (OSError, ValueError, TypeError):
        return None
    return rows if whole and tuple(row.file for row in rows) == task.files else None


def _notes_path(out: Path, task: _Task) -> Path:
    # Folders of a thousand, so that none grows too large to list.
    return out / NOTES / f"{task.identity // 1000:04d}" / f"{task.identity + 1:06d}.json"


def _render_person(work: tuple[str, _Task]) -> list[_Row]:
    """Renders one person's pictures."""
    from kronface.synth.head import load_head
    from kronface.synth.person import make_person
    from kronface.synth.picture import known_attributes, take_picture

    folder, task = work
    out = Path(folder)
    person = make_person(load_head(), task.identity, task.seed)
    rows = []
    for number, file in enumerate(task.files):
        path = out / file
        picture = take_picture(task.seed, task.identity, number, framing=task.framing, person=person)
        write_image(path, picture.image, quality=picture.scene.quality, durable=False)
        landmarks = [float(value) for value in np.round(picture.landmarks.ravel(), 3)]
        rows.append(_Row(file, task.identity, path.stat().st_size, landmarks, known_attributes(picture)))
    # Written last: a person with notes has all pictures, one without is rendered again.
    write_bytes(_notes_path(out, task), json.dumps([asdict(row) for row in rows]).encode(), durable=False)
    return rows


def _explanation(identities: int, images: int, seed: int, known: Sequence[str]) -> str:
    return (
        "Rendered people in CelebA's layout. None of them exists.\n"
        f"Written by Kronface: {identities} people, {images} pictures of each, seed {seed}.\n"
        f"Labels that are exact: {', '.join(known)}.\n{NOT_LABELLED}\n"
    )
