"""Rendered people without files: the people, pictures and labels are those of the written layouts."""

from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

from kronface.data.attributes import PREDICTED
from kronface.data.dataset import FaceDataset
from kronface.data.records import Records
from kronface.errors import ConfigError, FaceNotFoundError
from kronface.faces.align import align
from kronface.faces.detect import Face
from kronface.faces.image import Image
from kronface.synth.picture import take_picture
from kronface.synth.settings import Rendering
from kronface.synth.source import RenderedFaces, people
from tests.synth.export.test_layouts import read_truth

SEED, IMAGES = 5, 3


@pytest.fixture(scope="module")
def records() -> Records:
    return people(identities=4, images=IMAGES, seed=SEED, validation=2)


class FixedDetector:
    def __init__(self, *faces: Face) -> None:
        self.faces = list(faces)

    def detect(self, image: Image) -> list[Face]:
        return self.faces


def test_records(records: Records, folder_people: Path) -> None:
    assert len(records) == 6 * IMAGES
    assert records.table["path"][:4].to_list() == [
        "person-00001/0001",
        "person-00001/0002",
        "person-00001/0003",
        "person-00002/0001",
    ]
    assert records.select(split="train").identities() == [f"person-{k:05d}" for k in (1, 2, 3, 4)]
    assert records.select(split="validation").identities() == ["person-00005", "person-00006"]
    assert records.table["aligned"].all()
    truth = {row["path"]: row for row in read_truth(folder_people)}
    for row in records.table.iter_rows(named=True):
        for name in PREDICTED:
            assert row[name] == int(truth[f"{row['path']}.jpg"][name]), (row["path"], name)
    assert records.table["Smiling"].null_count() == len(records)  # it comes with the picture


def test_labels_with_noise_come_with_the_picture() -> None:
    noisy = people(identities=1, images=2, seed=SEED, rendering=Rendering(label_noise="flips"))
    assert noisy.table["Male"].null_count() == 2


@pytest.mark.parametrize("numbers", [{"identities": 0, "images": 1}, {"identities": 1, "images": 0}])
def test_impossible_numbers(numbers: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        people(seed=0, **numbers)  # type: ignore[arg-type]


def test_a_row_is_the_picture_of_its_path_and_fresh_epochs_go_on_from_there(records: Records) -> None:
    part = records.select(split="validation")
    same = RenderedFaces(part, size=64, images=IMAGES, seed=SEED)
    fresh = RenderedFaces(part, size=64, images=IMAGES, seed=SEED, fresh=True)
    for reader, epoch, image in ((same, 0, 1), (same, 2, 1), (fresh, 0, 1), (fresh, 2, 2 * IMAGES + 1)):
        reading = reader(4, epoch)  # the second picture of the sixth person
        expected = take_picture(SEED, 5, image, framing="crop", size=64)
        np.testing.assert_array_equal(reading.face, expected.image)
        assert reading.labels == expected.attributes


def test_a_detector_looks_at_portraits(records: Records) -> None:
    picture = take_picture(SEED, 0, 2, framing="portrait")
    points = picture.landmarks + 1
    detector = FixedDetector(Face(np.array([0, 0, 50, 50], np.float32), points, 0.9))
    found = RenderedFaces(records, size=112, images=IMAGES, seed=SEED, detector=detector)(2)
    np.testing.assert_array_equal(found.face, align(picture.image, points, 112))
    blind = RenderedFaces(records, size=112, images=IMAGES, seed=SEED, detector=FixedDetector())
    with pytest.raises(FaceNotFoundError, match="picture 3 of person 1"):
        blind(2)


def test_processes_make_no_difference(records: Records) -> None:
    part = records.select(split="validation")
    reader = RenderedFaces(part, size=48, images=IMAGES, seed=SEED)
    dataset = FaceDataset(part, size=48, attributes=("Male", "Smiling"), reader=reader)
    assert dataset.start_method(0) is None
    assert dataset.start_method(2) == "spawn"
    alone = [dataset[index] for index in range(len(dataset))]
    loader = DataLoader(dataset, 2, num_workers=2, multiprocessing_context=dataset.start_method(2))
    for batch in loader:
        for place, index in enumerate(batch["index"].tolist()):
            np.testing.assert_array_equal(batch["image"][place], alone[index]["image"])
            np.testing.assert_array_equal(batch["attributes"][place], alone[index]["attributes"])
