"""Constants of lowered graphs as JSON: numbers, and formulas of settings and sizes."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.symbolic import (
    Arange,
    Dim,
    Formula,
    N,
    NoRuleError,
    Ratio,
    Ref,
    Scaled,
    Scaling,
    solve,
)
from handgrad.textbook.errors import RecordingError

Json = dict[str, Any]
Sizes = Mapping[str, int]
NAMES = {math.inf: "inf", -math.inf: {"negative": ["inf"]}}
NUMBER = re.compile(r"(\d[\d.]*(?:e-?\d+)?)")


def kind_of(node: Node) -> list[str]:
    """The kind of a node's numbers; empty for float32."""
    kind = "d" if node.dtype == np.float64 and node.shape == () else node.dtype.kind
    return [] if kind == "f" else ["i" if kind == "u" else kind]


def constant(value: object, n: str = "n") -> Any:
    """An argument as JSON; `n` is the variable of sizes."""
    match value:
        case Ref(node):
            return f"#{node}"
        case tuple() | list():
            return [constant(part, n) for part in value]
        case np.generic():
            return constant(value.item())
        case float():
            return NAMES.get(value, value)
        case int() | str():
            return value
        case Dim(slope, offset):
            size = Formula("setting", (n,), 2.0)
            many = size if slope == 1 else slope * size
            return constant(many + offset if offset else many)
        case Scaled(Scaling.K_TIMES_LOG_N, k):
            return {"multiply": [k, {"log": [n]}]}
        case Scaled(scaling, k):
            return constant(scaling.compute(k, Formula("setting", (n,), 2.0)))  # type: ignore[arg-type]
        case Ratio(numerator, denominator):
            return {"divide": [constant(numerator), constant(denominator)]}
        case Formula("setting", (name,)):
            return name
        case Formula("power", (base, 0.5)):
            return {"sqrt": [constant(base)]}
        case Formula(operation, parts):
            return {operation: constant(parts)}
        case Arange(length, _, 1) if length == N:
            return "rows"
    raise RecordingError(
        f"the argument {value!r} of a layer", "numbers, arrays and indices", "another layer"
    )


def unified(values: Sequence[object], sizes: Sequence[Sizes]) -> Any:
    """The structure common to all `values`, with a formula for each number that follows a size.

    A text with such numbers is a list: strings, and between them the `value` of each number.

    >>> unified([["sum", 3, 12], ["sum", 5, 14], ["sum", 8, 17]], [{"k": 4}, {"k": 6}, {"k": 9}])
    ['sum', {'add': ['k', -1]}, {'add': ['k', 8]}]
    """
    first, parts = values[0], cast(Sequence[Any], values)
    if all(type(value) is type(first) for value in values):
        if isinstance(first, list) and len({*map(len, parts)}) == 1:
            return [unified(some, sizes) for some in zip(*parts, strict=True)]
        if isinstance(first, dict) and all(part.keys() == first.keys() for part in parts):
            return {name: unified([part[name] for part in parts], sizes) for name in first}
        if all(value == first for value in values):
            return first
        if isinstance(first, str) and NUMBER.search(first):
            pieces = enumerate(zip(*map(NUMBER.split, parts), strict=True))
            filled = [
                {"value": unified([*map(json.loads, some)], sizes)} if i % 2 else some[0]
                for i, some in pieces
            ]
            return {"text": filled}
        for name in sizes[0]:
            with suppress(NoRuleError):
                return constant(solve(values, [run[name] for run in sizes]), name)
    raise RecordingError(
        f"{', '.join(map(repr, values))} with three settings and sizes",
        "constants, settings, and sizes that follow one of them",
        "arithmetic on settings alone: self.a / 2 instead of math.sqrt(self.a)",
    )
