"""Losses of validation rows have bits that NumPy's loops for a processor have no part in."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.deterministic_ufuncs import deterministic
from handgrad.engines.dispatch import EngineName
from tests.bits.nets import targets
from tests.contracts.table import LOSSES


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 4), (5, 2, 4)])
def test_every_loss_of_such_an_array_is_that_of_the_array(
    name: str, dtype: Any, shape: tuple[int, ...]
) -> None:
    loss, p = LOSSES[name](), np.random.default_rng(0).uniform(0.1, 0.9, shape).astype(dtype)
    y = targets(loss, shape, dtype)
    found, expected = loss.forward(deterministic(p), y), loss.forward(p, y)
    assert np.asarray(found).dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", [np.exp, np.log])
def test_exp_and_log_are_not_numpys(
    function: Any, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).uniform(0.01, 9, (300, 4)).astype(dtype)
    found = function(deterministic(x.T))
    np.testing.assert_allclose(found, function(x.T), rtol=4 * np.finfo(dtype).eps)
    assert not np.array_equal(found, function(x.T))
    assert function(deterministic(x[:0])).shape == (0, 4)
    assert function(deterministic(x[:, :, None])).shape == (300, 4, 1)


def test_all_else_is_numpys() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3))
    z = deterministic(x.copy())
    z += x
    np.testing.assert_array_equal(z, x + x)
    np.testing.assert_array_equal(np.maximum(z, x).sum(axis=0), np.maximum(2 * x, x).sum(axis=0))
    assert float(z.sum()) == (x + x).sum()
    assert np.exp(deterministic(np.arange(3))).dtype == float


def test_a_compiled_training_asks_for_them_and_an_eager_one_does_not() -> None:
    x, y = hg.data.load("iris")
    net = hg.Net(hg.Linear(4, 3, rng=0), dtype=float)
    loss = hg.SoftmaxCrossEntropyLoss()
    engines: tuple[EngineName, ...] = ("eager", "compiled", "portable")
    for engine in engines:
        p = net.predict(x, engine=engine)
        found = hg.evaluate(net, (x, y), loss=loss, engine=engine)
        said = p if engine == "eager" else deterministic(p, engine)
        assert found.loss == loss.forward(said, y)
