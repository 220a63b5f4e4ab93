"""Type and shape inference for ONNX models, node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from handgrad.exchange.importing.onnx_folding import OUTPUT_SIZES, OnnxNode
from handgrad.exchange.importing.parts import MOST_AXES
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto, TypeProto

# Operators of layers, whose types are inferred as those of folded ones are.
OF_LAYERS = (
    *("Gemm", "MatMul", "Conv", "MaxPool", "AveragePool", "GlobalAveragePool"),
    *(
        "BatchNormalization",
        "LayerNormalization",
        "Softmax",
        "RNN",
        "GRU",
        "LSTM",
        "Dropout",
        "Scaler",
    ),
)


def sizes_of(kind: TypeProto | None) -> list[int] | None:
    """Shape of a type, with 0 for dynamic sizes; None if it has none."""
    if kind is None or not kind.tensor_type.HasField("shape"):
        return None
    return [max(0, size.dim_value) for size in kind.tensor_type.shape.dim]


def inferred_types(
    model: ModelProto,
    nodes: Sequence[OnnxNode],
    arrays: Mapping[str, Array],
    constant: Callable[[str], Array | None],
) -> dict[str, TypeProto]:
    """Types of values by name, as the file declares and ONNX infers them.

    Types are inferred node by node, so that no shape exceeds the axes of NumPy's arrays: a hostile
    file could otherwise double them with every node.
    """
    from onnx import helper

    graph = model.graph
    types = {
        one.name: one.type
        for one in (*graph.input, *graph.value_info, *graph.output)
        if len(one.type.tensor_type.shape.dim) <= MOST_AXES
    }
    for name, array in arrays.items():
        if array.dtype.kind != "O":
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            types[name] = helper.make_tensor_type_proto(kind, array.shape)
    for node in nodes:
        if (node.op_type in OUTPUT_SIZES or node.op_type in OF_LAYERS) and node.is_plain:
            for name, kind in _inferred(model, node, types, constant).items():
                types[name] = _combined(kind, types.get(name))
    return types


def _inferred(
    model: ModelProto,
    node: OnnxNode,
    value_types: Mapping[str, TypeProto],
    constant: Callable[[str], Array | None],
) -> dict[str, TypeProto]:
    """Output types of a node; none if onnx cannot infer them."""
    from onnx import TypeProto
    from onnx.defs import get_schema
    from onnx.numpy_helper import from_array
    from onnx.shape_inference import infer_node_outputs

    versions = {opset.domain: opset.version for opset in model.opset_import}
    inputs = {name: value_types.get(name) or TypeProto() for name in node.input if name}
    constants: dict[str, TensorProto] = {}
    for name, kind in inputs.items():
        if _is_shape(kind) and (value := constant(name)) is not None:
            constants[name] = from_array(value, name)
    try:
        schema = get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
        outputs = infer_node_outputs(
            schema, node.proto, inputs, constants, opset_imports=[*model.opset_import]
        )
    except Exception:  # onnx documents none of the many types that it raises
        return {}
    return {
        name: kind for name, kind in outputs.items() if len(kind.tensor_type.shape.dim) <= MOST_AXES
    }


def _is_shape(kind: TypeProto) -> bool:
    """Return True if a value may be a shape: few integers."""
    from onnx import TensorProto

    sizes = sizes_of(kind)
    is_integer = kind.tensor_type.elem_type in (TensorProto.INT32, TensorProto.INT64)
    return (
        is_integer
        and sizes is not None
        and len(sizes) < 2
        and all(0 < s <= MOST_AXES for s in sizes)
    )


def _combined(inferred: TypeProto, declared: TypeProto | None) -> TypeProto:
    """Inferred type, with sizes that only the declared type has."""
    sizes, declared_sizes = sizes_of(inferred), sizes_of(declared)
    if declared is not None and sizes is None:
        return declared
    if sizes and declared_sizes and len(sizes) == len(declared_sizes):
        for size, declared_size in zip(inferred.tensor_type.shape.dim, declared_sizes, strict=True):
            if declared_size and not size.dim_value:
                size.dim_value = declared_size
    return inferred
