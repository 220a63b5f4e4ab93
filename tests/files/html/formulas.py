"""Formulas for tests: many drawn ones, and the tree that Python's own parser makes of each."""

import ast
import random
from typing import Any

BINARY: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.MatMult: "@",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
}
UNARY: dict[type[ast.AST], str] = {ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not"}
COMPARE: dict[type[ast.AST], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
LOGIC: dict[type[ast.AST], str] = {ast.And: "and", ast.Or: "or"}
NAMES = ("x", "y", "dy", "W", "np.exp", "x_1", "面积", "ä")
NUMBERS = ("0", "1", "2", "10", "0.5", "1.", ".5", "1e-3", "2.5E+2", "1_000", "00", "3.e1")


def tree_of(text: str) -> Any:
    """The tree of a formula, in the words of formula.js, by Python's parser."""
    return _tree(ast.parse(text, mode="eval").body, text)


def _tree(node: ast.AST, text: str) -> dict[str, Any]:
    found = _parts(node, text)
    assert isinstance(node, ast.expr)
    assert node.end_col_offset is not None
    return found | {"at": _place(text, node.col_offset), "end": _place(text, node.end_col_offset)}


def _place(text: str, offset: int) -> int:
    """JavaScript counts in units of UTF-16, Python's parser in bytes of UTF-8."""
    return len(text.encode()[:offset].decode().encode("utf-16-le")) // 2


def _parts(node: ast.AST, text: str) -> dict[str, Any]:
    match node:
        case ast.Constant(value=bool() | None as value):
            return {"kind": "constant", "value": value}
        case ast.Constant(value=int() | float() as value):
            return {"kind": "number", "value": value}
        case ast.Name(id=name):
            return {"kind": "name", "name": name}
        case ast.UnaryOp():
            return {"kind": "unary", "sign": UNARY[type(node.op)], "of": _tree(node.operand, text)}
        case ast.BinOp():
            sides = {"left": _tree(node.left, text), "right": _tree(node.right, text)}
            return {"kind": "binary", "sign": BINARY[type(node.op)], **sides}
        case ast.BoolOp():
            return {"kind": "logic", "sign": LOGIC[type(node.op)]} | _terms(node.values, text)
        case ast.Compare():
            signs = [COMPARE[type(op)] for op in node.ops]
            return {"kind": "compare", "signs": signs} | _terms(
                [node.left, *node.comparators], text
            )
        case ast.Attribute(value=of, attr=name):
            return {"kind": "attribute", "of": _tree(of, text), "name": name}
        case ast.Call():
            named = [{"name": k.arg, "value": _tree(k.value, text)} for k in node.keywords]
            values = [_tree(value, text) for value in node.args]
            return {"kind": "call", "of": _tree(node.func, text), "values": values, "named": named}
        case ast.Subscript(value=of, slice=ast.Tuple(elts=items)):
            return {
                "kind": "index",
                "of": _tree(of, text),
                "items": [_item(i, text) for i in items],
            }
        case ast.Subscript(value=of, slice=item):
            return {"kind": "index", "of": _tree(of, text), "items": [_item(item, text)]}
        case ast.Tuple(elts=items):
            return {"kind": "tuple", "items": [_tree(item, text) for item in items]}
        case ast.List(elts=items):
            return {"kind": "list", "items": [_tree(item, text) for item in items]}
    raise AssertionError(ast.dump(node))


def _terms(nodes: list[ast.expr], text: str) -> dict[str, Any]:
    return {"terms": [_tree(node, text) for node in nodes]}


def _item(node: ast.expr, text: str) -> dict[str, Any]:
    place = {"at": _place(text, node.col_offset), "end": _place(text, node.end_col_offset or 0)}
    if isinstance(node, ast.Slice):
        ends = {"from": node.lower, "to": node.upper, "by": node.step}
        found = {name: None if end is None else _tree(end, text) for name, end in ends.items()}
        return {"kind": "slice", **found, **place}
    if isinstance(node, ast.Constant) and node.value is ...:
        return {"kind": "rest", **place}
    return _tree(node, text)


def formula(rng: random.Random, depth: int) -> str:
    """A formula drawn, with blanks and brackets where they need not be."""
    if depth == 0:
        return rng.choice((rng.choice(NAMES), rng.choice(NUMBERS), "True", "None"))

    def inner() -> str:
        return formula(rng, rng.randrange(depth))

    blank = rng.choice(("", " ", "  "))
    match rng.randrange(12):
        case 0 | 1 | 2:
            sign = rng.choice([*BINARY.values()])
            return f"{inner()}{blank}{sign}{blank}{inner()}"
        case 3:
            return f"{rng.choice(('-', '+', '~'))}{blank}{inner()}"
        case 4:
            signs = rng.choices([*COMPARE.values()], k=rng.randint(1, 2))
            return "".join((inner(), *(f" {sign} {inner()}" for sign in signs)))
        case 5:
            return f"{inner()} {rng.choice(('and', 'or'))} {inner()}"
        case 6:
            return f"({blank}{inner()}{blank})"
        case 7:
            named = rng.choice(("", ", axis=-1", ", axis=(0, 1), keepdims=True"))
            return f"{rng.choice(NAMES)}({inner()}{named}{rng.choice(('', ','))})"
        case 8:
            return f"({inner()}){blank}.{rng.choice(('T', 'sum()', 'sum(axis=0)', 'shape'))}"
        case 9:
            items = ("0", ":", "1:", "::2", ":-1", "None", "...", "np.arange(n)", "y", "1:n:2")
            chosen = rng.choices(items, k=rng.randint(1, 3))
            return f"{rng.choice(NAMES)}[{', '.join(chosen)}]"
        case 10:
            return f"not {inner()}"
    return f"[{inner()}, {inner()}]" if rng.random() < 0.5 else f"({inner()}, {inner()},)"
