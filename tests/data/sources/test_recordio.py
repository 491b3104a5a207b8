"""Packs as InsightFace's and MXNet's tools write them."""

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from kronface.data.dataset import FaceDataset
from kronface.data.reading import load_faces
from kronface.data.sources.recordio import RecordStore, recordio
from kronface.errors import ConfigError, DataError
from kronface.faces.align import REFERENCE_POINTS, resize
from kronface.faces.image import decode_image
from tests.data.sources.packs import MAGIC, chip, chunks, framed, image_record, insightface, jpeg, write_pack

PEOPLE = (3, 1, 2)


def test_a_pack_of_insightface(tmp_path: Path) -> None:
    root = write_pack(tmp_path / "faces", insightface(PEOPLE))
    (root / "property").write_text("3,112,112\n")
    records = recordio(root)
    assert records.name == "recordio"
    assert records.root == root
    assert records.table["path"].to_list() == [f"train.rec/{key}" for key in range(1, 7)]
    assert records.table["identity"].to_list() == ["0", "0", "0", "1", "2", "2"]
    assert records.table["aligned"].all()
    assert records.notes == ()
    for row, face, problem in load_faces(records, size=112):
        assert problem is None
        np.testing.assert_array_equal(face, decode_image(jpeg(chip(row + 1)), "reference"))
    assert recordio(root / "train.rec").table.equals(records.table)


def test_labels_behind_the_header_and_crlf(tmp_path: Path) -> None:
    records = recordio(write_pack(tmp_path, insightface(PEOPLE, vectors=True), end="\r\n"))
    assert records.table["identity"].to_list() == ["0", "0", "0", "1", "2", "2"]
    assert [len(records.select(identities=[name])) for name in "012"] == [3, 1, 2]


def test_a_plain_file_of_records(tmp_path: Path) -> None:
    shuffled = {key: image_record(float(key % 12), jpeg(chip(key)), key) for key in (4, 0, 12, 7)}
    records = recordio(write_pack(tmp_path, shuffled, name="val"))
    assert records.table["path"].to_list() == ["val.rec/4", "val.rec/0", "val.rec/12", "val.rec/7"]
    assert records.table["identity"].to_list() == ["4", "0", "0", "7"]
    faces = [face for _, face, _ in load_faces(records, size=56)]
    for key, face in zip((4, 0, 12, 7), faces, strict=True):
        np.testing.assert_array_equal(face, resize(decode_image(jpeg(chip(key)), "reference"), 56))


def test_class_numbers_sort_as_numbers(tmp_path: Path) -> None:
    plain = {key: image_record(float(label), jpeg(chip(key)), key) for key, label in enumerate((9, 10, 100))}
    assert recordio(write_pack(tmp_path, plain)).identities() == ["009", "010", "100"]


def test_pictures_that_hold_the_mark_are_joined_again(tmp_path: Path) -> None:
    head = jpeg(chip(1))
    # A comment segment with the mark at a multiple of four of the record: 24 bytes header, 2 of the JPEG's start.
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 16) + b"ab" + MAGIC + b"cdef" + MAGIC + b"gh"
    picture = head[:2] + comment + head[2:]
    record = image_record(0.0, picture, 1)
    assert len(chunks(record)) == 3
    root = write_pack(tmp_path, {1: record, 2: image_record(1.0, head, 2)})
    records = recordio(root)
    assert isinstance(records.store, RecordStore)
    assert records.store.read("train.rec/1") == picture
    faces = [face for _, face, _ in load_faces(records, size=112)]
    np.testing.assert_array_equal(faces[0], faces[1])


def test_an_index_that_is_missing_is_made_up_for(tmp_path: Path) -> None:
    root = write_pack(tmp_path, insightface(PEOPLE))
    known = recordio(root)
    (root / "train.idx").unlink()
    found = recordio(root)
    assert found.table["identity"].to_list() == known.table["identity"].to_list()
    assert any("train.idx is missing" in note for note in found.notes)
    for (_, one, _), (_, other, _) in zip(load_faces(known, size=64), load_faces(found, size=64), strict=True):
        np.testing.assert_array_equal(one, other)


def test_loaders_with_processes(tmp_path: Path) -> None:
    records = recordio(write_pack(tmp_path, insightface(PEOPLE)))
    dataset = FaceDataset(records, size=32, identities=records.identities())
    loader = DataLoader(dataset, 2, num_workers=1, multiprocessing_context="fork")
    images = torch.cat([batch["image"] for batch in loader])
    assert torch.equal(images, torch.stack([dataset[row]["image"] for row in range(6)]))
    assert dataset.start_method(1) is None
    spawned = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own
    assert torch.equal(spawned[5]["image"], images[5])
    assert not FaceDataset.screened(records, size=32).bad


