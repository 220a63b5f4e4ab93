"""How far sums of products are from those in float64, handgrad's and OpenBLAS's."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.matrices import Product
from benchmarks.peers import openblas, own_product

M, N = 56, 64
LENGTHS = (100, 784, 1024, 5120, 60_000)
normal, uniform = np.random.Generator.standard_normal, np.random.Generator.random
Draw = Callable[..., Any]
KINDS: dict[str, tuple[Draw, Draw]] = {
    "normal × normal": (normal, normal),
    "uniform × normal": (uniform, normal),
    "uniform × uniform": (uniform, uniform),
}


@dataclass(frozen=True)
class Drawn(Product):
    """A product of matrices whose numbers are drawn so."""

    kind: str = "normal × normal"

    def operands(self) -> tuple[Any, Any]:
        rng = np.random.default_rng(self.k)
        shapes = (self.m, self.k), (self.k, self.n)
        a, b = (draw(rng, s) for draw, s in zip(KINDS[self.kind], shapes, strict=True))
        return a.astype(self.dtype), b.astype(self.dtype)


def main() -> None:
    """Print the root mean squares of the errors, divided by that of the results."""
    found = []
    for kind in KINDS:
        for k in LENGTHS:
            given = Drawn(M, N, k, kind=kind)
            a, b = given.operands()
            exact = a.astype(float) @ b.astype(float)
            scale = np.sqrt(np.mean(exact**2)) * 2.0**-24
            errors = {
                name: float(np.sqrt(np.mean((module.product(given)(1) - exact) ** 2)) / scale)
                for name, module in (("handgrad", own_product), ("OpenBLAS", openblas))
            }
            found.append({"kind": kind, "k": k} | errors)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
