"""Pages that train on machine code as they do eagerly, or are refused before anything runs."""

import copy
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.eager import EagerEngine
from handgrad.graph import interpret
from handgrad.graph.passes import optimized
from handgrad.textbook.errors import CannotLowerError
from tests.engines.one_epoch import KINDS, engine_of, run_epoch
from tests.engines.test_compiled import Row
from tests.graph import pages
from tests.graph.one_liners import TABLE, Page


def assert_alike_or_refused(
    net: hg.Net, x: Any, y: Any = None, *, loss: Any = None, optimizer: Any = None, batch: int = 3
) -> None:
    loss, optimizer = loss or hg.MSELoss(), optimizer or hg.SGD(0.01)
    slow, fast = copy.deepcopy(net), copy.deepcopy(net)
    if y is None:
        y = np.random.default_rng(1).standard_normal(copy.deepcopy(net).forward(x).shape)
    try:
        compiled = engine_of(CompiledEngine, fast, loss, optimizer, x, y, batch)
    except (CannotLowerError, hg.errors.RecordingError):
        return
    eager, order = engine_of(EagerEngine, slow, loss, optimizer, x, y, batch), np.arange(len(y))
    for _ in range(2):
        expected = run_epoch(eager, order)
        found = run_epoch(compiled, order)
        assert found.loss == pytest.approx(expected.loss, rel=1e-9)
        np.testing.assert_allclose(found.predictions, expected.predictions, 1e-9, 1e-11)
        np.testing.assert_allclose(fast.parameters, slow.parameters, 1e-9, 1e-11)
        np.testing.assert_allclose(fast.running_state, slow.running_state, 1e-9, 1e-11)


def rows(n: int, k: int) -> Any:
    return np.random.default_rng(0).standard_normal((n, k))


# 1 silently wrong: BLAS is given a leading dimension that is too small
@pytest.mark.parametrize("widths", [(64, 1), (1, 64)])
def test_products_with_a_single_column(widths: tuple[int, int]) -> None:
    net = hg.Net(hg.Linear(*widths, rng=0), dtype=np.float64)
    assert_alike_or_refused(net, rows(300, widths[0]), batch=128)


OVERLAPPING = {
    "the batch in reverse": lambda x: x[::-1] @ (x.T @ x),
    "one row for all": lambda x: x + np.broadcast_to(x[0], x.shape) @ (x.T @ x),
    "windows of a vector": lambda x: (
        x[:, :10]
        * (np.lib.stride_tricks.sliding_window_view(x.mean(axis=0), 31) @ (x.T @ x)[:31]).sum(
            axis=1
        )
    ),
}


@pytest.mark.parametrize("name", OVERLAPPING)
def test_products_of_views_that_overlap_or_run_backwards(name: str) -> None:
    net = hg.Net(Page(OVERLAPPING[name]), dtype=np.float64)
    assert_alike_or_refused(net, rows(40, 40), batch=20)


# 2 silently wrong, and 3 errors that engine="auto" does not catch
ONE_LINERS = {
    "index -1": lambda x: x + x[np.arange(len(x)), -1][:, None],
    "max initial": lambda x: x + x.max(axis=1, initial=0.5, keepdims=True),
    "sum where": lambda x: x + x.sum(axis=1, where=x > 0, keepdims=True),
    "var correction": lambda x: x + np.var(x, axis=1, correction=1, keepdims=True),
    "var ddof by position": lambda x: x + x.var(1, None, None, 1)[:, None],
    "truth value above 0": lambda x: x * ((x > 0) > 0),
    "truth value above 0.5": lambda x: x * ((x > 0) > 0.5),
    "truth values added": lambda x: x * ((x > 0) + (x > -1)),
    "maximum of truth values": lambda x: x * np.maximum(x > 0, x > 0.5),
    "einsum that broadcasts": lambda x: (
        x + np.einsum("ij,ij->i", x, x.sum(axis=1, keepdims=True))[:, None]
    ),
    "argmax kept": lambda x: x + x.argmax(axis=1, keepdims=True),
    "constants cast": lambda x: x + np.zeros_like(x).astype(int),
    "clip without a bound": lambda x: np.clip(x, 0, None),
    "clip by name": lambda x: x.clip(min=0),
    "powers of a table": lambda x: np.abs(x) ** np.array([1.0, 2.0, 0.5, 3.0]),
    "max of truth values": lambda x: x * (x > 0).max(axis=1, keepdims=True),
    "max of whole numbers": lambda x: x * (x > 0).astype(int).max(axis=1, keepdims=True),
    "abs of whole numbers": lambda x: x * np.abs((x > 0).astype(int) - 2),
    "power of whole numbers": lambda x: x * ((x > 0).astype(int) + 2) ** 3,
    "full by name": lambda x: x + np.full_like(x, fill_value=2.0),
    "full of a result": lambda x: x + np.full_like(x, x.mean()),
    "outer product of matrices": lambda x: x + np.outer(x[:, :1], x[0:1, :]),
    "product with a constant": lambda x: x * (x @ TABLE)[:, None],
    "einsum with a constant": lambda x: x * np.einsum("ij,j->i", x, TABLE)[:, None],
}