def test_property_says_the_shape(tmp_path: Path) -> None:
    root = write_pack(tmp_path, insightface(PEOPLE))
    (root / "property").write_text("5,112,112\n")
    assert any("announces 5 classes" in note for note in recordio(root).notes)
    (root / "property").write_text("3,112,96\n")
    records = recordio(root)
    assert not records.table["aligned"].any()
    np.testing.assert_allclose(records.landmarks()[0], REFERENCE_POINTS - (8, 0), atol=1e-4)
    (root / "property").write_text("3,218,178\n")
    assert any("the detector looks" in note for note in recordio(root).notes)
    for content, message in (("3,112", "one line"), ("2,112,112", "announces 2 classes, but .* reach 2")):
        (root / "property").write_text(content)
        with pytest.raises(DataError, match=message):
            recordio(root)


LIST = """\
0\t/data/CASIA-WebFace/0000045/001.jpg\t0\t10\t20\t110\t140\t1\t2\t3\t4\t5\t6\t7\t8\t9\t10
0\t/data/CASIA-WebFace/0000099/001.jpg\t1
0\t/data/CASIA-WebFace/0000513/001.jpg\t2\t10\t20\t110\t140
"""


def test_the_list_says_who_the_classes_are(tmp_path: Path) -> None:
    root = write_pack(tmp_path, insightface(PEOPLE))
    with pytest.raises(DataError, match=r"train\.lst is missing: .* --overlap removed cannot be"):
        recordio(root, overlap="removed")
    (root / "train.lst").write_text(LIST)
    records = recordio(root)
    assert records.table["identity"].to_list() == ["0000045"] * 3 + ["0000099"] + ["0000513"] * 2
    assert any("1 who are in LFW, as in the paper" in note for note in records.notes)
    removed = recordio(root, overlap="removed")
    assert removed.identities() == ["0000045", "0000099"]
    with pytest.raises(ConfigError, match="as-paper or removed"):
        recordio(root, overlap="none")
    (root / "train.lst").write_text("0\t0.0\tann/1.jpg\n")  # as im2rec writes it
    assert any("line 1: a line should be aligned, path, class" in note for note in recordio(root).notes)
    (root / "train.lst").write_text(LIST.splitlines()[0])
    with pytest.raises(DataError, match="does not list class 1"):
        recordio(root)


def test_a_damaged_picture_is_bad_and_the_others_are_read(tmp_path: Path) -> None:
    records = insightface(PEOPLE)
    records[4] = image_record(1.0, b"no picture", 4)
    found = list(load_faces(recordio(write_pack(tmp_path, records)), size=32, max_bad_share=0.5))
    assert [problem is None for _, _, problem in found] == [True, True, True, False, True, True]
    problem = found[3][2]
    assert problem is not None
    assert problem.reason == f"{tmp_path / 'train.rec' / '4'} is not a picture, or is damaged: bring a JPEG, PNG, " + (
        "WebP, BMP, TIFF or PGM file"
    )


def test_damage_names_file_and_record(tmp_path: Path) -> None:
    root = write_pack(tmp_path, insightface(PEOPLE))
    pack, index = root / "train.rec", root / "train.idx"
    whole, lines = pack.read_bytes(), index.read_text()

    def complaint() -> str:
        with pytest.raises(DataError) as caught:
            recordio(root)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    pack.write_bytes(whole[: len(whole) // 2])
    assert f"{pack}: record 4 ends beyond the file's" in complaint()
    pack.write_bytes(whole)
    index.write_text(lines.replace("3\t", "3\t1", 1))
    assert f"{pack}: record 3 " in complaint()
    index.write_text(lines.replace("3\t", "33\t", 1))
    assert f"{pack}: record 3 is not in the index, though record 0 announces pictures up to 6" in complaint()
    index.write_text(lines.replace("3\t", "2\t", 1))
    assert "lists record 2 twice" in complaint()
    index.write_text(lines.replace("3\t", "three\t", 1))
    assert f"{index}, line 3 is 'three" in complaint()
    index.write_text("")
    assert "is empty" in complaint()
    index.unlink()
    pack.write_bytes(whole[: len(whole) // 2])
    assert f"{pack}: record 3 ends beyond" in complaint()
    pack.write_bytes(framed(image_record(1.5, b"x")))
    assert "record 0 has the label 1.5, which is no class number" in complaint()
    pack.write_bytes(framed(image_record([2.0, 3.0], b"")))
    assert "holds no pictures" in complaint()


def test_folders_without_a_pack(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.rec is missing"):
        recordio(tmp_path)
    with pytest.raises(DataError, match="neither a folder nor a file"):
        recordio(tmp_path / "nowhere")
    for name in ("a", "b"):
        write_pack(tmp_path, insightface(PEOPLE), name=name)
    with pytest.raises(DataError, match="holds 2 packs"):
        recordio(tmp_path)
    assert len(recordio(tmp_path / "b.rec")) == 6
