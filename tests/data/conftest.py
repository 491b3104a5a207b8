"""Small data sets in the official layouts, written byte for byte."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from kronface.data.attributes import CELEBA
from kronface.faces.image import write_image

WriteCeleba = Callable[..., Path]
WritePeople = Callable[..., Path]

LANDMARK_HEADER = (
    "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
)


def picture(number: int, height: int = 218, width: int = 178) -> np.ndarray:
    """A picture that no other number has."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((height // 6 + 1, width // 5 + 1, 1), np.uint8))[:height, :width]


@pytest.fixture
def write_celeba(tmp_path: Path) -> WriteCeleba:
    """Writes a set of eight people and twelve pictures; what it is given replaces a part of it."""

    def write(
        root: Path | None = None,
        *,
        images: str = "img_align_celeba",
        anno: str = "",
        evaluation: str = "",
        identities: Sequence[int] = (7, 7, 7, 2, 2, 10177, 10177, 30, 31, 32, 33, 34),
        splits: Sequence[int] = (0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2),
        pictures: bool = True,
    ) -> Path:
        root = root or tmp_path / "celeba"
        names = [f"{number:06d}.jpg" for number in range(1, len(identities) + 1)]
        labels = np.where(np.random.default_rng(5).random((len(names), 40)) < 0.3, 1, -1)
        for folder in (images, anno, evaluation):
            (root / folder).mkdir(parents=True, exist_ok=True)
        lines = [str(len(names)), " ".join(CELEBA) + " "]
        lines += [f"{name} " + " ".join(f"{v:2d}" for v in row) for name, row in zip(names, labels, strict=True)]
        (root / anno / "list_attr_celeba.txt").write_bytes(("\n".join(lines) + "\n").encode())
        rows = [f"{name} {identity}\r\n" for name, identity in zip(names, identities, strict=True)]
        (root / anno / "identity_CelebA.txt").write_bytes("".join(rows).encode())
        rows = [f"{name} {split}" for name, split in zip(names, splits, strict=True)]
        (root / evaluation / "list_eval_partition.txt").write_bytes("\r\n".join(rows).encode())
        points = np.array([69, 111, 108, 111, 88, 136, 72, 152, 105, 152])
        lines = [str(len(names)), LANDMARK_HEADER + " "]
        for k, name in enumerate(names):
            lines.append(f"{name} " + " ".join(f"{v:4d}" for v in points + k % 3))
        (root / anno / "list_landmarks_align_celeba.txt").write_bytes(("\n".join(lines) + "\n").encode())
        for number, name in enumerate(names) if pictures else ():
            write_image(root / images / name, picture(number), durable=False)
        return root

    return write


@pytest.fixture
def write_people(tmp_path: Path) -> WritePeople:
    """Writes `people[name]` pictures per person, 112x112."""

    def write(people: dict[str, int], root: Path | None = None) -> Path:
        root = root or tmp_path / "people"
        for person, count in people.items():
            for number in range(count):
                write_image(root / person / f"{number:03d}.png", picture(number, 112, 112), durable=False)
        return root

    return write
