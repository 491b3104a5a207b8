"""Loops over scores, compiled by numba: exact decisions on top of a float32 matrix product.

A float32 product places nearly every score: one that lies further from a threshold than the product can err is above or
below it. The few others are computed anew in float64 from the features as they were given, so that no decision hangs on
rounding. All functions release the GIL; each is called from one thread with arrays of its own.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

Array = Any
"""Of numbers; numba compiles a version per type (features are float32 or float64)."""

F = TypeVar("F", bound=Callable[..., Any])


def compiled(*, sums: bool = False) -> Callable[[F], F]:
    """Compiles a function when it is first called, and keeps the result on disk where there is a place for it.

    Args:
        sums: sums may be reordered for speed. What is compiled has one order, so equal rows always give equal sums.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"reassoc", "contract"} if sums else False}

    def compile_function(function: F) -> F:
        try:
            made: F = njit(cache=True, **options)(function)
        except RuntimeError:  # neither the package's folder nor the user's can be written
            made = njit(**options)(function)
        return made

    return compile_function


@compiled(sums=True)
def dot(x: Array, y: Array) -> float:
    """Σ x·y in float64, of two rows."""
    total = 0.0
    for k in range(x.size):
        total += np.float64(x[k]) * np.float64(y[k])
    return total


@compiled()
def measure_rows(rows: Array, lengths: Array) -> int:
    """Fills `lengths` (N,) with the rows' Euclidean lengths, NaN where a row holds a NaN.

    Returns:
        The first row that holds an infinite value, or -1.
    """
    infinite = -1
    for i in range(len(rows)):
        lengths[i] = np.sqrt(dot(rows[i], rows[i]))
        if np.isinf(lengths[i]) and infinite < 0:
            infinite = i
    return infinite


@compiled()
def scale_rows(rows: Array, scale: Array, out: Array) -> None:
    """Fills `out` (N, D) float32 with the rows times `scale` (N,); zeros where that is 0, whatever the row holds."""
    for i in range(len(rows)):
        factor = scale[i]
        for k in range(rows.shape[1]):
            out[i, k] = np.float32(rows[i, k] * factor) if factor > 0 else np.float32(0)


@compiled()
def pair_scores(x: Array, x_scale: Array, y: Array, y_scale: Array, y_shift: Array, i: Array, j: Array, out: Array) -> None:
    """Fills `out` (L,) with the float64 scores of the pairs (x[i], y[j])."""
    for pair in range(len(i)):
        a, b = i[pair], j[pair]
        out[pair] = dot(x[a], y[b]) * x_scale[a] * y_scale[b] - y_shift[b]


@compiled()
def hide(scores: Array, first: int, people: Array, starts: Array, order: Array) -> None:
    """Sets to -inf the scores of columns that show the row's own person.

    Args:
        scores: (B, T) of the probes `first` to `first` + B.
        first: number of the first of them.
        people: (T,) person of each column, -1 where it is not a person of the probes.
        starts: (people + 1,) where a person's probes begin in `order`.
        order: (P,) probes, sorted by person.
    """
    rows = len(scores)
    for j in range(len(people)):
        person = people[j]
        if person < 0 or person >= len(starts) - 1:
            continue
        for place in range(starts[person], starts[person + 1]):
            i = order[place] - first
            if 0 <= i < rows:
                scores[i, j] = -np.inf


@compiled(sums=True)
def _count(row: Array, low: float, high: float) -> tuple[int, int]:
    """How many scores are at least `low`, and how many at least `high`; float32 sums are exact below 2^24."""
    reach_low, reach_high = np.float32(0), np.float32(0)
    one, zero = np.float32(1), np.float32(0)
    for j in range(row.size):
        reach_low += one if row[j] >= low else zero
        reach_high += one if row[j] >= high else zero
    return int(reach_low), int(reach_high)


