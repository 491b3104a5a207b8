"""Networks of others: ONNX files with their cards, exports of our own, dlib's."""

import re
import shutil
import sys
from pathlib import Path

import dlib
import numpy as np
import onnx
import pytest
import torch
import yaml
from onnx import TensorProto, helper, numpy_helper

from kronface.cli.main import main
from kronface.data.attributes import FUSED, PREDICTED
from kronface.data.sources.folder import folder
from kronface.errors import CheckpointError, ConfigError
from kronface.faces.align import REFERENCE_POINTS, align, realign
from kronface.faces.detect import YuFaceDetector, largest_face
from kronface.faces.image import read_image
from kronface.network.checkpoint import ModelCard
from kronface.network.network import Network
from kronface.network.variants import build
from kronface.runtime.calibrate import calibrate_embedder, save_calibration
from kronface.runtime.dlib_network import POINTS, DlibEmbedder, model_path
from kronface.runtime.embedder import NetworkEmbedder, Pixels
from kronface.runtime.extract import extract
from kronface.runtime.load import load_embedder
from kronface.runtime.onnx import OnnxEmbedder
from kronface.runtime.onnx_card import OnnxCard, parse_card, read_card, write_card

rng = np.random.default_rng(0)
FACES: Pixels = rng.integers(0, 256, (5, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, folder_people: Path) -> Path:
    """An untrained network whose batch normalisation has seen faces, with thresholds."""
    where = tmp_path_factory.mktemp("checkpoint") / "net"
    network = build(variant="vgg19-quarter", predicted=PREDICTED, fused=FUSED, identities=5, size=32).train()
    with torch.no_grad():
        network(network.preprocess(torch.from_numpy(rng.integers(0, 256, (16, 32, 32, 3), np.uint8))))
    network.eval().save_pretrained(where, card=ModelCard(licence="CC-BY-4.0", seen=("celeba", "megaface")))
    embedder = NetworkEmbedder.from_pretrained(where, device="cpu")
    save_calibration(
        calibrate_embedder(embedder, folder(folder_people)), where / "calibration.json", embedder.fingerprint
    )
    return where


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as ONNX."""
    out = tmp_path_factory.mktemp("exported") / "net.onnx"
    assert main(["export", "--out", str(out), "--checkpoint", str(checkpoint)]) == 0
    return out


def test_an_exported_network_says_the_same(checkpoint: Path, exported: Path) -> None:
    ours, theirs = load_embedder(checkpoint, device="cpu"), load_embedder(exported.with_suffix(".yaml"))
    assert (theirs.size, theirs.reference, theirs.predicted) == (32, None, PREDICTED)
    assert theirs.fingerprint != ours.fingerprint
    assert theirs.seen == ("celeba", "megaface")
    assert "CC-BY-4.0" in theirs.about
    for faces in (FACES, FACES[:1]):
        for one, other in zip(ours(faces), theirs(faces), strict=True):
            assert one is not None
            assert other is not None
            np.testing.assert_allclose(one, other, atol=2e-6)
    assert load_embedder(exported).fingerprint == theirs.fingerprint  # the card beside the file


def test_a_network_that_adds_mirror_images_says_the_same(checkpoint: Path, tmp_path: Path) -> None:
    network = Network.from_pretrained(checkpoint)
    network.flip = True
    network.save_pretrained(tmp_path / "net")
    assert main(["export", "--out", str(tmp_path / "net.onnx"), "--checkpoint", str(tmp_path / "net")]) == 0
    ours, theirs = load_embedder(tmp_path / "net", device="cpu"), load_embedder(tmp_path / "net.yaml")
    plain, found, other = (embedder(FACES)[0] for embedder in (load_embedder(checkpoint), ours, theirs))
    assert plain is not None
    assert found is not None
    assert other is not None
    np.testing.assert_allclose(found, other, atol=2e-6)
    assert np.abs(found - plain).max() > 1e-3


def test_identify_takes_the_card_and_its_thresholds(
    checkpoint: Path, exported: Path, folder_people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = next(folder_people.glob("*/*.jpg"))
    said = []
    for source in (checkpoint, exported.with_suffix(".yaml")):
        assert main(["identify", str(photo), "--people", str(folder_people), "--checkpoint", str(source)]) == 0
        said.append(capsys.readouterr().out.splitlines())
    assert "licence: CC-BY-4.0" in said[0][0]
    assert said[0][1:] == said[1][1:]


def test_extract_and_evaluate_take_a_card(
    exported: Path, folder_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card, results = str(exported.with_suffix(".yaml")), str(tmp_path / "r.json")
    assert main(["evaluate", "folder", str(folder_people), "--checkpoint", card, "--json", results]) == 0
    assert main(["extract", str(folder_people), "--out", str(tmp_path / "e"), "--checkpoint", card]) == 0
    assert main(["report", results, "--out", str(tmp_path / "report.html")]) == 0
    assert "rank-1" in capsys.readouterr().out


def test_a_network_is_not_measured_on_people_whom_it_has_seen(
    exported: Path, celeba_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card, store = str(exported.with_suffix(".yaml")), str(tmp_path / "e")
    for command in (
        ["extract", str(celeba_people), "--layout", "celeba", "--out", store],
        ["evaluate", "celeba", str(celeba_people)],
    ):
        assert main([*command, "--checkpoint", card]) == 2
        assert "--allow-seen true" in capsys.readouterr().err
        assert "extract" not in command or not Path(store).exists()
        assert main([*command, "--checkpoint", card, "--allow-seen", "true"]) == 0
    assert main(["calibrate", str(celeba_people), "--layout", "celeba", "--checkpoint", card]) == 2
    assert "--allow-seen true" in capsys.readouterr().err
    for command in (
        ["evaluate", "celeba", str(celeba_people), "--features", store],
        ["evaluate", "megaface", store, store],
    ):
        assert main(command) == 2
        assert "was trained on people of" in capsys.readouterr().err
        assert main([*command, "--allow-seen", "true"]) == 0


def linear(path: Path, weights: np.ndarray[tuple[int, ...], np.dtype[np.float32]], *, batch: int | str = "n") -> None:
    """A network that gives weights @ pixels, and a second output with one number."""
    outputs, inputs = weights.shape
    side = int((inputs / 3) ** 0.5)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["x"], ["flat"]),
            helper.make_node("Gemm", ["flat", "w"], ["features"], transB=1),
            helper.make_node("ReduceMean", ["features"], ["quality"], axes=[1], keepdims=1),
        ],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, side, side])],
        [
            helper.make_tensor_value_info("features", TensorProto.FLOAT, [batch, outputs]),
            helper.make_tensor_value_info("quality", TensorProto.FLOAT, [batch, 1]),
        ],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)


WEIGHTS = rng.normal(size=(7, 3 * 16 * 16)).astype(np.float32)


@pytest.mark.parametrize("batch", ["n", 1, 2])
@pytest.mark.parametrize("flip", [False, True])
def test_channels_scale_flip_and_fixed_batches_by_hand(tmp_path: Path, batch: int | str, flip: bool) -> None:
    linear(tmp_path / "a.onnx", WEIGHTS, batch=batch)
    card = {"model": "a.onnx", "size": 16, "colour": "BGR", "mean": [1, 2, 3], "scale": 64, "flip": flip}
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(card))
    faces = FACES[:, :16, :16]
    found, chances = OnnxEmbedder.from_card(tmp_path / "b.yaml")(faces)
    assert chances is None
    assert found is not None

    def by_hand(pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        values = (pixels[:, :, :, ::-1].astype(np.float64) - [1, 2, 3]) / 64
        return values.transpose(0, 3, 1, 2).reshape(len(pixels), -1) @ WEIGHTS.T

    expected = by_hand(faces) + (by_hand(faces[:, :, ::-1]) if flip else 0)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5)


def test_fingerprints_follow_what_changes_embeddings(tmp_path: Path) -> None:
    linear(tmp_path / "a.onnx", WEIGHTS)
    base = OnnxCard(model="a.onnx", size=16)
    marks = {
        OnnxEmbedder(tmp_path / "a.onnx", card).fingerprint for card in (base, OnnxCard("a.onnx", 16, licence="x"))
    }
    assert len(marks) == 1
    moved = tuple(map(tuple, (REFERENCE_POINTS / 7 + 1).tolist()))
    others = [
        OnnxCard("a.onnx", 16, "BGR"),
        OnnxCard("a.onnx", 16, flip=True),
        OnnxCard("a.onnx", 16, reference_points=moved),
    ]
    for card in others:
        marks.add(OnnxEmbedder(tmp_path / "a.onnx", card).fingerprint)
    linear(tmp_path / "a.onnx", WEIGHTS + 1)
    marks.add(OnnxEmbedder(tmp_path / "a.onnx", base).fingerprint)
    assert len(marks) == 5


def test_families_need_no_card(tmp_path: Path) -> None:
    weights = rng.normal(size=(7, 3 * 112 * 112)).astype(np.float32)
    linear(tmp_path / "w600k_r50.onnx", weights)
    faces = rng.integers(0, 256, (2, 112, 112, 3), np.uint8)
    for family, order in (("insightface", slice(None)), ("adaface", slice(None, None, -1))):
        embedder = load_embedder(Path(f"{family}:{tmp_path / 'w600k_r50.onnx'}"))
        assert embedder.about.startswith(f"{family}:w600k_r50.onnx")
        values = (faces[:, :, :, order] / 127.5 - 1).transpose(0, 3, 1, 2).reshape(2, -1) @ weights.T
        found, _ = embedder(faces)
        assert found is not None
        np.testing.assert_allclose(found, values / np.linalg.norm(values, axis=1, keepdims=True), atol=1e-4)


def test_a_card_says_what_it_was_written_from(tmp_path: Path) -> None:
    card = OnnxCard(
        "a.onnx", 96, "BGR", "NHWC", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), tuple((i + 1.0, 2.0 * i) for i in range(5)),
        True,
        "e", ("Male",), "p", "n", "l", "t", ("lfw",), "0" * 64,
    )  # fmt: skip
    (tmp_path / "c.yaml").write_text(write_card(card))
    assert read_card(tmp_path / "c.yaml") == card


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([], "is no card"),
        ({}, "names no 'model'"),
        ({"model": "../x.onnx"}, "'model' is '../x.onnx', but must be the name of the ONNX file"),
        ({"model": "x.onnx", "colour": "rgb"}, "'colour' is 'rgb', but must be RGB or BGR"),
        ({"model": "x.onnx", "size": True}, "'size'"),
        ({"model": "x.onnx", "scale": 0}, "'scale' is 0, but must be three numbers above 0"),
        ({"model": "x.onnx", "scale": [1, 2]}, "'scale'"),
        ({"model": "x.onnx", "mean": float("nan")}, "'mean'"),
        ({"model": "x.onnx", "reference_points": [[1, 2]] * 5}, "'reference_points'"),
        ({"model": "x.onnx", "reference_points": "insight"}, "'reference_points'"),
        ({"model": "x.onnx", "attributes": ["Male"]}, "belong together"),
        ({"model": "x.onnx", "sha256": "12"}, "64 hexadecimal digits"),
        ({"model": "x.onnx", "licence": 1}, "'licence' is 1, but must be a text"),
        ({"model": "x.onnx", "sise": 1}, "unknown entry 'sise'"),
        ({"model": "x\0.onnx"}, "the name of the ONNX file"),
        ({"model": "x.onnx", "mean": 10**400}, "'mean'"),
        ({"model": "x.onnx", "attributes": ["Male", "path"], "probabilities": "p"}, "none of path, identity"),
    ],
)
def test_odd_cards(entries: object, said: str) -> None:
    with pytest.raises(CheckpointError, match=re.escape(said)):
        parse_card(entries, "card")


@pytest.mark.parametrize("text", ["model: !!bool maybe", "model: !!int x", "- !!timestamp 1", "a: &a [*a, *b]", "\0"])
def test_odd_yaml(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=r"c\.yaml is no YAML"):
        read_card(tmp_path / "c.yaml")


def test_attributes_must_be_probabilities(tmp_path: Path) -> None:
    linear(tmp_path / "a.onnx", WEIGHTS)
    card = OnnxCard("a.onnx", 16, embedding="features", attributes=("Male",), probabilities="quality")
    with pytest.raises(CheckpointError, match="does not lie between 0 and 1"):
        OnnxEmbedder(tmp_path / "a.onnx", card)


def test_nobody_is_embedded_as_nobody(tmp_path: Path, exported: Path) -> None:
    linear(tmp_path / "a.onnx", WEIGHTS, batch=2)
    found, _ = OnnxEmbedder(tmp_path / "a.onnx", OnnxCard("a.onnx", 16))(FACES[:0, :16, :16])
    assert found is not None
    assert found.shape == (0, 7)
    found, chances = load_embedder(exported)(FACES[:0])
    assert found is not None
    assert chances is not None
    assert chances.shape == (0, len(PREDICTED))
    with pytest.raises(CheckpointError, match="fails at 3 faces"):
        load_embedder(exported)(FACES[:3, :, :16])


def test_outputs_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    linear(tmp_path / "a.onnx", WEIGHTS)
    model = onnx.load(tmp_path / "a.onnx")
    model.graph.node.append(helper.make_node("SequenceConstruct", ["features", "quality"], ["both"]))
    model.graph.node.append(helper.make_node("Constant", [], ["words"], value_strings=["a", "b"]))
    model.graph.node.append(helper.make_node("ArgMax", ["features"], ["best"], axis=1))
    sequence = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    model.graph.output.append(helper.make_value_info("both", sequence))
    model.graph.output.append(helper.make_tensor_value_info("words", TensorProto.STRING, [2]))
    model.graph.output.append(helper.make_tensor_value_info("best", TensorProto.INT64, ["n", 1]))
    onnx.save(model, tmp_path / "b.onnx")
    one, two = (
        OnnxEmbedder(tmp_path / name, OnnxCard(name, 16))(FACES[:, :16, :16])[0] for name in ("a.onnx", "b.onnx")
    )
    assert one is not None
    np.testing.assert_array_equal(one, two)
    with pytest.raises(CheckpointError, match="no output 'words': its card may name features, quality"):
        OnnxEmbedder(tmp_path / "b.onnx", OnnxCard("b.onnx", 16, embedding="words"))


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_packages_that_are_missing_are_named(package: str, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"pip install 'kronface\[runtime\]'"):
        load_embedder(exported)


def test_an_export_that_cannot_be_written_is_told_before_the_work(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("net.yaml", "net.calibration.json"):
        (tmp_path / name).mkdir()
        assert main(["export", "--out", str(tmp_path / "net.onnx"), "--checkpoint", str(checkpoint)]) == 2
        assert name in capsys.readouterr().err
        (tmp_path / name).rmdir()
    assert not list(tmp_path.iterdir())


def test_odd_networks(tmp_path: Path, exported: Path) -> None:
    def refused(card: OnnxCard, said: str, data: bytes | None = None) -> None:
        path = tmp_path / "x.onnx"
        if data is None:
            linear(path, WEIGHTS)
        else:
            path.write_bytes(data)
        with pytest.raises(CheckpointError, match=said):
            OnnxEmbedder(path, card)

    refused(OnnxCard("x.onnx"), "does not take faces as its card says")
    refused(OnnxCard("x.onnx", 16, layout="NHWC"), "does not take faces as its card says")
    refused(OnnxCard("x.onnx", 16, embedding="nothing"), "no output 'nothing'")
    refused(OnnxCard("x.onnx", 16, embedding="quality"), "no row of numbers")
    refused(OnnxCard("x.onnx", 16, attributes=("Male", "Young"), probabilities="quality"), "gives 1 attributes")
    refused(OnnxCard("x.onnx", 16, sha256="0" * 64), "by sha256")
    refused(OnnxCard("x.onnx", 16), "no ONNX network", b"not at all")
    refused(OnnxCard("x.onnx", 16), "no ONNX network", exported.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="No such file"):
        OnnxEmbedder(tmp_path / "y.onnx", OnnxCard("y.onnx"))
    linear(tmp_path / "a.onnx", WEIGHTS)
    model = onnx.load(tmp_path / "a.onnx")
    onnx.save_model(model, tmp_path / "b.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(CheckpointError, match="keeps weights in other files"):
        OnnxEmbedder(tmp_path / "b.onnx", OnnxCard("b.onnx", 16))
    with pytest.raises(ConfigError, match="no GPU"):
        OnnxEmbedder(tmp_path / "a.onnx", OnnxCard("a.onnx", 16), device="cuda")


def test_what_is_no_network_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"x")
    shutil.copy(tmp_path / "weights.pth", tmp_path / "a.onnx")
    for source, said in {
        tmp_path / "weights.pth": "weights alone",
        tmp_path / "a.onnx": "insightface:",
        tmp_path / "none.yaml": "cannot be read",
        tmp_path / "none": "is not a checkpoint",
        Path("insightface:~nosuchuser/x.onnx"): "home folder",
    }.items():
        with pytest.raises(CheckpointError, match=said):
            load_embedder(source)


def test_reference_points_of_its_own(folder_people: Path) -> None:
    picture = read_image(next(folder_people.glob("*/*.jpg")))
    face = largest_face(picture, YuFaceDetector())
    assert face is not None
    moved = REFERENCE_POINTS * 0.7 + [20, 10]
    crop = align(picture, face.landmarks, 112, moved)
    standard = align(picture, face.landmarks, 112)
    # What lies at an eye of one lies at the same eye of the other.
    for point, other in zip(REFERENCE_POINTS.round().astype(int), moved.round().astype(int), strict=True):
        one = standard[point[1] - 2 : point[1] + 3, point[0] - 2 : point[0] + 3].mean((0, 1))
        two = crop[other[1] - 2 : other[1] + 3, other[0] - 2 : other[0] + 3].mean((0, 1))
        assert np.abs(one - two).max() < 25
    inner = slice(30, 84)
    again = realign(standard, 112, moved)
    assert np.abs(again[inner, inner].astype(int) - crop[inner, inner]).mean() < 4
    np.testing.assert_array_equal(realign(standard, 112), standard)


def test_dlibs_network_agrees_with_dlibs_own_call(folder_people: Path) -> None:
    embedder = load_embedder(Path("dlib"), device="cpu")
    assert isinstance(embedder, DlibEmbedder)
    np.testing.assert_array_equal(embedder.reference, POINTS)
    records = folder(folder_people)
    found = extract(records, embedder, detector=YuFaceDetector())
    assert found.embeddings is not None
    own = dlib.face_recognition_model_v1(str(model_path("dlib_face_recognition_resnet_model_v1.dat")))
    for row in (0, 7):
        picture = read_image(folder_people / records.table["path"][row])
        face = largest_face(picture, YuFaceDetector())
        assert face is not None
        theirs = np.array(own.compute_face_descriptor(align(picture, face.landmarks, 150, POINTS)))
        np.testing.assert_allclose(found.embeddings[row], theirs / np.linalg.norm(theirs), atol=1e-5)
    people = records.table["identity"].to_numpy()
    scores = found.embeddings @ found.embeddings.T
    same = people[:, None] == people[None]
    assert scores[same].mean() > scores[~same].mean() + 0.05


def test_calibrating_another_network(folder_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = next(folder_people.glob("*/*.jpg"))
    command = ["identify", str(photo), "--people", str(folder_people), "--checkpoint", "dlib"]
    assert main(command) == 2
    assert "kronface calibrate" in capsys.readouterr().err
    assert main(["calibrate", str(folder_people), "--checkpoint", "dlib"]) == 2
    assert "--out" in capsys.readouterr().err
    file = tmp_path / "dlib.json"
    assert main(["calibrate", str(folder_people), "--checkpoint", "dlib", "--fpir", "0.2", "--out", str(file)]) == 0
    assert "FPIR 0.2" in capsys.readouterr().out
    assert main([*command, "--calibration", str(file)]) == 0
    assert "CC0" in capsys.readouterr().out
    assert main([*command, "--calibration", str(file), "--threshold", "0.5"]) == 2
