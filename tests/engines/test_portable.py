"""The portable engine: the bits of plain Python, in every way a training can be had."""

import copy
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.config import TrainingConfig
from handgrad.engines.dispatch import engine_for
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import EngineRows
from handgrad.engines.portable.engine import PortableEngine, PortableRunner
from handgrad.engines.portable.python import PortablePythonRunner
from handgrad.engines.portable.scalarize import portable_prediction
from handgrad.textbook.layers import Array
from handgrad.textbook.net.predictor import EngineName
from handgrad.textbook.net.shared_rows import SharedRows
from tests.bits.digests import WAYS, digests_of
from tests.bits.nets import CASES
from tests.cluster.threads import on_workers
from tests.contracts.table import LAYERS, OPTIMIZERS, rows_for
from tests.engines.one_epoch import engine_of, run_epoch

FEW = [name for name in CASES if zlib.crc32(name.encode()) % 5 == 0 and not name.startswith("net ")]


class PlainPython(PortableEngine):
    """The oracle: no machine code, no vectors."""

    name: EngineName = "eager"  # so that no trace of the other is taken
    runner = PortablePythonRunner


def trained(kind: type[CompiledEngine], name: str) -> list[Any]:
    """All numbers that two epochs of a case leave."""
    case = CASES[name]()
    w = None if case.w is None else case.w.astype(case.net.dtype)
    given = (case.net, case.loss, case.optimizer, case.x, case.y, case.batch_size, (case.x,), w)
    engine = engine_of(kind, *given, case.penalty)
    found: list[Any] = []
    for seed in range(2):
        epoch = run_epoch(engine, np.random.default_rng(seed).permutation(len(case.y)))
        found += [np.array(epoch.loss), epoch.predictions.copy(), epoch.held_out[0].copy()]
    return [*found, case.net.parameters, case.net.running_state]


@pytest.mark.parametrize("name", FEW)
def test_machine_code_has_the_bits_of_plain_python(name: str) -> None:
    for found, expected in zip(
        trained(PortableEngine, name), trained(PlainPython, name), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if OPTIMIZERS[n]().minimizer is None])
def test_each_optimizer_has_the_bits_of_plain_python(name: str) -> None:
    rng, found = np.random.default_rng(0), list[Array]()
    x, y = rng.standard_normal((11, 3)).astype(np.float32), rng.integers(0, 2, 11)
    for kind in (PortableEngine, PlainPython):
        net = hg.Net(hg.Linear(3, 2, rng=0), hg.Softmax())
        engine = engine_of(kind, net, hg.CrossEntropyLoss(), OPTIMIZERS[name](), x, y, 4, (), None)
        for _ in range(3):
            run_epoch(engine, np.arange(11))
        found.append(net.parameters)
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("float64")][::3])
def test_in_float64_it_agrees_with_the_pages(name: str) -> None:
    case = CASES[name]()
    w = None if case.w is None else case.w.astype(float)
    given = (case.loss, case.optimizer, case.x, case.y, case.batch_size, (), w, case.penalty)
    nets = [copy.deepcopy(case.net) for _ in range(2)]
    order = np.arange(len(case.y))
    kinds: tuple[Any, ...] = (PortableEngine, EagerEngine)
    losses = [
        run_epoch(engine_of(kind, net, *copy.deepcopy(given)), order).loss
        for kind, net in zip(kinds, nets, strict=True)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-10)
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", [*LAYERS])
def test_a_row_has_the_same_prediction_alone_and_among_others(name: str) -> None:
    layer = LAYERS[name]()
    x = rows_for(layer, 140)
    net = hg.Net(layer, dtype=np.float32)
    x = x.astype(np.float32) if x.dtype.kind == "f" else x
    together = net.predict(x, engine="portable")
    for n in (1, 3, 5):
        np.testing.assert_array_equal(net.predict(x[-n:], engine="portable"), together[-n:])
    run = PortableRunner(portable_prediction(net, x, 1, copies=False))
    x, one_by_one = x[:6].copy(), np.empty_like(together[:6])
    weights = {"parameters": net.parameters, "state": net.running_state}
    run(n_rows=6, x=x, **weights, predictions=one_by_one)
    np.testing.assert_array_equal(one_by_one, together[:6])


