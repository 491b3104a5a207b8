"""Real photographs: fetched at test time, never part of the repository."""

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import skimage.data

from kronface.faces.image import Image, decode_image

ARCHIVE = "face_recognition-1.3.0.tar.gz"
SHA256 = "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec"


def fetch(folder: Path) -> Path | None:
    """The source distribution of face_recognition, whose test pictures (two presidents) are in the public domain."""
    archive = folder / ARCHIVE
    # Without build isolation nothing but the archive is fetched, but setuptools must be there; with it, pip brings it.
    for isolation in (["--no-build-isolation"], []):
        if archive.is_file() and hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256:
            return archive
        command = [
            "-m",
            "pip",
            "download",
            "--quiet",
            "--retries",
            "1",
            "--timeout",
            "10",
            "--no-deps",
            "--no-binary",
            ":all:",
            *isolation,
        ]
        place = ["--dest", str(folder), "face_recognition==1.3.0"]
        try:
            subprocess.run([sys.executable, *command, *place], check=False, capture_output=True, timeout=120)
        except (OSError, subprocess.TimeoutExpired):
            return None
    return archive if archive.is_file() else None


@pytest.fixture(scope="session")
def presidents(request: pytest.FixtureRequest) -> dict[str, Image]:
    """Seven photographs by the stem of their names, one face on each."""
    assert request.config.cache is not None
    archive = fetch(Path(request.config.cache.mkdir("photographs")))
    if archive is None:
        pytest.skip("the package index cannot be reached: no photographs to detect faces on")
    pictures: dict[str, Image] = {}
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            file = tar.extractfile(member) if "/tests/test_images/" in member.name else None
            if file is not None:
                pictures[Path(member.name).stem] = decode_image(file.read(), member.name)
    return pictures


@pytest.fixture(scope="session")
def astronaut() -> Image:
    """Eileen Collins, 512x512, from scikit-image's wheel (NASA, public domain)."""
    image: Image = skimage.data.astronaut()
    return image
