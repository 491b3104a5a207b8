"""Joint Bayes in two senses: Chen's likelihood ratio, and the baseline in the paper's table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from sklearn.decomposition import PCA

from kronface.errors import ConfigError, DataError
from kronface.files import Progress, no_progress
from kronface.methods.interface import Faces, Floats, Pixels, nearness
from kronface.methods.lbp import LbpAhonen, LbpDevkit

Matrix = NDArray[np.float64]

ROWS = 1024
"""Images whose raw features, and rows of similarities, are in memory at a time."""
SINGULAR = 1e-10
"""Where the least variance within people is below this share of the largest, features depend on each other."""


@dataclass(frozen=True)
class JointBayesModel:
    """x = mean + μ + ε: a person's own part μ ~ N(0, Sμ) and an image's ε ~ N(0, Sε) (Chen et al., ECCV 2012, eq. 2).

    The matrices are worked with in the basis V that makes both diagonal at once: V'SεV = 1 and V'SμV = diag(λ). With
    z = V'(x - mean), what Chen writes with inverses of D x D matrices is a formula per coordinate:

        G = -(2 Sμ + Sε)⁻¹ Sμ Sε⁻¹           = V diag(-λ / (1 + 2λ)) V'
        A = (Sμ + Sε)⁻¹ - (Sε⁻¹ + G)         = V diag(-λ² / ((1 + λ)(1 + 2λ))) V'
    """

    mean: Matrix
    """(D,)"""
    between: Matrix
    """(D, D) Sμ."""
    within: Matrix
    """(D, D) Sε, invertible."""

    @cached_property
    def basis(self) -> tuple[Matrix, Matrix]:
        """(D, D) V and (D,) λ, 0 or more."""
        return _diagonal(self.between, self.within)

    @property
    def own_form(self) -> Matrix:
        """(D, D) A."""
        vectors, ratios = self.basis
        return (vectors * _own_weights(ratios)) @ vectors.T

    @property
    def cross_form(self) -> Matrix:
        """(D, D) G, negative semi-definite."""
        vectors, ratios = self.basis
        return -(vectors * _cross_weights(ratios)) @ vectors.T

    def embed(self, features: ArrayLike) -> Matrix:
        """(N, D) features -> (N, D + 1): y = L (x - mean) with L'L = -G, and x'Ax in the last column."""
        vectors, ratios = self.basis
        z = (np.asarray(features, np.float64) - self.mean) @ vectors
        return np.hstack([z * np.sqrt(_cross_weights(ratios)), z**2 @ _own_weights(ratios)[:, None]])


def fit_em(
    features: ArrayLike,
    people: ArrayLike,
    *,
    iterations: int = 500,
    tolerance: float = 1e-6,
    progress: Progress = no_progress,
) -> JointBayesModel:
    """Chen's expectation maximisation (2012, §3.2), in float64.

    Starts from the covariances of people's means and of images around them. Each step takes the posterior means of μ
    and ε for their values, and the covariances of these for Sμ (over people) and Sε (over images). What a true EM adds,
    the posterior covariances, is left out as in the paper, so the result is not the likeliest one: with m images of
    every person, a coordinate with variance a between people and b within tends to

        Sμ = t² / (mc),  Sε = a + b - 2t/m + t²/(mc),  c = ma + b,
        t the larger root of t² (1 + 1/m) / c - t (1 + 2/m) + a + b = 0.

    Both fall short, by little where m is large, and Sμ tends to 0 where there is no root: directions in which people
    differ too little drop out (for m = 2 those with a < b).

    Args:
        features: (N, D), N well above D + people.
        people: (N,) a number per person; people with one image count too.
        iterations: at most.
        tolerance: stops when Sε changes by less than this share of its norm.
        progress: called after each step.

    Raises:
        DataError: features that are not finite, fewer than two people, nobody with two images, fewer independent
            differences within people than features, or nothing in which people differ.
    """
    values, persons = np.asarray(features, np.float64), np.asarray(people)
    if values.ndim != 2 or persons.shape != values.shape[:1]:
        raise DataError(f"features of shape {values.shape} do not fit people of {persons.shape}")
    if not np.isfinite(values).all():
        raise DataError("features are not finite")
    order = np.argsort(persons, kind="stable")
    _, starts, counts = np.unique(persons[order], return_index=True, return_counts=True)
    if len(counts) < 2 or counts.max() < 2:
        raise DataError(
            f"Joint Bayes needs two people, one of them with two images: {len(counts)} people with at most "
            f"{counts.max(initial=0)} images each are too few"
        )
    mean = values.mean(0)
    centred = values[order] - mean
    sums = np.add.reduceat(centred, starts)  # (C, D)
    total = centred.T @ centred

    person_means = sums / counts[:, None]
    several = np.repeat(counts > 1, counts)  # a single image lies at its person's mean and says nothing of Sε
    around = (centred - np.repeat(person_means, counts, axis=0))[several]
    between, within = _covariance(person_means), _covariance(around)
    spread = np.linalg.eigvalsh(within)
    if spread[0] <= SINGULAR * max(spread[-1], np.finfo(np.float64).tiny):
        raise DataError(f"images of a person differ in fewer than {len(mean)} independent ways: use fewer components")
    for step in range(iterations):
        identities = posterior_means(sums, counts, between, within)
        between = _covariance(identities)
        before, within = within, _image_covariance(total, sums, counts, identities)
        change = float(np.linalg.norm(within - before) / np.linalg.norm(within))
        progress(f"Joint Bayes, change {change:.1e}", step + 1, iterations)
        if change < tolerance:
            break
    model = JointBayesModel(mean, between, within)
    if model.basis[1].max() < 1e-9:
        raise DataError(
            "people differ in no direction more than their own images do: more images per person are needed"
        )
    return model


def posterior_means(sums: Matrix, counts: NDArray[np.int64], between: Matrix, within: Matrix) -> Matrix:
    """(C, D) expected μ of people, given m images each with the sum s.

    Chen's Σ_j Sμ (F + m G_m) x_j, with F = Sε⁻¹ and G_m = -(m Sμ + Sε)⁻¹ Sμ Sε⁻¹, is Sμ (m Sμ + Sε)⁻¹ s: in the basis
    that makes both matrices diagonal λ / (1 + mλ) per coordinate, for all numbers of images at once.

    Args:
        sums: (C, D) s, of centred features.
        counts: (C,) m.
        between: (D, D) Sμ.
        within: (D, D) Sε.
    """
    vectors, ratios = _diagonal(between, within)
    z = sums @ vectors * (ratios / (1 + counts[:, None] * ratios))
    # V⁻¹ = V'Sε, as V'SεV = 1.
    found: Matrix = z @ (within @ vectors).T
    return found


class JointBayesChen:
    """The row 'Joint Bayes (Chen)': Chen, Cao, Wang, Wen and Sun, 'Bayesian Face Revisited', ECCV 2012.

    Ahonen's histograms, their square roots, principal components, `fit_em`, and r = x'Ax + y'Ay - 2 x'Gy (eq. 6), which
    up to a constant is twice the logarithm of the likelihood ratio of 'one person' to 'two people'.

    Args:
        components: at most; the paper's 2000 need 100,000 images. Also at most half of what images differ in within
            people (images - people), so that Sε is well known.
        iterations: of `fit_em`, at most.
        seed: of the randomised principal components.
    """

    name = "Joint Bayes (Chen)"

    def __init__(self, *, components: int = 200, iterations: int = 500, seed: int = 0) -> None:
        _check_numbers(components, iterations)
        self.components, self.iterations, self.seed = components, iterations, seed
        self._raw = LbpAhonen()
        self._learned: _Learned | None = None

    def fit(self, faces: Faces, *, progress: Progress = no_progress) -> None:
        """Learns from the images whose person is known.

        Raises:
            DataError: too few people or images.
        """
        self._learned = _learn(self._features, faces, self.components, self.iterations, self.seed, progress)

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) aligned faces -> (N, D + 1): coordinates whose products are -x'Gy, and x'Ax last."""
        return _fitted(self._learned, self.name).embed(images)

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """(P, D + 1) and (G, D + 1) features -> (P, G) ratios r; swapping the two transposes them."""
        found = np.empty((len(probes), len(gallery)), np.float32)
        other = gallery.astype(np.float64)
        for start in range(0, len(probes), ROWS):
            one = probes[start : start + ROWS].astype(np.float64)
            found[start : start + ROWS] = 2 * (one[:, :-1] @ other[:, :-1].T) + one[:, -1:] + other[:, -1]
        return found

    def _features(self, images: Pixels) -> Floats:
        return np.sqrt(self._raw.embed(images))


