"""Streamed searches against plain loops written from the rules, on random, tied and collapsed features."""

import math

import numpy as np
import pytest

from kronface.errors import ConfigError, DataError
from kronface.evaluation import search as module
from kronface.evaluation.features import Features
from kronface.evaluation.protocols.arrays import identify_arrays
from kronface.evaluation.search import Metric, Rows, distances, score_pairs, search

SIZE = 24


def features(kind: str, rows: int, dtype: type, rng: np.random.Generator) -> np.ndarray:
    if kind == "random":
        return rng.normal(size=(rows, SIZE)).astype(dtype)
    if kind == "tied":
        return rng.integers(-1, 2, size=(rows, SIZE)).astype(dtype)
    return np.full((rows, SIZE), 0.3, dtype)


def similarity(x: np.ndarray, y: np.ndarray, metric: str) -> float:
    product = math.fsum(float(a) * float(b) for a, b in zip(x, y, strict=True))
    square = math.fsum(float(b) ** 2 for b in y)
    if metric == "euclidean":
        return product - square / 2
    length = math.sqrt(math.fsum(float(a) ** 2 for a in x)) * math.sqrt(square)
    return product / length if length else 0.0


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", ["random", "tied", "collapsed"])
def test_counts_equal_plain_loops(kind: str, dtype: type, metric: Metric) -> None:
    rng = np.random.default_rng(0)
    x, y, mates = (features(kind, rows, dtype, rng) for rows in (9, 300, 40))
    y[rng.random(300) < 0.1] = np.nan
    y[7] = 0
    probe, mate = rng.integers(0, 9, 300), rng.integers(0, 40, 300)  # enough thresholds for tables
    ours, theirs = rng.integers(0, 6, 9), rng.integers(-1, 6, 300)
    lists = [np.arange(300), rng.choice(300, 50, replace=False)]
    probes, gallery = Rows.of(x), Rows.of(y)
    scores = score_pairs(probes, Rows.of(mates), probe, mate, metric=metric)
    found = search(
        probes,
        gallery,
        probe=probe,
        scores=scores,
        probe_people=ours,
        gallery_people=theirs,
        lists=lists,
        best=True,
        high=20,
        metric=metric,
        threads=2,
    )
    table = np.full((9, 300), np.nan)
    for i in range(9):
        for j in range(300):
            if not np.isnan(y[j]).any() and ours[i] != theirs[j]:
                table[i, j] = similarity(x[i], y[j], metric)
    for number, rows in enumerate(lists):
        part = table[probe][:, rows] - scores[:, None]
        np.testing.assert_array_equal(found.above[number], (part > 1e-12).sum(1))
        np.testing.assert_array_equal(found.tied[number], (np.abs(part) <= 1e-12).sum(1))
    np.testing.assert_allclose(found.best, np.nanmax(table, 1), atol=1e-12)
    for i, row in enumerate(found.best_row):
        assert row == np.flatnonzero(table[i] >= np.nanmax(table[i]) - 1e-12)[0]
    for rows, high, compared in zip(lists, found.high, found.compared, strict=True):
        apart = table - (np.square(x.astype(float)).sum(1)[:, None] / 2 if metric == "euclidean" else 0)
        part = apart[:, rows]
        assert compared == np.isfinite(part).sum()
        np.testing.assert_allclose(high.scores, -np.sort(-part[np.isfinite(part)])[:20], atol=1e-6)
        np.testing.assert_allclose(high.scores, apart[high.probe, high.row], atol=1e-12)
        assert np.isin(high.row, rows).all()
        assert len(np.unique(high.probe * 300 + high.row)) == 20


def test_blocks_tiles_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    people = np.arange(90) % 3
    x = (rng.normal(size=(3, 40))[people] + rng.normal(size=(90, 40))).astype(np.float32)
    y = rng.normal(size=(5000, 40)).astype(np.float32)
    probe, mate = np.nonzero((people[:, None] == people) & ~np.eye(90, dtype=bool))
    scores = score_pairs(Rows.of(x), Rows.of(x), probe, mate)
    whole = search(Rows.of(x), Rows.of(y), probe=probe, scores=scores, best=True, threads=1)
    monkeypatch.setattr(module, "PROBES", 17)
    monkeypatch.setattr(module, "COPY_BYTES", 1)
    for threads in (1, 3):
        parts = search(Rows.of(x), Rows.of(y), probe=probe, scores=scores, best=True, threads=threads)
        np.testing.assert_array_equal(parts.above, whole.above)
        np.testing.assert_array_equal(parts.best_row, whole.best_row)
    table = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(float) @ (
        y / np.linalg.norm(y, axis=1, keepdims=True)
    ).astype(float).T
    assert np.abs((table[probe] > scores[:, None]).sum(1) - whole.above[0]).max() <= 1


def test_euclidean_scores_are_distances() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(4, 8)), 3 * rng.normal(size=(5, 8))
    i, j = np.repeat(np.arange(4), 5), np.tile(np.arange(5), 4)
    found = distances(Rows.of(x), i, score_pairs(Rows.of(x), Rows.of(y), i, j, metric="euclidean"))
    np.testing.assert_allclose(found, np.linalg.norm(x[i] - y[j], axis=1), atol=1e-9)


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(DataError, match="no table"):
        Rows.of(np.ones(3))
    with pytest.raises(DataError, match="row 1 holds an infinite"):
        Rows.of([[1.0, 0.0], [np.inf, 0.0]])
    with pytest.raises(DataError, match="length 2 cannot be compared"):
        search(Rows.of(np.eye(2)), Rows.of(np.eye(3)))
    with pytest.raises(ConfigError, match="threads"):
        search(Rows.of(np.eye(2)), Rows.of(np.eye(2)), threads=0)


