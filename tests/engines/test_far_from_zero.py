"""Where numbers are very large, or their squares overflow, both engines still say the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg

ACTIVATIONS: dict[str, Callable[[], hg.Layer]] = {
    layer.__name__: layer
    for layer in (
        *(
            hg.Tanh,
            hg.Sigmoid,
            hg.layers.SiLU,
            hg.layers.Softplus,
            hg.layers.Mish,
            hg.GELU,
            hg.layers.GELUTanh,
        ),
        *(hg.ReLU, hg.layers.LeakyReLU, hg.layers.ELU, hg.layers.SELU),
    )
}
FAR = [10.0, 100.0, 1e4, 1e6, 1e15, 1e30, float(np.finfo(np.float32).max)]
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-13}


def both(net: hg.Net, x: Any) -> list[Any]:
    engines: list[Any] = ["eager", "compiled"]
    with np.errstate(all="ignore"):
        return [net.predict(x, engine=engine) for engine in engines]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_says_the_same_far_from_zero(name: str, dtype: Any) -> None:
    net = hg.Net(ACTIVATIONS[name](), dtype=dtype)
    for x in ([[*FAR]], [[-x for x in FAR]]):
        eager, compiled = both(net, x)
        np.testing.assert_allclose(compiled, eager, TOLERANCE[dtype])


class Roots(hg.Layer):
    """y = 1/√x."""

    def forward(self, x: Any) -> Any:
        return 1 / np.sqrt(x)

    def backward(self, dy: Any) -> Any:
        return dy


@pytest.mark.parametrize("columns", [1, 100])
def test_one_by_a_root_of_zero_and_of_infinity(columns: int) -> None:
    x = np.tile([[0.0], [1e-30], [4.0], [3e38]], columns)
    squared = hg.Net(Squares(), Roots(), dtype=np.float32)
    for net in (hg.Net(Roots()), squared):
        eager, compiled = both(net, x)
        np.testing.assert_allclose(compiled, eager, 1e-6)


class Squares(hg.Layer):
    """y = x²."""

    def forward(self, x: Any) -> Any:
        return x * x

    def backward(self, dy: Any) -> Any:
        return dy


@pytest.mark.parametrize("normalization", [hg.LayerNorm, hg.BatchNorm])
def test_rows_whose_squares_overflow_are_normalized_alike(normalization: Any) -> None:
    x = np.random.default_rng(0).normal(size=(8, 4)) * 1e30
    y = np.arange(8) % 2
    ends = []
    for engine in ("eager", "compiled"):
        net = hg.Net(normalization(4), hg.Linear(4, 2, rng=0))
        loss: Any = hg.SoftmaxCrossEntropyLoss()
        settings: Any = {"optimizer": hg.SGD(0.1), "epochs": 3, "rng": 0, "engine": engine}
        history = hg.fit(net, (x, y), loss=loss, **settings)
        ends.append((history.reports[-1].train_loss, *net.parameters))
        eager, compiled = both(net, x)
        np.testing.assert_allclose(compiled, eager, 1e-5)
    np.testing.assert_allclose(ends[1], ends[0], 1e-4, 1e-7)


@pytest.mark.parametrize("factor", [1.0, 1e3, 1e5])
def test_units_that_saturate_learn_alike(factor: Any) -> None:
    x, y = hg.data.load("iris")
    ends: list[float] = []
    for engine in ("eager", "compiled"):
        net = hg.Net(hg.Linear(4, 10, rng=0), hg.Tanh(), hg.Linear(10, 3, rng=1))
        loss: Any = hg.SoftmaxCrossEntropyLoss()
        settings: Any = {"optimizer": hg.SGD(0.1), "epochs": 20, "rng": 0, "engine": engine}
        history = hg.fit(net, (factor * x, y), loss=loss, batch_size=16, **settings)
        ends.append(float(history.reports[-1].train_loss))
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)


def test_waves_of_numbers_too_large_for_an_angle_are_predicted_as_the_pages_do() -> None:
    waves: Any = hg.tables.EnsemblePeriodicEmbedding(2, 2, 1, rng=0)
    waves.V = np.random.default_rng(0).normal(size=waves.V.shape)
    net = hg.Net(waves, hg.tables.EnsembleLinear(waves.n_out, 2, 1, rng=1))
    for n in (2, 500):
        for size in (1e8, 1e30):
            eager, compiled = both(net, np.full((n, 1, 2), size))
            np.testing.assert_array_equal(compiled, eager)
