"""The machine's own rate: the product of two large matrices by the BLAS that handgrad calls."""

from typing import Any

import numpy as np
from scipy.linalg.blas import sgemm

from benchmarks.peers import Run


def product(size: int) -> Run:
    """Multiplies two size × size matrices of float32 that many times."""
    rng = np.random.default_rng(0)
    a, b = (np.asfortranarray(rng.random((size, size), np.float32)) for _ in range(2))
    c: Any = np.zeros((size, size), np.float32, order="F")

    def run(times: int) -> float:
        for _ in range(times):
            sgemm(1.0, a, b, c=c, overwrite_c=True)
        return float(c[0, 0])

    return run
