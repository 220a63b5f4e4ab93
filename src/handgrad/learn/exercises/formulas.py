"""Formulas typed by a learner: parsed by `ast`, evaluated with NumPy, and finite differences.

Only what a formula needs is supported, as in `web/exercises/arrays.js`: variables, arithmetic,
comparisons, a few functions of `np` and a few methods of arrays.
"""

import ast
import json
import math
import operator
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias

import numpy as np

from handgrad.files.web import WEB
from handgrad.textbook.layers import Array

Value: TypeAlias = object
Environment = Mapping[str, Value]

# Bounds on values and on the work for one, as formulas of a whole class are evaluated in one place.
MOST_ENTRIES, MOST_WORK = 2**16, 2**22


def _arange(*ends: float) -> Array:
    """np.arange, within the bounds."""
    start, stop, step = (0, *ends, 1) if len(ends) == 1 else (*ends, 1)[:3]
    if not 0 <= (stop - start) / step <= MOST_ENTRIES:
        raise ValueError("too many numbers")
    return np.arange(start, stop, step)


def _eye(n: int) -> Array:
    """np.eye, within the bounds."""
    if n * n > MOST_ENTRIES:
        raise ValueError("too many numbers")
    return np.eye(n)


FUNCTIONS: dict[str, Callable[..., object]] = {
    name: {"arange": _arange, "eye": _eye}.get(name, getattr(np, name))
    for name in [
        "abs",
        "exp",
        "expm1",
        "log",
        "log1p",
        "sqrt",
        "square",
        "tanh",
        "sin",
        "cos",
        "sign",
        "maximum",
        "minimum",
        "where",
        "clip",
        "sum",
        "mean",
        "max",
        "min",
        "zeros_like",
        "ones_like",
        "arange",
        "eye",
        "transpose",
        "dot",
        "matmul",
        "outer",
    ]
}
CONSTANTS = {"pi": np.pi, "newaxis": None}
METHODS = ("sum", "mean", "max", "min", "astype", "reshape", "transpose", "copy")
ATTRIBUTES = ("T", "shape", "size", "ndim")
BUILT_IN: dict[str, Value] = {"len": len, "abs": np.abs, "float": float, "int": int, "bool": bool}
BINARY: dict[type[ast.operator], tuple[str, Callable[..., object]]] = {
    ast.Add: ("+", np.add),
    ast.Sub: ("-", np.subtract),
    ast.Mult: ("*", np.multiply),
    ast.Div: ("/", np.divide),
    ast.FloorDiv: ("//", np.floor_divide),
    ast.Mod: ("%", np.remainder),
    ast.Pow: ("**", np.power),
    ast.MatMult: ("@", np.matmul),
    ast.BitAnd: ("&", np.bitwise_and),
    ast.BitOr: ("|", np.bitwise_or),
}
UNARY: dict[type[ast.unaryop], Callable[..., object]] = {
    ast.USub: np.negative,
    ast.UAdd: np.positive,
    ast.Invert: np.invert,
}
COMPARE: dict[type[ast.cmpop], tuple[str, Callable[..., object]]] = {
    ast.Lt: ("<", np.less),
    ast.LtE: ("<=", np.less_equal),
    ast.Gt: (">", np.greater),
    ast.GtE: (">=", np.greater_equal),
    ast.Eq: ("==", np.equal),
    ast.NotEq: ("!=", np.not_equal),
}
# Common notations, and how Python writes them.
SIGNS: dict[str, str] = json.loads((WEB / "shared/formula_signs.json").read_text("utf-8"))
WIDE_BLANK = "\u3000"
NUMBERS = (np.ndarray, np.generic, int, float)


