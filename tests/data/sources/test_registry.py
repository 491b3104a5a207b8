import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kronface.data.packed import pack
from kronface.data.reading import load_faces
from kronface.data.sources import LAYOUTS, read_source
from kronface.errors import ConfigError, DataError
from kronface.faces.align import REFERENCE_POINTS
from kronface.faces.detect import Face
from kronface.faces.image import Image
from tests.data.conftest import WriteCeleba, WritePeople
from tests.data.sources import official
from tests.data.sources.packs import insightface, write_pack

WRITERS: dict[str, Callable[[Path], Path]] = {
    "celeba-csv": official.write_celeba_csv,
    "celeba-hub": official.write_celeba_hub,
    "casia": official.write_casia,
    "recordio": lambda root: write_pack(root, insightface((2, 1))),
    "lfw": official.write_lfw,
    "facescrub": official.write_facescrub,
    "megaface": official.write_megaface,
    "fgnet": official.write_fgnet,
    "ijb": official.write_ijb,
}


class Middle:
    """Sees one face in the middle of every picture."""

    def detect(self, image: Image) -> list[Face]:
        height, width = image.shape[:2]
        points = REFERENCE_POINTS * min(height, width) / 224 + (width / 4, height / 4)
        box = np.array([width / 4, height / 4, width / 2, height / 2], np.float32)
        return [Face(box, points.astype(np.float32), 0.9)]


@pytest.fixture(params=sorted({*LAYOUTS}))
def written(
    request: pytest.FixtureRequest, tmp_path: Path, write_celeba: WriteCeleba, write_people: WritePeople
) -> tuple[str, Path]:
    """Each layout with a small set in it, written byte for byte."""
    layout: str = request.param
    if layout == "celeba":
        return layout, write_celeba()
    if layout == "folder":
        return layout, write_people({"ann": 1, "bob": 2})
    if layout == "packed":
        pack(read_source("folder", write_people({"ann": 1, "bob": 2}), aligned=True), tmp_path / "set", size=48)
        return layout, tmp_path / "set"
    return layout, WRITERS[layout](tmp_path / "set")


def test_every_layout_gives_records_and_faces(written: tuple[str, Path]) -> None:
    layout, root = written
    records = read_source(layout, root)
    assert records.name == layout
    assert records.root == root
    assert len(records) > 0
    for _, face, problem in load_faces(records, size=32, detector=Middle()):
        assert problem is None
        assert face is not None
        assert face.shape == (32, 32, 3)


def test_every_layout_names_what_is_missing_and_owners(written: tuple[str, Path]) -> None:
    layout, root = written
    known = LAYOUTS[layout]
    assert all(part.is_there(root) for part in known.parts)
    assert "\n" not in known.line()
    assert all((known.title, known.owner, known.terms, known.ask))
    arguments = set(inspect.signature(known.read).parameters) - {"root"}
    assert arguments == set(known.options)
    with pytest.raises(DataError, match="nowhere is") as caught:
        read_source(layout, root / "nowhere")
    assert "\n" not in str(caught.value)


def test_options_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown layout 'vgg': choose one of celeba, celeba-csv"):
        read_source("vgg", tmp_path)
    with pytest.raises(ConfigError, match="--official does not belong to the layout folder, but to celeba"):
        read_source("folder", tmp_path, official=True)
    with pytest.raises(ConfigError, match="--aligned does not belong to the layout celeba, but to folder"):
        read_source("celeba", tmp_path, aligned=True)
    with pytest.raises(ConfigError, match="--overlap does not belong to the layout lfw, but to casia, recordio"):
        read_source("lfw", tmp_path, overlap="removed")
