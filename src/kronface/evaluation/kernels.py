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

MANY = 24
"""Thresholds of a row from which looking a score up in a table is faster than comparing it with each."""

FEW = 8
"""When no more than one in so many scores reach a threshold, they are gathered and looked at one by one."""
CHUNK = 128
"""Scores that are searched at once for the few that matter."""

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
def _score(x: Array, x_scale: float, y: Array, y_scale: Array, y_shift: Array, j: int) -> float:
    """The float64 score of one row x (D,) and column j."""
    return float(dot(x, y[j]) * x_scale * y_scale[j] - y_shift[j])


@compiled()
def measure_rows(rows: Array, squares: Array) -> int:
    """Fills `squares` (N,) with the rows' squared Euclidean lengths, NaN where a row holds a NaN.

    Returns:
        The first row whose squares have an infinite sum, or -1.
    """
    infinite = -1
    for i in range(len(rows)):
        squares[i] = dot(rows[i], rows[i])
        if np.isinf(squares[i]) and infinite < 0:
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
def pair_scores(
    x: Array, x_scale: Array, y: Array, y_scale: Array, y_shift: Array, i: Array, j: Array, out: Array
) -> None:
    """Fills `out` (L,) with the float64 scores of the pairs (x[i], y[j])."""
    for pair in range(len(i)):
        a, b = i[pair], j[pair]
        out[pair] = _score(x[a], x_scale[a], y, y_scale, y_shift, b)


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


@compiled()
def _count(row: Array, low: float, high: float) -> tuple[int, int]:
    """How many scores are at least `low`, and how many at least `high`; in 32 bits, which fill a register twice."""
    reach_low, reach_high = np.int32(0), np.int32(0)
    for j in range(row.size):
        reach_low = np.int32(reach_low + np.int32(row[j] >= low))
        reach_high = np.int32(reach_high + np.int32(row[j] >= high))
    return int(reach_low), int(reach_high)


@compiled()
def fill_tables(starts: Array, levels: Array, errors: Array, base: Array, width: Array, tables: Array) -> None:
    """For each row with many thresholds, a table from a score's place in their range to the thresholds below it.

    The range from the lowest to the highest threshold is cut into as many parts as `tables` has columns, but for two:
    the first column is for all scores below the range, the last for all above.

    Args:
        starts: (B + 1,) where the thresholds of each row begin.
        levels: (L,) thresholds, ascending within a row.
        errors: (B,) what a score of the product near a row's thresholds may be off by.
        base: (B,) float32, the lower end of each row's range; filled in.
        width: (B,) float32, parts per unit of score; filled in.
        tables: (B, parts + 2) of integers; filled in: c where surely c thresholds lie below such a score; one
            more than there are where that is unsure.
    """
    parts = tables.shape[1] - 2
    for i in range(len(starts) - 1):
        first, last = starts[i], starts[i + 1]
        if first == last:
            continue
        error = errors[i]
        # One part on each side lies outside of the range, so that the first and the last column are always sure.
        width[i] = np.float32((parts - 2) / max(levels[last - 1] - levels[first] + 4 * error, 1e-30))
        base[i] = np.float32(levels[first] - 2 * error - 1 / np.float64(width[i]))
        k = first
        for part in range(parts + 2):
            # Ends of this part; a hundredth more on each side covers the rounding of a score's place.
            low = (part - 1.01) / np.float64(width[i]) + np.float64(base[i])
            high = (part + 0.01) / np.float64(width[i]) + np.float64(base[i])
            while k < last and levels[k] + error < low:
                k += 1
            sure = part == parts + 1 or k == last or levels[k] - error >= high
            tables[i, part] = k - first if sure else last - first + 1


@compiled()
def _place(row: Array, base: float, width: float, parts: int, places: Array) -> None:
    """Fills `places` (T,) int16 with the columns of a table that the scores belong to."""
    lowest, highest, one = np.float32(-1), np.float32(parts), np.float32(1)
    for j in range(row.size):
        at = (row[j] - base) * width
        at = at if at > lowest else lowest
        at = at if at < highest else highest
        places[j] = np.int16(at + one)


