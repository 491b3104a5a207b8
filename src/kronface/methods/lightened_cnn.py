"""Lightened CNN (Wu, He and Sun, 2015), models A and B: of every two channels the larger one goes on."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from kronface.data.augment import LUMA
from kronface.errors import ConfigError
from kronface.files import Progress, no_progress
from kronface.losses.identity import identity_loss
from kronface.methods.interface import Faces, Floats, Pixels, check_pixels, cosines
from kronface.methods.learning import Budget, learn, seeded, shuffled, smaller, varied

MODEL_A: tuple[tuple[int, int], ...] = ((9, 48), (5, 96), (5, 128), (4, 192))
"""Side of each convolution, unpadded, and channels after the maximum; all but the last are followed by a pooling."""

MODEL_B: tuple[tuple[int, int, int], ...] = ((0, 48, 5), (48, 96, 3), (96, 192, 3), (192, 128, 3), (128, 128, 3))
"""Channels of the 1x1 convolution before, channels after the maximum, and side, padded; pooled after all but the
fourth. As in the authors' release, of nine layers."""


class MaxFeatureMap(nn.Module):
    """The larger one of each channel of the first half and its partner in the second (eq. 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, 2 K, ...) -> (N, K, ...)."""
        one, other = x.chunk(2, dim=1)
        return torch.maximum(one, other)


class Lightened(nn.Module):
    """Either model, from grey pictures to the features that are compared.

    Args:
        model: 'A' or 'B'.
        size: side of the pictures; the authors' is 128, to which the layers fit as to any other that is large enough.
        width: share of the authors' channels.
        features: length of what comes out; the authors' is 256.

    Shape:
        grey (N, 1, size, size) in [-1, 1] -> (N, features).
    """

    def __init__(self, *, model: str, size: int, width: float = 1.0, features: int = 256) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        if model == "A":
            for place, (side, wanted) in enumerate(MODEL_A):
                count = max(round(wanted * width), 1)
                layers += [nn.Conv2d(channels, 2 * count, side), MaxFeatureMap()]
                layers += [nn.MaxPool2d(2, 2)] if place < len(MODEL_A) - 1 else []
                channels = count
        elif model == "B":
            for place, (narrow, wanted, side) in enumerate(MODEL_B):
                before, count = max(round(narrow * width), 1), max(round(wanted * width), 1)
                if narrow:
                    layers += [nn.Conv2d(channels, 2 * before, 1), MaxFeatureMap()]
                    channels = before
                layers += [nn.Conv2d(channels, 2 * count, side, padding=side // 2), MaxFeatureMap()]
                layers += [nn.MaxPool2d(2, 2)] if place != 3 else []
                channels = count
        else:
            raise ConfigError(f"unknown model '{model}' of the Lightened CNN: choose A or B")
        self.layers = nn.Sequential(*layers)
        with torch.no_grad():
            numbers = self.layers(torch.zeros((1, 1, size, size))).numel()
        self.fc = nn.Linear(numbers, 2 * features)
        self.mfm = MaxFeatureMap()

    def forward(self, grey: Tensor) -> Tensor:
        """(N, 1, size, size) -> (N, features)."""
        out: Tensor = self.mfm(self.fc(self.layers(grey).flatten(1)))
        return out


class LightenedCnn:
    """The row 'Lightened CNN': soft-max over people, dropout before it, features compared by cosine.

    The authors train on 128x128 crops, with a bias towards eyes and mouth that our reference points do not have. At
    another size or width, the row says 'compact'.

    Args:
        budget: how long it learns.
        model: 'A' or 'B'.
        size: side of the pictures.
        width: share of the authors' channels.
        dropout: before the class layer, in training: 0.7 in model A, 0.75 in B, of much longer trainings.
    """

    def __init__(
        self, *, budget: Budget, model: str = "B", size: int = 64, width: float = 0.5, dropout: float = 0.3
    ) -> None:
        reduced = ", compact" if size != 128 or width != 1 else ""
        self.name = f"Lightened CNN ({model}{reduced})"
        self._budget, self._size, self._dropout = budget, size, dropout
        self._network = seeded(lambda: Lightened(model=model, size=size, width=width), budget.seed)

    def fit(self, faces: Faces, *, progress: Progress = no_progress) -> None:
        """Learns to tell the people apart; images of nobody known are left out."""
        known = faces.take(faces.people >= 0)
        images = smaller(known.images, self._size)
        people, classes = np.unique(known.people, return_inverse=True)
        width = self._network.fc.out_features // 2
        layer = seeded(lambda: nn.Linear(width, len(people)), self._budget.seed + 1)
        targets, rng = torch.from_numpy(classes), np.random.default_rng([self._budget.seed, 41])
        generator = torch.Generator().manual_seed(self._budget.seed)

        def step(rows: NDArray[np.int64]) -> Tensor:
            features = self._network(_grey(varied(images[rows], rng)))
            kept = torch.rand(features.shape, generator=generator) >= self._dropout
            return identity_loss(layer(features * kept / (1 - self._dropout)), targets[rows])

        parameters = [*self._network.parameters(), *layer.parameters()]
        batches = shuffled(len(known), self._budget.batch_size, self._budget.seed)
        learn(parameters, step, batches, self._budget, title=self.name, progress=progress)

    @torch.no_grad()
    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) -> (N, 256)."""
        check_pixels(images)
        small = smaller(images, self._size)
        parts = [self._network(_grey(small[start : start + 128])).numpy() for start in range(0, len(small), 128)]
        return np.concatenate(parts)

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """Cosines."""
        return cosines(probes, gallery)


def _grey(images: Pixels) -> Tensor:
    """(N, S, S, 3) RGB -> (N, 1, S, S) in [-1, 1]."""
    return (torch.from_numpy(images).float() @ torch.tensor(LUMA))[:, None] / 127.5 - 1
