"""Layers for single ONNX nodes, and for a product with the following sum."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from handgrad.exchange.importing.onnx_folding import Node
from handgrad.exchange.importing.onnx_graph import OnnxGraph
from handgrad.exchange.importing.parts import (
    ACTIVATIONS,
    batch_norm,
    convolution,
    embedding,
    floating_array,
    layer_norm,
    linear,
    of_steps,
    padding_that_keeps,
    pooling,
    refused,
    reshaped,
)
from handgrad.textbook.layers import (
    ELU,
    GELU,
    Array,
    AvgPool2d,
    BatchNorm2d,
    Flatten,
    GELUTanh,
    Layer,
    LeakyReLU,
    MaxPool2d,
    Softmax,
    Standardize,
    Transpose,
)

Layers = Layer | Sequence[Layer]


def layers_at(graph: OnnxGraph, node: Node, at: str) -> tuple[Layers, str] | None:
    """Layer of a node for the value `at`, and the name of its output; None if it is none."""
    if node.op_type in ("Gemm", "MatMul"):
        return _linear(graph, node, at)
    if node.op_type == "Gather" and node.reads(1) == at:
        return _embedding(graph, node), node.output[0]
    if node.op_type in MADE and node.reads(0) == at:
        return MADE[node.op_type](graph, node), node.output[0]
    name = node.op_type.lower()
    if name in ACTIVATIONS and not node.attributes:
        return ACTIVATIONS[name](), node.output[0]
    return None


def by_feature(graph: OnnxGraph, node: Node, at: str) -> tuple[Layer, str] | None:
    """Elementwise operation with one number per feature."""
    width = (graph.sizes(at) or [0])[-1]
    if node.op_type not in BY_FEATURE or not width:
        return None
    first = node.reads(0) == at
    value = graph.constant(node.reads(int(first)))
    if value is None or value.size not in (1, width) or not (first or node.op_type in TURNED):
        return None
    if value.size > 1 and value.shape[-1] != width:
        return None
    graph.budget.take(width, str(node))
    number = np.broadcast_to(floating_array(value).ravel(), width)
    return BY_FEATURE[node.op_type](number), node.output[0]


def _linear(graph: OnnxGraph, node: Node, at: str) -> tuple[Layer, str]:
    """Gemm, or MatMul and the following Add."""
    said, end = node.attributes, node.output[0]
    W = graph.constant(node.reads(1))
    if node.reads(0) != at or W is None or W.ndim != 2 or said.get("transA"):
        raise refused(str(node), "x @ W, with a matrix of the file")
    W = floating_array(W) * W.dtype.type(said.get("alpha", 1.0))
    b = graph.constant(node.reads(2))
    if b is not None:
        b = floating_array(b) * b.dtype.type(said.get("beta", 1.0))
    W = W if said.get("transB") else W.T
    following = graph.users.get(end, [])
    if b is None and len(following) == 1 and following[0].op_type == "Add":
        add = following[0]
        b = graph.constant(add.reads(int(add.reads(0) == end)))
        if b is not None and b.size in (1, len(W)):
            b, end = floating_array(b), add.output[0]
        else:
            b = None
    return linear(W, None if b is None else np.resize(b, len(W))), end


def _convolution(graph: OnnxGraph, node: Node) -> Layer:
    W, b = graph.constant(node.reads(1)), graph.constant(node.reads(2))
    if W is None or W.ndim not in (3, 4) or node.attributes.get("group", 1) != 1:
        raise refused(str(node), "Conv over one axis or two, of one group, with the file's numbers")
    stride, padding = _windows(node, list(W.shape[2:]))
    return convolution(floating_array(W), None if b is None else floating_array(b), stride, padding)


def _pooling(graph: OnnxGraph, node: Node) -> Layer:
    said = node.attributes
    kernel_size = said["kernel_shape"]
    if len(kernel_size) != 2 or said.get("ceil_mode") or len([*filter(None, node.output)]) > 1:
        raise refused(str(node), f"{node.op_type} of pictures, with ceil_mode=0 and one output")
    stride, padding = _windows(node, kernel_size)
    if node.op_type == "MaxPool":
        return pooling(MaxPool2d, kernel_size, stride, padding)
    if any(padding) and not said.get("count_include_pad"):
        raise refused(str(node), "count_include_pad=1, or no padding")
    return pooling(AvgPool2d, kernel_size, stride, padding)


def _windows(node: Node, kernel_size: list[int]) -> tuple[list[int], list[int]]:
    """Stride and padding of a node; an error for asymmetric padding."""
    said, n = node.attributes, len(kernel_size)
    stride = said.get("strides", [1] * n)
    pads = said.get("pads", [0] * 2 * n)
    if said.get("auto_pad", b"NOTSET").startswith(b"SAME"):
        pads = 2 * (padding_that_keeps(kernel_size, stride) or [])
    if max(pads, default=0) > MOST_PADDING:
        raise refused(str(node), f"padding of {MOST_PADDING} numbers at most")
    if not pads or pads[:n] != pads[n:] or {*said.get("dilations", [1])} != {1}:
        raise refused(str(node), "windows of neighbours, with the same padding on both sides")
    return stride, pads[:n]


def _batch_norm(graph: OnnxGraph, node: Node) -> Layers:
    said, found = node.attributes, [graph.constant(node.reads(i)) for i in (1, 2, 3, 4)]
    arrays = [floating_array(array) for array in found if array is not None]
    if len(arrays) < len(found):
        raise refused(str(node), "BatchNormalization with the numbers of the file")
    gamma, beta, mean, var = arrays
    numbers, axes = (said.get("epsilon", 1e-5), 0.1), graph.axes(node.reads(0))
    if axes == 3:
        return batch_norm(gamma, beta, mean, var, *numbers, BatchNorm2d)
    norm = batch_norm(gamma, beta, mean, var, *numbers)
    return of_steps(norm) if axes == 2 else norm


def _is_last(graph: OnnxGraph, node: Node, axis: int) -> bool:
    """Return True if an axis of the input is that of the features."""
    return axis in (-1, graph.axes(node.reads(0)) or 1)


def _layer_norm(graph: OnnxGraph, node: Node) -> Layer:
    said = node.attributes
    gamma, beta = (graph.constant(node.reads(i)) for i in (1, 2))
    if not _is_last(graph, node, said.get("axis", -1)) or gamma is None:
        raise refused(str(node), "LayerNormalization over the features")
    b = None if beta is None else floating_array(beta)
    return layer_norm(gamma.size, floating_array(gamma), b, said.get("epsilon", 1e-5))


def _softmax(graph: OnnxGraph, node: Node) -> Layer:
    if not _is_last(graph, node, node.attributes.get("axis", -1)):
        raise refused(str(node), "Softmax over the features")
    return Softmax()


def _embedding(graph: OnnxGraph, node: Node) -> Layer:
    E = graph.constant(node.reads(0))
    if E is None or E.ndim != 2 or node.attributes.get("axis", 0) != 0:
        raise refused(str(node), "Gather of rows from a table of the file")
    return embedding(floating_array(E))


def _flatten(graph: OnnxGraph, node: Node) -> Layer:
    if node.attributes.get("axis", 1) != 1:
        raise refused(str(node), "Flatten(axis=1)")
    return Flatten()


def _reshape(graph: OnnxGraph, node: Node) -> Layer:
    shape = graph.known(node.reads(1))
    rows, *sizes = [0] if shape is None else shape.tolist()
    came = math.prod((graph.sizes(node.reads(0)) or [0])[1:])  # 0 where that is not known
    whole = came in (0, math.prod(sizes)) or -1 in sizes
    if not whole or (rows not in (-1, graph.rows) and not (rows == 0 and sizes)):
        raise refused(str(node), "Reshape of each row by itself")
    if sizes == [-1]:
        return Flatten()
    if not sizes or min(sizes) < 1:
        raise refused(str(node), "Reshape with the sizes of a row as numbers")
    return reshaped(sizes)


def _transpose(graph: OnnxGraph, node: Node) -> Layer:
    first, *axes = node.attributes.get("perm", [1])
    if first != 0 or len(axes) < 2:
        raise refused(str(node), "Transpose of the axes of a row")
    return Transpose(*axes)


def _gelu(graph: OnnxGraph, node: Node) -> Layer:
    return GELUTanh() if node.attributes.get("approximate") == b"tanh" else GELU()


def _scaler(graph: OnnxGraph, node: Node) -> Layer:
    said = node.attributes
    return Standardize(np.asarray(said["offset"]), 1 / np.asarray(said["scale"]))


MADE: dict[str, Callable[[OnnxGraph, Node], Layers]] = {
    "Conv": _convolution,
    "MaxPool": _pooling,
    "AveragePool": _pooling,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Softmax": _softmax,
    "Gelu": _gelu,
    "Scaler": _scaler,
    "LeakyRelu": lambda graph, node: LeakyReLU(node.attributes.get("alpha", 0.01)),
    "Elu": lambda graph, node: ELU(node.attributes.get("alpha", 1.0)),
}
MOST_PADDING = 1024  # which each row is widened by
TURNED = ("Add", "Mul")  # are the same with their operands turned round
# What is done with each feature by a number of its own, as (x − mean) / scale.
BY_FEATURE: dict[str, Callable[[Array], Standardize]] = {
    "Sub": lambda c: Standardize(c, np.ones_like(c)),
    "Add": lambda c: Standardize(-c, np.ones_like(c)),
    "Div": lambda c: Standardize(np.zeros_like(c), c),
    "Mul": lambda c: Standardize(np.zeros_like(c), 1 / c),
}
# Nodes that see more than one place of a sequence, or count its axes.
BY_AXES = ("Conv", "BatchNormalization", "Flatten", "Reshape", "Transpose")
