"""Rematerialization: wide arrays are computed again where they are read late, and not kept.

Attention multiplies queries (t, m) by keys (m, t) to scores (t, t): an array much larger than both.
Such a product is wide, and so is what follows from it elementwise. The products that read wide
arrays are small again. Each row of a wide array depends on one row of queries, so that a block of
rows can be computed, read and forgotten: memory grows with t, not with t².

The backward pass reads the weights of the forward pass. This pass gives it weights of its own,
computed again from queries and keys, and from the maximum and sum of each row, which are kept. The
operations are the same, and so are the bits.
"""

from handgrad.graph.graph import Graph
from handgrad.graph.operations import ELEMENTWISE, Op
from handgrad.graph.passes.builder import Builder, with_nodes
from handgrad.graph.symbolic import Dim, Ref

# How many times as long as the summed axis are rows and columns of a wide product, at least: else
# its terms are as many as those of the products that read it, and computing it again takes long.
# A smaller one than 32 by 32 is in the cache anyway.
WIDE, LEAST = 4, 2**10


def is_wide_product(graph: Graph, i: int) -> bool:
    """Return True for a batch of matrix products that are much larger than their operands."""
    node = graph.nodes[i]
    if node.operation is not Op.EINSUM or node.dtype.kind != "f" or len(node.arguments) != 3:
        return False
    spec, *operands = node.arguments
    inputs, output = spec.split("->")
    left, right = inputs.split(",")
    both, matrix = {*left} & {*right}, {*output[-2:]}
    summed, batch = {*left, *right} - {*output}, {*output[:-2]}
    sides = [matrix & {*left}, matrix & {*right}]  # the row's letter, and the column's
    if len(summed) != 1 or not summed <= both or batch.isdisjoint(both):
        return False
    if [*map(len, sides)] != [1, 1] or sides[0] == sides[1]:
        return False
    depth = graph.nodes[operands[0].node].shape[left.index(*summed)]
    rows, columns = node.shape[-2:]
    if isinstance(depth, Dim) or isinstance(rows, Dim) or isinstance(columns, Dim):
        return False
    return WIDE * depth <= min(rows, columns) and rows * columns >= LEAST


def wide_arrays(graph: Graph) -> dict[int, int]:
    """The wide products and what follows elementwise, each with the number of its group.

    Arrays are of one group if one is computed from the other.
    """
    groups: dict[int, int] = {}
    for i, node in enumerate(graph.nodes):
        if is_wide_product(graph, i):
            groups[i] = i
        elif node.operation in ELEMENTWISE:
            read = [j for j in node.used() if j in groups and graph.nodes[j].shape == node.shape]
            joined = {groups[j] for j in read}
            if joined:
                groups[i] = min(joined)
            if len(joined) > 1:
                groups |= {j: groups[i] for j, group in groups.items() if group in joined}
    return groups


def with_recomputed_rows(graph: Graph) -> Graph:
    """Compute wide arrays again for nodes that depend on a product of wide arrays."""
    wide = {*wide_arrays(graph)}
    if not wide:
        return graph
    stages: list[int] = []  # the number of products of wide arrays that a node depends on
    builder, new, again = Builder(), dict[int, Ref](), dict[tuple[int, int], Ref]()

    def made(i: int, stage: int) -> Ref:
        """Append a node that reads wide arrays of its own stage."""
        node = graph.nodes[i]
        read = {
            j: copy(j, stage) if j in wide and stages[j] < stage else new[j] for j in node.used()
        }
        return builder.keep(node.renumbered(read))

    def copy(i: int, stage: int) -> Ref:
        if (i, stage) not in again:
            again[i, stage] = made(i, stage)
        return again[i, stage]

    for i, node in enumerate(graph.nodes):
        stage = max((stages[j] for j in node.used()), default=0)
        new[i] = made(i, stage)
        reads_wide = not wide.isdisjoint(node.used())
        stages.append(stage + (node.operation is Op.EINSUM and reads_wide))
        if node.operation is Op.VIEW and reads_wide:
            wide.add(i)

    return with_nodes(graph, builder.nodes, new)
