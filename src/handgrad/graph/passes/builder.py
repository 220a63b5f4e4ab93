"""Graph rewriting, node by node: the base of all passes."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
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
    """Builds the nodes of a graph; `origin` is the source line of new nodes."""

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
        """Append a node with the shape and dtype of another."""
        return self.add(operation, arguments, node.shape, node.dtype)

    def filled(self, node: Node, number: object) -> Ref:
        """Append a constant array with the shape and dtype of a node."""
        return self.alike(node, Op.FILL, node.shape, number, node.dtype)

    def keep(self, node: Node) -> Ref:
        """Append a node unchanged."""
        self.nodes.append(node)
        return Ref(len(self.nodes) - 1)

    def __getitem__(self, ref: Ref) -> Node:
        return self.nodes[ref.node]


def rewritten(
    graph: Graph, rewrite: Callable[[Builder, Node], Ref], only: Container[int] | None = None
) -> Graph:
    """Rewrite a graph node by node.

    Parameters
    ----------
    graph : Graph
        The graph.
    rewrite : callable
        Appends the replacement of a node, whose arguments are renumbered; returns its reference.
    only : container of int, optional
        The nodes to rewrite; the others are dropped.
    """
    builder = Builder()
    new: dict[int, Ref] = {}
    for i, node in enumerate(graph.nodes):
        if only is not None and i not in only:
            continue
        builder.origin = node.origin
        node = node.renumbered(new)
        new[i] = builder.keep(node) if node.operation is Op.LEAF else rewrite(builder, node)

    return with_nodes(graph, builder.nodes, new)


def with_nodes(graph: Graph, nodes: Sequence[Node], new: Mapping[int, Ref]) -> Graph:
    """A graph of new nodes, with the leaves and outputs of another.

    Parameters
    ----------
    graph : Graph
        The graph before.
    nodes : Sequence of Node
        The new nodes.
    new : Mapping of int to Ref
        The new node of each node of the graph that has one.
    """

    def number(i: int) -> int:
        return new[i].node

    leaves, outputs = graph.leaves.map(number), graph.outputs.map(number)
    watched = {name: number(i) for name, i in graph.watched.items() if i in new}
    return replace(graph, nodes=tuple(nodes), leaves=leaves, outputs=outputs, watched=watched)


def arguments_of(node: Node, **defaults: object) -> list[Any]:
    """Bind a node's arguments to the names of `defaults`; raises CannotLowerError for others."""
    values = defaults | dict(zip(defaults, node.arguments, strict=False)) | dict(node.options)
    surplus = len(node.arguments) > len(defaults) or values.keys() != defaults.keys()
    if surplus or any(value is REQUIRED for value in values.values()):
        raise node.refused("such arguments")
    return [*values.values()]
