"""Pictures on disk: the same whatever asked for them, and made again when they are lost."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kronface.data.attributes import CELEBA, PREDICTED
from kronface.data.sources.celeba import celeba
from kronface.errors import DataError
from kronface.faces.image import read_image
from kronface.synth.export import write_celeba, write_folder
from kronface.synth.export.writing import MANIFEST
from kronface.synth.picture import take_picture
from kronface.synth.settings import Rendering
from tests.synth.export.test_layouts import read_truth


def files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_files_do_not_depend_on_workers(celeba_people: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_celeba(again, identities=12, images=4, seed=5, validation=4, test=2, workers=1)
    assert files(again) == files(celeba_people)


def test_people_do_not_depend_on_counts_or_layout(folder_people: Path, celeba_people: Path, tmp_path: Path) -> None:
    rendering = Rendering(max_yaw_rad=0.785)
    write_folder(tmp_path / "fewer", identities=2, images=1, seed=5, rendering=rendering, workers=1)
    for person in (1, 2):
        name = f"person-{person:05d}/0001.jpg"
        assert (tmp_path / "fewer" / name).read_bytes() == (folder_people / name).read_bytes()
    table = celeba(celeba_people).table
    for values in read_truth(folder_people):
        same = table.filter(table["identity"] == values["identity"].zfill(5))
        assert len(same) == 4
        for name in PREDICTED:
            assert int(values[name]) == same[name][0]


def test_a_lost_or_damaged_picture_is_rendered_again_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "set"
    write_folder(out, identities=3, images=2, seed=5, aligned=True, workers=1)
    before = files(out)
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")}
    lost, cut = out / "person-00002/0002.jpg", out / "person-00003/0001.jpg"
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:100])
    (out / "person-00002" / ".0002.jpg.abc.tmp").write_bytes(b"half")
    write_folder(out, identities=3, images=2, seed=5, aligned=True, workers=2)
    assert files(out) == before
    untouched = [path for path in stamps if path.parent.name == "person-00001"]
    assert all(path.stat().st_mtime_ns == stamps[path] for path in untouched)


def test_written_picture_is_the_one_that_is_taken(folder_people: Path) -> None:
    picture = take_picture(5, 0, 1, framing="portrait")
    written = read_image(folder_people / "person-00001/0002.jpg").astype(float)
    assert np.abs(written - picture.image).mean() < 6  # but for the JPEG


def test_readme_names_every_column_that_means_something(celeba_people: Path) -> None:
    table = celeba(celeba_people).table
    told = (celeba_people / "README.txt").read_text()
    for name in CELEBA:
        if name not in told:
            assert table[name].sum() == 0, name
    assert all(name in told for name in PREDICTED)


def test_people_of_another_version_of_the_renderer_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "set"
    write_folder(out, identities=1, images=1, seed=5, workers=1)
    manifest = out / MANIFEST
    manifest.write_text(manifest.read_text().replace('"rendering": ', '"rendering": 1'))
    with pytest.raises(DataError, match="another version"):
        write_folder(out, identities=1, images=1, seed=5, workers=1)


WRITE = """
import sys
from pathlib import Path
from kronface.synth.export import write_folder
if __name__ == "__main__":
    write_folder(Path(sys.argv[1]), identities=14, images=2, seed=5, aligned=True, workers=2)
"""


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_run_leaves_no_process_and_goes_on(tmp_path: Path) -> None:
    script, out = tmp_path / "write.py", tmp_path / "set"
    script.write_text(WRITE)
    process = subprocess.Popen(
        [sys.executable, str(script), str(out)], start_new_session=True, stderr=subprocess.DEVNULL
    )
    while not list(out.rglob("*.jpg")) and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while _lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(process.pid)  # the workers end by themselves
    assert not (out / "truth.csv").exists()
    arguments = json.loads((out / MANIFEST).read_text())
    assert arguments["identities"] == 14
    write_folder(out, identities=14, images=2, seed=5, aligned=True, workers=2)
    write_folder(tmp_path / "straight", identities=3, images=2, seed=5, aligned=True, workers=1)
    straight, resumed = files(tmp_path / "straight"), files(out)
    assert all(resumed[name] == digest for name, digest in straight.items() if name.endswith(".jpg"))
    assert len([name for name in resumed if name.endswith(".jpg")]) == 28
    assert not [name for name in resumed if name.endswith(".tmp")]
