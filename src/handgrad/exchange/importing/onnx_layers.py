"""Layers for single ONNX nodes, and for MatMul with Add."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from handgrad.exchange.importing.onnx_folding import OnnxNode
from handgrad.exchange.importing.onnx_graph import OnnxGraph
from handgrad.exchange.importing.parts import (
    ACTIVATIONS,
    batch_norm,
    convolution,
    embedding,
    floating_array,
    layer_norm,
    linear,
    over_channels,
    pooling,
    refused,
    reshaped,
    same_padding,
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
from handgrad.textbook.layers.windows import spans

Layers = Layer | Sequence[Layer]


def layers_from(graph: OnnxGraph, node: OnnxNode, value: str) -> tuple[Layers, str] | None:
    """Layers of a node that reads `value`, and the name of their output; None if it has none."""
    if node.op_type in ("Gemm", "MatMul"):
        return _linear(graph, node, value)
    if node.op_type == "Gather" and node.input_name(1) == value:
        return _embedding(graph, node), node.output[0]
    if node.op_type in BUILDERS and node.input_name(0) == value:
        return BUILDERS[node.op_type](graph, node), node.output[0]
    name = node.op_type.lower()
    if name in ACTIVATIONS and not node.attributes:
        return ACTIVATIONS[name](), node.output[0]
    return None


def per_feature(graph: OnnxGraph, node: OnnxNode, value: str) -> tuple[Layer, str] | None:
    """Elementwise operation with one number per feature."""
    width = (graph.sizes(value) or [0])[-1]
    if node.op_type not in PER_FEATURE or not width:
        return None
    first = node.input_name(0) == value
    scalars = graph.constant(node.input_name(int(first)))
    if (
        scalars is None
        or scalars.size not in (1, width)
        or not (first or node.op_type in COMMUTATIVE)
    ):
        return None
    if scalars.size > 1 and scalars.shape[-1] != width:
        return None
    graph.budget.take(width, str(node))
    numbers = np.broadcast_to(floating_array(scalars).ravel(), width)
    return PER_FEATURE[node.op_type](numbers), node.output[0]


def _linear(graph: OnnxGraph, node: OnnxNode, value: str) -> tuple[Layer, str]:
    """Gemm, or MatMul and the following Add."""
    attributes, output = node.attributes, node.output[0]
    W = graph.constant(node.input_name(1))
    if node.input_name(0) != value or W is None or W.ndim != 2 or attributes.get("transA"):
        raise refused(str(node), "x @ W with a constant matrix W")
    W = floating_array(W) * W.dtype.type(attributes.get("alpha", 1.0))
    b = graph.constant(node.input_name(2))
    if b is not None:
        b = floating_array(b) * b.dtype.type(attributes.get("beta", 1.0))
    W = W if attributes.get("transB") else W.T
    users = graph.users.get(output, [])
    if b is None and len(users) == 1 and users[0].op_type == "Add":
        add = users[0]
        b = graph.constant(add.input_name(int(add.input_name(0) == output)))
        if b is not None and b.size in (1, len(W)):
            b, output = floating_array(b), add.output[0]
        else:
            b = None
    return linear(W, None if b is None else np.resize(b, len(W))), output


def _convolution(graph: OnnxGraph, node: OnnxNode) -> Layer:
    W, b = graph.constant(node.input_name(1)), graph.constant(node.input_name(2))
    if W is None or W.ndim not in (3, 4):
        raise refused(str(node), "1D or 2D Conv with constant weights")
    dilation = node.attributes.get("dilations", [1] * (W.ndim - 2))
    groups = node.attributes.get("group", 1)
    if len(dilation) != W.ndim - 2 or groups < 1 or len(W) % groups:
        raise refused(str(node), "a dilation for each axis, and as many outputs in each group")
    stride, padding = _windows(node, list(spans(W.shape[2:], dilation)))
    arrays = floating_array(W), None if b is None else floating_array(b)
    return convolution(*arrays, stride, padding, dilation, groups)


def _pooling(graph: OnnxGraph, node: OnnxNode) -> Layer:
    attributes = node.attributes
    kernel_size = attributes["kernel_shape"]
    if (
        len(kernel_size) != 2
        or attributes.get("ceil_mode")
        or len([*filter(None, node.output)]) > 1
    ):
        raise refused(str(node), f"2D {node.op_type} with ceil_mode=0 and one output")
    stride, padding = _windows(node, kernel_size)
    if {*attributes.get("dilations", [1])} != {1}:
        raise refused(str(node), "dilations of 1")
    if node.op_type == "MaxPool":
        return pooling(MaxPool2d, kernel_size, stride, padding)
    if any(padding) and not attributes.get("count_include_pad"):
        raise refused(str(node), "count_include_pad=1, or no padding")
    return pooling(AvgPool2d, kernel_size, stride, padding)


def _global_pooling(graph: OnnxGraph, node: OnnxNode) -> Layer:
    sizes = (graph.sizes(node.input_name(0)) or [])[2:]
    if len(sizes) != 2 or not all(sizes):
        raise refused(str(node), "pictures of known height and width", "fixed sizes in the export")
    return pooling(AvgPool2d, sizes, sizes)


def _windows(node: OnnxNode, kernel_size: list[int]) -> tuple[list[int], list[int]]:
    """Stride and padding of a node; an error for asymmetric padding."""
    attributes, n = node.attributes, len(kernel_size)
    stride = attributes.get("strides", [1] * n)
    pads = attributes.get("pads", [0] * 2 * n)
    if attributes.get("auto_pad", b"NOTSET").startswith(b"SAME"):
        pads = 2 * (same_padding(kernel_size, stride) or [])
    if max(pads, default=0) > MOST_PADDING:
        raise refused(str(node), f"padding of at most {MOST_PADDING}")
    if not pads or pads[:n] != pads[n:]:
        raise refused(str(node), "equal padding on both sides")
    return stride, pads[:n]


def _batch_norm(graph: OnnxGraph, node: OnnxNode) -> Layers:
    attributes = node.attributes
    constants = [graph.constant(node.input_name(i)) for i in (1, 2, 3, 4)]
    arrays = [floating_array(array) for array in constants if array is not None]
    if len(arrays) < len(constants):
        raise refused(str(node), "BatchNormalization with constant parameters")
    gamma, beta, mean, var = arrays
    settings, axes = (attributes.get("epsilon", 1e-5), 0.1), graph.axes(node.input_name(0))
    if axes == 3:
        return batch_norm(gamma, beta, mean, var, *settings, BatchNorm2d)
    norm = batch_norm(gamma, beta, mean, var, *settings)
    return over_channels(norm) if axes == 2 else norm


def _is_last(graph: OnnxGraph, node: OnnxNode, axis: int) -> bool:
    """Return True if an axis of the input is that of the features."""
    return axis in (-1, graph.axes(node.input_name(0)) or 1)


def _layer_norm(graph: OnnxGraph, node: OnnxNode) -> Layer:
    attributes = node.attributes
    gamma, beta = (graph.constant(node.input_name(i)) for i in (1, 2))
    if not _is_last(graph, node, attributes.get("axis", -1)) or gamma is None:
        raise refused(str(node), "LayerNormalization over the features")
    b = None if beta is None else floating_array(beta)
    return layer_norm(gamma.size, floating_array(gamma), b, attributes.get("epsilon", 1e-5))


def _softmax(graph: OnnxGraph, node: OnnxNode) -> Layer:
    if not _is_last(graph, node, node.attributes.get("axis", -1)):
        raise refused(str(node), "Softmax over the features")
    return Softmax()


def _embedding(graph: OnnxGraph, node: OnnxNode) -> Layer:
    E = graph.constant(node.input_name(0))
    if E is None or E.ndim != 2 or node.attributes.get("axis", 0) != 0:
        raise refused(str(node), "Gather of rows from a constant table")
    return embedding(floating_array(E))


def _flatten(graph: OnnxGraph, node: OnnxNode) -> Layer:
    if node.attributes.get("axis", 1) != 1:
        raise refused(str(node), "Flatten(axis=1)")
    return Flatten()


def _reshape(graph: OnnxGraph, node: OnnxNode) -> Layer:
    shape = graph.static_value(node.input_name(1))
    rows, *sizes = [0] if shape is None else shape.tolist()
    row_size = math.prod((graph.sizes(node.input_name(0)) or [0])[1:])  # 0 if unknown
    keeps_rows = row_size in (0, math.prod(sizes)) or -1 in sizes
    if not keeps_rows or (rows not in (-1, graph.rows) and not (rows == 0 and sizes)):
        raise refused(str(node), "Reshape that keeps the rows")
    if sizes == [-1]:
        return Flatten()
    if not sizes or min(sizes) < 1:
        raise refused(str(node), "Reshape with fixed sizes of a row")
    return reshaped(sizes)


def _transpose(graph: OnnxGraph, node: OnnxNode) -> Layer:
    first, *axes = node.attributes.get("perm", [1])
    if first != 0 or len(axes) < 2:
        raise refused(str(node), "Transpose that keeps the rows first")
    return Transpose(*axes)


def _gelu(graph: OnnxGraph, node: OnnxNode) -> Layer:
    return GELUTanh() if node.attributes.get("approximate") == b"tanh" else GELU()


def _scaler(graph: OnnxGraph, node: OnnxNode) -> Layer:
    attributes = node.attributes
    return Standardize(np.asarray(attributes["offset"]), 1 / np.asarray(attributes["scale"]))


BUILDERS: dict[str, Callable[[OnnxGraph, OnnxNode], Layers]] = {
    "Conv": _convolution,
    "MaxPool": _pooling,
    "AveragePool": _pooling,
    "GlobalAveragePool": _global_pooling,
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
MOST_PADDING = 1024  # on each side of an axis
COMMUTATIVE = ("Add", "Mul")  # operators whose operands may be swapped
# Operations on each feature with a number of its own, as (x − mean) / scale.
PER_FEATURE: dict[str, Callable[[Array], Standardize]] = {
    "Sub": lambda c: Standardize(c, np.ones_like(c)),
    "Add": lambda c: Standardize(-c, np.ones_like(c)),
    "Div": lambda c: Standardize(np.zeros_like(c), c),
    "Mul": lambda c: Standardize(np.zeros_like(c), 1 / c),
}
# Operators that combine positions of a sequence, or depend on the order of its axes.
POSITION_DEPENDENT = ("Conv", "BatchNormalization", "Flatten", "Reshape", "Transpose")
