"""Exact searches through a million faces: how many score above each mate, without ever holding the score matrix.

Features stay as they were given (also memory-mapped, also float16): a tile of the gallery set at a time is scaled and
multiplied with the probes in float32, and `kronface.evaluation.kernels` counts. Each tile is one thread's own work, so
all cores are busy from first to last.

The rules, the same in every protocol:

- similarity is the cosine, or minus the Euclidean distance;
- scores are compared as float64 sums over the features as given; those that differ by no more than `TIE` are the same;
- a probe is never compared with a row of its own person other than the mates that are asked for;
- a row with a NaN is an image without a face: as a gallery image nobody finds it;
- a row of length 0 has the cosine 0 with everything.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from queue import Empty, SimpleQueue
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from kronface.errors import ConfigError, DataError
from kronface.evaluation import kernels
from kronface.evaluation.strongest import Strongest
from kronface.files import Progress, no_progress
from kronface.hardware import available_processors

Metric = Literal["cosine", "euclidean"]

TIE = 1e-12
"""Scores that differ by no more are the same: what float64 sums of some thousand products can differ by."""

TILE = 2048
"""Gallery rows that are worked on at once, at most."""
TILE_BYTES = 1 << 23
"""Of a tile in float32, about: longer embeddings make tiles of fewer rows."""
PROBES = 1024
"""Probes that a tile is multiplied with at once, at most: the scores of both stay in the processor's cache."""
PARTS = 2046
"""Parts that the range of a probe's thresholds is cut into, for the table that scores are looked up in."""
COPY_BYTES = 1 << 28
"""Scaled float32 copies of probes that are held at once."""
SAMPLE = (64, 512)
"""Probes and gallery rows whose scores are computed both ways, to learn how much the product errs."""
MARGIN = 6
"""Times the largest error of that sample: beyond what a few billion scores more can show."""
LARGE_MARGIN = 2
"""Times the largest error of the sample's sums that become as large on the way as any."""
COLUMNS = 128
"""Columns of a probe that are looked at for values that repeat."""
ALIKE = 2.0**-13
"""Relative difference of values whose products a sum of some hundred cannot tell apart."""
CHANCE = 1 / 16
"""Share of values that are alike in rows of any kind, also of half precision."""
UNIT = 2.0**-24
"""Relative rounding error of float32."""
LONGEST = 1e18
"""Rows of which float32 holds the products."""
LISTS = 64
"""Lists that one search can serve: one bit each."""


