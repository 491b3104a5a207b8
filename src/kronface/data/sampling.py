"""The order in which a training set is gone through."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler


def epoch_order(length: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of `length` images that depends on seed and epoch alone: any epoch can be taken up again."""
    return np.random.default_rng([seed, epoch]).permutation(length)


class RoundBatches(Sampler[list[tuple[int, int]]]):
    """The batches of a stretch of an epoch, as lists of (epoch, index); the stretch can be changed between passes.

    Replayed images, where there are any, stand behind the training set's and follow an order of their own, which goes
    on from batch to batch and begins anew when all have been shown: it too depends on seed and step alone.

    Args:
        length: images in the training set.
        batch_size: images per batch; what is left at an epoch's end is dropped.
        seed: of the order.
        replayed: images of each batch that are replayed ones; the others are of the training set.
        replayed_length: images to replay in all; their indices begin at `length`.
    """

    def __init__(self, length: int, *, batch_size: int, seed: int, replayed: int = 0, replayed_length: int = 0) -> None:
        self.length = length
        self.own = batch_size - replayed
        self.seed = seed
        self.replayed = replayed
        self.replayed_length = replayed_length
        self.per_epoch = length // self.own
        self.epoch = 0
        self.start = 0
        self.stop = self.per_epoch
        self._orders: dict[int, NDArray[np.int64]] = {}

    def choose(self, epoch: int, start: int, stop: int) -> None:
        """Chooses batches `start` to `stop` - 1 of an epoch."""
        self.epoch, self.start, self.stop = epoch, start, stop

    def __len__(self) -> int:
        """Number of batches."""
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Goes through the chosen batches."""
        order = epoch_order(self.length, seed=self.seed, epoch=self.epoch)
        for batch in range(self.start, self.stop):
            rows = order[batch * self.own : (batch + 1) * self.own]
            yield [*((self.epoch, row) for row in rows.tolist()), *self._replay(self.epoch * self.per_epoch + batch)]

    def _replay(self, step: int) -> list[tuple[int, int]]:
        """What is replayed in a step, counted over all epochs: (pass over the replayed set, index)."""
        if not self.replayed:
            return []
        positions = [divmod(step * self.replayed + place, self.replayed_length) for place in range(self.replayed)]
        self._orders = {passed: self._order(passed) for passed in {passed for passed, _ in positions}}
        return [(passed, self.length + int(self._orders[passed][place])) for passed, place in positions]

    def _order(self, passed: int) -> NDArray[np.int64]:
        if passed in self._orders:
            return self._orders[passed]
        return epoch_order(self.replayed_length, seed=self.seed, epoch=passed)
