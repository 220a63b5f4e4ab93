"""What the passes share: making a new graph from an old one, node by node."""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.graph.graph import Graph
from handgrad.graph.nodes import Node, Origin
from handgrad.graph.operations import Op
from handgrad.graph.symbolic import Dim, Ref

REQUIRED = object()


@dataclass
class Builder:
    """A graph in the making; `origin` is the line of the page that new nodes come from."""

    nodes: list[Node] = field(default_factory=list)
    origin: Origin | None = None

    def add(
        self,
        operation: Op,
        arguments: Iterable[object],
        shape: Iterable[int | Dim],
        dtype: npt.DTypeLike,
        **options: object,
    ) -> Ref:
        """Append a node."""
        inputs, kind = tuple(arguments), np.dtype(dtype)
        return self.keep(Node(operation, inputs, options, tuple(shape), kind, self.origin))

    def alike(self, node: Node, operation: Op, *arguments: object) -> Ref:
        """Append a node of the shape and type of another."""
        return self.add(operation, arguments, node.shape, node.dtype)

    def filled(self, node: Node, number: object) -> Ref:
        """Append an array of one number, of the shape and type of a node."""
        return self.alike(node, Op.FILL, node.shape, number, node.dtype)

    def keep(self, node: Node) -> Ref:
        """Append a node as it is."""
        self.nodes.append(node)
        return Ref(len(self.nodes) - 1)

    def __getitem__(self, ref: Ref) -> Node:
        return self.nodes[ref.node]


def rewritten(
    graph: Graph, rewrite: Callable[[Builder, Node], Ref], only: Container[int] | None = None
) -> Graph:
    """The graph in which each node, its arguments renewed, is what `rewrite` makes of it.

    Nodes that are not among `only` are left out.
    """
    builder = Builder()
    new: dict[int, Ref] = {}
    for i, node in enumerate(graph.nodes):
        if only is not None and i not in only:
            continue
        builder.origin = node.origin
        node = node.renumbered(new)
        new[i] = builder.keep(node) if node.operation is Op.LEAF else rewrite(builder, node)

    def number(i: int) -> int:
        return new[i].node

    leaves, outputs = graph.leaves.map(number), graph.outputs.map(number)
    return replace(graph, nodes=tuple(builder.nodes), leaves=leaves, outputs=outputs)


def arguments_of(node: Node, **defaults: object) -> list[Any]:
    """The arguments in the order of `defaults`, by place or by name; others are refused."""
    values = defaults | dict(zip(defaults, node.arguments, strict=False)) | dict(node.options)
    surplus = len(node.arguments) > len(defaults) or values.keys() != defaults.keys()
    if surplus or any(value is REQUIRED for value in values.values()):
        raise node.refused("such arguments")
    return [*values.values()]
