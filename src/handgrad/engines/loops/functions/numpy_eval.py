"""The functions in NumPy's arithmetic: the same bits as wherever else no product is fused."""

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.engines.loops.functions.function import WRITTEN_OUT, function
from handgrad.engines.loops.ir import Call, Expression, Num, Type, Var
from handgrad.textbook.layers import Array


def value_of(name: str, *given: Array) -> Array:
    """What a function gives for float32 or float64, numbers or arrays.

    >>> float(value_of("log", np.float64(10.0)))
    2.302585092994046
    >>> value_of("tanh", np.array([-0.0, 30.0, np.nan], np.float32)).tolist()
    [-0.0, 1.0, nan]
    """
    kind = given[0].dtype.type
    types: dict[Type, Any] = {"float": kind, "double": np.float64, "int": int}
    written = function(name, single=kind == np.float32, fused=False)
    known = {p.name: x for p, x in zip(written.parameters, given, strict=True)}

    def value(expression: Expression) -> Any:
        match expression:
            case Num(number, type):
                return types[type](number)
            case Var(name, _):
                return known[name]
            case Call("cast", (x,), type):
                return value(x).astype(types[type])
            case Call(operation, arguments, _):
                values = map(value, arguments)
                if operation in WRITTEN_OUT:
                    return value_of(operation, *values)
                return (PRIMITIVES.get(operation) or getattr(np, operation))(*values)

    with np.errstate(all="ignore"):
        for let in written.body:
            known[let.name] = value(let.value)
        return value(written.result)


def times_power_of_two(y: Array, n: Array) -> Array:
    """2ⁿ y, by two halves."""
    one, half = y.dtype.type(1), np.floor(n / 2).astype(np.int32)
    return y * np.ldexp(one, half) * np.ldexp(one, n.astype(np.int32) - half)


def exponent(x: Array) -> Array:
    """The whole number n of x = 2ⁿ m, √½ ≤ m < √2."""
    m, n = np.frexp(x)
    return (n - (m < x.dtype.type(0.5**0.5))).astype(x.dtype)


def significand(x: Array) -> Array:
    """The m of x = 2ⁿ m, √½ ≤ m < √2."""
    m = np.frexp(x)[0]
    return np.where(m < x.dtype.type(0.5**0.5), m + m, m)


def has_bit(n: Array, k: int) -> Array:
    """Whether binary digit k of a whole number is 1."""
    return n.astype(np.int32) >> k & 1 == 1


PRIMITIVES: dict[str, Callable[..., Array]] = {
    page.__name__: page for page in (times_power_of_two, exponent, significand, has_bit)
}