class FormulaError(Exception):
    """An error in a formula: a key of words.json, and the values of its sentence."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key, values)
        self.key, self.values = key, values


def value_of(text: str, variables: Environment) -> Array:
    """Evaluate a formula: an array in float64 or of booleans; raises FormulaError if it fails."""
    text = text.replace(WIDE_BLANK, " ").strip()
    for sign in text:
        _refuse_other_sign(sign)
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        came = getattr(error, "msg", None) or str(error) or "nested too deep"
        raise FormulaError("formula_python", came=came) from error
    try:
        with np.errstate(all="ignore"):
            value = _Evaluator(variables, text).of(tree.body)
    except RecursionError as error:
        raise FormulaError("formula_python", came="nested too deep") from error
    if not isinstance(value, NUMBERS):
        raise FormulaError("formula_no_numbers")
    numbers = np.asarray(value)
    numbers = numbers.copy() if numbers.dtype.kind == "b" else numbers.astype(np.float64)
    numbers.flags.writeable = False
    return numbers


def _refuse_other_sign(sign: str) -> None:
    """Raise FormulaError for a character that is not Python arithmetic, with its replacement."""
    if sign != "^" and (sign.isascii() or f"_{sign}".isidentifier()):
        return
    narrow = unicodedata.normalize("NFKC", sign)
    write = SIGNS.get(sign) or (narrow if re.fullmatch("[!-~]", narrow) else "")
    raise FormulaError("formula_instead" if write else "formula_sign", came=sign, write=write)


class _Evaluator:
    def __init__(self, variables: Environment, text: str) -> None:
        self.variables, self.text = variables, text

    def of(self, node: ast.expr) -> Value:
        """Value of a node, by the method for its type."""
        work = getattr(self, f"_{type(node).__name__.lower()}", None)
        if work is None:
            raise self._cannot(node)
        result: Value = work(node)
        return result

    def _cannot(self, node: ast.expr) -> FormulaError:
        return FormulaError("formula_cannot", came=self._written(node))

    def _written(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.text, node) or ""

    def _constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, int) and abs(node.value) >= 2**63:
            raise self._cannot(node)  # NumPy would compute with objects
        if isinstance(node.value, int | float | None):
            return node.value
        raise self._cannot(node)

    def _name(self, node: ast.Name) -> Value:
        if node.id in self.variables:
            return self.variables[node.id]
        if node.id in BUILT_IN:
            return BUILT_IN[node.id]
        names = ", ".join(self.variables)
        raise FormulaError("formula_name", came=node.id, names=names)

    def _attribute(self, node: ast.Attribute) -> Value:
        if isinstance(node.value, ast.Name) and node.value.id == "np":
            if node.attr in CONSTANTS:
                return CONSTANTS[node.attr]
            if node.attr in FUNCTIONS:
                return FUNCTIONS[node.attr]
            raise FormulaError("formula_function", came=f"np.{node.attr}")
        of = self.of(node.value)
        if node.attr not in (*METHODS, *ATTRIBUTES) or callable(of):
            raise FormulaError("formula_method", came=f".{node.attr}")
        return getattr(np.asarray(of), node.attr)

    def _call(self, node: ast.Call) -> Value:
        function = self.of(node.func)
        if not callable(function) or isinstance(function, type):
            raise FormulaError("formula_no_function", came=self._written(node.func))
        values = [self.of(value) for value in node.args]
        named = {k.arg: self.of(k.value) for k in node.keywords if k.arg}
        if isinstance(function, np.ufunc):
            if len(values) != function.nin:
                raise self._cannot(node)  # another argument would be an output array
            values = [_numbers(value) for value in values]
        return self._worked(node, partial(function, **named), values)

    def _binop(self, node: ast.BinOp) -> Value:
        if type(node.op) not in BINARY:
            raise self._cannot(node)
        sign, work = BINARY[type(node.op)]
        sides = [self.of(node.left), self.of(node.right)]
        return self._worked(node, work, self._floats(sign, sides), sign)

    @staticmethod
    def _floats(sign: str, sides: list[Value]) -> list[Value]:
        """Powers in float64, so that 2**-1 is 0.5 as in Python."""
        if sign != "**":
            return sides
        return [np.asarray(side, np.float64) for side in sides]

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        of = self.of(node.operand)
        if isinstance(node.op, ast.Not):
            return self._worked(node, operator.not_, [of])
        return self._worked(node, UNARY[type(node.op)], [of])

    def _compare(self, node: ast.Compare) -> Value:
        left, result = self.of(node.left), None
        for op, term in zip(node.ops, node.comparators, strict=True):
            if type(op) not in COMPARE:
                raise self._cannot(node)
            (sign, work), sides = COMPARE[type(op)], [left, self.of(term)]
            comparison = self._worked(node, work, sides, sign)
            if result is not None:
                comparison = self._worked(node, _both, [result, comparison])
            left, result = sides[1], comparison
        return result

    def _boolop(self, node: ast.BoolOp) -> Value:
        result = self.of(node.values[0])
        for term in node.values[1:]:
            join = _both if isinstance(node.op, ast.And) else _either
            result = self._worked(node, join, [result, self.of(term)])
        return result

    def _tuple(self, node: ast.Tuple) -> Value:
        return tuple(self.of(item) for item in node.elts)

    def _list(self, node: ast.List) -> Value:
        return [self.of(item) for item in node.elts]

    def _subscript(self, node: ast.Subscript) -> Value:
        of = self.of(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        items = tuple(self._item(item) for item in inner)
        if any(isinstance(item, bool | np.bool) for item in items):
            raise self._cannot(node)
        if isinstance(of, tuple):
            return self._worked(node, operator.getitem, [of, items[0]])
        return self._worked(node, operator.getitem, [np.asarray(of), items])

    def _item(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Slice):
            ends = (node.lower, node.upper, node.step)
            return slice(*(None if end is None else self.of(end) for end in ends))
        if isinstance(node, ast.Constant) and node.value is ...:
            return ...
        return self.of(node)

    def _worked(
        self, node: ast.expr, work: Callable[..., Value], values: Sequence[Value], sign: str = ""
    ) -> Value:
        if _work(work, values) > MOST_WORK:
            raise FormulaError("formula_large", came=self._written(node))
        try:
            value = work(*values)
        except Exception as error:
            shapes = [np.shape(value) for value in values if isinstance(value, NUMBERS)]
            if sign and len(shapes) == 2 and not _go_together(sign, *shapes):
                key = "formula_product" if sign == "@" else "formula_shapes"
                left, right = map(str, shapes)
                raise FormulaError(key, sign=sign, left=left, right=right) from error
            raise self._cannot(node) from error
        if isinstance(value, NUMBERS) and np.size(value) > MOST_ENTRIES:
            raise FormulaError("formula_large", came=self._written(node))
        return value


def _work(work: Callable[..., Value], values: Sequence[Value]) -> int:
    """At most so many numbers are computed: those of all pairs, unless it is elementwise."""
    flat = [item for v in values for item in (v if isinstance(v, tuple | list) else (v,))]
    shapes = [np.shape(value) for value in flat if isinstance(value, NUMBERS)]
    function = work.func if isinstance(work, partial) else work
    is_elementwise = isinstance(function, np.ufunc) and function.signature is None
    if is_elementwise or function in (np.where, np.clip):
        with suppress(ValueError):  # shapes that do not fit are an error of their own
            return math.prod(np.broadcast_shapes(*shapes))
    return math.prod(math.prod(shape) for shape in shapes)


def _numbers(value: Value) -> Value:
    """Booleans as float64: NumPy would compute them in float16."""
    is_truth = isinstance(value, NUMBERS) and np.asarray(value).dtype.kind == "b"
    return np.asarray(value, np.float64) if is_truth else value


def _both(a: Value, b: Value) -> Value:
    return a and b


def _either(a: Value, b: Value) -> Value:
    return a or b


def _go_together(sign: str, left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    if sign == "@":
        return bool(left and right) and left[-1] == right[max(len(right) - 2, 0)]
    pairs = zip(reversed(left), reversed(right), strict=False)
    return all(a == b or 1 in (a, b) for a, b in pairs)


STEP = 6e-6  # cube root of the machine epsilon: truncation and rounding errors are about equal
KINK = 1e-3  # difference of the slopes on two sides; curvature alone gives about 1e-5
Line = tuple[str, str]


def run(lines: Sequence[Line], arrays: Environment) -> dict[str, object]:
    """Values of all names after running the lines `name = formula`, `arrays` included."""
    known = dict(arrays)
    for name, formula in lines:
        known[name] = value_of(formula, known)
    return known


class KinkError(Exception):
    """The forward pass has no derivative at the numbers of an exercise."""


def slopes(
    lines: Sequence[Line], arrays: Environment, output: str, upstream: str | None, of: str
) -> Array:
    """Gradient of the output, weighted by `upstream`, with respect to `of`: central differences.

    `of` is an input or an intermediate value, which is perturbed after its line. Raises KinkError
    where the slopes on the two sides differ.
    """
    start = np.asarray(run(lines, arrays)[of], np.float64)
    at = next((i for i, (name, _) in enumerate(lines) if name == of), -1)
    known = run(lines[: at + 1], arrays)

    def value(moved: Array) -> float:
        out = run(lines[at + 1 :], known | {of: moved})
        weights = 1.0 if upstream is None else np.asarray(arrays[upstream])
        return float((np.asarray(out[output]) * weights).sum())

    gradient, here = np.empty(start.shape), value(start)
    jumps = np.empty(start.shape)
    for index in np.ndindex(start.shape):
        step = STEP * max(1.0, abs(float(start[index])))
        up, down = start.copy(), start.copy()
        up[index] += step
        down[index] -= step
        above, below = value(up), value(down)
        gradient[index] = (above - below) / (up[index] - down[index])
        jumps[index] = (above + below - 2 * here) / step
    if np.abs(jumps).max(initial=0) > KINK * max(1.0, float(np.abs(gradient).max(initial=0))):
        raise KinkError
    return gradient
