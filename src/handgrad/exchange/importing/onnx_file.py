"""`from_onnx`: reads the layers of an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from handgrad.exchange.importing.limits import (
    Budget,
    LayerLimits,
    file_errors,
    path_in_errors,
)
from handgrad.exchange.importing.onnx_graph import OnnxGraph
from handgrad.exchange.importing.onnx_reader import AGAIN, OnnxReader
from handgrad.exchange.importing.onnx_tensors import TensorReader
from handgrad.exchange.importing.parts import net_of
from handgrad.files.architecture import NET_IN_ONNX, LayerReader
from handgrad.files.paths import opened
from handgrad.files.tensors import refused_as_damaged, strict_json
from handgrad.textbook.errors import FileError
from handgrad.textbook.install import require
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net

if TYPE_CHECKING:
    from onnx import ModelProto


def from_onnx(path: str | Path) -> Net:
    """Convert an ONNX model with one input and one output to a net.

    Gemm, or MatMul and Add, become a Linear, Gather from a table an Embedding; convolutions,
    pooling, recurrent layers, normalizations and activations become layers of the same name. An
    activation composed of several nodes is recognized by its values. Branches that meet in one Add
    or Concat become a Residual or Parallel. Predictions agree to rounding, in the dtype of the
    weights; ONNX has settings such as epsilon in float32. A net written by `hg.export` is restored
    exactly.

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
        For a node that has no counterpart, or branches that do not meet so.
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
    layers, _ = OnnxReader(graph, LayerLimits(Budget(n_bytes))).layers(graph.input)
    return net_of(layers, "a model")


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
