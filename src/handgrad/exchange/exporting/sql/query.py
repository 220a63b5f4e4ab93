"""Traced predictions as tables of a query: each column is a number of a layer.

Each table has the row number `r`. A number that is read several times is a column of its own, so
that expressions do not grow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.exchange.exporting.model_spec import place_of
from handgrad.exchange.exporting.sql.scalars import (
    FUNCTIONS,
    TRUTH,
    Scalar,
    call,
    largest,
    scalar,
    text,
)
from handgrad.graph import Graph
from handgrad.graph.nodes import Node, users_of
from handgrad.graph.operations import VIEWS, Op
from handgrad.graph.passes.builder import REQUIRED, Builder, arguments_of, rewritten
from handgrad.graph.passes.lower import FORMS
from handgrad.graph.passes.simplify import remove_dead_code
from handgrad.graph.symbolic import Ref, at, substitute
from handgrad.textbook.errors import CannotLowerError, SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net

# Columns of a table, below SQLite's limit of 2000, and tables that one reads, below 64.
COLUMNS, TABLES = 1000, 60
WORD = re.compile(r"\bt\d+_\d+\b")  # a column
MOST = 100_000  # terms of a query, for which SQLite takes half a minute
# Operations that NumPy computes for arrays of expressions.
ARRANGED = VIEWS | {
    *(Op.REPEAT, Op.TILE, Op.CONCATENATE, Op.STACK, Op.TAKE, Op.GETITEM, Op.SETITEM),
    *(Op.FILL, Op.SUM, Op.MEAN, Op.MATMUL, Op.DOT, Op.OUTER, Op.TENSORDOT, Op.EINSUM),
}
COMPOSED = {
    *(Op.CLIP, Op.SQUARE, Op.RECIPROCAL, Op.LOG2, Op.VAR, Op.STD, Op.COPY),
    *(Op.ZEROS_LIKE, Op.EMPTY_LIKE, Op.ONES_LIKE, Op.FULL_LIKE, Op.SINH, Op.COSH),
}
# They read each number once, so that their arguments need no column.
ONCE = FUNCTIONS.keys() - {Op.MAXIMUM, Op.MINIMUM} | {Op.ASTYPE}


@dataclass
class Query:
    """Tables of a query, each by name with its text; `table_of` has that of each column."""

    tables: dict[str, str] = field(default_factory=dict)
    table_of: dict[str, str] = field(default_factory=dict)
    terms: int = 0

    def columns(self, values: Array, where: str) -> Array:
        """Store expressions as columns; constants and columns stay as they are."""
        result = values.copy()
        flat = result.reshape(-1)
        new = [
            i
            for i, value in enumerate(flat)
            if isinstance(value, Scalar) and not self.stored(value)
        ]
        for part in np.array_split(new, max(1, -(-len(new) // COLUMNS))) if new else []:
            name = f"t{len(self.tables)}"
            names = [f"{name}_{k}" for k in range(len(part))]
            expressions = [flat[i] for i in part]
            self.add(name, dict(zip(names, expressions, strict=True)), where)
            for i, column in zip(part, names, strict=True):
                flat[i] = Scalar((column,))
        return flat.reshape(values.shape)

    def stored(self, value: Scalar) -> bool:
        """True if an expression is a column."""
        return value.text in self.table_of

    def add(self, name: str, expressions: Mapping[str, Scalar], where: str) -> None:
        """Append a table of expressions of earlier columns."""
        lines = [f"{one.text} AS {column}" for column, one in expressions.items()]
        read = self.read(lines)
        self.terms += sum(len(one.terms) for one in expressions.values())
        if len(read) > TABLES or self.terms > MOST:
            came = f"a query of {self.terms:,} terms, of which one table reads {len(read)} others"
            expected = f"at most {MOST:,} terms, and {TABLES} tables"
            raise SettingError(came, expected, "fewer or smaller layers, or fewer members", where)
        columns = ",\n    ".join(["r", *lines])
        self.tables[name] = f"SELECT\n    {columns}\n  FROM {joined(read)}"
        self.table_of |= dict.fromkeys(expressions, name)

    def read(self, texts: Iterable[str]) -> list[str]:
        """The tables whose columns some expressions read."""
        words = {word for one in texts for word in WORD.findall(one)}
        tables = {self.table_of[word] for word in words if word in self.table_of}
        return sorted(tables, key=[*self.tables].index) or [next(iter(self.tables))]


def joined(tables: Iterable[str]) -> str:
    """Tables joined by their row number."""
    first, *others = tables
    return first + "".join(f" JOIN {other} USING (r)" for other in others)


def outputs_of(
    query: Query, graph: Graph, weights: Mapping[str, Array], x: Array, net: Net
) -> Array:
    """Append the tables of a traced prediction; return its outputs, (n_out,), as expressions.

    `x` (1, n_in) are the columns of a row.
    """
    graph = remove_dead_code(rewritten(graph, _composed))
    values: dict[int, Array] = dict.fromkeys(graph.leaves.inputs.values(), x)
    for kind in (graph.leaves.parameters, graph.leaves.state):
        values |= {i: np.asarray(weights[name]) for name, i in kind.items()}
    users, (last,) = users_of(graph.nodes), graph.outputs.all()
    for i, node in enumerate(graph.nodes):
        if node.operation is Op.LEAF:
            continue
        place = place_of(node, net)
        try:
            value = _computed(node, values, graph)
        except CannotLowerError as error:
            raise SettingError(
                f"{node.operation}: {error}",
                "arithmetic, and functions that databases have",
                "another layer; or export to .py, .c or .onnx",
                place,
            ) from None
        reader = graph.nodes[users[i][0]] if len(users[i]) == 1 else None
        alone = reader is not None and reader.operation in ONCE and reader.shape == node.shape
        exprs = _computes(value) and not alone
        values[i] = query.columns(value, place) if exprs or i == last else value
    return np.asarray(values[last]).reshape(-1)


def _composed(new: Builder, node: Node) -> Ref:
    return FORMS[node.operation](new, node) if node.operation in COMPOSED else new.keep(node)


def _computed(node: Node, values: Mapping[int, Array], graph: Graph) -> Array:
    """Result of a node for one row: numbers, or objects if some are expressions."""

    def known(leaf: object) -> object:
        return values[leaf.node] if isinstance(leaf, Ref) else at(leaf, 1)

    arguments, options = substitute((node.arguments, dict(node.options)), known)
    if not any(_computes(values[i]) for i in node.used()):
        return node.operation.compute(*arguments, **options)
    op = node.operation
    if op is Op.ASTYPE:
        truth = graph.nodes[node.arguments[0].node].dtype.kind == "b"
        return _each(lambda a: call(TRUTH, a), arguments[0]) if truth else arguments[0]
    if op in FUNCTIONS:
        return _each(FUNCTIONS[op], *arguments)
    if op in (Op.MAX, Op.MIN):
        a, axis, keepdims = arguments_of(node, a=REQUIRED, axis=None, keepdims=False)
        return _extreme(values[a.node], axis, keepdims is True, ">=" if op is Op.MAX else "<=")
    if op is Op.GETITEM and (index := _of_expressions(arguments[1])) is not None:
        return _looked_up(arguments[0], arguments[1], index)
    if op in ARRANGED:
        if op is Op.EINSUM:
            options = {}
        return np.asarray(op.compute(*arguments, **options), object)
    raise CannotLowerError("SQL has no such function")


def _computes(value: object) -> bool:
    """True for an array of expressions."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "O"


