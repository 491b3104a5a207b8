"""Packed faces: the same as the pictures give, for every command that reads a layout."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kronface.cli.main import main
from kronface.data import packed as module
from kronface.data.dataset import FaceDataset
from kronface.data.packed import pack
from kronface.data.reading import FileReader
from kronface.data.sources.celeba import celeba
from kronface.data.sources.packed import packed
from kronface.errors import DataError


def test_packed_faces_are_those_of_the_pictures(celeba_people: Path, tmp_path: Path) -> None:
    records = celeba(celeba_people)
    found = pack(records, tmp_path / "faces", size=48, rows_per_part=20)
    assert (found.faces, found.written, found.left_out) == (len(records), 3, ())
    again = packed(tmp_path / "faces")
    assert again.table.drop("landmarks", "aligned").equals(records.table.drop("landmarks", "aligned"))
    assert again.attributes == records.attributes
    assert again.table["aligned"].all()
    reader, expected = FileReader(again, size=48), FileReader(records, size=48)
    for row in (0, 19, 20, 47):
        np.testing.assert_array_equal(reader(row).face, expected(row).face)
    dataset = FaceDataset(again, size=32, attributes=("Male",))
    assert dataset[3]["image"].shape == (32, 32, 3)


def test_packing_goes_on(celeba_people: Path, tmp_path: Path) -> None:
    records, out = celeba(celeba_people), tmp_path / "faces"

    class EnoughError(Exception):
        pass

    def stop(_: str, done: int, __: int) -> None:
        if done == 30:
            raise EnoughError

    with pytest.raises(EnoughError):
        pack(records, out, size=32, rows_per_part=20, progress=stop)
    (out / ".part-00001.npy.x.tmp").write_bytes(b"half")
    (out / "part-00001.npy").write_bytes(b"faces without their table")
    with pytest.raises(DataError, match="not whole"):
        packed(out)
    found = pack(records, out, size=32, rows_per_part=20)
    assert (found.written, found.faces) == (2, len(records))
    assert not list(out.glob(".*"))
    assert len(packed(out)) == len(records)
    with pytest.raises(DataError, match=r"other faces \(size differ\)"):
        pack(records, out, size=48, rows_per_part=20)
    with pytest.raises(DataError, match="other files"):
        pack(records, celeba_people)


def test_unusable_pictures_are_left_out(celeba_people: Path, tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "celeba"
    shutil.copytree(celeba_people, root)
    first = sorted((root / "img_align_celeba").iterdir())[0]
    first.write_bytes(b"no picture")
    found = pack(celeba(root), tmp_path / "faces", size=32, max_bad_share=0.5)
    assert [picture.path.split("/")[-1] for picture in found.left_out] == [first.name]
    assert found.faces == len(packed(tmp_path / "faces")) == len(celeba(root)) - 1
    with pytest.raises(DataError, match=r"over 1\.0%"):
        pack(celeba(root), tmp_path / "others", size=32)


def test_damaged_folders_are_refused(celeba_people: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces"
    pack(celeba(celeba_people), out, size=32, rows_per_part=20)
    faces = np.load(out / "part-00001.npy")
    np.save(out / "part-00001.npy", faces[:-1])
    with pytest.raises(DataError, match=r"part-00001\.npy holds uint8 of shape"):
        packed(out)
    np.save(out / "part-00001.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match="missing or damaged"):
        packed(out)
    manifest = json.loads((out / module.MANIFEST).read_text())
    (out / module.MANIFEST).write_text(json.dumps(manifest | {"format": "other"}))
    with pytest.raises(DataError, match="no manifest"):
        packed(out)
    with pytest.raises(DataError, match="kronface data pack"):
        packed(tmp_path)


def test_the_command_packs_what_train_reads(
    celeba_people: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "faces"
    assert main(["data", "pack", "celeba", str(celeba_people), "--out", str(out), "--size", "32"]) == 0
    assert "48 faces of 48 pictures" in capfd.readouterr().out
    assert main(["data", "check", "packed", str(out)]) == 0
    words = ["train", "--root", str(out), "--layout", "packed", "--out", str(tmp_path / "run"), "--epochs", "1"]
    words += ["--variant", "vgg19-quarter", "--size", "32", "--arm", "identity-only", "--batch-size", "8"]
    assert main(words) == 0
    assert (tmp_path / "run" / "last" / "config.json").is_file()
    assert pl.read_parquet(out / "part-00000.parquet").height == 48
