"""A training set with faces of another one mixed in, which teach what the first has no labels of."""

from torch import Tensor
from torch.utils import data

from kronface.data.dataset import FaceDataset, Key
from kronface.errors import ConfigError


class ReplayedDataset(data.Dataset[dict[str, Tensor]]):
    """The faces of the training set, and after them those that are replayed.

    Args:
        train: the training set.
        replayed: the other one, with the same size and attributes; its people should have no class numbers.

    Raises:
        ConfigError: sizes or attributes differ.
    """

    def __init__(self, train: FaceDataset, replayed: FaceDataset) -> None:
        if (train.size, train.attributes) != (replayed.size, replayed.attributes):
            raise ConfigError("replayed faces must have the size and the attributes of the training set")
        self.train = train
        self.replayed = replayed

    def start_method(self, workers: int) -> str | None:
        """How a DataLoader's processes must be started; None where the system's way will do, or there are none."""
        return self.train.start_method(workers) or self.replayed.start_method(workers)

    def __len__(self) -> int:
        """Number of images of both."""
        return len(self.train) + len(self.replayed)

    def __getitem__(self, key: Key) -> dict[str, Tensor]:
        """The item of one image, by its index or by (epoch, index), as of a `FaceDataset`.

        Raises:
            ImageError: the picture cannot be used.
        """
        epoch, index = key if isinstance(key, tuple) else (0, key)
        first = len(self.train)
        return self.train[epoch, index] if index < first else self.replayed[epoch, index - first]
