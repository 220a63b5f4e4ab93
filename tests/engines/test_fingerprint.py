"""Trainings that are alike are recorded once; what differs in a setting is recorded by itself."""

import gc
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines import fingerprint
from handgrad.engines.compiled import engine, plan
from handgrad.engines.fingerprint import TRACES, TraceCache
from handgrad.textbook.optimizers import Optimizer
from tests.engines.one_epoch import engine_of

X, Y = hg.data.make_moons(40, rng=0)


class Scaled(hg.Layer):
    """y = factor x, with a factor of any type."""

    def __init__(self, factor: Any) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Any) -> Any:
        return x * self.factor

    def backward(self, dy: Any) -> Any:
        return dy * self.factor


class Doubled(Scaled):
    """The same settings, other pages."""

    def forward(self, x: Any) -> Any:
        return x * self.factor * 2


def net(*inner: hg.Layer, seed: int = 0, dtype: Any = np.float32) -> hg.Net:
    layers = [hg.Linear(2, 4, rng=seed), *inner, hg.Linear(4, 2, rng=seed + 1), hg.Softmax()]
    return hg.Net(*layers, dtype=dtype)


def frozen() -> hg.Net:
    made = net(hg.Tanh())
    made.layers[0].freeze()
    return made


def run(net: hg.Net, **changed: Any) -> dict[str, Any]:
    return {"net": net, "data": (X, Y), "optimizer": hg.Adam(0.01), "rng": 0} | changed


def alone(run: dict[str, Any]) -> hg.Net:
    """The net of a run, trained by itself."""
    own = {name: value for name, value in run.items() if name not in ("net", "data")}
    hg.fit(run["net"], run["data"], **{**SHARED, **own})
    trained: hg.Net = run["net"]
    return trained


SHARED: dict[str, Any] = {
    "loss": hg.CrossEntropyLoss(),
    "epochs": 3,
    "batch_size": 8,
    "engine": "compiled",
}

ALIKE: dict[str, Callable[[int], dict[str, Any]]] = {
    "weights": lambda i: run(net(hg.Tanh(), seed=i)),
    "random streams": lambda i: run(net(hg.Dropout(0.3), seed=i), rng=i),
    "rows": lambda i: run(net(hg.Tanh()), data=(X[i:], Y[i:])),
    "running state": lambda i: run(
        hg.Net(hg.Standardize.of(X + i), hg.Linear(2, 2, rng=0), hg.Softmax())
    ),
    "tables that are equal": lambda i: run(net(Scaled(np.arange(4, dtype=np.float32)))),
}
APART: dict[str, Callable[[int], dict[str, Any]]] = {
    "a setting": lambda i: run(net(hg.Dropout((0.1, 0.4)[i]))),
    "the type of a setting": lambda i: run(net(Scaled((2, 2.0)[i]))),
    "a table": lambda i: run(net(Scaled(np.full(4, i + 1, np.float32)))),
    "the class of a layer": lambda i: run(net((Scaled, Doubled)[i](2.0))),
    "what is frozen": lambda i: run((frozen, lambda: net(hg.Tanh()))[i]()),
    "the type of the numbers": lambda i: run(net(hg.Tanh(), dtype=(np.float32, np.float64)[i])),
    "the optimizer": lambda i: run(net(), optimizer=hg.Adam(0.01, weight_decay=(0, 0.1)[i])),
    "groups": lambda i: run(
        net(), optimizer=hg.Adam(0.01, groups={("*.b", "*.W")[i]: {"learning_rate_factor": 2}})
    ),
    "the loss": lambda i: run(
        hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax()) if i else hg.Net(hg.Linear(2, 2, rng=0)),
        loss=(hg.SoftmaxCrossEntropyLoss(), hg.CrossEntropyLoss())[i],
    ),
    "the size of the batches": lambda i: run(net(), batch_size=(8, 16)[i]),
    "the penalty": lambda i: run(net(), penalty=hg.penalties.L2Penalty((0.1, 0.2)[i])),
    "a penalty or none": lambda i: run(net(), penalty=(None, hg.penalties.L2Penalty(0.1))[i]),
    "rows with weights": lambda i: run(net(), sample_weight=(None, np.arange(1, 41))[i]),
    "rows held out": lambda i: run(net(), validation=(None, (X, Y))[i]),
    "settings that nobody can compare": lambda i: run(net(Uncomparable(object()))),
}


class Uncomparable(hg.Layer):
    """y = x, with an attribute of which nobody knows what it is."""

    def __init__(self, thing: object) -> None:
        super().__init__()
        self.thing = thing

    def forward(self, x: Any) -> Any:
        return x * 1

    def backward(self, dy: Any) -> Any:
        return dy * 1


