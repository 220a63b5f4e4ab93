"""A recorded computation as data: nodes in order, every shape known up to the batch size n."""

from dataclasses import dataclass

from handgrad.display import shown_whole
from handgrad.graph.nodes import Node
from handgrad.graph.printing import printed


@dataclass(frozen=True, repr=False)
class Graph:
    """The nodes in the order they were computed, the leaves and the results by name.

    `leaves` are what must be given: `x`, `y`, `0.W`. `outputs` are what comes out: `loss`,
    `prediction`, `d 0.W` for gradients, `new 0.mean` for running state. `pages` says which page has
    which path.
    """

    title: str
    nodes: tuple[Node, ...]
    leaves: dict[str, int]
    outputs: dict[str, int]
    pages: dict[str, str]

    def __repr__(self) -> str:
        operations = sum(node.operation != "leaf" for node in self.nodes)
        return f"<Graph: {self.title}, {operations} operations>"

    _repr_pretty_ = shown_whole

    def __str__(self) -> str:
        return printed(self.title, self.nodes, self.leaves, self.outputs, self.pages)
