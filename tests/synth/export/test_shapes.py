"""Every written layout through the reader of that layout, and its index files word by word."""

import csv
import hashlib
import json
import re
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kronface.data.reading import load_faces
from kronface.data.records import Records
from kronface.data.sources import LAYOUTS, read_source
from kronface.errors import ConfigError
from kronface.evaluation.protocols import ijb as ijb_protocol
from kronface.evaluation.protocols.lfw import read_pairs
from kronface.faces.detect import YuFaceDetector
from kronface.synth.export import SHAPES, write_shape
from kronface.synth.export.crew import Crew
from kronface.synth.export.lfw import pairs
from kronface.synth.export.shape import Numbers
from tests.synth.export import instant
from tests.synth.export.test_layouts import five_points, read_truth

PEOPLE, IMAGES, SEED = 4, 3, 5


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew(1) as crew:
        yield crew


@pytest.fixture(scope="module", params=list(SHAPES))
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, crew: Crew) -> tuple[str, Path]:
    layout: str = request.param
    out = tmp_path_factory.mktemp("shapes") / layout
    write_shape(SHAPES[layout], out, identities=PEOPLE, images=IMAGES, seed=SEED, crew=crew)
    return layout, out


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows_by_person(records: Records) -> dict[str, int]:
    return dict(Counter(records.table["identity"].to_list()))


def test_the_reader_of_the_layout_reads_it(written: tuple[str, Path]) -> None:
    layout, root = written
    records = read_source(layout, root)
    assert len(records) == PEOPLE * IMAGES
    assert set(rows_by_person(records).values()) == {IMAGES}
    assert all(part.is_there(root) for part in LAYOUTS[layout].parts)
    truth = {row["path"]: row for row in read_truth(root)}
    assert len(truth) == PEOPLE * IMAGES
    people = {row["identity"] for row in truth.values()}
    assert people == {str(number) for number in range(1, PEOPLE + 1)}
    if layout != "recordio":
        for path, identity, points in zip(
            records.table["path"], records.table["identity"], records.landmarks(), strict=True
        ):
            same = records.table.filter(records.table["identity"] == identity)["path"]
            assert len({truth[other]["identity"] for other in same}) == 1
            known = np.isfinite(points[:, 0])
            np.testing.assert_allclose(points[known], five_points(truth[path])[known], atol=0.02)
            assert known.sum() == {"casia": 5, "ijb": 5, "fgnet": 3}.get(layout, 0)
    found = list(load_faces(records, size=64, detector=YuFaceDetector(), max_bad_share=1))
    assert sum(face is not None for _, face, _ in found) >= PEOPLE * IMAGES - 2  # turned heads may not be seen


def test_the_same_call_again_changes_nothing(written: tuple[str, Path], crew: Crew) -> None:
    layout, root = written
    before = digests(root)
    lost = next(path for path in root.rglob("*") if path.suffix.lower() == ".jpg")
    lost.unlink()
    write_shape(SHAPES[layout], root, identities=PEOPLE, images=IMAGES, seed=SEED, crew=crew)
    assert digests(root) == before


@pytest.fixture
def sets(tmp_path: Path) -> "Sets":
    return Sets(tmp_path)