@pytest.mark.parametrize("name", ONE_LINERS)
def test_a_page_of_one_line(name: str) -> None:
    net = hg.Net(Page(ONE_LINERS[name]), hg.Linear(4, 2, rng=0), dtype=np.float64)
    assert_alike_or_refused(net, rows(7, 4))


@pytest.mark.parametrize("page", [pages.Distances, pages.DistancesOfHeads])
def test_attention_with_a_table_looked_up_by_distance(page: type[hg.Layer]) -> None:
    assert hg.check_gradients(page(), x=rows(5, 6))
    net = hg.Net(hg.Linear(4, 6, rng=0), page(), hg.Linear(6, 2, rng=1), dtype=np.float64)
    assert_alike_or_refused(net, rows(7, 4))
    with net.mode(training=False):
        p = net.predict(rows(7, 4), engine="compiled")
        np.testing.assert_allclose(p, net.predict(rows(7, 4), engine="eager"), rtol=1e-10)


def test_casts_can_be_interpreted_after_lowering() -> None:
    x = rows(5, 4)
    net = hg.Net(Page(lambda x: (3 * x).astype(int) + x), dtype=np.float64)
    graph = optimized(hg.trace(net, x=x, training=False))
    found = interpret(graph, {"x": x}, 5).prediction
    np.testing.assert_array_equal(found, (3 * x).astype(int) + x)


def test_a_softmax_over_the_whole_batch_is_not_one_of_rows() -> None:
    page = Page(lambda x: np.exp(x) / np.exp(x).sum(keepdims=True))
    net = hg.Net(hg.Linear(4, 3, rng=0), page, dtype=np.float64)
    assert_alike_or_refused(net, rows(7, 4), np.arange(7) % 3, loss=hg.CrossEntropyLoss())


class Two(hg.Layer):
    state_names = ("mean", "previous")

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.previous = np.arange(4.0), np.zeros(4)

    def backward(self, dy: Any) -> Any:
        return dy


class HandingOn(Two):
    def forward(self, x: Any) -> Any:
        y = x + self.previous
        self.previous = self.mean
        self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        return y


class Swapping(Two):
    def forward(self, x: Any) -> Any:
        y = x + self.previous
        self.previous, self.mean = self.mean, self.previous + x[0]
        return y


class Reversing(Two):
    def forward(self, x: Any) -> Any:
        y = x + self.mean
        self.mean = self.mean[::-1]
        return y


class KeptBefore(Two):
    """`before` is a view of the flat buffer: eagerly it changes under the page's hands."""

    def forward(self, x: Any) -> Any:
        before = self.mean
        self.mean = 0.5 * before + 0.5 * x.mean(axis=0)
        return x - before


@pytest.mark.parametrize("layer", [HandingOn, Swapping, Reversing, KeptBefore])
def test_state_that_becomes_other_state(layer: Any) -> None:
    net = hg.Net(layer(), hg.Linear(4, 2, rng=0), dtype=np.float64)
    assert_alike_or_refused(net, rows(7, 4))


class TwoAlike(hg.optimizers.Optimizer):
    state_names = ("a", "b")

    def rule(self, w: Any, dw: Any, a: Any, b: Any, *, learning_rate: Any, step: Any) -> Any:
        return w - learning_rate * (dw + a + 2 * b), 0.5 * dw, 0.5 * dw


