"""Which products of matrices are timed: those of nets' steps, and others of many shapes."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.cases import CASES, Case


@dataclass(frozen=True)
class Product:
    """c (m, n) = a (m, k) b (k, n); what is transposed lies in memory column after column."""

    m: int
    n: int
    k: int
    a_transposed: bool = False
    b_transposed: bool = False
    dtype: str = "float32"

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.m * self.n * self.k

    def operands(self) -> tuple[Any, Any]:
        """Random matrices, as they lie in memory."""
        rng = np.random.default_rng(0)
        m, n, k = self.m, self.n, self.k
        shapes = (
            ((k, m) if self.a_transposed else (m, k)),
            ((n, k) if self.b_transposed else (k, n)),
        )
        a, b = (rng.standard_normal(shape).astype(self.dtype) for shape in shapes)
        return a, b

    def __str__(self) -> str:
        sides = ("a", "a'")[self.a_transposed], ("b", "b'")[self.b_transposed]
        return f"{' '.join(sides)}, {self.m} × {self.n} × {self.k}{self._kind}"

    @property
    def _kind(self) -> str:
        return "" if self.dtype == "float32" else f", {self.dtype}"


def of_a_step(case: Case, dtype: str = "float32") -> Iterator[Product]:
    """The products of a training step: x W' and dz' x of each layer, dz W of all but the first."""
    rows = case.batch_size
    for i, (n_in, n_out) in enumerate(itertools.pairwise(case.widths)):
        yield Product(rows, n_out, n_in, b_transposed=True, dtype=dtype)
        yield Product(n_out, n_in, rows, a_transposed=True, dtype=dtype)
        if i:
            yield Product(rows, n_in, n_out, dtype=dtype)


_PRODUCTS = (
    *(product for name in ("S", "M", "L") for product in of_a_step(CASES[name])),
    Product(4, 10, 2, b_transposed=True),  # tiny
    Product(200, 32, 16),
    Product(1, 1024, 1024),  # one row; one column
    Product(1024, 1, 1024),
    Product(10_000, 100, 64),  # long
    Product(100, 64, 60_000, a_transposed=True),
    Product(10, 100, 60_000, a_transposed=True),
    Product(2048, 2048, 8),  # thin
    Product(256, 256, 256),  # powers of two
    Product(1024, 1024, 1024),
    Product(2048, 2048, 2048),
    Product(1000, 1000, 1000, a_transposed=True, b_transposed=True),
    Product(200, 100, 64, dtype="float64"),
    Product(64, 100, 200, a_transposed=True, dtype="float64"),
    Product(128, 256, 784, dtype="float64"),
    Product(1024, 1024, 1024, dtype="float64"),
)
PRODUCTS = {str(product): product for product in _PRODUCTS}
