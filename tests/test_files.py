"""Atomic writes."""

from pathlib import Path

import pytest

from kronface.files import atomic_path, check_writable, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text() == "new"


def test_json_refuses_what_is_not_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_called_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a.json", Path("/proc/a.json")):
        for attempt in (check_writable, lambda path: write_text(path, "x")):
            with pytest.raises(OSError) as caught:  # noqa: PT011 - which one is the system's business
                attempt(path)
            assert ".tmp" not in str(caught.value.filename)
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path)
    check_writable(tmp_path / "new" / "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
