"""Mutation operators: small changes to the syntax tree of a function, each of them a mistake."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.Lambda
# The line where something changes, and what makes the change.
Change: TypeAlias = tuple[int, Callable[[], object]]

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
FUNCTIONS = {
    one: other
    for a, b in (
        ("maximum", "minimum"),
        ("max", "min"),
        ("sum", "mean"),
        ("exp", "expm1"),
        ("log", "log1p"),
        ("sin", "cos"),
        ("tanh", "arctan"),
        ("zeros_like", "ones_like"),
        ("any", "all"),
    )
    for one, other in ((a, b), (b, a))
}
# What says how something is done, not what comes out.
HARMLESS_KEYWORDS = {"copy", "out", "strict", "stacklevel", "optimize", "casting", "kind"}


@dataclass(frozen=True)
class Mutant:
    """One change: which operator, at its how-manieth place of which function of which file."""

    file: str
    function: str
    operator: str
    place: int
    line: int

    def __str__(self) -> str:
        return f"{self.file} {self.function}: {self.operator} #{self.place}"


def swap_operator(node: ast.AST) -> Iterator[Change]:
    """+ for -, < for <=, and for or: an operator for its neighbour."""
    if (
        isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp)
        and type(node.op) in SWAPPED
        and not (isinstance(node, ast.BinOp) and _of_text(node))
    ):
        yield node.lineno, partial(setattr, node, "op", SWAPPED[type(node.op)]())
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            if type(operator) in SWAPPED:
                yield node.lineno, partial(node.ops.__setitem__, i, SWAPPED[type(operator)]())


def drop_operator(node: ast.AST) -> Iterator[Change]:
    """X for -x, x for not x."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        yield (
            node.lineno,
            partial(setattr, node, "op", ast.UAdd() if isinstance(node.op, ast.USub) else None),
        )


def change_number(node: ast.AST) -> Iterator[Change]:
    """Another whole number, twice a fraction, False for True."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        value = node.value
        if isinstance(value, bool):
            yield node.lineno, partial(setattr, node, "value", not value)
        elif isinstance(value, int):
            yield node.lineno, partial(setattr, node, "value", value + 1)
        elif value:
            yield node.lineno, partial(setattr, node, "value", 2 * value)


def drop_keyword(node: ast.AST) -> Iterator[Change]:
    """A call without one of its keyword arguments."""
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg not in (None, *HARMLESS_KEYWORDS):
                yield node.lineno, partial(node.keywords.remove, keyword)


def swap_function(node: ast.AST) -> Iterator[Change]:
    """Maximum for minimum, sum for mean: a function for its neighbour."""
    if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS:
        yield node.lineno, partial(setattr, node, "attr", FUNCTIONS[node.attr])


def negate_condition(node: ast.AST) -> Iterator[Change]:
    """The other branch."""
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield node.lineno, partial(setattr, node, "test", ast.UnaryOp(ast.Not(), node.test))


def drop_statement(node: ast.AST) -> Iterator[Change]:
    """A call or an assignment to an attribute or an element left out."""
    for body in (getattr(node, field, None) for field in ("body", "orelse")):
        if not isinstance(body, list):
            continue
        for i, statement in enumerate(body):
            called = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            called = called and "super" not in ast.unparse(statement)  # its cell would be missing
            kept = isinstance(statement, ast.Assign | ast.AugAssign) and isinstance(
                statement.targets[0] if isinstance(statement, ast.Assign) else statement.target,
                ast.Attribute | ast.Subscript,
            )
            if called or kept or isinstance(statement, ast.AugAssign):
                yield statement.lineno, partial(body.__setitem__, i, ast.Pass())


OPERATORS = {
    operator.__name__.replace("_", " "): operator
    for operator in (
        swap_operator,
        drop_operator,
        change_number,
        drop_keyword,
        swap_function,
        negate_condition,
        drop_statement,
    )
}


def mutants_of(path: Path, root: Path) -> list[Mutant]:
    """All mutants of a file, in the order of its lines."""
    file, found = path.relative_to(root).as_posix(), []
    for name, function in functions_of(ast.parse(path.read_text("utf-8"))):
        for operator, apply in OPERATORS.items():
            lines = [line for node in nodes_of(function) for line, _ in apply(node)]
            found += [Mutant(file, name, operator, i, line) for i, line in enumerate(lines)]
    return sorted(found, key=lambda mutant: mutant.line)


def mutated(mutant: Mutant, path: Path) -> ast.Module:
    """The syntax tree of the mutant's file, changed."""
    tree = ast.parse(path.read_text("utf-8"))
    function = dict(functions_of(tree))[mutant.function]
    changes = [
        change for node in nodes_of(function) for _, change in OPERATORS[mutant.operator](node)
    ]
    changes[mutant.place]()
    return ast.fix_missing_locations(Mended().visit(tree))


class Mended(ast.NodeTransformer):
    """Takes away the unary operators that were dropped."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """The operand alone, where the operator is gone."""
        self.generic_visit(node)
        return node.operand if node.op is None else node


def functions_of(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """The outermost functions of a module, by qualified name; lambdas are counted."""
    lambdas = 0
    for node in ast.iter_child_nodes(tree):
        name = getattr(node, "name", "")
        if isinstance(node, ast.ClassDef):
            yield from functions_of(node, f"{prefix}{name}.")
        elif isinstance(node, ast.FunctionDef):
            yield f"{prefix}{name}", node
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Lambda):
                    yield f"{prefix}lambda {lambdas}", inner
                    lambdas += 1


def nodes_of(function: Function) -> Iterator[ast.AST]:
    """What may be changed: not annotations, defaults, documentation, or what errors say."""
    yield from _inside(function)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "args") and isinstance(
            node, ast.FunctionDef | ast.Lambda | ast.AnnAssign
        ):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(
                child, ast.Raise | ast.Assert | ast.JoinedStr | ast.expr_context | ast.operator
            ):
                yield from _inside(child)


def _of_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(part, ast.JoinedStr | ast.List | ast.Tuple)
        or (isinstance(part, ast.Constant) and isinstance(part.value, str))
        for part in (node.left, node.right)
    )
