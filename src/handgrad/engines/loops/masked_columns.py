"""Masked columns: what lies after the diagonal of a mask, and changes no result.

In causal attention the scores after the diagonal become -inf, their exponentials 0, and so do all
weights. A sum with them is the same, and so is a maximum: a block of rows needs the columns up to
its last row.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from handgrad.engines.loops.reductions import REDUCED
from handgrad.engines.loops.row_fusion import WideProduct
from handgrad.graph.graph import Graph
from handgrad.graph.operations import Op
from handgrad.graph.symbolic import Ref, diagonal_of


def last_diagonal(
    graph: Graph, group: Sequence[int], products: Mapping[int, WideProduct | None]
) -> int | None:
    """The k for which a group needs no column after i + k in row i; None if it needs all.

    Numbers are taken to be finite where nothing is masked.
    """
    diagonals = {
        k
        for node in graph.nodes
        if node.operation is Op.WHERE and (k := _diagonal(node.arguments[0])) is not None
    }
    return next(
        (k for k in sorted(diagonals) if k >= 0 and _suffices(graph, group, products, k)), None
    )


def _suffices(
    graph: Graph, group: Sequence[int], products: Mapping[int, WideProduct | None], k: int
) -> bool:
    """Return True if what lies after the diagonal `k` adds nothing to sums, maxima and products."""
    after = _AfterDiagonal(graph, k)
    for i in group:
        node, product = graph.nodes[i], products[i]
        neutral, _ = REDUCED.get(node.operation, (None, ""))
        if neutral is not None and after.value(node.arguments[0]) != neutral:
            return False
        wide = () if product is None else [x for x in product.operands if x.node in group]
        if any(after.value(operand) != 0 for operand in wide):
            return False
    return True


def _diagonal(condition: object) -> int | None:
    return diagonal_of(condition) if isinstance(condition, np.ndarray) else None


class _AfterDiagonal:
    """The numbers that nodes have after the diagonal `k`, if they have one number there."""

    def __init__(self, graph: Graph, k: int) -> None:
        self.graph, self.k = graph, k
        self.known: dict[int, float | None] = {}

    def value(self, argument: object) -> float | None:
        """The number; None if there are several, or if it is not known."""
        if not isinstance(argument, Ref):
            return float(argument) if isinstance(argument, int | float) else None
        if argument.node not in self.known:
            self.known[argument.node] = self._computed(argument.node)
        return self.known[argument.node]

    def _computed(self, i: int) -> float | None:
        node = self.graph.nodes[i]
        if node.operation is Op.WHERE:
            condition, yes, no = node.arguments
            if _diagonal(condition) == self.k:
                return self.value(no)
            return self.value(no) if self.value(yes) == self.value(no) else None
        if node.operation not in (Op.SUBTRACT, Op.EXP, Op.MULTIPLY, Op.DIVIDE):
            return None
        first, *rest = (self.value(argument) for argument in node.arguments)
        match node.operation:
            case Op.SUBTRACT if first == -np.inf:
                return first
            case Op.EXP if first == -np.inf:
                return 0.0
            case Op.DIVIDE if first == 0:
                return 0.0
            case Op.MULTIPLY if 0 in (first, *rest):
                return 0.0
        return None
