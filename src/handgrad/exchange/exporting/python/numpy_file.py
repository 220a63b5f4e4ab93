"""Export to one Python file that needs only NumPy, bit-identical to the layers."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import indent

import numpy as np

from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.proof import MOST, Check, compared
from handgrad.exchange.exporting.python.copied import copied
from handgrad.exchange.exporting.python.file import TAKEN, answer_of, python_file, shape_text
from handgrad.exchange.exporting.python.source import Source, numpy_constant
from handgrad.exchange.exporting.python.text import docstring, literal, stored
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.graph.nodes import Node
from handgrad.graph.operations import Op, add_at, setitem
from handgrad.graph.threads import threads_for
from handgrad.textbook.layers import Array
from handgrad.textbook.special_functions import ERF, ERF_END, series_of_erf

HELPERS: dict[str, Callable[..., object]] = {"setitem": setitem, "add_at": add_at}


def write_numpy(spec: ModelSpec, path: Path, train_spec: TrainSpec | None) -> Sequence[Check]:
    """Write the file and run it on its test rows."""
    path.write_text(numpy_source(spec, path.stem), "utf-8", newline="\n")
    space = runpy.run_path(str(path))
    threads = threads_for(len(spec.example) * spec.net.parameters.size)  # as the layers do
    with threads, np.errstate(all="ignore"):  # some rows are extreme
        outputs = space[answer_of(spec)](space["ROWS"]).reshape(spec.answers.shape)
    ran, most = f"NumPy {np.__version__}", MOST[spec.net.dtype.name]
    return [
        compared(ran, outputs, spec.by_layers(spec.example), "the layers"),
        compared(ran, outputs, spec.answers, "predict", most),
    ]


def numpy_source(spec: ModelSpec, module: str = "model") -> str:
    """Source of the file; `module` is its name in the usage example."""
    net, weights, called = _net(spec)
    helpers = [copied(HELPERS[name]) for name in sorted(called & HELPERS.keys())]
    helpers += [_erf(spec.net.dtype)] if "erf" in called else []
    data = [f"{name} = {stored(values)}" for name, values in weights.items()]
    most = MOST[spec.net.dtype.name]
    return python_file(spec, module, [net, *helpers], data, most=most)


def _net(spec: ModelSpec) -> tuple[str, dict[str, Array], set[str]]:
    """Prediction function, with its arrays and helper functions."""
    called, state = set[str](), spec.net.state()

    def call(node: Node, arguments: Sequence[str], options: Mapping[str, str]) -> str:
        match node.operation:
            case Op.ASTYPE:
                return f"{arguments[0]}.astype({', '.join(arguments[1:])})"
            case Op.TRANSPOSE if len(arguments) == 1 and not options:
                return f"{arguments[0]}.T"
            case Op.ERF | Op.SETITEM | Op.ADD_AT as own:
                called.add(own.value)
                name = own.value
            case Op.SLIDING_WINDOW_VIEW:
                name = "np.lib.stride_tricks.sliding_window_view"
            case other:
                name = f"np.{other.value}"
        return f"{name}({', '.join([*arguments, *(f'{k}={v}' for k, v in options.items())])})"

    taken = {*TAKEN, *HELPERS, "erf", "ERF", "ERF_END"}
    source = Source(spec.graph, call, numpy_constant, taken)
    lines = source.lines()
    doc = docstring(f"The net: x {shape_text(spec.example)} to {shape_text(spec.answers)}.")
    counted = ["n = len(x)"] * source.follows_n
    text = indent("\n".join([doc, *counted, *lines, f"return {source.result}"]), "    ")
    weights = {source.names[i]: state[name] for name, i in source.weights.items()}
    return f"def net(x):\n{text}", weights | source.constants, called


def _erf(dtype: np.dtype[np.generic]) -> str:
    """Error function, with its coefficients for the dtype."""
    series = f"ERF_END = {ERF_END}\nERF = {literal({dtype.name: ERF[dtype.name]})}"
    return f"{series}\n\n\n{copied(series_of_erf).replace('series_of_erf', 'erf')}"
