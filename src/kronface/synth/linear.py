"""Products that are the same to the last bit whatever the number of threads.

BLAS splits a sum among threads, and a sum's last bit depends on its order: pictures would differ between a process with
one thread and one with two, and so would a label whose measurement lies at its threshold. `einsum` without `optimize`
sums in one order.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def combine(coefficients: NDArray[np.float32], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K,) coefficients and (K, N) basis -> (N,) their product; coefficients of zero cost nothing."""
    used = np.flatnonzero(coefficients)
    if len(used) == len(basis):
        # The same sums in the same order, without a temporary array for each.
        dense: NDArray[np.float32] = np.einsum("k,kn->n", coefficients, basis)
        return dense
    total = np.zeros(basis.shape[1], np.float32)
    for k in used:
        total += coefficients[k] * basis[k]
    return total


def transform(points: NDArray[np.floating[Any]], matrix: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """(N, D) points and (E, D) matrix -> (N, E): the matrix applied to every point."""
    out: NDArray[np.floating[Any]] = np.einsum("nd,ed->ne", points, matrix)
    return out
