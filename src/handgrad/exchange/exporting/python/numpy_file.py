"""Export to one Python file that needs only NumPy, bit-identical to the layers."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.proof import MOST, Check, compared
from handgrad.exchange.exporting.python.copied import copied
from handgrad.exchange.exporting.python.file import TAKEN, answer_of, python_file, shape_text
from handgrad.exchange.exporting.python.numpy_function import NumpyFunction, numpy_function
from handgrad.exchange.exporting.python.text import literal, stored
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.graph.operations import add_at, setitem
from handgrad.graph.threads import threads_for
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
    doc = f"The net: x {shape_text(spec.example)} to {shape_text(spec.answers)}."
    taken = {*TAKEN, *HELPERS, "erf", "ERF", "ERF_END"}
    net = numpy_function("net", spec.graph, spec.net.state(), doc, taken)
    helpers = helpers_of(net, spec.net.dtype)
    data = [f"{name} = {stored(values)}" for name, values in net.arrays.items()]
    most = MOST[spec.net.dtype.name]
    return python_file(spec, module, [net.text, *helpers], data, most=most)


def helpers_of(net: NumpyFunction, dtype: np.dtype[np.generic]) -> list[str]:
    """Functions beside NumPy's that a net calls."""
    helpers = [copied(HELPERS[name]) for name in sorted(net.helpers & HELPERS.keys())]
    return [*helpers, _erf(dtype)] if "erf" in net.helpers else helpers


def _erf(dtype: np.dtype[np.generic]) -> str:
    """Error function, with its coefficients for the dtype."""
    series = f"ERF_END = {ERF_END}\nERF = {literal({dtype.name: ERF[dtype.name]})}"
    return f"{series}\n\n\n{copied(series_of_erf).replace('series_of_erf', 'erf')}"
