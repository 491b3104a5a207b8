"""Processes that work side by side on a stream of jobs of any length."""

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TypeVar

from kronface.errors import ConfigError
from kronface.processes import end_with_parent
from kronface.synth.export.job import prepare_drawing

In = TypeVar("In")
Out = TypeVar("Out")

IN_FLIGHT = 3
"""Jobs per process that are handed out and not yet finished: enough that none waits, and no more are held."""


class Crew:
    """Starts its processes when the first job comes, and keeps them for all further calls until it is left.

    Args:
        workers: processes; with one, the work is done in this process.
        prepare: called in this process and in each of the others before their first job.

    Raises:
        ConfigError: no workers.
    """

    def __init__(self, workers: int, *, prepare: Callable[[], None] = prepare_drawing) -> None:
        if workers < 1:
            raise ConfigError(f"workers is {workers}: it must be at least 1")
        self.workers = workers
        self._prepare = prepare
        self._prepared = False
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Crew":
        """Nothing is started yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the processes."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None

    def run(self, function: Callable[[In], Out], jobs: Iterable[In]) -> Iterator[Out]:
        """Yields what `function` makes of each job, as they are finished; jobs are taken from the iterable as needed.

        Args:
            function: importable by its name, as its arguments and results must be.
            jobs: of any number: only `IN_FLIGHT` per process are held at a time.

        Raises:
            BrokenProcessPool: a process was killed; the next call starts new ones.
        """
        flight: set[Future[Out]] = set()
        try:
            for job in jobs:
                if not self._prepared:
                    self._prepare()
                    self._prepared = True
                if self.workers == 1:
                    yield function(job)
                    continue
                flight.add(self._start().submit(function, job))
                if len(flight) >= IN_FLIGHT * self.workers:
                    done, flight = wait(flight, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            while flight:
                done, flight = wait(flight, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BrokenProcessPool:
            self._executor = None
            raise
        finally:
            for future in flight:
                future.cancel()

    def _start(self) -> ProcessPoolExecutor:
        if self._executor is None:
            # Spawned, not forked: Warp and OpenCV hold threads that a fork would not take along. An executor, not a
            # pool: it notices when a worker is killed.
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.workers, context, start_worker, (self._prepare,))
        return self._executor


def start_worker(prepare: Callable[[], None]) -> None:
    """What every process that draws begins with: it leaves interrupts to its parent, and ends when that does.

    Args:
        prepare: called last.
    """
    import cv2

    cv2.setNumThreads(1)  # the workers share the cores
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends them
    end_with_parent()
    prepare()
