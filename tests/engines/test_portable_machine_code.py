"""Portable programs as machine code: what they compute, and what they refuse."""

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
    Matrix,
    Multiply,
    Num,
    Store,
    Var,
    whole,
)
from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.portable.machine_code import portable_function

N = Parameter("n", "int", buffer=False)
GIVEN = (N, Parameter("x", "float"), Parameter("y", "float"))


def program_of(body: Body) -> Program:
    return Program("sums", GIVEN, body, np.dtype(np.float32))


def test_a_sum_is_one_chain_and_each_product_is_rounded_before_it_is_added() -> None:
    i, total = Var("i", "int"), Var("total", "float")
    x: Expression = Load("x", i, "float")
    square = Call("multiply", (x, x), "float")
    loop = For("i", Var("n", "int"), [Let("total", Call("add", (total, square), "float"))])
    body: Body = [Let("total", Num(0.0, "float")), loop, Store("y", whole(0), total)]
    numbers = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    expected = np.float32(0)
    for number in numbers:
        expected += number * number
    found = np.zeros(1, np.float32)
    assert CallSequence(
        [NativeCall(portable_function(program_of(body)), (1000, numbers, found))]
    ).run()
    assert found[0] == expected


def test_statements_that_are_not_plain_are_refused() -> None:
    matrix = Matrix("x", whole(0), whole(2))
    product = Multiply(whole(2), whole(2), whole(2), matrix, matrix, matrix, (2, 2, 2))
    with pytest.raises(TypeError, match="Multiply is no plain statement"):
        portable_function(program_of([product]))
