"""CASIA-WebFace, LFW, FaceScrub, MegaFace, FG-NET and IJB in the bytes of their owners' tools."""

from pathlib import Path

import numpy as np
import pytest

from kronface.data.sources.casia import casia
from kronface.data.sources.facescrub import facescrub
from kronface.data.sources.fgnet import fgnet
from kronface.data.sources.ijb import ijb
from kronface.data.sources.lfw import lfw
from kronface.data.sources.megaface import megaface
from kronface.data.sources.overlap import FACESCRUB, LFW
from kronface.errors import ConfigError, DataError
from tests.data.sources.official import (
    BOX,
    SIDECARS,
    THREE,
    write_casia,
    write_facescrub,
    write_fgnet,
    write_ijb,
    write_lfw,
    write_megaface,
    write_picture,
)

NAN = float("nan")


def test_the_lists_of_overlap() -> None:
    assert (len(FACESCRUB), len(LFW), len(FACESCRUB & LFW)) == (42, 16, 0)
    assert all(len(name) == 7 and name.isdigit() for name in FACESCRUB | LFW)
    assert {"0111013", "1842439"} <= FACESCRUB
    assert {"0000513", "3478560"} <= LFW


@pytest.mark.parametrize("top", ["CASIA-WebFace", "."])
def test_casia(tmp_path: Path, top: str) -> None:
    root = write_casia(tmp_path / "set", top=top)
    (root / top / "readme").mkdir()
    records = casia(root)
    prefix = "" if top == "." else f"{top}/"
    assert records.table["path"].to_list()[:2] == [f"{prefix}0000045/001.jpg", f"{prefix}0000045/002.jpg"]
    assert records.identities() == ["0000045", "0000099", "0000513", "0111013", "6573001"]
    assert len(records) == 9
    told = "1 people who are also FaceScrub probes of MegaFace and 1 who are in LFW"
    assert f"with {told}, as in the paper: --overlap removed leaves them out" in records.notes
    removed = casia(root, overlap="removed")
    assert removed.identities() == ["0000045", "0000099", "6573001"]
    assert len(removed) == 6
    assert f"without {told}" in removed.notes
    with pytest.raises(ConfigError, match="choose as-paper or removed"):
        casia(root, overlap="yes")
    with pytest.raises(DataError, match=r"9 images of 5 identities \(official: 494414 of 10575\)"):
        casia(root, official=True)
    write_picture(root / top / "ann" / "1.jpg")
    assert any("1 folders that are not of seven digits were passed over, ann" in note for note in casia(root).notes)


def test_casia_with_a_list(tmp_path: Path) -> None:
    root = write_casia(tmp_path)
    lines = (
        "0\t/raid5data/dplearn/CASIA-WebFace/0000099/002.jpg\t1\t20\t30\t80\t110\t31\t61\t46\t33\t58\t40\t41\t60\t80\t81",
        "0\t/raid5data/dplearn/CASIA-WebFace/0000045/001.jpg\t0\t1\t2\t3\t4",
        "1\tCASIA-WebFace/0000513/001.jpg\t2",
    )
    (root / "train.lst").write_text("\n".join(lines) + "\n")
    records = casia(root)
    expected = [f"CASIA-WebFace/{name}.jpg" for name in ("0000099/002", "0000045/001", "0000513/001")]
    assert records.table["path"].to_list() == expected
    assert records.table["aligned"].to_list() == [False, False, True]
    points = [[31, 40], [61, 41], [46, 60], [33, 80], [58, 81]]  # the five x stand before the five y
    np.testing.assert_array_equal(records.landmarks()[0], points)
    assert np.isnan(records.landmarks()[1:]).all()
    np.testing.assert_array_equal(records.boxes(), [[20, 30, 60, 80], [1, 2, 2, 2], [NAN] * 4])
    assert casia(root, overlap="removed").identities() == ["0000045", "0000099"]
    for line, message in (
        ("0\tann/1.jpg\t3", "names ann/1.jpg: CASIA-WebFace's pictures lie in folders of seven digits"),
        ("0\t0000045/1.jpg\t3\t5", "line 4: a line should be aligned, path, class"),
        ("x\t0000045/1.jpg\t3", "line 4"),
        ("0000045/1.jpg 3", "line 4"),
    ):
        (root / "train.lst").write_text("\n".join([*lines, line]))
        with pytest.raises(DataError, match=message):
            casia(root)
    (root / "other.lst").touch()
    with pytest.raises(DataError, match="holds 2 lists"):
        casia(root)


def test_folders_that_are_not_casia(tmp_path: Path) -> None:
    write_picture(tmp_path / "ann" / "1.jpg")
    with pytest.raises(DataError, match="holds no folders of seven digits"):
        casia(tmp_path)


