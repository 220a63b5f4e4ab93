"""Programs in plain statements: what they are made of, and that they compute the same."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.python import PythonRunner
from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.ir import (
    Body,
    Call,
    Comment,
    Draw,
    Expression,
    For,
    Let,
    Load,
    Matrix,
    Multiply,
    Num,
    Reduce,
    ReturnIf,
    Store,
    Var,
    walk,
    whole,
)
from handgrad.engines.loops.program import Program, parameters_named
from handgrad.engines.portable.functions import called_as, functions_of
from handgrad.engines.portable.python import PortablePythonRunner
from handgrad.engines.portable.scalarize import (
    portable_prediction,
    portable_training,
    scalarized,
)
from handgrad.textbook.errors import CannotLowerError

PLAIN = For | Store | Let | ReturnIf | Draw | Comment


def deep() -> hg.Net:
    layers = [hg.Linear(7, 40), hg.GELU(), hg.LayerNorm(40), hg.Linear(40, 33), hg.Softmax()]
    return hg.Net(*layers, dtype=np.float64)


def test_a_program_has_plain_statements_alone_and_no_memory_of_threads() -> None:
    x, y = np.zeros((4, 7)), np.arange(4)
    program = portable_training(deep(), hg.CrossEntropyLoss(), hg.Adam(0.1), x, y, 30)
    assert all(isinstance(statement, PLAIN) for statement in walk(program.body))
    assert "workers" not in [parameter.name for parameter in program.parameters]


@pytest.mark.parametrize("rows", [1, 2, 5, 8])
def test_predictions_are_the_same_to_the_bit_with_copies_and_without_alone_and_among_others(
    rows: int,
) -> None:
    net, x = deep(), np.random.default_rng(0).standard_normal((rows, 7))
    found = []
    for copies, at_once in ((True, 128), (True, 5), (True, 1), (False, 128), (False, 1)):
        program = portable_prediction(net, x, at_once, copies=copies)
        p = np.empty((rows, 33))
        weights = {"parameters": net.parameters, "state": net.running_state}
        assert PythonRunner(program)(n_rows=rows, x=x, **weights, predictions=p) == -1
        found.append(p)
    np.testing.assert_allclose(found[0], net.predict(x, engine="eager"), rtol=1e-12)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def of_one_number(value: Call) -> Program:
    """A program that stores a number, computed from the first weight."""
    body: Body = [Store("parameters", whole(0), value)]
    return Program("one", parameters_named(["n_rows", "parameters"]), body, np.dtype(np.float64))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 7, 12, -1, -3])
def test_powers_with_whole_exponents_are_products(exponent: int) -> None:
    base = Load("parameters", whole(0), "float")
    power = Call("power", (base + base, Num(float(exponent), "float")), "float")
    program = scalarized(of_one_number(power))
    assert "**" not in program.source()
    w = np.array([0.7])
    PythonRunner(program)(n_rows=1, parameters=w)
    np.testing.assert_allclose(w, 1.4**exponent, rtol=1e-15)


@pytest.mark.parametrize("sizes", [(17,), (512,), (513,), (3, 40), (60_000,)])
@pytest.mark.parametrize("function", [False, True])
def test_a_sum_of_many_numbers_loses_few_digits(sizes: tuple[int, ...], function: bool) -> None:
    numbers = np.random.default_rng(0).random(np.prod(sizes), np.float32)
    counters = [(f"i{k}", whole(size)) for k, size in enumerate(sizes)]
    place: Expression = Var("i0", "int")
    for name, stop in counters[1:]:
        place = place * stop + Var(name, "int")
    value: Expression = Load("parameters", place, "float")
    if function:
        value = Call("exp", (value,), "float")
    total = Reduce("a", "add", Num(0.0, "float"), counters, value)
    body: Body = [total, Store("predictions", whole(0), Var("a", "float"))]
    names = parameters_named(["n_rows", "parameters", "predictions"])
    program = scalarized(Program("sum", names, body, np.dtype(np.float32)))
    found = np.empty(1, np.float32)
    PythonRunner(program)(n_rows=1, parameters=numbers, predictions=found)
    exact = (np.exp(numbers) if function else numbers).sum(dtype=np.float64)
    np.testing.assert_allclose(found, exact, rtol=1e-6)


def test_an_operation_that_has_no_arithmetic_is_refused_by_name() -> None:
    one = Load("scratch_int", whole(0), "int")
    with pytest.raises(CannotLowerError, match="floor of numbers of type int"):
        scalarized(of_one_number(Call("floor", (one,), "int")))


def test_the_functions_of_a_program_come_behind_those_they_call_and_are_named_by_their_type() -> (
    None
):
    x, y = np.zeros((4, 7), np.float32), np.arange(4)
    net = hg.Net(hg.Linear(7, 5), hg.GELU(), hg.Softmax(), dtype=np.float32)
    program = portable_training(net, hg.CrossEntropyLoss(), hg.Adam(0.1), x, y, 30)
    found = functions_of(program)
    names = [function.name for function in found]
    assert {"exp", "erf", "power_double"} <= {*names}
    assert len({*names}) == len(names)
    for place, function in enumerate(found):
        doubles = function.name.endswith("_double")
        for expression in (*(let.value for let in function.body), function.result):
            for part in parts_of(expression):
                assert not (doubles and part.type == "float")
                if isinstance(part, Call) and part.operation in WRITTEN_OUT:
                    assert called_as(part, single=True) in names[:place]


def parts_of(expression: Expression) -> Iterator[Expression]:
    yield expression
    if isinstance(expression, Call):
        for argument in expression.arguments:
            yield from parts_of(argument)


def test_a_program_of_float64_calls_one_function_of_a_name() -> None:
    x, y = np.zeros((4, 7)), np.arange(4)
    program = portable_training(deep(), hg.CrossEntropyLoss(), hg.Adam(0.1), x, y, 30)
    names = [function.name for function in functions_of(program)]
    assert "power" in names
    assert not any(name.endswith("_double") for name in names)


@pytest.mark.parametrize("copies", [True, False])
@pytest.mark.parametrize("across", [*itertools.product([False, True], repeat=2)])
@pytest.mark.parametrize("dynamic", ["", "m", "n", "k"])
def test_every_number_of_a_product_is_one_chain(
    dynamic: str, across: tuple[bool, bool], copies: bool
) -> None:
    rng = np.random.default_rng(0)
    for m, n, k in itertools.product([1, 2, 5], [1, 4, 7, 33], [1, 6]):
        sizes = {"m": m, "n": n, "k": k}
        a, b, start = (rng.standard_normal(size).astype(np.float32) for size in ((m, k), (k, n), n))
        full = {name: size + 3 * (name == dynamic) for name, size in sizes.items()}
        rows = {s: Var("n_rows", "int") if s == dynamic else whole(sizes[s]) for s in sizes}
        product = Multiply(
            rows["m"],
            rows["n"],
            rows["k"],
            Matrix("x", whole(0), rows["m" if across[0] else "k"], across[0]),
            Matrix("y", whole(0), rows["k" if across[1] else "n"], across[1]),
            Matrix("predictions", whole(0), rows["n"]),
            (full["m"], full["n"], full["k"]),
            Load("parameters", whole(0), "float"),
        )
        names = parameters_named(["n_rows", "x", "y", "parameters", "predictions"])
        program = Program("product", names, [product], np.dtype(np.float32))
        found, expected = np.empty((m, n), np.float32), np.tile(start, (m, 1))
        given = {
            "x": np.ascontiguousarray(a.T) if across[0] else a,
            "y": np.ascontiguousarray(b.T) if across[1] else b,
        }
        run = PlainRunner(scalarized(program, copies=copies))
        run(n_rows=sizes.get(dynamic, 0), **given, parameters=start, predictions=found)
        for i in range(k):
            expected = expected + a[:, i : i + 1] * b[i : i + 1]
        np.testing.assert_array_equal(found, expected)


class PlainRunner(PythonRunner):
    """Runs a program that is written out already."""

    load: Callable[[Program], Any] = staticmethod(PortablePythonRunner.load)