class JointBayesDevkit:
    """The row 'Joint Bayes': the paper's, the baseline of MegaFace's devkit: learned projections of its LBP features.

    What is known from its readme: the files of features end in _LBP_100x100_proj.bin, so they are projected LBP
    features of unknown length, and the devkit compares them by the 'scoring model' jb_LBP.bin, whose contents are not
    described; the model for all other features, jb_identity.bin, orders pairs as L2 does. Chosen here: the features of
    `LbpDevkit`, principal components, `fit_em`, and L2 between y = Lx with L'L = -G, Joint Bayes's cross term as a
    projection. If jb_LBP.bin holds A and G, as its name suggests, the devkit's score is the likelihood ratio, as of
    `JointBayesChen`.

    Args:
        components: as of `JointBayesChen`.
        iterations: as of `JointBayesChen`.
        seed: as of `JointBayesChen`.
    """

    name = "Joint Bayes"

    def __init__(self, *, components: int = 200, iterations: int = 500, seed: int = 0) -> None:
        _check_numbers(components, iterations)
        self.components, self.iterations, self.seed = components, iterations, seed
        self._learned: _Learned | None = None

    def fit(self, faces: Faces, *, progress: Progress = no_progress) -> None:
        """Learns from the images whose person is known.

        Raises:
            DataError: too few people or images.
        """
        self._learned = _learn(LbpDevkit().embed, faces, self.components, self.iterations, self.seed, progress)

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) aligned faces -> (N, D) projected features."""
        return np.ascontiguousarray(_fitted(self._learned, self.name).embed(images)[:, :-1])

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """(P, D) and (G, D) features -> (P, G) minus the squared distances."""
        return nearness(probes, gallery)


@dataclass(frozen=True)
class _Learned:
    """Raw features, their principal components, and the model of these."""

    raw: Callable[[Pixels], Floats]
    components: Any  # scikit-learn has no types
    model: JointBayesModel

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) -> (N, D + 1), `JointBayesModel.embed` of the components."""
        found = np.empty((len(images), len(self.model.mean) + 1), np.float32)
        for start in range(0, len(images), ROWS):
            part = np.asarray(images[start : start + ROWS])
            found[start : start + ROWS] = self.model.embed(self.components.transform(self.raw(part)))
        return found


