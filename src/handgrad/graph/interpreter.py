"""Runs a graph in NumPy, node by node: the proof that a recording says what its page says."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.graph.graph import Graph, Outputs
from handgrad.graph.operations import Op
from handgrad.graph.references import Ref
from handgrad.graph.symbolic import at


def interpret(
    graph: Graph,
    inputs: Mapping[str, object],
    n: int,
    weights: Mapping[str, object] | None = None,
    rngs: Mapping[str, np.random.Generator] | None = None,
) -> Outputs[Any]:
    """The outputs of `graph` for inputs of `n` rows.

    `weights` are parameters and running state by name, as `net.state()` has them, `rngs` the
    random streams of the layers by path.
    """
    leaves, weights = graph.leaves, weights or {}
    known = {i: inputs.get(name) for name, i in leaves.inputs.items()}
    for kind in (leaves.parameters, leaves.state):
        known |= {i: weights.get(name) for name, i in kind.items()}
    if missing := [name for name, i in leaves.named() if known[i] is None]:
        raise SettingError(
            f"no value came for {', '.join(missing)}",
            f"values for {', '.join(name for name, _ in leaves.named())}",
            "interpret(graph, {'x': x, ...}, len(x), net.state())",
        )
    results: list[Any] = []

    def value(leaf: object) -> Any:
        return results[leaf.node] if isinstance(leaf, Ref) else at(leaf, n)

    for i, node in enumerate(graph.nodes):
        if node.operation is Op.LEAF:
            results.append(known[i])
            continue
        compute, here = node.operation.compute, node.map(value)
        arguments: Sequence[Any] = here.arguments
        if node.operation is Op.RANDOM:
            stream, method, *arguments = arguments
            compute = getattr((rngs or {})[stream], method)
        results.append(compute(*arguments, **here.options))
    return graph.outputs.map(lambda i: results[i])
