"""Draws what long functions report: one line per stage with a bar, counts, speed of arrival and the time left."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from kronface.files import Progress as Report

MINUTE = 60.0

console = Console(stderr=True)
"""Where progress and remarks go; results go to standard output."""


@contextmanager
def drawn_progress() -> Iterator[Report]:
    """Yields a progress callback.

    What stands before the first colon of a stage's text names its bar; what follows changes as it goes. Where
    standard error is no terminal, each stage leaves a line at its start, at each tenth, at its end, and every minute.
    """
    if not console.is_terminal:
        yield _plain_report()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, int] = {}

        def report(stage: str, done: int, total: int) -> None:
            name = stage.split(":", 1)[0]
            if name not in tasks:
                tasks[name] = bars.add_task(stage, total=total)
            bars.update(tasks[name], description=stage, completed=done, total=total)  # type: ignore[arg-type]

        yield report


def _plain_report() -> Report:
    import time

    started: dict[str, tuple[float, int]] = {}
    tenths: dict[str, int] = {}
    spoken: dict[str, float] = {}

    def report(stage: str, done: int, total: int) -> None:
        name = stage.split(":", 1)[0]
        started.setdefault(name, (time.monotonic(), done))
        tenth = 10 * done // max(total, 1)
        if tenths.get(name) == tenth and time.monotonic() < spoken[name] + MINUTE:
            return
        tenths[name], spoken[name] = tenth, time.monotonic()
        since, first = started[name]
        elapsed = time.monotonic() - since
        left = elapsed / (done - first) * (total - done) if done > first else float("nan")
        eta = "" if left != left else f", {left:.0f} s left"
        print(f"{stage} [{done}/{total}] {elapsed:.0f} s{eta}", file=console.file, flush=True)

    return report
