"""Computation graphs: nodes in order, with shapes that are known up to the batch size n.

`interpret` runs a graph in NumPy, node by node: it proves that a graph computes what its layers do.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.printing import graph_text
from handgrad.graph.symbolic import Ref, at, plain_if_of_plain
from handgrad.textbook.display import shown_whole
from handgrad.textbook.errors import DataError, SettingError

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Leaves(Generic[T]):
    """The leaves of a graph by kind and name: node numbers, or their values.

    Parameters
    ----------
    inputs : Mapping, optional
        `x`, `y`, `sample_weight` and `dy` of a step, `p` of a loss, `dw`, `learning_rate` and
        `step` of an optimizer's rule.
    parameters, state : Mapping, optional
        Named as in `net.named_parameters()` and `net.named_states()`, or as in the rule.
    """

    inputs: Mapping[str, T] = field(default_factory=dict)
    parameters: Mapping[str, T] = field(default_factory=dict)
    state: Mapping[str, T] = field(default_factory=dict)

    def named(self) -> list[tuple[str, T]]:
        """All leaves as pairs of name and node."""
        return [*self.inputs.items(), *self.parameters.items(), *self.state.items()]

    def map(self, function: Callable[[T], S]) -> "Leaves[S]":
        """Apply a function to each leaf."""
        return Leaves(*(_mapped(getattr(self, kind.name), function) for kind in fields(self)))


@dataclass(frozen=True)
class Outputs(Generic[T]):
    """The outputs of a graph: node numbers, or their values.

    Parameters
    ----------
    prediction, loss : optional
        Of a net, or of a training step.
    input_gradients : Mapping, optional
        By the names of the inputs.
    gradients : Mapping, optional
        By the names of the parameters.
    new_parameters : Mapping, optional
        Parameters after an optimizer's step.
    new_state : Mapping, optional
        Running state after a step.
    """

    prediction: T | None = None
    loss: T | None = None
    input_gradients: Mapping[str, T] = field(default_factory=dict)
    gradients: Mapping[str, T] = field(default_factory=dict)
    new_parameters: Mapping[str, T] = field(default_factory=dict)
    new_state: Mapping[str, T] = field(default_factory=dict)

    def named(self) -> dict[str, T]:
        """All outputs by display name: `loss`, `dx`, `d 0.W`, `new 0.mean`."""
        alone = {"prediction": self.prediction, "loss": self.loss}
        return {
            **{name: value for name, value in alone.items() if value is not None},
            **{f"d{name}": value for name, value in self.input_gradients.items()},
            **{f"d {name}": value for name, value in self.gradients.items()},
            **{f"new {name}": value for name, value in self.new_parameters.items()},
            **{f"new {name}": value for name, value in self.new_state.items()},
        }

    def all(self) -> list[T]:
        """All outputs in a list."""
        return [*self.named().values()]

    def map(self, function: Callable[[T], S]) -> "Outputs[S]":
        """Apply a function to each output."""
        return Outputs(*(_mapped(getattr(self, kind.name), function) for kind in fields(self)))


def _mapped(value: T | Mapping[str, T] | None, function: Callable[[T], S]) -> Any:
    if isinstance(value, Mapping):
        return {name: function(part) for name, part in value.items()}
    return None if value is None else function(value)


@dataclass(frozen=True, repr=False)
class Graph:
    """A computation graph, which can be compared, pickled and written as JSON.

    Parameters
    ----------
    title : str
        Title of the printed graph.
    nodes : tuple of Node
        In order of execution.
    leaves : Leaves
        Node numbers of inputs, parameters and state.
    outputs : Outputs
        Node numbers of the results.
    pages : Mapping of str to str
        The repr of each layer by path.
    watched : Mapping of str to int
        Node numbers by name of what is read where passes leave it.
    """

    title: str
    nodes: tuple[Node, ...]
    leaves: Leaves[int]
    outputs: Outputs[int]
    pages: Mapping[str, str]
    watched: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """Serialize the graph as JSON; `Graph.from_json` restores an equal one.

        >>> import handgrad as hg
        >>> graph = hg.trace(hg.Linear(2, 3))
        >>> hg.Graph.from_json(graph.to_json()) == graph
        True
        """
        return json.dumps(
            {
                "title": self.title,
                "nodes": [node.to_json() for node in self.nodes],
                "leaves": vars(self.leaves),
                "outputs": vars(self.outputs),
                "pages": self.pages,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Graph":
        """Restore a graph from the JSON of `to_json`.

        Parameters
        ----------
        text : str
            JSON.

        Raises
        ------
        DataError
            The text is not the JSON of a graph.
        """
        try:
            data = json.loads(text)
            return cls(
                data["title"],
                tuple(map(Node.from_json, data["nodes"])),
                Leaves(**data["leaves"]),
                Outputs(**data["outputs"]),
                data["pages"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{text[:40]!r}, {type(error).__name__}: {error}",
                "the JSON of a graph",
                "Graph.from_json(graph.to_json()), written by this version of handgrad",
            ) from None

    def __repr__(self) -> str:
        operations = sum(node.operation is not Op.LEAF for node in self.nodes)
        return f"<Graph: {self.title}, {operations} operations>"

    _repr_pretty_ = shown_whole

    def __str__(self) -> str:
        return graph_text(
            self.title, self.nodes, self.leaves.named(), self.outputs.named(), self.pages
        )


def interpret(
    graph: Graph,
    inputs: Mapping[str, object],
    n: int,
    weights: Mapping[str, object] | None = None,
    rngs: Mapping[str, np.random.Generator] | None = None,
) -> Outputs[Any]:
    """Run a graph in NumPy, node by node.

    Parameters
    ----------
    graph : Graph
        The graph.
    inputs : Mapping of str to array
        Its inputs by name.
    n : int
        Their number of rows.
    weights : Mapping of str to array, optional
        Parameters and running state by name, as in `net.state()`.
    rngs : Mapping of str to Generator, optional
        Random streams of the layers by path.

    Returns
    -------
    Outputs
        The values of the outputs.
    """
    results = values_of(graph, inputs, n, weights, rngs)
    return graph.outputs.map(lambda i: results[i])


def values_of(
    graph: Graph,
    inputs: Mapping[str, object],
    n: int,
    weights: Mapping[str, object] | None = None,
    rngs: Mapping[str, np.random.Generator] | None = None,
) -> list[Any]:
    """Compute the value of every node in NumPy.

    Parameters
    ----------
    graph, inputs, n, weights, rngs
        As in `interpret`.

    Returns
    -------
    list
        A value for each node.
    """
    leaves, weights = graph.leaves, weights or {}
    known = {i: inputs.get(name) for name, i in leaves.inputs.items()}
    for kind in (leaves.parameters, leaves.state):
        known |= {i: weights.get(name) for name, i in kind.items()}
    if missing := [name for name, i in leaves.named() if known[i] is None]:
        raise SettingError(
            f"no value for {', '.join(missing)}",
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
        result = compute(*arguments, **here.options)
        results.append(plain_if_of_plain(result, (arguments, here.options)))
    return results
