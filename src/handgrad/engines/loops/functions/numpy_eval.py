"""Evaluates the elementary functions in NumPy: the bits of every engine without fma."""

from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.engines.loops.functions.function import WRITTEN_OUT, function
from handgrad.engines.loops.ir import Call, Expression, Num, Type, Var
from handgrad.textbook.layers import Array


def value_of(name: str, *arguments: Array) -> Array:
    """Evaluate a function for scalars or arrays of float32 or float64.

    >>> float(value_of("log", np.float64(10.0)))
    2.302585092994046
    >>> value_of("tanh", np.array([-0.0, 30.0, np.nan], np.float32)).tolist()
    [-0.0, 1.0, nan]
    """
    kind = arguments[0].dtype.type
    types: dict[Type, Any] = {"float": kind, "double": np.float64, "int": int}
    written = function(name, single=kind == np.float32, fused=False)
    variables = {p.name: x for p, x in zip(written.parameters, arguments, strict=True)}

    def value(expression: Expression) -> Any:
        match expression:
            case Num(number, type):
                return types[type](number)
            case Var(name, _):
                return variables[name]
            case Call("cast", (x,), type):
                return value(x).astype(types[type])
            case Call(operation, parts, _):
                values = map(value, parts)
                if operation in WRITTEN_OUT:
                    return value_of(operation, *values)
                return (PRIMITIVES.get(operation) or getattr(np, operation))(*values)

    with np.errstate(all="ignore"):
        for let in written.body:
            variables[let.name] = value(let.value)
        return value(written.result)


def times_power_of_two(y: Array, n: Array) -> Array:
    """2ⁿ y, in two steps."""
    one, half = y.dtype.type(1), np.floor(n / 2).astype(np.int32)
    return y * np.ldexp(one, half) * np.ldexp(one, n.astype(np.int32) - half)


def exponent(x: Array) -> Array:
    """The integer n of x = 2ⁿ m, √½ ≤ m < √2."""
    m, n = np.frexp(x)
    return (n - (m < x.dtype.type(0.5**0.5))).astype(x.dtype)


def significand(x: Array) -> Array:
    """The m of x = 2ⁿ m, √½ ≤ m < √2."""
    m = np.frexp(x)[0]
    return np.where(m < x.dtype.type(0.5**0.5), m + m, m)


def has_bit(n: Array, k: int) -> Array:
    """Bit k of an integer."""
    return n.astype(np.int32) >> k & 1 == 1


PRIMITIVES: dict[str, Callable[..., Array]] = {
    operation.__name__: operation
    for operation in (times_power_of_two, exponent, significand, has_bit)
}
