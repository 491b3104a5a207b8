from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from torch.utils.data import DataLoader

from kronface.data.augment import Augment
from kronface.data.dataset import FaceDataset
from kronface.data.reading import Reading, load_faces
from kronface.data.records import Records
from kronface.data.sampling import RoundBatches
from kronface.data.sources import read_source
from kronface.errors import DataError, FaceNotFoundError, ImageError
from kronface.faces.align import REFERENCE_POINTS, align, resize
from kronface.faces.detect import Face
from kronface.faces.image import Image, read_image, write_image
from tests.data.conftest import WriteCeleba, WritePeople

ATTRIBUTES = ("Young", "Male")
SEEN = (REFERENCE_POINTS * 0.9).astype(np.float32)


class TwoFaces:
    """Sees a large face and a small one, or, in bright pictures, none."""

    def detect(self, image: Image) -> list[Face]:
        if image.mean() > 250:
            return []
        large = Face(np.array([10, 10, 90, 90], np.float32), SEEN, 0.9)
        return [large, Face(np.array([0, 0, 9, 9], np.float32), np.zeros((5, 2), np.float32), 0.99)]


@pytest.fixture
def records(write_celeba: WriteCeleba) -> Records:
    return read_source("celeba", write_celeba())


def test_items(records: Records) -> None:
    order = ["00007", "10177"]
    dataset = FaceDataset(records, size=64, attributes=ATTRIBUTES, identities=order)
    assert len(dataset) == 12
    item = dataset[6]
    assert set(item) == {"image", "identity", "attributes", "index"}
    assert (item["image"].dtype, tuple(item["image"].shape)) == (torch.uint8, (64, 64, 3))
    assert (item["identity"].dtype, item["identity"].item()) == (torch.int64, 1)
    assert (item["index"].dtype, item["index"].item()) == (torch.int64, 6)
    assert item["attributes"].dtype == torch.float32
    assert item["attributes"].tolist() == [records.table["Young"][6], records.table["Male"][6]]
    assert [int(dataset[k]["identity"]) for k in range(12)] == [0, 0, 0, -1, -1, 1, 1, -1, -1, -1, -1, -1]
    expected = align(read_image(records.root / records.table["path"][6]), records.landmarks()[6], 64)
    np.testing.assert_array_equal(item["image"].numpy(), expected)


def test_attributes_that_the_set_lacks_are_nan(write_people: WritePeople) -> None:
    records = read_source("folder", write_people({"ann": 1, "bob": 1}), aligned=True)
    assert FaceDataset(records, size=64, attributes=ATTRIBUTES)[0]["attributes"].isnan().all()


def test_aligned_pictures_are_only_scaled(write_people: WritePeople) -> None:
    records = read_source("folder", write_people({"ann": 1, "bob": 1}), aligned=True)
    picture = read_image(records.root / "ann" / "000.png")
    np.testing.assert_array_equal(FaceDataset(records, size=112)[0]["image"].numpy(), picture)
    np.testing.assert_array_equal(FaceDataset(records, size=64)[0]["image"].numpy(), resize(picture, 64))


def test_the_largest_face_is_taken(write_people: WritePeople) -> None:
    records = read_source("folder", write_people({"ann": 1, "bob": 1}))
    picture = read_image(records.root / "ann" / "000.png")
    face = FaceDataset(records, size=64, detector=TwoFaces())[0]["image"].numpy()
    np.testing.assert_array_equal(face, align(picture, SEEN, 64))
    with pytest.raises(ImageError, match="a detector is needed"):
        FaceDataset(records, size=64)[0]


def test_a_bad_picture_raises_with_its_name(records: Records) -> None:
    path = records.root / records.table["path"][3]
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ImageError, match=r"000004\.jpg is cut short"):
        FaceDataset(records, size=64)[3]


def collect(dataset: FaceDataset, workers: int) -> dict[int, np.ndarray]:
    order = RoundBatches(len(dataset), batch_size=4, seed=1)
    order.choose(4, 0, 3)
    batches = DataLoader(dataset, batch_sampler=order, num_workers=workers)
    return {
        int(index): image.numpy()
        for batch in batches
        for index, image in zip(batch["index"], batch["image"], strict=True)
    }


@pytest.mark.parametrize("screened", [False, True])
def test_workers_make_no_difference(records: Records, screened: bool) -> None:
    make = FaceDataset.screened if screened else FaceDataset
    dataset = make(records, size=64, augment=Augment(), seed=3)
    alone, shared = collect(dataset, 0), collect(dataset, 2)
    assert alone.keys() == shared.keys() == set(range(12))
    for index, image in alone.items():
        np.testing.assert_array_equal(shared[index], image)


