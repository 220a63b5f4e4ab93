"""The functions of numbers are statements that every printer knows how to write."""

import pytest

from handgrad.engines.loops.functions.function import WRITTEN_OUT, Function, function
from handgrad.engines.loops.statements import Call, Expression, Num, Var

KNOWN = {
    *("add", "subtract", "multiply", "divide", "negative", "less", "greater", "equal", "not_equal"),
    *("where", "logical_and", "logical_or", "logical_not", "cast", "floor", "abs", "isnan"),
    *("rint", "times_power_of_two", "exponent", "significand", "has_bit", "signbit"),
}
SINGLE_AND_FUSED = [(True, True), (True, False), (False, True), (False, False)]
EVERY_KIND = pytest.mark.parametrize(("single", "fused"), SINGLE_AND_FUSED)


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


@pytest.mark.parametrize("name", sorted(WRITTEN_OUT))
def test_lines_are_short(name: str) -> None:
    for line in lines(function(name, single=False, fused=True)):
        assert len(parts(line)) < 60


def test_functions_that_are_called_are_of_the_same_precision_or_of_doubles() -> None:
    for name in WRITTEN_OUT:
        for line in lines(function(name, single=True, fused=False)):
            for part in parts(line):
                if isinstance(part, Call) and part.operation in WRITTEN_OUT:
                    assert part.type == part.arguments[0].type
