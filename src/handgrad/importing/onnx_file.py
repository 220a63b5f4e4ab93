"""A net from a model in ONNX's format: a chain of layers, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handgrad.base.errors import SettingError
from handgrad.base.install import install_hint
from handgrad.files import FileError, reason
from handgrad.importing.onnx_graph import OnnxGraph, named
from handgrad.importing.onnx_layers import BY_AXES, by_feature, layers_at
from handgrad.importing.onnx_recurrence import RECURRENT, recurrence_from, swaps_rows_and_steps
from handgrad.importing.parts import COPY, net_of, refused
from handgrad.layers import Layer, Standardize
from handgrad.net import Net
from handgrad.saving.architecture import NET_IN_ONNX, LayerReader
from handgrad.saving.tensors import refused_as_damaged

KINDS = (
    "a chain of Gemm, or MatMul and Add, Conv, MaxPool, AveragePool, BatchNormalization, "
    "LayerNormalization, Flatten, Reshape, Transpose, Gather from a table, RNN, GRU, LSTM, "
    "activations, and numbers subtracted, added, multiplied, divided feature by feature"
)
OF_BRANCHES = f"hg.from_torch, for attention of PyTorch; else {COPY}"
NOTHING_IN_PREDICTION = ("Identity", "Dropout", "Cast")
LABELS = ("ArgMax", "ZipMap")  # what is made of the answer


def from_onnx(path: str | Path) -> Net:
    """The net in a file of ONNX's format, `path`: a chain of layers from one input to one output.

    Gemm, or MatMul and Add, become a Linear, Gather from a table an Embedding, convolutions,
    poolings, recurrences, normalisations and activations those of the same name, an activation
    that is written out in several nodes is known by its values. The net predicts what the model
    does, in the type of its weights, to rounding; ONNX keeps settings such as epsilon in float32.
    A net that `hg.export` wrote comes back as it was. What is no such chain is refused, naming the
    node.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise SettingError(
            "from_onnx without the package onnx",
            "onnx, which reads its own files",
            install_hint("onnx"),
        ) from error
    try:
        model = onnx.load(path)
    except OSError as error:
        raise FileError(
            f"{path} could not be read: {reason(error)}",
            "a model in ONNX's format",
            "check the name",
        ) from error
    except DecodeError as error:
        raise FileError(
            f"{path}, which is no model in ONNX's format: {error}",
            "a file that onnx.load reads",
            "write it again, or check that it came whole",
        ) from error
    graph, notes = OnnxGraph(model), {note.key: note.value for note in model.metadata_props}
    own = _written_by_export(graph, notes.get(NET_IN_ONNX, ""))
    return own or net_of(_merged(_layers(graph)), str(path))


def _written_by_export(graph: OnnxGraph, said: str) -> Net | None:
    """The net whose layers are `said` in a file; None where its weights are not there any more."""
    if not said:
        return None
    try:
        with refused_as_damaged("the layers in it", "those that hg.export writes"):
            net = LayerReader(graph.constants, {}).whole(json.loads(said))
    except FileError:
        return None
    return net if isinstance(net, Net) else None


def _layers(graph: OnnxGraph) -> Iterator[Layer]:
    at, time_first = graph.input, False  # or steps before rows, as recurrent nodes have them
    while users := [user for user in graph.users.get(at, []) if user.op_type not in LABELS]:
        node, alone = users[0], len(users) == 1
        if alone and node.op_type in NOTHING_IN_PREDICTION:
            at = node.output[0]
        elif alone and swaps_rows_and_steps(node):
            at, time_first = node.output[0], not time_first
        elif alone and node.op_type in RECURRENT:
            layer, at, time_first = recurrence_from(graph, node, time_first)
            yield layer
        else:
            found = layers_at(graph, node, at) if alone else None
            found = found or graph.activation_from(at)
            if found is None and alone:
                found = by_feature(graph, node, at)
            if found is None or (time_first and node.op_type in BY_AXES):
                raise refused(named(node), KINDS, COPY if alone else OF_BRANCHES)
            layers, at = found
            yield from [layers] if isinstance(layers, Layer) else layers
    if at not in graph.outputs or time_first:
        raise refused(f"{at!r}, from which no output comes", KINDS)


def _merged(layers: Iterator[Layer]) -> list[Layer]:
    """The layers, of which those that shift and scale one after another are one."""
    found: list[Any] = []
    for layer in layers:
        if found and isinstance(layer, Standardize) and isinstance(found[-1], Standardize):
            first = found.pop()
            mean = first.mean + layer.mean * first.scale
            layer = Standardize(mean, first.scale * layer.scale)
        found.append(layer)
    return found
