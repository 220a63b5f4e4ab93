"""Passes: each takes a graph and gives one that says the same, in fewer or better operations."""

from handgrad.graph.graph import Graph
from handgrad.graph.passes.fold_bias import fold_biases
from handgrad.graph.passes.lower import lower, lower_for_stabilizing
from handgrad.graph.passes.simplify import (
    fold_constants,
    remove_dead_code,
    share_common_subexpressions,
)
from handgrad.graph.passes.stabilize import stabilize

PASSES = (
    remove_dead_code,
    lower,
    fold_constants,
    share_common_subexpressions,
    stabilize,
    fold_constants,
    share_common_subexpressions,
    fold_biases,
    remove_dead_code,
)

STABILIZING = (
    remove_dead_code,
    lower_for_stabilizing,
    fold_constants,
    share_common_subexpressions,
    stabilize,
    remove_dead_code,
)


def optimized(graph: Graph) -> Graph:
    """The graph after all passes, in their order."""
    for optimize in PASSES:
        graph = optimize(graph)
    return graph


def stabilized(graph: Graph) -> Graph:
    """The graph in the operations of its pages, without what would overflow for no reason."""
    for rewrite in STABILIZING:
        graph = rewrite(graph)
    return graph
