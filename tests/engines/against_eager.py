"""Trainings by another engine beside the eager one, of nets around any layer."""

import copy
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.eager import EagerEngine
from handgrad.textbook.layers.layer import features
from tests.contracts.table import rows_for
from tests.engines.one_epoch import engine_of, run_epoch

DTYPES = [np.float32, np.float64]
LAST = {"CrossEntropyLoss": hg.Softmax, "BinaryCrossEntropyLoss": hg.Sigmoid}


def targets(loss: hg.Loss, n: int, k: int, dtype: Any) -> Any:
    rng = np.random.default_rng(n)
    if isinstance(loss.target_kind, hg.losses.kinds.ClassLabels):
        return rng.integers(0, k, n)
    if isinstance(loss.target_kind, hg.losses.kinds.BinaryLabels):
        return rng.integers(0, 2, (n, k)).astype(dtype)
    if isinstance(loss.target_kind, hg.losses.kinds.Amounts | hg.losses.kinds.RiskLabels):
        return loss.target_kind.examples(np.empty((n, k), dtype), rng).astype(dtype)
    return rng.standard_normal((n, k)).astype(dtype)


def compare(
    net: hg.Net,
    loss: hg.Loss,
    optimizer: hg.optimizers.Optimizer,
    x: Any,
    y: Any,
    batch_size: int,
    *,
    w: Any = None,
    penalty: hg.penalties.Penalty | None = None,
    epochs: int = 2,
    kind: Any = CompiledEngine,
    python: bool = False,
) -> None:
    """Train one copy eagerly and one by another engine; everything that comes out must agree."""
    rtol, atol = (1e-10, 1e-12) if net.dtype == np.float64 else (1e-4, 1e-5)
    net.seed(0)
    slow, fast = copy.deepcopy(net), copy.deepcopy(net)
    eager = engine_of(EagerEngine, slow, loss, optimizer, x, y, batch_size, w=w, penalty=penalty)
    other = engine_of(kind, fast, loss, optimizer, x, y, batch_size, w=w, penalty=penalty)
    if python:
        other.run = PythonRunner(other.run.program)
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        order = rng.permutation(len(y))
        expected = run_epoch(eager, order)
        found = run_epoch(other, order)
        assert found.loss == pytest.approx(expected.loss, rel=rtol, abs=atol)
        np.testing.assert_allclose(found.predictions, expected.predictions, rtol, atol)
        np.testing.assert_allclose(fast.parameters, slow.parameters, rtol, atol)
        if kind is CompiledEngine:  # JAX keeps them on its device
            np.testing.assert_allclose(fast.gradients, slow.gradients, rtol, atol)
        np.testing.assert_allclose(fast.running_state, slow.running_state, rtol, atol)
        assert streams(fast) == streams(slow)


def streams(net: hg.Net) -> list[Any]:
    """Where the random streams of all layers stand."""
    return [layer.rng.bit_generator.state for _, layer in net.walk()]


def around(layer: hg.Layer, dtype: Any, n: int = 7) -> tuple[hg.Net, Any]:
    """The layer between two linear ones, or first where it takes codes; inputs for the net."""
    x = rows_for(layer, n)
    before = [] if layer.integer_input else [hg.Linear(3, x.shape[-1], rng=1)]
    n_out = features(layer.shape_out(x.shape[1:]))
    assert n_out is not None
    net = hg.Net(*before, layer, hg.Linear(n_out, 2, rng=2), dtype=dtype)
    net.seed(0)
    if before:
        x = np.random.default_rng(0).standard_normal((*x.shape[:-1], 3))
    return net, x.astype(dtype) if x.dtype.kind == "f" else x
