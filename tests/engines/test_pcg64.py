"""Random draws in machine code: NumPy's own bits, and streams that stand where NumPy's would."""

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.eager import EagerEngine
from handgrad.engines.loops.ir import Draw, Var, whole
from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.loops.random_streams import WORDS, set_stream, words_of
from handgrad.textbook.errors import CannotLowerError
from tests.engines.against_eager import streams
from tests.engines.calling import machine_code
from tests.engines.one_epoch import engine_of, run_epochs

DTYPES = [np.float32, np.float64]
FUNCTIONS: dict[Any, Any] = {}


def compiled_draw(dtype: Any) -> Any:
    """A function that fills an array from the second of two streams, compiled once."""
    if dtype not in FUNCTIONS:
        parameters = (
            Parameter("n", "int", buffer=False),
            Parameter("streams", "int"),
            Parameter("A", "float"),
        )
        body = Draw(1, "A", whole(2), Var("n", "int"))
        program = Program("draw", parameters, [body], np.dtype(dtype))
        FUNCTIONS[dtype] = machine_code(program)
    return FUNCTIONS[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=60, derandomize=True)
@given(seed=st.integers(0, 2**64), counts=st.lists(st.integers(1, 21), min_size=1, max_size=6))
def test_every_draw_is_numpys_to_the_bit(dtype: Any, seed: int, counts: list[int]) -> None:
    rng, other = np.random.default_rng(seed), np.random.default_rng(1)
    words = np.array([*words_of(other), *words_of(rng)], np.uint64)
    for count in counts:
        found = np.full(count + 4, 7, dtype)
        compiled_draw(dtype)(count, words, found)
        np.testing.assert_array_equal(found[2:-2], rng.random(count, dtype))
        assert (found[[0, 1, -2, -1]] == 7).all()
        assert words.tolist() == [*words_of(other), *words_of(rng)]


def test_a_stream_that_is_set_goes_on_as_the_one_it_was_taken_from() -> None:
    rng, twin = np.random.default_rng(5), np.random.default_rng(6)
    rng.random(3, np.float32)
    set_stream(twin, words_of(rng))
    assert len(words_of(rng)) == WORDS
    assert twin.bit_generator.state == rng.bit_generator.state
    np.testing.assert_array_equal(twin.random(5, np.float32), rng.random(5, np.float32))


X = np.random.default_rng(0).standard_normal((11, 4))
Y = np.random.default_rng(1).standard_normal((11, 3))
HELD_OUT = np.random.default_rng(2).standard_normal((5, 4))


def dropped(dtype: Any = np.float64) -> hg.Net:
    layers = [hg.Linear(4, 5, rng=0), hg.Dropout(0.4), hg.Tanh(), hg.Dropout(0.2)]
    net = hg.Net(*layers, hg.Linear(5, 3, rng=1), dtype=dtype)
    net.seed(7)
    return net


def engines(net: hg.Net, batch_size: int = 4, **options: Any) -> tuple[Any, Any]:
    """Both engines on copies of the net."""
    x, y = (rows.astype(net.dtype) for rows in options.get("rows", (X, Y)))
    given = (hg.MSELoss(), hg.SGD(0.05), x, y, batch_size, [HELD_OUT.astype(net.dtype)])
    return engine_of(EagerEngine, copy.deepcopy(net), *given), engine_of(
        CompiledEngine, copy.deepcopy(net), *given
    )


