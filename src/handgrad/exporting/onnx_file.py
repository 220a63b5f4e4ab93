"""Models as `.onnx` files: the recorded prediction, and around it the columns and the labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.exporting.onnx_graph import write_graph
from handgrad.exporting.onnx_model import Model, Place, described, onnx_package
from handgrad.exporting.onnx_table import Table, inputs_of
from handgrad.exporting.subject import Subject
from handgrad.files import write_whole
from handgrad.layers import Array

if TYPE_CHECKING:
    import onnx

OUTPUTS = {"values": "value"}


def onnx_model(subject: Subject) -> onnx.ModelProto:
    """The model in ONNX, found right by its checker.

    Inputs: `x` (n, n_in), or of a table each column that something is made of, (n, 1): numbers as
    double, NaN where one is missing; text as string, '' where it is missing; dates as seconds
    since 1970 in double. Outputs: of a classifier `label` (n,) and `probabilities` or `scores`
    (n, n_classes), of a regressor `value` (n, n_values), of a net `output`.
    """
    onnx_package()
    model, graph = Model(), subject.graph
    leaf, last = graph.nodes[graph.leaves.inputs["x"]], graph.nodes[graph.outputs.all()[0]]
    if subject.features is None:
        doc = ", ".join(subject.names)
        inputs = [described("x", leaf.dtype, ("n", *_sizes(leaf.shape[1:])), doc)]
    else:
        in_turn = {piece.column: piece for piece in subject.pieces}
        inputs = inputs_of([in_turn[name] for name in subject.columns or () if name in in_turn])
    for one in inputs:
        model.new_name(one.name)
    x = "x" if subject.features is None else _table_rows(model, subject, leaf.dtype)
    weights = {name: np.asarray(value) for name, value in subject.net.state().items()}
    doc = "what it gives for each row"
    if subject.classes is not None:
        doc = f"of the classes {', '.join(map(repr, subject.classes.tolist()))}"
    name = model.output(
        write_graph(model, graph, weights, x), OUTPUTS.get(subject.output, subject.output)
    )
    outputs = [described(name, last.dtype, ("n", *_sizes(last.shape[1:])), doc)]
    if subject.classes is not None:
        outputs.insert(0, _label(model, name, subject.classes))
    title = subject.title.partition("(")[0]
    return model.whole(title, subject.title, inputs, outputs)


def _sizes(shape: Sequence[object]) -> list[int | str]:
    return [size if isinstance(size, int) else str(size) for size in shape]


def _table_rows(model: Model, subject: Subject, dtype: np.dtype[Any]) -> str:
    """The rows that a net is given of a table, in its own type."""
    table = Table(model)
    rows = table.rows(subject.pieces)
    return rows if dtype == np.float32 else table.cast(rows, dtype.type)


def _label(model: Model, answer: str, classes: Array) -> onnx.ValueInfoProto:
    """Append the class of the largest answer of each row, as an output."""
    model.place = Place("label", "", "the first class whose answer is the largest")
    place = model.put("ArgMax", answer, axis=1, keepdims=0)
    kind = object if classes.dtype.kind in "UO" else classes.dtype
    names = model.weight(classes.astype(kind), "classes")
    name = model.output(model.put("Gather", names, place, axis=0), "label")
    return described(name, kind, ("n",), "the most probable class")


def write_onnx(subject: Subject, path: Path) -> None:
    """Write the model to a file."""
    model = onnx_model(subject)
    write_whole(path, lambda file: file.write(model.SerializeToString()), "wb")


def onnx_inputs(subject: Subject) -> dict[str, Array]:
    """The example rows as the model takes them."""
    if subject.table is None:
        return {"x": subject.example}
    found = {}
    for piece in subject.pieces:
        column = subject.table[piece.column]
        if column.kind == "text":
            texts = [value or "" for value in column.values.tolist()]
            found[piece.column] = np.array(texts, object)[:, None]
        else:
            seconds = np.round(column.values * 86400.0) if column.kind == "date" else column.values
            found[piece.column] = seconds[:, None]
    return found


def by_onnxruntime(model: onnx.ModelProto, inputs: dict[str, Array]) -> dict[str, Array]:
    """What onnxruntime makes of these inputs, each output by its name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))
