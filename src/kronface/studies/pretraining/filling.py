"""Processes that draw shards ahead of the training, and the training's view of the newest of them."""

import multiprocessing
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from kronface.errors import DataError, KronfaceError
from kronface.files import Progress
from kronface.studies.pretraining.shards import Shard, ShardPlan, drop_shards, make_shard, read_shard, shard_folder

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue
    from multiprocessing.sharedctypes import Synchronized

AHEAD = 2
"""Shards that are drawn before the training asks for them; no more, for the disk's sake."""


class Filling:
    """Draws shards `first` to `last` side by side with the training.

    Args:
        root: folder of the shards.
        plan: what is drawn.
        first: number of the first shard that is wanted.
        last: of the last one.
        workers: processes; none where another run draws the same shards into the folder.
        keep: whether shards are kept that are used no more, for other runs.
    """

    def __init__(self, root: Path, plan: ShardPlan, *, first: int, last: int, workers: int, keep: bool = False) -> None:
        self._root, self._plan, self._keep = root, plan, keep
        context = multiprocessing.get_context("spawn")
        self._wanted = context.Value("i", first)
        self._problems: SimpleQueue[str] = context.SimpleQueue()
        self._processes: list[SpawnProcess] = [
            context.Process(
                target=_fill,
                args=(root, plan, range(first + k, last + 1, workers), self._wanted, self._problems),
                daemon=True,
            )
            for k in range(workers)
        ]

    def __enter__(self) -> "Filling":
        """Starts the processes."""
        for process in self._processes:
            process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends them; a shard that is half drawn is lost."""
        for process in self._processes:
            process.terminate()
            process.join()

    def window(self, number: int, length: int, progress: Progress) -> list[Shard]:
        """The shards up to `number`, at most `length` of them; waits for those that are not there yet.

        Raises:
            DataError: a process has died, or cannot go on, or a shard is damaged.
        """
        self._wanted.value = number
        numbers = range(max(0, number - length + 1), number + 1)
        for count, wanted in enumerate(numbers):
            while not shard_folder(self._root, wanted).is_dir():
                if any(process.exitcode not in (None, 0) for process in self._processes):
                    if not self._problems.empty():
                        raise DataError(self._problems.get())
                    raise DataError("a process that renders people has died, perhaps for want of memory: start again")
                progress("rendering people" if self._processes else "waiting for faces", count, len(numbers))
                time.sleep(0.2)
        if not self._keep:
            drop_shards(self._root, numbers.start)
        return [read_shard(self._root, wanted, self._plan) for wanted in numbers]


def _fill(
    root: Path, plan: ShardPlan, numbers: range, wanted: "Synchronized[int]", problems: "SimpleQueue[str]"
) -> None:
    """One process: draws its shards in order, and ends when the training does, however that ends."""
    import torch

    from kronface.synth.export.crew import start_worker
    from kronface.synth.export.job import prepare_drawing

    torch.set_num_threads(1)
    try:
        start_worker(prepare_drawing)
        for number in numbers:
            while number > wanted.value + AHEAD:
                time.sleep(0.5)
            make_shard(root, number, plan)
    except (KronfaceError, OSError) as error:  # as a full disk
        problems.put(str(error))
        raise SystemExit(1) from error