@dataclass(frozen=True)
class Rows:
    """Embeddings that can be scored: as given, with what scales them."""

    values: NDArray[np.floating]
    """(N, D) float16, float32 or float64."""
    squares: NDArray[np.float64]
    """(N,) squared Euclidean lengths, of whole numbers exact; NaN where the row is an image without a face."""

    @classmethod
    def of(cls, embeddings: ArrayLike, *, what: str = "embeddings", threads: int | None = None) -> "Rows":
        """Measures the rows, in one pass over them.

        Raises:
            DataError: they are no table of numbers, or hold infinite values; `what` names them.
        """
        values = _table(embeddings, what)
        squares = np.empty(len(values), np.float64)

        def measure(start: int) -> int:
            block = _block(values, slice(start, start + TILE))
            infinite = kernels.measure_rows(block, squares[start : start + TILE])
            return start + infinite if infinite >= 0 else -1

        for infinite in _in_threads(measure, range(0, len(values), TILE), _threads(threads)):
            if infinite >= 0:
                raise DataError(
                    f"{what}: row {infinite} holds an infinite value, or ones too large to be squared: extract the "
                    "embeddings again"
                )
        return cls(values, squares)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.values)

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """(N,) Euclidean; NaN where the row is an image without a face."""
        return np.sqrt(self.squares)

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N,) which images show a face."""
        return ~np.isnan(self.squares)

    def scale(self, metric: Metric) -> NDArray[np.float64]:
        """(N,) what products with a row are multiplied by; 0 for rows without a face or without a length."""
        usable = self.lengths > 0
        if metric == "euclidean":
            return usable.astype(np.float64)
        return np.where(usable, 1 / np.where(usable, self.lengths, 1), 0.0)

    def shift(self, metric: Metric) -> NDArray[np.float64]:
        """(N,) what is subtracted: half of the squared length, so that products order as distances do; cosine: 0."""
        if metric == "cosine":
            return np.zeros(len(self))
        return np.where(self.squares > 0, self.squares, 0.0) / 2

    def means(self, number: NDArray[np.integer], people: int, *, metric: Metric = "cosine") -> "Rows":
        """One row per person, in float64: the mean of the person's images that show a face.

        For the cosine it is the mean of their directions. A person none of whose images shows a face has a row without
        one.

        Args:
            number: (N,) person of each row, from 0.
            people: how many there are.
            metric: cosine or euclidean.
        """
        used = np.flatnonzero(self.found)
        sums = np.zeros((people, self.values.shape[1]))
        divisor = np.where(self.lengths > 0, self.lengths, 1.0) if metric == "cosine" else np.ones(len(self))
        for start in range(0, len(used), TILE):
            part = used[start : start + TILE]
            np.add.at(sums, number[part], self.values[part] / divisor[part, None])
        counts = np.bincount(number[used], minlength=people)
        sums[counts > 0] /= counts[counts > 0, None]
        sums[counts == 0] = np.nan
        return Rows.of(sums)


@dataclass(frozen=True)
class High:
    """The highest scores of one list."""

    scores: NDArray[np.float64]
    """(K,) falling; of the metric euclidean minus half of the squared distance, which compares between probes."""
    probe: NDArray[np.int64]
    """(K,)"""
    row: NDArray[np.int64]
    """(K,) of the gallery set."""


@dataclass(frozen=True)
class Found:
    """What searches come to."""

    above: NDArray[np.int64]
    """(lists, L) gallery rows that score higher than the mate."""
    tied: NDArray[np.int64]
    """(lists, L) gallery rows that score the same."""
    best: NDArray[np.float64]
    """(P,) highest score of each probe over all lists; -inf where nothing was compared. Empty unless asked for."""
    best_row: NDArray[np.int64]
    """(P,) its gallery row, the lowest of those that score the same; -1 where nothing was compared."""
    high: tuple[High, ...]
    """Of each list, as many as were asked for, or all that there are; empty unless asked for."""
    compared: tuple[int, ...]
    """Scores in each list: of probes and gallery rows with a face, without those of the same person."""


def score_pairs(
    probes: Rows,
    gallery: Rows,
    probe: NDArray[np.integer],
    row: NDArray[np.integer],
    *,
    metric: Metric = "cosine",
    threads: int | None = None,
) -> NDArray[np.float64]:
    """(L,) float64 scores of pairs of a probe and a gallery row; NaN where either shows no face.

    They order as similarities do. With `metric` euclidean they are `x·y - |y|²/2`, which for one probe orders as minus
    the distance does; see `distances`.

    Raises:
        DataError: the embeddings have different lengths.
    """
    _check_widths(probes, gallery)
    out = np.empty(len(probe), np.float64)
    x_scale, y_scale, y_shift = probes.scale(metric), gallery.scale(metric), gallery.shift(metric)
    # What the compiler does not know, such as half precision, is gathered and widened block by block.
    whole = _is_plain(probes.values) and _is_plain(gallery.values)
    step = 1 << 12 if whole else TILE
    # Probes of one person meet the same rows: one after the other, they find those in the processor's cache.
    first = np.full(len(probes), len(gallery), np.int64)
    np.minimum.at(first, probe, row)
    order = np.argsort(first[probe], kind="stable")

    def work(start: int) -> None:
        part = order[start : start + step]
        i, j = probe[part].astype(np.int64), row[part].astype(np.int64)
        found = np.empty(len(part))
        if whole:
            kernels.pair_scores(probes.values, x_scale, gallery.values, y_scale, y_shift, i, j, found)
        else:
            each = np.arange(len(i))
            x, y = _block(probes.values, i), _block(gallery.values, j)
            kernels.pair_scores(x, x_scale[i], y, y_scale[j], y_shift[j], each, each, found)
        out[part] = found

    for _ in _in_threads(work, range(0, len(probe), step), _threads(threads)):
        pass
    return out


def warm_up(*tables: NDArray[np.generic]) -> None:
    """Has the loops compiled for tables like these (their first rows are used), so that timings are of work alone."""
    try:
        rows = [Rows.of(table[:2]) for table in tables if len(table)]
    except DataError:
        return  # whoever measures all rows can say of which file
    for probes in rows:
        for gallery in rows:
            # One pair, so often that its thresholds are looked up in a table.
            each = np.zeros(kernels.MANY + 1, np.int64)
            scores = score_pairs(probes, gallery, each, each, threads=1)
            search(
                probes,
                gallery,
                probe=each,
                scores=scores,
                probe_people=np.arange(len(probes)),
                gallery_people=np.arange(len(gallery)),
                best=True,
                high=1,
                threads=1,
            )


def distances(probes: Rows, probe: NDArray[np.integer], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distances of scores of the metric euclidean: `sqrt(|x|² - 2 score)`."""
    squares: NDArray[np.float64] = probes.squares[probe] - 2 * scores
    return np.sqrt(np.maximum(squares, 0))


