"""Products of sequences: rows of rows are the rows of one matrix, where they lie so in memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.python import PythonRunner
from tests.engines.one_epoch import KINDS, engine_of, run_epoch


class Across(hg.Layer):
    """A Linear of the columns: the rows of the product do not go on where the next one ends."""

    param_names = ("W",)
    ndim = 3

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.dtype = np.dtype(np.float64)
        self.W = np.random.default_rng(3).standard_normal((n_in, n_out))

    def forward(self, x: Any) -> Any:
        self.x = x
        return x.swapaxes(1, 2) @ self.W

    def backward(self, dy: Any) -> Any:
        self.dW = np.einsum("nik,nko->io", self.x, dy)
        return (dy @ self.W.T).swapaxes(1, 2)


def engines(layer: Callable[[], hg.Layer], shape: tuple[int, ...]) -> list[Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, *shape))
    y = rng.standard_normal(layer().forward(x).shape)
    made: list[Any] = []
    for kind in KINDS:
        net = hg.Net(
            hg.layers.FeatureScale(shape, dtype=np.float64), layer()
        )  # so that dx is needed
        made.append(engine_of(kind, net, hg.MSELoss(), hg.SGD(0.1), x, y, 16))
    return made


def linear() -> hg.Linear:
    return hg.Linear(20, 24, rng=0, dtype=np.float64)


def products(compiled: Any) -> list[str]:
    """The sizes of the program's products of matrices: m, n, k of each."""
    lines = compiled.run.program.source().split("\n")
    return [line.strip().partition(", (")[0] for line in lines if "matrix_product(" in line]


@pytest.mark.parametrize(
    ("layer", "shape"), [(linear, (3, 20)), (linear, (2, 5, 20)), (lambda: Across(20, 24), (20, 3))]
)
@pytest.mark.parametrize("python", [False, True])
def test_both_engines_compute_the_same(layer: Any, shape: tuple[int, ...], python: bool) -> None:
    eager, compiled = engines(layer, shape)
    if python:
        compiled.run = PythonRunner(compiled.run.program)
    order = np.random.default_rng(1).permutation(50)  # the last batch has two rows
    for engine in (eager, compiled):
        run_epoch(engine, order)
    np.testing.assert_allclose(compiled.net.parameters, eager.net.parameters, 1e-11, 1e-11)
    np.testing.assert_allclose(compiled.net.gradients, eager.net.gradients, 1e-11, 1e-11)


@pytest.mark.parametrize(("shape", "rows"), [((3, 20), 3), ((2, 5, 20), 10)])
def test_the_rows_of_all_sequences_are_multiplied_at_once(
    shape: tuple[int, ...], rows: int
) -> None:
    _, compiled = engines(linear, shape)
    assert products(compiled) == [
        f"matrix_product({rows} * n, 24, 20",
        f"matrix_product(24, 20, {rows} * n",
        f"matrix_product({rows} * n, 20, 24",
    ]


def test_rows_that_do_not_go_on_in_memory_are_copied_to_one_matrix() -> None:
    _, compiled = engines(lambda: Across(20, 24), (20, 3))
    assert products(compiled) == [
        "matrix_product(3 * n, 24, 20",
        "matrix_product(20, 24, 3 * n",
        "matrix_product(3 * n, 20, 24",
    ]
