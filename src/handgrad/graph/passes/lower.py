"""Lowering: every operation a page may use, said with the few of `core`."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from handgrad.base.errors import CannotLowerError
from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import OPERATIONS, Op
from handgrad.graph.passes import products, views
from handgrad.graph.passes.arguments import REQUIRED, given, refused
from handgrad.graph.passes.builder import Builder, rewritten
from handgrad.graph.passes.core import ELEMENTWISE, REDUCTIONS
from handgrad.graph.passes.views import view, view_by
from handgrad.graph.references import Ref
from handgrad.graph.symbolic import Dim, N, Scaled, Scaling, Shape, Symbolic

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


def lower(graph: Graph) -> Graph:
    """The graph in the operations of `core`: elementwise, reductions, products, views, indices."""
    return rewritten(graph, _lowered)


def _lowered(new: Builder, node: Node) -> Ref:
    name, a = node.operation, node.arguments
    if node.dtype == np.float64 and any(
        isinstance(x, Scaled) and x.dtype == "float32" for x in node.arguments
    ):
        raise refused(node, "a float32 number among float64")
    if name in FORMS:
        return FORMS[name](new, node)
    if name is Op.POWER and not isinstance(a[1], Ref) and a[1] in (2, 3, 0.5):
        if a[1] == 0.5:
            return new.add(Op.SQRT, a[:1], node.shape, node.dtype)
        square = new.add(Op.MULTIPLY, (a[0], a[0]), node.shape, node.dtype)
        if a[1] == 2:
            return square
        return new.add(Op.MULTIPLY, (square, a[0]), node.shape, node.dtype)
    if name in OF_TRUTH and node.dtype == np.bool_:
        return new.add(OF_TRUTH[name], a, node.shape, node.dtype)
    if name is Op.ASTYPE and new[a[0]].dtype == node.dtype:
        return a[0]
    if name in ELEMENTWISE:
        if node.dtype == np.bool_ and name in NOT_LOGICAL:
            raise CannotLowerError(f"{name} of truth values, at {node.origin}")
        return new.add(name, a, node.shape, node.dtype)
    if OPERATIONS.get(name) is not None and OPERATIONS[name].view:
        return view(new, node)
    raise CannotLowerError(f"{name}, at {node.origin}")


def _fill(value: object) -> Callable[[Builder, Node], Ref]:
    def fill(new: Builder, node: Node) -> Ref:
        number = node.arguments[1] if value is None else value
        return new.add(Op.FILL, (node.shape, number, node.dtype), node.shape, node.dtype)

    return fill


def _clip(new: Builder, node: Node) -> Ref:
    x, low, high = node.arguments
    raised = new.add(Op.MAXIMUM, (x, low), node.shape, node.dtype)
    return new.add(Op.MINIMUM, (raised, high), node.shape, node.dtype)


def _square(new: Builder, node: Node) -> Ref:
    (x,) = node.arguments
    return new.add(Op.MULTIPLY, (x, x), node.shape, node.dtype)


def _reciprocal(new: Builder, node: Node) -> Ref:
    return new.add(Op.DIVIDE, (1.0, node.arguments[0]), node.shape, node.dtype)


def _copy(new: Builder, node: Node) -> Ref:
    return node.arguments[0]


def _reduction(new: Builder, node: Node) -> Ref:
    x, axes, keepdims = _reduced(new, node)
    return new.add(node.operation, (x, axes), node.shape, node.dtype, keepdims=keepdims)


def _log2(new: Builder, node: Node) -> Ref:
    log = new.add(Op.LOG, node.arguments, node.shape, node.dtype)
    return new.add(Op.MULTIPLY, (log, 1 / math.log(2)), node.shape, node.dtype)


def _argmax(new: Builder, node: Node) -> Ref:
    x, axis = given(node, a=REQUIRED, axis=None)
    if new[x].dtype.kind != "f":
        raise refused(node, f"numbers of type {new[x].dtype}")
    if node.operation is Op.ARGMIN:
        x = new.add(Op.NEGATIVE, (x,), new[x].shape, new[x].dtype)
    if axis is None and len(new[x].shape) > 1:
        x = view_by(new, node, x, lambda array, n: array.reshape(-1))
    axis = (axis or 0) % len(new[x].shape)
    return new.add(Op.ARGMAX, (x, axis), node.shape, node.dtype)


def _mean(new: Builder, node: Node) -> Ref:
    x, axes, keepdims = _reduced(new, node)
    total = new.add(Op.SUM, (x, axes), node.shape, node.dtype, keepdims=keepdims)
    return new.add(Op.DIVIDE, (total, _count(new[x].shape, axes, 0, node)), node.shape, node.dtype)


def _variance(new: Builder, node: Node) -> Ref:
    x, axes, keepdims = _reduced(new, node)
    shape, dtype = new[x].shape, node.dtype
    kept = tuple(1 if i in axes else size for i, size in enumerate(shape))
    total = new.add(Op.SUM, (x, axes), kept, dtype, keepdims=True)
    mean = new.add(Op.DIVIDE, (total, _count(shape, axes, 0, node)), kept, dtype)
    off = new.add(Op.SUBTRACT, (x, mean), shape, dtype)
    square = new.add(Op.MULTIPLY, (off, off), shape, dtype)
    total = new.add(Op.SUM, (square, axes), node.shape, dtype, keepdims=keepdims)
    count = _count(shape, axes, node.options.get("ddof", 0), node)
    variance = new.add(Op.DIVIDE, (total, count), node.shape, dtype)
    if node.operation is Op.VAR:
        return variance
    return new.add(Op.SQRT, (variance,), node.shape, dtype)


def _reduced(new: Builder, node: Node) -> tuple[Ref, tuple[int, ...], bool]:
    """The argument of a reduction, the axes it runs over, and whether they stay with size 1."""
    x, *rest = node.arguments
    if len(rest) > 1 or set(node.options) - {"axis", "keepdims", "ddof"}:
        raise CannotLowerError(f"{node.operation} with such options, at {node.origin}")
    if new[x].dtype.kind != "f" and node.operation is not Op.SUM:
        raise CannotLowerError(f"{node.operation} of {new[x].dtype}, at {node.origin}")
    rank = len(new[x].shape)
    axis = node.options.get("axis", rest[0] if rest else None)
    if axis is None:
        axes = tuple(range(rank))
    else:
        axes = tuple(i % rank for i in (axis if isinstance(axis, tuple) else (axis,)))
    return x, axes, len(node.shape) == rank


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
    raise CannotLowerError(f"{node.operation} over {dims}, at {node.origin}")


def _random(new: Builder, node: Node) -> Ref:
    if node.arguments[1] != "random" or "out" in node.options:
        raise CannotLowerError(f"a draw by rng.{node.arguments[1]}, at {node.origin}")
    return new.keep(node)


FORMS: dict[Op, Callable[[Builder, Node], Ref]] = {
    Op.ZEROS_LIKE: _fill(0),
    Op.EMPTY_LIKE: _fill(0),
    Op.ONES_LIKE: _fill(1),
    Op.FULL_LIKE: _fill(None),
    Op.COPY: _copy,
    Op.CLIP: _clip,
    Op.SQUARE: _square,
    Op.RECIPROCAL: _reciprocal,
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
