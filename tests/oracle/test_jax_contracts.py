"""The JAX engine keeps what every engine promises: halves, members, divergence, parts, bounds."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import Epoch, EpochProgress
from handgrad.engines.jax.engine import JaxEngine
from handgrad.engines.jax.operations import jax_function, precision_of
from handgrad.graph.operations import Op
from tests.engines.against_eager import streams
from tests.engines.one_epoch import engine_of, run_epoch, run_epochs
from tests.engines.test_compiled import embedded
from tests.engines.test_rows_of_members import copied, net_for, rows

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(70, 4)), RNG.integers(0, 3, 70)
W = RNG.uniform(0.5, 2, 70)
LOSS = hg.CrossEntropyLoss()


def small(dtype: Any = np.float64) -> hg.Net:
    layers = (hg.Linear(4, 6, rng=1), hg.Tanh(), hg.Linear(6, 3, rng=2), hg.Softmax())
    net = hg.Net(*layers, dtype=dtype)
    net.seed(5)
    return net


def with_state_and_draws() -> hg.Net:
    layers = (hg.Linear(4, 6, rng=1), hg.Tanh(), hg.BatchNorm(6), hg.Dropout(0.3))
    net = hg.Net(*layers, hg.Linear(6, 3, rng=2), hg.Softmax(), dtype=np.float64)
    net.seed(5)
    return net


def jax_engine(
    net: hg.Net, optimizer: hg.optimizers.Optimizer | None = None, **options: Any
) -> JaxEngine:
    given: dict[str, Any] = {"x": X, "y": Y, "batch_size": 16, "loss": LOSS} | options
    return engine_of(JaxEngine, net, optimizer=optimizer or hg.SGD(0.1), **given)


def test_every_operation_has_its_counterpart() -> None:
    for operation in Op:
        if operation not in (Op.LEAF, Op.RANDOM, Op.WRITE):  # WRITE is of lowered graphs alone
            assert callable(jax_function(operation)), operation


OPTIMIZERS: dict[str, Callable[[], hg.optimizers.Optimizer]] = {
    "SGD": lambda: hg.SGD(0.1),
    "NAdam, clipped": lambda: hg.optimizers.NAdam(0.01, clip_norm=0.5, weight_decay=0.01),
    "groups": lambda: hg.SGD(0.1, momentum=0.9, groups={"*.b": {"learning_rate_factor": 0.5}}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("net_of", [small, with_state_and_draws])
@pytest.mark.parametrize("w", [None, W], ids=["alike", "weighted"])
def test_both_halves_come_to_an_epoch(name: str, net_of: Callable[[], hg.Net], w: Any) -> None:
    whole, halves = net_of(), net_of()
    order = np.random.default_rng(1).permutation(len(Y))
    options: dict[str, Any] = {"w": w, "penalty": hg.penalties.L2Penalty(0.01), "held_out": [X[:5]]}
    fused, engine = (jax_engine(net, OPTIMIZERS[name](), **options) for net in (whole, halves))
    expected = run_epoch(fused, order)
    predictions, losses, counts = [], [], []
    for start in range(0, len(Y), 16):
        batch = order[start : start + 16]
        loss, p = engine.gradients(batch)
        engine.apply(engine.optimizer.learning_rate)
        predictions.append(p)
        losses.append(loss)
        counts.append(engine.counted(batch))
    close: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(halves.parameters, whole.parameters, **close)
    np.testing.assert_allclose(halves.running_state, whole.running_state, **close)
    np.testing.assert_allclose(np.concatenate(predictions), expected.predictions, **close)
    np.testing.assert_allclose(engine.predict_held_out()[0], expected.held_out[0], **close)
    assert engine.step[0] == fused.step[0] == len(losses)
    for mine, other in zip(engine.optimizer_state, fused.optimizer_state, strict=True):
        np.testing.assert_allclose(mine, other, **close)
    assert np.average(losses, weights=counts) == pytest.approx(expected.loss, rel=1e-12)
    assert streams(halves) == streams(whole)


def test_gradients_are_those_of_the_pages_and_of_frozen_layers_0() -> None:
    net = small()
    twin = copy.deepcopy(net)
    loss, p = jax_engine(net).gradients(np.arange(20))
    expected = engine_of(EagerEngine, twin, LOSS, hg.SGD(0.1), X, Y, 16).gradients(np.arange(20))
    assert loss == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(p, expected[1], rtol=1e-12)
    np.testing.assert_allclose(net.gradients, twin.gradients, rtol=1e-10, atol=1e-14)
    net.layers[0].freeze()
    jax_engine(net).gradients(np.arange(20))
    np.testing.assert_array_equal(net.gradients[:30], 0)
    np.testing.assert_allclose(net.gradients[30:], twin.gradients[30:], rtol=1e-10, atol=1e-14)


def test_weights_that_somebody_else_wrote_are_those_it_goes_on_from() -> None:
    found = []
    for kind in (EagerEngine, JaxEngine):
        net = small()
        engine = engine_of(kind, net, LOSS, hg.SGD(0.1, momentum=0.9), X, Y, 16)
        run_epoch(engine, np.arange(70))
        net.parameters[...] *= 0.5
        engine.optimizer_state[0][...] = 0.25
        run_epoch(engine, np.arange(70))
        engine.put_back()
        found.append(net.parameters.copy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 3])
def test_rows_of_members_are_as_copies(k: int, weighted: bool) -> None:
    found = []
    w = np.linspace(0.1, 1, 50) if weighted else None
    shared = rows(np.float64, k)
    for x, y in (shared, tuple(map(copied, shared))):
        net = net_for(np.float64, k)
        engine = jax_engine(net, hg.Adam(0.1), x=x, y=y, w=w, loss=hg.MSELoss())
        epoch = run_epoch(engine, np.random.default_rng(0).permutation(50))
        loss, p = engine.gradients(np.array([3, 49, 0]))
        found.append((net.parameters, epoch.predictions, epoch.loss, loss, p))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("net_of", [small, with_state_and_draws])
@pytest.mark.parametrize("bad", [0, 21, 69])
def test_divergence_names_the_batch_and_leaves_what_was_before_it(
    net_of: Callable[[], hg.Net], bad: int
) -> None:
    x = X.copy()
    x[bad] = np.nan
    found, drawn = [], []
    for kind in (EagerEngine, JaxEngine):
        net = net_of()
        engine = engine_of(kind, net, LOSS, hg.Adam(0.01), x, Y, 16)
        epoch = run_epoch(engine, np.arange(70))
        assert epoch.diverged_at == bad // 16 + 1
        assert not np.isfinite(epoch.loss)
        assert engine.step[0] == bad // 16
        found.append((net.parameters, engine.optimizer_state[1], epoch.predictions))
        drawn.append(streams(net))
    assert drawn[0] == drawn[1]
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_weights_that_are_not_finite_end_a_pass() -> None:
    net = small()
    epoch = run_epoch(jax_engine(net, hg.SGD(1e308), x=9 * X), np.arange(70))
    assert epoch.diverged_at is not None


def test_a_long_pass_comes_in_parts_and_goes_on_from_any(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, net = with_state_and_draws(), with_state_and_draws()
    order = np.random.default_rng(1).permutation(len(Y))
    expected = run_epoch(jax_engine(whole, hg.Adam(0.01)), order)
    monkeypatch.setattr("handgrad.engines.jax.engine.BYTES_DRAWN", 2 * 16 * 6 * 8)
    engine = jax_engine(net, hg.Adam(0.01))
    assert engine.batches_at_once() == 2
    passes = run_epochs(engine, order[None])
    first = next(passes)
    assert isinstance(first, EpochProgress)
    assert first.rows == 32
    *_, last = engine.run_epochs(order[None], np.full((1, 5), 0.01), first)
    assert isinstance(last, Epoch)
    np.testing.assert_allclose(last.predictions, expected.predictions, rtol=1e-12)
    np.testing.assert_allclose(net.parameters, whole.parameters, rtol=1e-12)
    assert last.loss == pytest.approx(expected.loss, rel=1e-12)


@pytest.mark.parametrize("wrong", [5, -1, 10**9])
def test_an_index_out_of_range_is_refused(wrong: int) -> None:
    net, x = embedded()
    y = np.zeros((7, 2))
    bad = x.copy()
    bad[4, 1] = wrong
    for training, held_out in ((bad, []), (x, [bad])):
        with pytest.raises(hg.errors.DataError, match=r"(?s)indices from .* in x.*from 0 to 4"):
            engine_of(JaxEngine, net, hg.MSELoss(), hg.SGD(0.1), training, y, 3, held_out)
    net.predict(x, engine="jax")
    with pytest.raises(hg.errors.DataError):
        net.predict(bad, engine="jax")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saturated_softmax_stays_finite(dtype: Any) -> None:
    net = hg.Net(hg.Linear(1, 2, rng=0, dtype=dtype), hg.Softmax())
    net.layers[0].W = np.array([[1000.0], [-1000.0]])
    x, y = np.array([[1.0], [1.0]], dtype), np.array([1, 0])
    found = run_epoch(jax_engine(net, x=x, y=y, batch_size=2), np.arange(2))
    assert found.loss == pytest.approx(1000.0)
    assert np.isfinite(net.parameters).all()


class Noisy(hg.Layer):
    """y = x + noise, of normal draws: no machine code draws those."""

    def forward(self, x: Any) -> Any:
        return x + self.rng.normal(0, 0.1, x.shape).astype(x.dtype) if self.training else x

    def backward(self, dy: Any) -> Any:
        return dy


def test_whatever_a_page_draws_is_drawn() -> None:
    found = []
    engines: tuple[Any, ...] = ("eager", "jax")
    for engine in engines:
        net = hg.Net(Noisy(), small(), dtype=np.float64)
        hg.fit(net, (X, Y), loss=LOSS, optimizer=hg.SGD(0.1), epochs=2, rng=3, engine=engine)
        found.append(net.parameters)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-10)


def test_others_see_nothing_of_64_bits() -> None:
    before = jax.config.jax_enable_x64
    net = small()
    run_epoch(jax_engine(net), np.arange(70))
    assert net.predict(X, engine="jax").dtype == np.float64
    assert jax.config.jax_enable_x64 == before
    with precision_of(np.dtype(np.float32)):
        assert not jax.config.jax_enable_x64


def test_lbfgs_runs_over_its_gradients() -> None:
    found = []
    for engine in ("eager", "jax"):
        net = small()
        options: dict[str, Any] = {
            "penalty": hg.penalties.L2Penalty(0.1),
            "epochs": 30,
            "engine": engine,
        }
        found.append(
            hg.fit(net, (X, Y), loss=LOSS, optimizer=hg.optimizers.LBFGS(), **options)[
                -1
            ].train_loss
        )
    assert found[1] == pytest.approx(found[0], rel=1e-6)


def test_a_training_resumes_with_the_bits_of_one_that_was_not_stopped(tmp_path: Path) -> None:
    options: dict[str, Any] = {"loss": LOSS, "optimizer": hg.Adam(0.01), "engine": "jax", "rng": 4}
    data: dict[str, Any] = {"data": (X, Y), "validation": 0.2, "checkpoint": tmp_path}
    hg.fit(whole := with_state_and_draws(), epochs=6, **options, data=(X, Y), validation=0.2)
    hg.fit(with_state_and_draws(), epochs=3, **options, **data)
    hg.fit(net := with_state_and_draws(), epochs=6, **options, **data, resume=True)
    np.testing.assert_array_equal(net.parameters, whole.parameters)
    np.testing.assert_array_equal(net.running_state, whole.running_state)


def test_pages_that_changed_are_seen_by_predictions() -> None:
    net = small()
    before = net.predict(X, engine="jax")
    net.layers[0].W = 2 * net.layers[0].W
    assert not np.allclose(net.predict(X, engine="jax"), before)
    net.layers[1] = hg.ReLU()
    np.testing.assert_allclose(
        net.predict(X, engine="jax"), net.predict(X, engine="eager"), rtol=1e-12
    )


def test_many_rows_are_predicted_in_parts() -> None:
    net = small()
    x = np.random.default_rng(3).normal(size=(2100, 4))
    found = net.predict(x, engine="jax")
    np.testing.assert_allclose(found, net.predict(x, engine="eager"), rtol=1e-12)


def test_its_environment_says_what_computes() -> None:
    told = jax_engine(small()).environment()
    assert told["jax"] == jax.__version__
    assert told["device of JAX"].startswith("cpu")


class ByTheWhole(hg.optimizers.Optimizer):
    """A step by the gradient's largest number."""

    def rule(self, w: Any, dw: Any, *, learning_rate: float, step: int) -> Any:
        return (w - learning_rate * dw / dw.max(),)


def test_a_rule_that_asks_for_the_whole_gradient_is_refused() -> None:
    with pytest.raises(hg.errors.SettingError, match="max in an elementwise update rule"):
        hg.fit(small(), (X, Y), loss=LOSS, optimizer=ByTheWhole(0.1), epochs=1, engine="jax")
