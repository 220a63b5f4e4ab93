"""Runs loop programs as plain Python: slow, the reference implementation of machine code."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.engines.compiled.runner import Argument, NativeCall, PerEpoch, Runner
from handgrad.engines.compiled.thread_pool import ThreadPool
from handgrad.engines.loops.ir import CHUNK, LANES
from handgrad.engines.loops.printing import IN_LANES
from handgrad.engines.loops.program import FINISHED, Program
from handgrad.engines.loops.random_streams import WORDS, set_stream, words_of
from handgrad.textbook.layers import Array
from handgrad.textbook.special_functions import erf

NUMPYS = (
    *("exp", "expm1", "log", "log1p", "sqrt", "tanh", "sin", "cos"),
    *("floor", "ceil", "sign", "abs", "isnan", "isfinite"),
)
# A buffer, the offset in it, the row stride, whether transposed; and its row indices, if any.
MatrixAt = tuple[Any, ...]


def python_function(
    program: Program, others: Mapping[str, object] | None = None
) -> Callable[..., int]:
    """Compile a program to a Python function of NumPy arrays; `others` adds to its globals."""
    names: dict[str, Any] = {
        "number": program.dtype.type,
        "inf": math.inf,
        "nan": math.nan,
        "matrix_product": _matrix_product,
        "draw": _draw,
        "parts": lambda count: reversed(range(count)),  # any order must do
        "maximum": _passing_nan(max),
        "minimum": _passing_nan(min),
        "erf": erf,
        "fma": lambda a, b, c: a * b + c,
        **{name: _in_lanes(operation) for operation, name in IN_LANES.items()},
        **{name: getattr(np, name) for name in NUMPYS},
        **(others or {}),
    }
    exec(compile(program.source(), f"<{program.name}>", "exec"), names)
    function: Callable[..., int] = names[program.name]
    return function


class PythonCallSequence:
    """The `CallSequence` of Python functions."""

    def __init__(self, calls: Sequence[NativeCall], rounds: int = 1) -> None:
        self.calls = calls

    def run(self, rounds: int = 1) -> tuple[int, int]:
        """Run the calls; returns the number of complete rounds and the last call's result."""
        for i in range(rounds):
            for call in self.calls:
                result = call.function(*(_argument(a, i) for a in call.arguments))
                if result != FINISHED:
                    return i, result
        return rounds, FINISHED


class PythonRunner(Runner):
    """A runner of plain Python."""

    load: Callable[[Program], Any] = staticmethod(python_function)
    sequence = PythonCallSequence

    @staticmethod
    def at_once(calls: Sequence[NativeCall], _: ThreadPool) -> list[int]:
        """Make the calls one after the other."""
        return [PythonCallSequence([call]).run()[1] for call in calls]


def _argument(argument: Argument, i: int) -> Array | int:
    value = argument.array[i] if isinstance(argument, PerEpoch) else argument
    return value.reshape(-1) if isinstance(value, np.ndarray) else value


def _passing_nan(choose: Callable[[float, float], float]) -> Callable[[float, float], float]:
    return lambda a, b: a if a != a else b if b != b else choose(a, b)


def _in_lanes(operation: str) -> Callable[..., Any]:
    """A function that reduces rows of numbers in lanes, then the lanes by halves."""
    function: np.ufunc = getattr(np, operation)
    start = {"add": 0.0, "multiply": 1.0, "maximum": -math.inf, "minimum": math.inf}[operation]

    def reduced(*rows: Sequence[float]) -> Any:
        dtype = np.result_type(*(number for row in rows for number in row))
        total = np.full(LANES, start, dtype)
        for row in rows:
            for begin in range(0, len(row), CHUNK):
                chunk = np.full(LANES, start, dtype)
                for i, number in enumerate(row[begin : begin + CHUNK]):
                    chunk[i % LANES] = function(chunk[i % LANES], number)
                total = function(total, chunk)
        while len(total) > 1:
            total = function(*np.split(total, 2))
        return total[0]

    return reduced


def _matrix_product(
    m: int,
    n: int,
    k: int,
    a: MatrixAt,
    b: MatrixAt,
    c: MatrixAt,
    start: tuple[Array, int] | None = None,
) -> None:
    left, right, result = _matrix(a, m, k), _matrix(b, k, n), _matrix(c, m, n)
    result[...] = left @ right
    if start is not None:
        bias, offset = start
        result += bias[offset : offset + n]


def _draw(words: Array, stream: int, count: int, place: tuple[Array, int]) -> None:
    buffer, offset = place
    stream_words = words[WORDS * stream : WORDS * (stream + 1)]
    rng = np.random.default_rng()
    set_stream(rng, stream_words)
    buffer[offset : offset + count] = rng.random(count, buffer.dtype)
    stream_words[...] = np.array(words_of(rng), np.uint64)


def _matrix(matrix: MatrixAt, rows: int, columns: int) -> Array:
    buffer, offset, width, transposed, *order = matrix
    if order:
        numbers, begin = order
        count, length = (columns, rows) if transposed else (rows, columns)
        begins = offset + width * numbers[begin : begin + count]
        lines = buffer[begins[:, None] + np.arange(length)]
        return lines.T if transposed else lines
    flat = buffer[offset:]
    steps = (width * flat.itemsize, flat.itemsize)
    shape = (rows, columns)
    strides = steps[::-1] if transposed else steps
    return np.lib.stride_tricks.as_strided(flat, shape, strides)
