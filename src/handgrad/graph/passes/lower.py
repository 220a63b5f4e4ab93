"""Lowering: every operation a page may use, said with few, all of which run in NumPy too.

Beside the elementwise ones, these are left:

fill(shape, value, dtype)                     a new array of one number
sum, max, min, prod, argmax (x, axes, keepdims)
einsum(spec, a, b)                            every product of arrays
view(x, offset, strides, shape)               part of a stored array, in another order
getitem(x, index)                             by arrays of whole numbers, one for each axis
setitem, add_at (x, index, values)            the same, written
concatenate(parts, axis)                      arrays one after another along an axis
random(stream, "random", shape)               numbers from [0, 1) from a layer's own stream
write(x, offset, strides, shape, values)      a copy of x with a view of it overwritten
"""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import ELEMENTWISE, REDUCTIONS, VIEWS, Op
from handgrad.graph.passes import products, views
from handgrad.graph.passes.builder import REQUIRED, Builder, given, rewritten
from handgrad.graph.symbolic import Dim, N, Ref, Scaled, Scaling, Shape, Symbolic
from handgrad.textbook.errors import CannotLowerError

NOT_LOGICAL = {
    *(Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.MAXIMUM, Op.MINIMUM, Op.NEGATIVE, Op.POWER),
}
# What operators do to truth values.
OF_TRUTH = {
    Op.AND: Op.LOGICAL_AND,
    Op.OR: Op.LOGICAL_OR,
    Op.XOR: Op.NOT_EQUAL,
    Op.INVERT: Op.LOGICAL_NOT,
}

READ_BY_STABILIZING = {
    *(Op.ZEROS_LIKE, Op.ONES_LIKE, Op.FULL_LIKE, Op.EMPTY_LIKE, Op.COPY, Op.SUM),
}


def lower(graph: Graph) -> Graph:
    """The graph in these operations: elementwise, reductions, products, views, indices."""
    return rewritten(graph, _lowered)


def lower_what_stabilizing_reads(graph: Graph) -> Graph:
    """The graph in the operations of its pages, but for new arrays, copies and sums."""
    return rewritten(graph, _lowered_where_read)


def _lowered_where_read(new: Builder, node: Node) -> Ref:
    if node.operation in READ_BY_STABILIZING:
        with suppress(CannotLowerError):
            return FORMS[node.operation](new, node)
    return new.keep(node)


def _lowered(new: Builder, node: Node) -> Ref:
    name, a = node.operation, node.arguments
    if node.dtype == np.float64 and any(isinstance(x, Scaled) and x.dtype == "float32" for x in a):
        raise node.refused("a float32 number among float64")
    if name in FORMS:
        return FORMS[name](new, node)
    if name is Op.POWER and not isinstance(a[1], Ref) and a[1] in (2, 3, 0.5):
        if a[1] == 0.5:
            return new.alike(node, Op.SQRT, a[0])
        square = new.alike(node, Op.MULTIPLY, a[0], a[0])
        return square if a[1] == 2 else new.alike(node, Op.MULTIPLY, square, a[0])
    if name in OF_TRUTH and node.dtype == np.bool_:
        return new.alike(node, OF_TRUTH[name], *a)
    if name is Op.ASTYPE and new[a[0]].dtype == node.dtype:
        return a[0]
    if name in ELEMENTWISE:
        if node.dtype == np.bool_ and name in NOT_LOGICAL:
            raise node.refused("truth values")
        return new.alike(node, name, *a)
    if name in VIEWS:
        return views.view(new, node)
    raise CannotLowerError(f"{name}, at {node.origin}")


def _clip(new: Builder, node: Node) -> Ref:
    x, low, high = node.arguments
    return new.alike(node, Op.MINIMUM, new.alike(node, Op.MAXIMUM, x, low), high)


def _log2(new: Builder, node: Node) -> Ref:
    return new.alike(node, Op.MULTIPLY, new.alike(node, Op.LOG, *node.arguments), 1 / math.log(2))


def _argmax(new: Builder, node: Node) -> Ref:
    x, axis = given(node, a=REQUIRED, axis=None)
    if new[x].dtype.kind != "f":
        raise node.refused(f"numbers of type {new[x].dtype}")
    if node.operation is Op.ARGMIN:
        x = new.alike(new[x], Op.NEGATIVE, x)
    if axis is None and len(new[x].shape) > 1:
        x = views.flat(new, node, x)
    return new.alike(node, Op.ARGMAX, x, (axis or 0) % len(new[x].shape))


def _reduction(new: Builder, node: Node) -> Ref:
    x, axes, keepdims = _reduced(new, node)
    return new.add(node.operation, (x, axes), node.shape, node.dtype, keepdims=keepdims)


