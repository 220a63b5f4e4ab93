"""Recurrences of one's own, of hundreds of steps: no expression is as deep as they are long."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.fingerprint import TRACES
from handgrad.engines.loops import memory_planning
from handgrad.engines.portable.engine import PortableEngine
from handgrad.engines.portable.python import PortablePythonRunner
from handgrad.textbook.net.predictor import EngineName
from tests.engines.against_eager import compare
from tests.engines.one_epoch import engine_of, run_epoch


class PlainPython(CompiledEngine):
    """The loop program as Python: no machine code is made of these long texts."""

    name: EngineName = "eager"  # so that no trace of the other is taken
    runner = PythonRunner


class PlainPortablePython(PortableEngine):
    """The same of the portable one."""

    name: EngineName = "eager"
    runner = PortablePythonRunner


class IndRNN(hg.Layer):
    """h[t] = tanh(x[t] + a h[t−1]); da is summed step by step."""

    param_names = ("a",)

    def __init__(self) -> None:
        super().__init__()
        self.a = np.array([0.3, 0.9])

    def forward(self, x: Any) -> Any:
        self.x, self.h = x, [np.zeros_like(x[:, 0])]
        for t in range(x.shape[1]):
            self.h.append(np.tanh(x[:, t] + self.a * self.h[-1]))
        return self.h[-1]

    def backward(self, dy: Any) -> Any:
        dx, da = np.zeros_like(self.x), np.zeros_like(self.a)
        for t in reversed(range(self.x.shape[1])):
            dx[:, t] = dy * (1 - self.h[t + 1] ** 2)
            da = da + (dx[:, t] * self.h[t]).sum(axis=0)
            dy = dx[:, t] * self.a
        self.da = da
        return dx


class Diagonal(hg.Layer):
    """h[t] = a h[t−1] + x[t], the state space of S4D; dA = dA + … once a step, then summed."""

    param_names = ("a",)

    def __init__(self) -> None:
        super().__init__()
        self.a = np.array([0.5, 0.99])

    def forward(self, x: Any) -> Any:
        self.x, self.h = x, [np.zeros_like(x[:, 0])]
        for t in range(x.shape[1]):
            self.h.append(self.a * self.h[-1] + x[:, t])
        return self.h[-1]

    def backward(self, dy: Any) -> Any:
        dx, dA = np.zeros_like(self.x), np.zeros_like(dy)
        for t in reversed(range(self.x.shape[1])):
            dA = dA + dy * self.h[t]
            dx[:, t] = dy
            dy = dy * self.a
        self.da = dA.sum(axis=0)
        return dx


class MinGRU(hg.Layer):
    """h[t] = (1 − a) h[t−1] + a x[t], all of them, stacked from a list."""

    param_names = ("a",)

    def __init__(self) -> None:
        super().__init__()
        self.a = np.array([0.5, 0.1])

    def forward(self, x: Any) -> Any:
        self.x, self.h = x, [np.zeros_like(x[:, 0])]
        for t in range(x.shape[1]):
            self.h.append((1 - self.a) * self.h[-1] + self.a * x[:, t])
        return np.stack(self.h[1:], axis=1)

    def backward(self, dy: Any) -> Any:
        dx, da, dh = [], np.zeros_like(self.a), np.zeros_like(dy[:, 0])
        for t in reversed(range(self.x.shape[1])):
            dh = dh + dy[:, t]
            da = da + (dh * (self.x[:, t] - self.h[t])).sum(axis=0)
            dx.append(dh * self.a)
            dh = dh * (1 - self.a)
        self.da = da
        return np.stack(dx[::-1], axis=1)


PAGES: dict[str, Callable[[], tuple[hg.Layer, ...]]] = {
    "IndRNN": lambda: (IndRNN(),),
    "Diagonal": lambda: (Diagonal(),),
    "MinGRU": lambda: (MinGRU(), hg.layers.MeanOverTime()),
}


def long_net(name: str, steps: int) -> tuple[hg.Net, Any, Any]:
    layers = (hg.layers.FeatureScale((steps, 2)), *PAGES[name](), hg.Linear(2, 1, rng=0))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, steps, 2))
    return hg.Net(*layers, dtype=np.float64), x, rng.standard_normal((5, 1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "steps", "kind"),
    [
        ("IndRNN", 400, PlainPython),
        ("MinGRU", 400, PlainPython),
        ("Diagonal", 400, PlainPortablePython),
        ("Diagonal", 1000, PlainPython),
    ],
)
def test_they_train_as_their_pages_do(name: str, steps: int, kind: Any) -> None:
    net, x, y = long_net(name, steps)
    compare(net, hg.MSELoss(), hg.SGD(0.01), x, y, 4, kind=kind, epochs=1)


def test_a_net_of_a_thousand_activations_predicts() -> None:
    net = hg.Net(hg.Linear(2, 2, rng=0), *(hg.Tanh() for _ in range(1000)))
    x = np.random.default_rng(0).standard_normal((3, 2)).astype(np.float32)
    expected = net.predict(x, engine="eager")
    engines: tuple[EngineName, ...] = ("compiled", "portable")
    for engine in engines:
        found = net.predict(x, engine=engine)
        np.testing.assert_allclose(found, expected, 1e-4, 1e-6)


def test_an_update_of_hundreds_of_operations_is_that_of_its_rule() -> None:
    class SmallSteps(hg.optimizers.Optimizer):
        def rule(self, w: Any, dw: Any, *, learning_rate: float, step: int) -> Any:
            for _ in range(500):
                w = w - learning_rate / 500 * np.tanh(w) - learning_rate / 500 * dw
            return w

    net = hg.Net(hg.Linear(2, 1, rng=0), dtype=np.float64)
    x, y = np.random.default_rng(0).standard_normal((2, 5, 1))
    compare(net, hg.MSELoss(), SmallSteps(0.1), np.hstack([x, y]), y, 4, kind=PlainPython, epochs=1)


@pytest.mark.parametrize("kind", [CompiledEngine, PortableEngine])
def test_where_expressions_are_cut_changes_no_bit(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TRACES, "get_or_make", lambda make, *form: make(None))
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((20, k)).astype(np.float32) for k in (6, 3))
    found: list[Any] = []
    for most in (1, 4, memory_planning.MAX_FUSED):
        monkeypatch.setattr(memory_planning, "MAX_FUSED", most)
        net = hg.Net(
            hg.Linear(6, 9, rng=0), hg.layers.Mish(), hg.LayerNorm(9), hg.Linear(9, 3, rng=1)
        )
        net = copy.deepcopy(net)
        engine = engine_of(kind, net, hg.losses.HuberLoss(), hg.Adam(0.01), x, y, 8)
        epoch = run_epoch(engine, np.arange(20))
        found.append([epoch.predictions.copy(), net.parameters.copy(), net.gradients.copy()])
    for numbers in found[:-1]:
        for one, other in zip(numbers, found[-1], strict=True):
            np.testing.assert_array_equal(one, other)
