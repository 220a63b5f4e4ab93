"""Row fusion: the nodes that are computed for a block of rows of wide arrays at a time.

A wide product, what follows from it in each row, and the products that read it are one group, as
scores, weights and their products are in attention. A wide array that nothing outside of the group
reads has memory for a block of rows only.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from handgrad.engines.loops.memory_planning import stored_reads
from handgrad.graph.graph import Graph
from handgrad.graph.operations import ELEMENTWISE, Op
from handgrad.graph.passes.matrices import is_valid_stride, steps_of
from handgrad.graph.passes.recompute import is_wide_product, wide_arrays
from handgrad.graph.symbolic import Ref, Shape

ROW_REDUCTIONS = (Op.SUM, Op.PROD, Op.MAX, Op.MIN)


@dataclass(frozen=True)
class WideProduct:
    """A product that makes or reads a wide array, in the letters of its axes.

    `rows` are those of all axes of the wide array but the last, `column` is that of the last. The
    letter of the rows of a block, the last of `rows`, is in the result, or it is summed.
    """

    operands: tuple[Ref, Ref]
    letters: tuple[str, str]
    output: str
    rows: str
    column: str

    @property
    def row(self) -> str:
        """The letter of the rows of a block."""
        return self.rows[-1]

    @property
    def sums_rows(self) -> bool:
        """True if the rows of a block are terms of the sums."""
        return self.row not in self.output


def begins_rows(graph: Graph, i: int) -> bool:
    """Return True for a wide product, which begins a group."""
    return is_wide_product(graph, i) and wide_product(graph, i, ()) is not None


@dataclass
class RowFusion:
    """Finds the groups of a graph; `stored` are the nodes that are not fused into their user."""

    graph: Graph
    stored: Collection[int]

    def __post_init__(self) -> None:
        self.wide = wide_arrays(self.graph)

    def joins(self, group: Sequence[int], i: int, known: Collection[int]) -> bool:
        """Return True if a node can be computed row by row with a group, from what is `known`."""
        read = stored_reads(self.graph, i, self.stored)
        if any(j not in known and j not in group for j in read):
            return False
        if begins_rows(self.graph, i):
            return self.wide[i] == self.wide[group[0]] and read.isdisjoint(group)
        if read.isdisjoint(group):
            return False
        if self.graph.nodes[i].operation is Op.EINSUM:
            return wide_product(self.graph, i, group) is not None
        return self._is_by_row(i, group)

    def _is_by_row(self, i: int, group: Sequence[int]) -> bool:
        """Return True if a number of a node follows from those in its row of the group's arrays."""
        node, shape = self.graph.nodes[i], self.graph.nodes[group[0]].shape
        of_rows = (shape, (*shape[:-1], 1))
        if node.operation in ROW_REDUCTIONS:
            inner = self.graph.nodes[node.used()[0]].shape
            fits = node.arguments[1] == (len(shape) - 1,) and node.options["keepdims"]
            fits = fits and inner == shape
        else:
            fits = node.operation in ELEMENTWISE and node.shape in of_rows
        return fits and all(self._is_read_by_row(j, of_rows, group) for j in node.used())

    def _is_read_by_row(self, i: int, of_rows: Sequence[Shape], group: Sequence[int]) -> bool:
        node = self.graph.nodes[i]
        if i in group:
            return node.shape in of_rows and not _reads_wide(self.graph, i)
        if stored_reads(self.graph, i, self.stored).isdisjoint(group):
            return True
        return i not in self.stored and self._is_by_row(i, group)


def _reads_wide(graph: Graph, i: int) -> bool:
    """Return True for a product of a group that does not begin one."""
    return graph.nodes[i].operation is Op.EINSUM and not is_wide_product(graph, i)


def wide_product(graph: Graph, i: int, group: Sequence[int]) -> WideProduct | None:
    """A product that makes a wide array, or reads one of a group; None for other nodes."""
    node = graph.nodes[i]
    spec, *operands = node.arguments
    inputs, output = spec.split("->")
    sides = [*zip(operands, inputs.split(","), strict=True)]
    own = output
    if not is_wide_product(graph, i):
        sides = [_untransposed(graph, *side) for side in sides]
        inside = [k for k, (ref, _) in enumerate(sides) if ref.node in group]
        if len(sides) != 2 or len(inside) != 1:
            return None
        (wide, own), (other, _) = sides[inside[0]], sides[1 - inside[0]]
        shape = graph.nodes[group[0]].shape
        if graph.nodes[wide.node].shape != shape or _reads_wide(graph, wide.node):
            return None
        if _array_of(graph, other.node) in group:
            return None
    product = WideProduct(
        (sides[0][0], sides[1][0]), (sides[0][1], sides[1][1]), output, own[:-1], own[-1]
    )
    if not _is_of_matrices(graph, product) or (product.sums_rows and "start" in node.options):
        return None
    return product


def _array_of(graph: Graph, i: int) -> int:
    """The array that a view reads, or the array itself."""
    while graph.nodes[i].operation is Op.VIEW:
        (i,) = graph.nodes[i].used()
    return i


def _untransposed(graph: Graph, ref: Ref, letters: str) -> tuple[Ref, str]:
    """The array that an operand is a transpose of, with its letters; else the operand itself."""
    node = graph.nodes[ref.node]
    if node.operation is not Op.VIEW or node.arguments[1] != 0:
        return ref, letters
    base, _, steps, shape = node.arguments
    whole = graph.nodes[base.node]
    axes = [*zip(steps_of(whole) or (), whole.shape, strict=False)]
    by_axis = dict(zip(zip(steps, shape, strict=True), letters, strict=True))
    if len(by_axis) < len(letters) or {*axes} != {*by_axis}:
        return ref, letters
    return base, "".join(by_axis[axis] for axis in axes)


def _is_of_matrices(graph: Graph, product: WideProduct) -> bool:
    """Return True if for each index of the other axes of rows two matrices are multiplied."""
    batch = {*product.rows[:-1]}
    free = [{*own} - batch for own in product.letters]
    summed = free[0] & free[1]
    if not batch <= {*product.output} or product.output[-1] in batch:
        return False
    if any(len({*own}) < len(own) for own in product.letters) or [*map(len, free)] != [2, 2]:
        return False
    if len(summed) != 1 or {*product.output} != batch | (free[0] ^ free[1]):
        return False
    sides = zip(product.operands, product.letters, free, strict=True)
    return all(_is_matrix(graph, *side) for side in sides)


def _is_matrix(graph: Graph, ref: Ref, letters: str, axes: Collection[str]) -> bool:
    """Return True if one of two axes is contiguous, and the numbers of the other lie apart."""
    node = graph.nodes[ref.node]
    steps = dict(zip(letters, steps_of(node) or (), strict=False))
    sizes = dict(zip(letters, node.shape, strict=True))
    pairs = [(x, y) for x in axes for y in axes if x != y and steps]
    return any(steps[x] == 1 and is_valid_stride(steps[y], sizes[y], sizes[x]) for x, y in pairs)
