"""FaceTracer: linear support vector machines on HOG and colours of the face's parts (Kumar et al., ECCV 2008)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from skimage.feature import hog
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.class_weight import compute_sample_weight

from kronface.errors import ConfigError, DataError
from kronface.faces.align import REFERENCE_POINTS, REFERENCE_SIZE, reference_points, similarity
from kronface.files import Progress, no_progress
from kronface.methods.interface import Faces, Floats, Pixels

KINDS = ("hog", "rgb", "hsv")
"""What is measured in each region."""
ORIENTATIONS = 9
SHADES = 16
"""Bins per colour channel."""
PICKS = 20
"""Rounds of boosting per local feature that is to be selected, at most: many rounds pick one that is known already."""


@dataclass(frozen=True)
class Region:
    """A rectangle that goes with the landmarks: it stands around some of them and turns and grows with all five.

    Lengths are in pixels of the 112x112 face with the landmarks on the reference points.
    """

    name: str
    anchor: tuple[float, float, float, float, float]
    """Share of each landmark in the point from which the centre is measured."""
    right: float
    down: float
    """From there to the centre."""
    columns: int
    rows: int
    """HOG cells, 2 or more."""
    cell: int = 8
    """Side of a cell."""

    @property
    def blocks(self) -> int:
        """Blocks of 2x2 cells, one cell apart."""
        return (self.columns - 1) * (self.rows - 1)


_LEFT_EYE, _RIGHT_EYE, _NOSE = (1.0, 0.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0, 0.0)
_EYES, _MOUTH = (0.5, 0.5, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.5, 0.5)
_LIP, _ALL = (0.0, 0.0, 0.5, 0.25, 0.25), (0.2, 0.2, 0.2, 0.2, 0.2)

REGIONS = (
    Region("left eye", _LEFT_EYE, 0, 0, 4, 3),
    Region("right eye", _RIGHT_EYE, 0, 0, 4, 3),
    Region("left brow", _LEFT_EYE, 0, -11, 4, 2),
    Region("right brow", _RIGHT_EYE, 0, -11, 4, 2),
    Region("nose", _NOSE, 0, -6, 4, 5),
    Region("left cheek", (0.5, 0.0, 0.0, 0.5, 0.0), -6, 4, 3, 4),
    Region("right cheek", (0.0, 0.5, 0.0, 0.0, 0.5), 6, 4, 3, 4),
    Region("upper lip", _LIP, 0, 1, 5, 2),
    Region("mouth", _MOUTH, 0, 0, 6, 3),
    Region("chin", _MOUTH, 0, 16, 7, 3),
    Region("forehead", _EYES, 0, -27, 8, 3),
    Region("hair", _EYES, 0, -43, 6, 2, 16),
    Region("face", _ALL, 0, -17, 7, 7, 16),
)
"""Kumar's functional parts, as five landmarks can find them; sides are the image's."""

LOCAL = tuple((region.name, kind) for region in REGIONS for kind in KINDS)
"""The local features (region, kind), in the order in which `describe` joins them."""


class FaceTracer:
    """The row 'FaceTracer', in the sense of the table that the paper copied it from (Liu et al., ICCV 2015, Table 1).

    HOG and histograms of colours of the face's functional parts, which the true landmarks locate, joined and
    standardised; per attribute one linear support vector machine that weighs both answers the same. Images are used at
    whatever size they come.

    With `select` the original's choice of features comes before (Kumar et al. 2008, §4.2): per attribute one machine
    for each local feature is trained once, AdaBoost picks among these, and the last machine sees the picked features
    alone. The original's features have more kinds, normalisations and aggregations, and its machines Gaussian kernels.

    Memory: up to 180 kB per training image, most of it liblinear's own copy of the features.

    Args:
        select: local features per attribute, at most; None for all.
        costs: the machine's C times its number of features. Where there are several, the validation images' balanced
            accuracy chooses per attribute, the first of equals. Machines of local features take the middle one.
        seed: of liblinear's order of images.

    Raises:
        ConfigError: fewer than one local feature, or costs that are not positive.
    """

    name = "FaceTracer"

    def __init__(self, *, select: int | None = None, costs: Sequence[float] = (0.1, 1.0, 10.0), seed: int = 0) -> None:
        if (select is not None and select < 1) or not costs or min(costs) <= 0:
            raise ConfigError(f"select must be 1 or more and costs positive, not {select} and {tuple(costs)}")
        self.select, self.costs, self.seed = select, tuple(costs), seed
        self.selected: dict[str, tuple[tuple[str, str], ...]] = {}
        """With `select`, the local features of each attribute in the order in which AdaBoost picked them."""
        self._scaler: Any = None
        self._machines: list[_Machine | float] = []

    def fit(self, train: Faces, validation: Faces, *, progress: Progress = no_progress) -> None:
        """Learns the attributes of `train`; those that are all yes or all no there are always answered so.

        `validation` chooses the cost, and AdaBoost picks by it: machines know the answers to what they have seen. Where
        it does not show both answers of an attribute, `train` stands in for AdaBoost, and the middle cost is taken.

        Raises:
            DataError: no label of an attribute, other attributes in validation, or too few images.
        """
        if train.attributes != validation.attributes:
            raise DataError("training and validation images have other attributes")
        for column, attribute in enumerate(train.attributes):
            if np.isnan(train.labels[:, column]).all():
                raise DataError(f"no training image has a label of {attribute}")
        self._scaler = StandardScaler(copy=False)
        shown = self._scaler.fit_transform(_features(train, "FaceTracer, features", progress))
        checked = _features(validation, "FaceTracer, validation features", progress)
        checked = self._scaler.transform(checked) if len(checked) else checked
        self.selected, self._machines = {}, []
        for column, attribute in enumerate(train.attributes):
            seen, held = (_Labelled.of(*part, column) for part in ((shown, train), (checked, validation)))
            self._machines.append(self._machine(attribute, seen, held))
            progress(f"FaceTracer, {attribute}", column + 1, len(train.attributes))

    def predict(self, faces: Faces) -> Floats:
        """(N, T) the logistic function of the machine's distance, which is 0.5 at its boundary: no probability.

        Raises:
            ConfigError: before `fit`.
        """
        if self._scaler is None:
            raise ConfigError("FaceTracer has learned nothing yet: fit it first")
        found = np.empty((len(faces), len(self._machines)), np.float32)
        if len(faces):
            features = self._scaler.transform(_features(faces, "", no_progress))
            for column, machine in enumerate(self._machines):
                found[:, column] = machine if isinstance(machine, float) else expit(machine.distances(features))
        return found

    def _machine(self, attribute: str, seen: "_Labelled", held: "_Labelled") -> "_Machine | float":
        if not seen.both:
            return float(seen.answers[0])
        middle = self.costs[len(self.costs) // 2]
        columns: slice | NDArray[np.int64] = slice(None)
        if self.select is not None:
            picked = self._pick(seen, held if held.both else seen, middle, self.select)
            self.selected[attribute] = tuple(LOCAL[number] for number in picked)
            columns = np.concatenate([np.arange(part.start, part.stop) for part in (_SLICES[n] for n in picked)])
        if len(self.costs) == 1 or not held.both:
            return _Machine.trained(seen, columns, middle, self.seed)
        machines = [_Machine.trained(seen, columns, cost, self.seed) for cost in self.costs]
        right = [balanced_accuracy_score(held.answers, machine.distances(held.features) >= 0) for machine in machines]
        return machines[int(np.argmax(right))]

    def _pick(self, seen: "_Labelled", held: "_Labelled", cost: float, most: int) -> list[int]:
        machines = [_Machine.trained(seen, part, cost, self.seed) for part in _SLICES]
        said = np.stack([machine.distances(held.features) >= 0 for machine in machines], 1)
        return boosted(said, held.answers, most)


def boosted(said: NDArray[np.bool_], answers: NDArray[np.bool_], most: int) -> list[int]:
    """AdaBoost among classifiers that are trained already: which it picks, in the order of their first pick.

    Each round takes the classifier with the least weighted error, and gives the images that it gets wrong more weight
    (Freund and Schapire 1997). Both answers start with the same weight together.

    Args:
        said: (N, F) the classifiers' answers.
        answers: (N,) the true ones.
        most: it ends with this many; earlier where none is better than chance on what the others get wrong, or one is
            always right.

    Returns:
        Numbers of 1 to `most` different classifiers.
    """
    weights = compute_sample_weight("balanced", answers)
    wrong = said != answers[:, None]
    picked: list[int] = []
    for _ in range(PICKS * most):
        weights = weights / weights.sum()
        errors = weights @ wrong
        best = int(errors.argmin())
        if best not in picked and (not picked or errors[best] < 0.5):
            picked.append(best)
        if len(picked) == most or not 1e-9 < errors[best] < 0.5 - 1e-9:
            break
        weights = weights * np.where(wrong[:, best], 1.0, errors[best] / (1 - errors[best]))
    return picked


def describe(image: Pixels, landmarks: ArrayLike) -> Floats:
    """(S, S, 3) RGB and (5, 2) landmarks -> (F,): of each region HOG and the shares of RGB's and HSV's shades.

    HOG has nine unsigned directions, cells of 8 pixels of a 112x112 face (16 for the hair and the whole face) and
    overlapping blocks of 2x2 cells (Dalal and Triggs 2005). Landmarks that are NaN are taken for the reference points.
    """
    points = np.asarray(landmarks, np.float64)
    points = np.where(np.isnan(points), reference_points(len(image)), points)
    parts: list[NDArray[np.floating]] = []
    for region in REGIONS:
        patch = cut(image, points, region)
        side = _cell_side(region, len(image))
        parts.append(
            hog(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY), ORIENTATIONS, (side, side), (2, 2), feature_vector=True)
        )
        parts.append(_shades(patch, (256, 256, 256)))
        # OpenCV's hue has 180 steps.
        parts.append(_shades(cv2.cvtColor(patch, cv2.COLOR_RGB2HSV).astype(np.uint8, copy=False), (180, 256, 256)))
    return np.concatenate(parts).astype(np.float32)


def cut(image: Pixels, landmarks: NDArray[np.floating], region: Region) -> Pixels:
    """The part of an image (S, S, 3) that a region covers, upright; beyond the image its border goes on.

    Returns:
        (h, w, 3), whose size depends on S alone: a face that fills the image as the reference points do is not scaled.
    """
    side = _cell_side(region, len(image))
    width, height = region.columns * side, region.rows * side
    matrix = placed(landmarks, region, side)
    patch = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return patch.astype(np.uint8, copy=False)


def placed(landmarks: NDArray[np.floating], region: Region, side: int) -> NDArray[np.float64]:
    """(2, 3) from a region's pixels, with `side` to a cell, to the image's."""
    # How far one pixel of the reference face reaches in the image, and which way.
    turn = similarity(REFERENCE_POINTS, landmarks)[:, :2]
    centre = np.asarray(region.anchor) @ landmarks + turn @ [region.right, region.down]
    turn = turn * (region.cell / side)
    middle = np.array([region.columns * side - 1, region.rows * side - 1]) / 2
    return np.hstack([turn, (centre - turn @ middle)[:, None]])


@dataclass(frozen=True)
class _Labelled:
    """Standardised features of the images whose label of one attribute is known, and these labels."""

    features: Floats
    answers: NDArray[np.bool_]

    @classmethod
    def of(cls, features: Floats, faces: Faces, column: int) -> "_Labelled":
        known = ~np.isnan(faces.labels[:, column])
        return cls(features if known.all() else features[known], faces.labels[known, column] > 0.5)

    @property
    def both(self) -> bool:
        """Whether yes and no occur."""
        return bool(self.answers.any() and not self.answers.all())


@dataclass(frozen=True)
class _Machine:
    """A linear support vector machine on some of the features."""

    columns: slice | NDArray[np.int64]
    weights: NDArray[np.float64]
    offset: float

    @classmethod
    def trained(cls, seen: _Labelled, columns: slice | NDArray[np.int64], cost: float, seed: int) -> "_Machine":
        features = seen.features[:, columns]
        machine = LinearSVC(C=cost / features.shape[1], class_weight="balanced", random_state=seed)
        machine.fit(features, seen.answers)
        return cls(columns, machine.coef_[0], float(machine.intercept_[0]))

    def distances(self, features: Floats) -> NDArray[np.float64]:
        """(N,) above 0 for yes, in units of the margin."""
        found: NDArray[np.float64] = features[:, self.columns] @ self.weights + self.offset
        return found


def _features(faces: Faces, title: str, progress: Progress) -> Floats:
    found = np.empty((len(faces), _SLICES[-1].stop), np.float32)
    for row in range(len(faces)):
        found[row] = describe(np.asarray(faces.images[row]), faces.landmarks[row])
        progress(title, row + 1, len(faces))
    return found


def _cell_side(region: Region, size: int) -> int:
    return max(round(region.cell * size / REFERENCE_SIZE), 2)


def _shades(patch: Pixels, steps: tuple[int, int, int]) -> NDArray[np.float64]:
    """(48,) share of the pixels in each of 16 equal parts of each channel's range."""
    bins = patch.reshape(-1, 3).astype(np.int64) * SHADES // np.array(steps) + SHADES * np.arange(3)
    shares: NDArray[np.float64] = np.bincount(bins.ravel(), minlength=3 * SHADES) / len(bins)
    return shares


def _slices() -> tuple[slice, ...]:
    """Where each of `LOCAL` lies in what `describe` returns."""
    lengths = [length for region in REGIONS for length in (region.blocks * 4 * ORIENTATIONS, 3 * SHADES, 3 * SHADES)]
    ends = np.cumsum(lengths).tolist()
    return tuple(slice(end - length, end) for end, length in zip(ends, lengths, strict=True))


_SLICES = _slices()
