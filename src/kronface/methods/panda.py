"""PANDA in its landmark form: part networks, a network for the whole face, and linear machines on top of all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from torch import Tensor, nn
from torch.nn import functional

from kronface.errors import ConfigError, DataError
from kronface.faces.align import reference_points, resize, similarity, warp
from kronface.files import Progress, no_progress
from kronface.losses.attributes import attribute_loss
from kronface.methods.interface import Faces, Floats, Pixels
from kronface.methods.learning import Budget, learn, shuffled
from kronface.methods.linear import LinearScores, constant_scores, linear_svm, only_answers
from kronface.methods.untied import UntiedConv2d, initialise_all

PATCH, PART_INPUT = 64, 56
"""Side of a part's patch, and of what its network sees of it: a fringe of 4 pixels is left for shifts."""
WHOLE, WHOLE_INPUT = 128, 112
"""The same of the whole face, half of the original's 256 and 224."""
MEAN_FACES = 1000
"""Mean patches are taken of so many faces at most."""
ROWS = 256
"""Faces whose patches are in memory at a time."""
MIRRORED = [1, 0, 2, 4, 3]
"""Which landmark each becomes in the mirrored face."""


@dataclass(frozen=True)
class Part:
    """A square patch that stands at some of the landmarks and turns and grows with all five.

    Lengths are in pixels of the 112x112 face with the landmarks on the reference points.
    """

    landmarks: tuple[int, ...]
    """Whose mean the centre is measured from."""
    down: float
    """From there to the centre, along the face."""
    side: float


PARTS: Mapping[str, Part] = MappingProxyType(
    {
        "eyes": Part((0, 1), -4, 68),
        "left eye": Part((0,), -5, 36),
        "right eye": Part((1,), -5, 36),
        "nose": Part((2,), -5, 40),
        "mouth": Part((3, 4), 0, 46),
        "cheeks and chin": Part((2, 3, 4), -3, 78),
        "face": Part((0, 1, 2, 3, 4), -12, 106),
    }
)
"""What stands in for the 150 poselets; sides are the image's, and eyes have their brows with them."""


