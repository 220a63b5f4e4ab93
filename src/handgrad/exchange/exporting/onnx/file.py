"""Models as `.onnx` files: the recorded prediction, and around it the columns and the labels."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.exchange.exporting.onnx.graph import write_graph
from handgrad.exchange.exporting.onnx.model import Model, Place, described, onnx_package
from handgrad.exchange.exporting.onnx.table import Table, inputs_of
from handgrad.exchange.exporting.subject import Subject, plain_classes
from handgrad.exchange.exporting.wrapper_layers import BothClasses, BothScores, InverseLink
from handgrad.files.architecture import LAYERS, NET_IN_ONNX, LayerWriter
from handgrad.files.features import DAY
from handgrad.files.weights import placed, words_of
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.net import Net

if TYPE_CHECKING:
    import onnx

OUTPUTS = {"values": "value"}
# Rows that travel with a file: what they are called there, and how many numbers they have at most.
EXAMPLE, MOST_NUMBERS = "handgrad.example", 20_000


def onnx_model(subject: Subject) -> onnx.ModelProto:
    """The model in ONNX, found right by its checker.

    Inputs: `x` (n, n_in), or of a table each column that something is made of, (n, 1): numbers as
    double, NaN where one is missing; text as string, '' where it is missing; dates as seconds
    since 1970 in double. Outputs: of a classifier `label` (n,) and `probabilities` or `scores`
    (n, n_classes), of a regressor `value` (n, n_values), of a net `output`.

    Among its metadata, under `handgrad.example`, are rows as JSON, with what the model says of
    them: a list for each input, null for NaN, and one for the answer; under `handgrad.net` the
    layers as a .safetensors file has them, by which `hg.exchange.from_onnx` reads the net back,
    that of a perceptron too, where all are public ones.
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
    doc = "what it gives for each row"
    if subject.classes is not None:
        doc = f"of the classes {', '.join(map(repr, subject.classes.tolist()))}"
    output = write_graph(model, graph, _weights(subject.net), x)
    name = model.output(output, OUTPUTS.get(subject.output, subject.output))
    outputs = [described(name, last.dtype, ("n", *_sizes(last.shape[1:])), doc)]
    if subject.classes is not None:
        outputs.insert(0, _label(model, name, subject.classes))
    title, notes = subject.title.partition("(")[0], {EXAMPLE: _example(subject), **_layers(subject)}
    return model.whole(title, subject.title, inputs, outputs, notes)


def _weights(net: Net) -> dict[str, tuple[str, Array]]:
    """Parameters and running state by name, each with its name in files, `0.weight` for `0.W`."""
    return {
        placed(path, name): (placed(path, word), np.asarray(getattr(layer, name)))
        for path, layer in net.walk()
        for name, word in words_of(type(layer)).items()
    }


def _layers(subject: Subject) -> dict[str, str]:
    """The layers of a net as JSON, whose arrays are the weights of the model, if all are public.

    Of an estimator they are what `hg.exchange.from_sklearn` makes of one: with the activation that
    makes probabilities, and one output for two classes. Columns of a table are no rows of a net.
    """
    if subject.features is not None:
        return {}
    net = subject.net
    if subject.kind != "net":
        said = [
            _in_public(each) for each in net.layers if type(each) not in (BothClasses, BothScores)
        ]
        net = Net(*map(copy.deepcopy, said), dtype=net.dtype)
    if any(LAYERS.get(type(layer).__name__) is not type(layer) for _, layer in net.walk()):
        return {}
    return {NET_IN_ONNX: json.dumps(LayerWriter().whole(net))}


def _in_public(layer: Layer) -> Layer:
    """The layer; in the place of an inverse link the activation that is one."""
    made = (
        LAYERS.get(layer.kind.activation.capitalize()) if isinstance(layer, InverseLink) else None
    )
    return layer if made is None else made()


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
    plain_classes(classes)
    kind = object if classes.dtype.kind in "UO" else classes.dtype
    names = model.weight("classes", classes.astype(kind))
    name = model.output(model.put("Gather", names, place, axis=0), "label")
    return described(name, kind, ("n",), "the most probable class")


def _example(subject: Subject) -> str:
    """Rows to try the file with, and the answers, as JSON."""
    answers = subject.answers
    given = onnx_inputs(subject)
    size = sum(values[0].size for values in given.values())
    n = max(1, min(len(answers), MOST_NUMBERS // size))
    rows = {name: _listed(values[:n]) for name, values in given.items()}
    return json.dumps({"inputs": rows, "answers": _listed(answers[:n])}, ensure_ascii=False)


def _listed(values: Array) -> list[object]:
    """An array as lists, None where it is NaN."""
    found = values.astype(object)
    found[values != values] = None
    return found.tolist()


def onnx_inputs(subject: Subject) -> dict[str, Array]:
    """The example rows as the model takes them."""
    if subject.table is None:
        return {"x": subject.example}
    found = {}
    for piece in subject.pieces:
        column = subject.table[piece.column]
        if column.kind == "text":
            values = np.array([text or "" for text in column.values.tolist()], object)
        else:
            values = np.round(column.values * DAY) if column.kind == "date" else column.values
        found[piece.column] = values[:, None]
    return found
