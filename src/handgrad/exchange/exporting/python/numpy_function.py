"""Traced predictions as functions of NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent

from handgrad.exchange.exporting.python.source import Source, numpy_constant
from handgrad.exchange.exporting.python.text import docstring
from handgrad.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op
from handgrad.textbook.layers import Array


@dataclass(frozen=True)
class NumpyFunction:
    """Source of a function, the arrays that it reads, and the `helpers` it calls beside NumPy's."""

    text: str
    arrays: Mapping[str, Array]
    helpers: set[str]


def numpy_function(
    name: str,
    graph: Graph,
    weights: Mapping[str, Array],
    doc: str,
    taken: Iterable[str],
    constant_name: str = "constant",
) -> NumpyFunction:
    """Print a traced prediction of rows x; `weights` are the arrays of `net.state()`."""
    helpers = set[str]()

    def call(node: Node, arguments: Sequence[str], options: Mapping[str, str]) -> str:
        match node.operation:
            case Op.ASTYPE:
                return f"{arguments[0]}.astype({', '.join(arguments[1:])})"
            case Op.TRANSPOSE if len(arguments) == 1 and not options:
                return f"{arguments[0]}.T"
            case Op.ERF | Op.SETITEM | Op.ADD_AT as own:
                helpers.add(own.value)
                function = own.value
            case Op.SLIDING_WINDOW_VIEW:
                function = "np.lib.stride_tricks.sliding_window_view"
            case other:
                function = f"np.{other.value}"
        return f"{function}({', '.join([*arguments, *(f'{k}={v}' for k, v in options.items())])})"

    source = Source(graph, call, numpy_constant, {*taken}, constant_name=constant_name)
    lines = source.lines()
    counted = ["n = len(x)"] * source.follows_n
    text = indent("\n".join([docstring(doc), *counted, *lines, f"return {source.result}"]), "    ")
    arrays = {source.names[i]: weights[path] for path, i in source.weights.items()}
    return NumpyFunction(f"def {name}(x):\n{text}", arrays | source.constants, helpers)