class Panda:
    """The row 'PANDA (compact)': Zhang et al., CVPR 2014, with parts cut at landmarks (PANDA-l of Liu et al. 2015).

    Each part has a network of the authors' layers (`PartNetwork`), trained on all attributes at once by sigmoid
    cross-entropy; `WholeNetwork` sees the whole face. The features of all go through `sign(x) |x|^0.3` into one
    linear machine per attribute (`linear_svm`), whose positives count #negatives / #positives times.

    Compact: seven parts in place of 150 poselets, none of which is ever absent or scored, a quarter of the channels by
    default, half the pixels for the whole face, and no ImageNet weights under its network, which learns with the part
    networks. All networks see every image that is shown, so a pass goes through all of them.

    Args:
        budget: of the networks; the machines on top are solved.
        width: channels of the part networks' layers; the original has 64.
        parts: names in `PARTS`.

    Raises:
        ConfigError: no part, an unknown one, or fewer than one channel.
    """

    name = "PANDA (compact)"

    def __init__(self, *, budget: Budget, width: int = 16, parts: Sequence[str] = tuple(PARTS)) -> None:
        unknown = [part for part in parts if part not in PARTS]
        if unknown or not parts:
            raise ConfigError(f"parts must be some of {', '.join(PARTS)}, not {', '.join(unknown) or 'none'}")
        if width < 1:
            raise ConfigError(f"width must be 1 or more, not {width}")
        self.budget, self.width, self.parts = budget, width, tuple(parts)
        self._networks: PandaNetworks | None = None
        self._machines: LinearScores | None = None

    def fit(self, train: Faces, validation: Faces, *, progress: Progress = no_progress) -> None:
        """Learns from `train` alone.

        Raises:
            DataError: other attributes in validation, an attribute without a label, or impossible landmarks.
        """
        only = only_answers(train, validation)
        networks = PandaNetworks(len(self.parts), len(train.attributes), self.width)
        initialise_all(networks, self.budget.seed)
        rng = np.random.default_rng([self.budget.seed, 41])
        some = np.sort(rng.permutation(len(train))[:MEAN_FACES])
        for rows in _blocks(some):
            patches, wholes = self._patches(train, rows)
            networks.part_means += _trimmed(patches.sum(0), PART_INPUT) / len(some)
            networks.whole_mean += _trimmed(wholes.sum(0), WHOLE_INPUT) / len(some)

        def step(rows: NDArray[np.int64]) -> Tensor:
            labels = torch.from_numpy(train.labels[rows])
            logits = networks(*self._patches(train, rows, rng), rng)
            return torch.stack([attribute_loss(each, labels) for each in logits]).sum()

        batches = shuffled(len(train), self.budget.batch_size, self.budget.seed)
        learn(networks.parameters(), step, batches, self.budget, title="PANDA, networks", progress=progress)
        self._networks = networks
        features = self._features(train, progress)
        columns = []
        for column, attribute in enumerate(train.attributes):
            columns.append(
                constant_scores(features.shape[1], only[column])
                if np.isfinite(only[column])
                else linear_svm(features, train.labels[:, column], weigh_positives=True, seed=self.budget.seed)
            )
            progress(f"PANDA, {attribute}", column + 1, len(train.attributes))
        self._machines = LinearScores.joined(columns)

    def predict(self, faces: Faces) -> Floats:
        """(N, T) the logistic function of the machine's decision, which is 0.5 at its boundary: no probability.

        Raises:
            ConfigError: before `fit`.
            DataError: impossible landmarks.
        """
        if self._machines is None:
            raise ConfigError(f"{self.name} has learned nothing yet: fit it first")
        found: Floats = expit(self._machines.of(self._features(faces, no_progress)))
        return found

    def _features(self, faces: Faces, progress: Progress) -> Floats:
        """(N, D) power-normalised features of all networks."""
        if self._networks is None:
            raise ConfigError(f"{self.name} has learned nothing yet: fit it first")
        found = np.empty((len(faces), self._networks.features_size), np.float32)
        for rows in _blocks(np.arange(len(faces))):
            with torch.inference_mode():
                found[rows] = power_normalised(self._networks.features(*self._patches(faces, rows)).numpy())
            progress("PANDA, features", int(rows[-1]) + 1, len(faces))
        return found

    def _patches(
        self, faces: Faces, rows: NDArray[np.int64], rng: np.random.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, P, 3, 64, 64) and (B, 3, 128, 128) in [-1, 1]; with `rng` half of the faces are mirrored."""
        parts = [PARTS[part] for part in self.parts]
        patches, wholes = [], []
        for row in rows:
            image, landmarks = np.asarray(faces.images[row]), faces.landmarks[row]
            if rng is not None and rng.random() < 0.5:
                image, landmarks = mirrored(image, landmarks)
            patches.append(cut(image, landmarks, parts))
            wholes.append(resize(image, WHOLE))
        return _floats(np.stack(patches)), _floats(np.stack(wholes))


class PartNetwork(nn.Module):
    """Four convolutions with pooling and local response normalisation, a locally connected layer, and logits.

    The layers and their constants are those of the authors' released part networks, the order of normalisation and
    pooling included; maps of 56, 28, 12, 6 and 3 places a side.

    Args:
        attributes: T.
        width: channels of all layers.
    """

    def __init__(self, attributes: int, width: int) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            nn.Conv2d(3, width, 5, padding=2), nn.ReLU(), _pool(), _part_norm(width),  # 28
            nn.Conv2d(width, width, 5), nn.ReLU(), _part_norm(width), _pool(),  # 12
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), _part_norm(width), _pool(),  # 6
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), _part_norm(width), _pool(),  # 3
        )  # fmt: skip
        self.local = UntiedConv2d(width, width, 3, size=3, padding=1)
        self.features_size = 9 * width
        self.logits = nn.Linear(self.features_size, attributes)

    def features(self, patches: Tensor) -> Tensor:
        """(B, 3, 56, 56) without their mean -> (B, 9 · width), 0 or more."""
        return torch.relu(self.local(self.maps(patches))).flatten(1)

    def forward(self, patches: Tensor) -> Tensor:
        """(B, 3, 56, 56) -> (B, T) logits."""
        logits: Tensor = self.logits(self.features(patches))
        return logits


class LocalNorm(nn.Module):
    """Local response normalisation across channels, x / (1 + alpha · mean over the channels around of x²)^0.75.

    `nn.LocalResponseNorm` in a quarter of its time: the channels are summed by a convolution.

    Args:
        channels: of the maps.
        around: channels in the mean, odd; those that are not there count as 0.
        alpha: as Caffe and PyTorch define it.
    """

    sums: Tensor
    ones: Tensor

    def __init__(self, channels: int, around: int, alpha: float) -> None:
        super().__init__()
        numbers = torch.arange(channels)
        near = (numbers[:, None] - numbers).abs() <= around // 2
        self.register_buffer("sums", (alpha / around * near)[:, :, None, None], persistent=False)
        self.register_buffer("ones", torch.ones(channels), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) -> the same."""
        return maps * functional.conv2d(maps.square(), self.sums, self.ones).pow(-0.75)


