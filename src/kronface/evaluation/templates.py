"""Embeddings of images to templates of people: what is compared, and what counts as the same score."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kronface.errors import DataError

TIE = 1e-6
"""Cosines that differ by no more are the same score.

Sums of some thousand products in float32 come out differently by up to 4e-7, by where in a matrix product they stand.
Without this margin a network that maps all faces to one point would find people by the order of its sums.
"""

BLOCK = 2048
"""Rows that are worked on at once, so that no second copy of the embeddings is ever held."""


def normalise(embeddings: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Rows of length 1 (zeros where there is no face, or a row has no direction), and which rows have a face.

    Args:
        embeddings: (N, D); a row with a NaN is an image without a face.

    Raises:
        DataError: they are no table, or hold infinite values.
    """
    source = np.asarray(embeddings)
    if source.ndim != 2 or source.shape[1] == 0:
        raise DataError(f"embeddings of shape {source.shape} are no table: bring one row of numbers per image")
    vectors = np.empty(source.shape, np.float32)
    found = np.empty(len(source), np.bool_)
    for start in range(0, len(source), BLOCK):
        rows = slice(start, start + BLOCK)
        block = source[rows].astype(np.float64)
        if np.isinf(block).any():
            row = start + int(np.flatnonzero(np.isinf(block).any(1))[0])
            raise DataError(f"embedding {row} holds an infinite value: extract the embeddings again")
        found[rows] = ~np.isnan(block).any(1)
        block[~found[rows]] = 0
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        vectors[rows] = block / np.where(lengths > 0, lengths, 1)
    return vectors, found


def number_people(
    identities: Sequence[str] | NDArray[np.str_], images: int
) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """The people, sorted, and (N,) the number of each image's person among them.

    Raises:
        DataError: there is not one identity per image.
    """
    owners = np.asarray(identities)
    if owners.shape != (images,):
        raise DataError(f"{images} images need as many identities, one each: there are {owners.size}")
    names, number_of = np.unique(owners, return_inverse=True)
    return names, number_of.astype(np.int64)


def draw_gallery(number_of: NDArray[np.integer], *, gallery_images: int, seed: int, draw: int) -> NDArray[np.bool_]:
    """(N,) which images are enrolled in a draw: `gallery_images` of each person, all of those who have fewer."""
    return draw_images(number_of, gallery_images, np.random.default_rng([seed, draw]))


def draw_images(number_of: NDArray[np.integer], images: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(N,) a random choice of up to `images` images of every person."""
    order = np.lexsort((rng.random(len(number_of)), number_of))
    grouped = number_of[order]
    starts = np.r_[0, np.flatnonzero(np.diff(grouped)) + 1]
    place = np.arange(len(grouped)) - np.repeat(starts, np.diff(np.r_[starts, len(grouped)]))
    chosen = np.zeros(len(number_of), np.bool_)
    chosen[order[place < images]] = True
    return chosen


def make_templates(
    vectors: NDArray[np.float32],
    found: NDArray[np.bool_],
    number_of: NDArray[np.integer],
    enrolled: NDArray[np.bool_],
    people: int,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """One template per person, (people, D) of length 1, from the enrolled images that show a face; and who has one."""
    used = np.flatnonzero(enrolled & found)
    sums = np.zeros((people, vectors.shape[1]), np.float32)
    for start in range(0, len(used), BLOCK):
        rows = used[start : start + BLOCK]
        np.add.at(sums, number_of[rows], vectors[rows])
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return sums, np.bincount(number_of[used], minlength=people) > 0
