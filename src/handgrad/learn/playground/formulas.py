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
from handgrad.learn.playground.kinds import is_number
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


ROUNDING = "1e-9"  # a quotient such as 0.7/0.1 just below an integer counts as that integer


def _wave(begin: str, end: str, share: str) -> str:
    """Half a cosine wave from one number to another."""
    return f"({end}) + (({begin}) - ({end})) * (1 + cos(pi * ({share}))) / 2"


_GROWN = f"growth ** floor(log(1 + progress * (growth ** cycles - 1)) / log(growth) + {ROUNDING})"
_ALIKE = f"progress * cycles - floor(progress * cycles + {ROUNDING})"
_GROWING = f"((1 + progress * (growth ** cycles - 1)) / {_GROWN} - 1) / (growth - 1)"

# Factor of the learning rate by `progress`, the fraction of the training done, and the settings.
FACTORS: Mapping[str, str] = {
    "step": f"gamma ** floor(progress / every + {ROUNDING})",
    "exponential": "end ** progress",
    "cosine": _wave("1", "end", "progress"),
    "cyclic_cosine": _wave("1", "end", f"max(0, where(growth == 1, {_ALIKE}, {_GROWING}))"),
    "coslog": "(1 - cos(2 * pi * log(1 + (2 ** cycles - 1) * progress) / log(2))) / 2",
    "one_cycle": (
        f"where(progress < rise, {_wave('start', '1', 'progress / rise')}, "
        f"{_wave('1', 'end', '(progress - rise) / (1 - rise)')})"
    ),
    "warm_up": "where(progress < share, start + (1 - start) * progress / share, 1)",
}
# Default settings.
USUAL: Mapping[str, Mapping[str, float]] = {
    "step": {"every": 1 / 3, "gamma": 0.1},
    "exponential": {"end": 0.01},
    "cosine": {"end": 0.0},
    "cyclic_cosine": {"cycles": 4, "growth": 1.0, "end": 0.0},
    "coslog": {"cycles": 4},
    "one_cycle": {"rise": 0.3, "start": 0.04, "end": 4e-6},
    "warm_up": {"share": 0.1, "start": 1 / 3},
}


def factors(schedule: Mapping[str, object] | None, steps: Array, per_epoch: int) -> Array:
    """Factors of the learning rate for these steps, counted from 0, (n,) in float64.

    After the last epoch of the schedule the factor stays constant.

    >>> schedule = {"name": "cosine", "epochs": 2}
    >>> factors(schedule, np.array([0, 2, 3, 9]), 2).round(4).tolist()
    [1.0, 0.5, 0.1464, 0.1464]
    """
    if schedule is None:
        return np.ones(len(steps))
    settings = {key: value for key, value in schedule.items() if is_number(value)}
    name, epochs = str(schedule["name"]), float(str(settings.pop("epochs")))
    all_steps = epochs * per_epoch
    columns = {"progress": np.minimum(steps, all_steps - 1) / all_steps}
    for key, value in {**USUAL[name], **settings}.items():
        columns[key] = np.full(len(steps), float(str(value)))
    return formula_values(FACTORS[name], columns)
