"""Layout pass: the batch becomes the last axis of arrays that windows move over.

Where a layer makes columns of windows, each number of a window is that of many rows. With the batch
last these lie beside one another in memory and are copied, added and compared a vector at a time,
however wide the picture is and however far apart windows are. So the axis of the batch becomes the
last one in the columns, and in every array that is computed from them elementwise. A merged axis,
in which each row has several elements, as in (6, 784 n), keeps its size: its elements come first,
and in each of them the rows.

An array of `outer` times n times `inner` numbers has number (o, i, k) at (o n + i) inner + k; with
the batch last it is at (o inner + k) n + i. So a view becomes another one by its steps alone, where
each of them is a number of outer elements, of rows and of inner elements, and none goes past their
end. Of two pictures of 3 by 3 pixels

    batch first    0  1  2  3  4  5  6  7  8    9 10 11 12 13 14 15 16 17
    batch last     0  9   1 10   2 11   3 12   4 13   5 14   6 15   7 16   8 17

the first 2 by 2 window has the numbers 0, 1, 3, 4 and 9, 10, 12, 13. All four windows of a picture
are a view with the axes batch, line, column, line within the window, column within it, and steps
of 9, 3, 1, 3, 1. With the batch last these are 1, 3 n, n, 3 n, n: of the first window elements 0,
1 hold the numbers 0 and 9, elements 2, 3 the numbers 1 and 10, elements 6, 7 and 8, 9 the others.

>>> windows = BatchLastArray.of((BATCH, 3, 3)).view(0, (9, 3, 1, 3, 1), (BATCH, 2, 2, 2, 2))
>>> [step if isinstance(step, int) else step.at(2) for step in windows.steps]
[1, 6, 2, 6, 2]
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, users_of
from handgrad.graph.operations import ELEMENTWISE, REDUCTIONS, Op
from handgrad.graph.passes.builder import Builder
from handgrad.graph.symbolic import Dim, Ref, Shape, Symbolic

Size = int | Dim
BATCH: Size = Dim(1)
PERMUTABLE = {*ELEMENTWISE, *REDUCTIONS, Op.FILL, Op.WRITE, Op.CONCATENATE, Op.EINSUM}


class NotPermutableError(Exception):
    """Something has no counterpart with the batch last: the graph stays as it is."""


def with_batch_last(graph: Graph) -> Graph:
    """The graph with the batch last where there are columns of windows; else as it is."""
    permuted = permutable(graph)
    if not permuted:
        return graph
    try:
        return BatchLastLayout(graph, permuted).graph()
    except NotPermutableError:
        return graph


# Shapes and steps


def is_merged(size: Size) -> bool:
    """True for an axis with several elements of each row."""
    return isinstance(size, Dim) and size.slope > 1 and size.offset == 0


def batch_axis(shape: Shape) -> int | None:
    """The one axis that depends on the batch size: that of the rows, or a merged one."""
    axes = [k for k, size in enumerate(shape) if isinstance(size, Dim)]
    if len(axes) == 1 and (shape[axes[0]] == BATCH or is_merged(shape[axes[0]])):
        return axes[0]
    return None


def permutation(shape: Shape) -> list[int]:
    """The axes in their order with the batch last."""
    axis = batch_axis(shape)
    if axis is None:
        raise NotPermutableError
    return [*(k for k in range(len(shape)) if k != axis), axis]


def permuted_shape(shape: Shape) -> Shape:
    """The shape with the batch last."""
    return tuple(shape[k] for k in permutation(shape))


def follows_batch(shape: Shape) -> bool:
    """True for a shape that depends on the batch size."""
    return any(isinstance(size, Dim) for size in shape)


def times(step: Size, size: Size) -> Size:
    """The product, which follows n once at most."""
    if not isinstance(size, Dim):
        step, size = size, step
    if isinstance(step, Dim):
        raise NotPermutableError
    if isinstance(size, Dim):
        return Dim(size.slope * step, size.offset * step)
    return size * step


def contiguous_steps(shape: Shape) -> tuple[Size, ...]:
    """Steps of a contiguous array along each axis, in elements."""
    steps: list[Size] = []
    step: Size = 1
    for size in reversed(shape):
        steps.insert(0, step)
        step = times(step, size)
    return tuple(steps)


def _per_row(size: Size) -> int:
    """Number of elements along an axis; for a merged axis, those of one row."""
    return size.slope if isinstance(size, Dim) else size


@dataclass(frozen=True)
class Strided:
    """A strided view: offset, steps, sizes."""

    offset: Size
    steps: tuple[Size, ...]
    shape: Shape


@dataclass(frozen=True)
class BatchLastArray:
    """A contiguous array as it is with the batch last: `inner` numbers of each row in a run."""

    inner: int

    @classmethod
    def of(cls, shape: Shape) -> "BatchLastArray":
        """The array that had this shape with the batch where it was."""
        axis = permutation(shape)[-1]
        return cls(math.prod(_per_row(size) for size in shape[axis:]))

    def view(self, offset: Size, steps: Sequence[Size], shape: Shape) -> Strided:
        """The elements of a view of the array as it was.

        The axes keep their order; a merged one becomes two: elements of a row, rows.
        """
        _, row, last = self._split(offset)
        new_steps: list[Size] = []
        sizes: list[Size] = []
        for step, size in zip(steps, shape, strict=True):
            if size == 1:
                new_steps.append(0)
                sizes.append(1)
                continue
            if isinstance(size, Dim) and (row or not (size == BATCH or is_merged(size))):
                raise NotPermutableError
            per_row = _per_row(size)
            if per_row > 1:
                _, rows, within = self._split(step)
                if rows:
                    raise NotPermutableError
                last += within * (per_row - 1)
                new_steps.append(self._permuted(step))
                sizes.append(per_row)
            if isinstance(size, Dim):
                outer, rows, within = self._split(times(step, size.slope))
                if outer or within or rows > 1:
                    raise NotPermutableError
                new_steps.append(rows)
                sizes.append(BATCH)
        if last >= self.inner:
            raise NotPermutableError
        return Strided(self._permuted(offset), tuple(new_steps), tuple(sizes))

    def _split(self, step: Size) -> tuple[int, int, int]:
        """Number of outer elements, rows and inner elements in a step."""
        slope, offset = (step.slope, step.offset) if isinstance(step, Dim) else (0, step)
        if slope % self.inner or slope < 0 or offset < 0:
            raise NotPermutableError
        return slope // self.inner, *divmod(offset, self.inner)

    def _permuted(self, step: Size) -> Size:
        outer, rows, within = self._split(step)
        slope = outer * self.inner + within
        return Dim(slope, rows) if slope else rows


# Which nodes


def permutable(graph: Graph) -> set[int]:
    """The nodes that get the batch last: those that hang together with products of windows."""
    nodes, users = graph.nodes, users_of(graph.nodes)
    waiting = [
        i
        for i, node in enumerate(nodes)
        if _is_product_of_columns(node) or _is_product_of_windows(graph, node)
    ]
    connected = set[int]()
    while waiting:
        i = waiting.pop()
        if i not in connected and (nodes[i].operation is Op.VIEW or _is_permutable(nodes[i])):
            connected.add(i)
            waiting += [*users[i], *nodes[i].used()]
    connected = {i for i in connected if nodes[i].operation is not Op.VIEW}
    connected |= {
        base
        for i in connected
        for j in nodes[i].used()
        if _is_input(nodes[base := _base(graph, j)])
    }
    permuted = connected | {
        i for i in range(len(nodes)) if _is_product_between(graph, i, connected, users)
    }
    for i, node in enumerate(nodes):  # in their order: one may be of another that is added here
        reordered = node.operation in REDUCTIONS and _changes_order(node.shape)
        if reordered and _base(graph, node.arguments[0].node) in permuted:
            permuted.add(i)
    return permuted


def _is_input(node: Node) -> bool:
    """True for rows of pictures or sequences: copied once, with the batch last."""
    is_rows = node.operation is Op.LEAF and node.dtype.kind == "f"
    return is_rows and len(node.shape) > 2 and batch_axis(node.shape) == 0


def _is_product_of_columns(node: Node) -> bool:
    return node.operation is Op.EINSUM and len(node.shape) > 1 and is_merged(node.shape[-1])


def _is_product_of_windows(graph: Graph, node: Node) -> bool:
    """True for products of rows' windows that overlap."""
    if node.operation not in (Op.EINSUM, Op.MULTIPLY) or not _is_permutable(node):
        return False
    views = [view for i in node.used() if (view := graph.nodes[i]).operation is Op.VIEW]
    return any(_numbers(view) > math.prod(_sizes(graph, view.arguments[0].node)) for view in views)


