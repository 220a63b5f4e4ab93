"""Lowering of products of arrays: all of them are `einsum` of one or two operands."""

from collections.abc import Mapping, Sequence
from string import ascii_letters

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.passes.builder import REQUIRED, Builder, given
from handgrad.graph.passes.views import flat, view_by
from handgrad.graph.symbolic import Dim, Ref


def matmul(new: Builder, node: Node) -> Ref:
    """a @ b, with any number of axes before the last two of each."""
    a, b = _operands(node)
    left = "...ij" if len(new[a].shape) > 1 else "j"
    right = "...jk" if len(new[b].shape) > 1 else "j"
    output = "..." + "i" * (left != "j") + "k" * (right != "j")
    return _product(new, node, [a, b], [left, right], output)


def dot(new: Builder, node: Node) -> Ref:
    """The sum over the last axis of a and the last but one of b."""
    a, b = _operands(node)
    return _contracted(new, node, a, b, [-1], [max(len(new[b].shape) - 2, 0)])


def outer(new: Builder, node: Node) -> Ref:
    """All products of a number of a and one of b."""
    a, b = (x if len(new[x].shape) == 1 else flat(new, node, x) for x in _operands(node))
    return _contracted(new, node, a, b, [], [])


def tensordot(new: Builder, node: Node) -> Ref:
    """The sum over pairs of axes."""
    a, b, axes = given(node, a=REQUIRED, b=REQUIRED, axes=2)
    _require_arrays(node, a, b)
    if isinstance(axes, int):
        return _contracted(new, node, a, b, range(-axes, 0), range(axes))
    left, right = ([side] if isinstance(side, int) else side for side in axes)
    return _contracted(new, node, a, b, left, right)


def einsum(new: Builder, node: Node) -> Ref:
    """np.einsum by a text; of more than two operands, one product after another."""
    spec, *operands = node.arguments
    if not isinstance(spec, str) or set(node.options) - {"optimize"}:
        raise node.refused("such arguments")
    _require_arrays(node, *operands)
    inputs, arrow, output = spec.replace(" ", "").partition("->")
    letters = inputs.replace(".", "").replace(",", "")
    if not arrow:
        once = sorted(c for c in {*letters} if letters.count(c) == 1)
        output = "..." * ("." in inputs) + "".join(once)
    return _product(new, node, operands, inputs.split(","), output)


def _operands(node: Node) -> list[Ref]:
    operands = given(node, a=REQUIRED, b=REQUIRED)
    _require_arrays(node, *operands)
    return operands


def _require_arrays(node: Node, *operands: object) -> None:
    if not all(isinstance(x, Ref) for x in operands):
        raise node.refused("a constant for an operand")


def _contracted(
    new: Builder, node: Node, a: Ref, b: Ref, left: Sequence[int], right: Sequence[int]
) -> Ref:
    """The product summed over these axes of a and those of b, the others in their order."""
    ranks = len(new[a].shape), len(new[b].shape)
    first = [*ascii_letters[: ranks[0]]]
    second = [*ascii_letters[ranks[0] : sum(ranks)]]
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    output = [c for c in first if c not in second] + [c for c in second if c not in first]
    return _product(new, node, [a, b], ["".join(first), "".join(second)], "".join(output))


def _product(
    new: Builder, node: Node, operands: Sequence[Ref], letters: Sequence[str], output: str
) -> Ref:
    """The einsum of operands, two at a time; `...` stands for the axes that have no letter."""
    spare = [c for c in ascii_letters if c not in "".join((*letters, output))]
    unnamed = [
        len(new[x].shape) - len(own.replace("...", ""))
        for x, own in zip(operands, letters, strict=True)
    ]
    dots = "".join(spare[: max(unnamed)])
    output = output.replace("...", dots)
    sizes = dict(zip(output, node.shape, strict=True))
    left_over = [
        _squeezed(new, node, x, own.replace("...", dots[len(dots) - rank :]), sizes)
        for x, own, rank in zip(operands, letters, unnamed, strict=True)
    ]
    while len(left_over) > 2:
        (a, left), (b, right), *rest = left_over
        later = output + "".join(own for _, own in rest)
        kept = "".join(c for c in dict.fromkeys(left + right) if c in later)
        known = dict(zip(left + right, new[a].shape + new[b].shape, strict=True))
        dtype = np.result_type(new[a].dtype, new[b].dtype)
        spec = f"{left},{right}->{kept}"
        product = new.add(Op.EINSUM, (spec, a, b), [known[c] for c in kept], dtype)
        left_over = [(product, kept), *rest]
    spec = ",".join(own for _, own in left_over) + "->" + output
    return new.alike(node, Op.EINSUM, spec, *(x for x, _ in left_over))


def _squeezed(
    new: Builder, node: Node, x: Ref, letters: str, sizes: Mapping[str, int | Dim]
) -> tuple[Ref, str]:
    """The operand without the axes of length 1 that the product stretches."""
    shape = new[x].shape
    stretched = tuple(
        i for i, c in enumerate(letters) if shape[i] == 1 and sizes.get(c, shape[i]) != 1
    )
    if not stretched:
        return x, letters
    squeezed = view_by(new, node, x, lambda array, n: array.squeeze(stretched))
    return squeezed, "".join(c for i, c in enumerate(letters) if i not in stretched)