class Sets:
    """Layouts with pictures that cost nothing: what is looked at are the files around them."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, layout: str, people: int, images: int) -> Path:
        out = self._root / layout
        with Crew(1, prepare=instant.nothing) as crew:
            write_shape(SHAPES[layout], out, identities=people, images=images, seed=SEED, crew=crew, draw=instant.draw)
        return out


def test_a_pack_byte_by_byte(sets: Sets) -> None:
    root = sets.write("recordio", 3, 2)
    data = (root / "train.rec").read_bytes()
    index = [line.split("\t") for line in (root / "train.idx").read_text().splitlines()]
    assert [int(key) for key, _ in index] == [*range(1, 10), 0]
    for key, offset in index:
        magic, word = struct.unpack_from("<II", data, int(offset))
        assert magic == 0xCED7230A
        assert word >> 29 == 0
        flag, label, number, second = struct.unpack_from("<IfQQ", data, int(offset) + 8)
        assert number == int(key)
        behind = data[int(offset) + 32 : int(offset) + 8 + word]
        if 1 <= number <= 6:
            assert (flag, label) == (0, (number - 1) // 2)
            chip = root / "chips" / f"person-{(number + 1) // 2:05d}" / f"{(number + 1) % 2 + 1:04d}.jpg"
            assert behind == chip.read_bytes()
        else:
            expected = (7.0, 10.0) if number == 0 else (2.0 * number - 13, 2.0 * number - 11)
            assert (flag, struct.unpack("<2f", behind), second) == (2, expected, int(number == 0))
    assert (root / "property").read_text() == "3,112,112\n"
    assert read_source("recordio", root).identities() == [f"person-{number:05d}" for number in (1, 2, 3)]


def test_casias_list(sets: Sets) -> None:
    root = sets.write("casia", 2, 2)
    lines = [line.split("\t") for line in (root / "train.lst").read_text().splitlines()]
    assert [line[:3] for line in lines] == [
        ["0", f"CASIA-WebFace/{9_000_001 + person}/{image:03d}.jpg", str(person)]
        for person in range(2)
        for image in (1, 2)
    ]
    assert lines[2][3:7] == ["1", "1", "2", "2"]  # the drawing's box is (1, 1, 1, 1)
    assert [float(value) for value in lines[0][7:]] == [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]  # x, then y, of points 0 1, 2 3 …
    assert not any("FaceScrub" in note for note in read_source("casia", root).notes)


def test_facescrubs_lists(sets: Sets) -> None:
    root = sets.write("facescrub", 3, 2)
    with (root / "facescrub_actresses.txt").open(newline="") as file:  # the drawings are all of women
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert list(rows[0]) == ["name", "image_id", "face_id", "url", "bbox", "sha256"]
    for row in rows:
        picture = root / "facescrub" / row["name"] / f"{row['name']}_{row['face_id']}.jpg"
        assert " " in row["name"]
        assert hashlib.sha256(picture.read_bytes()).hexdigest() == row["sha256"]
    assert [row["face_id"] for row in rows] == [str(number) for number in range(1, 7)]
    assert rows[4]["bbox"] == "2,2,4,4"
    records = read_source("facescrub", root)
    np.testing.assert_array_equal(sorted(records.boxes().tolist())[-1], [2, 2, 2, 2])
    assert records.attributes == ("Male",)


def test_fgnets_names_and_sidecars(sets: Sets) -> None:
    root = sets.write("fgnet", 2, 3)
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.JPG"))
    ages = {re.fullmatch(r"(\d{3})/\1A(\d\d)[abc]\.JPG", name)[2] for name in names}  # type: ignore[index]
    assert len(names) == 6
    assert len(ages) <= 2
    content = json.loads((root / f"{names[0]}.json").read_text())
    assert content["landmarks"] == {"0": {"x": 2, "y": 3}, "1": {"x": 0, "y": 1}, "2": {"x": 4, "y": 5}}
    single = Sets(root / "single").write("fgnet", 1, 1)
    assert re.fullmatch(r"001A\d\d\.JPG", next(single.rglob("*.JPG")).name)


def test_ijbs_meta_files_are_those_that_the_protocol_reads(sets: Sets) -> None:
    root = sets.write("ijb", 14, 5)
    meta = root / "meta"
    media = ijb_protocol.read_media(meta / "ijbc_face_tid_mid.txt")
    assert media.images.tolist() == [f"{number}.jpg" for number in range(1, 71)]
    assert media.template[:10].tolist() == [1, 1, 2, 2, 2, 3, 3, 4, 4, 4]
    assert media.medium[:10].tolist() == [1, 2, 3, 4, 4, 6, 7, 8, 9, 9]
    images, points, faceness = ijb_protocol.read_faceness(meta / "ijbc_name_5pts_score.txt")
    assert images.tolist() == media.images.tolist()
    np.testing.assert_array_equal(points[3], np.arange(10).reshape(5, 2))
    np.testing.assert_allclose(faceness, 1)  # the drawings look straight ahead
    listed = ijb_protocol.read_template_pairs(meta / "ijbc_template_pair_label.txt")
    assert (len(listed), int(listed.same.sum())) == (14 * 11, 14)
    owner = (np.stack([listed.first, listed.second]) - 1) // 2
    np.testing.assert_array_equal(owner[0] == owner[1], listed.same)
    subjects = [
        ijb_protocol.read_subjects(meta / f"ijbc_1N_{part}.csv") for part in ("gallery_G1", "gallery_G2", "probe_mixed")
    ]
    assert [len(part.template) for part in subjects] == [7, 7, 14]
    for part in subjects:
        np.testing.assert_array_equal((part.template + 1) // 2, part.subject)
    assert rows_by_person(read_source("ijb", root)) == {f"{number:06d}": 5 for number in range(1, 15)}


@pytest.mark.parametrize(("people", "images"), [(4, 2), (21, 3), (120, 5)])
def test_lfws_pairs(tmp_path: Path, people: int, images: int) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(pairs(Numbers(people, images, SEED)))
    found = read_pairs(path)
    folds = min(10, people // 2)
    assert set(found.folds.tolist()) == set(range(folds))
    seen: set[frozenset[str]] = set()
    owners: dict[str, int] = {}
    for first, second, one, other, same, fold in zip(
        found.first, found.second, found.first_person, found.second_person, found.same, found.folds, strict=True
    ):
        assert frozenset((first, second)) not in seen
        seen.add(frozenset((first, second)))
        assert (one == other) == same
        for person in (one, other):
            assert owners.setdefault(str(person), int(fold)) == fold  # nobody is in two folds
    each = len(found) // folds // 2
    smallest = people // folds
    assert each == min(300, smallest * images * (images - 1) // 2, smallest * (smallest - 1) // 2 * images**2)
    numbers = {int(image[-8:-4]) for image in found.images()}
    assert numbers == set(range(1, images + 1))


def test_lfws_pairs_are_pictures_that_are_there(sets: Sets) -> None:
    root = sets.write("lfw", 6, 2)
    assert all((root / "lfw" / image).is_file() for image in read_pairs(root / "pairs.txt").images())


@pytest.mark.parametrize(
    ("layout", "numbers", "word"),
    [
        ("lfw", (3, 2), "identities is 3: the layout lfw takes 4 to"),
        ("ijb", (2, 1), "images is 1: the layout ijb takes 2 to"),
        ("fgnet", (1000, 1), "identities is 1000: the layout fgnet takes 1 to 999"),
        ("fgnet", (1, 27), "images is 27: the layout fgnet takes 1 to 26"),
        ("casia", (1, 1000), "takes 1 to 999"),
        ("recordio", (0, 1), "identities is 0"),
    ],
)
def test_impossible_numbers(tmp_path: Path, layout: str, numbers: tuple[int, int], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        write_shape(SHAPES[layout], tmp_path / "out", identities=numbers[0], images=numbers[1], seed=0)
    assert not (tmp_path / "out").exists()
