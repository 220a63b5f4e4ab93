"""What the passes share: making a new graph from an old one, node by node."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, Origin, Ref, references, substitute
from handgrad.graph.rules import Rule

Shape = tuple[int | Rule, ...]


@dataclass
class Builder:
    """A graph in the making; `origin` is the line of the page that new nodes come from."""

    nodes: list[Node] = field(default_factory=list)
    origin: Origin | None = None

    def add(
        self, operation: str, arguments: Iterable[Any], shape: Shape, dtype: Any, **options: Any
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

    def renew(leaf: Any) -> Any:
        return new[leaf.node] if isinstance(leaf, Ref) else leaf

    leaves = set(graph.leaves.values())
    for i, node in enumerate(graph.nodes):
        builder.origin = node.origin
        node = replace(
            node,
            arguments=substitute(node.arguments, renew),
            options=substitute(node.options, renew),
        )
        new[i] = builder.keep(node) if i in leaves else rewrite(builder, node)
    return Graph(
        graph.title,
        tuple(builder.nodes),
        {name: new[i].node for name, i in graph.leaves.items()},
        {name: new[i].node for name, i in graph.outputs.items()},
        graph.pages,
    )


def used_nodes(graph: Graph) -> set[int]:
    """The leaves, and all nodes that an output depends on; draws too: they move a stream on."""
    needed = set(graph.leaves.values())
    draws = [i for i, node in enumerate(graph.nodes) if node.operation == "random"]
    waiting = [i for i in (*graph.outputs.values(), *draws) if i not in needed]
    while waiting:
        i = waiting.pop()
        if i not in needed:
            needed.add(i)
            node = graph.nodes[i]
            waiting += references((node.arguments, node.options))
    return needed