def test_augmentation_depends_on_seed_epoch_and_index_alone(records: Records) -> None:
    def image(seed: int, epoch: int, index: int) -> np.ndarray:
        dataset = FaceDataset(records, size=64, augment=Augment(), seed=seed)
        return dataset[epoch, index]["image"].numpy()

    np.testing.assert_array_equal(image(3, 4, 5), image(3, 4, 5))
    assert (image(3, 5, 5) != image(3, 4, 5)).any()
    assert (image(4, 4, 5) != image(3, 4, 5)).any()


def test_screened_faces_are_those_of_the_files(records: Records) -> None:
    screened = FaceDataset.screened(records, size=64, attributes=ATTRIBUTES, identities=records.identities())
    plain = FaceDataset(records, size=64, attributes=ATTRIBUTES, identities=records.identities())
    for index in range(12):
        a, b = screened[index], plain[index]
        assert all(torch.equal(a[key], b[key]) for key in a)
    for path in records.table["path"]:
        (records.root / path).unlink()
    assert screened[3]["image"].shape == (64, 64, 3)  # from memory


def test_an_augmented_item_leaves_the_kept_face_alone(records: Records) -> None:
    dataset = FaceDataset.screened(records, size=64)
    before = dataset[2]["image"].clone()
    dataset.augment = Augment()
    dataset[2]["image"].zero_()
    dataset.augment = None
    assert torch.equal(dataset[2]["image"], before)


@pytest.fixture
def hundred(write_people: WritePeople) -> Records:
    return read_source("folder", write_people({"ann": 50, "bob": 50}), aligned=True)


def test_one_bad_picture_in_a_hundred_is_left_out_and_reported(hundred: Records) -> None:
    (hundred.root / "bob" / "007.png").write_bytes(b"no picture")
    dataset = FaceDataset.screened(hundred, size=64, identities=["ann", "bob"])
    assert len(dataset) == 99
    assert [bad.path for bad in dataset.bad] == ["bob/007.png"]
    assert "is not a picture" in dataset.bad[0].reason
    assert "bob/007.png" not in dataset.records.table["path"].to_list()
    expected = read_image(hundred.root / "bob" / "008.png")
    row = dataset.records.table["path"].to_list().index("bob/008.png")
    np.testing.assert_array_equal(dataset[row]["image"].numpy(), resize(expected, 64))
    assert int(dataset[row]["identity"]) == 1


def test_more_than_one_in_a_hundred_stops(hundred: Records) -> None:
    for name in ("007", "008"):
        (hundred.root / "bob" / f"{name}.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2 of 100 pictures.* over 1\.0%.*bob/007\.png") as caught:
        FaceDataset.screened(hundred, size=64)
    assert "\n" not in str(caught.value)
    assert len(FaceDataset.screened(hundred, size=64, max_bad_share=0.02)) == 98


def test_pictures_without_a_face_are_told_apart(write_people: WritePeople) -> None:
    records = read_source("folder", write_people({"ann": 1, "bob": 1}))
    write_image(records.root / "bob" / "000.png", np.full((112, 112, 3), 255, np.uint8))
    found = list(load_faces(records, size=64, detector=TwoFaces()))
    assert [row for row, _, _ in found] == [0, 1]
    assert found[0][2] is None
    assert found[0][1] is not None
    problem = found[1][2]
    assert problem is not None
    assert problem.face_missing
    assert found[1][1] is None
    with pytest.raises(FaceNotFoundError, match="shows no face"):
        FaceDataset(records, size=64, detector=TwoFaces())[1]
    with pytest.raises(DataError, match=r"1 of 2 pictures"):
        FaceDataset.screened(records, size=64, detector=TwoFaces())


def test_known_landmarks_can_be_passed_over(records: Records) -> None:
    _, face, _ = next(iter(load_faces(records, size=64, detector=TwoFaces(), detect=True)))
    picture = read_image(records.root / records.table["path"][0])
    assert face is not None
    np.testing.assert_array_equal(face, align(picture, SEEN, 64))


class Neighbours:
    """Sees a large face on the left and a smaller one on the right."""

    def detect(self, image: Image) -> list[Face]:
        left = Face(np.array([5, 20, 50, 60], np.float32), REFERENCE_POINTS.astype(np.float32) * 0.4, 0.9)
        right = Face(np.array([70, 30, 30, 40], np.float32), REFERENCE_POINTS.astype(np.float32) * 0.3 + 60, 0.9)
        return [left, right]


