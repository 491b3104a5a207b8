"""Atomic writes: a reader sees the old file or the new one, never half of either."""

import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called as `progress(stage, done, total)` by every long function; only the command line draws it."""


def no_progress(stage: str, done: int, total: int) -> None:
    """Draws nothing; the default of every `progress` argument."""


@contextmanager
def atomic_path(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on a clean exit it is flushed to disk and renamed to `path`.

    If the block raises, the temporary file is removed and `path` stays as it was. Parent folders are made. Without
    `durable` nothing waits for the disk: a killed process still leaves whole files only, a power cut may not. That is
    for thousands of small files that can be made again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        error.filename = str(path)  # not that of the temporary file
        raise
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes files that only their owner may read
        if durable:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        # A write to an open file, such as one to a full disk, fails without saying where.
        error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def check_writable(path: Path) -> None:
    """Whether a file can be written there, for commands that would learn it only at the end of long work.

    Raises:
        OSError: it cannot; names the path.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        error.filename = str(path)
        raise


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Writes `content` to `path` atomically."""
    with atomic_path(path, durable=durable) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Writes UTF-8 text to `path` atomically, line ends as given."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401 - any JSON value
    """Writes `content` to `path` atomically as indented JSON; NaN and infinity are refused."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
