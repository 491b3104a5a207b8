"""A restricted Boltzmann machine whose hidden units are shared by the face and by all attributes."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn import functional

from kronface.errors import ConfigError, DataError
from kronface.faces.align import resize
from kronface.files import Progress, no_progress
from kronface.losses.attributes import attribute_loss
from kronface.methods.interface import Faces, Floats
from kronface.methods.learning import Budget, learn, shuffled
from kronface.methods.linear import only_answers

SIDE = 64
"""Of the grey face whose pixels are reduced to principal components."""
NEGLIGIBLE = 1e-6
"""Components with less than this share of the first one's variance are left out."""
PCA_FACES = 10_000
"""Principal components are taken of so many faces at most."""
ROWS = 1024
"""Faces whose pixels are in memory at a time."""


class MtRbmPca:
    """The row 'MT-RBM-PCA (compact)', after the abstract of Ehrlich et al., CVPR workshops 2016.

    The abstract fixes a restricted Boltzmann machine on faces and facial landmarks, hidden units that all attributes
    share, learning bottom-up and top-down in turn, and attributes predicted by one pass bottom-up. Stand-ins for what
    it leaves open: principal components of 64x64 grey pixels beside the ten landmark coordinates, all standardised; a
    binary unit per attribute, joined to the hidden units by plain weights in place of factored ones; learning by one
    step of contrastive divergence, which goes up, down and up again, with the labels visible; then fine-tuning of the
    prediction. Half of the budget goes to each stage. See `MultiTaskRbm` for the formulas.

    Args:
        budget: of both stages together.
        components: principal components, at most; never more than images less one.
        hidden: units.
        deviation: s of `MultiTaskRbm`.

    Raises:
        ConfigError: no component or unit, or a deviation that is not positive.
    """

    name = "MT-RBM-PCA (compact)"

    def __init__(self, *, budget: Budget, components: int = 150, hidden: int = 256, deviation: float = 0.5) -> None:
        if components < 1 or hidden < 1 or deviation <= 0:
            raise ConfigError(
                f"components and hidden must be 1 or more and deviation above 0, not {components}, "
                f"{hidden} and {deviation}"
            )
        self.budget, self.components, self.hidden, self.deviation = budget, components, hidden, deviation
        self._visible: _Visible | None = None
        self._machine: MultiTaskRbm | None = None
        self._only: Floats = np.zeros(0, np.float32)

    def fit(self, train: Faces, validation: Faces, *, progress: Progress = no_progress) -> None:
        """Learns from `train` alone.

        Raises:
            DataError: other attributes in validation, an attribute without a label, or fewer than two images.
        """
        self._only = only_answers(train, validation)
        seed = self.budget.seed
        self._visible = _Visible(train, self.components, seed)
        values = torch.from_numpy(self._visible.of(train, progress))
        labels = torch.from_numpy(train.labels.copy())
        machine = MultiTaskRbm(values.shape[1], len(train.attributes), self.hidden, deviation=self.deviation, seed=seed)
        generator = torch.Generator().manual_seed(seed + 1)  # `seed` draws the weights

        def diverge(rows: NDArray[np.int64]) -> Tensor:
            return machine.divergence(values[rows], labels[rows], generator)

        def discriminate(rows: NDArray[np.int64]) -> Tensor:
            return attribute_loss(machine(values[rows]), labels[rows])

        half = self.budget.share(0.5)
        for number, (step, title) in enumerate(
            [(diverge, "MT-RBM, contrastive divergence"), (discriminate, "MT-RBM, attributes")]
        ):
            batches = shuffled(len(train), self.budget.batch_size, seed + number)
            learn(machine.parameters(), step, batches, half, title=title, progress=progress)
        self._machine = machine

    def predict(self, faces: Faces) -> Floats:
        """(N, T) probabilities p(y_t = 1 | v).

        Raises:
            ConfigError: before `fit`.
        """
        if self._machine is None or self._visible is None:
            raise ConfigError(f"{self.name} has learned nothing yet: fit it first")
        found = np.empty((len(faces), len(self._only)), np.float32)
        values = torch.from_numpy(self._visible.of(faces, no_progress))
        for start in range(0, len(faces), ROWS):
            with torch.inference_mode():
                found[start : start + ROWS] = self._machine(values[start : start + ROWS]).sigmoid().numpy()
        return np.where(np.isnan(self._only), found, self._only)