class ByTheNorm(hg.optimizers.Optimizer):
    def rule(self, w: Any, dw: Any, *, learning_rate: Any, step: Any) -> Any:
        return w - learning_rate * dw / np.sqrt((dw**2).sum() + 1e-3)


@pytest.mark.parametrize("kind", [TwoAlike, ByTheNorm])
def test_an_optimizer(kind: Any) -> None:
    net = hg.Net(hg.Linear(4, 2, rng=0), dtype=np.float64)
    assert_alike_or_refused(net, rows(7, 4), optimizer=kind(0.01))


class KeepingW(hg.optimizers.Optimizer):
    state_names = ("previous",)

    def rule(self, w: Any, dw: Any, previous: Any, *, learning_rate: Any, step: Any) -> Any:
        return w - learning_rate * dw, w


def test_an_optimizer_that_keeps_the_weights_keeps_those_before_the_step() -> None:
    for kind in KINDS:
        net = hg.Net(hg.Linear(4, 2, rng=0), dtype=np.float64)
        before, (x, y) = net.parameters.copy(), (rows(3, 4), np.zeros((3, 2)))
        engine: Any = engine_of(kind, net, hg.MSELoss(), KeepingW(0.1), x, y, 3)
        run_epoch(engine, np.arange(3))
        np.testing.assert_array_equal(engine.optimizer_state[0], before)


class OnlyTraining(hg.Layer):
    def forward(self, x: Any) -> Any:
        return x if self.training else x + 0 * np.cumsum(x, axis=1)

    def backward(self, dy: Any) -> Any:
        return dy


def test_a_prediction_that_cannot_be_lowered_is_found_before_the_first_epoch() -> None:
    net = hg.Net(OnlyTraining(), hg.Linear(4, 2, rng=0))
    x = rows(40, 4)
    with pytest.warns(UserWarning, match="training eagerly"):
        reports = hg.train(
            net, (x, x[:, :2]), loss=hg.MSELoss(), optimizer=hg.SGD(0.1), epochs=100_000,
            validation=(x, x[:, :2]), engine="auto", rng=0,
        )  # fmt: skip
    next(iter(reports))


# foreign memory is read or written: these kill the process while they are open
@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.int16])
def test_whole_numbers_of_any_size_as_inputs(kind: Any) -> None:
    x = (np.arange(14) % 5).reshape(7, 2).astype(kind)
    losses = []
    engines: tuple[Any, ...] = ("eager", "compiled")
    for engine in engines:
        net = hg.Net(hg.Embedding(5, 3, rng=0), Row(), hg.Linear(6, 2, rng=0))
        reports = hg.train(
            net, (x, np.ones((7, 2))), loss=hg.MSELoss(), optimizer=hg.SGD(0.1), epochs=2,
            batch_size=3, rng=0, engine=engine,
        )  # fmt: skip
        losses.append([report.train_loss for report in reports])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_an_engine_takes_no_targets_of_another_type(kind: Any) -> None:
    net = hg.Net(hg.Linear(4, 2, rng=0), dtype=np.float64)
    with pytest.raises((hg.errors.ShapeError, CannotLowerError)):
        engine_of(
            CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), rows(7, 4), np.ones((7, 2), kind), 3
        )


class Sliced(hg.Layer):
    """A table of 15 rows, one for each row of the batch."""

    param_names = ("T",)

    def __init__(self) -> None:
        super().__init__()
        self.T = np.ones((15, 4))

    def forward(self, x: Any) -> Any:
        return x + self.T[: len(x)]

    def backward(self, dy: Any) -> Any:
        d = np.zeros_like(self.T)
        d[: len(dy)] = dy
        self.dT = d
        return dy


class Picked(Sliced):
    def forward(self, x: Any) -> Any:
        return x + self.T[np.arange(len(x))]


@pytest.mark.parametrize("layer", [Sliced, Picked])
def test_a_batch_larger_than_a_table_of_rows_is_refused(layer: Any) -> None:
    net = hg.Net(layer(), hg.Linear(4, 2, rng=0), dtype=np.float64)
    with pytest.raises((CannotLowerError, hg.errors.ShapeError, hg.errors.DataError)):
        engine_of(
            CompiledEngine, net, hg.MSELoss(), hg.SGD(0.01), rows(40, 4), np.ones((40, 2)), 40
        )
