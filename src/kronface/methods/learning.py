"""The loop that all learned methods share: the same passes and schedule for each, so that they can be compared."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kronface.errors import ConfigError
from kronface.faces.align import resize
from kronface.files import Progress, no_progress
from kronface.methods.interface import Pixels

SETTLING = 20
"""Batches that an untrained network sees."""

Module = TypeVar("Module", bound=nn.Module)

Step = Callable[[NDArray[np.int64]], Tensor]
"""Rows of a batch -> the loss."""


@dataclass(frozen=True)
class Budget:
    """How long a learned method may learn, and from which seed."""

    passes: int = 40_000
    """Images that are shown, counted with repetition; 0 leaves a method untrained."""
    batch_size: int = 64
    learning_rate: float = 1e-3
    """Adam's, which falls to 0 along a cosine."""
    seed: int = 0

    def share(self, part: float) -> "Budget":
        """A part of the passes, for methods that learn in stages."""
        return Budget(round(self.passes * part), self.batch_size, self.learning_rate, self.seed)


def learn(
    parameters: Iterable[nn.Parameter],
    step: Step,
    batches: Iterator[NDArray[np.int64]],
    budget: Budget,
    *,
    title: str,
    progress: Progress = no_progress,
) -> None:
    """Minimises a loss by Adam.

    With a budget of no passes nothing is learned: some batches run through, so that normalisation has seen faces.

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
    steps = budget.passes // budget.batch_size
    if steps == 0:
        with torch.no_grad():
            for _ in range(SETTLING):
                step(next(batches))
        return
    optimizer = torch.optim.Adam(parameters, lr=budget.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for number in range(steps):
        loss = step(next(batches))
        if not torch.isfinite(loss):
            raise ConfigError(f"{title}: the loss is no number any more; lower the learning rate")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        progress(f"{title}, loss {float(loss.detach()):.3f}", (number + 1) * budget.batch_size, budget.passes)


def shuffled(rows: int, batch_size: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Endless batches of all rows, in an order that is drawn anew for every pass through them."""
    rng = np.random.default_rng([seed, 31])
    waiting = np.empty(0, np.int64)
    while True:
        while len(waiting) < batch_size:
            waiting = np.concatenate([waiting, rng.permutation(rows)])
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


def smaller(images: Pixels, size: int) -> Pixels:
    """(N, S, S, 3) -> (N, size, size, 3), by the mean over areas."""
    if images.shape[1] == size:
        return np.asarray(images)
    return np.stack([resize(np.asarray(image), size) for image in images])


def varied(images: Pixels, rng: np.random.Generator) -> Pixels:
    """The same faces, half of them mirrored and each shifted by up to a sixteenth of its side, edges repeated."""
    reach = images.shape[1] // 16
    changed = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    found = np.empty_like(images)
    for place in range(len(images)):
        down, across = rng.integers(0, 2 * reach + 1, 2)
        part = changed[place, down : down + images.shape[1], across : across + images.shape[2]]
        found[place] = part[:, ::-1] if rng.random() < 0.5 else part
    return found


def seeded(make: Callable[[], Module], seed: int) -> Module:
    """A module whose weights PyTorch draws from this seed; the global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
