"""The JAX engine, on JAX's CPU, does what the pages do: for every page, type and ragged batch."""

import math
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.jax.engine import JaxEngine
from tests.contracts.table import LAYERS, LOSSES, OPTIMIZERS, PENALTIES
from tests.docs.documents import ROOT, blocks
from tests.engines.against_eager import DTYPES, LAST, around, compare, targets
from tests.engines.one_epoch import engine_of
from tests.engines.test_several_inputs import INPUTS, Y, net_of
from tests.graph import pages

each_dtype = pytest.mark.parametrize("dtype", DTYPES)
JAX: dict[str, Any] = {"kind": JaxEngine}
USERS: dict[str, Any] = {
    "running statistics": lambda: pages.BatchNorm(4),
    "convolution by windows": lambda: pages.Conv1d(),
    "batched attention": lambda: pages.Attention(),
    "residual": lambda: pages.Residual(hg.Linear(4, 4, rng=0)),
}


@pytest.mark.parametrize("name", [*LAYERS, *USERS])
@each_dtype
def test_every_layer(name: str, dtype: Any) -> None:
    net, x = around((LAYERS | USERS)[name](), dtype, 8)
    loss = hg.MSELoss()
    shape = net.predict(x, engine="eager").shape
    y = targets(loss, math.prod(shape[:-1]), 2, dtype).reshape(shape)
    ragged = dtype == np.float64  # XLA compiles each size of a batch
    compare(net, loss, hg.SGD(0.01), x, y, 3 if ragged else 4, **JAX)
    rtol, atol = (1e-12, 1e-13) if dtype == np.float64 else (1e-5, 1e-6)
    expected = net.predict(x, engine="eager")
    np.testing.assert_allclose(net.predict(x, engine="jax"), expected, rtol, atol)


def test_no_rows_have_no_predictions() -> None:
    net = hg.Net(hg.layers.Reshape(1, 3, 3), hg.Conv2d(1, 2, 2, rng=0), hg.Flatten())
    for n in (3, 0):
        assert net.predict(np.ones((n, 9), net.dtype), engine="jax").shape == (n, 8)


@pytest.mark.parametrize("page", INPUTS)
@each_dtype
def test_every_page_of_several_inputs(page: Any, dtype: Any) -> None:
    net = net_of(page, dtype)
    x = tuple(net.cast(part, one_of_several=True) for part in INPUTS[page])
    compare(net, hg.MSELoss(), hg.SGD(0.05), x, Y.astype(dtype), 4, **JAX)
    expected = net.predict(x, engine="eager")
    np.testing.assert_allclose(net.predict(x, engine="jax"), expected, 1e-5, 1e-6)
    held = tuple(part[:5] for part in x)
    engine = engine_of(JaxEngine, net, hg.MSELoss(), hg.SGD(0.05), x, Y.astype(dtype), 4, [held])
    np.testing.assert_allclose(engine.predict_held_out()[0], net.predict(held), 1e-5, 1e-6)


@pytest.mark.parametrize("name", LOSSES)
@each_dtype
@pytest.mark.parametrize("weighted", [False, True])
def test_every_loss(name: str, dtype: Any, weighted: bool) -> None:
    loss, rng = LOSSES[name](), np.random.default_rng(0)
    net = hg.Net(hg.Linear(3, 4, rng=0), LAST.get(name, hg.Tanh)(), dtype=dtype)
    x, w = rng.standard_normal((7, 3)).astype(dtype), rng.uniform(0.01, 1, 7).astype(dtype)
    y = targets(loss, len(x), 4, dtype)
    compare(net, loss, hg.SGD(0.1), x, y, 3, w=w if weighted else None, **JAX)


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if n != "LBFGS"])
@each_dtype
def test_every_optimizer(name: str, dtype: Any) -> None:
    net, x = around(hg.Tanh(), dtype)
    loss = hg.MSELoss()
    y = targets(loss, len(x), 2, dtype)
    compare(net, loss, OPTIMIZERS[name](), x, y, 3, epochs=5, **JAX)


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("weighted", [False, True])
@each_dtype
def test_every_penalty(name: str, weighted: bool, dtype: Any) -> None:
    net = hg.Net(
        hg.Linear(3, 5, rng=0), hg.BatchNorm(5), hg.Tanh(), hg.Linear(5, 4, rng=1), hg.Softmax(),
        dtype=dtype,
    )  # fmt: skip
    net.layers[3].freeze()
    x = np.random.default_rng(0).normal(size=(11, 3)).astype(dtype)
    w = np.linspace(0.1, 1, 11).astype(dtype) if weighted else None
    loss = hg.CrossEntropyLoss()
    y = targets(loss, len(x), 4, dtype)
    compare(net, loss, hg.SGD(0.1), x, y, 4, w=w, penalty=PENALTIES[name](), **JAX)


def test_the_example_of_its_page_runs() -> None:
    (example,) = (b.text for b in blocks(ROOT / "docs" / "accelerators.md") if b.language == "py")
    names: dict[str, Any] = {}
    exec(example, names)
    assert np.mean(names["p"].argmax(axis=1) == names["y"]) > 0.9
    assert names["model"].score(names["x"], names["y"]) > 0.9