def _learn(
    raw: Callable[[Pixels], Floats], faces: Faces, components: int, iterations: int, seed: int, progress: Progress
) -> _Learned:
    rows = np.flatnonzero(faces.people >= 0)
    people = faces.people[rows]
    allowed = (len(people) - len(np.unique(people))) // 2
    if allowed < 1:
        raise DataError(f"Joint Bayes needs people with several images, not {len(people)} images of as many people")
    parts = []
    for start in range(0, len(rows), ROWS):
        parts.append(raw(np.asarray(faces.images[rows[start : start + ROWS]])))
        progress("Joint Bayes, features", min(start + ROWS, len(rows)), len(rows))
    features = np.concatenate(parts)
    reduction = PCA(min(components, allowed, features.shape[1]), random_state=seed)
    reduced = reduction.fit_transform(features)
    return _Learned(raw, reduction, fit_em(reduced, people, iterations=iterations, progress=progress))


def _fitted(learned: _Learned | None, name: str) -> _Learned:
    if learned is None:
        raise ConfigError(f"{name} has learned nothing yet: fit it first")
    return learned


def _check_numbers(components: int, iterations: int) -> None:
    if components < 1 or iterations < 1:
        raise ConfigError(f"components and iterations must be 1 or more, not {components} and {iterations}")


def _diagonal(between: Matrix, within: Matrix) -> tuple[Matrix, Matrix]:
    """V with V' within V = 1 and V' between V = diag(λ)."""
    ratios, vectors = eigh(between, within)
    return vectors, np.maximum(ratios, 0)  # rounding alone makes one negative


def _covariance(values: Matrix) -> Matrix:
    """(D, D) of (N, D), D = 1 included."""
    return np.atleast_2d(np.cov(values, rowvar=False))


def _cross_weights(ratios: Matrix) -> Matrix:
    weights: Matrix = ratios / (1 + 2 * ratios)
    return weights


def _own_weights(ratios: Matrix) -> Matrix:
    weights: Matrix = -(ratios**2) / ((1 + ratios) * (1 + 2 * ratios))
    return weights


def _image_covariance(total: Matrix, sums: Matrix, counts: NDArray[np.int64], identities: Matrix) -> Matrix:
    """Covariance over images of x - μ of its person, from sums over people: no pass through all images is needed."""
    images = int(counts.sum())
    mixed = sums.T @ identities
    scatter = total - mixed - mixed.T + (identities * counts[:, None]).T @ identities
    rest = (sums - identities * counts[:, None]).sum(0)
    found: Matrix = (scatter - np.outer(rest, rest) / images) / (images - 1)
    return found
