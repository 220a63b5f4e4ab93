"""The order of a sum follows from sizes alone: 16 partial sums, joined in halves."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from handgrad.engines.compiled.python import python_function
from handgrad.engines.compiled.vectors import stride_of
from handgrad.engines.loops.ir import (
    CHUNK,
    LANES,
    Call,
    Expression,
    Let,
    Load,
    Num,
    Reduce,
    Statement,
    Store,
    Var,
    whole,
)
from handgrad.engines.loops.printing import source
from handgrad.engines.loops.program import Parameter, Program
from tests.engines.calling import machine_code

DTYPES = [np.float32, np.float64]
STARTS = {"add": 0.0, "multiply": 1.0, "maximum": -math.inf, "minimum": math.inf}
AT, N, ROW = Var("i", "int"), Var("n", "int"), Var("row", "int")
ONE_ROW: Sequence[tuple[str, Expression]] = [("i", N)]
X = Load("x", AT, "float")
COMPUTED = Call("multiply", (X, Num(1.0, "float")), "float")


def reduced(
    value: Expression, operation: str, dtype: Any, counters: Sequence[tuple[str, Expression]]
) -> Program:
    """A program that reduces n numbers of x to one."""
    start = Num(STARTS[operation], "float")
    body: list[Statement] = [
        Reduce("a", operation, start, counters, value),
        Store("z", whole(0), Var("a", "float")),
    ]
    parameters = (Parameter("n", "int", False), Parameter("x", "float"), Parameter("z", "float"))
    return Program("apply", parameters, body, np.dtype(dtype))


def in_lanes(operation: str, rows: Any) -> Any:
    """The same number by number."""
    function, start = getattr(np, operation), rows.dtype.type(STARTS[operation])
    lanes = [start] * LANES
    for row in rows:
        for begin in range(0, len(row), CHUNK):
            chunk = [start] * LANES
            for i, number in enumerate(row[begin : begin + CHUNK]):
                chunk[i % LANES] = function(chunk[i % LANES], number)
            lanes = [function(a, b) for a, b in zip(lanes, chunk, strict=True)]
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [function(a, b) for a, b in zip(lanes[:half], lanes[half:], strict=True)]
    return lanes[0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [X, COMPUTED], ids=["read", "computed"])
@pytest.mark.parametrize("operation", STARTS)
def test_every_length_has_the_bits_of_its_rule(
    operation: str, value: Expression, dtype: Any
) -> None:
    program = reduced(value, operation, dtype, ONE_ROW)
    run, rng = machine_code(program), np.random.default_rng(0)
    for n in (0, 1, 2, 15, 16, 17, 31, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 40):
        x, z = rng.uniform(0.5, 1.5, n).astype(dtype), np.zeros(1, dtype)
        run(n, x, z)
        assert z[0] == in_lanes(operation, x[None])


@pytest.mark.parametrize("n", [17, 32, 100, CHUNK, CHUNK + 9])
@pytest.mark.parametrize("value", [X, COMPUTED], ids=["read", "computed"])
def test_a_length_known_beforehand_changes_no_bits(value: Expression, n: int) -> None:
    x, z = np.random.default_rng(n).normal(size=n).astype(np.float32), np.zeros(1, np.float32)
    machine_code(reduced(value, "add", np.float32, [("i", whole(n))]))(n, x, z)
    assert z[0] == in_lanes("add", x[None])


@pytest.mark.parametrize(("rows", "columns", "step"), [(3, 7, 1), (2, 40, 1), (5, 3, 2)])
def test_each_row_begins_at_the_first_lane(rows: int, columns: int, step: int) -> None:
    index = ROW * whole(columns * step) + AT * whole(step)
    counters = [("row", N), ("i", whole(columns))]
    program = reduced(Load("x", index, "float"), "add", np.float64, counters)
    x, z = np.random.default_rng(0).normal(size=(rows, columns * step)), np.zeros(1)
    machine_code(program)(rows, x.ravel(), z)
    assert z[0] == in_lanes("add", x[:, ::step])
    z[0] = 0
    python_function(program)(rows, x.ravel(), z)
    assert z[0] == in_lanes("add", x[:, ::step])


@pytest.mark.parametrize("place", [0, 5, 40, 99])
@pytest.mark.parametrize("operation", ["maximum", "minimum"])
def test_no_number_is_passed_on_wherever_it_stands(operation: str, place: int) -> None:
    x, z = np.ones(100, np.float32), np.zeros(1, np.float32)
    x[place] = np.nan
    machine_code(reduced(X, operation, np.float32, ONE_ROW))(100, x, z)
    assert np.isnan(z[0])


def test_a_sum_prints_as_python() -> None:
    index = ROW * whole(7) + AT
    one = Reduce("a", "add", Num(0.0, "float"), ONE_ROW, COMPUTED)
    rows = [("row", N), ("i", whole(7))]
    more = Reduce("a", "maximum", Num(-math.inf, "float"), rows, Load("x", index, "float"))
    fused = Let("c", Call("fma", (X, X, Var("c", "float")), "float"))
    assert source([one, more, fused]) == [
        "a = sum_in_lanes([x[i] * 1.0 for i in range(n)])",
        "a = maximum_in_lanes(*([x[row * 7 + i] for i in range(7)] for row in range(n)))",
        "c = fma(x[i], x[i], c)",
    ]


@pytest.mark.parametrize(
    ("index", "step"),
    [
        (AT, 1),
        (ROW * whole(7) + AT, 1),
        (AT + AT, 2),
        (ROW, 0),
        (AT * whole(2), None),
        (Load("order", AT, "int"), None),
    ],
)
def test_how_far_an_index_moves_on(index: Expression, step: int | None) -> None:
    assert stride_of(index, "i") == step