def _numbers(view: Node) -> int:
    """The number of elements of a view; those that it repeats by steps of 0 count once."""
    _, _, steps, shape = view.arguments
    pairs = zip(steps, shape, strict=True)
    return math.prod(_per_row(size) for step, size in pairs if step != 0)


def _sizes(graph: Graph, i: int) -> list[int]:
    return [_per_row(size) for size in graph.nodes[i].shape]


def _is_permutable(node: Node) -> bool:
    axis = batch_axis(node.shape)
    if node.operation not in PERMUTABLE or axis is None or _multiplies_each_row(node, axis):
        return False
    return axis == len(node.shape) - 1 if is_merged(node.shape[axis]) else len(node.shape) > 2


def _multiplies_each_row(node: Node, axis: int) -> bool:
    """True for an einsum with a product of its own for each row."""
    if node.operation is not Op.EINSUM:
        return False
    inputs, output = node.arguments[0].split("->")
    return all(output[axis] in own for own in inputs.split(","))


def _changes_order(shape: Shape) -> bool:
    """True where the elements of an array of that shape have another order with the batch last."""
    axis = batch_axis(shape)
    return axis is not None and (axis == len(shape) - 1) == is_merged(shape[axis])


def _is_product_between(
    graph: Graph, i: int, permuted: Collection[int], users: Sequence[Sequence[int]]
) -> bool:
    """True for a matrix (n, m) that only nodes with the batch last read."""
    node = graph.nodes[i]
    if len(node.shape) != 2 or node.shape[0] != BATCH:
        return False
    if node.operation is not Op.EINSUM or "start" in node.options or i in graph.outputs.all():
        return False
    readers = _readers(graph, i, users)
    return bool(readers) and readers <= {*permuted}