def test_it_is_had_by_name_and_never_by_itself() -> None:
    net, x, y = hg.Net(hg.Linear(3, 2, rng=0)), np.zeros((8, 3), np.float32), np.zeros((8, 2))
    rows = EngineRows(x, y.astype(np.float32))

    def of(engine: EngineName, epochs: int) -> Any:
        given: Any = {"net": net, "data": (x, y), "loss": hg.MSELoss(), "optimizer": hg.SGD(0.1)}
        config = TrainingConfig(engine=engine, epochs=epochs, **given)
        return engine_for(config, rows)

    assert type(of("portable", 1)) is PortableEngine
    assert {type(of("auto", epochs)) for epochs in (1, 10**6)} == {EagerEngine, CompiledEngine}


class Odd(hg.Layer):
    """A layer whose page has an operation without a loop."""

    def forward(self, x: Any) -> Any:
        return np.arctan(x)

    def backward(self, dy: Any) -> Any:
        return dy


@pytest.mark.parametrize("what", ["training", "prediction"])
def test_what_it_cannot_have_is_refused_by_its_name(what: str) -> None:
    net = hg.Net(hg.Linear(3, 2, rng=0), Odd())
    x, y = np.zeros((8, 3), np.float32), np.zeros((8, 2), np.float32)
    given: Any = {"loss": hg.MSELoss(), "optimizer": hg.SGD(0.1), "epochs": 1}
    run: dict[str, Callable[[], object]] = {
        "training": lambda: hg.fit(net, (x, y), engine="portable", **given),
        "prediction": lambda: net.predict(x, engine="portable"),
    }
    with pytest.raises(
        hg.errors.SettingError, match=f"engine='portable', but this {what} cannot be"
    ):
        run[what]()


@pytest.mark.parametrize("name", ["net T float32", "layer Dropout float64", "loss MSELoss float32"])
def test_however_rows_come_and_whatever_is_beside_it(name: str) -> None:
    expected = digests_of(name, engine="portable")
    for way in WAYS:
        assert digests_of(name, way, engine="portable") == expected, way


def fitted(**settings: Any) -> bytes:
    x, y = hg.data.load("iris")
    net = hg.Net(hg.Linear(4, 9, rng=0), hg.BatchNorm(9), hg.Tanh(), hg.Linear(9, 3, rng=1))
    usual: dict[str, Any] = {"optimizer": hg.Adam(0.01), "epochs": 3, "engine": "portable"}
    hg.fit(net, (x, y), loss=hg.SoftmaxCrossEntropyLoss(), rng=0, **usual | settings)
    return net.parameters.tobytes() + net.running_state.tobytes()


def test_shards_have_the_same_bits_on_any_number_of_workers() -> None:
    (alone,) = on_workers(lambda own: fitted(sharding=own), 1)
    assert {*on_workers(lambda own: fitted(sharding=own), 2)} == {alone}


def test_a_solver_of_all_rows_takes_it() -> None:
    found = [
        fitted(optimizer=hg.optimizers.LBFGS(), engine=engine) for engine in ("portable", "eager")
    ]
    first, second = (np.frombuffer(bits, np.float32) for bits in found)
    np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-3)


def test_members_share_rows() -> None:
    table = np.random.default_rng(0).standard_normal((2, 30, 3)).astype(np.float32)
    members = np.random.default_rng(1).integers(0, 30, (20, 4))

    def run(*, shared: bool) -> Any:
        x: Any
        y: Any
        net = hg.Net(hg.tables.EnsembleLinear(3, 3, 4, rng=0))
        x, y = (SharedRows(part, members) for part in table)
        if not shared:
            x, y = np.asarray(x), np.asarray(y)
        engine = engine_of(PortableEngine, net, hg.MSELoss(), hg.SGD(0.1), x, y, 8)
        return run_epoch(engine, np.arange(20)).loss, net.parameters.tobytes()

    assert run(shared=True) == run(shared=False)


@pytest.mark.parametrize("make", [hg.MLPClassifier, hg.TabularClassifier])
def test_estimators_take_it(make: Any) -> None:
    x, y = hg.data.load("iris")
    settings: Any = {"tol": 1.0} if make is hg.MLPClassifier else {"epochs": 3}
    models = [make(engine="portable", random_state=0, **settings).fit(x, y) for _ in range(2)]
    first, second = (model.predict_proba(x) for model in models)
    np.testing.assert_array_equal(first, second)
    eager = make(engine="eager", random_state=0, **settings).fit(x, y).predict_proba(x)
    np.testing.assert_allclose(first, eager, atol=1e-3)
