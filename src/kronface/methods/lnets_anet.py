"""ANet on aligned faces: learned from people, then from attributes; linear machines on its features of ten patches."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor, nn

from kronface.errors import ConfigError, DataError
from kronface.faces.align import resize
from kronface.files import Progress, no_progress
from kronface.losses.attributes import attribute_loss
from kronface.losses.identity import identity_loss
from kronface.methods.interface import Faces, Floats, Pixels
from kronface.methods.learning import Budget, learn, shuffled
from kronface.methods.linear import LinearScores, constant_scores, linear_svm, only_answers
from kronface.methods.untied import UntiedConv2d, initialise_all

FACE, INPUT = 64, 56
"""Sides of the resized face, and of the patches of it that ANet sees."""
FEWEST = 10
"""Validation labels of each kind that a machine needs."""
ROWS = 128
"""Faces whose patches are in memory at a time."""
CORNERS = ((4, 4), (0, 0), (0, 8), (8, 0), (8, 8))
"""Upper left corners of the patches at test, y and x: the middle and the face's four corners; each is mirrored too."""


class AlignedAnet:
    """The row 'aligned + ANet (compact)': LNets+ANet of Liu et al., ICCV 2015, whose LNets are left out.

    The authors' LNets find the face; here it is found and aligned already. What follows is theirs: ANet (`Anet`) is
    pre-trained on people with soft-max and `similarity_loss` and fine-tuned on attributes with sigmoid cross-entropy
    and patches from all over the face; on its features of the validation partition, of other people, one linear
    machine per attribute is trained. The score is the mean over patches. For an attribute with fewer than `FEWEST`
    validation labels of a kind, ANet's own logit stands in.

    Compact: layer sizes, the similarity loss's weight and the machines' C (1, without weights of classes) are chosen
    here, as the paper's text does not give them; far fewer people and images are shown; and ANet, which is older than
    batch normalisation, has it, for without it so few passes teach it little. Half of the budget goes to each stage.

    Args:
        budget: of both stages together.
        width: channels of the first two convolutions; the other two have twice as many.
        features: units of ANet's last layer.
        similarity_weight: of the similarity loss beside the soft-max.

    Raises:
        ConfigError: no channel or unit, a negative weight, or batches of one image.
    """

    name = "aligned + ANet (compact)"

    def __init__(
        self, *, budget: Budget, width: int = 32, features: int = 128, similarity_weight: float = 0.001
    ) -> None:
        if width < 1 or features < 1 or similarity_weight < 0:
            raise ConfigError(
                f"width and features must be 1 or more and similarity_weight 0 or more, not {width}, {features} and "
                f"{similarity_weight}"
            )
        if budget.batch_size < 2:
            raise ConfigError("ANet learns from pairs of images: batch_size must be 2 or more")
        self.budget, self.width, self.features, self.similarity_weight = budget, width, features, similarity_weight
        self._network: Anet | None = None
        self._scores: LinearScores | None = None

    def fit(self, train: Faces, validation: Faces, *, progress: Progress = no_progress) -> None:
        """Learns ANet from `train` and the machines from `validation`.

        Raises:
            DataError: other attributes in validation, an attribute without a label in `train`, or fewer than two
                people there.
        """
        only = only_answers(train, validation)
        network, batch = self._pretrained(train, progress), self.budget.batch_size
        rng = np.random.default_rng([self.budget.seed, 53])

        def step(rows: NDArray[np.int64]) -> Tensor:
            return attribute_loss(network(_patches(train.images, rows, rng)), torch.from_numpy(train.labels[rows]))

        parameters = [*network.body.parameters(), *network.attribute_logits.parameters()]
        batches = shuffled(len(train), batch, self.budget.seed + 1)
        learn(parameters, step, batches, self.budget.share(0.5), title="ANet, attributes", progress=progress)
        self._network = network.eval()

        seen = self._features(validation.images, progress)  # (10 N, D)
        own = LinearScores(
            np.ascontiguousarray(network.attribute_logits.weight.detach().numpy().T),
            network.attribute_logits.bias.detach().numpy(),
        )
        columns = []
        for column, attribute in enumerate(train.attributes):
            labels = validation.labels[:, column]
            if np.isfinite(only[column]):
                columns.append(constant_scores(self.features, only[column]))
            elif min((labels > 0.5).sum(), (labels <= 0.5).sum()) < FEWEST:
                columns.append(LinearScores(own.weights[:, [column]], own.offsets[[column]]))
            else:
                repeated = np.repeat(labels, 2 * len(CORNERS))
                columns.append(linear_svm(seen, repeated, weigh_positives=False, seed=self.budget.seed))
            progress(f"ANet, {attribute}", column + 1, len(train.attributes))
        self._scores = LinearScores.joined(columns)

    def predict(self, faces: Faces) -> Floats:
        """(N, T) the logistic function of the patches' mean score, which is 0.5 at its boundary: no probability.

        Raises:
            ConfigError: before `fit`.
        """
        if self._scores is None:
            raise ConfigError(f"{self.name} has learned nothing yet: fit it first")
        scores = self._scores.of(self._features(faces.images, no_progress))
        found: Floats = expit(scores.reshape(len(faces), 2 * len(CORNERS), scores.shape[1]).mean(1))
        return found

    def _pretrained(self, train: Faces, progress: Progress) -> "Anet":
        """ANet after it has learned the people that are known."""
        known = np.flatnonzero(train.people >= 0)
        persons, classes = np.unique(train.people[known], return_inverse=True)
        if len(persons) < 2:
            raise DataError("ANet is pre-trained on people: at least two must be known in training")
        network = Anet(len(persons), len(train.attributes), width=self.width, features=self.features)
        initialise_all(network, self.budget.seed)
        rng = np.random.default_rng([self.budget.seed, 51])

        def step(rows: NDArray[np.int64]) -> Tensor:
            own = torch.from_numpy(classes[rows])
            found = network.body(_patches(train.images, known[rows], rng))
            similarity = similarity_loss(found, own)
            return identity_loss(network.identity_logits(found), own) + self.similarity_weight * similarity

        parameters = [*network.body.parameters(), *network.identity_logits.parameters()]
        batches = in_pairs(classes, self.budget.batch_size, self.budget.seed)
        learn(parameters, step, batches, self.budget.share(0.5), title="ANet, people", progress=progress)
        return network

    def _features(self, images: Pixels, progress: Progress) -> Floats:
        """(N, S, S, 3) -> (10 · N, D), ten patches of a face after one another."""
        if self._network is None:
            raise ConfigError(f"{self.name} has learned nothing yet: fit it first")
        found = np.empty((len(images), 2 * len(CORNERS), self.features), np.float32)
        for start in range(0, len(images), ROWS):
            rows = np.arange(start, min(start + ROWS, len(images)))
            faces = _resized(images, rows)
            for place, (y, x) in enumerate(CORNERS):
                patches = faces[:, y : y + INPUT, x : x + INPUT]
                with torch.inference_mode():
                    found[rows, 2 * place] = self._network.body(_floats(patches)).numpy()
                    found[rows, 2 * place + 1] = self._network.body(_floats(patches[:, :, ::-1])).numpy()
            progress("ANet, features", int(rows[-1]) + 1, len(images))
        return found.reshape(-1, self.features)


