"""The engine is chosen by the size of the work, and says so where it cannot be had."""

import itertools
import re
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.config import TrainingConfig
from handgrad.engines.cost_model import (
    Work,
    is_worth_compiling,
    is_worth_compiling_to_predict,
    min_work_of,
    work_of,
)
from handgrad.engines.dispatch import engine_for, engine_for_chunks
from handgrad.engines.eager import EagerEngine
from handgrad.engines.engine import EngineRows
from handgrad.textbook.install import install_hint


def chosen(choice: Any, epochs: int, layer: Any = None) -> Any:
    net = hg.Net(hg.Linear(3, 2, rng=0), layer or hg.Tanh(), hg.Softmax())
    x = np.random.default_rng(0).standard_normal((64, 3)).astype(np.float32)
    y = np.arange(64) % 2
    loss = hg.CrossEntropyLoss()
    config = TrainingConfig(
        net=net,
        data=(x, y),
        loss=loss,
        optimizer=hg.SGD(0.1),
        epochs=epochs,
        batch_size=4,
        engine=choice,
    )
    return engine_for(config, EngineRows(x, y))


def test_tiny_work_is_eager_and_long_work_compiled() -> None:
    assert isinstance(chosen("auto", 1), EagerEngine)
    assert isinstance(chosen("auto", 10_000), CompiledEngine)


def test_an_engine_can_be_asked_for() -> None:
    assert isinstance(chosen("eager", 10_000), EagerEngine)
    assert isinstance(chosen("compiled", 1), CompiledEngine)


def test_more_of_anything_never_goes_back_to_eager() -> None:
    net = hg.Net(hg.Linear(3, 2, rng=0), hg.Softmax())
    x = np.zeros((64, 3), np.float32)
    found = [is_worth_compiling(net, x, 4, epochs) for epochs in range(1, 3000)]
    went_back = [epochs for epochs, (a, b) in enumerate(itertools.pairwise(found), 1) if a > b]
    assert went_back == []
    assert found[-1]


def test_many_numbers_a_row_are_worth_compiling() -> None:
    x = np.zeros((256, 3), np.float32)
    narrow = hg.Net(hg.Linear(3, 4, rng=0), hg.layers.Mish(), hg.Linear(4, 2, rng=1))
    wide = hg.Net(hg.Linear(3, 4000, rng=0), hg.layers.Mish(), hg.Linear(4000, 2, rng=1))
    epochs = 100  # their multiplications alone, 30 million a step, would not pay
    assert not is_worth_compiling(narrow, x, 256, epochs)
    assert is_worth_compiling(wide, x, 256, epochs)


def test_each_weight_multiplies_at_each_place() -> None:
    rng = np.random.default_rng(0)
    rows, places = (rng.standard_normal((64, *shape, 40)) for shape in ((), (300,)))
    net = hg.Net(hg.Linear(40, 40, rng=0), hg.Tanh(), hg.Linear(40, 10, rng=1))
    assert work_of(net, rows) == min_work_of(net) == Work(2050, 90)
    assert work_of(net, places) == Work(300 * 2050, 300 * 90)
    assert [is_worth_compiling(net, x, 64, epochs=100) for x in (rows, places)] == [False, True]
    for x, is_enough in ((rows, False), (places, True)):
        assert is_worth_compiling_to_predict(net, 10**6, partial(work_of, net, x)) == is_enough
    assert engine_for_chunks(net, lambda: rows, 10**6) == "auto"


def test_each_step_of_a_sequence_costs_compiling_and_saves_time() -> None:
    net = hg.Net(hg.layers.GRU(3, 8, rng=0), hg.Linear(8, 2, rng=1))
    x = np.zeros((64, 500, 3), np.float32)
    assert work_of(net, x).steps == 500
    assert [is_worth_compiling(net, x, 32, epochs) for epochs in (5, 1000)] == [False, True]
    assert not is_worth_compiling_to_predict(net, 64, partial(work_of, net, x))
    assert is_worth_compiling_to_predict(net, 10**7, partial(work_of, net, x))


def test_the_work_of_codes_is_what_is_done_with_their_rows() -> None:
    net = hg.Net(hg.Embedding(100, 8, rng=0), hg.Linear(8, 2, rng=1))
    assert work_of(net, np.zeros((3, 5), int)) == Work(5 * 18, 5 * 10)


