"""The functions of numbers are statements that every printer knows how to write."""

import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from handgrad.engines.compiled.ir_helpers import has_fma
from handgrad.engines.loops.functions.arithmetic import format_of
from handgrad.engines.loops.functions.function import MAX_DEPTH, WRITTEN_OUT, Function, function
from handgrad.engines.loops.functions.numpy_eval import (
    exponent,
    has_bit,
    significand,
    times_power_of_two,
    value_of,
)
from handgrad.engines.loops.ir import Call, Expression, For, Load, Num, Store, Var
from handgrad.engines.loops.program import Parameter, Program
from tests.engines.calling import machine_code, portable_code

KNOWN = {
    *("add", "subtract", "multiply", "divide", "negative", "less", "greater", "equal", "not_equal"),
    *("where", "logical_and", "logical_or", "logical_not", "cast", "floor", "abs", "isnan"),
    *("rint", "times_power_of_two", "exponent", "significand", "has_bit", "signbit"),
}
SINGLE_AND_FUSED = [(True, True), (True, False), (False, True), (False, False)]
EVERY_KIND = pytest.mark.parametrize(("single", "fused"), SINGLE_AND_FUSED)


@pytest.fixture(autouse=True)
def _written_anew() -> None:
    function.cache_clear()


def parts(expression: Expression) -> list[Expression]:
    """An expression, and all within it."""
    inner = expression.arguments if isinstance(expression, Call) else ()
    return [expression, *(part for argument in inner for part in parts(argument))]


def lines(function: Function) -> list[Expression]:
    return [*(let.value for let in function.body), function.result]


@EVERY_KIND
@pytest.mark.parametrize("name", sorted(WRITTEN_OUT))
def test_each_variable_is_given_once_and_before_it_is_needed(
    name: str, single: bool, fused: bool
) -> None:
    written = function(name, single, fused)
    known = [parameter.name for parameter in written.parameters]
    for let, value in zip([*written.body, None], lines(written), strict=True):
        used = [part.name for part in parts(value) if isinstance(part, Var)]
        assert {*used} <= {*known}
        known += [let.name] if let else []
    assert len({*known}) == len(known)


@EVERY_KIND
@pytest.mark.parametrize("name", sorted(WRITTEN_OUT))
def test_no_operation_is_one_that_a_printer_does_not_know(
    name: str, single: bool, fused: bool
) -> None:
    everything = [part for line in lines(function(name, single, fused)) for part in parts(line)]
    operations = {part.operation for part in everything if isinstance(part, Call)}
    assert operations <= KNOWN | {"exp", "log"} | ({"fma"} if fused else set())
    numbers = [part for part in everything if isinstance(part, Num) and part.type != "int"]
    assert all(isinstance(number.value, float) for number in numbers)


@EVERY_KIND
def test_each_operation_stands_once(single: bool, fused: bool) -> None:
    for name, page in WRITTEN_OUT.items():
        written = function(name, single, fused)
        once: dict[int, Expression] = {}
        waiting = [page(format_of(single, fused), *written.parameters)]
        while waiting:
            part = waiting.pop()
            if isinstance(part, Call) and id(part) not in once:
                once[id(part)] = part
                waiting += part.arguments
        there = [part for line in lines(written) for part in parts(line) if isinstance(part, Call)]
        assert len(there) == len(once)


@EVERY_KIND
def test_a_variable_is_needed_twice_or_keeps_a_line_short(single: bool, fused: bool) -> None:
    for name in WRITTEN_OUT:
        written = function(name, single, fused)
        assert max(map(depth, lines(written))) <= MAX_DEPTH
        inner = [part for line in lines(written) for part in parts(line)]
        used = Counter(part.name for part in inner if isinstance(part, Var))
        for let in written.body:
            assert used[let.name] > 1 or depth(let.value) == MAX_DEPTH


def depth(expression: Expression) -> int:
    """How many operations are within another."""
    inner = expression.arguments if isinstance(expression, Call) else ()
    return bool(inner) + max(map(depth, inner), default=0)


def test_functions_that_are_called_are_of_the_same_precision_or_of_doubles() -> None:
    for name in WRITTEN_OUT:
        for line in lines(function(name, single=True, fused=False)):
            for part in parts(line):
                if isinstance(part, Call) and part.operation in WRITTEN_OUT:
                    assert part.type == part.arguments[0].type


