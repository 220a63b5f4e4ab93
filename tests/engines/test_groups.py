"""Groups of parameters: which slices they are, and that each is updated with its own settings."""

import copy
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.eager import EagerEngine
from handgrad.textbook.optimizers.optimizer import parameter_groups
from tests.engines.one_epoch import KINDS, engine_of, run_epoch

ROWS = np.random.default_rng(0).standard_normal((7, 3))
Y = np.random.default_rng(1).standard_normal((7, 2))


def net() -> hg.Net:
    inner = hg.Net(hg.Linear(3, 4, rng=0), hg.Tanh())
    return hg.Net(inner, hg.Linear(4, 4, rng=1), hg.Linear(4, 2, rng=2), dtype=np.float64)


def slices(optimizer: hg.optimizers.Optimizer, of: hg.Net) -> dict[tuple[float, float], list[Any]]:
    return {
        (group.factor, group.optimizer.weight_decay): [(s.start, s.stop) for s in group.slices]
        for group in parameter_groups(of, optimizer)
    }


def test_without_groups_all_parameters_are_one_slice() -> None:
    optimizer = hg.SGD(0.1, weight_decay=0.5)
    assert slices(optimizer, net()) == {(1.0, 0.5): [(0, 46)]}
    assert parameter_groups(net(), optimizer)[0].optimizer is optimizer


def test_later_patterns_win_and_neighbours_are_joined() -> None:
    groups: Any = {
        "*": {"weight_decay": 0.1},
        "*.b": {"weight_decay": 0.0},
        "0.*": {"learning_rate_factor": 0.5, "weight_decay": 0.0},
        "0.0.b": {"learning_rate_factor": 2.0},
    }
    assert slices(hg.SGD(0.1, groups=groups), net()) == {
        (1.0, 0.0): [(32, 36), (44, 46)],
        (1.0, 0.1): [(16, 32), (36, 44)],
        (0.5, 0.0): [(0, 12)],
        (2.0, 0.0): [(12, 16)],
    }


def test_frozen_layers_are_in_no_group() -> None:
    frozen = net()
    frozen.layers[1].freeze()
    assert slices(hg.SGD(0.1), frozen) == {(1.0, 0.0): [(0, 16), (36, 46)]}
    frozen.freeze()
    assert slices(hg.SGD(0.1), frozen) == {(1.0, 0.0): []}


@pytest.mark.parametrize("python", [False, True])
@pytest.mark.parametrize(
    "optimizer",
    [
        hg.SGD(0.1, groups={"*.b": {"learning_rate_factor": 0.0}}),
        hg.AdamW(0.01, groups={"*.b": {"weight_decay": 0.0}}, clip_norm=0.3),
        hg.Adam(
            0.01,
            weight_decay=0.1,
            clip_value=0.1,
            groups={"2.*": {"learning_rate_factor": 3.0}, "0.*": {"weight_decay": 1.0}},
        ),
    ],
)
def test_both_engines_give_each_group_its_own(
    optimizer: hg.optimizers.Optimizer, python: bool
) -> None:
    slow = net()
    slow.layers[1].freeze()
    fast = copy.deepcopy(slow)
    eager = engine_of(EagerEngine, slow, hg.MSELoss(), optimizer, ROWS, Y, 3)
    compiled = engine_of(CompiledEngine, fast, hg.MSELoss(), optimizer, ROWS, Y, 3)
    if python:
        compiled.run = PythonRunner(compiled.run.program)
    for _ in range(4):
        for engine in (eager, compiled):
            run_epoch(engine, np.arange(7))
        np.testing.assert_allclose(fast.parameters, slow.parameters, 1e-11, 1e-13)


def test_a_factor_of_zero_leaves_the_parameters_alone() -> None:
    for engine in KINDS:
        trained = net()
        before = trained.state()
        optimizer = hg.Adam(0.1, groups={"1.*": {"learning_rate_factor": 0.0}})
        run_epoch(engine_of(engine, trained, hg.MSELoss(), optimizer, ROWS, Y, 3), np.arange(7))
        for path, array in trained.state().items():
            assert np.array_equal(array, before[path]) == path.startswith("1."), path


@pytest.mark.parametrize("scale", [1e-3, 1e30])
def test_the_length_of_the_gradient_is_of_all_trainable_parameters(scale: float) -> None:
    for engine in KINDS:
        trained = net()
        trained.layers[1].freeze()
        before = trained.parameters.copy()
        optimizer = hg.SGD(1.0, clip_norm=0.5)
        run_epoch(
            engine_of(engine, trained, hg.MSELoss(), optimizer, scale * ROWS, scale * Y, 7),
            np.arange(7),
        )
        moved = np.sqrt(((trained.parameters - before) ** 2).sum())
        assert moved == pytest.approx(0.5, rel=1e-5) if scale > 1 else moved < 0.5
