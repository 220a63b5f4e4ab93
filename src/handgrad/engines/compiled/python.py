"""Runs a loop program as plain Python: slow, and the oracle of the machine code."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from handgrad.engines.compiled.program import Program


def python_function(program: Program) -> Callable[..., int]:
    """The program as a Python function over NumPy arrays."""
    names: dict[str, Any] = {
        "number": program.dtype.type,
        "inf": math.inf,
        "nan": math.nan,
        "matrix_product": _matrix_product,
        "logical_not": lambda x: not x,
        "maximum": _passing_nan(max),
        "minimum": _passing_nan(min),
        **{name: getattr(np, name) for name in ("exp", "log", "sqrt", "tanh", "sin", "cos")},
        **{name: getattr(np, name) for name in ("floor", "ceil", "sign", "abs")},
        **{name: getattr(np, name) for name in ("isnan", "isfinite")},
    }
    exec(compile(program.source(), f"<{program.name}>", "exec"), names)
    function: Callable[..., int] = names[program.name]
    return function


def python_caller(program: Program) -> Callable[[tuple[Any, ...]], int]:
    """What calls the Python function with its arguments, arrays flattened."""
    function = python_function(program)

    def call(arguments: tuple[Any, ...]) -> int:
        return function(*(a.reshape(-1) if isinstance(a, np.ndarray) else a for a in arguments))

    return call


def _passing_nan(choose: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda a, b: a if a != a else b if b != b else choose(a, b)


def _matrix_product(m: int, n: int, k: int, a: Any, b: Any, c: Any) -> None:
    left, right, result = _matrix(a, m, k), _matrix(b, k, n), _matrix(c, m, n)
    result[...] = left @ right


def _matrix(given: Any, rows: int, columns: int) -> Any:
    buffer, offset, width, transposed = given
    flat = buffer[offset:]
    steps = (width * flat.itemsize, flat.itemsize)
    shape = (rows, columns)
    strides = steps[::-1] if transposed else steps
    return np.lib.stride_tricks.as_strided(flat, shape, strides)