def _readers(graph: Graph, i: int, users: Sequence[Sequence[int]]) -> set[int]:
    """The nodes that read one, or a view of it."""
    views = {user for user in users[i] if graph.nodes[user].operation is Op.VIEW}
    return ({*users[i]} - views).union(*(_readers(graph, view, users) for view in views))


def _base(graph: Graph, i: int) -> int:
    """The node that a view views; the node itself if it is no view."""
    node = graph.nodes[i]
    return node.arguments[0].node if node.operation is Op.VIEW else i


@dataclass
class BatchLastLayout:
    """A graph made again, node by node, with the batch last in the nodes `batch_last`."""

    old: Graph
    batch_last: set[int]
    new: Builder = field(default_factory=Builder)
    bases: dict[int, Ref] = field(default_factory=dict)
    values: dict[tuple[int, bool], Ref] = field(default_factory=dict)
    leaves: dict[int, Ref] = field(default_factory=dict)

    def graph(self) -> Graph:
        """The new graph."""
        for i, node in enumerate(self.old.nodes):
            self.new.origin = node.origin
            if node.operation is Op.LEAF:
                self.leaves[i] = self.new.keep(node)
                self.bases[i] = self.leaf(self.leaves[i], batch_last=i in self.batch_last)
            elif node.operation is not Op.VIEW:
                self.bases[i] = self.converted(node, batch_last=i in self.batch_last)
        leaves = self.old.leaves.map(lambda i: self.leaves[i].node)
        outputs = self.old.outputs.map(lambda i: self.unpermuted(i).node)
        return replace(self.old, nodes=tuple(self.new.nodes), leaves=leaves, outputs=outputs)

    def leaf(self, leaf: Ref, *, batch_last: bool) -> Ref:
        """A leaf, or a copy of it with the batch last."""
        if not batch_last:
            return leaf
        node = self.new[leaf]
        steps, shape = contiguous_steps(node.shape), permuted_shape(node.shape)
        order = tuple(steps[k] for k in permutation(node.shape))
        view = self.new.add(Op.VIEW, (leaf, 0, order, shape), shape, node.dtype)
        return self.new.add(Op.CONCATENATE, ((view,), 0), shape, node.dtype)

    def unpermuted(self, i: int) -> Ref:
        """The value of an old node, with the batch where it was."""
        return self._value(i, batch_last=False)

    def permuted(self, i: int) -> Ref:
        """The value of an old node, with the batch last."""
        return self._value(i, batch_last=True)

    def _value(self, i: int, *, batch_last: bool) -> Ref:
        if (i, batch_last) not in self.values:
            self.values[i, batch_last] = self._read(i, batch_last=batch_last)
        return self.values[i, batch_last]

    def _read(self, i: int, *, batch_last: bool) -> Ref:
        node, base_is_last = self.old.nodes[i], self.has_batch_last(i)
        is_view = node.operation is Op.VIEW
        base = _base(self.old, i)
        if not is_view and (not follows_batch(node.shape) or batch_last == base_is_last):
            return self.bases[i]
        strided = Strided(0, contiguous_steps(node.shape), node.shape)
        if is_view:
            _, offset, steps, _ = node.arguments
            strided = Strided(offset, tuple(steps), node.shape)
        if self.new[self.bases[base]].operation is Op.VIEW:
            raise NotPermutableError
        if base_is_last:
            array = BatchLastArray.of(self.old.nodes[base].shape)
            strided = array.view(strided.offset, strided.steps, strided.shape)
            if len(strided.shape) != len(node.shape) and not batch_last:
                raise NotPermutableError
        elif batch_last and is_merged(node.shape[permutation(node.shape)[-1]]):
            raise NotPermutableError
        return self._view(self.bases[base], strided, node, batch_last=batch_last)

    def _view(self, base: Ref, strided: Strided, node: Node, *, batch_last: bool) -> Ref:
        """A view of a base; of a copy, where a merged axis cannot be a view of it."""
        steps, shape = strided.steps, strided.shape
        if batch_last:
            axis = shape.index(BATCH)
            last = [axis - 1, axis] if len(shape) > len(node.shape) else [axis]
            order = [*(k for k in range(len(shape)) if k not in last), *last]
            steps, shape = tuple(steps[k] for k in order), tuple(shape[k] for k in order)
        if len(shape) == len(node.shape):
            arguments = (base, strided.offset, steps, shape)
            return self.new.add(Op.VIEW, arguments, shape, node.dtype)
        merged = permuted_shape(node.shape)
        if steps[-1] == 1 and steps[-2] == BATCH:
            arguments = (base, strided.offset, (*steps[:-2], 1), merged)
            return self.new.add(Op.VIEW, arguments, merged, node.dtype)
        part = self.new.add(Op.VIEW, (base, strided.offset, steps, shape), shape, node.dtype)
        copy = self.new.add(Op.CONCATENATE, ((part,), 0), shape, node.dtype)
        arguments = (copy, 0, contiguous_steps(merged), merged)
        return self.new.add(Op.VIEW, arguments, merged, node.dtype)

    def has_batch_last(self, i: int) -> bool:
        """True for an old node that has the batch last in the new graph, or whose base has."""
        return _base(self.old, i) in self.batch_last

    def converted(self, node: Node, *, batch_last: bool) -> Ref:
        """A node on the new values of its arguments."""
        if node.operation is Op.EINSUM:
            return self.einsum(node, batch_last=batch_last)
        if node.operation in REDUCTIONS and (batch_last or self.keeps_order(node)):
            return self.reduction(node)
        if not batch_last:
            return self.new.keep(node.renumbered({i: self.unpermuted(i) for i in node.used()}))
        shape = permuted_shape(node.shape)
        if node.operation is Op.FILL:
            _, number, dtype = node.arguments
            return self.new.add(Op.FILL, (shape, number, dtype), shape, node.dtype)
        if node.operation is Op.CONCATENATE:
            return self.concatenate(node)
        if node.operation is Op.WRITE:
            return self.write(node)
        arguments = tuple(self.operand(value, node.shape) for value in node.arguments)
        return self.new.keep(replace(node, arguments=arguments, shape=shape))

    def keeps_order(self, reduction: Node) -> bool:
        """True where the result keeps its order, though its argument has the batch last."""
        ends_in_batch = reduction.shape[-1:] == (BATCH,)
        return self.has_batch_last(reduction.arguments[0].node) and (
            ends_in_batch or not follows_batch(reduction.shape)
        )

    def einsum(self, node: Node, *, batch_last: bool) -> Ref:
        """An einsum, its letters in the order of the axes."""
        spec, *operands = node.arguments
        inputs, output = spec.split("->")
        layouts: dict[str, set[bool]] = {}

        def ordered(letters: str, shape: Shape, last: bool) -> str:
            for letter, size in zip(letters, shape, strict=True):
                if is_merged(size):
                    layouts.setdefault(letter, set()).add(last)
            return "".join(letters[k] for k in permutation(shape)) if last else letters

        letters, values = [], []
        for operand, own in zip(operands, inputs.split(","), strict=True):
            shape = self.old.nodes[operand.node].shape
            last = self.has_batch_last(operand.node) and follows_batch(shape)
            letters.append(ordered(own, shape, last))
            values.append(self._value(operand.node, batch_last=last))
        output = ordered(output, node.shape, batch_last)
        mixed = any(len(layout) > 1 for layout in layouts.values())
        if mixed or (batch_last and "start" in node.options):
            raise NotPermutableError
        options = {
            name: self.unpermuted(value.node) if isinstance(value, Ref) else value
            for name, value in node.options.items()
        }
        shape = permuted_shape(node.shape) if batch_last else node.shape
        spec = f"{','.join(letters)}->{output}"
        return self.new.add(Op.EINSUM, (spec, *values), shape, node.dtype, **options)

    def reduction(self, node: Node) -> Ref:
        """A reduction of an array with the batch last."""
        x, axes = node.arguments
        shape = self.old.nodes[x.node].shape
        order, value = permutation(shape), self.permuted(x.node)
        new_axes = tuple(sorted(order.index(axis) for axis in axes))
        if order[-1] not in axes:
            arguments, result = (value, new_axes), permuted_shape(node.shape)
            return self.new.add(node.operation, arguments, result, node.dtype, **node.options)
        short = tuple(size for k, size in enumerate(shape) if k not in axes)
        reduced = self.new.add(node.operation, (value, new_axes), short, node.dtype, keepdims=False)
        if short == node.shape:
            return reduced
        view = (reduced, 0, contiguous_steps(node.shape), node.shape)
        return self.new.alike(node, Op.VIEW, *view)

    def concatenate(self, node: Node) -> Ref:
        """Parts one after another; one contiguous part is not copied."""
        parts, axis = node.arguments
        order, shape = permutation(node.shape), permuted_shape(node.shape)
        values = tuple(self.permuted(part.node) for part in parts)
        if axis == order[-1] and len(parts) > 1:
            raise NotPermutableError
        if len(values) == 1 and self.new[values[0]].operation is Op.VIEW:
            base, offset, steps, _ = self.new[values[0]].arguments
            compared = zip(steps, contiguous_steps(shape), shape, strict=True)
            contiguous = all(step == usual or size == 1 for step, usual, size in compared)
            if offset == 0 and contiguous and self.new[base].shape == shape:
                return Ref(base.node)
        return self.new.add(Op.CONCATENATE, (values, order.index(axis)), shape, node.dtype)

    def write(self, node: Node) -> Ref:
        """A copy with a part written."""
        x, offset, steps, part, values = node.arguments
        strided = BatchLastArray.of(node.shape).view(offset, steps, part)
        if len(strided.shape) != len(part):  # a merged axis
            raise NotPermutableError
        new_steps = tuple(strided.steps[k] for k in permutation(part))
        target = (self.permuted(x.node), strided.offset, new_steps, permuted_shape(part))
        arguments = (*target, self.operand(values, part))
        return self.new.add(Op.WRITE, arguments, permuted_shape(node.shape), node.dtype)

    def operand(self, value: object, shape: Shape) -> object:
        """An operand that is broadcast to a result of that shape, with the batch last."""
        behind = len(shape) - 1 - permutation(shape)[-1]  # axes behind that of the batch
        if isinstance(value, Ref):
            own = self.old.nodes[value.node].shape
            if follows_batch(own):
                return self.permuted(value.node)
            if own == () or behind == 0:
                return self.unpermuted(value.node)
            return self.with_axis_for_batch(value.node, len(own) - 1 - behind)
        if isinstance(value, np.ndarray) and value.ndim:
            axis = value.ndim - 1 - behind
            return np.moveaxis(value, axis, -1) if axis >= 0 else value[..., None]
        if isinstance(value, Symbolic) and np.ndim(value.at(2)):
            raise NotPermutableError
        return value

    def with_axis_for_batch(self, i: int, axis: int) -> Ref:
        """A value that is the same for all rows, with an axis of size 1 at the end for `axis`."""
        ref = self.unpermuted(i)
        node = self.new[ref]
        base, offset, steps = ref, 0, contiguous_steps(node.shape)
        if node.operation is Op.VIEW:
            base, offset, steps, _ = node.arguments
        others = [k for k in range(len(node.shape)) if k != axis]
        shape = (*(node.shape[k] for k in others), 1)
        new_steps = (*(steps[k] for k in others), 0)
        return self.new.add(Op.VIEW, (base, offset, new_steps, shape), shape, node.dtype)