def search(
    probes: Rows,
    gallery: Rows,
    *,
    probe: ArrayLike = (),
    scores: ArrayLike = (),
    lists: Sequence[ArrayLike] | None = None,
    probe_people: ArrayLike | None = None,
    gallery_people: ArrayLike | None = None,
    best: bool = False,
    high: int = 0,
    metric: Metric = "cosine",
    threads: int | None = None,
    stage: str = "scoring",
    progress: Progress = no_progress,
) -> Found:
    """Counts, for pairs of a probe and its mate, the gallery rows that score higher, and those that score the same.

    Args:
        probes: P of them.
        gallery: G rows; distractors, or other people's images.
        probe: (L,) the probe of each pair, in any order.
        scores: (L,) the mates' scores, from `score_pairs` with the same metric.
        lists: numbers of gallery rows, at most `LISTS` lists, each counted for itself; all rows by default.
        probe_people: (P,) numbers of people; with `gallery_people`, rows of the probe's own person are passed over.
        gallery_people: (G,) numbers of people; negative: not a person of the probes.
        best: also keep each probe's highest score and its row, over all lists.
        high: also keep so many of the highest scores in each list. Which of those that differ by less than a float32
            product can tell are the last to be kept, is chance; their scores are exact.
        metric: cosine or euclidean.
        threads: how many; all of the machine's by default.
        stage: what the progress is called.
        progress: called as tiles are done, with rows of the gallery set.

    Raises:
        ConfigError: too many lists.
        DataError: the embeddings have different lengths, or are too long for Euclidean distances in float32.
    """
    _check_widths(probes, gallery)
    if metric == "euclidean":
        _check_reach(probes, gallery)
    of, levels = np.asarray(probe, np.int64), np.asarray(scores, np.float64)
    member = _membership(lists, gallery)
    count = 1 if lists is None else len(lists)
    rows = np.flatnonzero(member)
    if metric == "euclidean":  # rows of like length lie together, so that one long row coarsens one tile only
        rows = rows[np.argsort(gallery.lengths[rows], kind="stable")]
    if count > 1:
        rows = rows[np.argsort(member[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(member[rows])) + 1 if count > 1 else np.empty(0, np.int64)
    groups = np.split(rows, cuts)
    height = _tile_rows(len(rows), gallery.values.shape[1], _threads(threads))
    tiles = [group[start : start + height] for group in groups for start in range(0, len(group), height)]
    order = np.lexsort((levels, of))
    ours, theirs = _own(probe_people, gallery_people, len(probes), len(gallery))
    above, tied = (np.zeros((count, len(of)), np.int64) for _ in range(2))
    top, top_row = np.full(len(probes) if best else 0, -np.inf), np.full(len(probes) if best else 0, -1, np.int64)
    strongest = [Strongest(high) for _ in range(count if high else 0)]
    x_scale, y_scale, y_shift = probes.scale(metric), gallery.scale(metric), gallery.shift(metric)
    step = max(COPY_BYTES // (4 * probes.values.shape[1]), PROBES)
    done, whole = 0, len(rows) * len(range(0, len(probes), step))
    progress(stage, 0, whole)
    for start in range(0, len(probes), step):
        block = slice(start, min(start + step, len(probes)))
        span = slice(*np.searchsorted(of[order], [block.start, block.stop]).tolist())
        inside = order[span]
        values = _block(probes.values, block)
        job = _Job(
            probes=values,
            x_scale=x_scale[block],
            longest=float(np.nanmax(probes.lengths[block] * x_scale[block], initial=0.0)),
            gallery=gallery,
            y_scale=y_scale,
            y_shift=y_shift,
            levels=levels[inside],
            starts=np.searchsorted(of[inside], np.arange(block.start, block.stop + 1)),
            member=member,
            count=count,
            people=theirs,
            own=_Own.of(ours[block]),
            best=best,
            x_shift=probes.shift(metric)[block].astype(np.float32),
            found=probes.found[block],
            high=high,
            walk=_walk(values, x_scale[block]),
        )
        if metric == "cosine":
            job = replace(job, bounds=_Bounds.of(job, _error(job, 1.0, 0.0), _row_errors(job, rows), tables=True))
        with threadpool_limits(1, user_api="blas"):
            workers = [_Worker(job, height) for _ in range(_threads(threads))]
            for finished in _share(job, tiles, workers):
                done += finished
                progress(stage, done, whole)
        for worker in workers:
            above[:, inside] += worker.above
            tied[:, inside] += worker.tied
            for mine, theirs_high in zip(strongest, worker.strongest, strict=True):
                mine.add(theirs_high.scores, theirs_high.rows + start, theirs_high.columns)
            if best:
                better = (worker.best > top[block] + TIE) | (
                    (worker.best >= top[block] - TIE) & (worker.best_row >= 0) & (worker.best_row < top_row[block])
                )
                top[block] = np.where(better, worker.best, top[block])
                top_row[block] = np.where(better, worker.best_row, top_row[block])
    seen = [(member >> np.uint64(number)) & np.uint64(1) > 0 for number in range(count)]
    compared = tuple(
        int(probes.found.sum()) * int(part.sum()) - _same(ours[probes.found], theirs[part]) for part in seen
    )
    highest = tuple(_exact(part, probes, gallery, metric, threads) for part in strongest)
    return Found(above, tied, top, top_row, highest, compared)


def _exact(kept: Strongest, probes: Rows, gallery: Rows, metric: Metric, threads: int | None) -> High:
    """With float64 scores, from the highest; those that score the same stand by row."""
    kept.drop()
    probe, row = kept.rows.astype(np.int64), kept.columns
    scores = score_pairs(probes, gallery, probe, row, metric=metric, threads=threads) - probes.shift(metric)[probe]
    order = np.lexsort((row, probe, -scores))
    return High(scores[order], probe[order], row[order])


@dataclass(frozen=True)
class _Own:
    """Probes by their people."""

    starts: NDArray[np.int64]
    """(people + 1,) where a person's probes begin in `order`."""
    order: NDArray[np.int64]
    """(P,) probes, sorted by person; those of nobody come first and belong to none."""

    @classmethod
    def of(cls, people: NDArray[np.int64]) -> "_Own":
        order = np.argsort(people, kind="stable")
        return cls(np.searchsorted(people[order], np.arange(people.max(initial=-1) + 2)), order)


@dataclass(frozen=True)
class _Job:
    """One block of probes against all tiles."""

    probes: NDArray[np.floating]
    x_scale: NDArray[np.float64]
    longest: float
    """Greatest length of a scaled probe."""
    gallery: Rows
    y_scale: NDArray[np.float64]
    y_shift: NDArray[np.float64]
    levels: NDArray[np.float64]
    starts: NDArray[np.int64]
    member: NDArray[np.uint64]
    count: int
    people: NDArray[np.int64]
    own: _Own
    best: bool
    x_shift: NDArray[np.float32]
    """What makes scores of different probes comparable."""
    found: NDArray[np.bool_]
    """Probes that show a face."""
    high: int
    walk: NDArray[np.float64]
    """(B,) roundings that the errors of a product with a row of length 1 may add up to."""
    bounds: "_Bounds | None" = None
    """The same for all tiles; None where each has its own."""


@dataclass(frozen=True)
class _Bounds:
    """Where scores of the float32 product are sure to lie above or below the thresholds."""

    error: float
    """What any score may be off by."""
    errors: NDArray[np.float64]
    """(B,) what a score near a probe's thresholds may be off by."""
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    base: NDArray[np.float32]
    width: NDArray[np.float32]
    tables: NDArray[np.integer]

    @classmethod
    def of(
        cls, job: "_Job", error: float, errors: NDArray[np.float64] | None = None, *, tables: bool = False
    ) -> "_Bounds":
        counts = np.diff(job.starts)
        most = int(counts.max(initial=0))
        errors = np.full(len(job.probes), error) if errors is None else errors
        around = np.repeat(errors, counts)
        rows = len(job.probes) if tables and most > kernels.MANY else 0
        made = cls(
            error,
            errors,
            np.nextafter((job.levels - around).astype(np.float32), np.float32(-np.inf)),
            np.nextafter((job.levels + around).astype(np.float32), np.float32(np.inf)),
            np.zeros(rows, np.float32),
            np.zeros(rows, np.float32),
            np.zeros((rows, PARTS + 2), np.uint8 if most < 255 else np.int32),
        )
        if rows:
            kernels.fill_tables(job.starts, job.levels, errors, made.base, made.width, made.tables)
        return made


def _error(job: _Job, longest: float, shift: float) -> float:
    """What a score of the float32 product may be off by, of any probe.

    Args:
        job: with the probes.
        longest: greatest length of a scaled gallery row.
        shift: greatest number that is subtracted.
    """
    return UNIT * float((job.walk.max() + 8) * job.longest * longest + 4 * shift)


def _random_walk(size: int) -> float:
    return float(min(size, 2 * size**0.5))


def _walk(probes: NDArray[np.floating], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) roundings that the errors of a sum of D products may add up to.

    They add up like a random walk (Higham and Mary 2019, "A new approach to probabilistic rounding error analysis");
    twice what that gives is several times what is seen, and `kernels.count_rows` looks at one score in each row whether
    it holds. But where products repeat, so do the errors, and all may have one sign: of constant rows, of signs, of
    counts. They repeat only where the probe's values do, but for the last digits; so many errors are taken to add up.
    """
    size = probes.shape[1]
    columns = np.random.default_rng(0).choice(size, min(size, COLUMNS), replace=False)
    sizes = np.sort(np.abs(probes[:, columns] * scale[:, None]).astype(np.float32), axis=1)
    repeated = (np.diff(sizes, axis=1) <= ALIKE * sizes[:, 1:]) & (sizes[:, 1:] > 0)
    share = repeated.mean(1) if len(columns) > 1 else np.zeros(len(probes))
    return np.where(share > CHANCE, np.minimum(size, share * size + _random_walk(size)), _random_walk(size))


def _row_errors(job: _Job, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(B,) what a cosine of the float32 product near a probe's thresholds may be off by: mostly far less than `_error`.

    Sums err in proportion to how large they become on the way. For most pairs that is little more than what they come
    to in the end, so that errors near small thresholds are small. How much they err besides is measured, on a sample of
    pairs of these very features, and on the largest sums that there are: of a probe's products with itself, and with
    itself with the second half's signs turned, which cancel. `kernels.count_rows` goes on looking at scores, and where
    one errs by more than half of what is assumed, that row of the tile is computed in float64. Of probes whose values
    repeat (`_walk`) nothing better is assumed than of any probe.

    Args:
        job: with the probes.
        rows: of the gallery set that are searched.
    """
    general = UNIT * (job.walk + 8)
    found = np.flatnonzero(job.found)
    if len(found) == 0 or len(rows) == 0:
        return general
    rng = np.random.default_rng(0)
    chosen = rng.choice(found, min(SAMPLE[0], len(found)), replace=False)
    others = np.sort(rng.choice(rows, min(SAMPLE[1], len(rows)), replace=False))
    x = _scaled(job.probes[chosen], job.x_scale[chosen])
    y = _scaled(_block(job.gallery.values, others), job.y_scale[others])
    turned = x.copy()
    turned[:, x.shape[1] // 2 :] *= -1
    noise = MARGIN * _noise(x, y)
    large = LARGE_MARGIN * max(_noise(x, x), _noise(x, turned))
    largest = np.zeros(len(job.probes))
    filled = np.flatnonzero(np.diff(job.starts))
    largest[filled] = np.maximum.reduceat(np.abs(job.levels), job.starts[filled])
    size = job.probes.shape[1]
    likely = np.maximum(UNIT * (_random_walk(size) * largest + 8) + noise, large)
    return np.where(job.walk > _random_walk(size), general, np.minimum(general, likely))


def _scaled(rows: NDArray[np.floating], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = rows.astype(np.float64) * scale[:, None]
    return out


def _noise(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The largest error of the float32 product of these rows."""
    return float(np.abs(x.astype(np.float32) @ y.astype(np.float32).T - x @ y.T).max())


class _Worker:
    """What one thread has counted, and the memory that it works in."""

    def __init__(self, job: _Job, height: int) -> None:
        self._job = job
        rows, size = job.probes.shape
        self.above, self.tied = (np.zeros((job.count, len(job.levels)), np.int64) for _ in range(2))
        self.best, self.best_row = np.full(rows if job.best else 0, -np.inf), np.full(rows if job.best else 0, -1)
        self._part = np.zeros((2, len(job.levels) if job.count > 1 else 0), np.int64)
        self._scores = np.empty(min(PROBES, rows) * height, np.float32)
        self._tile = np.empty((height, size), np.float32)
        self.strongest = [Strongest(job.high) for _ in range(job.count if job.high else 0)]
        size = self._scores.size if job.high else 0
        self._high = np.empty(size, np.float32), np.empty(size, np.int32), np.empty(size, np.int64)

    def __call__(self, rows: NDArray[np.int64], scaled: NDArray[np.float32]) -> int:
        """Counts one tile; `scaled` are the probes in float32. Returns the rows done."""
        job, tile = self._job, self._tile[: len(rows)]
        values = _block(job.gallery.values, _as_slice(rows))
        y_scale, y_shift, people = job.y_scale[rows], job.y_shift[rows], job.people[rows]
        kernels.scale_rows(values, y_scale, tile)
        shifted, hidden = bool(y_shift.any()), bool((people >= 0).any())
        bounds = job.bounds
        if bounds is None:
            bounds = _Bounds.of(
                job, _error(job, float((job.gallery.lengths[rows] * y_scale).max()), float(y_shift.max()))
            )
        serves = [number for number in range(job.count) if (int(job.member[rows[0]]) >> number) & 1]
        alone = len(serves) == 1
        above, tied = (self.above[serves[0]], self.tied[serves[0]]) if alone else self._part
        if not alone:
            self._part[:] = 0
        step = -(-len(scaled) // -(-len(scaled) // PROBES))  # parts of like size: a small rest is slow to multiply
        for first in range(0, len(scaled), step):
            part = slice(first, first + step)
            shape = len(scaled[part]), len(rows)
            scores = self._scores[: shape[0] * shape[1]].reshape(shape)  # in one piece, as the loops are compiled for
            np.matmul(scaled[part], tile.T, out=scores)
            if shifted:
                scores -= y_shift.astype(np.float32)
            if hidden:
                kernels.hide(scores, first, people, job.own.starts, job.own.order)
            starts = job.starts[first : first + len(scores) + 1]
            if starts[0] < starts[-1]:
                kernels.count_rows(
                    scores,
                    job.probes[part],
                    job.x_scale[part],
                    values,
                    y_scale,
                    y_shift,
                    starts,
                    job.levels,
                    bounds.low,
                    bounds.high,
                    bounds.base[part],
                    bounds.width[part],
                    bounds.tables[part],
                    bounds.errors[part],
                    UNIT * _random_walk(job.probes.shape[1]),
                    int(rows[0]) // len(rows),
                    max(TILE // len(rows), 1),
                    TIE,
                    above,
                    tied,
                )
            if job.best:
                kernels.best_rows(
                    scores,
                    job.probes[part],
                    job.x_scale[part],
                    values,
                    y_scale,
                    y_shift,
                    rows,
                    bounds.error,
                    TIE,
                    self.best[part],
                    self.best_row[part],
                )
            if job.high:
                self._keep(scores, first, rows, [self.strongest[number] for number in serves])
        for number in () if alone else serves:
            self.above[number] += self._part[0]
            self.tied[number] += self._part[1]
        return len(rows)

    def _keep(
        self, scores: NDArray[np.float32], first: int, rows: NDArray[np.int64], lists: Sequence[Strongest]
    ) -> None:
        least = min(part.least for part in lists)
        part = slice(first, first + len(scores))
        kept = kernels.keep_high(
            scores, self._job.x_shift[part], first, rows, self._job.found[part], least, *self._high
        )
        values, probe, column = self._high
        for strongest in lists:
            strongest.add(values[:kept], probe[:kept], column[:kept])


T = TypeVar("T")
R = TypeVar("R")


def _share(job: _Job, tiles: Sequence[NDArray[np.int64]], workers: Sequence[_Worker]) -> Iterator[int]:
    """Has the workers take tiles until none is left; yields the rows of each that is done."""
    if not tiles:
        return
    scaled = np.empty(job.probes.shape, np.float32)
    kernels.scale_rows(job.probes, job.x_scale, scaled)
    waiting: SimpleQueue[NDArray[np.int64]] = SimpleQueue()
    for tile in tiles:
        waiting.put(tile)
    finished: SimpleQueue[int] = SimpleQueue()

    def work(worker: _Worker) -> None:
        try:
            while not waiting.empty():
                finished.put(worker(waiting.get_nowait(), scaled))
        except Empty:
            pass
        finally:
            finished.put(0)

    with ThreadPoolExecutor(len(workers)) as pool:
        futures = [pool.submit(work, worker) for worker in workers]
        try:
            left = len(workers)
            while left:
                rows = finished.get()
                left -= rows == 0
                if rows:
                    yield rows
        finally:
            while not waiting.empty():  # stops the others when one fails, or the user interrupts
                with suppress(Empty):
                    waiting.get_nowait()
        for future in futures:
            future.result()


def _in_threads(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, items)


def _threads(wanted: int | None) -> int:
    if wanted is not None and wanted < 1:
        raise ConfigError(f"threads is {wanted}: it must be at least 1")
    return wanted or available_processors()


def _tile_rows(rows: int, size: int, threads: int) -> int:
    """Rows of a tile: they fit the cache, fill the registers, and give every thread as many tiles, and several."""
    fitting = max(min(TILE, TILE_BYTES // (4 * size)), 256)
    each = max(-(-rows // (fitting * threads)), 8)
    return max(-(-rows // (each * threads)), 256)


def _table(embeddings: ArrayLike, what: str) -> NDArray[np.floating]:
    values = np.asarray(embeddings)  # of a memory map: a view, nothing is read
    if values.ndim != 2 or values.shape[1] == 0:
        raise DataError(f"{what} of shape {values.shape} are no table: bring one row of numbers per image")
    if values.dtype.kind in "iub":
        return values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    if values.dtype.kind != "f" or values.dtype.itemsize > 8:
        raise DataError(f"{what} are of type {values.dtype}: bring float16, float32 or float64")
    return values


def _block(values: NDArray[np.floating], rows: slice | NDArray[np.integer]) -> NDArray[np.floating]:
    """Some rows, in one piece and in a type that the compiler knows."""
    block = np.asarray(values[rows])
    kind = np.float64 if block.dtype.itemsize == 8 else np.float32
    return np.ascontiguousarray(block, kind)


def _is_plain(values: NDArray[np.floating]) -> bool:
    return values.flags.c_contiguous and values.dtype.isnative and values.dtype.itemsize >= 4


def _as_slice(rows: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Neighbouring rows as a slice, which copies nothing."""
    start, stop = int(rows[0]), int(rows[-1]) + 1
    return slice(start, stop) if stop - start == len(rows) and bool((np.diff(rows) == 1).all()) else rows


def _membership(lists: Sequence[ArrayLike] | None, gallery: Rows) -> NDArray[np.uint64]:
    """(G,) one bit per list that holds the row; none for images without a face."""
    member = np.zeros(len(gallery), np.uint64)
    if lists is None:
        member[:] = 1
    elif not 0 < len(lists) <= LISTS:
        raise ConfigError(f"{len(lists)} lists cannot be searched at once: give 1 to {LISTS}")
    else:
        for number, rows in enumerate(lists):
            member[np.asarray(rows, np.int64)] |= np.uint64(1 << number)
    member[~gallery.found] = 0
    return member


def _own(
    probe_people: ArrayLike | None, gallery_people: ArrayLike | None, probes: int, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """People numbered from 0 by the probes' order of names; -1 where a gallery row shows none of them."""
    if probe_people is None or gallery_people is None or probes == 0:
        return np.full(probes, -1), np.full(rows, -1)
    names, ours = np.unique(np.asarray(probe_people), return_inverse=True)
    others = np.asarray(gallery_people)
    place = np.minimum(np.searchsorted(names, others), len(names) - 1)
    return ours.astype(np.int64), np.where(names[place] == others, place, -1).astype(np.int64)


def _same(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> int:
    """Pairs of the same person."""
    size = int(max(ours.max(initial=-1), theirs.max(initial=-1))) + 1
    counts = [np.bincount(people[people >= 0], minlength=size) for people in (ours, theirs)]
    return int((counts[0] * counts[1]).sum())


def _check_widths(probes: Rows, gallery: Rows) -> None:
    if probes.values.shape[1] != gallery.values.shape[1]:
        raise DataError(
            f"probes of length {probes.values.shape[1]} cannot be compared with a gallery set of length "
            f"{gallery.values.shape[1]}: were they extracted by one network?"
        )


def _check_reach(probes: Rows, gallery: Rows) -> None:
    longest = [float(np.nanmax(part.lengths, initial=0.0)) for part in (probes, gallery)]
    if max(longest) > LONGEST:
        raise DataError(
            f"a row of length {max(longest):.3g} is too long for Euclidean distances (up to {LONGEST:g}): scale all "
            "embeddings down, or give --metric cosine"
        )
