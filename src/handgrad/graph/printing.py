"""Prints a graph like a derivation: a line for each source line, with the layer's own names."""

import ast
import linecache
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from handgrad.graph.nodes import Node, Origin, users_of
from handgrad.graph.operations import BINARY, COMPARISONS, UNARY, Op
from handgrad.graph.symbolic import Dim, Ratio, Ref, Scaled, shape_text

PRECEDENCE = {
    **dict.fromkeys((Op.OR, Op.XOR), 1),
    Op.AND: 2,
    **dict.fromkeys(COMPARISONS, 0),
    **dict.fromkeys((Op.ADD, Op.SUBTRACT), 3),
    **dict.fromkeys((Op.MULTIPLY, Op.DIVIDE, Op.MATMUL), 4),
    **dict.fromkeys(UNARY, 5),
    Op.POWER: 6,
}
ATOM = 9


def graph_text(
    title: str,
    nodes: Sequence[Node],
    leaves: Sequence[tuple[str, int]],
    outputs: Mapping[str, int],
    pages: Mapping[str, str],
) -> str:
    """Print a graph.

    Parameters
    ----------
    title : str
        The first line.
    nodes : Sequence of Node
        Its nodes.
    leaves : Sequence of (str, int)
        Names and nodes of the leaves.
    outputs : Mapping of str to int
        Nodes of the outputs by name.
    pages : Mapping of str to str
        The repr of each layer by path.
    """
    names = names_of(nodes, leaves, outputs)
    lines = [title, "", "given"]
    for name, i in leaves:
        lines.append(_row(names[i] if names[i] == name else f"{names[i]} = {name}", nodes[i], ""))
    section: tuple[str, str] | None = None
    for i, node in enumerate(nodes):
        if node.origin is None or i not in names:
            continue
        here = (node.origin.layer, node.origin.method)
        if here != section:
            page = pages.get(here[0], "")
            lines += ["", " · ".join(part for part in (here[1], here[0], page) if part)]
            section = here
        source = f"{Path(node.origin.file).name}:{node.origin.line}"
        lines.append(_row(f"{names[i]} = {formula(i, nodes, names)}", node, source))
    lines += ["", "results"]
    for name, i in outputs.items():
        lines.append(f"  {name}" if name == names[i] else f"  {name} = {names[i]}")
    return "\n".join(line.rstrip() for line in lines)


def _row(text: str, node: Node, source: str) -> str:
    return f"  {text:<58} {shape_text(node.shape)} {node.dtype}".ljust(84) + source


def names_of(
    nodes: Sequence[Node], leaves: Sequence[tuple[str, int]], outputs: Mapping[str, int]
) -> dict[int, str]:
    """A unique name for each node that has its own line; the others are part of a formula."""
    names: dict[int, str] = {}
    for name, i in leaves:
        path, _, last = name.rpartition(".")
        names[i] = f"{last}_{path.replace('.', '_')}" if path else last
    taken = set(names.values())
    unlabelled = Counter[str]()
    for i, label in labels_of(nodes, outputs).items():
        origin = nodes[i].origin
        layer = origin.layer if origin else ""
        if not label:
            unlabelled[layer] += 1
            label = f"t{unlabelled[layer]}"
        suffix = layer.replace(".", "_")
        name = f"{label}_{suffix}" if suffix and suffix != "loss" else label
        while name in taken:
            name += "'"
        taken.add(name)
        names[i] = name
    return names


def labels_of(nodes: Sequence[Node], outputs: Mapping[str, int]) -> dict[int, str]:
    """The variable names in the layer of the nodes with their own line; "" if there is none."""
    labels: dict[int, str] = {}
    users, results = users_of(nodes), {i: name for name, i in outputs.items()}
    lines: dict[Origin, list[int]] = {}
    before: Origin | None = None
    for i, node in enumerate(nodes):
        if node.origin is None:
            continue
        if node.origin != before:  # of a line that runs several times, the last run gets the names
            lines[node.origin] = []
        before = node.origin
        alone = len(users[i]) == 1 and nodes[users[i][0]].origin == node.origin
        if not alone or i in results:
            labels[i] = _of_parameter(results.get(i, ""))
            lines[node.origin].append(i)
    for origin, line in lines.items():
        assigned = _names_of_lines(origin.file).get(origin.line, ())
        if len(assigned) in (1, len(line)):
            labels |= dict(zip(line[-len(assigned) :], assigned, strict=True))
    return labels


def _of_parameter(result: str) -> str:
    """`dgamma` for the result `d 1.gamma`, which no line names."""
    sign, _, path = result.partition(" ")
    return f"d{path.rpartition('.')[2]}" if sign == "d" else ""


