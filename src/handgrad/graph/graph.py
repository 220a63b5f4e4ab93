"""A recorded computation as data: nodes in order, every shape known up to the batch size n.

`interpret` runs it in NumPy, node by node: the proof that a recording says what its page says.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

import numpy as np

from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.graph.printing import printed
from handgrad.graph.symbolic import Ref, at
from handgrad.textbook.display import shown_whole
from handgrad.textbook.errors import DataError, SettingError

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Leaves(Generic[T]):
    """What a graph is given, by kind and name: the numbers of nodes, or their values.

    `inputs` are `x`, `y`, `sample_weight` and `dy` of a step, `p` of a loss, `dw`,
    `learning_rate` and `step` of an optimizer's rule; `parameters` and `state` have the names of
    `net.named_parameters()` and `net.named_states()`, or those the rule has for them.
    """

    inputs: Mapping[str, T] = field(default_factory=dict)
    parameters: Mapping[str, T] = field(default_factory=dict)
    state: Mapping[str, T] = field(default_factory=dict)

    def named(self) -> list[tuple[str, T]]:
        """All of them, with their names."""
        return [*self.inputs.items(), *self.parameters.items(), *self.state.items()]

    def map(self, function: Callable[[T], S]) -> "Leaves[S]":
        """The function of each."""
        return Leaves(*(_mapped(getattr(self, kind.name), function) for kind in fields(self)))


@dataclass(frozen=True)
class Outputs(Generic[T]):
    """What comes out of a graph: the numbers of nodes, or their values.

    `input_gradients` have the names of the inputs, `gradients` those of the parameters;
    `new_parameters` is what an optimizer's rule makes of them.
    """

    prediction: T | None = None
    loss: T | None = None
    input_gradients: Mapping[str, T] = field(default_factory=dict)
    gradients: Mapping[str, T] = field(default_factory=dict)
    new_parameters: Mapping[str, T] = field(default_factory=dict)
    new_state: Mapping[str, T] = field(default_factory=dict)

    def named(self) -> dict[str, T]:
        """All of them, under names to be read: `loss`, `dx`, `d 0.W`, `new 0.mean`."""
        alone = {"prediction": self.prediction, "loss": self.loss}
        return {
            **{name: value for name, value in alone.items() if value is not None},
            **{f"d{name}": value for name, value in self.input_gradients.items()},
            **{f"d {name}": value for name, value in self.gradients.items()},
            **{f"new {name}": value for name, value in self.new_parameters.items()},
            **{f"new {name}": value for name, value in self.new_state.items()},
        }

    def all(self) -> list[T]:
        """Those of all kinds."""
        return [*self.named().values()]

    def map(self, function: Callable[[T], S]) -> "Outputs[S]":
        """The function of each."""
        return Outputs(*(_mapped(getattr(self, kind.name), function) for kind in fields(self)))


def _mapped(value: T | Mapping[str, T] | None, function: Callable[[T], S]) -> Any:
    if isinstance(value, Mapping):
        return {name: function(part) for name, part in value.items()}
    return None if value is None else function(value)


@dataclass(frozen=True, repr=False)
class Graph:
    """The nodes in the order they were computed, what is given to them, and what comes out.

    `pages` says which page has which path. Graphs are compared, pickled, and written as JSON.
    """

    title: str
    nodes: tuple[Node, ...]
    leaves: Leaves[int]
    outputs: Outputs[int]
    pages: Mapping[str, str]

    def to_json(self) -> str:
        """The graph as JSON, from which `Graph.from_json` makes an equal one.

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
        """The graph that `to_json` wrote."""
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
        return printed(
            self.title, self.nodes, self.leaves.named(), self.outputs.named(), self.pages
        )


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
    results = values_of(graph, inputs, n, weights, rngs)
    return graph.outputs.map(lambda i: results[i])


def values_of(
    graph: Graph,
    inputs: Mapping[str, object],
    n: int,
    weights: Mapping[str, object] | None = None,
    rngs: Mapping[str, np.random.Generator] | None = None,
) -> list[Any]:
    """The value of each node of `graph`, for what `interpret` is given."""
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
    return results
