"""`from_onnx`: reads a chain of layers from an ONNX file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handgrad.exchange.importing.limits import Budget, made_of, naming, read_from, within
from handgrad.exchange.importing.onnx_folding import Node
from handgrad.exchange.importing.onnx_graph import OnnxGraph
from handgrad.exchange.importing.onnx_layers import BY_AXES, by_feature, layers_at
from handgrad.exchange.importing.onnx_recurrence import (
    RECURRENT,
    recurrence_from,
    swaps_rows_and_steps,
)
from handgrad.exchange.importing.onnx_tensors import OtherFiles
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

KINDS = (
    "a chain of Gemm, or MatMul and Add, Conv, MaxPool, AveragePool, BatchNormalization, "
    "LayerNormalization, Flatten, Reshape, Transpose, Gather from a table, RNN, GRU, LSTM, "
    "activations, and numbers subtracted, added, multiplied, divided feature by feature"
)
OF_BRANCHES = f"hg.exchange.from_torch, for attention of PyTorch; else {COPY}"
WHAT, AGAIN = "model in ONNX's format", "write it again, or check that it came whole"
NOTHING_IN_PREDICTION = ("Identity", "Dropout", "Cast")
LABELS = ("ArgMax", "ZipMap")  # what is made of the answer


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

    with opened(path, f"a {WHAT}", 'hg.exchange.from_onnx("model.onnx")') as (file, size):
        content = file.read(size)
    with naming(path):
        with read_from(f"no {WHAT}", "a file that onnx.load reads", AGAIN):
            model = onnx.load_model_from_string(content)
        with read_from("the graph", "one that onnx.checker.check_model passes", AGAIN):
            return _net_in(model, len(content), Path(path).parent)


def _net_in(model: ModelProto, n_bytes: int, folder: Path) -> Net:
    """Convert a model, with external arrays from files in a folder."""
    others = OtherFiles(folder)
    arrays = {tensor.name: others.array(tensor) for tensor in model.graph.initializer}
    notes = {note.key: note.value for note in model.metadata_props}
    if own := _written_by_export(arrays, notes.get(NET_IN_ONNX, "")):
        return own
    n_bytes += others.n_bytes
    graph = OnnxGraph(model, arrays, Budget(n_bytes))
    return net_of(_merged(within(Budget(n_bytes), _layers(graph))), "a model")


def _written_by_export(arrays: Mapping[str, Array], layers: str) -> Net | None:
    """Restore a net written by `hg.export`; None if its weights are missing."""
    if not layers:
        return None
    try:
        with refused_as_damaged("the layers in it", "those that hg.export writes"):
            net = LayerReader(arrays, {}).whole(strict_json(layers, "its layers", AGAIN))
    except FileError:
        return None
    return net if isinstance(net, Net) else None


def _layers(graph: OnnxGraph) -> Iterator[Layer]:
    at, time_first = graph.input, False  # or steps before rows, as recurrent nodes have them
    while users := [user for user in graph.users.get(at, []) if user.op_type not in LABELS]:
        alone = len(users) == 1
        with made_of(str(users[0]), "inputs or attributes", AGAIN):
            made, at, time_first = _step(graph, users[0], at, time_first, alone)
        yield from made
    if at not in graph.outputs or time_first:
        raise refused(f"{at!r}, from which no output comes", KINDS)


def _step(
    graph: OnnxGraph, node: Node, at: str, time_first: bool, alone: bool
) -> tuple[Sequence[Layer], str, bool]:
    """Layers of a node, the name of their output, and if time is the first axis."""
    if alone and node.op_type in NOTHING_IN_PREDICTION:
        return [], node.output[0], time_first
    if alone and swaps_rows_and_steps(node):
        return [], node.output[0], not time_first
    if alone and node.op_type in RECURRENT:
        layer, at, time_first = recurrence_from(graph, node, time_first)
        return [layer], at, time_first
    found = layers_at(graph, node, at) if alone else None
    found = found or graph.activation_from(at)
    if found is None and alone:
        found = by_feature(graph, node, at)
    if found is None or (time_first and node.op_type in BY_AXES):
        raise refused(str(node), KINDS, COPY if alone else OF_BRANCHES)
    layers, at = found
    return [layers] if isinstance(layers, Layer) else layers, at, time_first


def _merged(layers: Iterable[Layer]) -> list[Layer]:
    """Merge consecutive layers that shift and scale."""
    found: list[Any] = []
    for layer in layers:
        if found and isinstance(layer, Standardize) and isinstance(found[-1], Standardize):
            first = found.pop()
            mean = first.mean + layer.mean * first.scale
            layer = Standardize(mean, first.scale * layer.scale)
        found.append(layer)
    return found
