"""Reads the formulas of docs/maths, runs them, measures their derivatives, and breaks them."""

import ast
import copy
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.textbook.layers.attention import attention_weights
from handgrad.textbook.layers.augmentation import moved
from handgrad.textbook.layers.axes import as_rows, leading_axes
from handgrad.textbook.layers.embedding import at_values
from handgrad.textbook.layers.pooling import first_index, position_weights
from handgrad.textbook.layers.positions import rotated
from handgrad.textbook.layers.recurrence import sigmoid
from handgrad.textbook.layers.windows import by_offset, covered, fold, masked, padded, unfold
from handgrad.textbook.losses import mean_weights, weighted_mean
from handgrad.textbook.losses.classification import log_softmax, true_class
from handgrad.textbook.optimizers.muon import orthogonalized
from handgrad.textbook.special_functions import erf
from tests.docs.documents import ROOT, blocks

PAGES = sorted((ROOT / "docs" / "maths").glob("*.md"))
Values = dict[str, Any]
FUNCTIONS: Values = {
    "np": np,
    "erf": erf,
    "weighted_mean": weighted_mean,
    "mean_weights": mean_weights,
    "true_class": true_class,
    "log_softmax": log_softmax,
    "attention_weights": attention_weights,
    "at_values": at_values,
    "rotated": rotated,
    "position_weights": position_weights,
    "as_rows": as_rows,
    "leading_axes": leading_axes,
    "sigmoid": sigmoid,
    "padded": padded,
    "unfold": unfold,
    "masked": masked,
    "by_offset": by_offset,
    "covered": covered,
    "first_index": first_index,
    "fold": fold,
    "moved": moved,
    "orthogonalized": orthogonalized,
}


@dataclass(frozen=True)
class Formulas:
    """The lines of one block: assignments, and equalities that are to hold."""

    title: str
    lines: tuple[str, ...]
    page: Path

    @property
    def assigned(self) -> list[str]:
        """The names that are given a value, in order."""
        return [name for line in self.lines for name in targets(line)]

    def outputs(self, given: Values) -> list[str]:
        """The names whose gradients are given; if there are none, the last that has a value."""
        return [name for name in self.assigned if "d" + name in given] or self.assigned[-1:]


def formulas_of(page: Path) -> list[Formulas]:
    """All formula blocks of a page."""
    return [
        Formulas(block.title, tuple(block.text.splitlines()), page)
        for block in blocks(page)
        if block.language == "formula"
    ]


def targets(line: str) -> list[str]:
    """The names that a line gives a value to, wholly: `p` of `p = …`, none of `p[0] = …`."""
    (statement,) = ast.parse(line).body
    if not isinstance(statement, ast.Assign):
        return []
    return [target.id for target in statement.targets if isinstance(target, ast.Name)]


def run(lines: tuple[str, ...], given: Values, moved: tuple[str, Any] | None = None) -> Values:
    """The values after all lines. `moved`, a name and a step, is added once the name has its value.

    A name that is given from the start is moved there; one that the lines give a value to, after
    the line that does.
    """
    values = FUNCTIONS | {
        name: value if hasattr(value, "random") else np.array(value)
        for name, value in given.items()
    }
    name, step = moved or ("", 0.0)
    if name in given:
        values[name] = values[name] + step
    for line in lines:
        (statement,) = ast.parse(line).body
        if isinstance(statement, ast.Expr) and not line.startswith("np.add.at("):
            _assert_equal(statement.value, values, line)
            continue
        assert isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr), f"no formula: {line}"
        exec(compile(line, line, "exec"), values)
        if name not in given and name in targets(line):
            values[name] = values[name] + step
    return {
        name: value for name, value in values.items() if name not in FUNCTIONS | {"__builtins__": 0}
    }