@pytest.mark.parametrize("top", ["lfw", "lfw-deepfunneled", "."])
def test_lfw(tmp_path: Path, top: str) -> None:
    root = write_lfw(tmp_path / "set", top=top)
    (root / top / "pairs.txt").write_text("10\t300\n")
    records = lfw(root)
    prefix = "" if top == "." else f"{top}/"
    assert records.identities() == ["Aaron_Eckhart", "Björk", "Zoë_O'Neill-Jr"]
    assert records.table["path"][0] == f"{prefix}Aaron_Eckhart/Aaron_Eckhart_0001.jpg"
    assert len(records) == 6
    assert records.notes == ("not the official LFW: 6 images of 3 identities (official: 13233 of 5749)",)
    with pytest.raises(DataError, match="is not the official LFW"):
        lfw(root, official=True)
    write_picture(root / top / "Björk" / "Bjork_0001.jpg")
    with pytest.raises(DataError, match=r"Bjork_0001\.jpg is not named as LFW's"):
        lfw(root)


def test_facescrub_uncropped(tmp_path: Path) -> None:
    root = write_facescrub(tmp_path)
    (root / "facescrub" / "Aaron Eckhart" / "notes.pdf").touch()
    records = facescrub(root)
    table = records.table
    assert records.identities() == ["Aaron Eckhart", "Zoe O'Neill"]
    assert table["path"].to_list() == [
        "facescrub/Aaron Eckhart/Aaron Eckhart_1.jpg",
        "facescrub/Aaron Eckhart/Aaron Eckhart_3.JPG",
        "facescrub/Zoe O'Neill/Zoe O'Neill_57.png",
        "facescrub/Zoe O'Neill/Zoe O'Neill_91",
    ]
    np.testing.assert_array_equal(records.boxes(), [[8, 20, 80, 90], [10, 11, 50, 60], [0, 0, 90, 100], [5, 5, 75, 85]])
    assert records.attributes == ("Male",)
    assert table["Male"].to_list() == [1, 1, 0, 0]
    assert any("1 of the 5 listed faces are not there" in note for note in records.notes)
    assert any("1 files are not named as FaceScrub's, " in note and "notes.pdf" in note for note in records.notes)


def test_facescrub_cropped_and_without_lists(tmp_path: Path) -> None:
    records = facescrub(write_facescrub(tmp_path / "cropped", cropped=True))
    assert records.table["path"][0] == "facescrub/Aaron_Eckhart/Aaron_Eckhart_1.png"
    assert records.identities() == ["Aaron Eckhart", "Zoe O'Neill"]
    assert np.isnan(records.boxes()).all()  # the lists' boxes are of other pictures
    assert records.table["Male"].to_list() == [1, 1, 0, 0]
    plain = facescrub(write_facescrub(tmp_path / "plain", lists=False) / "facescrub", aligned=True)
    assert plain.attributes == ()
    assert plain.table["aligned"].all()
    assert plain.table["path"][0] == "Aaron Eckhart/Aaron Eckhart_1.jpg"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("8,20,88,110", "8,20,88", "line 2: a line should be a name"),
        ("\t3\t", "\tthree\t", "line 3"),
        ("face_id", "face", "has the columns name image_id face url"),
    ],
)
def test_faults_of_facescrubs_lists(tmp_path: Path, old: str, new: str, message: str) -> None:
    root = write_facescrub(tmp_path)
    path = root / "facescrub_actors.txt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message) as caught:
        facescrub(root)
    assert str(path) in str(caught.value)


def test_megafaces_sidecars_with_missing_parts(tmp_path: Path) -> None:
    root = write_megaface(tmp_path)
    records = megaface(root)
    table = records.table
    assert table["path"].to_list() == [f"FlickrFinal2/{name}" for name in sorted(SIDECARS)]
    assert records.identities() == ["10066622@N07", "53415754@N00"]
    points: dict[str, dict[str, float]] = THREE
    three = [[points[name]["x"], points[name]["y"]] for name in ("1", "0", "2")] + [[NAN, NAN]] * 2
    box = [BOX[name] for name in ("x", "y", "width", "height")]
    whole = {"534/53415754@N00/37731000_1.jpg", "534/53415754@N00/37731001_0.jpg"}
    boxed = {"534/53415754@N00/37731000_1.jpg", "100/10066622@N07/4321_0.jpg", "100/10066622@N07/4321_1.jpg"}
    for row, name in enumerate(sorted(SIDECARS)):
        np.testing.assert_array_equal(records.landmarks()[row], three if name in whole else [[NAN, NAN]] * 5)
        np.testing.assert_array_equal(records.boxes()[row], box if name in boxed else [NAN] * 4)
    notes = "\n".join(records.notes)
    assert "2 of 11 pictures have three landmarks, 2 a box only, 7 neither" in notes
    assert "1 pictures have no sidecar, FlickrFinal2/100/10066622@N07/4325_0.jpg the first" in notes
    assert "2 pictures have a damaged one, FlickrFinal2/100/10066622@N07/4326_0.jpg the first" in notes
    assert "1 pictures have five landmarks, which are wrong and not used" in notes
    inside = megaface(root / "FlickrFinal2")
    assert inside.table["path"].to_list() == sorted(SIDECARS)
    aligned = megaface(root, aligned=True)
    assert aligned.table["aligned"].all()
    assert np.isnan(aligned.landmarks()).all()
    with pytest.raises(DataError, match="is it MegaFace"):
        megaface(root / "FlickrFinal2" / "534")


