"""Runs a graph in NumPy, node by node: the proof that a recording says what its page says."""

from collections.abc import Mapping
from typing import Any

from handgrad.errors import SettingError
from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Ref, substitute
from handgrad.graph.operations import OPERATIONS
from handgrad.graph.rules import at


def interpret(
    graph: Graph, leaves: Mapping[str, Any], n: int, rngs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The outputs of `graph` by name, for the given leaves, batch size `n` and random streams."""
    if missing := [name for name in graph.leaves if name not in leaves]:
        raise SettingError(
            f"no value came for {', '.join(missing)}",
            f"values for {', '.join(graph.leaves)}",
            "interpret(graph, {'x': x, ...}, n)",
        )
    results: list[Any] = []
    names = {node: name for name, node in graph.leaves.items()}

    def value(leaf: Any) -> Any:
        return results[leaf.node] if isinstance(leaf, Ref) else at(leaf, n)

    for i, node in enumerate(graph.nodes):
        if i in names:
            results.append(leaves[names[i]])
            continue
        arguments = substitute(node.arguments, value)
        options = substitute(node.options, value)
        if node.operation == "random":
            stream, method, *rest = arguments
            results.append(getattr((rngs or {})[stream], method)(*rest, **options))
        else:
            results.append(OPERATIONS[node.operation].compute(*arguments, **options))
    return {name: results[node] for name, node in graph.outputs.items()}
