import os
import subprocess
import sys

import numpy as np

from kronface.synth.linear import combine, transform

HASH = """
import hashlib
from kronface.synth.head import load_head
from kronface.synth.identity import draw_identity, neutral_positions
head = load_head()
faces = [neutral_positions(head, draw_identity(head, k, 3)).tobytes() for k in range(4)]
print(hashlib.sha256(b"".join(faces)).hexdigest())
"""


def test_combine_and_transform_agree_with_loops() -> None:
    rng = np.random.default_rng(0)
    coefficients = rng.normal(size=7).astype(np.float32)
    coefficients[2] = 0
    basis = rng.normal(size=(7, 11)).astype(np.float32)
    expected = [sum(float(coefficients[k]) * float(basis[k, n]) for k in range(7)) for n in range(11)]
    np.testing.assert_allclose(combine(coefficients, basis), expected, rtol=1e-5, atol=1e-6)
    points, matrix = rng.normal(size=(5, 3)), rng.normal(size=(2, 3))
    loops = [[sum(matrix[e, d] * points[n, d] for d in range(3)) for e in range(2)] for n in range(5)]
    np.testing.assert_allclose(transform(points, matrix), loops, rtol=1e-12)


def test_shapes_do_not_depend_on_threads() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", HASH],
            env=os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(outputs) == 1