def _mean(new: Builder, node: Node) -> Ref:
    return _averaged(new, node, *_reduced(new, node))


def _variance(new: Builder, node: Node) -> Ref:
    x, axes, keepdims = _reduced(new, node)
    mean = _averaged(new, node, x, axes, keepdims=True)
    off = new.add(Op.SUBTRACT, (x, mean), new[x].shape, node.dtype)
    square = new.alike(new[off], Op.MULTIPLY, off, off)
    variance = _averaged(new, node, square, axes, keepdims, node.options.get("ddof", 0))
    return variance if node.operation is Op.VAR else new.alike(node, Op.SQRT, variance)


def _averaged(
    new: Builder, node: Node, x: Ref, axes: Sequence[int], keepdims: bool, less: int = 0
) -> Ref:
    """The sum over axes by how many numbers it has, less some."""
    sizes = [1 if i in axes else size for i, size in enumerate(new[x].shape)]
    shape = [size for i, size in enumerate(sizes) if keepdims or i not in axes]
    total = new.add(Op.SUM, (x, axes), shape, node.dtype, keepdims=keepdims)
    return new.alike(new[total], Op.DIVIDE, total, _count(new[x].shape, axes, less, node))


def _reduced(new: Builder, node: Node) -> tuple[Ref, tuple[int, ...], bool]:
    """The argument of a reduction, the axes it runs over, and whether they stay with size 1."""
    x, *rest = node.arguments
    if len(rest) > 1 or set(node.options) - {"axis", "keepdims", "ddof"}:
        raise node.refused("such options")
    if new[x].dtype.kind != "f" and node.operation is not Op.SUM:
        raise node.refused(f"numbers of type {new[x].dtype}")
    rank = len(new[x].shape)
    axis = node.options.get("axis", rest[0] if rest else None)
    axes = tuple(range(rank)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return x, tuple(i % rank for i in axes), len(node.shape) == rank


def _count(shape: Shape, axes: Sequence[int], less: int, node: Node) -> float | Symbolic:
    """How many numbers a reduction takes together, less some; it may follow the batch size."""
    fixed = math.prod(size for i in axes if isinstance(size := shape[i], int))
    dims = [size for i in axes if isinstance(size := shape[i], Dim)]
    if not dims:
        return float(fixed - less)
    if len(dims) == 1:
        return Dim(fixed * dims[0].slope, fixed * dims[0].offset - less)
    if dims == [N, N] and not less:
        return Scaled(Scaling.K_TIMES_N_SQUARED, fixed)
    raise node.refused(f"a count over {dims}")


def _random(new: Builder, node: Node) -> Ref:
    if node.arguments[1] != "random" or "out" in node.options:
        raise CannotLowerError(
            f"a draw by rng.{node.arguments[1]}, at {node.origin}",
            "self.rng.random(x.shape, dtype=x.dtype), which compiles, and the normal numbers that "
            "hg.layers.GaussianNoise makes of it, by Box and Muller",
        )
    return new.keep(node)


FORMS: dict[Op, Callable[[Builder, Node], Ref]] = {
    Op.ZEROS_LIKE: lambda new, node: new.filled(node, 0),
    Op.EMPTY_LIKE: lambda new, node: new.filled(node, 0),
    Op.ONES_LIKE: lambda new, node: new.filled(node, 1),
    Op.FULL_LIKE: lambda new, node: new.filled(node, node.arguments[1]),
    Op.COPY: lambda new, node: node.arguments[0],
    Op.CLIP: _clip,
    Op.SQUARE: lambda new, node: new.alike(node, Op.MULTIPLY, *node.arguments * 2),
    Op.RECIPROCAL: lambda new, node: new.alike(node, Op.DIVIDE, 1.0, *node.arguments),
    **dict.fromkeys(REDUCTIONS, _reduction),
    Op.ARGMAX: _argmax,
    Op.ARGMIN: _argmax,
    Op.MEAN: _mean,
    Op.VAR: _variance,
    Op.STD: _variance,
    Op.LOG2: _log2,
    Op.MATMUL: products.matmul,
    Op.DOT: products.dot,
    Op.OUTER: products.outer,
    Op.TENSORDOT: products.tensordot,
    Op.EINSUM: products.einsum,
    Op.GETITEM: views.getitem,
    Op.SETITEM: views.setitem,
    Op.ADD_AT: views.setitem,
    Op.CONCATENATE: views.concatenate,
    Op.STACK: views.stack,
    Op.PAD: views.pad,
    Op.REPEAT: views.repeat,
    Op.TILE: views.tile,
    Op.TAKE: views.take,
    Op.RANDOM: _random,
}
