"""Loop programs: statements with named parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from handgrad.engines.loops.ir import Body, Type
from handgrad.engines.loops.memory_planning import Arena
from handgrad.engines.loops.printing import source
from handgrad.engines.loops.value_ranges import Bounds, index_bounds
from handgrad.graph.graph import Graph
from handgrad.textbook.layers import Array

FINISHED = -1
WORKERS = "workers"
# Types of the parameters of programs, and the comments on them in printed programs.
MEANINGS: Mapping[str, tuple[Type, str]] = {
    "n_rows": ("int", "how many rows there are"),
    "x": ("float", "the inputs, row after row"),
    "y": ("float", "the targets"),
    "sample_weight": ("float", "how much each row counts"),
    "members": ("int", "the rows that the members of an ensemble have, side by side"),
    "order": ("int", "the row that comes first, second, ... in this epoch"),
    "parameters": ("float", "all weights of the net, one after another"),
    "gradients": ("float", "their gradients, in the same order"),
    "state": ("float", "the running state of the layers"),
    "learning_rates": ("double", "the learning rate of each step"),
    "loss_before": ("double", "the total of the loss before the first of these rows"),
    "steps": ("int", "how many steps were taken so far"),
    "predictions": ("float", "the predictions, in the order of the rows"),
    "loss_total": ("double", "the sum of the losses of all batches, each times its weight"),
    "parameters_after": ("float", "the weights at the end"),
    "state_after": ("float", "the running state at the end"),
    "streams": ("int", "where the random streams stand"),
    "streams_after": ("int", "where they stand at the end"),
    "tables": ("double", "constant arrays of the layers"),
    "scratch": ("float", "what is computed on the way"),
    "scratch_int": ("int", "whole numbers computed on the way"),
    "scratch_bool": ("bool", "truth values computed on the way"),
    WORKERS: ("int", "the memory of the threads that share the work"),
}
ONE_INPUT = "one of the inputs, row after row"
INPUT_GRADIENT = "the gradient of the loss with respect to the inputs, row after row"
OPTIMIZER_MEMORY: tuple[Type, str] = ("float", "what the optimizer remembers of each weight")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a program: a number, or a buffer of numbers."""

    name: str
    type: Type
    buffer: bool = True


SCRATCH = tuple(
    Parameter(name, MEANINGS[name][0])
    for name in ("tables", "scratch", "scratch_int", "scratch_bool", WORKERS)
)


@dataclass(frozen=True)
class Program:
    """A loop program.

    Parameters
    ----------
    name : str
        Name of the function.
    parameters : tuple of Parameter
        What it is called with.
    body : list of statements
        What it does.
    dtype : dtype
        The dtype of the data, float32 or float64.
    arena : Arena
        Sizes of its scratch memory.
    tables : Sequence of arrays
        Constant arrays of the layers.
    output_shape : tuple of int
        Shape of the prediction for one row.
    streams : Sequence of str
        Paths of the layers that draw random numbers.
    graph : Graph, optional
        The graph that it computes.
    known_bounds : mapping of str to sequence of Bound, optional
        Bounds on the indices in the inputs, for a program without its graph.
    """

    name: str
    parameters: tuple[Parameter, ...]
    body: Body
    dtype: np.dtype[Any]
    arena: Arena = field(default_factory=Arena)
    tables: Sequence[Array] = ()
    output_shape: tuple[int, ...] = ()
    streams: Sequence[str] = ()
    graph: Graph | None = None
    known_bounds: Bounds | None = None

    @cached_property
    def bounds(self) -> Bounds:
        """Bounds on the indices in the inputs; CannotLowerError if an index is computed."""
        if self.known_bounds is None:
            return {} if self.graph is None else index_bounds(self.graph)
        return self.known_bounds

    def bounded(self) -> "Program":
        """The program with its bounds, and without its graph, which takes memory."""
        return replace(self, graph=None, known_bounds=self.bounds)

    def source(self) -> str:
        """Print the program as Python, each nest below the source line that it comes from."""
        names = [f"    {p.name + ',':<18}# {_meaning(p.name)}" for p in self.parameters]
        last = f"    return {FINISHED}"
        return "\n".join([f"def {self.name}(", *names, "):", *source(self.body, 1), last])


def buffer_of(name: str) -> str:
    """The parameter name of an input: `x_0` for `x[0]`, the first of several."""
    return name.replace("[", "_").replace("]", "")


def gradient_buffer(name: str) -> str:
    """The parameter name of an input's gradient: `dx_0` for `x[0]`."""
    return f"d{buffer_of(name)}"


def _meaning(name: str) -> str:
    if name.startswith("dx"):
        return INPUT_GRADIENT
    return ONE_INPUT if name.startswith("x_") else MEANINGS.get(name, OPTIMIZER_MEMORY)[1]


def parameters_named(
    names: Sequence[str], types: Mapping[str, Type] | None = None
) -> tuple[Parameter, ...]:
    """The parameters with these names; `types` overrides their usual types."""
    known = {name: type for name, (type, _) in MEANINGS.items()} | dict(types or {})
    parameters = (
        Parameter(n, known.get(n, OPTIMIZER_MEMORY[0]), buffer=n != "n_rows") for n in names
    )
    return (*parameters, *SCRATCH)
