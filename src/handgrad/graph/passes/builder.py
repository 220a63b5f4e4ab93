"""What the passes share: making a new graph from an old one, node by node."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, Origin
from handgrad.graph.operations import Op
from handgrad.graph.references import Ref, substitute
from handgrad.graph.symbolic import Shape


@dataclass
class Builder:
    """A graph in the making; `origin` is the line of the page that new nodes come from."""

    nodes: list[Node] = field(default_factory=list)
    origin: Origin | None = None

    def add(
        self,
        operation: Op,
        arguments: Iterable[object],
        shape: Shape,
        dtype: npt.DTypeLike,
        **options: object,
    ) -> Ref:
        """Append a node."""
        given, kind = tuple(arguments), np.dtype(dtype)
        node = Node(operation, given, options, tuple(shape), kind, self.origin)
        return self.keep(node)

    def keep(self, node: Node) -> Ref:
        """Append a node as it is."""
        self.nodes.append(node)
        return Ref(len(self.nodes) - 1)

    def __getitem__(self, ref: Ref) -> Node:
        return self.nodes[ref.node]


def rewritten(graph: Graph, rewrite: Callable[[Builder, Node], Ref]) -> Graph:
    """The graph in which each node, its arguments renewed, is what `rewrite` makes of it."""
    builder = Builder()
    new: dict[int, Ref] = {}

    def renew(leaf: object) -> Any:
        return new[leaf.node] if isinstance(leaf, Ref) else leaf

    for i, node in enumerate(graph.nodes):
        builder.origin = node.origin
        node = replace(
            node,
            arguments=substitute(node.arguments, renew),
            options=substitute(dict(node.options), renew),
        )
        new[i] = builder.keep(node) if node.operation is Op.LEAF else rewrite(builder, node)
    return renumbered(graph, builder.nodes, lambda i: new[i].node)


def renumbered(graph: Graph, nodes: Iterable[Node], new: Callable[[int], int]) -> Graph:
    """The graph of other nodes, in which those given and those that come out have new numbers."""
    leaves, outputs = graph.leaves.map(new), graph.outputs.map(new)
    return replace(graph, nodes=tuple(nodes), leaves=leaves, outputs=outputs)


def used_nodes(graph: Graph) -> set[int]:
    """The leaves, and all nodes that an output depends on; draws too: they move a stream on."""
    needed = set(graph.leaves.all())
    draws = [i for i, node in enumerate(graph.nodes) if node.operation is Op.RANDOM]
    waiting = [i for i in (*graph.outputs.all(), *draws) if i not in needed]
    while waiting:
        i = waiting.pop()
        if i not in needed:
            needed.add(i)
            node = graph.nodes[i]
            waiting += node.used()
    return needed