@pytest.mark.parametrize("folders", [False, True])
def test_fgnet(tmp_path: Path, folders: bool) -> None:
    root = write_fgnet(tmp_path, folders=folders)
    (root / "001A99.txt").touch()
    records = fgnet(root)
    assert records.table["identity"].to_list() == ["001", "001", "001", "002", "082"]
    assert records.table["age"].to_list() == [2, 43, 43, 0, 69]
    assert records.table["path"][4] == ("082/082A69Gf.JPG" if folders else "images/082A69Gf.JPG")
    assert np.isfinite(records.landmarks()[:, :3]).all() == folders
    assert any("5 images of 3 people (official: 1002 of 82 or 975 of 82)" in note for note in records.notes)
    with pytest.raises(DataError, match="is not the official FG-NET"):
        fgnet(root, official=True)


def test_fgnet_in_both_forms_at_once(tmp_path: Path) -> None:
    write_fgnet(tmp_path, folders=True)
    write_fgnet(tmp_path)
    with pytest.raises(DataError, match=r"holds 001/001A02.JPG and images/001A02.JPG"):
        fgnet(tmp_path)


@pytest.mark.parametrize("target", ["ijbb", "ijbc"])
def test_ijb(tmp_path: Path, target: str) -> None:
    root = write_ijb(tmp_path, target=target)
    records = ijb(root)
    assert records.table["path"].to_list() == [f"loose_crop/{image}.jpg" for image in range(1, 6)]
    assert records.table["identity"].to_list() == ["001001", "001001", "001001", "000033", "001001"]
    np.testing.assert_array_equal(records.landmarks()[2], [[30.25, 40.5], [60, 41.5], [46.125, 60], [33, 80], [58, 81]])
    assert any("5 images (official: " in note for note in records.notes)
    with pytest.raises(DataError, match=f"is not the official {target.upper()}"):
        ijb(root, official=True)


def test_ijb_without_its_lists(tmp_path: Path) -> None:
    records = ijb(write_ijb(tmp_path, lists=False))
    assert records.identities() == []
    assert any("ijbc_1N_gallery_G1.csv is missing" in note for note in records.notes)
    (tmp_path / "meta" / "ijbc_face_tid_mid.txt").unlink()
    assert any("nobody knows which images belong together" in note for note in ijb(tmp_path).notes)
    write_ijb(tmp_path / "other")
    probes = tmp_path / "other" / "meta" / "ijbc_1N_probe_mixed.csv"
    probes.write_text(probes.read_text().replace("\n8,", "\n9,"))
    assert any(
        "1 images are of templates that the lists of 1:N do not have" in n for n in ijb(tmp_path / "other").notes
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("ijbc_name_5pts_score.txt", "2.jpg 30.25", "2.jpg left", "line 2: a line should be 'name x1 y1"),
        ("ijbc_name_5pts_score.txt", "3.jpg 30.25", "3.jpg", "line 3"),
        ("ijbc_face_tid_mid.txt", "4.jpg", "6.jpg", "lists other images than ijbc_name_5pts_score.txt"),
        ("ijbc_1N_gallery_G1.csv", "1,1001", "one,1001", "first two columns should be a template and a subject"),
    ],
)
def test_faults_of_ijb(tmp_path: Path, name: str, old: str, new: str, message: str) -> None:
    root = write_ijb(tmp_path)
    path = root / "meta" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        ijb(root)


def test_packs_of_ijb_that_are_not_whole(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="loose_crop/ is missing"):
        ijb(tmp_path)
    (tmp_path / "loose_crop").mkdir()
    with pytest.raises(DataError, match=r"ijbc_name_5pts_score\.txt is missing"):
        ijb(tmp_path)
