"""Embedding stores: what is in them, how work that was ended goes on, and what cannot be mixed."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kronface.cli.main import main
from kronface.data.sources.folder import folder
from kronface.errors import DataError
from kronface.evaluation.embedding_store import EmbeddingStore
from kronface.evaluation.features import read_features
from kronface.faces.detect import YuFaceDetector
from kronface.network.checkpoint import save
from kronface.network.variants import build
from kronface.runtime.embedder import NetworkEmbedder, PixelEmbedder
from kronface.runtime.extract import extract
from kronface.runtime.extract_store import extract_store
from tests.processes import is_running


def children(pid: int) -> list[int]:
    """Processes that a process has started, as Linux tells."""
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in tasks.read_text().split()] if tasks.exists() else []


def spoil(root: Path) -> Path:
    """A copy of a data set with a truncated picture and one without a face; returns the truncated one."""
    first = sorted(root.rglob("*.jpg"))[0]
    first.write_bytes(first.read_bytes()[:200])
    pixels = np.full((64, 64, 3), 128, np.uint8)
    import cv2

    cv2.imwrite(str(first.with_name("wall.png")), pixels)
    return first


@pytest.fixture
def people(folder_people: Path, tmp_path: Path) -> Path:
    import shutil

    root = tmp_path / "people"
    shutil.copytree(folder_people, root)
    return root


@pytest.mark.parametrize("workers", [0, 1])
def test_a_store_holds_what_one_pass_gives(people: Path, tmp_path: Path, workers: int) -> None:
    spoil(people)
    records = folder(people)
    embedder = PixelEmbedder(size=32)
    detector = YuFaceDetector()
    expected = extract(records, embedder, detector=detector, max_bad_share=0.5)
    store = tmp_path / "store"
    found = extract_store(
        records,
        embedder,
        store,
        settings={},
        detector=detector,
        rows_per_part=7,
        batch_size=4,
        workers=workers,
        max_bad_share=0.5,
    )
    assert (found.rows, found.embedded, found.not_found, len(found.bad)) == (19, 19, 1, 1)
    read = read_features(store)
    assert expected.embeddings is not None
    np.testing.assert_array_equal(read.values, expected.embeddings)
    assert read.paths is not None
    assert read.identities is not None
    assert read.paths.tolist() == expected.records.table["path"].to_list()
    assert read.identities.tolist() == expected.records.table["identity"].to_list()
    assert read.fingerprint == embedder.fingerprint
    assert sorted(path.name for path in store.iterdir()) == [*(f"part-0000{k}.parquet" for k in range(3)), "store.json"]


def test_work_that_was_ended_goes_on(people: Path, tmp_path: Path) -> None:
    records, embedder, store = folder(people), PixelEmbedder(size=32), tmp_path / "store"

    class EnoughError(Exception):
        pass

    def stop(_: str, done: int, __: int) -> None:
        if done == 10:
            raise EnoughError

    def run(progress: object = None) -> int:
        more = {} if progress is None else {"progress": progress}
        return extract_store(
            records,
            embedder,
            store,
            settings={},
            detector=YuFaceDetector(),
            rows_per_part=4,
            workers=0,
            **more,  # type: ignore[arg-type]
        ).embedded

    with pytest.raises(EnoughError):
        run(stop)
    (store / ".part-00002.parquet.abc.tmp").write_bytes(b"half")
    with pytest.raises(DataError, match="not whole"):
        read_features(store)
    before = {path: path.stat().st_mtime_ns for path in store.glob("part-*")}
    assert len(before) == 2
    assert run() == 10
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not list(store.glob(".*"))
    values = read_features(store).values
    whole = extract(records, embedder, detector=YuFaceDetector()).embeddings
    np.testing.assert_array_equal(values, whole)
    assert run() == 0


def test_a_killed_command_goes_on(people: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    checkpoint, store = tmp_path / "checkpoint", tmp_path / "store"
    save(build(variant="vgg19-quarter", size=64, identities=4, predicted=("Male",), fused=("Male",)), checkpoint)
    words = ["extract", str(people), "--out", str(store), "--checkpoint", str(checkpoint), "--batch-size", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "kronface.cli.main", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    limit = time.monotonic() + 120
    while not (store / "store.json").exists() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.02)
    workers = children(process.pid)
    process.kill()  # the command alone: its workers see for themselves that nobody waits for them
    process.wait()
    while any(map(is_running, workers)) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not any(map(is_running, workers))
    assert main(words) == 0
    assert "18 pictures of 6 people" in capfd.readouterr().out
    found = read_features(store)
    assert len(found) == 18
    assert len(np.unique(found.paths)) == 18  # type: ignore[arg-type]
    embedder = NetworkEmbedder.from_pretrained(checkpoint)
    expected = extract(folder(people), embedder, detector=YuFaceDetector())
    assert expected.embeddings is not None
    np.testing.assert_allclose(found.values, expected.embeddings, atol=1e-5)
    assert set(embedder.predicted) <= set(found.columns)
    assert main(["evaluate", "arrays", str(store), "--gallery", str(store), "--mates", "each"]) == 0
    capfd.readouterr()
    for more, message in (
        (["--flip"], "another run (settings"),
        (["--layout", "celeba"], "missing"),
        (["--split", "test"], "no pictures in the test split"),
        (["--workers", "-1"], "workers -1"),
    ):
        assert main([*words, *more]) == 2
        line = capfd.readouterr().err.strip().splitlines()[-1]
        assert line.startswith("kronface: ")
        assert message in line


def test_stores_that_are_none(people: Path, tmp_path: Path) -> None:
    records, embedder, store = folder(people), PixelEmbedder(size=32), tmp_path / "store"
    with pytest.raises(DataError, match="holds other files"):
        extract_store(records, embedder, people, settings={})
    extract_store(records, embedder, store, settings={}, detector=YuFaceDetector(), rows_per_part=10, workers=0)
    with pytest.raises(DataError, match=r"another run \(fingerprint differ\)"):
        extract_store(records, PixelEmbedder(size=16), store, settings={}, rows_per_part=10)
    pl.read_parquet(store / "part-00001.parquet").head(3).write_parquet(store / "part-00001.parquet")
    with pytest.raises(DataError, match=r"part-00001\.parquet has 3 rows"):
        read_features(store)
    (store / "part-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"part-00001\.parquet is damaged"):
        read_features(store)
    manifest = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps(manifest | {"rows": "many"}))
    with pytest.raises(DataError, match="no manifest"):
        EmbeddingStore(store)


def test_too_many_unreadable_pictures_stop_it(people: Path, tmp_path: Path) -> None:
    spoil(people)
    with pytest.raises(DataError, match=r"over 1\.0%"):
        extract_store(folder(people), PixelEmbedder(size=32), tmp_path / "s", settings={}, detector=YuFaceDetector())