def orders(epochs: int) -> Any:
    rng = np.random.default_rng(3)
    return np.array([rng.permutation(len(Y)) for _ in range(epochs)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at_once", [1, 2, 5])
@pytest.mark.parametrize("python", [False, True])
def test_each_epoch_leaves_the_streams_where_eager_leaves_them(
    dtype: Any, at_once: int, python: bool
) -> None:
    eager, compiled = engines(dropped(dtype))
    if python:
        compiled.run = PythonRunner(compiled.run.program)
        compiled.held_out = []
    rtol = 1e-11 if dtype == np.float64 else 1e-4
    expected = run_epochs(eager, orders(5))
    for start in range(0, 5, at_once):
        for found in run_epochs(compiled, orders(5)[start : start + at_once]):
            epoch = next(expected)
            assert streams(compiled.net) == streams(eager.net)
            assert found.loss == pytest.approx(epoch.loss, rel=rtol)
            np.testing.assert_allclose(compiled.net.parameters, eager.net.parameters, rtol, rtol)
            if not python:
                np.testing.assert_allclose(found.held_out, epoch.held_out, rtol, rtol)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_dropped_is_the_same_to_the_bit(dtype: Any) -> None:
    net = hg.Net(hg.Dropout(0.4), dtype=dtype)
    net.seed(1)
    rows = np.ones((11, 3)), np.zeros((11, 3))
    eager, compiled = engines(net, rows=rows)
    eager.held_out = compiled.held_out = []
    for one, other in zip(
        run_epochs(eager, orders(3)), run_epochs(compiled, orders(3)), strict=True
    ):
        np.testing.assert_array_equal(other.predictions, one.predictions)
        assert set(np.unique(one.predictions)) == {0, np.dtype(dtype).type(1 / 0.6)}


@pytest.mark.parametrize("stop", [0, 2])
def test_who_stops_finds_the_streams_as_the_epoch_left_them(stop: int) -> None:
    eager, compiled = engines(dropped())
    for engine in (eager, compiled):
        for i, _ in enumerate(run_epochs(engine, orders(5))):
            if i == stop:
                break
    assert streams(compiled.net) == streams(eager.net)
    after = [next(run_epochs(engine, orders(6)[5:])).loss for engine in (eager, compiled)]
    assert after[0] == pytest.approx(after[1], rel=1e-11)


@pytest.mark.parametrize("at_once", [1, 3])
def test_where_training_diverges_the_streams_stand_after_that_batch(at_once: int) -> None:
    net = dropped()
    eager, compiled = engines(net, rows=(X, np.where(np.arange(11)[:, None] == 5, 1e200, Y)))
    for engine in (eager, compiled):
        for start in range(0, 3, at_once):
            epoch = next(run_epochs(engine, orders(3)[start : start + at_once]))
            if epoch.diverged_at is not None:
                engine.put_back()
                break
        assert epoch.diverged_at is not None
    assert streams(compiled.net) == streams(eager.net) != streams(net)


def test_a_stream_that_was_set_between_epochs_is_the_one_drawn_from() -> None:
    eager, compiled = engines(dropped())
    for _ in range(2):
        losses = []
        for engine in (eager, compiled):
            losses.append(next(run_epochs(engine, orders(1))).loss)
            engine.net.seed(99)
        assert losses[0] == pytest.approx(losses[1], rel=1e-11)


class Wasteful(hg.Layer):
    """Draws twice, uses the second only."""

    def __init__(self, *, predicting: bool = False) -> None:
        super().__init__()
        self.predicting = predicting

    def forward(self, x: Any) -> Any:
        if not (self.training or self.predicting):
            return x
        self.rng.random(x.shape, dtype=x.dtype)
        self.u = self.rng.random((len(x), 4), dtype=x.dtype)
        return x + self.u

    def backward(self, dy: Any) -> Any:
        return dy


def test_a_draw_that_nobody_uses_moves_the_stream_on_all_the_same() -> None:
    net = hg.Net(Wasteful(), hg.Linear(4, 3, rng=0), dtype=np.float64)
    net.seed(0)
    eager, compiled = engines(net)
    compiled.held_out = eager.held_out = []
    one, other = (next(run_epochs(engine, orders(1))) for engine in (eager, compiled))
    np.testing.assert_allclose(other.predictions, one.predictions, rtol=1e-11)
    assert streams(compiled.net) == streams(eager.net)


class InFloat64(hg.Layer):
    def forward(self, x: Any) -> Any:
        return x * (self.rng.random(x.shape) < 0.5) if self.training else x

    def backward(self, dy: Any) -> Any:
        return dy


@pytest.mark.parametrize(
    ("layer", "why"),
    [(InFloat64(), "no array of float32"), (Wasteful(predicting=True), "draws in prediction")],
    ids=["another type", "prediction"],
)
def test_draws_that_machine_code_cannot_make_are_refused(layer: hg.Layer, why: str) -> None:
    net = hg.Net(layer, hg.Linear(4, 3, rng=0))
    net.seed(0)
    with pytest.raises(CannotLowerError, match=why):
        engines(net)


@pytest.mark.parametrize("kind", [np.random.Philox, np.random.MT19937, np.random.PCG64DXSM])
def test_other_generators_train_eagerly_and_say_so(kind: Any) -> None:
    settings: dict[str, Any] = {
        "loss": hg.MSELoss(),
        "optimizer": hg.SGD(0.1),
        "epochs": 1,
        "engine": "compiled",
    }
    with pytest.raises(
        hg.errors.SettingError, match=f"random draws by {kind.__name__}, not by PCG64"
    ):
        hg.train(dropped(), (X, Y), rng=np.random.Generator(kind(0)), **settings)
    settings["engine"], settings["epochs"] = "auto", 100_000
    with pytest.warns(UserWarning, match="training eagerly.*not by PCG64"):
        hg.train(dropped(), (X, Y), rng=np.random.Generator(kind(0)), **settings)


def test_on_several_cores_the_draws_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.engines.loops.partitioning.NUMBERS", 64)
    monkeypatch.setattr("handgrad.engines.compiled.machine_code.available_cores", lambda: 3)
    net = hg.Net(hg.Linear(4, 64, rng=0), hg.Dropout(0.5), hg.Linear(64, 3, rng=1))
    net.seed(0)
    eager, compiled = engines(net, 11)
    assert "parts(" in compiled.run.program.source()
    for one, other in zip(
        run_epochs(eager, orders(3)), run_epochs(compiled, orders(3)), strict=True
    ):
        np.testing.assert_allclose(other.predictions, one.predictions, 1e-4, 1e-5)
        assert streams(compiled.net) == streams(eager.net)


def test_many_nets_on_threads_draw_what_each_would_draw_alone() -> None:
    given: dict[str, Any] = {
        "data": (X, Y),
        "loss": hg.MSELoss(),
        "optimizer": hg.SGD(0.05),
        "epochs": 7,
    }
    runs: list[dict[str, Any]] = [{"net": dropped(), "rng": seed} for seed in range(6)]
    together = hg.fit_many(runs, engine="compiled", **given)
    for run, history in zip(runs, together, strict=True):
        alone = dropped()
        data = given.pop("data")
        expected = hg.fit(alone, data, rng=run["rng"], engine="compiled", **given)
        given["data"] = data
        assert history["train_loss"] == expected["train_loss"]
        assert streams(run["net"]) == streams(alone)
        np.testing.assert_array_equal(run["net"].parameters, alone.parameters)
