"""Element access: one element of a node as an expression of its indices, and loops over them."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from handgrad.engines.loops.ir import (
    Body,
    Call,
    Expression,
    For,
    Let,
    Load,
    Num,
    Store,
    Type,
    Var,
    cast,
    whole,
)
from handgrad.engines.loops.memory_planning import Arena, Storage, extent, kind_of, strides
from handgrad.engines.loops.target import TargetInfo, workspace_size
from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import COMPARISONS, ELEMENTWISE, Op
from handgrad.graph.symbolic import (
    Arange,
    Dim,
    Full,
    N,
    Ratio,
    Ref,
    RowComparison,
    Scaled,
    Scaling,
    Shape,
    Symbolic,
    diagonal_of,
)
from handgrad.textbook.layers import Array

Index = Sequence[Expression]


@dataclass
class ElementReader:
    """Reads nodes of a graph element by element: loads stored ones, computes fused ones.

    Parameters
    ----------
    graph : Graph
        The graph.
    target : TargetInfo
        The machine that the program is for.
    counters : iterator of int
        Numbers of new variables.
    tables : list of arrays
        Constant arrays of the layers, which become part of the program.
    arena : Arena
        Scratch memory.
    places : dict of int to Storage
        The memory of stored nodes.
    plain_numbers : bool
        Float64 scalars are computed in double.
    streams : Sequence of str
        Paths of the layers that draw random numbers.
    packed : int, optional
        Offset of the workspace for packed matrices.
    block_sums : dict of int to Storage
        Memory for what a block of rows adds to products that sum over rows.
    gathered : dict of int to Load
        The numbers of gathered rows, by their product.
    """

    graph: Graph
    target: TargetInfo
    counters: "itertools.count[int]" = field(default_factory=itertools.count)
    tables: list[Array] = field(default_factory=list)
    arena: Arena = field(default_factory=Arena)
    places: dict[int, Storage] = field(default_factory=dict)
    plain_numbers: bool = False
    streams: Sequence[str] = ()
    packed: int | None = None
    block_sums: dict[int, Storage] = field(default_factory=dict)
    gathered: dict[int, Load] = field(default_factory=dict)

    def new(self, prefix: str, type: Type = "int") -> Var:
        """Create a variable with a new name."""
        return Var(f"{prefix}{next(self.counters)}", type)

    def workspace(self, sizes: tuple[int, int, int], at_once: int = 1) -> Load:
        """Scratch memory for packed matrices, shared by all products."""
        if self.packed is None:
            self.packed = self.arena.sizes["float"]
        end = self.packed + at_once * workspace_size(*sizes)
        self.arena.sizes["float"] = max(self.arena.sizes["float"], end)
        return Load("scratch", whole(self.packed), "float")

    def row_numbers(self, i: int, count: int = 0) -> Load:
        """Memory for the numbers of the rows that the product `i` gathers; not shared."""
        if i not in self.gathered:
            begin = self.arena.sizes["int"]
            self.arena.sizes["int"] += count
            self.gathered[i] = Load("scratch_int", whole(begin), "int")
        return self.gathered[i]

    def kind(self, i: int) -> Type:
        """The type of a node's elements."""
        return kind_of(self.graph.nodes[i], plain_numbers=self.plain_numbers)

    def element(self, i: int, index: Index) -> Expression:
        """The element of node `i` at an index."""
        node = self.graph.nodes[i]
        if i in self.places and self.places[i].variable:
            return Var(self.places[i].buffer, self.places[i].type)
        if i in self.places or node.operation is Op.VIEW:
            return self.load(i, index)
        return self._computed(node, self.kind(i), index)

    def flattened(self, i: int, shape: Shape) -> Shape:
        """The shape flattened to its last axis, if node `i` reads contiguous arrays only.

        One long loop is faster than many short ones.
        """
        dims = [size for size in shape if isinstance(size, Dim)]
        if len(shape) < 2 or shape[-1] == 1 or len(dims) > 1 or not self._is_contiguous(i, shape):
            return shape
        fixed = math.prod(size for size in shape if isinstance(size, int))
        row: list[int | Dim] = [Dim(fixed * dim.slope, fixed * dim.offset) for dim in dims]
        return (*[1] * (len(shape) - 1), *(row or [fixed]))

    def _is_contiguous(self, i: int, shape: Shape) -> bool:
        """Return True if node `i` reads its elements in memory order."""
        node = self.graph.nodes[i]
        if node.shape == ():
            return True
        if node.shape != shape:
            return False
        if i in self.places or node.operation is Op.FILL:
            return True
        return node.operation in ELEMENTWISE and all(
            self._is_contiguous(a.node, shape)
            if isinstance(a, Ref)
            else not isinstance(a, Arange | RowComparison) and np.ndim(a) == 0
            for a in node.arguments
        )

    def load(self, i: int, index: Index) -> Load:
        """Load an element of a stored node or of a view of one."""
        node = self.graph.nodes[i]
        if i in self.places:
            place, start, steps = self.places[i], whole(0), strides(node.shape)
            index = [*place.block, *index[len(place.block) :]]
        else:
            base, offset, step_sizes, _ = node.arguments
            place, start = self.places[base.node], view_offset(offset)  # type: ignore[assignment]
            steps = [extent(step) for step in step_sizes]
        if place.rows is not None:  # gathered rows, or their transpose
            axis = 0 if steps[-1] == whole(1) else 1
            index = [gathered_row(place.rows, x) if k == axis else x for k, x in enumerate(index)]
        return Load(place.buffer, offset_at(place.offset + start, index, steps), place.type)

    def argument(
        self, value: Ref | Symbolic | Array | float, index: Index, type: Type
    ) -> Expression:
        """The element of an operation's argument, broadcast to the index of the result."""
        if isinstance(value, Ref):
            shape = self.graph.nodes[value.node].shape
            return cast(self.element(value.node, broadcast(shape, index)), type)
        if isinstance(value, np.ndarray) and (k := diagonal_of(value)) is not None:
            row, column = broadcast(value.shape, index)
            return cast(Call("greater_equal", (row + k, column), "bool"), type)
        if isinstance(value, np.ndarray) and value.ndim:
            start = whole(sum(table.size for table in self.tables))
            self.tables.append(np.ascontiguousarray(value, np.float64))
            place = offset_at(start, broadcast(value.shape, index), strides(value.shape))
            return cast(Load("tables", place, "double"), type)
        if isinstance(value, Arange):
            number, *_ = broadcast((value.length, *[1] * (value.ndim - 1)), index)
            return cast(number, type)
        if isinstance(value, RowComparison):
            row, column = broadcast((N, N), index)
            compared = Call(value.operation, (row, column), "bool")
            numbers = (self.number(value.yes, type), self.number(value.no, type))
            return Call("where", (compared, *numbers), type)
        return self.number(value, type)

    def number(self, value: Symbolic | Array | float, type: Type) -> Expression:
        """A constant, or a number that depends on the batch size."""
        if not isinstance(value, Symbolic):
            return Num(value.item() if hasattr(value, "item") else value, type)
        if isinstance(value, Full):
            return self.number(value.fill, type)
        return cast(batch_size_expression(value), type)

    def _computed(self, node: Node, type: Type, index: Index) -> Expression:
        name, a = node.operation, node.arguments
        if name is Op.FILL:
            return self.number(a[1], type)
        if name is Op.ASTYPE:
            return cast(self.argument(a[0], index, self.kind(a[0].node)), type)
        if name is Op.WHERE:
            condition = self.argument(a[0], index, "bool")
            return Call("where", (condition, *(self.argument(x, index, type) for x in a[1:])), type)
        if name in COMPARISONS or name in (Op.ISNAN, Op.ISFINITE):
            common = self._common(a)
            return Call(name, tuple(self.argument(x, index, common) for x in a), "bool")
        return Call(name, tuple(self.argument(x, index, type) for x in a), type)

    def _common(self, arguments: Sequence[object]) -> Type:
        """The common type for a comparison."""
        kinds = {self.kind(x.node) for x in arguments if isinstance(x, Ref)}
        if any(isinstance(x, float) for x in arguments) and kinds <= {"int", "bool"}:
            return "double"
        if kinds == {"bool"}:
            return "int"
        return max(kinds, key=["bool", "int", "float", "double"].index)