@compiled()
def count_rows(
    scores: Array,
    x: Array,
    x_scale: Array,
    y: Array,
    y_scale: Array,
    y_shift: Array,
    starts: Array,
    levels: Array,
    low: Array,
    high: Array,
    error: float,
    tie: float,
    above: Array,
    tied: Array,
) -> None:
    """Adds to `above` and `tied`, per threshold, the columns that score higher than it and the same.

    Args:
        scores: (B, T) float32; -inf is never counted.
        x: (B, D) features of the rows, as given.
        x_scale: (B,) float64.
        y: (T, D) features of the columns.
        y_scale: (T,) float64.
        y_shift: (T,) float64: the score is x·y x_scale y_scale - y_shift.
        starts: (B + 1,) where the thresholds of each row begin.
        levels: (L,) thresholds, ascending within a row.
        low: (L,) float32, below which a score of the product is surely below the threshold.
        high: (L,) float32, from which it is surely above.
        error: what a score of the product may be off by.
        tie: scores that differ by no more are the same.
        above: (L,) int32.
        tied: (L,) int32.
    """
    columns = scores.shape[1]
    kept = np.empty(columns, np.int64)
    for i in range(len(scores)):
        k, last = starts[i], starts[i + 1]
        if k == last:
            continue
        row = scores[i]
        exact = False
        probe = (i * 40_503) % columns
        if row[probe] > -np.inf:
            # One score in each row shows whether the product errs as little as it should on features like these.
            off = dot(x[i], y[probe]) * x_scale[i] * y_scale[probe] - y_shift[probe] - row[probe]
            exact = abs(off) > 0.5 * error
        while k < last and not exact:
            reach_low, reach_high = _count(row, low[k], high[k])
            if reach_low == 0:
                k = last
                break
            if (reach_low - reach_high) * 16 > columns:
                exact = True
                break
            if reach_low * 8 < columns:
                break
            above[k] += reach_high
            if reach_low > reach_high:
                for j in range(columns):
                    if low[k] <= row[j] < high[k]:
                        off = dot(x[i], y[j]) * x_scale[i] * y_scale[j] - y_shift[j] - levels[k]
                        if off > tie:
                            above[k] += 1
                        elif off >= -tie:
                            tied[k] += 1
            k += 1
        if k == last:
            continue
        found = 0
        if exact:
            for j in range(columns):
                kept[found] = j
                found += row[j] > -np.inf
        else:
            for j in range(columns):
                kept[found] = j
                found += row[j] >= low[k]
        for place in range(found):
            j = kept[place]
            known = False
            value = 0.0
            for step in range(k, last):
                if not exact:
                    if row[j] < low[step]:
                        break
                    if row[j] >= high[step]:
                        above[step] += 1
                        continue
                if not known:
                    value = dot(x[i], y[j]) * x_scale[i] * y_scale[j] - y_shift[j]
                    known = True
                if value - levels[step] > tie:
                    above[step] += 1
                elif value - levels[step] >= -tie:
                    tied[step] += 1
                elif exact:
                    break


@compiled(sums=True)
def _highest(row: Array) -> float:
    best = row[0]
    for j in range(row.size):
        best = max(best, row[j])
    return best


@compiled()
def best_rows(
    scores: Array,
    x: Array,
    x_scale: Array,
    y: Array,
    y_scale: Array,
    y_shift: Array,
    numbers: Array,
    error: float,
    tie: float,
    best: Array,
    best_number: Array,
) -> None:
    """Keeps, per row, the highest score so far and the column's number; the lowest number where scores are the same.

    Args:
        scores: (B, T) float32; -inf is never kept.
        x: (B, D), with `x_scale`, `y` (T, D), `y_scale` and `y_shift` as in `count_rows`.
        x_scale: (B,).
        y: (T, D).
        y_scale: (T,).
        y_shift: (T,).
        numbers: (T,) of the columns.
        error: what a score of the product may be off by.
        tie: scores that differ by no more are the same.
        best: (B,) float64, -inf at first.
        best_number: (B,) int64, -1 at first.
    """
    for i in range(len(scores)):
        row = scores[i]
        reach = max(_highest(row) - 2 * error, best[i] - error - tie)
        if reach == -np.inf:
            continue
        for j in range(row.size):
            if row[j] >= reach and row[j] > -np.inf:
                value = dot(x[i], y[j]) * x_scale[i] * y_scale[j] - y_shift[j]
                if value > best[i] + tie or (value >= best[i] - tie and numbers[j] < best_number[i]):
                    best[i] = value
                    best_number[i] = numbers[j]


@compiled()
def keep_high(scores: Array, from_score: float, out: Array) -> int:
    """Copies the scores that are at least `from_score` into `out`, as many as fit.

    Returns:
        How many there are; more than `out` holds if it overflowed.
    """
    found = 0
    for i in range(len(scores)):
        if _highest(scores[i]) < from_score:
            continue
        for j in range(scores.shape[1]):
            if scores[i, j] >= from_score:
                if found < out.size:
                    out[found] = scores[i, j]
                found += 1
    return found