@compiled()
def _look_up(
    row: Array,
    places: Array,
    kept: Array,
    table: Array,
    x: Array,
    x_scale: float,
    y: Array,
    y_scale: Array,
    y_shift: Array,
    levels: Array,
    low: Array,
    high: Array,
    tie: float,
    numbers: Array,
    tied: Array,
) -> None:
    """Adds to `numbers`, for each number of thresholds up to m, the columns that score above just so many.

    `numbers` has one place more, for the columns that the table says nothing of; `kept` (T,) is room for them.
    """
    unsure, found = levels.size + 1, 0
    for j in range(row.size):
        below = np.int64(table[places[j]])
        numbers[below] += 1
        kept[found] = j
        found += below == unsure
    for number in range(found):
        j = kept[number]
        place = places[j]
        while table[place] == unsure:  # the first column is always sure
            place -= 1
        below = np.int64(table[place])
        while below < levels.size and row[j] >= high[below]:
            below += 1
        if below < levels.size and row[j] >= low[below]:
            value = _score(x, x_scale, y, y_scale, y_shift, j)
            while below < levels.size and value - levels[below] > tie:
                below += 1
            same = below
            while same < levels.size and value - levels[same] >= -tie:
                tied[same] += 1
                same += 1
        numbers[below] += 1


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
    base: Array,
    width: Array,
    tables: Array,
    errors: Array,
    slope: float,
    turn: int,
    stride: int,
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
        base: (B,) of `fill_tables`; empty where there are no tables.
        width: (B,).
        tables: (B, parts + 2).
        errors: (B,) what a score of the product near a row's thresholds may be off by.
        slope: how much more, per unit of score.
        turn: which rows are looked at whether that holds: each in `stride` rows, others in each tile.
        stride: 1 or more.
        tie: scores that differ by no more are the same.
        above: (L,) int64.
        tied: (L,) int64.
    """
    columns = scores.shape[1]
    parts = tables.shape[1] - 2
    kept, places = np.empty(columns, np.int32), np.empty(columns, np.int16)
    most = 0
    for i in range(len(scores)):
        most = max(most, starts[i + 1] - starts[i])
    numbers = np.empty(most + 2, np.int32)
    for i in range(len(scores)):
        k, last = starts[i], starts[i + 1]
        if k == last:
            continue
        row = scores[i]
        exact = few = False
        probe = (i * 40_503) % columns
        if (i + turn) % stride == 0 and row[probe] > -np.inf:
            # A score here and there shows whether the product errs as little as it should on features like these.
            off = _score(x[i], x_scale[i], y, y_scale, y_shift, probe) - row[probe]
            exact = abs(off) > 0.5 * (errors[i] + slope * abs(row[probe]))
        while k < last and not exact:
            reach_low, reach_high = _count(row, low[k], high[k])
            if reach_low == 0:
                k = last
                break
            if (reach_low - reach_high) * 16 > columns:
                exact = True
                break
            few = reach_low * FEW < columns and (last - k > 8 or reach_low < 8)
            if few or (len(tables) > 0 and last - k > MANY):
                break
            above[k] += reach_high
            if reach_low > reach_high:
                for start in range(0, columns, CHUNK):
                    part = row[start : start + CHUNK]
                    part_low, part_high = _count(part, low[k], high[k])
                    if part_low == part_high:
                        continue
                    for j in range(start, start + part.size):
                        if low[k] <= row[j] < high[k]:
                            off = _score(x[i], x_scale[i], y, y_scale, y_shift, j) - levels[k]
                            if off > tie:
                                above[k] += 1
                            elif off >= -tie:
                                tied[k] += 1
            k += 1
        if k == last:
            continue
        if not exact and not few:
            first = starts[i]
            numbers[: last - first + 2] = 0
            _place(row, base[i], width[i], parts, places)
            _look_up(
                row,
                places,
                kept,
                tables[i],
                x[i],
                x_scale[i],
                y,
                y_scale,
                y_shift,
                levels[first:last],
                low[first:last],
                high[first:last],
                tie,
                numbers,
                tied[first:last],
            )
            total = np.int64(0)
            for step in range(last - first, 0, -1):
                total += numbers[step]
                above[first + step - 1] += total
            continue
        found = 0
        if exact:
            for j in range(columns):
                kept[found] = j
                found += row[j] > -np.inf
        else:
            for start in range(0, columns, CHUNK):
                part = row[start : start + CHUNK]
                reach_low, _ = _count(part, low[k], low[k])
                if reach_low > 0:
                    for j in range(start, start + part.size):
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
                    value = _score(x[i], x_scale[i], y, y_scale, y_shift, j)
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
    return float(best)


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
                value = _score(x[i], x_scale[i], y, y_scale, y_shift, j)
                if value > best[i] + tie or (value >= best[i] - tie and numbers[j] < best_number[i]):
                    best[i] = value
                    best_number[i] = numbers[j]


@compiled()
def keep_high(
    scores: Array,
    shift: Array,
    first: int,
    numbers: Array,
    found: Array,
    from_score: float,
    values: Array,
    rows: Array,
    columns: Array,
) -> int:
    """Writes down the scores that are at least `from_score`, with where they stand.

    Args:
        scores: (B, T) float32; -inf is never kept.
        shift: (B,) float32, subtracted from the rows, so that scores of different probes compare.
        first: number of the first row.
        numbers: (T,) of the columns.
        found: (B,) rows that are looked at; those of probes without a face are not.
        from_score: the least.
        values: at least (B T,) float32; filled from the start, like `rows` and `columns`.
        rows: int32.
        columns: int64.

    Returns:
        How many there are.
    """
    kept = 0
    for i in range(len(scores)):
        if not found[i] or _highest(scores[i]) - shift[i] < from_score:
            continue
        for j in range(scores.shape[1]):
            value = scores[i, j] - shift[i]
            if value >= from_score and value > -np.inf:
                values[kept] = value
                rows[kept] = first + i
                columns[kept] = numbers[j]
                kept += 1
    return kept