def batch_size_expression(value: float | Symbolic) -> Expression:
    """A number that depends on the batch size, as an expression of n, the rows of this batch."""
    if isinstance(value, Dim):
        return extent(value)
    if isinstance(value, Ratio):
        numerator, denominator = (
            batch_size_expression(value.numerator),
            batch_size_expression(value.denominator),
        )
        return cast(numerator, "double") / cast(denominator, "double")
    if not isinstance(value, Scaled):
        return Num(float(value), "double")  # type: ignore[arg-type]
    one, k, n = Num(1.0, "double"), Num(float(value.k), "double"), cast(Var("n", "int"), "double")
    less, root, log = n - one, Call("sqrt", (n,), "double"), Call("log", (n,), "double")

    def times_k(number: Expression) -> Expression:
        return number if k == one else k * number

    formulas = {
        Scaling.K_OVER_N: k / n,
        Scaling.K_TIMES_N: times_k(n),
        Scaling.K_TIMES_ROOT_N: times_k(root),
        Scaling.K_OVER_ROOT_N: k / root,
        Scaling.K_OVER_ONE_LESS: k / less,
        Scaling.K_TIMES_N_OVER_ONE_LESS: times_k(n) / less,
        Scaling.K_TIMES_ONE_LESS_OVER_N: times_k(less) / n,
        Scaling.K_OVER_N_SQUARED: k / (n * n),
        Scaling.K_TIMES_N_SQUARED: times_k(n * n),
        Scaling.K_TIMES_LOG_N: times_k(log),
        Scaling.ONE_OVER_K_N: one / times_k(n),
    }
    return formulas[value.scaling]


