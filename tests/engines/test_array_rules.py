"""Rules of optimizers that see each parameter in its shape: the same from every engine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.loops.ir import Let, walk
from handgrad.engines.portable.model import portable_model
from handgrad.textbook.layers import Array
from handgrad.textbook.optimizers.muon import orthogonalized

X, Y = hg.data.make_classification(60, rng=0)


class LAMB(hg.optimizers.Optimizer):
    """You et al., "Large Batch Optimization for Deep Learning", 2020."""

    state_names = ("m", "v")
    elementwise = False

    def rule(
        self, w: Array, dw: Array, m: Array, v: Array, *, learning_rate: float, step: int
    ) -> Any:
        m = 0.9 * m + 0.1 * dw
        v = 0.999 * v + 0.001 * dw**2
        r = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.999**step)) + 1e-6) + 0.01 * w
        length, of_step = np.sqrt((w * w).sum()), np.sqrt((r * r).sum())
        trust = np.where((length > 0) & (of_step > 0), length / (of_step + 1e-12), 1.0)
        return w - learning_rate * trust * r, m, v


class Adafactor(hg.optimizers.Optimizer):
    """Shazeer, Stern, "Adafactor", 2018; the means of rows and columns lie in the first of each."""

    state_names = ("rows", "columns")
    elementwise = False

    def rule(
        self, w: Array, dw: Array, rows: Array, columns: Array, *, learning_rate: float, step: int
    ) -> Any:
        beta, squares = 1 - step**-0.8, dw**2 + 1e-30
        if w.ndim == 1:
            rows = beta * rows + (1 - beta) * squares
            u = dw / np.sqrt(rows)
        else:
            of_rows = beta * rows[:, :1] + (1 - beta) * squares.mean(axis=1, keepdims=True)
            of_columns = beta * columns[:1] + (1 - beta) * squares.mean(axis=0, keepdims=True)
            u = dw / np.sqrt(of_rows * of_columns / of_rows.mean())
            rows = np.broadcast_to(of_rows, w.shape) + 0 * w
            columns = np.broadcast_to(of_columns, w.shape) + 0 * w
        u = u / np.maximum(1, np.sqrt((u * u).mean()))
        return w - learning_rate * u, rows, columns


class Centered(hg.optimizers.Optimizer):
    """Yong et al., "Gradient Centralization", 2020: without state, and returns a view."""

    elementwise = False

    def rule(self, w: Array, dw: Array, *, learning_rate: float, step: int) -> Array:
        if w.ndim == 1:
            return w - learning_rate * dw
        return (w.T - learning_rate * (dw - dw.mean(axis=1, keepdims=True)).T).T


OPTIMIZERS: dict[str, Callable[[], hg.optimizers.Optimizer]] = {
    "Muon": lambda: hg.optimizers.Muon(0.02, weight_decay=0.1),
    "Muon, clipped": lambda: hg.optimizers.Muon(0.02, clip_norm=0.1, clip_value=0.05),
    "Muon, groups": lambda: hg.optimizers.Muon(
        0.02,
        weight_decay=0.1,
        groups={"*.b": {"weight_decay": 0.0}, "2.*": {"learning_rate_factor": 0.5}},
    ),
    "LAMB": lambda: LAMB(0.02),
    "Adafactor": lambda: Adafactor(0.02),
    "Centered": lambda: Centered(0.1),
}


def made(dtype: Any = np.float64) -> hg.Net:
    return hg.Net(
        hg.Linear(2, 9, rng=0),
        hg.Tanh(),
        hg.Linear(9, 9, rng=1),
        hg.ReLU(),
        hg.Linear(9, 2, rng=2),
        hg.Softmax(),
        dtype=dtype,
    )


def trained(net: hg.Net, optimizer: hg.optimizers.Optimizer, engine: Any) -> Array:
    data = {"loss": hg.CrossEntropyLoss(), "epochs": 4, "batch_size": 16, "rng": 0}
    for _ in hg.train(net, (X, Y), optimizer=optimizer, engine=engine, **data):  # type: ignore[arg-type]
        pass
    return net.parameters


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["compiled", "portable"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_engine_takes_the_eager_steps(name: str, engine: str) -> None:
    start = made().parameters
    eager, other = (trained(made(), OPTIMIZERS[name](), e) for e in ("eager", engine))
    assert np.abs(eager - start).max() > 1e-2
    np.testing.assert_allclose(other, eager, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_frozen_layers_stay_and_half_steps_have_the_bits_of_whole_ones(name: str) -> None:
    whole, halves = made(np.float32), made(np.float32)
    for net in (whole, halves):
        net.layers[2].freeze()
    before = whole.layers[2].W.copy()
    for _ in hg.train(
        whole,
        (X, Y),
        loss=hg.CrossEntropyLoss(),
        optimizer=OPTIMIZERS[name](),
        epochs=1,
        batch_size=20,
        shuffle=False,
        engine="compiled",
    ):
        pass
    step = hg.compile(halves, hg.CrossEntropyLoss(), OPTIMIZERS[name](), engine="compiled")
    for start in (0, 20, 40):
        step.gradients(X[start : start + 20], Y[start : start + 20])
        step.apply()
    np.testing.assert_array_equal(whole.parameters, halves.parameters)
    np.testing.assert_array_equal(whole.layers[2].W, before)


def test_a_kernel_of_a_convolution_is_a_matrix_for_muon() -> None:
    data = np.random.default_rng(0).standard_normal((20, 16)), np.zeros((20, 27))
    moved: list[Array] = []
    for engine in ("eager", "compiled"):
        net = hg.Net(
            hg.layers.Reshape(1, 4, 4), hg.Conv2d(1, 3, 2, rng=0), hg.Flatten(), dtype=np.float64
        )
        before = net.layers[1].W.copy()
        for _ in hg.train(
            net, data, loss=hg.MSELoss(), optimizer=hg.optimizers.Muon(1.0), epochs=1,
            batch_size=20, engine=engine,
        ):  # fmt: skip
            pass
        moved.append(((before - net.layers[1].W) / (0.2 * 2)).reshape(3, 4))
    np.testing.assert_allclose(moved[1], moved[0], rtol=1e-9, atol=1e-11)
    values = np.linalg.svd(moved[0], compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.25


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (1, 4)])
def test_all_singular_values_come_near_1_and_the_directions_stay(shape: tuple[int, int]) -> None:
    u = np.random.default_rng(0).standard_normal(shape)
    o = orthogonalized(u, steps=5)
    left, _, right = np.linalg.svd(u, full_matrices=False)
    aligned = left.T @ o @ right.T
    np.testing.assert_allclose(aligned, np.diag(np.diag(aligned)), atol=1e-9)
    assert 0.6 < np.diag(aligned).min() <= np.diag(aligned).max() < 1.25
    np.testing.assert_array_equal(orthogonalized(0 * u, steps=5), 0 * u)


def test_an_elementwise_rule_that_sums_is_told_to_ask_for_arrays() -> None:
    class Summing(LAMB):
        elementwise = True

    with pytest.raises(hg.errors.SettingError, match="elementwise = False in its class"):
        trained(made(), Summing(0.1), "compiled")


def test_a_rule_that_needs_a_matrix_tells_of_vectors() -> None:
    class OfMatrices(hg.optimizers.Optimizer):
        elementwise = False

        def rule(self, w: Array, dw: Array, *, learning_rate: float, step: int) -> Array:
            return w - learning_rate * dw.reshape(-1, 3)

    with pytest.raises(hg.errors.SettingError, match=r"shape \(9, 2\).*\n.*any shape"):
        trained(made(), OfMatrices(0.1), "eager")


@pytest.mark.parametrize("depth", range(1, 9))
def test_variables_of_a_rule_are_none_of_the_step(depth: int) -> None:
    layers = [layer for i in range(depth) for layer in (hg.Linear(4, 4, rng=i), hg.layers.ELU())]
    x = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    training = portable_model(
        hg.Net(*layers),
        loss=hg.losses.MAELoss(),
        optimizer=hg.optimizers.Muon(0.01),
        penalty=hg.penalties.L1Penalty(0.3),
        x=x,
        y=x,
        batch_size=2,
        rng=0,
    ).training
    assert training is not None
    types: dict[str, set[str]] = {}
    for statement in walk(training.body):
        if isinstance(statement, Let):
            types.setdefault(statement.name, set()).add(statement.value.type)
    assert {name for name, kinds in types.items() if len(kinds) > 1} == set()
