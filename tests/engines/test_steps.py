"""What passes from step to step: state, the optimizer's memory, rows, the last batch."""

import copy
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled import cache, machine_code
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.eager import EagerEngine
from handgrad.engines.fingerprint import TRACES
from handgrad.graph import interpret
from tests.engines.one_epoch import engine_of, run_epoch
from tests.graph import pages


def data(n: int = 7) -> tuple[Any, Any]:
    rng = np.random.default_rng(n)
    return rng.standard_normal((n, 4)), rng.standard_normal((n, 2))


def engines(
    layer: hg.Layer,
    optimizer: hg.optimizers.Optimizer,
    batch_size: int = 3,
    *,
    python: bool = False,
    rows: tuple[Any, Any] | None = None,
) -> tuple[EagerEngine, CompiledEngine]:
    """Both engines on copies of a net that begins with that layer."""
    net = hg.Net(layer, hg.Linear(4, 2, rng=0), dtype=np.float64)
    x, y = rows or data()
    twin = copy.deepcopy(net)
    compiled = engine_of(CompiledEngine, net, hg.MSELoss(), optimizer, x, y, batch_size)
    if python:
        compiled.run = PythonRunner(compiled.run.program)
    return engine_of(EagerEngine, twin, hg.MSELoss(), optimizer, x, y, batch_size), compiled


def assert_together(eager: EagerEngine, compiled: CompiledEngine) -> None:
    """Another epoch on both: everything that comes out must agree."""
    order = np.random.default_rng(7).permutation(len(eager.y))
    expected = run_epoch(eager, order)
    found = run_epoch(compiled, order)
    assert found.loss == pytest.approx(expected.loss, rel=1e-11)
    np.testing.assert_allclose(found.predictions, expected.predictions, 1e-11, 1e-13)
    for name in ("parameters", "gradients", "running_state"):
        np.testing.assert_allclose(
            getattr(compiled.net, name), getattr(eager.net, name), 1e-11, 1e-13, err_msg=name
        )
    for one, other in zip(compiled.optimizer_state, eager.optimizer_state, strict=True):
        np.testing.assert_allclose(one, other, 1e-11, 1e-13)
    assert compiled.step.item() == eager.step


class Lagging(hg.Layer):
    """y = g x, and a step along g that is scaled by the mean of the batches before this one."""

    param_names = ("g",)
    state_names = ("mean",)

    def __init__(self) -> None:
        super().__init__()
        self.g, self.mean = np.ones(4), np.ones(4)

    def forward(self, x: Any) -> Any:
        self.x = x
        self.scale = 2 * self.mean
        self.mean = 0.5 * self.mean + 0.5 * x.mean(axis=0)
        return self.g * x

    def backward(self, dy: Any) -> Any:
        self.dg = self.scale * (self.x * dy).sum(axis=0)
        return self.g * dy


@pytest.mark.parametrize("batch_size", [2, 3, 7])
def test_state_is_read_as_it_was_before_the_step(batch_size: int) -> None:
    eager, compiled = engines(Lagging(), hg.SGD(0.01), batch_size)
    for _ in range(3):
        assert_together(eager, compiled)


class OfTheWeights(hg.optimizers.Optimizer):
    """m follows the weights and the gradient; the new weights follow the new m."""

    state_names = ("m", "k")

    def rule(self, w: Any, dw: Any, m: Any, k: Any, *, learning_rate: Any, step: Any) -> Any:
        new_m = 0.9 * m + dw + 0.1 * w
        return w - learning_rate * new_m / (1 + step), new_m, 0.5 * k + m


def test_the_memory_of_an_optimizer_follows_the_weights_before_its_step() -> None:
    eager, compiled = engines(hg.Linear(4, 4, rng=1), OfTheWeights(0.05))
    for _ in range(3):
        assert_together(eager, compiled)


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_gradients_of_the_others_stay_in_their_place_where_one_layer_is_frozen(frozen: int) -> None:
    layers = [hg.Linear(4, 4, rng=i) for i in range(3)]
    net = hg.Net(*layers, hg.Linear(4, 2, rng=3), dtype=np.float64)
    net.layers[frozen].freeze()
    twin, (x, y) = copy.deepcopy(net), data()
    compiled = engine_of(CompiledEngine, net, hg.MSELoss(), OfTheWeights(0.05), x, y, 3)
    eager = engine_of(EagerEngine, twin, hg.MSELoss(), OfTheWeights(0.05), x, y, 3)
    before = net.layers[frozen].W.copy()
    for engine in (eager, compiled):
        run_epoch(engine, np.arange(7))
    np.testing.assert_array_equal(net.layers[frozen].W, before)
    np.testing.assert_allclose(net.parameters, twin.parameters, 1e-11, 1e-13)