def _assert_equal(equality: ast.expr, values: Values, line: str) -> None:
    assert isinstance(equality, ast.Compare), f"no formula: {line}"
    assert len(equality.ops) == 1, f"no formula: {line}"
    assert isinstance(equality.ops[0], ast.Eq), f"no formula: {line}"
    left, right = (
        eval(compile(ast.Expression(side), line, "eval"), values)
        for side in (equality.left, equality.comparators[0])
    )
    assert_close(left, right, line)


def assert_close(left: Any, right: Any, what: str, relative: float = 1e-9) -> None:
    """Fail unless both have one shape and the same numbers, up to rounding."""
    assert np.shape(left) == np.shape(right), what
    absolute = 1e-3 * relative
    np.testing.assert_allclose(left, right, rtol=relative, atol=absolute, err_msg=what)


def gradient_names(backward: Formulas, values: Values) -> list[str]:
    """The names `dW` that a backward block assigns, of which forward has the `W`."""
    return [n for n in dict.fromkeys(backward.assigned) if n[0] == "d" and n[1:] in values]


def measured(forward: Formulas, given: Values, above: Values, name: str) -> Any:
    """The derivative of forward's outputs, weighted with `above`, by each entry of `name`."""

    def weighted(step: Any) -> float:
        moved = run(forward.lines, given, (name, step))
        return sum(float((moved[output] * weights).sum()) for output, weights in above.items())

    entries = np.zeros(np.shape({**run(forward.lines, given), **given}[name]))
    slopes = np.empty_like(entries)
    for index in np.ndindex(entries.shape):
        step = entries.copy()
        step[index] = h = np.finfo(np.float64).eps ** (1 / 3)
        slopes[index] = (weighted(step) - weighted(-step)) / (2 * h)
    return slopes


def source_lines(method: Any) -> list[str]:
    """What a method computes, without `self.`; a `return` of an expression as that expression.

    So is a `return` of an argument. Of several values only the first is new there; a case that
    returns early has its own block. A data type is no formula: `in_data_type_of` keeps the value.
    """
    code = textwrap.dedent(inspect.getsource(method)).replace("self.", "")
    code = code.replace("w = sample_weight", "w = w").replace(", sample_weight\n", ", w\n")
    code = re.sub(r"in_data_type_of\(\w+, (\w+)\)", r"\1", code)
    (function,) = ast.parse(code).body
    assert isinstance(function, ast.FunctionDef)
    found = []
    for statement in _in_training(function.body):
        if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Return):
            continue
        if isinstance(statement, ast.Return):
            value = statement.value
            while isinstance(value, ast.Tuple):
                value = value.elts[0]
            given = [argument.arg for argument in function.args.args]
            if not isinstance(value, ast.Name) or value.id in given:
                found.append(ast.unparse(value or statement))
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple):
            (names,) = statement.targets
            assert isinstance(names, ast.Tuple)
            found += map(_assignment, names.elts, statement.value.elts)
        else:
            found.append(ast.unparse(statement))
    return [line for line in found if line.partition(" = ")[0] != line.partition(" = ")[2]]


