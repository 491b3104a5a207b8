"""The loop that all learned methods share: the same passes and schedule for each, so that they can be compared."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kronface.errors import ConfigError
from kronface.files import Progress, no_progress
from kronface.methods.interface import Pixels

Step = Callable[[NDArray[np.int64]], Tensor]
"""Rows of a batch -> the loss."""


@dataclass(frozen=True)
class Budget:
    """How long a learned method may learn, and from which seed."""

    passes: int = 40_000
    """Images that are shown, counted with repetition."""
    batch_size: int = 64
    learning_rate: float = 1e-3
    """Adam's, which falls to 0 along a cosine."""
    seed: int = 0

    def share(self, part: float) -> "Budget":
        """A part of the passes, for methods that learn in stages."""
        return Budget(max(round(self.passes * part), self.batch_size), self.batch_size, self.learning_rate, self.seed)


def learn(
    parameters: Iterable[nn.Parameter],
    step: Step,
    batches: Iterator[NDArray[np.int64]],
    budget: Budget,
    *,
    title: str,
    progress: Progress = no_progress,
) -> float:
    """Minimises a loss by Adam; returns its mean over the last tenth of the steps.

    Args:
        parameters: what is learned.
        step: the loss of a batch.
        batches: endless rows of images, `budget.batch_size` at a time.
        budget: how long.
        title: of the progress.
        progress: called after every step, with the images that were shown.

    Raises:
        ConfigError: the loss is no number.
    """
    optimizer = torch.optim.Adam(parameters, lr=budget.learning_rate)
    steps = max(budget.passes // budget.batch_size, 1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    last: list[float] = []
    for number in range(steps):
        loss = step(next(batches))
        if not torch.isfinite(loss):
            raise ConfigError(f"{title}: the loss is no number any more; lower the learning rate")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if number >= steps * 9 // 10:
            last.append(float(loss.detach()))
        progress(f"{title}, loss {float(loss.detach()):.3f}", (number + 1) * budget.batch_size, budget.passes)
    return float(np.mean(last))


def shuffled(rows: int, batch_size: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Endless batches of all rows, in an order that is drawn anew for every pass through them."""
    rng = np.random.default_rng([seed, 31])
    waiting = np.empty(0, np.int64)
    while True:
        while len(waiting) < batch_size:
            waiting = np.concatenate([waiting, rng.permutation(rows)])
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


def pixels(images: Pixels, rows: NDArray[np.int64], rng: np.random.Generator | None = None) -> Tensor:
    """(B, 3, S, S) in [-1, 1], channels last in memory; with `rng` half of them mirrored and shifted by up to S/16."""
    chosen = np.asarray(images[rows])
    if rng is not None:
        chosen = chosen.copy()
        reach = chosen.shape[1] // 16
        for place in range(len(chosen)):
            if rng.random() < 0.5:
                chosen[place] = chosen[place, :, ::-1]
            down, across = rng.integers(-reach, reach + 1, 2)
            chosen[place] = np.roll(chosen[place], (down, across), (0, 1))
    return torch.from_numpy(np.ascontiguousarray(chosen)).permute(0, 3, 1, 2).float() / 127.5 - 1
