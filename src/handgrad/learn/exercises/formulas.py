"""Formulas that a learner types, as text: read by Python's own parser, worked out with NumPy.

Only what a formula needs is known here, the same as in `web/exercises/arrays.js`: names that are
given, arithmetic, comparisons, a few functions of `np` and a few methods of arrays.
"""

import ast
import operator
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from handgrad.textbook.layers import Array

Value: TypeAlias = object
Environment = Mapping[str, Value]

FUNCTIONS: dict[str, Callable[..., object]] = {
    name: getattr(np, name)
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
# What people write for what Python writes otherwise.
SIGNS = {
    "^": "**",
    "×": "*",
    "·": "*",
    "∙": "*",
    "⋅": "*",
    "÷": "/",
    "−": "-",
    "–": "-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "²": "**2",
    "³": "**3",
    "√": "np.sqrt",
    "“": '"',
    "，": ",",
    "。": ".",
    "、": ",",
}
WIDE_BLANK = "\u3000"
NUMBERS = (np.ndarray, np.generic, int, float)


class FormulaError(Exception):
    """What is wrong with a formula: a key of words.json, and the values of its sentence."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key, values)
        self.key, self.values = key, values


def value_of(text: str, given: Environment) -> Array:
    """The numbers that a formula gives, in float64, or as truths; a FormulaError if it has none."""
    text = text.replace(WIDE_BLANK, " ").strip()
    for sign in text:
        _refuse_other_sign(sign)
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        came = getattr(error, "msg", None) or str(error) or "nested too deep"
        raise FormulaError("formula_python", came=came) from error
    with np.errstate(all="ignore"):
        found = _Evaluator(given, text).of(tree.body)
    if not isinstance(found, NUMBERS):
        raise FormulaError("formula_no_numbers")
    numbers = np.asarray(found)
    numbers = numbers.copy() if numbers.dtype.kind == "b" else numbers.astype(np.float64)
    numbers.flags.writeable = False
    return numbers


def _refuse_other_sign(sign: str) -> None:
    """Refuse a sign that Python does not know in arithmetic, and say what it writes instead."""
    if sign != "^" and (sign.isascii() or f"_{sign}".isidentifier()):
        return
    narrow = unicodedata.normalize("NFKC", sign)
    write = SIGNS.get(sign) or (narrow if re.fullmatch("[!-~]", narrow) else "")
    raise FormulaError("formula_instead" if write else "formula_sign", came=sign, write=write)


class _Evaluator:
    def __init__(self, given: Environment, text: str) -> None:
        self.given, self.text = given, text

    def of(self, node: ast.expr) -> Value:
        """What a node comes to; there is one method a kind."""
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
        if isinstance(node.value, int | float | None):
            return node.value
        raise self._cannot(node)

    def _name(self, node: ast.Name) -> Value:
        if node.id in self.given:
            return self.given[node.id]
        if node.id in BUILT_IN:
            return BUILT_IN[node.id]
        names = ", ".join(self.given)
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
                raise self._cannot(node)  # one more would be a place to write to
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
        """Powers in float64: 2**-1 is a half, as it is between two numbers of Python."""
        if sign != "**":
            return sides
        return [np.asarray(side, np.float64) for side in sides]

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        of = self.of(node.operand)
        if isinstance(node.op, ast.Not):
            return self._worked(node, operator.not_, [of])
        return self._worked(node, UNARY[type(node.op)], [of])

    def _compare(self, node: ast.Compare) -> Value:
        left, found = self.of(node.left), None
        for op, term in zip(node.ops, node.comparators, strict=True):
            if type(op) not in COMPARE:
                raise self._cannot(node)
            (sign, work), sides = COMPARE[type(op)], [left, self.of(term)]
            told = self._worked(node, work, sides, sign)
            if found is not None:
                told = self._worked(node, _both, [found, told])
            left, found = sides[1], told
        return found

    def _boolop(self, node: ast.BoolOp) -> Value:
        found = self.of(node.values[0])
        for term in node.values[1:]:
            join = _both if isinstance(node.op, ast.And) else _either
            found = self._worked(node, join, [found, self.of(term)])
        return found

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
        try:
            return work(*values)
        except Exception as error:
            shapes = [np.shape(value) for value in values if isinstance(value, NUMBERS)]
            if sign and len(shapes) == 2 and not _go_together(sign, *shapes):
                key = "formula_product" if sign == "@" else "formula_shapes"
                left, right = map(str, shapes)
                raise FormulaError(key, sign=sign, left=left, right=right) from error
            raise self._cannot(node) from error


def _numbers(value: Value) -> Value:
    """Truths as numbers: NumPy's own would have three digits."""
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
