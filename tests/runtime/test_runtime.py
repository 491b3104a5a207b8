"""Extraction, the folder protocol, thresholds and photographs, on rendered people and a small untrained network."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kronface.data.attributes import FUSED, PREDICTED
from kronface.data.sources.celeba import celeba
from kronface.data.sources.folder import folder
from kronface.errors import CheckpointError, DataError
from kronface.faces.detect import Face, YuFaceDetector
from kronface.faces.image import read_image, write_image
from kronface.network.checkpoint import CALIBRATION, fingerprint
from kronface.network.variants import build
from kronface.runtime.calibrate import calibrate_checkpoint, load_calibration
from kronface.runtime.drawing import draw_faces
from kronface.runtime.embedder import NetworkEmbedder, PixelEmbedder
from kronface.runtime.evaluate import evaluate
from kronface.runtime.extract import extract
from kronface.runtime.pipeline import Pipeline


@pytest.fixture(scope="module")
def embedder() -> NetworkEmbedder:
    network = build(variant="vgg19-quarter", predicted=PREDICTED, fused=FUSED, identities=5, size=32)
    return NetworkEmbedder(network, device="cpu")


def test_extraction_keeps_order_and_does_not_depend_on_the_batch(
    celeba_people: Path, embedder: NetworkEmbedder
) -> None:
    records = celeba(celeba_people).select(split="test")
    whole, single = extract(records, embedder), extract(records, embedder, batch_size=3)
    assert whole.embeddings is not None
    assert whole.probabilities is not None
    assert single.embeddings is not None
    assert whole.embeddings.shape == (8, 1024)
    assert whole.probabilities.shape == (8, 11)
    np.testing.assert_allclose(whole.embeddings, single.embeddings, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(whole.embeddings, axis=1), 1, atol=1e-5)


def test_faceless_pictures_are_misses_and_unreadable_ones_are_left_out(
    folder_people: Path, tmp_path: Path, embedder: NetworkEmbedder
) -> None:
    root = tmp_path / "people"
    shutil.copytree(folder_people, root)
    write_image(root / "person-00001" / "0001.jpg", np.full((200, 200, 3), 128, np.uint8))
    (root / "person-00002" / "0002.jpg").write_bytes(b"\xff\xd8 no picture")
    records = folder(root)
    with pytest.raises(DataError, match="max-bad-share"):
        extract(records, embedder, detector=YuFaceDetector())
    found = extract(records, embedder, detector=YuFaceDetector(), max_bad_share=0.1)
    assert [image.path for image in found.bad] == ["person-00002/0002.jpg"]
    assert [image.path for image in found.not_found] == ["person-00001/0001.jpg"]
    assert len(found.records) == len(records) - 1
    assert found.embeddings is not None
    assert np.isnan(found.embeddings[0]).all()
    assert not np.isnan(found.embeddings[1:]).any()
    result = evaluate(records, embedder, name="n", detector=YuFaceDetector(), max_bad_share=0.1, resamples=20)
    assert result["faces_not_found"] == 1
    assert len(result["bad_images"]) == 1
    assert result["probes"] == 11  # 17 pictures, one of each of six people enrolled
    json.dumps(result, allow_nan=False)


def test_evaluating_twice_gives_the_same_figures(celeba_people: Path, embedder: NetworkEmbedder) -> None:
    records = celeba(celeba_people).select(split="validation")
    first, second = (evaluate(records, embedder, name="n", resamples=50) for _ in range(2))
    for result in (first, second):
        result["settings"].pop("seconds")
    assert first == second
    assert set(first["attributes"]) == set(PREDICTED)
    assert {"average_precision", "ece", "threshold"} < set(first["attributes"]["Male"])
    assert first["people"] == 4


def test_pixels_find_the_very_same_picture(celeba_people: Path) -> None:
    records = celeba(celeba_people).select(split="test")
    found = extract(records, PixelEmbedder(size=32))
    assert found.probabilities is None
    assert found.embeddings is not None
    np.testing.assert_allclose(np.diag(found.embeddings @ found.embeddings.T), 1, atol=1e-5)
    flat, _ = PixelEmbedder(size=4)(np.full((1, 4, 4, 3), 7, np.uint8))
    assert not flat.any()


def test_thresholds_are_kept_beside_the_checkpoint_and_belong_to_it(celeba_people: Path, tmp_path: Path) -> None:
    network = build(variant="vgg19-quarter", predicted=PREDICTED, fused=FUSED, identities=5, size=32)
    checkpoint, other = tmp_path / "a", tmp_path / "b"
    mark = network.save_pretrained(checkpoint)
    held_out = celeba(celeba_people).select(split="validation")
    with pytest.raises(CheckpointError, match="missing"):
        load_calibration(checkpoint / CALIBRATION, mark)
    assert "4 held-out people" in calibrate_checkpoint(checkpoint, held_out)
    assert load_calibration(checkpoint / CALIBRATION, mark).threshold_for(2).score <= 1
    other_network = build(variant="vgg19-quarter", predicted=PREDICTED, fused=FUSED, identities=5, size=32, seed=1)
    other_network.save_pretrained(other)
    shutil.copy(checkpoint / "calibration.json", other)
    with pytest.raises(CheckpointError, match="other weights"):
        load_calibration(other / CALIBRATION, fingerprint(other_network))
    assert "no threshold" in calibrate_checkpoint(checkpoint, celeba(celeba_people).select(split="test"))


def test_a_photograph_of_several_people(embedder: NetworkEmbedder) -> None:
    from kronface.synth.group import take_group_photo

    photo = take_group_photo([1, 2, 3], seed=5)
    faces = Pipeline(YuFaceDetector(), embedder).analyse(photo.image)
    assert len(faces) == 3
    for face in faces:
        nearest = min(np.abs(points - face.face.landmarks).mean() for points in photo.landmarks)
        assert nearest < 12  # of eyes that are 62 pixels apart
        assert face.crop.shape == (32, 32, 3)
        assert set(face.attributes) == set(PREDICTED)
    drawn = draw_faces(photo.image, [face.face for face in faces], ["Ada", "Zoë", "unknown"])
    assert drawn.shape == photo.image.shape
    assert not np.array_equal(drawn, photo.image)
    assert Pipeline(YuFaceDetector(), embedder).analyse(np.zeros((200, 300, 3), np.uint8)) == []


def test_names_are_drawn_in_their_own_letters() -> None:
    picture = np.zeros((200, 400, 3), np.uint8)
    face = Face(np.array([100, 60, 100, 120], np.float32), np.full((5, 2), 120, np.float32), 1.0)

    def drawn(name: str) -> bytes:
        return draw_faces(picture, [face], [name]).tobytes()

    names = ["José", "Jos?", "奥巴马", "李小龍", "???", "Дмитрий", "Łukasz"]
    assert len({drawn(name) for name in names}) == len(names)
    assert drawn("a\nb") == drawn("a?b")


def test_no_face_anywhere_is_an_error(tmp_path: Path, embedder: NetworkEmbedder) -> None:
    for person in "ab":
        for image in range(2):
            write_image(tmp_path / person / f"{image}.png", np.full((64, 64, 3), 90, np.uint8))
    with pytest.raises(DataError, match="--aligned"):
        evaluate(folder(tmp_path), embedder, name="n", detector=YuFaceDetector())
    assert read_image(tmp_path / "a" / "0.png").shape == (64, 64, 3)