def odd_numbers(dtype: Any) -> Any:
    """Numbers of all sizes, those between which functions turn to another formula, and next."""
    numbers, rng = np.finfo(dtype), np.random.default_rng(0)
    integer = np.uint32 if dtype == np.float32 else np.uint64
    anything = rng.integers(0, np.iinfo(integer).max, 20_000, integer, endpoint=True).view(dtype)
    special = np.array(
        [
            *(0.0, 0.5, 1.0, 2.0, 3.0, np.inf, np.nan, numbers.max, numbers.tiny),
            *(numbers.smallest_subnormal, numbers.eps, 0.5**0.5, 2**0.5, np.pi / 2, np.pi, 2**27),
            *(0.34657359, 9, 8.134845, 0.05, 89, 105, 87.4, 103.9, 710, 746, 708.5, 745.1),
        ],
        dtype,
    )
    exact = [rng.integers(-most * 2**40, most * 2**40, 5000) / 2**40 for most in (2, 20)]
    near, usual = [special], [*exact, np.arange(-500, 500) * (np.pi / 2)]
    with np.errstate(all="ignore"):
        for toward in (np.inf, -np.inf):
            near += [np.nextafter(special, dtype(toward))]
            near += [np.nextafter(near[-1], dtype(toward))]
        positive = np.concatenate([anything, *near, *usual]).astype(dtype)
    return np.concatenate([positive, -positive])


# By dtype, the sums of what functions give without fma and with it.
BITS = {
    "cos": ((2183803317, 2053478207), (882282615, 3580100308)),
    "erf": ((2289010653, 2068616516), (3625420167, 3583875226)),
    "exp": ((1063257071, 1896859208), (3909569420, 99054270)),
    "expm1": ((3417798894, 3117565068), (1041353185, 3299306593)),
    "log": ((2705571129, 2705571129), (1135719913, 1135719913)),
    "log1p": ((4210333733, 4210333733), (194551801, 1109081939)),
    "power": ((1424356725, 1424356725), (881247642, 13134253)),
    "sign": ((1412405015, 1412405015), (3773101431, 3773101431)),
    "sin": ((1040537620, 3227234314), (2146715319, 3313895723)),
    "tanh": ((1901933039, 667798682), (1797025276, 1573666710)),
}
Run = Callable[..., Any]


def of_arrays(name: str, dtype: Any, machine_code: Callable[[Program], Run]) -> Run:
    """A function of numbers as machine code, of arrays."""
    i, count = Var("i", "int"), len(function(name, single=True, fused=False).parameters)
    value = Call(name, tuple(Load(array, i, "float") for array in "XY"[:count]), "float")
    parameters = [Parameter(array, "float") for array in (*"XY"[:count], "Z")]
    body = For("i", Var("n", "int"), [Store("Z", i, value)])
    n = Parameter("n", "int", buffer=False)
    run = machine_code(Program("apply", (n, *parameters), [body], np.dtype(dtype)))

    def applied(*given: Any) -> Any:
        found = np.empty_like(given[0])
        run(len(found), *given, found)
        return found

    return applied


def given_to(name: str, dtype: Any) -> Any:
    """Odd numbers for each parameter of a function."""
    x = odd_numbers(dtype)
    y = np.random.default_rng(1).permutation(x)
    y[::3] = np.random.default_rng(2).integers(-9, 10, len(y[::3]))
    return (x, y)[: len(function(name, single=True, fused=False).parameters)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(WRITTEN_OUT))
def test_numpy_and_portable_machine_code_give_the_same_bits(name: str, dtype: Any) -> None:
    given = given_to(name, dtype)
    found, expected = of_arrays(name, dtype, portable_code)(*given), value_of(name, *given)
    assert expected.dtype == dtype
    np.testing.assert_array_equal(found, expected)
    there = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[there]), np.signbit(expected[there]))


def checksum(numbers: Any) -> int:
    """A sum over the bits of numbers; NaN is NaN."""
    return zlib.crc32(np.where(np.isnan(numbers), np.nan, numbers).astype(numbers.dtype).tobytes())


@pytest.mark.parametrize("name", sorted(WRITTEN_OUT))
def test_the_bits_are_the_same_as_ever(name: str) -> None:
    for dtype, (portable, fused) in zip((np.float32, np.float64), BITS[name], strict=True):
        given = given_to(name, dtype)
        assert checksum(value_of(name, *given)) == portable
        if has_fma():
            assert checksum(of_arrays(name, dtype, machine_code)(*given)) == fused


def test_numbers_come_apart_and_together_again() -> None:
    for dtype in (np.float32, np.float64):
        x = np.abs(odd_numbers(dtype))
        x = x[(x >= np.finfo(dtype).tiny) & (x < np.inf)]
        m, n = significand(x), exponent(x)
        assert m.dtype == n.dtype == dtype
        assert ((m >= dtype(0.5**0.5)) & (m < 2**0.5)).all()
        np.testing.assert_array_equal(times_power_of_two(m, n), x)


def test_whole_numbers_have_the_digits_of_twos_complement() -> None:
    n = np.array([-5, -4, -1, 0, 1, 2, 2.0**30 + 1, -(2.0**31) + 2])
    for k in range(31):
        expected = [int(number) >> k & 1 == 1 for number in n]
        assert has_bit(n, k).tolist() == expected
