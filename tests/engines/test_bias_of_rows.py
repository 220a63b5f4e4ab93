"""What is added to a product may differ from row to row: no sum begins at another row's number."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.layers import Array


class Placed(hg.Layer):
    """y = x W + P, a row of P for each place of a sequence"""

    param_names = ("W", "P")

    def __init__(self, n_places: int, n_in: int, n_out: int) -> None:
        draw = np.random.default_rng(0).normal
        self.W, self.P = draw(size=(n_in, n_out)), draw(size=(n_places, n_out))

    @property
    def shape_in(self) -> tuple[int, int]:
        return len(self.P), len(self.W)

    def forward(self, x: Any) -> Any:
        self.x = x
        return x @ self.W + self.P

    def backward(self, dy: Any) -> Any:
        self.dW = np.einsum("nti,nto->io", self.x, dy)
        self.dP = dy.sum(axis=0)
        return dy @ self.W.T


@pytest.mark.parametrize("engine", ["compiled", "portable"])
@pytest.mark.parametrize("sizes", [(3, 4, 5), (7, 16, 16), (1, 4, 5)])
def test_numbers_for_each_place_are_added_to_its_own_row(
    sizes: tuple[int, int, int], engine: Any
) -> None:
    layer = Placed(*sizes)
    assert hg.check_gradients(layer)
    x: Array = np.random.default_rng(1).normal(size=(40, *sizes[:2]))
    net = hg.Net(layer)
    expected = net.predict(x, engine="eager")
    np.testing.assert_allclose(net.predict(x, engine=engine), expected, rtol=1e-4, atol=1e-5)
