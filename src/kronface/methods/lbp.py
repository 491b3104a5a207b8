"""Local binary patterns in two senses: the baseline of MegaFace's devkit, and Ahonen's description of faces."""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern
from sklearn.metrics.pairwise import additive_chi2_kernel

from kronface.errors import ConfigError, DataError
from kronface.faces.align import resize
from kronface.files import Progress, no_progress
from kronface.methods.interface import Faces, Floats, Pixels, check_pixels, nearness

NEIGHBOURS = 8
BINS = 59
"""The 58 uniform patterns of eight neighbours, with at most two changes around the circle, and one bin for the rest."""


class LbpDevkit:
    """The row 'LBP': the baseline of MegaFace's devkit, histograms of a grey 100x100 face compared by L2.

    What is known of the baseline is the ending of its feature files, _LBP_100x100.bin, and that the devkit's default
    scoring orders them as L2 does; how the features are made is not documented. Chosen here: eight neighbours at
    radius 1, uniform patterns in 59 bins, 10x10 cells of 10x10 pixels, each cell's histogram divided by its number of
    pixels, and nothing else normalised. The border is mirrored, so that every pixel has all its neighbours.
    """

    name = "LBP"
    side = 100
    cells = 10
    radius = 1

    def fit(self, faces: Faces, *, progress: Progress = no_progress) -> None:
        """Learns nothing."""

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) aligned faces -> (N, 5900): 100 histograms of 59 bins, each with sum 1.

        Raises:
            DataError: pixels of another shape or type.
        """
        check_pixels(images)
        found = np.empty((len(images), self.cells**2 * BINS), np.float32)
        inner = slice(self.radius, -self.radius)
        for row, image in enumerate(images):
            padded = np.pad(_grey(resize(np.asarray(image), self.side)), self.radius, mode="reflect")
            found[row] = histograms(patterns(padded, self.radius)[inner, inner], self.cells)
        return found

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """(P, D) and (G, D) features -> (P, G) minus the squared distances."""
        return nearness(probes, gallery)


class LbpAhonen:
    """The row 'LBP (Ahonen)': Ahonen, Hadid and Pietikäinen, IEEE PAMI 28(12), 2006.

    Uniform patterns of eight neighbours at radius 2, without a weight per window. The paper's windows are 18x21 pixels
    of a 130x150 face; here the face is cut into as many windows at whatever size it comes. Pixels that lack a neighbour
    are left out, so the outermost two rows and columns serve as neighbours alone.

    Args:
        windows: along each side.
        exact_up_to: the largest gallery set that is compared by χ². Beyond it twice the squared Hellinger distance,
            2 Σ (√s - √m)², stands in for χ²: it is one matrix product, where χ² takes some ten microseconds a pair. It
            lies between χ² and 2 χ² and tends to χ² for like histograms, but orders pairs a little differently: do not
            cut a gallery set into parts of which some are larger than this and others are not.

    Raises:
        ConfigError: no window, or a negative size.
    """

    name = "LBP (Ahonen)"
    radius = 2

    def __init__(self, *, windows: int = 7, exact_up_to: int = 2000) -> None:
        if windows < 1 or exact_up_to < 0:
            raise ConfigError(f"windows must be 1 or more and exact_up_to 0 or more, not {windows} and {exact_up_to}")
        self.windows, self.exact_up_to = windows, exact_up_to

    def fit(self, faces: Faces, *, progress: Progress = no_progress) -> None:
        """Learns nothing."""

    def embed(self, images: Pixels) -> Floats:
        """(N, S, S, 3) aligned faces -> (N, windows² · 59), 2891 by default: each window's histogram has the sum 1.

        Raises:
            DataError: pixels of another shape or type, or too few for the windows.
        """
        check_pixels(images)
        if images.shape[1] < self.windows + 2 * self.radius:
            raise DataError(f"faces of {images.shape[1]} pixels are too small for {self.windows} windows a side")
        found = np.empty((len(images), self.windows**2 * BINS), np.float32)
        inner = slice(self.radius, -self.radius)
        for row, image in enumerate(images):
            found[row] = histograms(patterns(_grey(np.asarray(image)), self.radius)[inner, inner], self.windows)
        return found

    def similarity(self, probes: Floats, gallery: Floats) -> Floats:
        """(P, D) and (G, D) histograms -> (P, G) minus χ², or its approximation for more than `exact_up_to` rows.

        Neither needs memory beyond the features and the result.
        """
        if len(gallery) > self.exact_up_to:
            return 2 * nearness(np.sqrt(probes), np.sqrt(gallery))
        return -chi_square(probes, gallery)


def chi_square(one: Floats, other: Floats) -> Floats:
    """(P, D) and (G, D) histograms -> (P, G) of χ² = Σ (s - m)² / (s + m), where 0/0 counts as 0 (Ahonen, eq. 5).

    Raises:
        DataError: a bin below 0.
    """
    if min(one.min(initial=0), other.min(initial=0)) < 0:
        raise DataError("histograms have bins below 0")
    if not len(one) or not len(other):
        return np.zeros((len(one), len(other)), np.float32)
    # The compiled loop asks for arrays that it might write to; features may be read from disk.
    parts = [np.require(part, np.float32, ["C", "W"]) for part in (one, other)]
    found: Floats = -additive_chi2_kernel(*parts)
    return found


def patterns(grey: NDArray[np.uint8], radius: int) -> NDArray[np.int64]:
    """(H, W) numbers of the uniform patterns, 0 to 58, eight neighbours on a circle of `radius` pixels.

    Neighbours between pixels are interpolated bilinearly; beyond the border they count as 0.
    """
    found: NDArray[np.int64] = local_binary_pattern(grey, NEIGHBOURS, radius, method="nri_uniform").astype(np.int64)
    return found


def histograms(numbers: NDArray[np.int64], cells: int) -> NDArray[np.float64]:
    """(S, S) pattern numbers -> (cells² · 59,) shares of the patterns in each of cells x cells windows, row by row.

    Where S is no multiple of `cells`, windows differ by one pixel in size.
    """
    line = np.arange(len(numbers)) * cells // len(numbers)  # (S,) the window of each row, and of each column
    window = line[:, None] * cells + line
    counts = np.bincount((window * BINS + numbers).ravel(), minlength=cells**2 * BINS).reshape(-1, BINS)
    shares: NDArray[np.float64] = counts / counts.sum(1, keepdims=True)
    return shares.ravel()


def _grey(image: Pixels) -> NDArray[np.uint8]:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