def _in_training(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run in training mode."""
    for statement in body:
        match statement:
            case ast.If(ast.Name("training"), inner):
                yield from inner
            case ast.If(ast.UnaryOp(ast.Not(), ast.Name("training"))):
                pass
            case _:
                yield statement


def _assignment(name: ast.expr, value: ast.expr) -> str:
    return f"{ast.unparse(name)} = {ast.unparse(value)}"


def plain(line: str) -> str:
    """A line as `ast` writes it, so that brackets and spaces do not matter."""
    return ast.unparse(ast.parse(line))


def broken(formulas: Formulas) -> Iterator[Formulas]:
    """The block with one mistake, for every place and every mistake that may be made there."""
    for i, line in enumerate(formulas.lines):
        for wrong in dict.fromkeys(_broken_lines(line)):
            if plain(wrong) != plain(line):
                lines = (*formulas.lines[:i], wrong, *formulas.lines[i + 1 :])
                yield Formulas(formulas.title, lines, formulas.page)


def _broken_lines(line: str) -> Iterator[str]:
    whole = ast.parse(line)
    (statement,) = whole.body
    if isinstance(statement, ast.Assign | ast.AugAssign):
        yield line.replace("= ", "= -(", 1) + ")"
    nodes = [node for node in ast.walk(whole) if isinstance(node, ast.expr)]
    if isinstance(statement, ast.Expr):
        nodes.remove(statement.value)
    for i, node in enumerate(nodes):
        for wrong in _mistakes(node):
            changed = copy.deepcopy(whole)
            of_copy = [n for n in ast.walk(changed) if isinstance(n, ast.expr)]
            if isinstance(statement, ast.Expr):
                of_copy.remove(changed.body[0].value)  # type: ignore[attr-defined]
            yield ast.unparse(_Replace(of_copy[i], wrong).visit(changed))


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


SIGNS: dict[type[ast.operator], ast.operator] = {ast.Add: ast.Sub(), ast.Sub: ast.Add()}
FACTORS: dict[type[ast.operator], ast.operator] = {ast.Mult: ast.Div(), ast.Div: ast.Mult()}
OPPOSITES: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Gt: ast.Lt(),
    ast.GtE: ast.Lt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
}
# Casting and copying change no value here: everything is float64 and used once.
WITHOUT_EFFECT = ("astype", "copy")


def _mistakes(node: ast.expr) -> Iterator[ast.expr]:
    """What might be written in place of `node`."""
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() as sign, right):
            yield ast.BinOp(left, SIGNS[type(sign)], right)
            yield from (left, right)
        case ast.BinOp(left, ast.Mult() | ast.Div() as factor, right):
            yield ast.BinOp(left, FACTORS[type(factor)], right)
            yield from (left, right)
        case ast.BinOp(left, ast.MatMult(), right):
            for a, b in ((_transposed(left), right), (left, _transposed(right))):
                yield ast.BinOp(a, ast.MatMult(), b)
        case ast.BinOp(left, ast.Pow()):
            yield left
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Compare(left, [comparison], [right]) if type(comparison) in OPPOSITES:
            yield ast.Compare(left, [OPPOSITES[type(comparison)]], [right])
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            yield ast.Constant(value + 1)
        case ast.Call(ast.Name("weighted_mean") as function, [losses, _]):
            yield ast.Call(function, [losses], [])
        case ast.Call(ast.Name("mean_weights") as function, [_, losses]):
            yield ast.Call(function, [ast.Constant(None), losses], [])
        case ast.Call(function, arguments, keywords):
            yield from _mistakes_in_calls(function, arguments, keywords)


def _transposed(matrix: ast.expr) -> ast.expr:
    """`W.T` for `W` and the other way round, vectors (small letters) as they are."""
    match matrix:
        case ast.Attribute(inner, "T"):
            return inner
        case ast.Name(name) if name[0].isupper():
            return ast.Attribute(matrix, "T")
    return matrix


def _mistakes_in_calls(
    function: ast.expr, arguments: list[ast.expr], keywords: list[ast.keyword]
) -> Iterator[ast.expr]:
    match function:
        case ast.Attribute(ast.Name("np"), "where"):
            condition, yes, no = arguments
            yield ast.Call(function, [condition, no, yes], [])
        case ast.Name() | ast.Attribute(ast.Name("np"), _) if len(arguments) == 1 and not keywords:
            yield arguments[0]
        case ast.Attribute(array, name) if (
            name not in WITHOUT_EFFECT and ast.unparse(array) != "np"
        ):
            yield array
    for i, keyword in enumerate(keywords):
        others = [*keywords[:i], *keywords[i + 1 :]]
        yield ast.Call(function, arguments, others)
        if keyword.arg == "axis" and isinstance(keyword.value, ast.Constant):
            other = ast.keyword("axis", ast.Constant(1 - int(str(keyword.value.value))))
            yield ast.Call(function, arguments, [other, *others])
