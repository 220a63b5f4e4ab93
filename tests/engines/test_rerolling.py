"""Statements that repeat, each time a step further in memory, become a loop; no bit changes."""

import itertools
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.fingerprint import TRACES
from handgrad.engines.loops import build
from handgrad.engines.loops.ir import Comment, For, Let, Load, Statement, Store, Var, whole
from handgrad.engines.loops.printing import source
from handgrad.engines.loops.rerolling import MIN_TURNS, reroll


def copy(begin: int, end: int, size: int = 5) -> For:
    """scratch[end + i] = scratch[begin + i] for each i."""
    i = Var("i", "int")
    number = Load("scratch", whole(begin) + i, "float")
    return For("i", whole(size), [Store("scratch", whole(end) + i, number)])


def lines(body: list[Statement]) -> list[str]:
    numbers = itertools.count()
    return source(reroll(body, lambda prefix: Var(f"{prefix}{next(numbers)}", "int")))


def test_what_moves_by_as_much_each_time_is_a_loop() -> None:
    body: list[Statement] = []
    for k in range(5):
        body += [Comment(f"step {k}"), copy(100 - 10 * k, 200 + k), copy(7, 300 + 20 * k)]
    assert lines(body) == [
        "for k0 in range(5):",
        "    # step 0",
        "    for i in range(5):",
        "        scratch[200 + k0 + i] = scratch[100 - k0 * 10 + i]",
        "    for i in range(5):",
        "        scratch[300 + k0 * 20 + i] = scratch[7 + i]",
    ]


def test_what_moves_otherwise_or_is_of_another_size_ends_the_loop() -> None:
    moved: list[Statement] = [copy(10 * k, 500) for k in (1, 2, 3, 4, 6)]
    assert lines(moved) == [
        "for k0 in range(4):",
        "    for i in range(5):",
        "        scratch[500 + i] = scratch[10 + k0 * 10 + i]",
        "for i in range(5):",
        "    scratch[500 + i] = scratch[60 + i]",
    ]
    longer: list[Statement] = [copy(10 * k, 500, 5 + (k == 5)) for k in range(1, 6)]
    assert lines(longer)[-2:] == [
        "for i in range(6):",
        "    scratch[500 + i] = scratch[50 + i]",
    ]


def test_what_comes_few_times_or_holds_variables_stays_as_it_is() -> None:
    few: list[Statement] = [copy(10 * k, 500) for k in range(1, MIN_TURNS)]
    assert lines(few) == source(few)
    lets: list[Statement] = [Let("t", whole(1)) for _ in range(9)]
    assert lines(lets) == source(lets)


def sequences(t: int, dtype: Any = np.float32) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((11, t, 3)).astype(dtype), rng.integers(0, 2, 11)


def recurrent(kind: Any) -> hg.Net:
    first, last = kind(3, 4, return_sequences=True, rng=0), kind(4, 3, rng=1)
    return hg.Net(first, last, hg.Linear(3, 2, rng=2))


@pytest.mark.slow
@pytest.mark.parametrize("kind", [hg.layers.RNN, hg.GRU, hg.LSTM])
def test_the_program_of_a_recurrence_does_not_grow_with_its_steps(kind: Any) -> None:
    sizes = []
    for t in (20, 40):
        x, y = sequences(t)
        settings: Any = (recurrent(kind), hg.SoftmaxCrossEntropyLoss(), hg.SGD(0.1))
        sizes.append(len(hg.compiled_source(*settings, x=x, y=y).splitlines()))
    assert sizes[1] < 1.2 * sizes[0]


@pytest.mark.parametrize(
    ("engine", "kind", "dtype"),
    [
        ("compiled", hg.GRU, np.float64),
        ("compiled", hg.LSTM, np.float32),
        ("portable", hg.layers.RNN, np.float32),
    ],
)
def test_a_loop_has_the_bits_of_the_steps_one_by_one(
    monkeypatch: pytest.MonkeyPatch, engine: Any, kind: Any, dtype: Any
) -> None:
    x, y = sequences(6, dtype)
    found = []
    for as_it_comes in (False, True):
        monkeypatch.setattr(TRACES, "entries", {})
        if as_it_comes:
            monkeypatch.setattr(build, "reroll", lambda body, new: body)
        net = hg.Net(kind(3, 4, rng=0), hg.Linear(4, 2, rng=2), dtype=dtype)
        loss, optimizer = hg.SoftmaxCrossEntropyLoss(), hg.Adam(0.01)
        settings: Any = {"epochs": 2, "batch_size": 4, "rng": 0, "engine": engine}
        list(hg.train(net, (x, y), loss=loss, optimizer=optimizer, **settings))
        found.append((net.parameters.copy(), net.predict(x, engine=engine)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