def test_a_box_says_whose_face_is_meant(write_people: WritePeople) -> None:
    records = read_source("folder", write_people({"ann": 5}))
    # The last one holds the middle of both faces: the smaller fills it better.
    boxes = [[60, 20, 45, 60], [0, 10, 60, 80], [40, 90, 10, 10], None, [28, 28, 75, 45]]
    column = pl.Series("box", boxes, dtype=pl.Array(pl.Float32, 4))
    records = replace(records, table=records.table.with_columns(column))
    pictures = [read_image(records.root / path) for path in records.table["path"]]
    for single in (False, True):
        found = list(load_faces(records, size=64, detector=Neighbours(), single=single))
        for row, place in ((0, 1), (1, 0), (4, 1)):
            expected = align(pictures[row], Neighbours().detect(pictures[row])[place].landmarks, 64)
            np.testing.assert_array_equal(found[row][1], expected)
        assert found[2][2] is not None
        assert found[2][2].reason.endswith("002.png shows no face in its box that the detector finds")
    np.testing.assert_array_equal(found[3][1], align(pictures[3], Neighbours().detect(pictures[3])[0].landmarks, 64))


def test_landmarks_with_missing_parts_are_used(records: Records) -> None:
    points = records.landmarks()[:3].copy()
    points[0, 3:] = np.nan
    points[1, :2] = np.nan
    points[2] = np.nan
    column = pl.Series("landmarks", points, dtype=pl.Array(pl.Float32, (5, 2)))
    few = replace(records, table=records.table[:3].with_columns(column))
    found = list(load_faces(few, size=64, detector=TwoFaces(), max_bad_share=1))
    for row in (0, 1):
        picture = read_image(records.root / records.table["path"][row])
        np.testing.assert_array_equal(found[row][1], align(picture, points[row], 64))
    picture = read_image(records.root / records.table["path"][2])
    np.testing.assert_array_equal(found[2][1], align(picture, SEEN, 64))


class Counted:
    """Faces as grey as the row and the epoch, with a label of their own."""

    size = 8
    start_method = None

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, row: int, epoch: int = 0) -> Reading:
        self.calls += 1
        return Reading(np.full((8, 8, 3), 10 * row + epoch, np.uint8), {"Male": row % 2})


def test_another_reader_gives_faces_by_epoch_and_labels_of_its_own(records: Records) -> None:
    dataset = FaceDataset(records, size=8, attributes=ATTRIBUTES, reader=Counted())
    assert int(dataset[3]["image"].max()) == 30
    assert int(dataset[2, 3]["image"].max()) == 32
    for index in range(12):
        assert dataset[index]["attributes"].tolist() == [records.table["Young"][index], index % 2]


def test_what_is_kept_is_not_read_again_and_has_the_pictures_labels(records: Records) -> None:
    reader = Counted()
    changed = Augment(flip=0.0)
    dataset = FaceDataset(
        records, size=8, attributes=ATTRIBUTES, identities=["00007"], reader=reader, augment=changed, seed=3
    )
    kept = dataset.kept()
    assert reader.calls == 12
    assert kept.in_memory
    assert not dataset.in_memory
    assert kept.records.table["Male"].to_list() == [0, 1] * 6
    assert kept.records.table["Young"].to_list() == records.table["Young"].to_list()
    for key in (3, (0, 3)):
        for name, value in kept[key].items():
            assert torch.equal(value, dataset[3][name]), name  # the augmentation too
    kept.augment = None
    assert int(kept[3]["image"].min()) == int(kept[3]["image"].max()) == 30


def test_what_does_not_fit_is_not_kept(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kronface.data.dataset.CACHE_BYTES", 12 * 8 * 8 * 3 - 1)
    dataset = FaceDataset(records, size=8, reader=Counted())
    assert dataset.kept() is dataset


@pytest.mark.parametrize("screened", [False, True])
def test_other_labels_leave_the_faces_as_they_are(records: Records, screened: bool) -> None:
    build = FaceDataset.screened if screened else FaceDataset
    first = build(records, size=32, attributes=ATTRIBUTES, identities=["00007", "10177"])
    labels = np.arange(24).reshape(12, 2) % 2.0
    labels[3, 1] = np.nan
    given = np.arange(36, dtype=np.float64).reshape(12, 3)
    other = first.relabelled(labels, augment=Augment(), seed=4, given=given)
    np.testing.assert_array_equal(other.records.labels(ATTRIBUTES), labels)
    for row in (3, 7):
        item, plain = other[2, row], first.relabelled(labels)[2, row]
        assert torch.equal(plain["image"], first[row]["image"])
        assert torch.equal(item["identity"], first[row]["identity"])
        np.testing.assert_array_equal(item["attributes"].numpy(), labels[row])
        np.testing.assert_array_equal(item["given"].numpy(), given[row])
        assert "given" not in plain
        expected = Augment()(first[row]["image"].numpy(), np.random.default_rng([4, 2, row]))
        np.testing.assert_array_equal(item["image"].numpy(), expected)
