"""Lowering of products of arrays: all of them are `einsum` of one or two operands."""

from collections.abc import Mapping, Sequence
from string import ascii_letters

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.passes.arguments import REQUIRED, given, refused
from handgrad.graph.passes.builder import Builder
from handgrad.graph.passes.views import view_by
from handgrad.graph.references import Ref
from handgrad.graph.symbolic import Dim, Shape

Operand = tuple[Ref, str]


def matmul(new: Builder, node: Node) -> Ref:
    """a @ b, with any number of axes before the last two of each."""
    a, b = given(node, a=REQUIRED, b=REQUIRED)
    _require_arrays(node, a, b)
    left, right = len(new[a].shape), len(new[b].shape)
    batch = "abcdefgh"[: max(left, right, 2) - 2]
    ends = ("ij" if left > 1 else "j", "jk" if right > 1 else "j")
    letters = [
        batch[len(batch) - rank + 2 :] + end if rank > 2 else end
        for rank, end in ((left, ends[0]), (right, ends[1]))
    ]
    output = batch + "i" * (left > 1) + "k" * (right > 1)
    sizes = dict(zip(output, node.shape, strict=True))
    operands = [_squeezed(new, node, x, own, sizes) for x, own in zip((a, b), letters, strict=True)]
    return _product(new, operands, output, node.shape, node.dtype)


def dot(new: Builder, node: Node) -> Ref:
    """The sum over the last axis of a and the last but one of b."""
    a, b = given(node, a=REQUIRED, b=REQUIRED)
    _require_arrays(node, a, b)
    rank = len(new[b].shape)
    return _contracted(new, node, (a, b), [len(new[a].shape) - 1], [max(rank - 2, 0)])


def outer(new: Builder, node: Node) -> Ref:
    """All products of a number of a and one of b."""
    a, b = given(node, a=REQUIRED, b=REQUIRED)
    _require_arrays(node, a, b)
    flat = [
        x if len(new[x].shape) == 1 else view_by(new, node, x, lambda array, n: array.reshape(-1))
        for x in (a, b)
    ]
    return _product(new, [(flat[0], "i"), (flat[1], "j")], "ij", node.shape, node.dtype)


def tensordot(new: Builder, node: Node) -> Ref:
    """The sum over pairs of axes."""
    a, b, axes = given(node, a=REQUIRED, b=REQUIRED, axes=2)
    _require_arrays(node, a, b)
    ranks = len(new[a].shape), len(new[b].shape)
    if isinstance(axes, int):
        pairs = [*range(ranks[0] - axes, ranks[0])], [*range(axes)]
    else:
        found = [[side] if isinstance(side, int) else [*side] for side in axes]
        pairs = [i % ranks[0] for i in found[0]], [i % ranks[1] for i in found[1]]
    return _contracted(new, node, (a, b), *pairs)


def einsum(new: Builder, node: Node) -> Ref:
    """np.einsum by a text; of more than two operands, one product after another."""
    spec, *operands = node.arguments
    if not isinstance(spec, str) or set(node.options) - {"optimize"}:
        raise refused(node, "such arguments")
    _require_arrays(node, *operands)
    inputs, arrow, output = spec.replace(" ", "").partition("->")
    letters = inputs.split(",")
    spare = [letter for letter in ascii_letters if letter not in spec]
    if "." in spec:
        ranks = [len(new[x].shape) for x in operands]
        hidden = [
            rank - len(own) + 3 for rank, own in zip(ranks, letters, strict=True) if "." in own
        ]
        dots = "".join(spare[: max(hidden)])
        letters = [
            own.replace("...", dots[len(dots) - rank + len(own) - 3 :])
            for rank, own in zip(ranks, letters, strict=True)
        ]
        output = output.replace("...", dots)
    else:
        dots = ""
    if not arrow:
        once = sorted(c for c in {*"".join(letters)} if "".join(letters).count(c) == 1)
        output = dots + "".join(c for c in once if c not in dots)
    given_ = [
        _squeezed(new, node, x, own, dict(zip(output, node.shape, strict=True)))
        for x, own in zip(operands, letters, strict=True)
    ]
    while len(given_) > 2:
        (a, left), (b, right), *rest = given_
        later = output + "".join(own for _, own in rest)
        kept = "".join(c for c in dict.fromkeys(left + right) if c in later)
        known = dict(zip(left + right, new[a].shape + new[b].shape, strict=True))
        shape = tuple(known[c] for c in kept)
        dtype = np.result_type(new[a].dtype, new[b].dtype)
        given_ = [(_product(new, [(a, left), (b, right)], kept, shape, dtype), kept), *rest]
    return _product(new, given_, output, node.shape, node.dtype)


def _contracted(
    new: Builder, node: Node, ab: tuple[Ref, Ref], left: Sequence[int], right: Sequence[int]
) -> Ref:
    """The product summed over these axes of a and those of b, the others in their order."""
    ranks = [len(new[x].shape) for x in ab]
    first = list(ascii_letters[: ranks[0]])
    second = list(ascii_letters[ranks[0] : sum(ranks)])
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    output = [c for c in first if c not in second] + [c for c in second if c not in first]
    operands = [(ab[0], "".join(first)), (ab[1], "".join(second))]
    return _product(new, operands, "".join(output), node.shape, node.dtype)


def _squeezed(
    new: Builder, node: Node, x: Ref, letters: str, sizes: Mapping[str, int | Dim]
) -> Operand:
    """The operand without the axes of length 1 that the product stretches."""
    shape = new[x].shape
    stretched = tuple(
        i for i, c in enumerate(letters) if shape[i] == 1 and sizes.get(c, shape[i]) != 1
    )
    if not stretched:
        return x, letters
    squeezed = view_by(new, node, x, lambda array, n: array.squeeze(stretched))
    return squeezed, "".join(c for i, c in enumerate(letters) if i not in stretched)


def _product(
    new: Builder,
    operands: Sequence[Operand],
    output: str,
    shape: Shape,
    dtype: np.dtype[np.generic],
) -> Ref:
    spec = ",".join(letters for _, letters in operands) + "->" + output
    return new.add(Op.EINSUM, (spec, *(x for x, _ in operands)), shape, dtype)


def _require_arrays(node: Node, *operands: object) -> None:
    if not all(isinstance(x, Ref) for x in operands):
        raise refused(node, "a constant for an operand")
