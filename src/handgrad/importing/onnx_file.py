"""A net from a model in ONNX's format: a chain of layers, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.files import FileError, reason
from handgrad.importing.onnx_graph import OnnxGraph, attributes, named
from handgrad.importing.parts import (
    ACTIVATIONS,
    batch_norm,
    floating_array,
    layer_norm,
    linear,
    net_of,
    refused,
)
from handgrad.layers import ELU, GELU, Array, GELUTanh, Layer, LeakyReLU, Softmax, Standardize
from handgrad.net import Net
from handgrad.saving.architecture import NET_IN_ONNX, LayerReader
from handgrad.saving.tensors import refused_as_damaged

if TYPE_CHECKING:
    from onnx import NodeProto

KINDS = (
    "a chain of Gemm, or MatMul and Add, BatchNormalization, LayerNormalization, activations, "
    "and numbers subtracted, added, multiplied, divided feature by feature"
)
NOTHING_IN_PREDICTION = ("Identity", "Dropout", "Flatten", "Cast")
LABELS = ("ArgMax", "ZipMap")  # what is made of the answer


def from_onnx(path: str | Path) -> Net:
    """The net in a file of ONNX's format, `path`: a chain of layers from one input to one output.

    Gemm, or MatMul and Add, become a Linear, normalisations and activations those of the same
    name, an activation that is written out in several nodes is known by its values. The net
    predicts what the model does, in the type of its weights, to rounding; ONNX keeps settings such
    as epsilon in float32. A net that `hg.export` wrote comes back as it was. What is no such chain
    is refused, naming the node.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise SettingError(
            "from_onnx without the package onnx",
            "onnx, which reads its own files",
            "pip install 'handgrad[onnx]'",
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
    at, width = graph.input, graph.width
    while users := [user for user in graph.users.get(at, []) if user.op_type not in LABELS]:
        node, alone = users[0], len(users) == 1
        if alone and node.op_type in NOTHING_IN_PREDICTION:
            at = node.output[0]
            continue
        found = _layer(graph, node, at) if alone else None
        found = found or graph.activation_from(at)
        if found is None and alone:
            found = _by_feature(graph, node, at, width)
        if found is None:
            raise refused(named(node), KINDS)
        layer, at = found
        width = layer.n_out or width
        yield layer
    if at not in graph.outputs:
        raise refused(f"{at!r}, from which no output comes", KINDS)


def _layer(graph: OnnxGraph, node: NodeProto, at: str) -> tuple[Layer, str] | None:
    """The layer that a node is, and where its answer is; None where one node alone is none."""
    if node.op_type in ("Gemm", "MatMul"):
        return _linear(graph, node, at)
    if node.op_type in MADE and node.input[0] == at:
        return MADE[node.op_type](graph, node), node.output[0]
    name = node.op_type.lower()
    if name in ACTIVATIONS and not node.attribute:
        return ACTIVATIONS[name](), node.output[0]
    return None


def _by_feature(graph: OnnxGraph, node: NodeProto, at: str, width: int) -> tuple[Layer, str] | None:
    """What is done with each of `width` features by a number of its own."""
    if node.op_type not in BY_FEATURE:
        return None
    first, other = node.input[0] == at, node.input[1 if node.input[0] == at else 0]
    value = graph.constants.get(other)
    if value is None or value.size not in (1, width) or not (first or node.op_type in TURNED):
        return None
    number = np.broadcast_to(floating_array(value).ravel(), width)
    return BY_FEATURE[node.op_type](number), node.output[0]


def _linear(graph: OnnxGraph, node: NodeProto, at: str) -> tuple[Layer, str]:
    """Gemm, or MatMul and the Add after it."""
    said, end = attributes(node), node.output[0]
    W = graph.constants.get(node.input[1])
    if node.input[0] != at or W is None or W.ndim != 2 or said.get("transA"):
        raise refused(named(node), "x @ W, with a matrix of the file")
    W = floating_array(W) * W.dtype.type(said.get("alpha", 1.0))
    b = graph.constant(node, 2)
    if b is not None:
        b = floating_array(b) * b.dtype.type(said.get("beta", 1.0))
    W = W if said.get("transB") else W.T
    following = graph.users.get(end, [])
    if b is None and len(following) == 1 and following[0].op_type == "Add":
        add = following[0]
        b = graph.constants.get(add.input[1] if add.input[0] == end else add.input[0])
        if b is not None and b.size in (1, len(W)):
            b, end = floating_array(b), add.output[0]
        else:
            b = None
    return linear(W, None if b is None else np.resize(b, len(W))), end


def _batch_norm(graph: OnnxGraph, node: NodeProto) -> Layer:
    said, found = attributes(node), [graph.constant(node, i) for i in (1, 2, 3, 4)]
    arrays = [floating_array(array) for array in found if array is not None]
    if len(arrays) < len(found):
        raise refused(named(node), "BatchNormalization with the numbers of the file")
    gamma, beta, mean, var = arrays
    return batch_norm(gamma, beta, mean, var, said.get("epsilon", 1e-5), 0.1)


def _layer_norm(graph: OnnxGraph, node: NodeProto) -> Layer:
    said, gamma, beta = attributes(node), graph.constant(node, 1), graph.constant(node, 2)
    if said.get("axis", -1) not in (-1, 1) or gamma is None:
        raise refused(named(node), "LayerNormalization over the features")
    b = None if beta is None else floating_array(beta)
    return layer_norm(gamma.size, floating_array(gamma), b, said.get("epsilon", 1e-5))


def _softmax(graph: OnnxGraph, node: NodeProto) -> Layer:
    if attributes(node).get("axis", -1) not in (-1, 1):
        raise refused(named(node), "Softmax over the features")
    return Softmax()


def _gelu(graph: OnnxGraph, node: NodeProto) -> Layer:
    return GELUTanh() if attributes(node).get("approximate") == b"tanh" else GELU()


def _scaler(graph: OnnxGraph, node: NodeProto) -> Layer:
    said = attributes(node)
    return Standardize(np.asarray(said["offset"]), 1 / np.asarray(said["scale"]))


MADE: dict[str, Callable[[OnnxGraph, NodeProto], Layer]] = {
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Softmax": _softmax,
    "Gelu": _gelu,
    "Scaler": _scaler,
    "LeakyRelu": lambda graph, node: LeakyReLU(attributes(node).get("alpha", 0.01)),
    "Elu": lambda graph, node: ELU(attributes(node).get("alpha", 1.0)),
}
TURNED = ("Add", "Mul")  # are the same with their operands turned round
# What is done with each feature by a number of its own, as (x − mean) / scale.
BY_FEATURE: dict[str, Callable[[Array], Standardize]] = {
    "Sub": lambda c: Standardize(c, np.ones_like(c)),
    "Add": lambda c: Standardize(-c, np.ones_like(c)),
    "Div": lambda c: Standardize(np.zeros_like(c), c),
    "Mul": lambda c: Standardize(np.zeros_like(c), 1 / c),
}


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