def _each(function: Callable[..., Scalar], *arguments: object) -> Array:
    """Apply a function of expressions to each element."""

    def of(*numbers: object) -> Scalar:
        return function(*map(scalar, numbers))

    return np.asarray(np.vectorize(of, otypes=[object])(*arguments), object)


def _extreme(a: Array, axis: object, keepdims: bool, sign: str) -> Array:
    """Largest or smallest numbers along an axis."""
    if isinstance(axis, tuple) and len(axis) == 1:
        (axis,) = axis
    if not isinstance(axis, int):
        raise CannotLowerError("along several axes")
    moved = np.moveaxis(a, axis, -1)
    out = np.empty(moved.shape[:-1], object)
    for place in np.ndindex(out.shape):
        each = [*map(scalar, moved[place])]
        out[place] = Scalar((largest(each, [one.text for one in each], sign),))
    return np.expand_dims(out, axis) if keepdims else out


def _of_expressions(index: object) -> int | None:
    """Position of the index that is computed, if there is one."""
    parts = index if isinstance(index, tuple) else (index,)
    positions = [i for i, part in enumerate(parts) if _computes(part)]
    return positions[0] if positions else None


def _looked_up(table: Array, index: object, k: int) -> Array:
    """Elements of a table of constants at computed places, by a CASE for each of them."""
    parts: list[Any] = list(index) if isinstance(index, tuple) else [index]
    if any(part is Ellipsis or part is None for part in parts[:k]) or _computes(table):
        raise CannotLowerError("at computed places of computed numbers")
    codes, length = parts[k], table.shape[k]

    def taken(array: Array, places: Array) -> Array:
        return np.asarray(array[(*parts[:k], places, *parts[k + 1 :])])

    rows = [taken(table, np.full(codes.shape, value)) for value in range(length)]
    order = np.arange(codes.size).reshape([-1 if i == k else 1 for i in range(table.ndim)])
    shape = [codes.size if i == k else size for i, size in enumerate(table.shape)]
    which = taken(np.broadcast_to(order, shape), np.arange(codes.size).reshape(codes.shape))
    out = np.empty(which.shape, object)
    for place in np.ndindex(out.shape):
        whens = " ".join(f"WHEN {v} THEN {text(row[place])}" for v, row in enumerate(rows))
        out[place] = Scalar((f"CASE {text(codes.flat[which[place]])} {whens} END",))
    return out
