"""Pictures and sequences with the rows of a batch innermost, where windows move over them.

Where a page makes columns of windows, for all rows at once, each number of a window is that of many
rows. Beside one another in memory these are copied, added and compared a vector at a time, however
wide the picture is and however far apart windows are. So the axis of the rows becomes the last one,
in the columns and in all that hangs together with them number by number. An axis that has rows and
places in one, as in (6, 784 n), keeps its size: its places come first now, in each the rows.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, users_of
from handgrad.graph.operations import ELEMENTWISE, REDUCTIONS, Op
from handgrad.graph.passes.batch_last_steps import (
    ROW,
    Lying,
    Rows,
    StaysError,
    axis_of_rows,
    is_merged,
    last,
    order_of,
    steps_of,
)
from handgrad.graph.passes.builder import Builder
from handgrad.graph.symbolic import Dim, Ref, Shape, Symbolic

MOVABLE = {*ELEMENTWISE, *REDUCTIONS, Op.FILL, Op.WRITE, Op.CONCATENATE, Op.EINSUM}


def with_rows_last(graph: Graph) -> Graph:
    """The graph with the rows last where there are columns of windows; else as it is."""
    moved = _moved(graph)
    if not moved:
        return graph
    try:
        return _Mover(graph, moved).graph()
    except StaysError:
        return graph


def _moved(graph: Graph) -> set[int]:
    """The nodes that get the rows last: those that hang together with products of columns."""
    nodes, users = graph.nodes, users_of(graph.nodes)
    waiting = [
        i
        for i, node in enumerate(nodes)
        if node.operation is Op.EINSUM and len(node.shape) > 1 and is_merged(node.shape[-1])
    ]
    found = set[int]()
    while waiting:
        i = waiting.pop()
        if i not in found and (nodes[i].operation is Op.VIEW or _can_move(nodes[i])):
            found.add(i)
            waiting += [*users[i], *nodes[i].used()]
    found = {i for i in found if nodes[i].operation is not Op.VIEW}
    moved = found | {i for i in range(len(nodes)) if _is_product_between(graph, i, found, users)}
    for i, node in enumerate(nodes):  # in their order: one may be of another that is moved here
        is_turned = node.operation in REDUCTIONS and _is_turned(node.shape)
        if is_turned and _base(graph, node.arguments[0].node) in moved:
            moved.add(i)
    return moved


def _can_move(node: Node) -> bool:
    axis = axis_of_rows(node.shape)
    if node.operation not in MOVABLE or axis is None:
        return False
    return axis == len(node.shape) - 1 if is_merged(node.shape[axis]) else len(node.shape) > 2


def _is_turned(shape: Shape) -> bool:
    """Whether an array of that shape can have the rows last, and lies in another order then."""
    axis = axis_of_rows(shape)
    return axis is not None and (axis == len(shape) - 1) == is_merged(shape[axis])


def _is_product_between(
    graph: Graph, i: int, moved: Collection[int], users: Sequence[Sequence[int]]
) -> bool:
    """Whether a matrix, a row of it for each row, is only read by what has the rows last."""
    node = graph.nodes[i]
    if len(node.shape) != 2 or node.shape[0] != ROW:
        return False
    if node.operation is not Op.EINSUM or "start" in node.options or i in graph.outputs.all():
        return False
    readers = _readers(graph, i, users)
    return bool(readers) and readers <= {*moved}


def _readers(graph: Graph, i: int, users: Sequence[Sequence[int]]) -> set[int]:
    """The nodes that read one, or a view of it."""
    views = {user for user in users[i] if graph.nodes[user].operation is Op.VIEW}
    return ({*users[i]} - views).union(*(_readers(graph, view, users) for view in views))


def _base(graph: Graph, i: int) -> int:
    """What a view is of; another node is its own."""
    node = graph.nodes[i]
    return node.arguments[0].node if node.operation is Op.VIEW else i


def _has_rows(shape: Shape) -> bool:
    return any(isinstance(size, Dim) for size in shape)


@dataclass
class _Mover:
    """Makes the graph anew with the rows last in the nodes `moved`."""

    old: Graph
    moved: set[int]
    new: Builder = field(default_factory=Builder)
    made: dict[int, Ref] = field(default_factory=dict)
    seen: dict[tuple[int, bool], Ref] = field(default_factory=dict)

    def graph(self) -> Graph:
        for i, node in enumerate(self.old.nodes):
            self.new.origin = node.origin
            if node.operation is not Op.VIEW:
                self.made[i] = self.counterpart(node, rows_last=i in self.moved)
        leaves = self.old.leaves.map(lambda i: self.made[i].node)
        outputs = self.old.outputs.map(lambda i: self.read(i, rows_last=False).node)
        return replace(self.old, nodes=tuple(self.new.nodes), leaves=leaves, outputs=outputs)

    def counterpart(self, node: Node, *, rows_last: bool) -> Ref:
        """A node of what it reads in the order that this has now."""
        if node.operation is Op.EINSUM:
            return self.product(node, rows_last=rows_last)
        if node.operation in REDUCTIONS and (rows_last or self.is_alike(node)):
            return self.reduction(node)
        if not rows_last:
            read = {i: self.read(i, rows_last=False) for i in node.used()}
            return self.new.keep(node.renumbered(read))
        if node.operation is Op.FILL:
            _, number, dtype = node.arguments
            shape = last(node.shape)
            return self.new.add(Op.FILL, (shape, number, dtype), shape, node.dtype)
        if node.operation is Op.CONCATENATE:
            return self.concatenated(node)
        if node.operation is Op.WRITE:
            return self.written(node)
        arguments = tuple(self.argument(value, node.shape) for value in node.arguments)
        return self.new.keep(replace(node, arguments=arguments, shape=last(node.shape)))

    def is_alike(self, reduction: Node) -> bool:
        """Whether a reduction of what has the rows last lies in the same order as one that has."""
        ends_in_rows = reduction.shape[-1:] == (ROW,)
        return self.is_moved(reduction.arguments[0].node) and (
            ends_in_rows or not _has_rows(reduction.shape)
        )

    def is_moved(self, i: int) -> bool:
        return _base(self.old, i) in self.moved

    def product(self, node: Node, *, rows_last: bool) -> Ref:
        """An einsum, its letters in the order of the axes."""
        spec, *operands = node.arguments
        inputs, output = spec.split("->")
        ways: dict[str, set[bool]] = {}

        def ordered(letters: str, shape: Shape, moved: bool) -> str:
            for letter, size in zip(letters, shape, strict=True):
                if is_merged(size):
                    ways.setdefault(letter, set()).add(moved)
            return "".join(letters[k] for k in order_of(shape)) if moved else letters

        letters, read = [], []
        for operand, own in zip(operands, inputs.split(","), strict=True):
            shape = self.old.nodes[operand.node].shape
            moved = self.is_moved(operand.node) and _has_rows(shape)
            letters.append(ordered(own, shape, moved))
            read.append(self.read(operand.node, rows_last=moved))
        output = ordered(output, node.shape, rows_last)
        if any(len(way) > 1 for way in ways.values()) or (rows_last and "start" in node.options):
            raise StaysError
        options = {
            name: self.read(value.node, rows_last=False) if isinstance(value, Ref) else value
            for name, value in node.options.items()
        }
        shape = last(node.shape) if rows_last else node.shape
        spec = f"{','.join(letters)}->{output}"
        return self.new.add(Op.EINSUM, (spec, *read), shape, node.dtype, **options)

    def reduction(self, node: Node) -> Ref:
        """A reduction of what is read with the rows last."""
        x, axes = node.arguments
        shape = self.old.nodes[x.node].shape
        order, read = order_of(shape), self.read(x.node, rows_last=True)
        own = tuple(sorted(order.index(axis) for axis in axes))
        if order[-1] not in axes:
            arguments, result = (read, own), last(node.shape)
            return self.new.add(node.operation, arguments, result, node.dtype, **node.options)
        short = tuple(size for k, size in enumerate(shape) if k not in axes)
        found = self.new.add(node.operation, (read, own), short, node.dtype, keepdims=False)
        if short == node.shape:
            return found
        view = (found, 0, tuple(steps_of(node.shape)), node.shape)
        return self.new.alike(node, Op.VIEW, *view)

    def concatenated(self, node: Node) -> Ref:
        """Parts one after another; one part that lies as it should is left where it is."""
        parts, axis = node.arguments
        order, shape = order_of(node.shape), last(node.shape)
        read = tuple(self.read(part.node, rows_last=True) for part in parts)
        if axis == order[-1] and len(parts) > 1:
            raise StaysError
        if len(read) == 1 and self.new[read[0]].operation is Op.VIEW:
            base, offset, steps, _ = self.new[read[0]].arguments
            lying = zip(steps, steps_of(shape), shape, strict=True)
            contiguous = all(step == as_laid or size == 1 for step, as_laid, size in lying)
            if offset == 0 and contiguous and self.new[base].shape == shape:
                return Ref(base.node)
        return self.new.add(Op.CONCATENATE, (read, order.index(axis)), shape, node.dtype)

    def written(self, node: Node) -> Ref:
        """A copy with a part written."""
        x, offset, steps, part, values = node.arguments
        lying = Rows.of(node.shape).view(offset, steps, part)
        if len(lying.shape) != len(part):  # rows and places in one axis
            raise StaysError
        apart = tuple(lying.steps[k] for k in order_of(part))
        target = (self.read(x.node, rows_last=True), lying.offset, apart, last(part))
        arguments = (*target, self.argument(values, part))
        return self.new.add(Op.WRITE, arguments, last(node.shape), node.dtype)

    def argument(self, value: object, shape: Shape) -> object:
        """What is spread over a result of that shape, with the rows last."""
        behind = len(shape) - 1 - order_of(shape)[-1]  # axes behind that of the rows
        if isinstance(value, Ref):
            own = self.old.nodes[value.node].shape
            if _has_rows(own) or own == () or behind == 0:
                return self.read(value.node, rows_last=_has_rows(own))
            return self.spread(value.node, len(own) - 1 - behind)
        if isinstance(value, np.ndarray) and value.ndim:
            axis = value.ndim - 1 - behind
            return np.moveaxis(value, axis, -1) if axis >= 0 else value[..., None]
        if isinstance(value, Symbolic) and np.ndim(value.at(2)):
            raise StaysError
        return value

    def spread(self, i: int, axis: int) -> Ref:
        """What is the same for all rows, with an axis for them at the end, in place of `axis`."""
        ref = self.read(i, rows_last=False)
        node = self.new[ref]
        base, offset, steps = ref, 0, tuple(steps_of(node.shape))
        if node.operation is Op.VIEW:
            base, offset, steps, _ = node.arguments
        others = [k for k in range(len(node.shape)) if k != axis]
        shape = (*(node.shape[k] for k in others), 1)
        apart = (*(steps[k] for k in others), 0)
        return self.new.add(Op.VIEW, (base, offset, apart, shape), shape, node.dtype)

    def read(self, i: int, *, rows_last: bool) -> Ref:
        """What a node is in the new graph, with the rows last or where they were."""
        if (i, rows_last) not in self.seen:
            self.seen[i, rows_last] = self.reading(i, rows_last=rows_last)
        return self.seen[i, rows_last]

    def reading(self, i: int, *, rows_last: bool) -> Ref:
        node, moved = self.old.nodes[i], self.is_moved(i)
        is_view, has_rows = node.operation is Op.VIEW, _has_rows(node.shape)
        if not is_view and (not has_rows or rows_last == moved):
            return self.made[i]
        base, offset, steps, shape = (
            self.made[_base(self.old, i)],
            0,
            steps_of(node.shape),
            node.shape,
        )
        if is_view:
            _, offset, steps, _ = node.arguments
        if self.new[base].operation is Op.VIEW:
            raise StaysError
        if not moved and rows_last and is_merged(node.shape[order_of(node.shape)[-1]]):
            raise StaysError
        lying = Lying(offset, tuple(steps), shape)
        if moved:
            lying = Rows.of(self.old.nodes[_base(self.old, i)].shape).view(offset, steps, shape)
            if len(lying.shape) != len(shape) and not rows_last:
                raise StaysError
        return self.view(base, lying, node, rows_last=rows_last)

    def view(self, base: Ref, lying: Lying, node: Node, *, rows_last: bool) -> Ref:
        """The view of a base; of rows and places that do not lie in one row, of a copy."""
        steps, shape = lying.steps, lying.shape
        if rows_last:
            axis = shape.index(ROW)
            behind = [axis - 1, axis] if len(shape) > len(node.shape) else [axis]
            order = [*(k for k in range(len(shape)) if k not in behind), *behind]
            steps, shape = tuple(steps[k] for k in order), tuple(shape[k] for k in order)
        if len(shape) == len(node.shape):
            arguments = (base, lying.offset, steps, shape)
            return self.new.add(Op.VIEW, arguments, shape, node.dtype)
        merged = last(node.shape)
        if steps[-1] == 1 and steps[-2] == ROW:
            arguments = (base, lying.offset, (*steps[:-2], 1), merged)
            return self.new.add(Op.VIEW, arguments, merged, node.dtype)
        part = self.new.add(Op.VIEW, (base, lying.offset, steps, shape), shape, node.dtype)
        copy = self.new.add(Op.CONCATENATE, ((part,), 0), shape, node.dtype)
        arguments = (copy, 0, tuple(steps_of(merged)), merged)
        return self.new.add(Op.VIEW, arguments, merged, node.dtype)
