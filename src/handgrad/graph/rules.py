"""How a number, a shape or an array depends on the batch size, found from a few batches.

A page is recorded with several batch sizes. A constant met along the way is either the same
each time, or follows the batch size n by one of a few rules: `6 n`, `1/n`, `arange(n)`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.layers import Array


@dataclass(frozen=True)
class Rule:
    """A value that depends on the batch size: how it reads, and how it is computed."""

    text: str
    of: Callable[[int], Any] = field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.text


FLOATING: dict[str, Callable[[float, int], float]] = {
    "{k}/n": lambda k, n: k / n,
    "{k}*n": lambda k, n: k * n,
    "{k}*n**0.5": lambda k, n: k * n**0.5,
    "{k}/n**0.5": lambda k, n: k / n**0.5,
    "{k}/(n - 1)": lambda k, n: k / (n - 1),
    "{k}*n/(n - 1)": lambda k, n: k * n / (n - 1),
    "{k}*(n - 1)/n": lambda k, n: k * (n - 1) / n,
    "{k}/n**2": lambda k, n: k / n**2,
    "{k}*log(n)": lambda k, n: k * math.log(n),
}


class NoRuleError(Exception):
    """The values follow no known rule of the batch size."""


def solve(values: Sequence[Any], sizes: Sequence[int]) -> Any:
    """The common value of `values`, or the Rule by which they follow the batch `sizes`."""
    first = values[0]
    if any(type(value) is not type(first) for value in values):
        raise NoRuleError
    if isinstance(first, np.ndarray) and first.ndim:
        return _solve_arrays(values, sizes)
    if all(_same(value, first) for value in values):
        return first
    if isinstance(first, bool | np.bool_):
        raise NoRuleError
    if isinstance(first, int | np.integer):
        return _solve_whole(values, sizes)
    if isinstance(first, float | np.floating):
        return _solve_floating(values, sizes)
    raise NoRuleError


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    try:
        return bool(a == b) or bool(a != a and b != b)
    except (TypeError, ValueError):
        return False


def _solve_whole(values: Sequence[Any], sizes: Sequence[int]) -> Rule:
    slope, rest = divmod(int(values[1]) - int(values[0]), sizes[1] - sizes[0])
    offset = int(values[0]) - slope * sizes[0]
    if rest or any(int(v) != slope * n + offset for v, n in zip(values, sizes, strict=True)):
        raise NoRuleError
    kind = type(values[0])
    text = "n" if slope == 1 else "-n" if slope == -1 else f"{slope}*n"
    text += f" + {offset}" if offset > 0 else f" - {-offset}" if offset < 0 else ""
    return Rule(text, lambda n: kind(slope * n + offset))


def _solve_floating(values: Sequence[Any], sizes: Sequence[int]) -> Rule:
    kind = type(values[0])
    tolerance = 1e-5 if kind is np.float32 else 1e-12
    for text, function in FLOATING.items():
        rough = [float(v) / function(1.0, n) for v, n in zip(values, sizes, strict=True)]
        if max(abs(k - rough[0]) for k in rough) > tolerance * abs(rough[0]):
            continue
        neat = float(f"{rough[0]:.10g}")
        exact = all(kind(function(neat, n)) == v for v, n in zip(values, sizes, strict=True))
        return _scaled(text, function, neat if exact else rough[0], kind)
    raise NoRuleError


def _scaled(text: str, function: Callable[[float, int], float], k: float, kind: type) -> Rule:
    per_row = round(1 / k) if text == "{k}/n" and 0 < k < 1 else 0
    if per_row and abs(per_row * k - 1) < 1e-9:  # one over the size of an array
        return Rule(f"1/({per_row}*n)", lambda n: kind(1 / (per_row * n)))
    return Rule(text.format(k=f"{k:.17g}").replace("1*", ""), lambda n: kind(function(k, n)))


def _solve_arrays(values: Sequence[Array], sizes: Sequence[int]) -> Any:
    first = values[0]
    if len({value.dtype for value in values}) > 1 or len({value.ndim for value in values}) > 1:
        raise NoRuleError
    if all(value.shape == first.shape for value in values):
        if all(np.array_equal(value, first, equal_nan=value.dtype.kind == "f") for value in values):
            return first.copy()
        raise NoRuleError
    shape = [solve(lengths, sizes) for lengths in zip(*(v.shape for v in values), strict=True)]
    if all(np.array_equal(value, np.arange(len(value), dtype=value.dtype)) for value in values):
        length, dtype = shape[0], first.dtype
        return Rule(f"arange({length})", lambda n: np.arange(at(length, n), dtype=dtype))
    fills = [value.flat[0] for value in values]
    if all((value == fill).all() for value, fill in zip(values, fills, strict=True)):
        fill = solve(fills, sizes)
        text = f"full(({', '.join(map(str, shape))}), {fill})"
        return Rule(text, lambda n: np.full([at(size, n) for size in shape], at(fill, n)))
    raise NoRuleError


def at(value: Any, n: int) -> Any:
    """`value` for batch size `n`: a Rule is computed, anything else is itself."""
    return value.of(n) if isinstance(value, Rule) else value
