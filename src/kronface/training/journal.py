"""The callback that keeps a run's books: history, progress, the best weights, and the checkpoint to resume from."""

import csv
import io
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from kronface.errors import ConfigError
from kronface.files import Progress, write_text

LAST = "last.ckpt"


class Journal(Callback):
    """Adds up the losses of each epoch, validates at its end, writes `metrics.csv`, and saves after every round.

    All of its state travels in the training checkpoint, so that a resumed run writes the same history as one that was
    never interrupted (but for the speed, which is the machine's).

    Args:
        out: the run's folder.
        steps_per_epoch: optimiser steps of one pass over the data.
        epochs: passes over the data.
        batch_size: images per step.
        monitor: the history's column by which the best epoch is chosen (highest wins, the later on a tie), if it is
            there; the lowest loss otherwise.
        validate: returns the columns that validation adds to an epoch's row.
        save_best: writes the network's weights as the best so far.
        progress: drawn after every step.
    """

    def __init__(
        self,
        *,
        out: Path,
        steps_per_epoch: int,
        epochs: int,
        batch_size: int,
        monitor: str,
        validate: Callable[[], dict[str, float]],
        save_best: Callable[[], None],
        progress: Progress,
    ) -> None:
        super().__init__()
        self.out = out
        self.steps_per_epoch = steps_per_epoch
        self.epochs = epochs
        self.batch_size = batch_size
        self.monitor = monitor
        self.validate = validate
        self.save_best = save_best
        self.progress = progress
        self.history: list[dict[str, float]] = []
        self.best: float | None = None
        self._sums: dict[str, float] = {}
        self._seconds = 0.0
        self._started = 0.0

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs of the books."""
        return {"history": self.history, "best": self.best, "sums": self._sums, "seconds": self._seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up the books where the checkpoint left them."""
        self.history = state_dict["history"]
        self.best = state_dict["best"]
        self._sums = state_dict["sums"]
        self._seconds = state_dict["seconds"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002 - Lightning's
        """Starts the clock."""
        self._started = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002 - Lightning's signature
        outputs: dict[str, Tensor],  # type: ignore[override]
        batch: Any,  # noqa: ANN401, ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Adds the step's losses to the epoch's and reports progress.

        Raises:
            ConfigError: a loss is no finite number.
        """
        now = time.perf_counter()
        self._seconds += now - self._started
        self._started = now
        done = trainer.global_step
        for name, value in outputs.items():
            number = value.item()
            if not math.isfinite(number):
                # From here on all weights are worthless; the last checkpoint is from before.
                raise ConfigError(f"{self.out}: the {name} is {number} at step {done}: lower --learning-rate")
            self._sums[name] = self._sums.get(name, 0.0) + number
        steps = (done - 1) % self.steps_per_epoch + 1
        parts = [
            f"{name.replace('_', ' ')} {total / steps:.3f}" for name, total in self._sums.items() if name != "loss"
        ]
        speed = f"{self.batch_size * steps / self._seconds:.0f} images/s"
        epoch = f"epoch {(done - 1) // self.steps_per_epoch + 1} of {self.epochs}"
        self.progress(f"training: {', '.join([epoch, *parts, speed])}", done, self.epochs * self.steps_per_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002 - Lightning's
        """Ends a round: at the end of an epoch the books are closed, and always the checkpoint is written."""
        if trainer.global_step % self.steps_per_epoch == 0:
            self._close_epoch(trainer)
        trainer.save_checkpoint(self.out / LAST)
        self._started = time.perf_counter()

    def _close_epoch(self, trainer: Trainer) -> None:
        row: dict[str, float] = {
            "epoch": trainer.global_step // self.steps_per_epoch,
            "step": trainer.global_step,
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
        }
        row |= {name: total / self.steps_per_epoch for name, total in self._sums.items()}
        row |= self.validate()
        row["images_per_second"] = self.batch_size * self.steps_per_epoch / self._seconds
        self.history.append(row)
        self._sums = {}
        self._seconds = 0.0
        merit = row.get(self.monitor, -row["loss"])
        if self.best is None or merit >= self.best:
            self.best = merit
            self.save_best()
        write_history(self.out / "metrics.csv", self.history)


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Writes the rows as CSV, atomically; the columns are those of the first row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]))
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())
