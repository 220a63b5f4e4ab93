"""`from_onnx`: reads a chain of layers from an ONNX file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handgrad.exchange.importing.limits import (
    Budget,
    file_errors,
    layer_errors,
    limited,
    path_in_errors,
)
from handgrad.exchange.importing.onnx_folding import OnnxNode
from handgrad.exchange.importing.onnx_graph import OnnxGraph
from handgrad.exchange.importing.onnx_layers import POSITION_DEPENDENT, layers_from, per_feature
from handgrad.exchange.importing.onnx_recurrence import (
    RECURRENT,
    recurrent_layer,
    swaps_batch_and_time,
)
from handgrad.exchange.importing.onnx_tensors import TensorReader
from handgrad.exchange.importing.parts import COPY, net_of, refused
from handgrad.files.architecture import NET_IN_ONNX, LayerReader
from handgrad.files.paths import opened
from handgrad.files.tensors import refused_as_damaged, strict_json
from handgrad.textbook.errors import FileError
from handgrad.textbook.install import require
from handgrad.textbook.layers import Array, Layer, Standardize
from handgrad.textbook.net import Net

if TYPE_CHECKING:
    from onnx import ModelProto

SUPPORTED = (
    "a chain of Gemm, or MatMul and Add, Conv, MaxPool, AveragePool, BatchNormalization, "
    "LayerNormalization, Flatten, Reshape, Transpose, Gather from a table, RNN, GRU, LSTM, "
    "activations, and addition, subtraction, multiplication and division per feature"
)
BRANCHES_HINT = f"hg.exchange.from_torch, for attention in PyTorch; else {COPY}"
AGAIN = "export the model again, or check that the file is complete"
IDENTITY_IN_PREDICTION = ("Identity", "Dropout", "Cast")
LABELS = ("ArgMax", "ZipMap")  # convert the output to labels


def from_onnx(path: str | Path) -> Net:
    """Convert an ONNX model to a net: a chain of layers from one input to one output.

    Gemm, or MatMul and Add, become a Linear, Gather from a table an Embedding; convolutions,
    pooling, recurrent layers, normalizations and activations become layers of the same name. An
    activation composed of several nodes is recognized by its values. Predictions agree to rounding,
    in the dtype of the weights; ONNX has settings such as epsilon in float32. A net written by
    `hg.export` is restored exactly.

    Parameters
    ----------
    path : str or Path
        The .onnx file.

    Returns
    -------
    Net
        The net with the same layers and weights.

    Raises
    ------
    SettingError
        For a node that has no counterpart, or a graph that is not a chain.
    FileError
        For an unreadable or damaged file.
    """
    require("from_onnx", onnx=["onnx"])
    import onnx

    with opened(path, "an ONNX model", 'hg.exchange.from_onnx("model.onnx")') as (file, size):
        content = file.read(size)
    with path_in_errors(path):
        with file_errors("not an ONNX model", "a file that onnx.load reads", AGAIN):
            model = onnx.load_model_from_string(content)
        with file_errors("the graph", "a graph that passes onnx.checker.check_model", AGAIN):
            return _net_in(model, len(content), Path(path).parent)


def _net_in(model: ModelProto, n_bytes: int, folder: Path) -> Net:
    """Convert a model, with external data from files in a folder."""
    reader = TensorReader(folder)
    arrays = {tensor.name: reader.array(tensor) for tensor in model.graph.initializer}
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if net := _exported_net(arrays, metadata.get(NET_IN_ONNX, "")):
        return net
    n_bytes += reader.n_bytes
    graph = OnnxGraph(model, arrays, Budget(n_bytes))
    return net_of(_merged(limited(_layers(graph), Budget(n_bytes))), "a model")


def _exported_net(arrays: Mapping[str, Array], layers: str) -> Net | None:
    """Restore a net written by `hg.export`; None if its weights are missing."""
    if not layers:
        return None
    try:
        with refused_as_damaged("the layers", "those that hg.export writes"):
            net = LayerReader(arrays, {}).whole(strict_json(layers, "its layers", AGAIN))
    except FileError:
        return None
    return net if isinstance(net, Net) else None


def _layers(graph: OnnxGraph) -> Iterator[Layer]:
    value, time_first = graph.input, False  # time is the first axis between recurrent nodes
    while users := [user for user in graph.users.get(value, []) if user.op_type not in LABELS]:
        is_chain = len(users) == 1
        with layer_errors(str(users[0]), "inputs or attributes", AGAIN):
            layers, value, time_first = _next_layers(graph, users[0], value, time_first, is_chain)
        yield from layers
    if value not in graph.outputs or time_first:
        raise refused(f"the chain that ends at {value!r}", SUPPORTED)


def _next_layers(
    graph: OnnxGraph, node: OnnxNode, value: str, time_first: bool, is_chain: bool
) -> tuple[Sequence[Layer], str, bool]:
    """Layers of a node, the name of their output, and if time is the first axis."""
    if is_chain and node.op_type in IDENTITY_IN_PREDICTION:
        return [], node.output[0], time_first
    if is_chain and swaps_batch_and_time(node):
        return [], node.output[0], not time_first
    if is_chain and node.op_type in RECURRENT:
        layer, value, time_first = recurrent_layer(graph, node, time_first)
        return [layer], value, time_first
    conversion = layers_from(graph, node, value) if is_chain else None
    conversion = conversion or graph.activation_from(value)
    if conversion is None and is_chain:
        conversion = per_feature(graph, node, value)
    if conversion is None or (time_first and node.op_type in POSITION_DEPENDENT):
        raise refused(str(node), SUPPORTED, COPY if is_chain else BRANCHES_HINT)
    layers, value = conversion
    return [layers] if isinstance(layers, Layer) else layers, value, time_first


def _merged(layers: Iterable[Layer]) -> list[Layer]:
    """Merge consecutive layers that shift and scale."""
    merged: list[Any] = []
    for layer in layers:
        if merged and isinstance(layer, Standardize) and isinstance(merged[-1], Standardize):
            first = merged.pop()
            mean = first.mean + layer.mean * first.scale
            layer = Standardize(mean, first.scale * layer.scale)
        merged.append(layer)
    return merged