@lru_cache(maxsize=64)
def _names_of_lines(file: str) -> dict[int, tuple[str, ...]]:
    """The names that the statement at each line of a file assigns or returns.

    Statements that call the file's own functions have none: the result is computed elsewhere.
    """
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return {}
    names: dict[int, tuple[str, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            names |= _return_labels(node)
    own = _own_functions(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[target]) | ast.AugAssign(target=target):
                labels = () if _calls_one_of(own, node.value) else _computed(target, node.value)
                if labels and node.end_lineno:
                    names |= dict.fromkeys(range(node.lineno, node.end_lineno + 1), labels)
    return names


def _own_functions(tree: ast.Module) -> set[str]:
    """The functions that a file defines, or imports from elsewhere than NumPy."""
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("numpy"):
            functions |= {alias.asname or alias.name for alias in node.names}
    return functions


def _computed(target: ast.AST, value: ast.AST) -> tuple[str, ...]:
    """The targets that get a computed value; an alias of another variable is none."""
    match target, value:
        case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
            pairs = zip(targets, values, strict=True)
            return tuple(name for pair in pairs for name in _computed(*pair))
        case ast.Tuple(), _:
            return _labels(target)
        case _, ast.Name() | ast.Attribute() | ast.Constant():
            return ()
    return _labels(target)


def _calls_one_of(functions: set[str], value: ast.AST) -> bool:
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"))):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in functions
        case ast.Tuple(elts=values):
            return any(_calls_one_of(functions, value) for value in values)
    return False


def _return_labels(definition: ast.ClassDef) -> dict[int, tuple[str, ...]]:
    """The names of returned values: z if backward takes dz, dx if forward takes x, new_w."""
    methods = {f.name: f for f in definition.body if isinstance(f, ast.FunctionDef)}
    takes = {name: f.args.args[1].arg for name, f in methods.items() if len(f.args.args) > 1}
    dy, x = takes.get("backward", "dy"), takes.get("forward", "x")
    labels = {"forward": dy[1:] if dy.startswith("d") else dy, "backward": f"d{x}", "rule": "new_w"}
    names: dict[int, tuple[str, ...]] = {}
    for name, label in labels.items():
        for node in ast.walk(methods[name]) if name in methods else ():
            if isinstance(node, ast.Return) and node.end_lineno:
                names |= dict.fromkeys(range(node.lineno, node.end_lineno + 1), (label,))
    return names


def _labels(target: ast.AST) -> tuple[str, ...]:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return (name,)
        case ast.Subscript(value=value):
            return _labels(value)
        case ast.Tuple(elts=targets):
            return tuple(name for target in targets for name in _labels(target))
    return ()


def formula(i: int, nodes: Sequence[Node], names: Mapping[int, str]) -> str:
    """The formula of a node in the names of others: `x @ W_0.T + b_0`."""
    return _expression(i, nodes, names)[0]


def _expression(i: int, nodes: Sequence[Node], names: Mapping[int, str]) -> tuple[str, int]:
    """The formula of a node, and its precedence."""
    node = nodes[i]

    def text(value: object, binds: int = 0) -> str:
        if isinstance(value, Ref):
            if value.node in names:
                return names[value.node]
            inner, tight = _expression(value.node, nodes, names)
            return inner if tight >= binds else f"({inner})"
        if isinstance(value, tuple | list):
            return "[" + ", ".join(text(part) for part in value) + "]"
        constant = _constant(value)
        return constant if _precedence(value, constant) >= binds else f"({constant})"

    name, a = node.operation, node.arguments
    if name in BINARY:
        level = PRECEDENCE[name]
        right = level if name is Op.MULTIPLY and not isinstance(a[1], Ref) else level + 1
        return f"{text(a[0], level)} {name.symbol} {text(a[1], right)}", level
    if name in UNARY:
        return name.symbol + text(a[0], PRECEDENCE[name]), PRECEDENCE[name]
    if name is Op.TRANSPOSE and len(a) == 1 and not node.options:
        return f"{text(a[0], ATOM)}.T", ATOM
    if name in (Op.GETITEM, Op.SETITEM, Op.ADD_AT):
        index = ", ".join(map(text, a[1] if isinstance(a[1], tuple) else a[1:2]))
        if name is Op.GETITEM:
            return f"{text(a[0], ATOM)}[{index}]", ATOM
        return f"{text(a[0])} with [{index}] {'=' if name is Op.SETITEM else '+='} {text(a[2])}", 0
    label = name.value
    if name is Op.RANDOM:
        label, a = f"rng.{a[1]}", a[2:]
    arguments = [text(part) for part in a]
    arguments += [f"{k}={text(v)}" for k, v in node.options.items() if v is not None]
    return f"{label}({', '.join(arguments)})", ATOM


def _precedence(value: object, constant: str) -> int:
    """The precedence of the text of a constant: `n - 1`, `1/n`, `-1/n`."""
    if isinstance(value, Dim) and value.offset:
        return PRECEDENCE[Op.ADD]
    if isinstance(value, Dim | Scaled | Ratio) and any(sign in constant for sign in "*/"):
        return PRECEDENCE[Op.MULTIPLY]
    return PRECEDENCE[Op.NEGATIVE] if constant.startswith("-") else ATOM


def _constant(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"constant{value.shape}"
    if isinstance(value, slice):
        ends = ["" if end is None else str(end) for end in (value.start, value.stop)]
        return ":".join(ends) + (f":{value.step}" if value.step is not None else "")
    if isinstance(value, np.generic | float):
        return f"{value:g}"
    return "..." if value is Ellipsis else str(value)
