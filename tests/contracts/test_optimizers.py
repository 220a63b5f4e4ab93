"""What every optimizer must keep to."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import interpret
from tests.contracts.table import OPTIMIZERS

STEPPING = [name for name in OPTIMIZERS if name != "LBFGS"]
ADAPTERS = ("EMA", "SWA", "GradientAccumulation")  # whose settings are another optimizer's
each_that_steps = pytest.mark.parametrize("name", STEPPING)
each_with_settings = pytest.mark.parametrize("name", [n for n in STEPPING if n not in ADAPTERS])


def arrays(name: str, dtype: Any) -> dict[str, Any]:
    """Seven parameters for an elementwise rule, else one of the shape that is traced."""
    optimizer = OPTIMIZERS[name]()
    names, n = ("w", "dw", *optimizer.state_names), 7 if optimizer.elementwise else (4, 3)
    rng = np.random.default_rng(0)
    return {name: rng.uniform(0.5, 1.5, n).astype(dtype) for name in names}


def numbers(name: str, dtype: Any, learning_rate: float, step: int) -> dict[str, Any]:
    given: dict[str, Any] = {"learning_rate": learning_rate, "step": step}
    return given if OPTIMIZERS[name]().clip_norm is None else given | {"dw_norm": dtype(3.0)}


def test_the_table_lists_every_optimizer() -> None:
    public = {
        name
        for name, kind in vars(hg.optimizers).items()
        if isinstance(kind, type) and issubclass(kind, hg.optimizers.Optimizer)
    }
    assert public - {"Optimizer"} == {name for name in OPTIMIZERS if name in hg.optimizers.__all__}


@each_that_steps
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_update_keeps_dtypes_and_leaves_its_arguments_alone(name: str, dtype: Any) -> None:
    optimizer, given = OPTIMIZERS[name](), arrays(name, dtype)
    before = {key: array.copy() for key, array in given.items()}
    new = optimizer.update(*given.values(), **numbers(name, dtype, 0.1, 1))
    assert len(new) == 1 + len(optimizer.state_names)
    for array in new:
        assert (array.shape, array.dtype) == (given["w"].shape, dtype)
    for key, array in given.items():
        np.testing.assert_array_equal(array, before[key])


@each_that_steps
@pytest.mark.parametrize("step", [1, 2, 50])
def test_the_recording_says_what_the_update_says_at_every_step(name: str, step: int) -> None:
    optimizer = OPTIMIZERS[name]()
    graph = hg.trace(optimizer)
    for learning_rate in (0.1, 0.003):
        given, rest = arrays(name, np.float32), numbers(name, np.float32, learning_rate, step)
        found = interpret(graph, {"dw": given["dw"], **rest}, 7, given)
        new = optimizer.update(*given.values(), **rest)
        np.testing.assert_array_equal(found.new_parameters["w"], new[0])
        for key, array in zip(optimizer.state_names, new[1:], strict=True):
            np.testing.assert_array_equal(found.new_state[key], array)


@each_with_settings
def test_a_learning_rate_that_cannot_be_is_refused(name: str) -> None:
    kind = type(OPTIMIZERS[name]())
    for wrong in (0, -0.1, float("nan"), float("inf"), "fast"):
        with pytest.raises(hg.errors.SettingError, match="learning_rate"):
            kind(wrong)  # type: ignore[arg-type]


@each_with_settings
def test_what_is_shared_can_be_given_to_every_optimizer(name: str) -> None:
    groups: Any = {"*.b": {"weight_decay": 0.0}}
    kind: Any = type(OPTIMIZERS[name]())
    optimizer = kind(0.1, weight_decay=0.5, clip_norm=2.0, clip_value=3.0, groups=groups)
    assert (optimizer.weight_decay, optimizer.clip_norm, optimizer.clip_value) == (0.5, 2.0, 3.0)
    assert optimizer.groups == groups


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_settings_of_an_adapter_are_those_of_its_optimizer(name: str) -> None:
    optimizer: Any = OPTIMIZERS[name]()
    for setting in ("learning_rate", "weight_decay", "clip_norm", "clip_value", "groups"):
        assert getattr(optimizer, setting) is getattr(optimizer.optimizer, setting)
        setattr(optimizer, setting, changed := 0.125)
        assert getattr(optimizer.optimizer, setting) == changed


def test_plain_gradient_descent_remembers_nothing() -> None:
    assert hg.SGD(0.1).state_names == ()
    assert hg.trace(hg.SGD(0.1)).outputs.new_state == {}