class MultiTaskRbm(nn.Module):
    """Gaussian visible units v, binary label units y, one per attribute, and binary hidden units h that both share.

    Energy and conditionals::

        E(v, y, h) = |v - a|² / 2s² - b'h - c'y - v'Wh / s - y'Uh,        p(v, y, h) ∝ exp(-E)

        p(h_j = 1 | v, y) = sigmoid(b_j + v'W_j / s + y'U_j)
        p(v | h) = N(a + s W h, s²),    p(y_t = 1 | h) = sigmoid(c_t + U_t h)

    The hidden units summed out give the free energy, with p(v, y) ∝ exp(-F)::

        F(v, y) = |v - a|² / 2s² - c'y - Σ_j softplus(b_j + v'W_j / s + y'U_j)

    A face whose label is missing is one of a machine without that unit, as in Salakhutdinov, Mnih and Hinton (ICML
    2007). Inference does the same for each attribute in turn: t's is the only label unit there, so that with
    o_j = b_j + v'W_j / s::

        p(y_t = 1 | v) = sigmoid(F(v, y_t = 0) - F(v, y_t = 1))
                       = sigmoid(c_t + Σ_j softplus(o_j + U_tj) - softplus(o_j))

    which is exact for that machine (Larochelle and Bengio, ICML 2008, for one label of two values) and needs
    one pass bottom-up. What attributes say of each other reaches it through the weights alone.

    Args:
        visible: units of v, standardised.
        labels: T.
        hidden: H.
        deviation: s, the same for all of v and not learned; below 1, or standardised units would be noise to it.
        seed: of the initial weights.
    """

    def __init__(self, visible: int, labels: int, hidden: int, *, deviation: float, seed: int) -> None:
        super().__init__()
        self.deviation = deviation
        generator = torch.Generator().manual_seed(seed)
        # Hinton's guide (2010, §8): small enough for hidden units to begin undecided.
        self.visible_weights = nn.Parameter(0.01 * torch.randn((visible, hidden), generator=generator))  # W
        self.label_weights = nn.Parameter(0.01 * torch.randn((labels, hidden), generator=generator))  # U
        self.visible_biases = nn.Parameter(torch.zeros(visible))  # a
        self.hidden_biases = nn.Parameter(torch.zeros(hidden))  # b
        self.label_biases = nn.Parameter(torch.zeros(labels))  # c

    def hidden_logits(self, visible: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, D) and (N, T), NaN where a label is missing -> (N, H) log odds of the hidden units; None for no label."""
        found = self.hidden_biases + visible @ self.visible_weights / self.deviation
        return found if labels is None else found + labels.nan_to_num(0) @ self.label_weights

    def visible_means(self, hidden: Tensor) -> Tensor:
        """(N, H) -> (N, D) means of v."""
        return self.visible_biases + self.deviation * hidden @ self.visible_weights.T

    def label_logits(self, hidden: Tensor) -> Tensor:
        """(N, H) -> (N, T) log odds of y given h."""
        return self.label_biases + hidden @ self.label_weights.T

    def free_energy(self, visible: Tensor, labels: Tensor) -> Tensor:
        """(N, D) and (N, T), NaN where a label is missing -> (N,) F."""
        away = (visible - self.visible_biases).square().sum(1) / (2 * self.deviation**2)
        known = labels.nan_to_num(0) @ self.label_biases
        return away - known - functional.softplus(self.hidden_logits(visible, labels)).sum(1)

    def divergence(self, visible: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Mean F of the faces less that of what the machine makes of them in one step up, down and up again (CD-1).

        Its gradient is that of contrastive divergence (Hinton 2002): what is made counts as constant. Its value may be
        below 0 and is no measure of progress. Hidden units and labels are drawn; v is its mean, without noise. Labels
        that are missing stay missing.

        Args:
            visible: (N, D).
            labels: (N, T) of 1, 0 and NaN.
            generator: of what is drawn.
        """
        made, made_labels = self.reconstruct(visible, labels, generator)
        return (self.free_energy(visible, labels) - self.free_energy(made, made_labels)).mean()

    @torch.no_grad()
    def reconstruct(self, visible: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(N, D) and (N, T) -> the same after one step up and down."""
        hidden = torch.bernoulli(self.hidden_logits(visible, labels).sigmoid(), generator=generator)
        made = torch.bernoulli(self.label_logits(hidden).sigmoid(), generator=generator)
        return self.visible_means(hidden), torch.where(labels.isnan(), labels, made)

    def forward(self, visible: Tensor) -> Tensor:
        """(N, D) -> (N, T) log odds of each label given v alone."""
        without = self.hidden_logits(visible)[:, None]  # (N, 1, H)
        gains = functional.softplus(without + self.label_weights) - functional.softplus(without)  # (N, T, H)
        return self.label_biases + gains.sum(2)


class _Visible:
    """Standardised principal components of grey faces, and standardised landmarks."""

    def __init__(self, faces: Faces, components: int, seed: int) -> None:
        rows = np.sort(np.random.default_rng([seed, 61]).permutation(len(faces))[:PCA_FACES])
        if len(rows) < 2:
            raise DataError("principal components need at least two training images")
        grey = np.concatenate(list(_grey(faces, rows)))
        self._pca: Any = PCA(min(components, len(rows) - 1, grey.shape[1]), whiten=True, random_state=seed).fit(grey)
        variances = self._pca.explained_variance_
        # What varies in rounding alone would be blown up to the size of the others.
        self._components = max(int((variances > NEGLIGIBLE * variances[0]).sum()), 1)
        self._scaler: Any = StandardScaler().fit(_coordinates(faces))

    def of(self, faces: Faces, progress: Progress) -> Floats:
        """(N, D); a landmark that is missing counts as the mean."""
        found = np.empty((len(faces), self._components + 10), np.float32)
        found[:, -10:] = np.nan_to_num(self._scaler.transform(_coordinates(faces)), nan=0) if len(faces) else 0
        start = 0
        for grey in _grey(faces, np.arange(len(faces))):
            found[start : start + len(grey), :-10] = self._pca.transform(grey)[:, : self._components]
            start += len(grey)
            progress("MT-RBM, principal components", start, len(faces))
        return found


def _grey(faces: Faces, rows: NDArray[np.int64]) -> Iterator[Floats]:
    """(up to 1024, 64 · 64) in [0, 1]."""
    for start in range(0, len(rows), ROWS):
        found = [
            cv2.cvtColor(resize(np.asarray(faces.images[row]), SIDE), cv2.COLOR_RGB2GRAY).ravel()
            for row in rows[start : start + ROWS]
        ]
        yield np.stack(found).astype(np.float32) / np.float32(255)


def _coordinates(faces: Faces) -> Floats:
    """(N, 10) in shares of the image's side."""
    shares: Floats = faces.landmarks.reshape(-1, 10) / np.float32(faces.size)
    return shares
