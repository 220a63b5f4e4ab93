"""Lowering: expresses every operation a layer may use by a few, all of which run in NumPy too.

These remain, beside the elementwise ones:

fill(shape, value, dtype)                     a new array of one number
sum, max, min, prod, argmax (x, axes, keepdims)
einsum(spec, a, b)                            products of matrices, or of whole numbers
view(x, offset, strides, shape)               a strided view of a stored array
getitem(x, index)                             gather by integer arrays, one for each axis
setitem, add_at (x, index, values)            scatter by integer arrays
concatenate(parts, axis)                      joins arrays along an axis
random(stream, "random", shape)               numbers from [0, 1) from a layer's own stream
write(x, offset, strides, shape, values)      a copy of x with a view of it overwritten
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from string import ascii_letters

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import ELEMENTWISE, REDUCTIONS, VIEWS, Op
from handgrad.graph.passes import views
from handgrad.graph.passes.builder import REQUIRED, Builder, arguments_of, rewritten
from handgrad.graph.passes.contractions import Operand, contracted
from handgrad.graph.passes.views import flat, view_by
from handgrad.graph.symbolic import Dim, N, Ref, RowComparison, Scaled, Scaling, Shape, Symbolic
from handgrad.textbook.errors import CannotLowerError

NOT_LOGICAL = {
    *(Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.MAXIMUM, Op.MINIMUM, Op.NEGATIVE, Op.POWER),
}
# Operators on booleans.
OF_TRUTH = {
    Op.AND: Op.LOGICAL_AND,
    Op.OR: Op.LOGICAL_OR,
    Op.XOR: Op.NOT_EQUAL,
    Op.INVERT: Op.LOGICAL_NOT,
}

Spec = tuple[list[Ref], list[str], str]  # operands, the letters of each, those of the result

READ_BY_STABILIZING = {
    *(Op.ZEROS_LIKE, Op.ONES_LIKE, Op.FULL_LIKE, Op.EMPTY_LIKE, Op.COPY, Op.SUM),
}


def lower(graph: Graph) -> Graph:
    """Lower a graph to the operations above."""
    return rewritten(graph, _lowered)


def lower_for_stabilizing(graph: Graph) -> Graph:
    """Lower only new arrays, copies and sums, which stabilization looks at."""
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


def _sinh(new: Builder, node: Node) -> Ref:
    (x,) = node.arguments
    minus = new.alike(node, Op.EXPM1, new.alike(node, Op.NEGATIVE, x))
    twice = new.alike(node, Op.SUBTRACT, new.alike(node, Op.EXPM1, x), minus)
    return new.alike(node, Op.MULTIPLY, twice, 0.5)


def _cosh(new: Builder, node: Node) -> Ref:
    (x,) = node.arguments
    minus = new.alike(node, Op.EXP, new.alike(node, Op.NEGATIVE, x))
    return new.alike(
        node, Op.MULTIPLY, new.alike(node, Op.ADD, new.alike(node, Op.EXP, x), minus), 0.5
    )


def _logaddexp(new: Builder, node: Node) -> Ref:
    """max(a, b) + log(1 + e^-|a - b|); two equal numbers may be infinite."""
    a, b = node.arguments
    truth = np.dtype(np.bool_)
    equal = new.add(Op.EQUAL, (a, b), node.shape, truth)
    apart = new.alike(node, Op.ABS, new.alike(node, Op.SUBTRACT, a, b))
    apart = new.alike(node, Op.WHERE, equal, 0.0, apart)
    more = new.alike(node, Op.LOG1P, new.alike(node, Op.EXP, new.alike(node, Op.NEGATIVE, apart)))
    return new.alike(node, Op.ADD, new.alike(node, Op.MAXIMUM, a, b), more)


def _argmax(new: Builder, node: Node) -> Ref:
    x, axis = arguments_of(node, a=REQUIRED, axis=None)
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
    """The sum over axes divided by the number of terms minus `less`."""
    sizes = [1 if i in axes else size for i, size in enumerate(new[x].shape)]
    shape = [size for i, size in enumerate(sizes) if keepdims or i not in axes]
    total = new.add(Op.SUM, (x, axes), shape, node.dtype, keepdims=keepdims)
    return new.alike(new[total], Op.DIVIDE, total, _count(new[x].shape, axes, less, node))


def _reduced(new: Builder, node: Node) -> tuple[Ref, tuple[int, ...], bool]:
    """The argument of a reduction, its axes, and keepdims."""
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
    """The number of terms of a reduction minus `less`; it may depend on the batch size."""
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
            "self.rng.random(x.shape, dtype=x.dtype), or self.rng.standard_normal",
        )
    return new.keep(node)


def _matmul(new: Builder, node: Node) -> Spec:
    """The axes of a @ b, with any number of batch axes."""
    a, b = _operands(new, node)
    left = "...ij" if len(new[a].shape) > 1 else "j"
    right = "...jk" if len(new[b].shape) > 1 else "j"
    output = "..." + "i" * (left != "j") + "k" * (right != "j")
    return [a, b], [left, right], output


def _dot(new: Builder, node: Node) -> Spec:
    """The axes of np.dot: sums over the last axis of a and the second to last of b."""
    a, b = _operands(new, node)
    return _contracted(new, a, b, [-1], [max(len(new[b].shape) - 2, 0)])


def _outer(new: Builder, node: Node) -> Spec:
    """The axes of np.outer."""
    a, b = (x if len(new[x].shape) == 1 else flat(new, node, x) for x in _operands(new, node))
    return _contracted(new, a, b, [], [])


def _tensordot(new: Builder, node: Node) -> Spec:
    """The axes of np.tensordot."""
    a, b, axes = arguments_of(node, a=REQUIRED, b=REQUIRED, axes=2)
    a, b = _operand(new, node, a), _operand(new, node, b)
    if isinstance(axes, int):
        return _contracted(new, a, b, range(-axes, 0), range(axes))
    left, right = ([side] if isinstance(side, int) else side for side in axes)
    return _contracted(new, a, b, left, right)


def _einsum(new: Builder, node: Node) -> Spec:
    """The axes of np.einsum."""
    spec, *operands = node.arguments
    if not isinstance(spec, str) or set(node.options) - {"optimize"}:
        raise node.refused("such arguments")
    operands = [_operand(new, node, x) for x in operands]
    inputs, arrow, output = spec.replace(" ", "").partition("->")
    letters = inputs.replace(".", "").replace(",", "")
    if not arrow:
        once = sorted(c for c in {*letters} if letters.count(c) == 1)
        output = "..." * ("." in inputs) + "".join(once)
    return operands, inputs.split(","), output


def _operands(new: Builder, node: Node) -> list[Ref]:
    return [_operand(new, node, x) for x in arguments_of(node, a=REQUIRED, b=REQUIRED)]


def _operand(new: Builder, node: Node, x: object) -> Ref:
    """The node of an operand of a product; a constant array becomes one."""
    if isinstance(x, Ref):
        return x
    if isinstance(x, RowComparison):
        return new.add(Op.MULTIPLY, (x, 1.0), (N, N), node.dtype)
    if isinstance(x, np.ndarray) and x.ndim:
        return new.add(Op.MULTIPLY, (x, 1.0), x.shape, node.dtype)
    raise node.refused("a constant for an operand")


def _contracted(new: Builder, a: Ref, b: Ref, left: Sequence[int], right: Sequence[int]) -> Spec:
    """Contract axes of a with axes of b; the others stay in order."""
    ranks = len(new[a].shape), len(new[b].shape)
    first = [*ascii_letters[: ranks[0]]]
    second = [*ascii_letters[ranks[0] : sum(ranks)]]
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    output = [c for c in first if c not in second] + [c for c in second if c not in first]
    return [a, b], ["".join(first), "".join(second)], "".join(output)


def as_einsum(new: Builder, node: Node) -> Ref:
    """Append a product of arrays as one einsum."""
    operands, letters, output = SPECS[node.operation](new, node)
    return new.alike(node, Op.EINSUM, f"{','.join(letters)}->{output}", *operands)


def _product(new: Builder, node: Node) -> Ref:
    """Append a product of arrays; `...` are the axes without a letter."""
    operands, letters, output = SPECS[node.operation](new, node)
    spare = [c for c in ascii_letters if c not in "".join((*letters, output))]
    unnamed = [
        len(new[x].shape) - len(own.replace("...", ""))
        for x, own in zip(operands, letters, strict=True)
    ]
    dots = "".join(spare[: max(unnamed)])
    output = output.replace("...", dots)
    letters = [
        own.replace("...", dots[len(dots) - rank :])
        for own, rank in zip(letters, unnamed, strict=True)
    ]
    sizes: dict[str, int | Dim] = {}
    for x, own in zip(operands, letters, strict=True):
        sizes |= {c: size for c, size in zip(own, new[x].shape, strict=True) if size != 1}
    named = [
        Operand(*_squeezed(new, node, x, own, sizes))
        for x, own in zip(operands, letters, strict=True)
    ]
    return contracted(new, node, named, output)


def _squeezed(
    new: Builder, node: Node, x: Ref, letters: str, sizes: Mapping[str, int | Dim]
) -> tuple[Ref, str]:
    """Squeeze the axes of length 1 that the product broadcasts."""
    shape = new[x].shape
    stretched = tuple(i for i, c in enumerate(letters) if shape[i] == 1 and c in sizes)
    if not stretched:
        return x, letters
    squeezed = view_by(new, node, x, lambda array, n: array.squeeze(stretched))
    return squeezed, "".join(c for i, c in enumerate(letters) if i not in stretched)


SPECS: dict[Op, Callable[[Builder, Node], Spec]] = {
    Op.MATMUL: _matmul,
    Op.DOT: _dot,
    Op.OUTER: _outer,
    Op.TENSORDOT: _tensordot,
    Op.EINSUM: _einsum,
}
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
    Op.SINH: _sinh,
    Op.COSH: _cosh,
    Op.LOGADDEXP: _logaddexp,
    **dict.fromkeys(SPECS, _product),
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