class Anet(nn.Module):
    """Four convolutions, the last two with filters of their own in different parts of the face, and a layer of units.

    C3 shares its filters within squares of 2x2 places; at C4 each place has its own. Before each ReLU there is batch
    normalisation.

    Args:
        people: C, to be told apart in pre-training.
        attributes: T.
        width: channels of C1 and C2; C3 and C4 have twice as many.
        features: D, units of the last layer, which all logits are taken of.
    """

    def __init__(self, people: int, attributes: int, *, width: int, features: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 5, padding=2), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2),  # 28
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2),  # 14
            UntiedConv2d(width, 2 * width, 3, size=14, padding=1, shared=2),
            nn.BatchNorm2d(2 * width), nn.ReLU(), nn.MaxPool2d(2),  # 7
            UntiedConv2d(2 * width, 2 * width, 3, size=7), nn.BatchNorm2d(2 * width), nn.ReLU(), nn.Flatten(),  # 5
            nn.Linear(25 * 2 * width, features), nn.BatchNorm1d(features), nn.ReLU(),
        )  # fmt: skip
        self.identity_logits = nn.Linear(features, people)
        self.attribute_logits = nn.Linear(features, attributes)

    def forward(self, patches: Tensor) -> Tensor:
        """(B, 3, 56, 56) in [-1, 1] -> (B, T) logits."""
        logits: Tensor = self.attribute_logits(self.body(patches))
        return logits


def similarity_loss(features: Tensor, identities: Tensor) -> Tensor:
    """`Σ |f_i - f_j|²` over pairs i < j of one person, divided by the images (Liu et al. 2015).

    The paper gives the sum; the division keeps its share in the loss when the batch grows.

    Args:
        features: (N, D).
        identities: (N,) class numbers; -1 marks an unknown identity, which is in no pair.

    Returns:
        A scalar; 0 if there is no pair.
    """
    alike = (identities[:, None] == identities) & (identities >= 0)
    distances = (features[:, None] - features).square().sum(2)  # (N, N)
    return (distances * alike.triu(1)).sum() / max(len(features), 1)


def in_pairs(people: NDArray[np.int64], batch_size: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Endless batches of rows; each row of the first half has another image of its person in the second half.

    Otherwise a batch would hardly ever show two images of one person. The first half goes through all rows in shuffled
    order; a person's only image is its own partner.

    Args:
        people: (N,) class numbers.
        batch_size: rows per batch.
        seed: of order and partners.
    """
    rng = np.random.default_rng([seed, 52])
    order = np.argsort(people, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    counts = np.bincount(people)
    starts = np.cumsum(counts) - counts
    for rows in shuffled(len(people), batch_size - batch_size // 2, seed):
        chosen = rows[: batch_size // 2]
        many, start = counts[people[chosen]], starts[people[chosen]]
        steps = rng.integers(1, np.maximum(many, 2))  # 1 to many - 1 places on, so never back at itself
        yield np.concatenate([rows, order[start + (place[chosen] - start + steps) % many]])


def _patches(images: Pixels, rows: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
    """(B, 3, 56, 56), of each face from a place of its own, half of them mirrored."""
    faces = _resized(images, rows)
    found = np.empty((len(rows), INPUT, INPUT, 3), np.uint8)
    for place, (y, x) in enumerate(rng.integers(0, FACE - INPUT + 1, (len(rows), 2))):
        patch = faces[place, y : y + INPUT, x : x + INPUT]
        found[place] = patch[:, ::-1] if rng.random() < 0.5 else patch
    return _floats(found)


def _resized(images: Pixels, rows: NDArray[np.int64]) -> Pixels:
    """(B, 64, 64, 3)."""
    return np.stack([resize(np.asarray(images[row]), FACE) for row in rows])


def _floats(images: Pixels) -> Tensor:
    """(B, S, S, 3) -> (B, 3, S, S) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