@pytest.mark.parametrize("mates", ["template", "each"])
def test_the_order_of_the_gallery_set_does_not_matter(mates: str) -> None:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(30, 16))
    probes = Features(centres + 0.4 * rng.normal(size=(30, 16)), "probes", np.arange(30).astype(np.str_))
    for copies in (1, 2):
        rows = rng.permutation(np.repeat(np.arange(30), copies))
        images = centres[rows] + 0.4 * rng.normal(size=(len(rows), 16))
        gallery = Features(images, "gallery", rows.astype(np.str_))
        ordered = np.argsort(rows.astype(np.str_), kind="stable")
        same = Features(images[ordered], "gallery", rows[ordered].astype(np.str_))
        found = identify_arrays(probes, gallery, mates=mates)  # type: ignore[arg-type]
        expected = identify_arrays(probes, same, mates=mates)  # type: ignore[arg-type]
        assert (found.trials.before() == 0).mean() > 0.9
        np.testing.assert_array_equal(found.trials.before(), expected.trials.before())
        assert (gallery.identities[found.mate] == probes.identities[found.probe]).all()  # type: ignore[index]


@pytest.mark.parametrize("mates", ["template", "each"])
def test_arrays_by_hand(mates: str) -> None:
    def unit(*degrees: float) -> np.ndarray:
        angles = np.radians(degrees)
        return np.stack([np.cos(angles), np.sin(angles)], 1)

    probes = Features(unit(0, 50, 90), "probes", np.array(["a", "b", "stranger"]))
    gallery = Features(unit(10, 60), "gallery", np.array(["a", "b"]))
    pool = Features(unit(5, 58, 180), "pool")
    found = identify_arrays(probes, gallery, pool, mates=mates)  # type: ignore[arg-type]
    # a's mate is 10 degrees away, one distractor 5; b's is 10 away, one distractor 8.
    assert found.fixed.higher.tolist() == [0, 0]
    assert found.distractors.higher.tolist() == [1, 1]
    assert found.trials.before().tolist() == [1, 1]
    assert found.stranger_score.tolist() == pytest.approx([np.cos(np.radians(30))])


@pytest.mark.parametrize("signs", [False, True])
@pytest.mark.parametrize("size", [188, 308, 612])
def test_sums_that_always_round_one_way_are_not_trusted(size: int, *, signs: bool) -> None:
    """Equal products, of constant rows or of signs, round a float32 sum in one direction: here a few among many."""
    rng = np.random.default_rng(4)
    x = np.sign(rng.normal(size=size)) if signs else np.ones(size)
    odd = np.repeat(x[None], 200, 0)
    if signs:
        odd[rng.random(odd.shape) < 0.1] *= -1
    odd[:, 0] += rng.normal(size=200) / 2
    pool = rng.permutation(np.concatenate([odd, rng.normal(size=(2000, size))]))
    pool /= np.linalg.norm(pool, axis=1, keepdims=True)
    x /= np.linalg.norm(x)
    aside = rng.normal(size=size)
    aside -= aside @ x * x
    aside /= np.linalg.norm(aside)
    exact = pool @ x
    # Mates that score a hair above or below one of the odd rows.
    wanted = np.sort(exact)[-200::5][:, None] + [-2e-8, 2e-8]
    mates = wanted.ravel()[:, None] * x + np.sqrt(np.maximum(1 - wanted.ravel() ** 2, 0))[:, None] * aside
    probes = Rows.of(np.concatenate([x[None], rng.normal(size=(50, size))]))
    probe = np.zeros(len(mates), np.int64)
    scores = score_pairs(probes, Rows.of(mates), probe, np.arange(len(mates)))
    found = search(probes, Rows.of(pool), probe=probe, scores=scores, best=True, threads=2)
    np.testing.assert_array_equal(found.above[0], (exact > scores[:, None]).sum(1))
    assert found.best[0] == pytest.approx(exact.max(), abs=1e-12)


def test_equal_distances_of_whole_numbers_tie() -> None:
    rng = np.random.default_rng(5)
    x, y = (rng.integers(-60, 60, (rows, 16)) for rows in (20, 400))
    squares = np.square(x[:, None] - y).sum(2)
    probe, mate = np.repeat(np.arange(20), 400), np.tile(np.arange(400), 20)
    probes, gallery = Rows.of(x), Rows.of(y)
    scores = score_pairs(probes, gallery, probe, mate, metric="euclidean")
    found = search(probes, gallery, probe=probe, scores=scores, metric="euclidean")
    np.testing.assert_array_equal(found.tied[0], (squares[probe] == squares[probe, mate][:, None]).sum(1))
    np.testing.assert_array_equal(found.above[0], (squares[probe] < squares[probe, mate][:, None]).sum(1))
    np.testing.assert_array_equal(distances(probes, probe, scores), np.sqrt(squares.ravel()))


def test_rows_too_long_for_distances_are_refused() -> None:
    rows = Rows.of(np.full((3, 4), 1e18))
    assert search(rows, rows, best=True).best.tolist() == pytest.approx([1, 1, 1])
    with pytest.raises(DataError, match=r"length 2e\+18 is too long for Euclidean distances .* --metric cosine"):
        search(rows, rows, metric="euclidean")
