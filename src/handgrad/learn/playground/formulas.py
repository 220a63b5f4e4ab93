"""Formulas of a row's columns and learning rate schedules, bit-identical to the page."""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.functions.numpy_eval import value_of
from handgrad.learn.playground.schema import alternatives, defaults_of, schema_at
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array

Function = Callable[..., Array]
LONGEST = 2000
MOST_POWER = 64  # whole powers up to this one are products
CONSTANTS = {"pi": 3.141592653589793, "e": 2.718281828459045}


def maximum(x: Array, y: Array) -> Array:
    """Elementwise maximum, the second of equal ones; NaN propagates."""
    return np.where((x > y) | np.isnan(x), x, y)


def minimum(x: Array, y: Array) -> Array:
    """Elementwise minimum, the second of equal ones; NaN propagates."""
    return np.where((x < y) | np.isnan(x), x, y)


def where(condition: Array, x: Array, y: Array) -> Array:
    """x where the condition is not 0, else y."""
    return np.where(condition != 0, x, y)


FUNCTIONS: Mapping[str, tuple[int, Function]] = {
    **{name: (1, partial(value_of, name)) for name in WRITTEN_OUT if name != "power"},
    **{page.__name__: (1, page) for page in (np.sqrt, np.floor, np.ceil)},
    "abs": (1, np.abs),
    **dict.fromkeys(("maximum", "max"), (2, maximum)),
    **dict.fromkeys(("minimum", "min"), (2, minimum)),
    "power": (2, partial(value_of, "power")),
    "where": (3, where),
}
OPERATIONS: Mapping[type[ast.operator], Function] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: partial(value_of, "power"),
}
COMPARISONS: Mapping[type[ast.cmpop], Function] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


def formula_values(text: str, columns: Mapping[str, Array]) -> Array:
    """Evaluate a formula for each row, (n,) in float64.

    A formula has columns, pi, e, + - * / **, comparisons (1 or 0), and the functions of
    `FUNCTIONS`, with or without `np.`. Raises SettingError for anything else.

    >>> x = np.array([0.0, 2.0, -3.0])
    >>> formula_values("x1**2 + max(x1, 0) * (x1 > 1)", {"x1": x}).tolist()
    [0.0, 6.0, 9.0]
    """
    if len(text) > LONGEST:
        raise _refused(f"{len(text)} characters", text)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        n = len(next(iter(columns.values())))
        wide = {name: np.asarray(column, np.float64) for name, column in columns.items()}
        with np.errstate(all="ignore"):
            return np.asarray(_FormulaEvaluator(text, wide, n).value(tree), np.float64)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, SettingError):
            raise
        raise _refused("a syntax error", text) from error


class _FormulaEvaluator:
    def __init__(self, text: str, columns: Mapping[str, Array], n: int) -> None:
        self.text, self.columns, self.n = text, columns, n

    def value(self, node: ast.expr) -> Array:
        match node:
            case ast.Constant() if (number := _number(node)) is not None:
                return np.full(self.n, number)
            case ast.Name(name) if name in self.columns:
                return self.columns[name]
            case ast.Name(name) | ast.Attribute(ast.Name("np"), name) if name in CONSTANTS:
                return np.full(self.n, CONSTANTS[name])
            case ast.UnaryOp(ast.USub(), inner):
                return -self.value(inner)
            case ast.UnaryOp(ast.UAdd(), inner):
                return self.value(inner)
            case ast.BinOp(left, ast.Pow(), right) if (k := _whole(right)) is not None:
                return _product(self.value(left), k)
            case ast.BinOp(left, operator, right) if type(operator) in OPERATIONS:
                return OPERATIONS[type(operator)](self.value(left), self.value(right))
            case ast.Compare(left, operators, right) if {*map(type, operators)} <= {*COMPARISONS}:
                return self._compared(operators, [self.value(term) for term in (left, *right)])
            case ast.Call(ast.Name(name) | ast.Attribute(ast.Name("np"), name), values, []):
                count, function = FUNCTIONS.get(name, (-1, np.abs))
                if count == len(values):
                    return function(*map(self.value, values))
        raise _refused(ast.unparse(node), self.text)

    def _compared(self, operators: Sequence[ast.cmpop], terms: Sequence[Array]) -> Array:
        holds = np.ones(self.n, bool)
        for operator, left, right in zip(operators, terms, terms[1:], strict=False):
            holds &= COMPARISONS[type(operator)](left, right)
        return holds.astype(np.float64)


def _number(node: ast.expr) -> float | None:
    """The value of a literal; infinity if it is too large for float64."""
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value <= sys.float_info.max else math.inf


def _whole(node: ast.expr) -> int | None:
    """The value of an integer exponent; None for any other."""
    minus = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    inner = node.operand if isinstance(node, ast.UnaryOp) and minus else node
    value = _number(inner)
    if value is None or not value.is_integer() or value > MOST_POWER:
        return None
    return -int(value) if minus else int(value)


def _product(x: Array, exponent: int) -> Array:
    product = x if exponent else np.ones_like(x)
    for _ in range(1, abs(exponent)):
        product = product * x
    return 1.0 / product if exponent < 0 else product


def _refused(what: str, text: str) -> SettingError:
    return SettingError(
        f"{what} in the formula {text!r}",
        f"numbers, names of columns, + - * / **, comparisons, and {', '.join(FUNCTIONS)}",
        "x1**2, for example, or sin(x1) * x2",
    )


def factors(schedule: Mapping[str, object] | None, steps: Array, per_epoch: int) -> Array:
    """Factors of the learning rate for these steps, counted from 0, (n,) in float64.

    After the last epoch of the schedule the factor stays constant.

    >>> schedule = {"name": "cosine", "epochs": 2}
    >>> factors(schedule, np.array([0, 2, 3, 9]), 2).round(4).tolist()
    [1.0, 0.5, 0.1464, 0.1464]
    """
    if schedule is None:
        return np.ones(len(steps))
    kind = alternatives(schema_at("schedule"))[str(schedule["name"])]
    settings = {**defaults_of(kind), **schedule}
    all_steps = settings["epochs"] * per_epoch
    columns = {"progress": np.minimum(steps, all_steps - 1) / all_steps}
    columns |= {k: np.full(len(steps), float(v)) for k, v in settings.items() if k != "name"}
    return formula_values(kind["factor"], columns)
