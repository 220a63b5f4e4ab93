"""Type and shape inference for ONNX models, node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from handgrad.exchange.importing.onnx_folding import MEASURED, Node
from handgrad.exchange.importing.parts import MOST_AXES
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto, TypeProto

# Beside what may be computed, the operators that layers are.
OF_LAYERS = (
    *("Gemm", "MatMul", "Conv", "MaxPool", "AveragePool", "BatchNormalization"),
    *("LayerNormalization", "Softmax", "RNN", "GRU", "LSTM", "Dropout", "Scaler"),
)


def sizes_of(kind: TypeProto | None) -> list[int] | None:
    """Shape of a type, with 0 for dynamic sizes; None if it has none."""
    if kind is None or not kind.tensor_type.HasField("shape"):
        return None
    return [max(0, size.dim_value) for size in kind.tensor_type.shape.dim]


def inferred_types(
    model: ModelProto,
    nodes: Sequence[Node],
    arrays: Mapping[str, Array],
    constant: Callable[[str], Array | None],
) -> dict[str, TypeProto]:
    """The types of values by name, as the file declares and ONNX infers them.

    Nodes are asked one by one, so that no shape has more axes than arrays have: what a file makes
    of itself otherwise doubles with every node.
    """
    from onnx import helper

    graph = model.graph
    found = {
        one.name: one.type
        for one in (*graph.input, *graph.value_info, *graph.output)
        if len(one.type.tensor_type.shape.dim) <= MOST_AXES
    }
    for name, array in arrays.items():
        if array.dtype.kind != "O":
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            found[name] = helper.make_tensor_type_proto(kind, array.shape)
    for node in nodes:
        if (node.op_type in MEASURED or node.op_type in OF_LAYERS) and node.is_plain:
            for name, kind in _inferred(model, node, found, constant).items():
                found[name] = _both(kind, found.get(name))
    return found


def _inferred(
    model: ModelProto,
    node: Node,
    types: Mapping[str, TypeProto],
    constant: Callable[[str], Array | None],
) -> dict[str, TypeProto]:
    """Output types of a node; none if onnx cannot infer them."""
    from onnx import TypeProto
    from onnx.defs import get_schema
    from onnx.numpy_helper import from_array
    from onnx.shape_inference import infer_node_outputs

    versions = {opset.domain: opset.version for opset in model.opset_import}
    read = {name: types.get(name) or TypeProto() for name in node.input if name}
    said: dict[str, TensorProto] = {}
    for name, kind in read.items():
        if _is_shape(kind) and (value := constant(name)) is not None:
            said[name] = from_array(value, name)
    try:
        schema = get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
        found = infer_node_outputs(
            schema, node.proto, read, said, opset_imports=[*model.opset_import]
        )
    except Exception:  # of many kinds, for what does not fit; none of them is documented
        return {}
    return {
        name: kind for name, kind in found.items() if len(kind.tensor_type.shape.dim) <= MOST_AXES
    }


def _is_shape(kind: TypeProto) -> bool:
    """Return True if a value may be a shape: few integers."""
    from onnx import TensorProto

    sizes = sizes_of(kind)
    whole = kind.tensor_type.elem_type in (TensorProto.INT32, TensorProto.INT64)
    return whole and sizes is not None and len(sizes) < 2 and all(0 < s <= MOST_AXES for s in sizes)


def _both(inferred: TypeProto, declared: TypeProto | None) -> TypeProto:
    """Inferred type, with sizes that only the declared type has."""
    known, others = sizes_of(inferred), sizes_of(declared)
    if declared is not None and known is None:
        return declared
    if known and others and len(known) == len(others):
        for size, other in zip(inferred.tensor_type.shape.dim, others, strict=True):
            if other and not size.dim_value:
                size.dim_value = other
    return inferred
