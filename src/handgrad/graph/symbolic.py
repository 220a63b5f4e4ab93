"""Symbolic values: references to nodes, and functions of the batch size n.

A layer is traced with several batch sizes. A constant is either the same each time, or a function
of n: `6*n`, `1/n`, `arange(n)`. These functions are data: they can be compared and written as JSON.
So are formulas of settings that a traced module gets later.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self, SupportsFloat, SupportsInt

import numpy as np

from handgrad.graph.operations import Op
from handgrad.textbook.layers import Array

# The batch sizes of tracing. Neither all odd nor all even: n // 2 must not look like a n + b.
SIZES = (6, 9, 13)


@dataclass(frozen=True)
class Ref:
    """The result of another node, by its number."""

    node: int


NESTED = frozenset({tuple, list, dict, slice})


def substitute(value: object, replace: Callable[[object], object]) -> Any:
    """Replace every leaf of nested tuples, lists, dicts and slices."""
    if type(value) is tuple or type(value) is list:
        parts = [
            substitute(part, replace) if type(part) in NESTED else replace(part) for part in value
        ]
        return tuple(parts) if type(value) is tuple else parts
    if type(value) is dict:
        return {name: substitute(part, replace) for name, part in value.items()}
    if type(value) is slice:
        parts = [substitute(end, replace) for end in (value.start, value.stop, value.step)]
        return slice(*parts)
    return replace(value)


PLAIN = (bool, int, float)  # and not their subclass np.float64


def plain_if_of_plain(result: object, arguments: object) -> Any:
    """The result of a function; a plain number, as Python's, if all its arguments are plain.

    NumPy's would turn float32 into float64: `np.maximum(step, 10)` is an `np.int64`.
    """
    if not isinstance(result, np.ndarray | np.generic) or result.ndim:
        return result
    kinds: list[bool] = []
    substitute(arguments, lambda leaf: kinds.append(type(leaf) in PLAIN))
    return result.item() if kinds and all(kinds) else result


@dataclass(frozen=True)
class Symbolic:
    """A value that depends on the batch size n."""

    def at(self, n: int) -> Any:
        """The value for batches of n rows."""
        raise NotImplementedError


@dataclass(frozen=True)
class Dim(Symbolic):
    """The integer slope·n + offset: a NumPy scalar with a `dtype`, else a Python int."""

    slope: int
    offset: int = 0
    dtype: str = ""

    def at(self, n: int) -> Any:
        return _number(self.slope * n + self.offset, self.dtype)

    def __str__(self) -> str:
        text = {1: "n", -1: "-n"}.get(self.slope, f"{self.slope}*n")
        sign = f" {'+' if self.offset > 0 else '-'} {abs(self.offset)}"
        return text + (sign if self.offset else "")


class Scaling(StrEnum):
    """A function of n with a constant k: its text and how to compute it."""

    compute: Callable[[float, int], float]

    def __new__(cls, text: str, compute: Callable[[float, int], float]) -> Self:
        scaling = str.__new__(cls, text)
        scaling._value_, scaling.compute = text, compute
        return scaling

    K_OVER_N = "{k}/n", lambda k, n: k / n
    K_TIMES_N = "{k}*n", lambda k, n: k * n
    K_TIMES_ROOT_N = "{k}*n**0.5", lambda k, n: k * n**0.5
    K_OVER_ROOT_N = "{k}/n**0.5", lambda k, n: k / n**0.5
    K_OVER_ONE_LESS = "{k}/(n - 1)", lambda k, n: k / (n - 1)
    K_TIMES_N_OVER_ONE_LESS = "{k}*n/(n - 1)", lambda k, n: k * n / (n - 1)
    K_TIMES_ONE_LESS_OVER_N = "{k}*(n - 1)/n", lambda k, n: k * (n - 1) / n
    K_OVER_N_SQUARED = "{k}/n**2", lambda k, n: k / n**2
    K_TIMES_N_SQUARED = "{k}*n**2", lambda k, n: k * n**2
    K_TIMES_LOG_N = "{k}*log(n)", lambda k, n: k * math.log(n)
    ONE_OVER_K_N = "1/({k}*n)", lambda k, n: 1 / (k * n)


@dataclass(frozen=True)
class Scaled(Symbolic):
    """A float that depends on n: a NumPy scalar with a `dtype`, else a Python float."""

    scaling: Scaling
    k: float
    dtype: str = ""

    def at(self, n: int) -> Any:
        return _number(self.scaling.compute(self.k, n), self.dtype)

    def __str__(self) -> str:
        pattern = self.scaling.replace("{k}*", "") if self.k == 1 else self.scaling
        return pattern.format(k=f"{self.k:.17g}")


@dataclass(frozen=True)
class Ratio(Symbolic):
    """The quotient of two numbers, at least one of which depends on n."""

    numerator: float | Symbolic
    denominator: float | Symbolic

    def at(self, n: int) -> Any:
        return at(self.numerator, n) / at(self.denominator, n)

    def __str__(self) -> str:
        return f"{self.numerator}/({self.denominator})"


@dataclass(frozen=True)
class Arange(Symbolic):
    """The array 0, 1, ... up to a length that follows n, along the first of `ndim` axes."""

    length: Dim
    dtype: str
    ndim: int = 1

    def at(self, n: int) -> Array:
        return np.arange(self.length.at(n), dtype=self.dtype).reshape(-1, *[1] * (self.ndim - 1))

    def __str__(self) -> str:
        return f"arange({self.length})" + (f"[:{', None' * (self.ndim - 1)}]" * (self.ndim > 1))


def diagonal_of(values: Array) -> int | None:
    """The k for which an array equals np.tri(rows, columns, k, bool); None for other arrays.

    Its element (i, j) is the comparison i + k >= j.

    >>> diagonal_of(np.tri(3, 5, 2, bool))
    2
    """
    if values.dtype != np.bool_ or values.ndim != 2 or min(values.shape) < 2:
        return None
    k = int(values[0].sum()) - 1
    return k if np.array_equal(values, np.tri(len(values), len(values[0]), k, bool)) else None


@dataclass(frozen=True)
class RowComparison(Symbolic):
    """An array (n, n) of two numbers, by a comparison of row numbers: np.eye(n), np.tri(n)/n.

    Parameters
    ----------
    operation : str
        Compares the number of the row with that of the column.
    yes, no : float or Symbolic
        The numbers where it holds, and elsewhere.
    dtype : str
        Their dtype.
    """

    operation: str
    yes: Any
    no: Any
    dtype: str

    def at(self, n: int) -> Array:
        compared = _compared(self.operation, n)
        return np.where(compared, at(self.yes, n), at(self.no, n)).astype(self.dtype)

    def __str__(self) -> str:
        symbol = Op(self.operation).symbol
        return f"where(arange(n)[:, None] {symbol} arange(n), {self.yes}, {self.no})"


def _compared(operation: str, n: int) -> Array:
    row = np.arange(n)
    compared: Array = Op(operation).compute(row[:, None], row)
    return compared


Shape = tuple[int | Dim, ...]
N = Dim(1)


@dataclass(frozen=True)
class Full(Symbolic):
    """A constant array whose shape depends on n, and possibly its value too."""

    shape: Shape
    fill: Any

    def at(self, n: int) -> Array:
        return np.full([at(size, n) for size in self.shape], at(self.fill, n))

    def __str__(self) -> str:
        return f"full({shape_text(self.shape)}, {self.fill})"


@dataclass(frozen=True)
class Formula(Symbolic):
    """A number computed from settings that a module gets after tracing: `1 - momentum`.

    Parameters
    ----------
    operation : str
        An operation of Python numbers, or "setting".
    arguments : tuple
        Numbers and formulas, or the setting's name.
    value : float
        The number in this trace.

    Examples
    --------
    >>> momentum = Formula("setting", ("momentum",), 0.25)
    >>> (1 - momentum) / 2
    Formula(operation='divide', arguments=(Formula(operation='subtract', ...), 2), value=0.375)
    """

    operation: str
    arguments: tuple[Any, ...]
    value: float = field(compare=False)

    def at(self, n: int) -> Any:
        return self.value

    def __add__(self, other: object) -> Any:
        return computed(Op.ADD, self, other)

    def __radd__(self, other: object) -> Any:
        return computed(Op.ADD, other, self)

    def __sub__(self, other: object) -> Any:
        return computed(Op.SUBTRACT, self, other)

    def __rsub__(self, other: object) -> Any:
        return computed(Op.SUBTRACT, other, self)

    def __mul__(self, other: object) -> Any:
        return computed(Op.MULTIPLY, self, other)

    def __rmul__(self, other: object) -> Any:
        return computed(Op.MULTIPLY, other, self)

    def __truediv__(self, other: object) -> Any:
        return computed(Op.DIVIDE, self, other)

    def __rtruediv__(self, other: object) -> Any:
        return computed(Op.DIVIDE, other, self)

    def __pow__(self, other: object) -> Any:
        return computed(Op.POWER, self, other)

    def __rpow__(self, other: object) -> Any:
        return computed(Op.POWER, other, self)

    def __neg__(self) -> Any:
        return computed(Op.NEGATIVE, self)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **options: object
    ) -> Any:
        if not all(isinstance(value, Formula | np.ndarray) for value in inputs):
            return NotImplemented  # a traced array keeps the formula
        return getattr(ufunc, method)(*(at(value, 0) for value in inputs), **options)


def computed(operation: Op, *arguments: object) -> Any:
    """The formula of an operation on formulas and numbers; NotImplemented for traced arrays."""
    if not all(isinstance(value, Formula | int | float) for value in arguments):
        return NotImplemented
    value = operation.compute(*(at(value, 0) for value in arguments))
    return Formula(operation.value, arguments, value)


def at(value: object, n: int) -> Any:
    """Evaluate a symbolic value for batch size `n`; other values are returned unchanged."""
    return value.at(n) if isinstance(value, Symbolic) else value


def shape_text(shape: Shape) -> str:
    """Format a shape: (n, 3), (n,)."""
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def _number(value: float, dtype: str) -> Any:
    return np.dtype(dtype).type(value) if dtype else value


def _dtype(value: object) -> str:
    return np.dtype(type(value)).name if isinstance(value, np.generic) else ""


class NoRuleError(Exception):
    """The values follow no known function of the batch size."""


def solve(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Find the common value, or the function of the batch size that gives `values` at `sizes`."""
    first = values[0]
    if any(type(value) is not type(first) for value in values):
        raise NoRuleError
    if isinstance(first, np.ndarray) and first.ndim:
        return _solve_arrays(values, sizes)
    if isinstance(first, Formula):
        return _solve_formulas(values, sizes)
    if all(_same(value, first) for value in values):
        return first
    if isinstance(first, int | np.integer) and not isinstance(first, bool):
        return _solve_whole(values, sizes)
    if isinstance(first, float | np.floating):
        return _solve_floating(values, sizes)
    raise NoRuleError


