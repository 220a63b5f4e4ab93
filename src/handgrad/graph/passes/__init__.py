"""Optimization passes: each rewrites a graph to an equivalent one with fewer operations."""

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
    """Apply all passes in order."""
    for optimize in PASSES:
        graph = optimize(graph)
    return graph


def stabilized(graph: Graph) -> Graph:
    """Stabilize a graph in the operations of its layers: avoid overflow that cancels."""
    for rewrite in STABILIZING:
        graph = rewrite(graph)
    return graph