def gathered_row(rows: Load, index: Expression) -> Load:
    """Load the number of a gathered row."""
    return replace(rows, index=rows.index + index)


def view_offset(offset: int | Dim) -> Expression:
    """The offset of a view; n as 1 * n, so that it is re-rolled with 2 * n and 3 * n."""
    if isinstance(offset, Dim) and offset.slope == 1:
        return Call("multiply", (whole(1), Var("n", "int")), "int") + whole(offset.offset)
    return extent(offset)


def offset_at(start: Expression, index: Index, steps: Sequence[Expression]) -> Expression:
    """The offset of the element at an index of an array that begins at `start`."""
    for position, step in zip(index, steps, strict=True):
        start = start + position * step
    return start


def broadcast(shape: Sequence[int | Dim], index: Index) -> Index:
    """The index into an array of this shape, from the index of the array it is broadcast to."""
    own = index[len(index) - len(shape) :]
    return [whole(0) if size == 1 else at for size, at in zip(shape, own, strict=True)]


def indices(elements: ElementReader, shape: Shape) -> list[Expression]:
    """A loop counter for each axis; 0 for axes of size 1."""
    return [whole(0) if size == 1 else elements.new("i") for size in shape]


def loops_around(shape: Shape, index: Index, body: Body, axes: Iterable[int] | None = None) -> Body:
    """Wrap `body` in loops over the axes of a shape, the first outermost."""
    order = range(len(shape)) if axes is None else tuple(axes)
    for axis in reversed(order):
        counter = index[axis]
        if isinstance(counter, Var):
            body = [For(counter.name, extent(shape[axis]), body)]
    return body


def store_element(elements: ElementReader, i: int, index: Index, value: Expression) -> Body:
    """Store one element of a node."""
    place = elements.places[i]
    value = cast(value, place.type)
    if place.variable:
        return [Let(place.buffer, value)]
    return [Store(place.buffer, elements.load(i, index).index, value)]
