"""The engine on instant pictures: bytes, killed processes, and memory."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kronface.errors import ConfigError, DataError
from kronface.synth.export.crew import IN_FLIGHT, Crew
from kronface.synth.export.job import Job
from kronface.synth.export.truth import COLUMNS
from tests.synth.export import instant

ROOT = Path(__file__).parents[3]

SCRIPT = """
import resource, sys
from pathlib import Path
from tests.synth.export import instant
if __name__ == "__main__":
    out, people, images, workers = Path(sys.argv[1]), *(int(word) for word in sys.argv[2:])
    instant.write(out, people, images, workers=workers)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def in_a_process(folder: Path, people: int, images: int, workers: int, **more: str) -> subprocess.CompletedProcess[str]:
    script = folder.parent / "script.py"
    script.write_text(SCRIPT)
    words = [str(folder), str(people), str(images), str(workers)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])} | more
    return subprocess.run(
        [sys.executable, str(script), *words], env=environment, capture_output=True, text=True, check=False
    )


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_bytes_do_not_depend_on_workers_or_on_a_crew_that_was_used_before(tmp_path: Path) -> None:
    instant.write(tmp_path / "alone", 40, 3)
    with Crew(2, prepare=instant.nothing) as crew:
        instant.write(tmp_path / "first", 5, 1, crew=crew)
        instant.write(tmp_path / "second", 40, 3, crew=crew)
    alone, second = contents(tmp_path / "alone"), contents(tmp_path / "second")
    assert alone == second
    lines = alone["truth.csv"].decode().split("\n")
    assert lines[0] == ",".join(COLUMNS)
    assert [line.split(",")[:3] for line in lines[1:-1]] == [
        [f"0/{person}-{image}.png", str(person + 1), str(image + 1)] for person in range(40) for image in range(3)
    ]


@pytest.mark.parametrize(("person", "workers"), [(0, 1), (13, 1), (29, 1), (13, 2)])
def test_what_was_killed_in_the_middle_of_a_person_goes_on(tmp_path: Path, person: int, workers: int) -> None:
    instant.write(tmp_path / "straight", 30, 2)
    killed = tmp_path / "killed"
    ended = in_a_process(killed, 30, 2, workers, **{instant.FATAL: str(person)})
    assert ended.returncode != 0
    if workers == 2:
        assert "DataError" in ended.stderr  # the parent lives on, and says so
        assert "fewer workers" in ended.stderr
    assert not (killed / "truth.csv").exists()
    whole = set(contents(tmp_path / "straight"))
    begun = {name for name in contents(killed) if not name.endswith(".tmp")}
    assert begun < whole
    ended = in_a_process(killed, 30, 2, workers)
    assert ended.returncode == 0, ended.stderr
    assert contents(killed) == contents(tmp_path / "straight")


def test_what_was_killed_before_its_manifest_was_there_goes_on(tmp_path: Path) -> None:
    instant.write(tmp_path / "straight", 2, 1)
    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / ".rendering.json.abc.tmp").write_text("{")
    instant.write(killed, 2, 1)
    assert contents(killed) == contents(tmp_path / "straight")


def test_what_was_killed_while_the_index_was_written_goes_on(tmp_path: Path) -> None:
    instant.write(tmp_path / "straight", 4, 2)
    instant.write(tmp_path / "killed", 4, 2)
    (tmp_path / "killed" / "truth.csv").unlink()
    (tmp_path / "killed" / ".truth.csv.abc.tmp").write_text("path,ident")
    instant.write(tmp_path / "killed", 4, 2)
    assert contents(tmp_path / "killed") == contents(tmp_path / "straight")


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where the machine has such a place: disks take a minute for tens of thousands of files."""
    memory = Path("/dev/shm")  # noqa: S108 - asked for a folder of its own
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


def test_memory_does_not_grow_with_the_people(fast_folder: Path) -> None:
    """Eight thousand people more, a picture each, cost two megabytes at most: one row of truth.csv has 1,200 bytes."""
    peaks = []
    for people in (2_000, 10_000):
        ended = in_a_process(fast_folder / str(people), people, 1, 1)
        assert ended.returncode == 0, ended.stderr
        peaks.append(int(ended.stdout) * 1024)
    assert peaks[1] - peaks[0] < 2 << 20, peaks


def test_jobs_are_taken_as_they_are_needed() -> None:
    taken = finished = most = 0

    def count() -> Iterator[int]:
        nonlocal taken, most
        for number in range(200):
            taken += 1
            most = max(most, taken - finished)
            yield number

    with Crew(2, prepare=instant.nothing) as crew:
        for _ in crew.run(abs, count()):
            finished += 1
    assert (taken, finished) == (200, 200)
    assert most <= 2 * IN_FLIGHT + 2


def test_a_crew_without_workers_and_lost_notes(tmp_path: Path) -> None:
    from kronface.synth.export.writing import read_notes

    with pytest.raises(ConfigError, match="workers"):
        Crew(0)
    with pytest.raises(DataError, match="run the same command again"):
        list(read_notes(tmp_path, [3]))


def test_a_person_whose_files_were_to_be_others_is_drawn_again(tmp_path: Path) -> None:
    from kronface.synth.export.writing import is_written, write_person

    (job,) = instant.jobs(1, 2)
    write_person(tmp_path, instant.draw, job)
    assert is_written(tmp_path, job)
    other = Job(1, 0, "crop", (job.files[0],), instant.PLAIN)
    assert not is_written(tmp_path, other)
    (tmp_path / job.files[1]).write_bytes(b"")
    assert not is_written(tmp_path, job)