class WholeNetwork(nn.Module):
    """CaffeNet's layers for half as many pixels a side and `width`/64 of its channels, without dropout and groups.

    The layers of 4,096 units have 16 · width of them, a quarter of what that share gives.

    Args:
        attributes: T.
        width: as of the part networks.
    """

    def __init__(self, attributes: int, width: int) -> None:
        super().__init__()
        first, second, third = width * 3 // 2, width * 4, width * 6
        self.maps = nn.Sequential(
            nn.Conv2d(3, first, 11, stride=4), nn.ReLU(), _pool(), LocalNorm(first, 5, 1e-4),  # 26, 13
            nn.Conv2d(first, second, 5, padding=2), nn.ReLU(), _pool(), LocalNorm(second, 5, 1e-4),  # 6
            nn.Conv2d(second, third, 3, padding=1), nn.ReLU(),
            nn.Conv2d(third, third, 3, padding=1), nn.ReLU(),
            nn.Conv2d(third, second, 3, padding=1), nn.ReLU(), _pool(),  # 3
        )  # fmt: skip
        self.features_size = 16 * width
        self.hidden = nn.Sequential(
            nn.Linear(9 * second, self.features_size), nn.ReLU(),
            nn.Linear(self.features_size, self.features_size), nn.ReLU(),
        )  # fmt: skip
        self.logits = nn.Linear(self.features_size, attributes)

    def features(self, faces: Tensor) -> Tensor:
        """(B, 3, 112, 112) without their mean -> (B, 16 · width), 0 or more."""
        found: Tensor = self.hidden(self.maps(faces).flatten(1))
        return found

    def forward(self, faces: Tensor) -> Tensor:
        """(B, 3, 112, 112) -> (B, T) logits."""
        logits: Tensor = self.logits(self.features(faces))
        return logits