def _same(a: object, b: object) -> bool:
    if a is b:
        return True
    try:
        return bool(a == b) or bool(a != a and b != b)
    except (TypeError, ValueError):
        return False


def _solve_whole(values: Sequence[SupportsInt], sizes: Sequence[int]) -> Dim:
    slope, rest = divmod(int(values[1]) - int(values[0]), sizes[1] - sizes[0])
    offset = int(values[0]) - slope * sizes[0]
    if rest or any(int(v) != slope * n + offset for v, n in zip(values, sizes, strict=True)):
        raise NoRuleError
    return Dim(slope, offset, _dtype(values[0]))


def _solve_floating(values: Sequence[SupportsFloat], sizes: Sequence[int]) -> Scaled:
    dtype = _dtype(values[0])
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for scaling in Scaling:
        rough = [float(v) / scaling.compute(1.0, n) for v, n in zip(values, sizes, strict=True)]
        if max(abs(k - rough[0]) for k in rough) > tolerance * abs(rough[0]):
            continue
        per_row = round(1 / rough[0]) if scaling is Scaling.K_OVER_N and 0 < rough[0] < 1 else 0
        if per_row and abs(per_row * rough[0] - 1) < 1e-9:  # 1 / (the size of an array)
            return Scaled(Scaling.ONE_OVER_K_N, per_row, dtype)
        neat = Scaled(scaling, float(f"{rough[0]:.10g}"), dtype)
        exact = all(neat.at(n) == v for v, n in zip(values, sizes, strict=True))
        return neat if exact else Scaled(scaling, rough[0], dtype)
    raise NoRuleError