def recordings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows by one with each step that is recorded from now on, with nothing kept."""
    TRACES.entries.clear()
    seen: list[Any] = []
    real = plan.plan_of

    def counted(*arguments: Any, **predicts: Any) -> Any:
        seen.append(arguments)
        return real(*arguments, **predicts)

    monkeypatch.setattr("handgrad.engines.compiled.plan.plan_of", counted)
    return seen


@pytest.mark.parametrize(
    ("make", "times"),
    [*((make, 1) for make in ALIKE.values()), *((make, 2) for make in APART.values())],
    ids=[*ALIKE, *APART],
)
def test_what_is_alike_is_recorded_once_and_trains_as_alone(
    make: Any, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [alone(make(i)).parameters for i in range(2)]
    seen, runs = recordings(monkeypatch), [make(i) for i in range(2)]
    hg.fit_many(runs, **{name: SHARED[name] for name in SHARED if name not in runs[0]})
    assert len(seen) == times
    for run, parameters in zip(runs, expected, strict=True):
        np.testing.assert_array_equal(run["net"].parameters, parameters)


def train(*inner: hg.Layer, **changed: Any) -> hg.Net:
    trained = net(*inner)
    hg.fit(trained, (X, Y), **{"optimizer": hg.Adam(0.01), "rng": 0, **SHARED, **changed})
    return trained


def test_a_second_training_of_a_form_is_neither_recorded_nor_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = recordings(monkeypatch)
    first, second = (train(hg.Tanh(), optimizer=hg.Adam(rate)) for rate in (0.01, 0.5))
    assert len(seen) == 1
    assert not np.array_equal(first.parameters, second.parameters)
    again = train(hg.Tanh(), optimizer=hg.Adam(0.5), engine="eager")
    np.testing.assert_allclose(second.parameters, again.parameters, rtol=1e-3)


def test_what_was_not_asked_for_lately_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = recordings(monkeypatch)
    monkeypatch.setattr(fingerprint, "MAX_TRACES", 2)
    for rate in (0.1, 0.2, 0.1, 0.3, 0.1, 0.2):
        train(hg.Dropout(rate))
    assert len(seen) == len([0.1, 0.2, 0.3, 0.2])


def test_so_many_are_kept_and_the_rest_is_let_go() -> None:
    kept, made = TraceCache(), WeakSet[Optimizer]()

    def make(_: object) -> Optimizer:
        made.add(new := hg.SGD(0.1))
        return new

    for i in range(3 * fingerprint.MAX_TRACES):
        kept.get_or_make(make, (), i)
    gc.collect()
    assert len(made) == len(kept.entries) == fingerprint.MAX_TRACES <= 32


FACTOR = 2.0


def times(x: Any) -> Any:
    return x * FACTOR


class Through(hg.Layer):
    """y = 2 x, by a function and a number of the module."""

    share = 1.0

    def forward(self, x: Any) -> Any:
        return times(x) * self.share

    def backward(self, dy: Any) -> Any:
        return times(dy) * self.share


def other_forward(self: Any, x: Any) -> Any:
    return x * 3


LINEAR = hg.Linear.forward
CHANGES: dict[str, Callable[[Any], object]] = {
    "a method": lambda patch: patch.setattr(Through, "forward", other_forward),
    "a method's code": lambda patch: patch.setattr(
        Through.forward, "__code__", other_forward.__code__
    ),
    "a function it calls": lambda patch: patch.setitem(globals(), "times", lambda x: x * 3),
    "a number it reads": lambda patch: patch.setitem(globals(), "FACTOR", 3.0),
    "an attribute of the class": lambda patch: patch.setattr(Through, "share", 3.0),
    "a method of handgrad's": lambda patch: patch.setattr(
        hg.Linear, "forward", lambda self, x: LINEAR(self, x)
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_page_whose_code_has_changed_is_recorded_anew(
    change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = recordings(monkeypatch)
    for _ in range(2):
        train(Through(), epochs=1)
    assert len(seen) == 1
    change(monkeypatch)
    train(Through(), epochs=1)
    assert len(seen) == 2


def test_each_run_has_scratch_memory_of_its_own() -> None:
    first, second = (
        engine_of(
            engine.CompiledEngine,
            net(hg.Tanh(), seed=i),
            hg.CrossEntropyLoss(),
            hg.SGD(0.1),
            X,
            Y.astype(np.int64),
            8,
            [X],
        )
        for i in range(2)
    )
    assert first.run.function == second.run.function
    for one, other in ((first.run, second.run), (first.predict, second.predict)):
        for name, mine in one.scratch.items():
            assert not np.shares_memory(mine, other.scratch[name])
    assert first.run.workers is first.predict.workers is first.workers is not second.workers


def test_code_without_a_module_compiles() -> None:
    """As `exec(code, {})` makes it."""
    made = dict[str, Any]()
    exec(
        "import handgrad as hg\n"
        "class Halved(hg.Layer):\n"
        "    def forward(self, x):\n"
        "        return x / 2\n"
        "    def backward(self, dy):\n"
        "        return dy / 2\n",
        made,
    )
    net = hg.Net(hg.Linear(2, 2, rng=0), made["Halved"](), hg.Softmax())
    net.predict(X, engine="compiled")
