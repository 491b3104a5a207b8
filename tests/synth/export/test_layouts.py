"""The official layout byte by byte, determinism, resumption, and what is refused."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from kronface.data.attributes import CELEBA
from kronface.data.sources.celeba import celeba
from kronface.data.sources.folder import folder
from kronface.errors import ConfigError, DataError
from kronface.faces.align import REFERENCE_POINTS
from kronface.faces.detect import YuFaceDetector
from kronface.faces.image import read_image
from kronface.synth.export import write_celeba, write_folder


def read_truth(root: Path) -> list[dict[str, str]]:
    with (root / "truth.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def five_points(row: dict[str, str]) -> np.ndarray:
    names = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
    return np.array([[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in names])


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("rendering"))
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_index_files_have_the_official_bytes(celeba_people: Path) -> None:
    attributes = (celeba_people / "list_attr_celeba.txt").read_bytes().split(b"\n")
    assert attributes[0] == b"48"
    assert attributes[1] == " ".join(CELEBA).encode() + b" "
    assert attributes[2].startswith(b"000001.jpg ")
    assert len(attributes[2]) == len("000001.jpg") + 40 * 3
    assert attributes[-1] == b""
    identities = (celeba_people / "identity_CelebA.txt").read_bytes()
    assert identities.startswith(b"000001.jpg 1\r\n000002.jpg 1\r\n")
    assert identities.endswith(b"000048.jpg 12\r\n")
    partition = (celeba_people / "list_eval_partition.txt").read_bytes()
    assert partition.count(b" 0\r\n") == 24
    assert partition.count(b" 1\r\n") == 16
    assert partition.endswith(b"000048.jpg 2\r\n")
    landmarks = (celeba_people / "list_landmarks_align_celeba.txt").read_bytes().split(b"\n")
    assert landmarks[1].startswith(b"lefteye_x lefteye_y righteye_x")


def test_the_real_reader_reads_it(celeba_people: Path) -> None:
    records = celeba(celeba_people)
    assert [len(records.select(split=split)) for split in ("train", "validation", "test")] == [24, 16, 8]
    assert len(records.identities()) == 12
    assert records.attributes == CELEBA
    image = read_image(celeba_people / records.table["path"][0])
    assert image.shape == (218, 178, 3)
    eyes = records.landmarks()[:, :2].mean(0)
    np.testing.assert_allclose(eyes, [[69, 111], [108, 111]], atol=6)
    explanation = (celeba_people / "README.txt").read_text()
    assert "Male" in explanation
    assert "mean nothing" in explanation


def test_identity_attributes_are_constant_over_a_persons_pictures(celeba_people: Path) -> None:
    records = celeba(celeba_people)
    for person in records.identities():
        labels = records.select(identities=[person]).labels(("Male", "Young", "Bald", "Big_Nose", "Oval_Face"))
        assert (labels == labels[0]).all()


def test_pictures_do_not_depend_on_workers_counts_or_layout(celeba_people: Path, tmp_path: Path) -> None:
    write_celeba(tmp_path / "one", identities=3, images=4, seed=5, validation=0, test=0, workers=1)
    few, many = digests(tmp_path / "one"), digests(celeba_people)
    pictures = [name for name in few if name.endswith(".jpg")]
    assert len(pictures) == 12
    assert all(few[name] == many[name] for name in pictures)
    write_celeba(tmp_path / "other", identities=1, images=1, seed=6, validation=0, test=0, workers=1)
    assert digests(tmp_path / "other")["img_align_celeba/000001.jpg"] != few["img_align_celeba/000001.jpg"]


def test_an_interrupted_call_goes_on_and_other_arguments_are_refused(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise StoppedError

    straight, broken = tmp_path / "straight", tmp_path / "broken"
    write_folder(straight, identities=3, images=2, seed=9, aligned=True, workers=1)
    with pytest.raises(StoppedError):
        write_folder(broken, identities=3, images=2, seed=9, aligned=True, workers=1, progress=stop)
    assert not (broken / "truth.csv").exists()
    with pytest.raises(DataError, match="other arguments"):
        write_folder(broken, identities=4, images=2, seed=9, aligned=True, workers=1)
    first = broken / "person-00001" / "0001.jpg"
    stamp = first.stat().st_mtime_ns
    write_folder(broken, identities=3, images=2, seed=9, aligned=True, workers=1)
    assert first.stat().st_mtime_ns == stamp
    assert digests(broken) == digests(straight)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(DataError, match="something else"):
        write_folder(tmp_path, identities=1, images=1, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "rendering.json").write_text("{")
    with pytest.raises(DataError, match="rendering"):
        write_folder(tmp_path / "damaged", identities=1, images=1, seed=0)


@pytest.mark.parametrize(
    "numbers",
    [{"identities": 0, "images": 1}, {"identities": 1, "images": 0}, {"identities": 2, "images": 1, "test": 2}],
)
def test_impossible_numbers(tmp_path: Path, numbers: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        write_celeba(tmp_path / "out", seed=0, **numbers)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_detector_finds_rendered_faces_where_the_labels_say(folder_people: Path) -> None:
    records = folder(folder_people)
    assert len(records.identities()) == 6
    rows = {row["path"]: row for row in read_truth(folder_people)}
    assert set(records.table["path"]) == set(rows)
    detector = YuFaceDetector()
    errors = []
    for path, row in rows.items():
        if abs(float(row["yaw_rad"])) > np.radians(45):
            continue
        faces = detector.detect(read_image(folder_people / path))
        assert faces, path
        errors.append(np.abs(faces[0].landmarks - five_points(row)).mean())
    assert len(errors) > 10
    assert np.median(errors) < 6  # of eyes that are 38 pixels apart


def test_aligned_crops_have_their_landmarks_at_the_reference_points(tmp_path: Path) -> None:
    write_folder(tmp_path / "crops", identities=2, images=3, seed=5, aligned=True, workers=1)
    points = np.stack([five_points(row) for row in read_truth(tmp_path / "crops")])
    assert read_image(tmp_path / "crops" / "person-00001" / "0001.jpg").shape == (112, 112, 3)
    # The five points of a turned head cannot all lie there: their mean does, exactly.
    np.testing.assert_allclose(points.mean(1), np.tile(REFERENCE_POINTS.mean(0), (6, 1)), atol=0.01)


def test_manifest_says_what_was_asked_for(celeba_people: Path) -> None:
    manifest = json.loads((celeba_people / "rendering.json").read_text())
    assert (manifest["identities"], manifest["images"], manifest["seed"]) == (12, 4, 5)