def _solve_formulas(values: Sequence[Formula], sizes: Sequence[int]) -> Formula:
    if len({(value.operation, len(value.arguments)) for value in values}) > 1:
        raise NoRuleError
    parts = zip(*(value.arguments for value in values), strict=True)
    return replace(values[0], arguments=tuple(solve(part, sizes) for part in parts))


def _solve_arrays(values: Sequence[Array], sizes: Sequence[int]) -> Any:
    first = values[0]
    if len({value.dtype for value in values}) > 1 or len({value.ndim for value in values}) > 1:
        raise NoRuleError
    if all(value.shape == first.shape for value in values):
        if all(np.array_equal(value, first, equal_nan=value.dtype.kind == "f") for value in values):
            return first.copy()
        raise NoRuleError
    shape = tuple(solve(lengths, sizes) for lengths in zip(*(v.shape for v in values), strict=True))
    if all(size == 1 for size in shape[1:]) and all(
        np.array_equal(value.ravel(), np.arange(len(value), dtype=value.dtype)) for value in values
    ):
        return Arange(shape[0], first.dtype.name, first.ndim)
    fills = [value.flat[0] for value in values]
    if all((value == fill).all() for value, fill in zip(values, fills, strict=True)):
        return Full(shape, solve(fills, sizes))
    if shape == (N, N):
        return _solve_comparison(values, sizes)
    raise NoRuleError


def _solve_comparison(values: Sequence[Array], sizes: Sequence[int]) -> RowComparison:
    for operation in (Op.EQUAL, Op.GREATER, Op.GREATER_EQUAL):
        masks = [_compared(operation, n) for n in sizes]
        yes, no = (
            [value[mask == side] for value, mask in zip(values, masks, strict=True)]
            for side in (True, False)
        )
        if all((numbers == numbers[0]).all() for numbers in (*yes, *no)):
            where, elsewhere = (
                solve([each[0].item() for each in side], sizes) for side in (yes, no)
            )
            return RowComparison(operation.value, where, elsewhere, values[0].dtype.name)
    raise NoRuleError