class PandaNetworks(nn.Module):
    """All part networks and the whole face's, with the mean patches.

    Args:
        parts: P.
        attributes: T.
        width: of `PartNetwork` and `WholeNetwork`.
    """

    part_means: Tensor
    whole_mean: Tensor

    def __init__(self, parts: int, attributes: int, width: int) -> None:
        super().__init__()
        self.of_parts = nn.ModuleList([PartNetwork(attributes, width) for _ in range(parts)])
        self.of_whole = WholeNetwork(attributes, width)
        self.features_size = parts * 9 * width + self.of_whole.features_size
        self.register_buffer("part_means", torch.zeros(parts, 3, PART_INPUT, PART_INPUT))
        self.register_buffer("whole_mean", torch.zeros(3, WHOLE_INPUT, WHOLE_INPUT))

    def features(self, patches: Tensor, wholes: Tensor) -> Tensor:
        """(B, P, 3, 64, 64) and (B, 3, 128, 128) in [-1, 1] -> (B, D): parts one after another, then the whole."""
        inner, whole = self._inputs(patches, wholes, None)
        found = [network.features(inner[:, part]) for part, network in enumerate(self._parts())]
        return torch.cat([*found, self.of_whole.features(whole)], 1)

    def forward(self, patches: Tensor, wholes: Tensor, rng: np.random.Generator | None = None) -> list[Tensor]:
        """The same -> P + 1 times (B, T) logits; with `rng` from anywhere in the patches, not from their middle."""
        inner, whole = self._inputs(patches, wholes, rng)
        return [*(network(inner[:, part]) for part, network in enumerate(self._parts())), self.of_whole(whole)]

    def _parts(self) -> list[PartNetwork]:
        return [network for network in self.of_parts if isinstance(network, PartNetwork)]

    def _inputs(self, patches: Tensor, wholes: Tensor, rng: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        if rng is None:
            inner, whole = _trimmed(patches, PART_INPUT), _trimmed(wholes, WHOLE_INPUT)
        else:
            inner = _shifted(patches.flatten(0, 1), PART_INPUT, rng).unflatten(0, patches.shape[:2])
            whole = _shifted(wholes, WHOLE_INPUT, rng)
        return inner - self.part_means, whole - self.whole_mean


def cut(image: Pixels, landmarks: ArrayLike, parts: Sequence[Part]) -> Pixels:
    """(S, S, 3) -> (P, 64, 64, 3), upright by the landmarks; grey beyond the image.

    Args:
        image: RGB.
        landmarks: (5, 2) in its pixels; NaN is taken for the reference points, on which aligned faces' landmarks lie.
        parts: where.

    Raises:
        DataError: landmarks that are infinite or all at one place.
    """
    points = np.asarray(landmarks, np.float64)
    points = np.where(np.isnan(points), reference_points(len(image)), points)
    if not np.isfinite(points).all() or np.ptp(points, axis=0).max() < 1e-3:
        raise DataError("a face's landmarks are not finite or all at one place: detect them again")
    turn = similarity(points)[:, :2]  # from the image's pixels to those of the 112x112 face
    found = np.empty((len(parts), PATCH, PATCH, 3), np.uint8)
    for place, part in enumerate(parts):
        scale = PATCH / part.side
        middle = (PATCH - 1) / 2
        centre = turn @ points[list(part.landmarks)].mean(0) + [0, part.down]
        matrix = np.hstack([turn * scale, (middle - centre * scale)[:, None]])
        found[place] = warp(image, matrix, PATCH, border=127)
    return found


def mirrored(image: Pixels, landmarks: Floats) -> tuple[Pixels, Floats]:
    """(S, S, 3) and (5, 2), left and right changed about."""
    points = landmarks[MIRRORED]
    return np.ascontiguousarray(image[:, ::-1]), np.stack([len(image) - 1 - points[:, 0], points[:, 1]], 1)


def power_normalised(features: Floats) -> Floats:
    """`sign(x) |x|^0.3`, which brings features of few large values nearer together (Perronnin et al., ECCV 2010)."""
    found: Floats = np.sign(features) * np.abs(features) ** np.float32(0.3)
    return found


def _blocks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), ROWS):
        yield rows[start : start + ROWS]


def _floats(images: Pixels) -> Tensor:
    """(..., S, S, 3) -> (..., 3, S, S) in [-1, 1]."""
    return torch.from_numpy(images).movedim(-1, -3).float() / 127.5 - 1


def _trimmed(images: Tensor, side: int) -> Tensor:
    """(..., S, S) -> (..., side, side), the middle."""
    start = (images.shape[-1] - side) // 2
    return images[..., start : start + side, start : start + side]


def _shifted(images: Tensor, side: int, rng: np.random.Generator) -> Tensor:
    """(B, 3, S, S) -> (B, 3, side, side), for each image from another place."""
    starts = rng.integers(0, images.shape[-1] - side + 1, (len(images), 2))
    return torch.stack(
        [image[:, y : y + side, x : x + side] for image, (y, x) in zip(images, starts.tolist(), strict=True)]
    )


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, ceil_mode=True)  # Caffe counts the last, partial window


def _part_norm(channels: int) -> LocalNorm:
    return LocalNorm(channels, 9, 1e-3)
