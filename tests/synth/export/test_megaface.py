"""MegaFace's layout, read by a small parser of its own that knows the original's conventions and nothing of ours."""

import csv
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kronface.errors import ConfigError
from kronface.faces.image import read_image
from kronface.synth.export import write_megaface
from tests.synth.export.test_writing import contents

PEOPLE, IMAGES = 14, 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("megaface") / "set"
    write_megaface(out, identities=PEOPLE, images=IMAGES, seed=3, probes=3, masks=True, workers=2)
    return out


def facescrub(path: Path) -> list[dict[str, str]]:
    """A list of FaceScrub's: tab separated, line feeds."""
    raw = path.read_bytes()
    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    header, *lines = raw.decode("ascii").removesuffix("\n").split("\n")
    assert header == "name\timage_id\tface_id\turl\tbbox\tsha256"
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def template(root: Path, name: str) -> dict[str, list[str]]:
    content: dict[str, list[str]] = json.loads((root / "templatelists" / name).read_bytes())
    return content


def truth(root: Path) -> dict[str, dict[str, str]]:
    with (root / "truth.csv").open(newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def test_probes(root: Path) -> None:
    known = truth(root)
    seen = []
    for sex, name in (("male", "facescrub_actors.txt"), ("female", "facescrub_actresses.txt")):
        for row in facescrub(root / name):
            folder = row["name"].replace(" ", "_")
            assert re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+", row["name"])
            path = f"facescrub/{folder}/{folder}_{row['face_id']}.png"
            content = (root / path).read_bytes()
            assert content.startswith(b"\x89PNG")
            assert row["sha256"] == hashlib.sha256(content).hexdigest()
            left, top, right, bottom = (int(value) for value in row["bbox"].split(","))
            nose = float(known[path]["nose_x"]), float(known[path]["nose_y"])
            assert left < nose[0] < right
            assert top < nose[1] < bottom
            assert known[path]["sex"] == sex
            seen.append(path)
    assert sorted(seen) == sorted(p.relative_to(root).as_posix() for p in (root / "facescrub").rglob("*.png"))
    assert sorted(Counter(path.split("/")[1] for path in seen).values()) == [IMAGES] * 3
    assert len({path.rsplit("_", 1)[1] for path in seen}) == 3 * IMAGES  # a face's number is that of no other face


def test_distractors_and_their_sidecars(root: Path) -> None:
    known = truth(root)
    pictures = sorted((root / "FlickrFinal2").rglob("*.jpg"))
    people: Counter[str] = Counter()
    for picture in pictures:
        start, member, name = picture.relative_to(root / "FlickrFinal2").parts
        assert re.fullmatch(r"\d{8}@N\d\d", member)
        assert start == member[:3]
        assert re.fullmatch(r"\d+_\d\.jpg", name)
        people[member] += 1
        sidecar: dict[str, Any] = json.loads(Path(f"{picture}.json").read_bytes())
        row = known[picture.relative_to(root).as_posix()]
        points = sidecar["landmarks"]
        assert set(points) == {"0", "1", "2"}
        assert points["1"]["x"] < points["0"]["x"]
        for number, place in (("1", "lefteye"), ("0", "righteye"), ("2", "nose")):
            for axis in "xy":
                assert points[number][axis] == pytest.approx(float(row[f"{place}_{axis}"]), abs=0.011)
        if "bounding_box" in sidecar:
            box = sidecar["bounding_box"]
            assert set(box) == {"x", "y", "width", "height"}
            assert box["x"] < points["2"]["x"] < box["x"] + box["width"]
    assert len(people) == PEOPLE - 3
    assert set(people.values()) == {1, 2}
    assert len(list((root / "FlickrFinal2").rglob("*.json"))) == len(pictures)


def test_template_lists(root: Path) -> None:
    probes = template(root, "facescrub_features_list.json")
    assert list(probes) == ["path", "id"]
    assert len(probes["path"]) == len(probes["id"]) == 3 * IMAGES
    for path, person in zip(probes["path"], probes["id"], strict=True):
        assert (root / "facescrub" / path).is_file()
        assert path.startswith(f"{person}/{person}_")
    everything = {p.relative_to(root / "FlickrFinal2").as_posix() for p in (root / "FlickrFinal2").rglob("*.jpg")}
    names = sorted(path.name for path in (root / "templatelists").iterdir())
    assert names == ["facescrub_features_list.json", *(f"megaface_features_list.json_10_{k}" for k in (1, 2, 3))]
    chosen = []
    for name in names[1:]:
        content = template(root, name)
        assert list(content) == ["path"]
        assert len(content["path"]) == len(set(content["path"])) == 10
        assert set(content["path"]) <= everything
        chosen.append(frozenset(content["path"]))
    assert len(set(chosen)) == 3


def test_masks_and_truth_of_every_picture(root: Path) -> None:
    rows = truth(root)
    pictures = [path for path in root.rglob("*") if path.suffix in (".jpg", ".png") and "masks" not in path.parts]
    assert len(pictures) == len(rows)
    for picture in pictures:
        path = picture.relative_to(root)
        mask = read_image(root / "masks" / path.with_suffix(".png"))
        assert mask.shape == read_image(picture).shape
        assert mask.max() <= 7
        row = rows[path.as_posix()]
        assert sum(float(row[name]) for name in ("african", "asian", "caucasian")) == pytest.approx(1, abs=1e-3)
        assert 20 <= float(row["age_years"]) <= 80
        assert {row[name] for name in ("Male", "Young")} <= {"0", "1"}
        assert 0 <= float(row["point67_y"]) <= 256
    numbers = [(int(row["identity"]), int(row["image"])) for row in rows.values()]
    assert numbers == sorted(numbers)
    assert numbers[0] == (1, 1)
    assert numbers[-1] == (PEOPLE, IMAGES)
    text = (root / "README.txt").read_text()
    assert "5 lips" in text
    assert "none of them exists" in text.lower()


def test_bytes_do_not_depend_on_workers(root: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_megaface(again, identities=PEOPLE, images=IMAGES, seed=3, probes=3, masks=True, workers=1)
    assert contents(again) == contents(root)


def test_a_lost_sidecar_or_mask_is_made_again(root: Path, tmp_path: Path) -> None:
    before = contents(root)
    sidecar = next(root.rglob("*.jpg.json"))
    mask = next((root / "masks" / "facescrub").rglob("*.png"))
    sidecar.unlink()
    mask.write_bytes(b"")
    write_megaface(root, identities=PEOPLE, images=IMAGES, seed=3, probes=3, masks=True, workers=1)
    assert contents(root) == before


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ({"identities": 2}, "leave distractors"),
        ({"identities": 5, "probes": 1}, "at least 2"),
        ({"identities": 5, "images": 1}, "mate"),
    ],
)
def test_impossible_numbers(tmp_path: Path, numbers: dict[str, int], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        write_megaface(tmp_path / "out", **({"images": 2, "seed": 0} | numbers))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_about_half_of_the_distractors_have_two_pictures() -> None:
    from kronface.synth.export.megaface import _pictures

    share = np.mean([_pictures(person, 7) == 2 for person in range(4000)])
    assert abs(share - 0.487) < 0.024  # three standard deviations
