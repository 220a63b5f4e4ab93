"""Traced graphs as Python source: a line for each source line of the layers, with its names."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import EllipsisType

import numpy as np

from handgrad.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import BINARY, COMPARISONS, UNARY, Op
from handgrad.graph.printing import names_of
from handgrad.graph.symbolic import Arange, Dim, Full, Ratio, Ref, RowComparison, Scaled, Symbolic
from handgrad.textbook.layers import Array

# Precedence of operators in Python.
PRECEDENCE = {
    **dict.fromkeys(COMPARISONS, 0),
    Op.OR: 1,
    Op.XOR: 2,
    Op.AND: 3,
    **dict.fromkeys((Op.ADD, Op.SUBTRACT), 4),
    **dict.fromkeys((Op.MULTIPLY, Op.DIVIDE, Op.MATMUL), 5),
    **dict.fromkeys(UNARY, 6),
    Op.POWER: 7,
}
ATOM = 9
SMALL = 8  # constants of up to this size are in the line that uses them


@dataclass
class Source:
    """Prediction of a graph as the body of a function of `x`.

    `call` formats a function call from the source of its arguments and options; `constant` formats
    a number, a dtype, or an expression of the number of rows n. `taken` are reserved names; those
    of weights start with `owner`. `names` maps nodes to names; `constants` are the arrays that the
    lines use beside the weights of the graph, named from `constant_name`.
    """

    graph: Graph
    call: Callable[[Node, Sequence[str], Mapping[str, str]], str]
    constant: Callable[[object], str]
    taken: set[str]
    owner: str = ""
    constant_name: str = "constant"
    names: dict[int, str] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    follows_n: bool = False

    def __post_init__(self) -> None:
        graph = self.graph
        names = names_of(graph.nodes, graph.leaves.named(), graph.outputs.named())
        taken = {*self.taken}
        for i, name in names.items():
            plain = name.rstrip("'")
            while plain in taken or keyword.iskeyword(plain):
                plain += "_"
            taken.add(plain)
            self.names[i] = f"{self.owner}{plain}" if i in self.weights.values() else plain

    @property
    def weights(self) -> dict[str, int]:
        """Nodes of parameters and running state, by name."""
        return {**self.graph.leaves.parameters, **self.graph.leaves.state}

    @property
    def result(self) -> str:
        """Name of the prediction."""
        return ", ".join(self.names[i] for i in self.graph.outputs.all())

    def lines(self) -> list[str]:
        """Lines, each with its source line, and a comment before each layer."""
        lines, page, used = list[str](), "", self._used()
        for i, node in enumerate(self.graph.nodes):
            if node.origin is None or i not in self.names or i not in used:
                continue
            if node.origin.layer != page:
                page = node.origin.layer
                words = self.graph.pages.get(page, "").split("\n")[0]
                lines.append(f"# {page} · {words}" if page else f"# {words}")
            origin = f"{Path(node.origin.file).name}:{node.origin.line}"
            lines.append(f"{f'{self.names[i]} = {self.expression(i)[0]}':<70}  # {origin}")
        return lines

    def _used(self) -> set[int]:
        """Nodes that the prediction depends on."""
        left, used = self.graph.outputs.all(), set[int]()
        while left:
            if (i := left.pop()) not in used:
                used.add(i)
                left += self.graph.nodes[i].used()
        return used

    def expression(self, i: int) -> tuple[str, int]:
        """Expression of a node, and its precedence."""
        node = self.graph.nodes[i]
        name, a = node.operation, node.arguments
        if name in BINARY:
            level = PRECEDENCE[name]
            # chained comparisons and powers mean something else in Python
            left = level + (name in COMPARISONS or name is Op.POWER)
            return f"{self.text(a[0], left)} {name.symbol} {self.text(a[1], level + 1)}", level
        if name in UNARY:
            return name.symbol + self.text(a[0], PRECEDENCE[name]), PRECEDENCE[name]
        if name is Op.GETITEM:
            return f"{self.text(a[0], ATOM)}[{self.index(a[1])}]", ATOM
        if name is Op.ASTYPE or (name is Op.TRANSPOSE and len(a) == 1 and not node.options):
            arguments = [self.text(a[0], ATOM), *map(self.text, a[1:])]
        elif name in (Op.SETITEM, Op.ADD_AT):
            arguments = [self.text(a[0]), f"np.s_[{self.index(a[1])}]", self.text(a[2])]
        else:
            arguments = [self.text(part) for part in a]
        options = {k: self.text(v) for k, v in node.options.items() if v is not None}
        return self.call(node, arguments, options), ATOM

    def text(self, value: object, binds: int = 0) -> str:
        """Argument, in parentheses if its precedence requires them."""
        if isinstance(value, Ref):
            if value.node in self.names:
                return self.names[value.node]
            text, tight = self.expression(value.node)
        elif isinstance(value, tuple | list):
            parts = ", ".join(self.text(part) for part in value)
            one = "," * (isinstance(value, tuple) and len(value) == 1)
            text, tight = (f"[{parts}]" if isinstance(value, list) else f"({parts}{one})"), ATOM
        elif isinstance(value, np.ndarray):
            text, tight = self._array(value), ATOM
        else:
            self.follows_n |= isinstance(value, Symbolic)
            text = self.constant(value)
            tight = 0 if isinstance(value, Symbolic) else 6 if text.startswith("-") else ATOM
        return text if tight >= binds else f"({text})"

    def index(self, value: object) -> str:
        """Expression of an index."""
        if isinstance(value, tuple) and value:
            return ", ".join(map(self.index, value)) + "," * (len(value) == 1)
        if isinstance(value, slice):
            ends = ["" if end is None else self.text(end) for end in (value.start, value.stop)]
            return ":".join(ends if value.step is None else [*ends, self.text(value.step)])
        return self.text(value)

    def _array(self, value: Array) -> str:
        if not self.owner and value.size <= SMALL and np.isfinite(value).all():
            return f"np.array({value.tolist()!r}, {dtype_text(value.dtype)})"
        name = f"{self.owner}{self.constant_name}_{len(self.constants)}"
        self.constants[name.removeprefix(self.owner)] = value
        return name


def dtype_text(dtype: np.dtype[np.generic]) -> str:
    """Name of a dtype in NumPy."""
    return "bool" if dtype.kind == "b" else f"np.{dtype.name}"


def numpy_constant(value: object) -> str:
    """Constant in full precision, dtype, or expression of the number of rows n, in NumPy."""
    match value:
        case np.dtype():
            return dtype_text(value)
        case np.generic():
            return f"{dtype_text(value.dtype)}({plain_constant(value.item())})"
        case float() if not np.isfinite(value):
            return plain_constant(value).replace("math", "np")
        case Dim() | Scaled() if value.dtype:
            return f"np.{value.dtype}({plain_constant(value)})"
        case Arange():
            text = f"np.arange({plain_constant(value.length)}, dtype=np.{value.dtype})"
            return text + (f"[:{', None' * (value.ndim - 1)}]" if value.ndim > 1 else "")
        case RowComparison():
            compared = f"np.arange(n)[:, None] {Op(value.operation).symbol} np.arange(n)"
            yes, no = map(numpy_constant, (value.yes, value.no))
            return f"np.where({compared}, {yes}, {no}).astype(np.{value.dtype})"
        case Full():
            shape = ", ".join(map(plain_constant, value.shape))
            return f"np.full([{shape}], {numpy_constant(value.fill)})"
    return plain_constant(value)


def plain_constant(value: object) -> str:
    """Constant in full precision, or expression of the number of rows n, in Python."""
    match value:
        case Dim():
            return str(Dim(value.slope, value.offset))
        case Scaled():
            return str(Scaled(value.scaling, value.k)).replace("log(n)", "math.log(n)")
        case Ratio():
            parts = plain_constant(value.numerator), plain_constant(value.denominator)
            return f"({parts[0]}) / ({parts[1]})"
        case float() if not np.isfinite(value):
            return "math.nan" if value != value else "math.inf" if value > 0 else "-math.inf"
    return "..." if isinstance(value, EllipsisType) else repr(value)
