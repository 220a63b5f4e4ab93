"""Where the elements of an array were before an operation that moves, picks or puts together.

The operation is done to the places of the elements in the place of the elements themselves, so
that NumPy says where each came from.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.operations import VIEWS, Op
from handgrad.graph.symbolic import Ref, at, substitute
from handgrad.textbook.layers import Array

# Of these only the first argument is moved; of the others all arrays are.
OF_ONE = {*VIEWS, Op.GETITEM, Op.TAKE, Op.REPEAT, Op.TILE, Op.PAD}
OF_MANY = {Op.CONCATENATE, Op.STACK}
MOVES = OF_ONE | OF_MANY | {Op.SETITEM}
NOWHERE = -1


def sources(node: Node, values: Sequence[Array], n: int) -> tuple[list[object], Array]:
    """What the elements of `node` came from, and the place of each there: an array of its shape.

    Sources are references or constants; places count their elements one source after another, and
    are −1 where padding came in. `values` are those of the nodes before, for `n` rows.
    """

    def known(leaf: object) -> Any:
        return values[leaf.node] if isinstance(leaf, Ref) else at(leaf, n)

    found: list[object] = []
    total = 0

    def places(leaf: object) -> Any:
        nonlocal total
        value = np.asarray(known(leaf))
        found.append(leaf)
        total += value.size
        return np.arange(total - value.size, total).reshape(value.shape)

    arguments, options = node.arguments, substitute(dict(node.options), known)
    if node.operation is Op.SETITEM:
        array, index, put = arguments
        base = places(array)
        base[substitute(index, known)] = places(put)
        return found, base
    first, others = arguments[0], substitute(arguments[1:], known)
    moved = substitute(first, places) if node.operation in OF_MANY else places(first)
    if node.operation is Op.PAD and padding_is_constant(others, options):
        options = {"constant_values": NOWHERE}
    return found, np.asarray(node.operation.compute(moved, *others, **options))


def padding_is_constant(arguments: Sequence[object], options: Mapping[str, object]) -> bool:
    """Whether `np.pad` puts in numbers that come from nowhere."""
    return (arguments[1] if len(arguments) > 1 else options.get("mode", "constant")) == "constant"
