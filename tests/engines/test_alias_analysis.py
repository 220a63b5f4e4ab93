"""What of a nest lies apart in memory, as far as that can be proved; LLVM is told of no more."""

import math

import numpy as np
import pytest

from handgrad.engines.compiled.runner import CallSequence, NativeCall
from handgrad.engines.loops.ir import (
    Body,
    Call,
    Expression,
    For,
    Let,
    Load,
    Store,
    Var,
    least,
    whole,
)
from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.loops.value_ranges import ValueRanges
from handgrad.engines.portable.machine_code import alias_groups, portable_function, portable_text

ROW, COLUMN, N, LEFT = (Var(name, "int") for name in ("i", "j", "n", "left"))
BATCH = Let("n", least(whole(10), Var("n_rows", "int") - Var("start", "int")))


def added(index: Expression, other: Expression) -> Store:
    """A number of the buffer to which another one of it is added."""
    total = Load("a", index, "float") + Load("a", other, "float")
    return Store("a", index, total)


@pytest.mark.parametrize(
    ("number", "span"),
    [
        (whole(7), (7, 7)),
        (ROW, (0, 6)),
        (ROW * whole(8) + whole(3), (3, 51)),
        (Call("subtract", (whole(8), ROW), "int"), (2, 8)),
        (LEFT, (0, 10)),
        (N, (-math.inf, 10)),
        (COLUMN, (0, 9)),
        (Var("n_rows", "int"), (-math.inf, math.inf)),
        (Var("step", "int"), (-math.inf, math.inf)),
        (Load("order", ROW, "int") + ROW, (-math.inf, math.inf)),
        (N * whole(2), (-math.inf, math.inf)),
    ],
)
def test_how_far_whole_numbers_go(number: Expression, span: tuple[float, float]) -> None:
    step = Var("step", "int")
    body: Body = [
        BATCH,
        Let("left", whole(0)),
        For("i", whole(7), [Let("left", ROW + whole(4))], 4),
        For("j", N, [Let("step", step + whole(1))], begin=LEFT),
    ]
    assert ValueRanges(body).of(number) == span


def test_places_are_apart_where_no_round_of_the_loops_makes_them_meet() -> None:
    near, far, other = ROW + whole(0), ROW + whole(9), ROW + whole(10)
    nest = For("i", N, [added(near, other), added(far, near)])
    found = alias_groups(nest, ValueRanges([BATCH, nest]))
    assert found.group["a", near] == found.group["a", far]  # up to 9, and from 9 on
    assert found.noalias["a", other] == []  # as it is in the group of the second
    further = ROW + whole(19)
    nest = For("i", N, [added(near, further)])
    found = alias_groups(nest, ValueRanges([BATCH, nest]))
    assert found.noalias["a", further] == [found.group["a", near]]
    assert found.noalias["a", near] == []


def test_what_is_written_to_places_read_from_memory_may_be_anywhere() -> None:
    scattered, far = Load("order", ROW, "int"), ROW + whole(1000)
    nest = For("i", whole(5), [added(scattered, far), added(far, ROW)])
    found = alias_groups(nest, ValueRanges([nest]))
    assert {*found.group.values()} == {0}
    assert not any(found.noalias.values())


def test_numbers_that_meet_are_added_one_after_another() -> None:
    parameters = (Parameter("n_rows", "int", buffer=False), Parameter("a", "float"))
    nest = For("i", whole(30), [For("j", whole(8), [added(COLUMN + whole(1), COLUMN)])])
    program = Program("sums", parameters, [nest], np.dtype(np.float32))
    assert "noalias !" not in portable_text(program)
    found = np.arange(9, dtype=np.float32)
    expected = found.copy()
    for _ in range(30):
        for j in range(8):
            expected[j + 1] += expected[j]
    CallSequence([NativeCall(portable_function(program), (0, found))]).run()
    np.testing.assert_array_equal(found, expected)
    body: Body = [For("i", whole(30), [For("j", whole(8), [added(COLUMN, ROW + whole(8))])])]
    assert "noalias !" in portable_text(Program("sums", parameters, body, program.dtype))