class Counted(hg.optimizers.Optimizer):
    """w − rate · step · dw: the number of the step in plain sight."""

    def rule(self, w: Any, dw: Any, *, learning_rate: Any, step: Any) -> Any:
        return w - learning_rate * step * dw


def test_steps_are_counted_from_one_and_on_through_the_epochs() -> None:
    eager, compiled = engines(hg.Tanh(), Counted(1e-3))
    for epoch in range(1, 4):
        assert_together(eager, compiled)
        assert compiled.step.item() == 3 * epoch


def test_the_learning_rate_may_change_between_epochs() -> None:
    optimizer = hg.SGD(0.1)
    eager, compiled = engines(hg.Tanh(), optimizer)
    for rate in (0.1, 0.01, 0.2):
        optimizer.learning_rate = rate
        assert_together(eager, compiled)


@pytest.mark.parametrize("n", [1, 2, 6, 7, 50])
def test_any_number_of_rows_is_taken(n: int) -> None:
    eager, compiled = engines(hg.Tanh(), hg.SGD(0.1), rows=data(n))
    assert_together(eager, compiled)
    assert_together(eager, compiled)


@pytest.mark.parametrize("python", [True, False])
@pytest.mark.parametrize("bad", [0, 2, 5])
def test_divergence_is_told_in_its_own_batch_before_anything_moves(bad: int, python: bool) -> None:
    x, y = data()
    y[bad] = 1e200
    eager, compiled = engines(hg.Tanh(), hg.SGD(0.1), 1, python=python, rows=(x, y))
    with np.errstate(all="ignore"):
        for engine in (eager, compiled):
            assert run_epoch(engine, np.arange(7)).diverged_at == bad + 1
    np.testing.assert_allclose(compiled.net.parameters, eager.net.parameters, 1e-11, 1e-13)


def test_the_loss_of_a_short_last_batch_counts_by_its_rows() -> None:
    net = hg.Net(hg.Linear(1, 1, initializer="zeros"), dtype=np.float64)
    net.freeze()
    x, y = np.zeros((5, 1)), np.array([[1.0], [1.0], [1.0], [1.0], [6.0]])
    compiled = engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), x, y, 4)
    assert run_epoch(compiled, np.arange(5)).loss == (4 * 1 + 36) / 5


def test_predictions_stand_in_the_order_of_the_visit() -> None:
    net = hg.Net(hg.Standardize(np.zeros(1), np.ones(1)), dtype=np.float64)
    x = np.arange(7.0)[:, None]
    order = np.array([6, 2, 4, 0, 5, 1, 3])
    compiled = engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), x, x, 3)
    assert run_epoch(compiled, order).predictions.ravel().tolist() == order.tolist()


@pytest.mark.parametrize("name", ["x", "y", "held_out"])
@pytest.mark.parametrize("other", [np.int64, np.int32, np.float32])
def test_rows_of_another_type_than_the_program_reads_are_refused(name: str, other: Any) -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0), dtype=np.float64)
    rows = {"x": np.ones((8, 2)), "y": np.ones((8, 1)), "held_out": np.ones((8, 2))}
    rows[name] = rows[name].astype(other)
    settings: Any = {"held_out": [rows["held_out"]], "batch_size": 4}
    with pytest.raises(
        hg.errors.ShapeError, match=rf"of type {np.dtype(other)}(?s:.*)astype\('float64'\)"
    ):
        engine_of(CompiledEngine, net, hg.MSELoss(), hg.SGD(0.1), rows["x"], rows["y"], **settings)


def test_machine_code_of_another_processor_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def kept(key: str, make: Any) -> bytes:
        keys.append(key)
        return make()

    monkeypatch.setattr(cache, "get_or_make", kept)
    machine_code.in_memory.clear()
    TRACES.entries.clear()
    engines(hg.Tanh(), hg.SGD(0.1))
    machine_code.in_memory.clear()
    TRACES.entries.clear()
    engines(hg.Tanh(), hg.SGD(0.1))
    monkeypatch.setattr(machine_code, "processor", lambda: "another")
    TRACES.entries.clear()
    engines(hg.Tanh(), hg.SGD(0.1))
    assert keys[0] == keys[1] != keys[2]


def test_a_step_of_the_program_is_a_step_of_the_graph() -> None:
    layer = pages.BatchNorm(4)
    _, compiled = engines(layer, hg.SGD(0.1), 7)
    net, (x, y) = compiled.net, data()
    graph = hg.trace(net, hg.MSELoss(), x=x, y=y)
    expected = interpret(graph, {"x": x, "y": y}, 7, net.state())
    found = run_epoch(compiled, np.arange(7))
    np.testing.assert_allclose(found.predictions, expected.named()["prediction"], 1e-11, 1e-13)
    for path, array in net.named_states().items():
        np.testing.assert_allclose(array, expected.new_state[path], 1e-11, 1e-13)