def test_a_trial_changes_neither_state_nor_streams() -> None:
    class Counting(hg.Layer):
        state_names = ("seen",)

        def __init__(self) -> None:
            super().__init__()
            self.seen = np.zeros(1)

        def forward(self, x: Any) -> Any:
            self.seen = self.seen + len(x)
            return x * self.rng.random(x.shape, dtype=x.dtype)

    net = hg.Net(hg.Linear(2, 2, rng=0), Counting())
    net.seed(0)
    drawn, seen = net.layers[1].rng.bit_generator.state, net.running_state.copy()
    assert work_of(net, np.zeros((3, 2))) == Work(6, 4)
    assert net.layers[1].shape_out((2,)) == (2,)
    assert net.layers[1].rng.bit_generator.state == drawn
    np.testing.assert_array_equal(net.running_state, seen)


def test_rows_that_the_pages_refuse_have_the_least_work() -> None:
    net = hg.Net(hg.Linear(4, 3, rng=0))
    assert work_of(net, np.zeros((3, 5))) == min_work_of(net)


def test_the_environment_can_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_ENGINE", "eager")
    assert isinstance(chosen("auto", 10_000), EagerEngine)
    assert isinstance(chosen("compiled", 1), CompiledEngine)
    monkeypatch.setenv("HANDGRAD_ENGINE", "turbo")
    with pytest.raises(hg.errors.SettingError, match="HANDGRAD_ENGINE='turbo'"):
        chosen("auto", 1)


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(
        hg.errors.SettingError, match=r"(?s)engine='fast'.*auto, eager, compiled, .*jax"
    ):
        chosen("fast", 1)


class Noisy(hg.Layer):
    def forward(self, x: Any) -> Any:
        return x + self.rng.uniform(0, 1, x.shape).astype(x.dtype)

    def backward(self, dy: Any) -> Any:
        return dy


class Branching(hg.Layer):
    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x

    def backward(self, dy: Any) -> Any:
        return dy


@pytest.mark.parametrize(
    ("layer", "why"), [(Branching, "branches on data"), (Noisy, "a draw by rng.uniform, at")]
)
def test_what_cannot_be_compiled_trains_eagerly_and_says_so(layer: Any, why: str) -> None:
    with pytest.warns(UserWarning, match=f"training eagerly.*{why}"):
        assert isinstance(chosen("auto", 10_000, layer()), EagerEngine)
    with pytest.raises(hg.errors.SettingError, match=rf"(?s)cannot be compiled.*{why}"):
        chosen("compiled", 1, layer())
    assert isinstance(chosen("auto", 1, layer()), EagerEngine)


@pytest.fixture
def without_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where JAX is not installed."""
    for name in [*sys.modules]:
        if name.partition(".")[0] == "jax" or name.startswith("handgrad.engines.jax"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jax", None)


@pytest.mark.usefixtures("without_jax")
def test_without_jax_its_engine_names_the_extra() -> None:
    said = rf"(?s)engine='jax' without jax.*{re.escape(install_hint('jax'))}"
    with pytest.raises(hg.errors.SettingError, match=said):
        chosen("jax", 1)
    net = hg.Net(hg.Linear(3, 2, rng=0))
    with pytest.raises(hg.errors.SettingError, match=said):
        net.predict(np.zeros((2, 3)), engine="jax")
    with pytest.raises(hg.errors.SettingError, match=said):
        hg.MLPClassifier((3,), engine="jax", max_iter=1).fit(np.eye(3), [0, 1, 0])
    assert net.predict(np.zeros((2, 3))).shape == (2, 2)


@pytest.mark.usefixtures("without_jax")
def test_jax_is_never_chosen_unasked() -> None:
    for epochs in (1, 10_000):
        assert chosen("auto", epochs).name != "jax"


@pytest.mark.parametrize("engine", ["compiled", "jax"])
def test_a_net_that_is_watched_trains_eagerly_alone(engine: Any) -> None:
    net = hg.Net(hg.Linear(2, 1, rng=0))
    rows = EngineRows(np.zeros((4, 2), np.float32), np.zeros((4, 1), np.float32))
    given: dict[str, Any] = {"loss": hg.MSELoss(), "optimizer": hg.SGD(0.1), "epochs": 1}
    config = TrainingConfig(net=net, data=(rows.x, rows.y), engine=engine, **given)
    with (
        net.watch(),
        pytest.raises(hg.errors.SettingError, match=f"engine='{engine}' for a net that is"),
    ):
        engine_for(config, rows)


@pytest.mark.parametrize(
    ("name", "hint"), [("portabel", "did you mean 'portable'"), ("turbo", "engine='auto'")]
)
def test_a_mistyped_engine_is_told_the_one_that_was_meant(name: str, hint: str) -> None:
    with pytest.raises(hg.errors.SettingError, match=f"try: {hint}"):
        hg.Net(hg.Linear(1, 1)).predict([[1.0]], engine=name)  # type: ignore[arg-type]
