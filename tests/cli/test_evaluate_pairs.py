"""`kronface evaluate lfw`, `bin` and `ijb` as a user meets them, on made-up faces and rendered people."""

import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from kronface.cli.main import main
from kronface.evaluation.features import Features, write_features
from kronface.faces.image import read_image, write_image

FIGURES = {"format", "name", "protocol", "official", "notes", "counts", "settings", "checkpoint", "fingerprint"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from kronface.network.variants import build

    path = tmp_path_factory.mktemp("network") / "tiny" / "best"
    build(variant="vgg19-quarter", arm="identity-only", identities=3, size=32).save_pretrained(path)
    return path


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that a mistaken command leaves."""
    capsys.readouterr()
    assert main(words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line for line in lines if line.startswith("kronface: ")] == lines[-1:], lines
    return lines[-1]


def chip(person: int, picture: int) -> np.ndarray:
    """Coarse squares of a person's own colours, with noise that no other picture has."""
    base = np.kron(np.random.default_rng(person).integers(30, 220, (4, 4, 3)), np.ones((28, 28, 1)))
    noise = np.random.default_rng([person, picture]).normal(0, 12, (112, 112, 3))
    return np.clip(base + noise, 0, 255).astype(np.uint8)


def make_pack(path: Path, pairs: int = 60) -> list[bool]:
    pictures, labels = [], []
    for pair in range(pairs):
        same = pair % 2 == 0
        for face in (chip(pair, 0), chip(pair if same else pair + 1000, 1)):
            pictures.append(cv2.imencode(".jpg", face[:, :, ::-1])[1].ravel())
        labels.append(same)
    path.write_bytes(pickle.dumps((pictures, labels), protocol=3))
    return labels


# --- packs -----------------------------------------------------------------------------------------------------------


def test_a_pack_through_a_checkpoint_and_from_a_file(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack, out = tmp_path / "lfw.bin", tmp_path / "r.json"
    make_pack(pack)
    words = ["evaluate", "bin", str(pack), "--checkpoint", str(checkpoint), "--resamples", "50"]
    assert main([*words, "--json", str(out)]) == 0
    text = capsys.readouterr().out
    assert "accuracy" in text
    assert "not the official lists" in text
    assert "not given" in text
    stored = json.loads(out.read_text())
    assert set(stored) >= FIGURES
    assert stored["format"] == "kronface-verification/1"
    assert (stored["name"], stored["protocol"], stored["official"]) == ("tiny/best", "bin", False)
    assert stored["counts"]["pairs"] == 60
    assert stored["checkpoint"]["fingerprint"] == stored["fingerprint"]
    assert stored["settings"]["resampled"] == "pairs"
    assert stored["settings"]["flip"] is True
    # Coarse colours are told apart even by random weights.
    assert stored["figures"]["accuracy"]["value"] > 0.7

    # The same embeddings from a file give the same figures.
    from kronface.evaluation.protocols.pack import read_pack
    from kronface.runtime.embedder import NetworkEmbedder
    from kronface.runtime.verify import MirroredEmbedder, embed_chips

    embedder = MirroredEmbedder(NetworkEmbedder.from_pretrained(checkpoint, device="cpu"))
    vectors = embed_chips(read_pack(pack).pictures, embedder, where="p", batch_size=7).vectors
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.save(tmp_path / "f.npy", vectors)
    words = ["evaluate", "bin", str(pack), "--features", str(tmp_path / "f.npy"), "--resamples", "50"]
    assert main([*words, "--thresholds", "grid", "--json", str(tmp_path / "g.json"), "--name", "mine"]) == 0
    again = json.loads((tmp_path / "g.json").read_text())
    assert (again["name"], again["checkpoint"], again["settings"]["flip"]) == ("mine", None, False)
    assert again["figures"]["tar"] == stored["figures"]["tar"]
    assert "validation" in again["figures"]
    assert main(["compare", str(out), str(tmp_path / "g.json"), "--resamples", "20"]) == 0
    text = capsys.readouterr().out
    assert "other rules" in text
    assert "[+0.00, +0.00]  undecided" in text
    assert main(["report", str(out), "--out", str(tmp_path / "r.html")]) == 0
    assert "Verification: packs of pairs" in (tmp_path / "r.html").read_text()

    vectors[:2] = np.nan
    np.save(tmp_path / "f.npy", vectors)
    assert main([*words, "--json", str(tmp_path / "g.json")]) == 0
    counts = json.loads((tmp_path / "g.json").read_text())["counts"]
    assert (counts["genuine_rejected"], counts["faces_not_found"], counts["pairs"]) == (1, 2, 60)


def test_packs_of_people_whom_a_network_has_seen(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = shutil.copytree(checkpoint, tmp_path / "known")
    config = known / "config.json"
    config.write_text(config.read_text().replace('"seen": []', '"seen": ["LFW"]'))
    make_pack(tmp_path / "lfw.bin", 20)
    for name in ("calfw.bin", "mine.bin"):
        shutil.copy(tmp_path / "lfw.bin", tmp_path / name)
    words = ["--checkpoint", str(known), "--resamples", "5"]
    for name in ("lfw.bin", "calfw.bin"):  # which shows the same people
        assert "people of lfw" in complaint(capsys, "evaluate", "bin", str(tmp_path / name), *words)
    assert main(["evaluate", "bin", str(tmp_path / "mine.bin"), *words]) == 0
    assert main(["evaluate", "bin", str(tmp_path / "lfw.bin"), *words, "--allow-seen", "true"]) == 0


def test_mistakes_with_packs(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = tmp_path / "lfw.bin"
    labels = make_pack(pack, 20)
    words = ["evaluate", "bin", str(pack), "--checkpoint", str(checkpoint)]
    assert "official" in complaint(capsys, *words, "--official")
    assert "nowhere.bin" in complaint(capsys, "evaluate", "bin", str(tmp_path / "nowhere.bin"))
    np.save(tmp_path / "f.npy", np.ones((39, 4)))
    features = ["--features", str(tmp_path / "f.npy")]
    assert "39 embeddings for the 40" in complaint(capsys, "evaluate", "bin", str(pack), *features)
    assert "--checkpoint has no use" in complaint(capsys, *words, *features)
    assert "resamples is -1" in complaint(capsys, *words, "--resamples", "-1")
    (tmp_path / "evil.bin").write_bytes(b"cposix\nsystem\n(Vtouch harmed\ntR.")
    assert "evil.bin" in complaint(capsys, "evaluate", "bin", str(tmp_path / "evil.bin"))
    pack.write_bytes(pickle.dumps(([b"no picture"] * 40, labels)))
    assert "--max-bad-share" in complaint(capsys, *words)
    assert "no readable picture" in complaint(capsys, *words, "--max-bad-share", "1")


def test_an_unreadable_picture_counts_as_a_rejected_pair(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = tmp_path / "p.bin"
    make_pack(pack)
    pictures, labels = pickle.loads(pack.read_bytes())  # noqa: S301 - written above
    pictures[5] = b"no picture"
    pack.write_bytes(pickle.dumps((pictures, labels)))
    words = ["evaluate", "bin", str(pack), "--checkpoint", str(checkpoint), "--max-bad-share", "0.1"]
    assert main([*words, "--resamples", "0", "--flip", "false", "--json", str(tmp_path / "r.json")]) == 0
    assert "picture 5" in capsys.readouterr().out
    stored = json.loads((tmp_path / "r.json").read_text())
    assert (stored["counts"]["genuine_rejected"], stored["counts"]["unreadable"]) == (1, 1)
    assert stored["figures"]["accuracy"]["low"] is None


# --- LFW -------------------------------------------------------------------------------------------------------------


def write_lfw(root: Path, people: Path) -> Path:
    """LFW's tree from a folder of people: two folds of two genuine and two impostor pairs; returns the list."""
    folders = sorted({picture.parent for picture in people.glob("person-*/*.jpg")})
    names = [f"Person_{index}" for index in range(len(folders))]
    for name, source in zip(names, folders, strict=True):
        for number, picture in enumerate(sorted(source.glob("*.jpg")), start=1):
            write_image(root / name / f"{name}_{number:04d}.jpg", read_image(picture))
    lines = ["2\t2"]
    for fold in range(2):
        a, b, c = names[3 * fold : 3 * fold + 3]
        lines += [f"{a}\t1\t2", f"{b}\t2\t3", f"{a}\t1\t{b}\t1", f"{b}\t1\t{c}\t2"]
    path = root.parent / "pairs.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_lfw_from_images_and_from_a_file(
    folder_people: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = tmp_path / "lfw", tmp_path / "r.json"
    pairs = write_lfw(root, folder_people)
    write_image(root / "Person_0" / "Person_0_0002.jpg", np.full((200, 200, 3), 128, np.uint8))
    words = ["evaluate", "lfw", str(pairs), "--images", str(root), "--checkpoint", str(checkpoint)]
    assert main([*words, "--resamples", "30", "--json", str(out)]) == 0
    text = capsys.readouterr().out
    assert "not the official lists" in text
    assert "faces not found: 1 of" in text
    stored = json.loads(out.read_text())
    assert (stored["counts"]["pairs"], stored["counts"]["genuine_rejected"]) == (8, 1)
    assert (stored["settings"]["resampled"], len(stored["figures"]["accuracy"]["folds"])) == ("identities", 2)
    assert "MD5" in complaint(capsys, *words, "--official")
    (root / "Person_1" / "Person_1_0003.jpg").unlink()
    assert "lacks 1 of" in complaint(capsys, *words)


def test_lfw_from_features(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("2\t1\nAnn\t1\t2\nAnn\t1\tBo\t1\nCy\t1\t2\nBo\t1\tCy\t1\n")
    names = [
        "Bo/Bo_0001.png",
        "Ann/Ann_0001.jpg",
        "Ann/Ann_0002.jpg",
        "Cy/Cy_0001.jpg",
        "Cy/Cy_0002",
        "Zoe/Zoe_0009.jpg",
    ]
    vectors = np.array([[0, 1], [1, 0], [1, 0.1], [-1, 0], [-1, 0.1], [5, 5]], np.float32)
    write_features(tmp_path / "f.parquet", Features(vectors, "f", paths=np.array(names), fingerprint="ab" * 32))
    out = tmp_path / "r.json"
    words = ["evaluate", "lfw", str(pairs), "--features"]
    assert main([*words, str(tmp_path / "f.parquet"), "--json", str(out), "--resamples", "10"]) == 0
    stored = json.loads(out.read_text())
    assert stored["figures"]["accuracy"]["value"] == 1
    assert stored["fingerprint"] == "ab" * 32
    assert (stored["counts"]["images"], stored["counts"]["people"]) == (5, 3)

    np.save(tmp_path / "f.npy", vectors)
    (tmp_path / "names.txt").write_text("\n".join(names) + "\n")
    plain = [*words, str(tmp_path / "f.npy")]
    assert "--names" in complaint(capsys, *plain)
    assert main([*plain, "--names", str(tmp_path / "names.txt"), "--resamples", "0"]) == 0
    (tmp_path / "names.txt").write_text("\n".join(names[:5]) + "\n")
    assert "names 5 images for 6" in complaint(capsys, *plain, "--names", str(tmp_path / "names.txt"))
    (tmp_path / "names.txt").write_text("\n".join([*names[:5], names[0]]) + "\n")
    assert "twice" in complaint(capsys, *plain, "--names", str(tmp_path / "names.txt"))
    (tmp_path / "names.txt").write_text("\n".join(["X/X_0001.jpg", *names[1:]]) + "\n")
    assert "Bo/Bo_0001.jpg" in complaint(capsys, *plain, "--names", str(tmp_path / "names.txt"))
    assert "--images, or --features" in complaint(capsys, "evaluate", "lfw", str(pairs))
    assert "--images has no use" in complaint(capsys, *plain, "--images", str(tmp_path))
    assert "nowhere.txt" in complaint(capsys, "evaluate", "lfw", "nowhere.txt", "--images", str(tmp_path))


def test_view_1_gives_no_accuracy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = tmp_path / "pairsDevTest.txt"
    pairs.write_text("1\nAnn\t1\t2\nAnn\t1\tBo\t1\n")
    names = np.array(["Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg", "Bo/Bo_0001.jpg"])
    write_features(tmp_path / "f.parquet", Features(np.eye(3, dtype=np.float32), "f", paths=names))
    assert main(["evaluate", "lfw", str(pairs), "--features", str(tmp_path / "f.parquet")]) == 0
    text = capsys.readouterr().out
    assert "without folds" in text
    assert "EER" in text


# --- IJB -------------------------------------------------------------------------------------------------------------


def write_meta(root: Path, target: str = "ijbc", galleries: tuple[str, str] = ("G1", "G2")) -> np.ndarray:
    """Forty people with a gallery template and twenty probe templates each, of one to three images; embeddings."""
    rng = np.random.default_rng(0)
    root.mkdir(parents=True)
    centres = rng.normal(size=(40, 16))
    lines: list[str] = []
    faceness: list[str] = []
    rows, owner = [], {}
    for template in range(840):
        person = template % 40
        owner[template] = person
        for image in range(int(rng.integers(1, 4))):
            lines.append(f"{len(lines)}.jpg {template} {image // 2}")
            faceness.append(f"{len(faceness)}.jpg " + "1 " * 10 + "0.9")
            rows.append(centres[person] + 0.5 * rng.normal(size=16))
    (root / f"{target}_face_tid_mid.txt").write_text("\n".join(lines) + "\n")
    (root / f"{target}_name_5pts_score.txt").write_text("\n".join(faceness) + "\n")
    pairs = [(int(a), int(b)) for a, b in rng.integers(0, 840, (6000, 2)) if a != b]
    pairs += [(probe % 40, probe) for probe in range(40, 840)]
    labels = "".join(f"{a} {b} {int(owner[a] == owner[b])}\n" for a, b in pairs)
    (root / f"{target}_template_pair_label.txt").write_text(labels)
    for name, some in ((galleries[0], range(20)), (galleries[1], range(20, 40))):
        text = "TEMPLATE_ID,SUBJECT_ID,X\n" + "".join(f"{t},{owner[t]},0\n" for t in some)
        (root / f"{target}_1N_gallery_{name}.csv").write_text(text)
    text = "TEMPLATE_ID,SUBJECT_ID\n" + "".join(f"{t},{owner[t]}\n" for t in range(40, 840))
    (root / f"{target}_1N_probe_mixed.csv").write_text(text)
    return np.array(rows, np.float32)


def test_ijb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meta, out = tmp_path / "IJBC" / "meta", tmp_path / "r.json"
    features = write_meta(meta)
    np.save(tmp_path / "f.npy", features)
    words = ["evaluate", "ijb", str(meta), "--features", str(tmp_path / "f.npy")]
    assert main([*words, "--resamples", "20", "--json", str(out)]) == 0
    text = capsys.readouterr().out
    assert "not the official lists" in text
    assert "1:N" in text
    stored = json.loads(out.read_text())
    assert (stored["protocol"], stored["official"], stored["settings"]["resampled"]) == ("ijb", False, "identities")
    assert stored["figures"]["tar"]["0.1"]["value"] > 0.8
    assert stored["figures"]["tar"]["1e-05"] is None
    assert set(stored["identification"]) == {"G1", "G2", "mean", "together"}
    assert stored["identification"]["G1"]["non_mated"] == 400
    assert stored["identification"]["mean"]["tpir"]["0.01"] is None  # four expected
    assert stored["identification"]["mean"]["tpir"]["0.1"] > 0.5
    assert "not the official IJBC" in complaint(capsys, *words, "--official")

    # Both halves alike change nothing; a file of 1:N that is missing costs the people and 1:N.
    np.save(tmp_path / "h.npy", np.hstack([features, features]))
    (meta / "ijbc_1N_probe_mixed.csv").unlink()
    words = ["evaluate", "ijb", str(meta), "--features", str(tmp_path / "h.npy"), "--halves", "--resamples", "5"]
    assert main([*words, "--json", str(tmp_path / "h.json")]) == 0
    halves = json.loads((tmp_path / "h.json").read_text())
    assert halves["figures"]["tar"]["0.1"]["value"] == stored["figures"]["tar"]["0.1"]["value"]
    assert halves["settings"]["resampled"] == "templates"
    assert "identification" not in halves
    assert "no lists of 1:N" in capsys.readouterr().out


def test_mistakes_with_ijb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meta = tmp_path / "meta"
    features = write_meta(meta, "ijbb", ("S1", "S2"))
    np.save(tmp_path / "f.npy", features)
    words = ["evaluate", "ijb", str(meta), "--features", str(tmp_path / "f.npy")]
    assert "--target" in complaint(capsys, *words)
    words += ["--target", "IJBB", "--resamples", "0"]
    assert main([*words, "--rule", "strict", "--norms", "false", "--faceness", "false"]) == 0
    assert "S1" in capsys.readouterr().out
    np.save(tmp_path / "f.npy", features[:-1])
    assert "bring one each" in complaint(capsys, *words)
    np.save(tmp_path / "f.npy", features)
    (meta / "ijbb_name_5pts_score.txt").write_text(("x.jpg " + "1 " * 10 + "0.9\n") * len(features))
    assert "other images" in complaint(capsys, *words)
    assert "nowhere" in complaint(capsys, "evaluate", "ijb", "nowhere", "--features", str(tmp_path / "f.npy"))
