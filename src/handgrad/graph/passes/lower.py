"""Lowering: every operation a page may use, said with the few of `core`."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from handgrad.errors import CannotLowerError
from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, Origin
from handgrad.graph.operations import OPERATIONS, Op
from handgrad.graph.passes.builder import Builder, rewritten
from handgrad.graph.passes.core import ELEMENTWISE, REDUCTIONS
from handgrad.graph.references import Ref, substitute
from handgrad.graph.symbolic import (
    SIZES,
    Arange,
    Dim,
    N,
    NoRuleError,
    Scaled,
    Scaling,
    Shape,
    Symbolic,
    at,
    solve,
)

NOT_LOGICAL = {
    *(Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.MAXIMUM, Op.MINIMUM, Op.NEGATIVE, Op.POWER),
}


def lower(graph: Graph) -> Graph:
    """The graph in the operations of `core`: elementwise, reductions, products, views, indices."""
    return rewritten(graph, _lowered)


def _lowered(new: Builder, node: Node) -> Ref:
    name, a = node.operation, node.arguments
    if name in FORMS:
        return FORMS[name](new, node)
    if name is Op.POWER and not isinstance(a[1], Ref) and a[1] in (2, 3, 0.5):
        if a[1] == 0.5:
            return new.add(Op.SQRT, a[:1], node.shape, node.dtype)
        square = new.add(Op.MULTIPLY, (a[0], a[0]), node.shape, node.dtype)
        if a[1] == 2:
            return square
        return new.add(Op.MULTIPLY, (square, a[0]), node.shape, node.dtype)
    if name is Op.ASTYPE and new[a[0]].dtype == node.dtype:
        return a[0]
    if name in ELEMENTWISE:
        if node.dtype == np.bool_ and name in NOT_LOGICAL:
            raise CannotLowerError(f"{name} of truth values, at {node.origin}")
        return new.add(name, a, node.shape, node.dtype)
    if OPERATIONS.get(name) is not None and OPERATIONS[name].view:
        return _view(new, node)
    raise CannotLowerError(f"{name}, at {node.origin}")


def _fill(value: Any) -> Callable[[Builder, Node], Ref]:
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


def _argmax(new: Builder, node: Node) -> Ref:
    x, axes, _ = _reduced(new, node)
    if len(axes) > 1:
        raise CannotLowerError(f"argmax over several axes, at {node.origin}")
    return new.add(Op.ARGMAX, (x, axes[0]), node.shape, node.dtype)


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


def _product(new: Builder, node: Node) -> Ref:
    a, b = node.arguments
    left, right = len(new[a].shape), len(new[b].shape)
    specs = {(2, 2): "ij,jk->ik", (1, 2): "j,jk->k", (2, 1): "ij,j->i", (1, 1): "j,j->"}
    if node.operation is Op.OUTER:
        spec = "i,j->ij"
    elif (left, right) in specs:
        spec = specs[left, right]
    elif node.operation is Op.MATMUL and min(left, right) > 1:
        batch = "abcdefgh"[: max(left, right) - 2]
        spec = f"{batch[-(left - 2) or 8 :]}ij,{batch[-(right - 2) or 8 :]}jk->{batch}ik"
        if any(size == 1 for size in (*new[a].shape[:-2], *new[b].shape[:-2])):
            raise CannotLowerError(f"a broadcast product, at {node.origin}")
    else:
        raise CannotLowerError(f"{node.operation} of {left} and {right} axes, at {node.origin}")
    return new.add(Op.EINSUM, (spec, a, b), node.shape, node.dtype)


def _einsum(new: Builder, node: Node) -> Ref:
    spec, *operands = node.arguments
    if not isinstance(spec, str) or "->" not in spec or "." in spec or len(operands) > 2:
        raise CannotLowerError(f"this einsum, at {node.origin}")
    return new.add(Op.EINSUM, (spec.replace(" ", ""), *operands), node.shape, node.dtype)


def _view(new: Builder, node: Node) -> Ref:
    x, *rest = node.arguments

    def run(array: Any, n: int) -> Any:
        given = substitute((tuple(rest), dict(node.options)), lambda leaf: at(leaf, n))
        return OPERATIONS[node.operation].compute(array, *given[0], **given[1])

    return _as_view(new, node, x, run)


def _as_view(new: Builder, node: Node, x: Ref, run: Callable[[Any, int], Any]) -> Ref:
    """The view that `run` takes of `x`; of a view that is itself one, of what it views."""
    base, steps = x, [run]
    if new[x].operation is Op.VIEW:
        base = new[x].arguments[0]
        _, *inner = new[x].arguments
        compute = OPERATIONS[Op.VIEW].compute
        steps.insert(
            0, lambda array, n: compute(array, *substitute(tuple(inner), lambda v: at(v, n)))
        )
    placed = [_placed(new[base].shape, steps, n, node.origin) for n in SIZES]
    offset, strides, shape = (_followed([p[i] for p in placed], node) for i in range(3))
    _check_growth(new[base].shape, shape, node)
    return new.add(Op.VIEW, (base, offset, strides, shape), node.shape, node.dtype)


def _placed(
    shape: Shape, steps: Sequence[Callable[[Any, int], Any]], n: int, origin: Origin | None
) -> tuple[Any, ...]:
    """Where NumPy puts a view of a contiguous array of that shape: offset, strides, shape."""
    base = np.empty([at(size, n) for size in shape], np.int8)
    array = base
    for step in steps:
        array = step(array, n)
    start = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    if not 0 <= start <= max(base.size - 1, 0):
        raise CannotLowerError(f"a view that NumPy copies, at {origin}")
    return start, array.strides, array.shape


def _followed(values: Sequence[Any], node: Node) -> Any:
    try:
        if isinstance(values[0], tuple):
            return tuple(solve(parts, SIZES) for parts in zip(*values, strict=True))
        return solve(values, SIZES)
    except NoRuleError:
        raise CannotLowerError(f"sizes that follow no rule, at {node.origin}") from None


def _getitem(new: Builder, node: Node) -> Ref:
    x, index = node.arguments
    if _is_slicing(index):
        index = index if isinstance(index, tuple) else (index,)
        if Ellipsis not in index:
            index = (*index, Ellipsis)  # so that NumPy gives a view of one number too

        def run(array: Any, n: int) -> Any:
            return array[substitute(index, lambda leaf: at(leaf, n))]

        return _as_view(new, node, x, run)
    return new.add(Op.GETITEM, (x, _arrays(new, x, index, node)), node.shape, node.dtype)


def _setitem(new: Builder, node: Node) -> Ref:
    x, index, values = node.arguments
    if not _is_slicing(index):
        return new.add(
            node.operation, (x, _arrays(new, x, index, node), values), node.shape, node.dtype
        )
    if node.operation is Op.ADD_AT:
        raise CannotLowerError(f"np.add.at with a slice, at {node.origin}")
    steps = [lambda array, n: array[substitute(index, lambda leaf: at(leaf, n))]]
    placed = [_placed(new[x].shape, steps, n, node.origin) for n in SIZES]
    offset, strides, shape = (_followed([p[i] for p in placed], node) for i in range(3))
    _check_growth(new[x].shape, shape, node)
    return new.add(Op.WRITE, (x, offset, strides, shape, values), node.shape, node.dtype)


def _check_growth(base: Shape, view: Shape, node: Node) -> None:
    """A view that grows with the batch must lie in an array that does."""
    grows = any(isinstance(size, Dim) for size in base)
    if any(isinstance(size, Dim) for size in view) and not grows:
        raise CannotLowerError(f"a part that grows with the batch, at {node.origin}")


def _is_slicing(index: object) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or isinstance(part, int | np.integer | slice | Dim)
        for part in parts
    )


def _arrays(new: Builder, x: Ref, index: Any, node: Node) -> tuple[Any, ...]:
    parts = index if isinstance(index, tuple) else (index,)
    if any(part is None or part is Ellipsis or isinstance(part, slice) for part in parts):
        raise CannotLowerError(f"arrays and slices in one index, at {node.origin}")
    return tuple(
        _index_part(part, size, node) for part, size in zip(parts, new[x].shape, strict=False)
    )


def _index_part(part: Any, size: int | Dim, node: Node) -> Any:
    """One part of an index, within its axis: a constant counted from the front."""
    if isinstance(part, Symbolic) and not (isinstance(part, Arange) and part.length == size):
        raise CannotLowerError(f"an index that grows with the batch, at {node.origin}")
    if not isinstance(part, int | np.integer):
        return part
    if isinstance(size, Dim):
        raise CannotLowerError(f"one row of the batch, at {node.origin}")
    return int(part) % size


def _concatenate(new: Builder, node: Node) -> Ref:
    parts, *rest = node.arguments
    axis = node.options.get("axis", rest[0] if rest else 0)
    if set(node.options) - {"axis"} or axis is None or not all(isinstance(p, Ref) for p in parts):
        raise CannotLowerError(f"concatenate with such arguments, at {node.origin}")
    axis %= len(node.shape)
    return new.add(Op.CONCATENATE, (tuple(parts), axis), node.shape, node.dtype)


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
    Op.MEAN: _mean,
    Op.VAR: _variance,
    Op.STD: _variance,
    **dict.fromkeys((Op.MATMUL, Op.DOT, Op.OUTER), _product),
    Op.EINSUM: _einsum,
    Op.GETITEM: _getitem,
    Op.SETITEM: _setitem,
    Op.ADD_AT: _setitem,
    Op.CONCATENATE: _concatenate,
    Op.RANDOM: _random,
}
