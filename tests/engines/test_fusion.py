"""What is done at the end of a product: the same bits as in loops of its own."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled import small_gemm
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.ir_helpers import has_fma
from handgrad.engines.fingerprint import TRACES
from handgrad.engines.loops import fusion, target
from handgrad.engines.loops.ir import Multiply, Statement, walk
from handgrad.textbook.layers import Array
from tests.engines.one_epoch import engine_of, run_epochs

N_IN, CLASSES, BATCH, ROWS = 13, 9, 12, 50
OPTIMIZERS = {
    "sgd": hg.SGD(0.1),
    "momentum": hg.SGD(0.1, momentum=0.9),
    "adam": hg.Adam(0.01),
    "decay": hg.AdamW(0.01),
    "clipped": hg.Adam(0.01, clip_norm=0.1),
    "groups": hg.SGD(0.1, groups={"*.b": {"learning_rate_factor": 2.0}}),
}
pytestmark = pytest.mark.usefixtures("every_product_is_packed")


@pytest.fixture
def every_product_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_fma():
        pytest.skip("products are BLAS's here, and have no end")
    for module in (target, small_gemm):
        monkeypatch.setattr(module, "is_worth_packing", lambda m, n, k: True)
    monkeypatch.setattr(TRACES, "get_or_make", lambda make, *form: make(None))


class Tied(hg.Layer):
    """y = x W, with a gradient that is twice the product: something is computed of it."""

    param_names = ("W",)

    def __init__(self) -> None:
        super().__init__()
        self.W = np.random.default_rng(3).normal(size=(N_IN, N_IN)).astype(np.float32)

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.W

    def backward(self, dy: Array) -> Array:
        self.dW = self.x.T @ dy * 2 + self.W
        return dy @ self.W.T


def net_of() -> hg.Net:
    return hg.Net(
        Tied(),
        hg.Linear(N_IN, 20, rng=0),
        hg.ReLU(),
        hg.Linear(20, 17, rng=1),
        hg.Tanh(),
        hg.Linear(17, CLASSES, rng=2),
        hg.Softmax(),
    )


def trained(
    optimizer: hg.optimizers.Optimizer, **settings: Any
) -> tuple[CompiledEngine, list[Any]]:
    """An engine after three epochs, and the losses of these."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, N_IN)).astype(np.float32)
    y = rng.integers(0, CLASSES, ROWS)
    loss = hg.CrossEntropyLoss()
    engine = engine_of(CompiledEngine, net_of(), loss, optimizer, x, y, BATCH, **settings)
    orders = np.stack([rng.permutation(ROWS) for _ in range(3)])
    return engine, [epoch.loss for epoch in run_epochs(engine, orders)]


def products_of(engine: CompiledEngine) -> list[Multiply]:
    return [s for s in walk(engine.run.program.body) if isinstance(s, Multiply)]


def stored_in(body: Any) -> set[str]:
    return {getattr(statement, "buffer", "") for statement in body}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("penalty", [None, hg.penalties.L2Penalty(0.01)])
def test_at_the_end_of_products_or_not_it_comes_to_the_same_bits(
    name: str, penalty: hg.penalties.Penalty | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused, losses = trained(OPTIMIZERS[name], penalty=penalty)
    monkeypatch.setattr(fusion, "is_packed", lambda *product: False)
    apart, of_apart = trained(OPTIMIZERS[name], penalty=penalty)
    assert any(product.epilogue for product in products_of(fused))
    assert not any(product.epilogue for product in products_of(apart))
    np.testing.assert_array_equal(fused.net.parameters, apart.net.parameters)
    assert losses == of_apart


def test_the_step_uses_gradients_up_at_the_end_of_their_products() -> None:
    engine, _ = trained(hg.SGD(0.1))
    ends = [
        product.epilogue.body for product in products_of(engine) if product.epilogue is not None
    ]
    updating = [body for body in ends if "parameters" in stored_in(body)]
    assert len(updating) == 4  # all weights, also where something is computed of the product
    assert not any("gradients" in stored_in(body) for body in updating)
    # a gate, an activation and a step: nothing else is stored
    assert {name for body in ends for name in stored_in(body)} <= {"", "scratch", "parameters"}


def test_a_norm_needs_the_gradients_stored() -> None:
    engine, _ = trained(hg.SGD(0.1, clip_norm=1.0))
    ends = [
        product.epilogue.body for product in products_of(engine) if product.epilogue is not None
    ]
    assert not any("parameters" in stored_in(body) for body in ends)


def test_rows_are_gathered_by_the_products_that_read_them() -> None:
    engine, _ = trained(hg.SGD(0.1))
    gathered = [m for p in products_of(engine) for m in (p.a, p.b) if m.rows is not None]
    assert [matrix.buffer for matrix in gathered] == ["x", "x"]


def test_weights_are_read_before_they_are_changed() -> None:
    """What else reads a weight, the gradient of the input and a penalty, stands before its step."""
    engine, _ = trained(hg.SGD(0.1), penalty=hg.penalties.L2Penalty(0.01))
    body: list[Statement] = [*walk(engine.run.program.body)]
    for i, product in enumerate(body):
        if isinstance(product, Multiply) and product.epilogue is not None:
            if "parameters" not in stored_in(product.epilogue.body):
                continue
            offset = product.c.offset
            later = [p for p in body[i + 1 :] if isinstance(p, Multiply)]
            assert not any(p.b.buffer == "parameters" and p.b.offset == offset for p in later)


def test_gradients_are_stored_where_they_are_asked_for() -> None:
    engine, _ = trained(hg.SGD(0.1))
    engine.net.gradients[...] = np.nan
    engine.gradients(np.arange(BATCH))
    assert np.isfinite(engine.net.gradients).all()
