"""CelebA's copies: .csv and parquet."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from kronface.data.attributes import CELEBA
from kronface.data.dataset import FaceDataset
from kronface.data.reading import FileReader
from kronface.data.sources.celeba import TYPICAL_LANDMARKS
from kronface.data.sources.celeba_csv import celeba_csv
from kronface.data.sources.celeba_hub import celeba_hub
from kronface.errors import DataError, ImageError
from kronface.faces.align import align
from tests.data.conftest import picture
from tests.data.sources.official import HUB_IDS, celeba_labels, hub_table, write_celeba_csv, write_celeba_hub


@pytest.mark.parametrize("first", ["image_id", ""])
@pytest.mark.parametrize("folder", ["img_align_celeba/img_align_celeba", "img_align_celeba"])
def test_the_mirror(tmp_path: Path, first: str, folder: str) -> None:
    root = write_celeba_csv(tmp_path, first=first, folder=folder)
    records = celeba_csv(root)
    assert records.attributes == CELEBA
    assert records.table["path"].to_list() == [f"{folder}/{k:06d}.jpg" for k in range(1, 7)]
    assert records.table["split"].to_list() == ["train"] * 3 + ["validation"] + ["test"] * 2
    np.testing.assert_array_equal(records.labels(CELEBA), (celeba_labels(6) + 1) // 2)
    assert records.landmarks()[4, 0].tolist() == [69, 113]
    assert records.identities() == []
    assert records.table["identity"].null_count() == 6
    assert len(set(records.people())) == 6
    assert any("train has 3 images (official: 162770)" in note for note in records.notes)
    with pytest.raises(DataError, match="is not the official CelebA: 6 images"):
        celeba_csv(root, official=True)


def test_with_the_owners_file_people_are_known(tmp_path: Path) -> None:
    root = write_celeba_csv(tmp_path)
    (root / "identity_CelebA.txt").write_bytes(b"".join(b"%06d.jpg %d\r\n" % (k, k % 2 + 8) for k in range(1, 7)))
    assert celeba_csv(root).identities() == ["00008", "00009"]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("list_attr_celeba.csv", b"Young", b"Old", "unknown attribute Old"),
        ("list_attr_celeba.csv", b"000002.jpg,", b"000002.jpg,5,", "line 3: 41 values instead of 40"),
        ("list_attr_celeba.csv", b"000002.jpg,", b"000002.jpg,x", "line 3: 'x-?1' is not a whole number"),
        ("list_attr_celeba.csv", b"000002.jpg", b"000001.jpg", "000001.jpg twice"),
        ("list_eval_partition.csv", b"000002.jpg,0", b"000002.jpg,4", "000002.jpg has the split 4"),
        ("list_eval_partition.csv", b"partition", b"split", "has the columns split: expected are image_id partition"),
        ("list_eval_partition.csv", b"000006.jpg", b"000007.jpg", "1 of those are not in it, 000006.jpg the first"),
        ("list_landmarks_align_celeba.csv", b"nose_x", b"nose", "has the columns lefteye_x"),
    ],
)
def test_faults_of_the_mirror(tmp_path: Path, name: str, old: bytes, new: bytes, message: str) -> None:
    root = write_celeba_csv(tmp_path)
    content = (root / name).read_bytes()
    assert old in content
    (root / name).write_bytes(content.replace(old, new, 1))
    with pytest.raises(DataError, match=message) as caught:
        celeba_csv(root)
    assert "\n" not in str(caught.value)


def test_missing_files_of_the_mirror(tmp_path: Path) -> None:
    root = write_celeba_csv(tmp_path)
    (root / "list_landmarks_align_celeba.csv").unlink()
    np.testing.assert_array_equal(celeba_csv(root).landmarks()[3], TYPICAL_LANDMARKS)
    (root / "list_attr_celeba.csv").unlink()
    with pytest.raises(DataError, match=r"list_attr_celeba\.csv is missing: take it from the mirror"):
        celeba_csv(root)


@pytest.mark.parametrize("converted", [False, True])
def test_the_hub(tmp_path: Path, converted: bool) -> None:
    root = write_celeba_hub(tmp_path, converted=converted)
    records = celeba_hub(root)
    first = "train/0000" if converted else "train-00000-of-00002"
    assert records.table["path"][2] == f"img_align+identity+attr/{first}.parquet/2"
    assert records.table["split"].to_list() == ["train"] * 5 + ["validation"] + ["test"] * 2
    assert records.table["identity"].to_list()[:5] == ["00001", "00001", "00002", "10177", "00002"]
    assert records.attributes == CELEBA
    expected = np.concatenate([hub_table(s, range(len(ids))).select(CELEBA).to_numpy() for s, ids in HUB_IDS.items()])
    np.testing.assert_array_equal(records.labels(CELEBA), expected)
    np.testing.assert_array_equal(records.landmarks()[7], TYPICAL_LANDMARKS)
    reader = FileReader(records, size=64)
    for row in (4, 0, 7, 3, 5):  # the pictures of a row group among others
        number = row if row < 5 else 100 if row == 5 else 200 + row - 6
        np.testing.assert_array_equal(reader(row).face, align(picture(number, 218, 178), TYPICAL_LANDMARKS, 64))
    with pytest.raises(DataError, match="train has 5 images of 3 identities"):
        celeba_hub(root, official=True)


def test_rows_beyond_a_block_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronface.data.sources.celeba_hub.ROWS", 2)
    monkeypatch.setattr("kronface.data.sources.celeba_hub.KEPT", 1)
    records = celeba_hub(write_celeba_hub(tmp_path))
    reader = FileReader(records, size=64)
    for row in (2, 0, 1, 2, 4):
        np.testing.assert_array_equal(reader(row).face, align(picture(row, 218, 178), TYPICAL_LANDMARKS, 64))


def test_processes_that_load_from_parquet(tmp_path: Path) -> None:
    dataset = FaceDataset(celeba_hub(write_celeba_hub(tmp_path)), size=32)
    assert dataset.start_method(2) == "spawn"
    first = dataset[6]["image"]
    spawned = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own
    assert torch.equal(spawned[6]["image"], first)


def test_faults_of_the_hub(tmp_path: Path) -> None:
    root = write_celeba_hub(tmp_path)
    folder = root / "img_align+identity+attr"
    records = celeba_hub(root)
    last = folder / "train-00001-of-00002.parquet"
    content = last.read_bytes()
    last.write_bytes(content[:-20])
    with pytest.raises(
        DataError, match=r"train-00001-of-00002\.parquet cannot be read .*: download it again"
    ) as caught:
        celeba_hub(root)
    assert "\n" not in str(caught.value)
    assert records.store is not None
    with pytest.raises(ImageError, match="cannot be read"):
        records.store.picture("img_align+identity+attr/train-00001-of-00002.parquet/0")
    with pytest.raises(ImageError, match="row 3 has no picture"):
        records.store.picture("img_align+identity+attr/train-00000-of-00002.parquet/3")
    last.unlink()
    with pytest.raises(DataError, match=r"train-00001-of-00002\.parquet is missing, 1 of 4 files"):
        celeba_hub(root)
    hub_table("train", [0]).rename({"Young": "Old"}).write_parquet(last)
    with pytest.raises(DataError, match="has the columns image, celeb_id"):
        celeba_hub(root)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no train-00000-of"):
        celeba_hub(tmp_path / "empty")
