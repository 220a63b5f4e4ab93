"""Constant folding of cheap ONNX nodes, with limits on the sizes of results."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.exchange.importing.limits import Budget, numbers_in
from handgrad.exchange.importing.parts import MOST_AXES
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    from onnx import NodeProto, OperatorSetIdProto

STANDARD = ("", "ai.onnx")  # domains of ONNX's own operators
NUMERIC_KINDS = "biufV"  # of dtypes; V are the short floats that NumPy lacks


@dataclass(frozen=True, eq=False)
class OnnxNode:
    """A node of a model: its operation, inputs and outputs."""

    proto: NodeProto
    op_type: str
    name: str
    domain: str
    input: tuple[str, ...]
    output: tuple[str, ...]

    @classmethod
    def of(cls, proto: NodeProto) -> OnnxNode:
        names = tuple(proto.input), tuple(proto.output)
        return cls(proto, proto.op_type, proto.name, proto.domain, *names)

    def input_name(self, i: int) -> str:
        """Name of input `i`; "" if there is none."""
        return self.input[i] if len(self.input) > i else ""

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Attributes by name."""
        from onnx import helper

        return {a.name: helper.get_attribute_value(a) for a in self.proto.attribute}

    @property
    def is_plain(self) -> bool:
        """Return True if no attribute is a graph, a sparse array or an external array."""
        return not any(
            a.HasField("g")
            or a.graphs
            or a.HasField("sparse_tensor")
            or a.sparse_tensors
            or any(tensor.data_location for tensor in (a.t, *a.tensors))
            for a in self.proto.attribute
        )

    def __str__(self) -> str:
        return f"node {self.name or self.output[0]!r}, {self.op_type}"


def fold(
    node: OnnxNode,
    arrays: Mapping[str, Array],
    opsets: Sequence[OperatorSetIdProto],
    budget: Budget,
) -> dict[str, Array] | None:
    """Results of a cheap node by onnx's reference evaluator; None for other nodes.

    Its input and output sizes are taken from the budget before it is computed.
    """
    if node.op_type not in OUTPUT_SIZES or node.domain not in STANDARD or not node.is_plain:
        return None
    if any(array.dtype.kind not in NUMERIC_KINDS for array in arrays.values()):
        return None
    try:
        inputs = [arrays[name] if name else None for name in node.input]
        count = sum(numbers_in(array.shape) for array in arrays.values())
        count += OUTPUT_SIZES[node.op_type](node, inputs)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None  # the evaluator would fail too
    budget.take(count, str(node))
    return evaluate(node, arrays, opsets)


def evaluate(
    node: OnnxNode, arrays: Mapping[str, Array], opsets: Sequence[OperatorSetIdProto]
) -> dict[str, Array] | None:
    """Results of onnx's reference evaluator for a node; None if it fails."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    names = [name for name in node.output if name]
    try:
        inputs = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), None)
            for name, a in arrays.items()
        ]
        outputs = [helper.make_empty_tensor_value_info(name) for name in names]
        graph = helper.make_graph([node.proto], "part", inputs, outputs)
        model = helper.make_model(graph, opset_imports=opsets)
        with np.errstate(all="ignore"):
            results = [*map(np.asarray, ReferenceEvaluator(model).run(None, dict(arrays)))]
    except Exception:  # onnx documents none of the many types that it raises
        return None
    if any(array.dtype.kind not in NUMERIC_KINDS for array in results):
        return None
    return dict(zip(names, results, strict=True))


# Number of elements that a node outputs, by its inputs.
Inputs = Sequence[Array | None]  # None for an omitted input
OutputSize = Callable[[OnnxNode, Inputs], int]


def _sizes(array: Array) -> list[int]:
    """Shape from an integer array."""
    if array.size > MOST_AXES:
        raise ValueError(f"{array.size} axes")
    return [int(size) for size in array.ravel()]


def _required(inputs: Inputs, i: int) -> Array:
    """Input `i`, which is required."""
    if (array := inputs[i]) is None:
        raise ValueError(f"no input {i}")
    return array


def _same_size(node: OnnxNode, inputs: Inputs) -> int:
    return numbers_in(_required(inputs, 0).shape)


def _broadcast(node: OnnxNode, inputs: Inputs) -> int:
    return numbers_in(np.broadcast_shapes(*(a.shape for a in inputs if a is not None)))


def _concat(node: OnnxNode, inputs: Inputs) -> int:
    return sum(numbers_in(_required(inputs, i).shape) for i in range(len(inputs)))


def _gather(node: OnnxNode, inputs: Inputs) -> int:
    axis = node.attributes.get("axis", 0)
    others = numbers_in(_required(inputs, 0).shape) // max(1, _required(inputs, 0).shape[axis])
    return others * numbers_in(_required(inputs, 1).shape)


def _constant(node: OnnxNode, inputs: Inputs) -> int:
    (value,) = node.attributes.values()
    if hasattr(value, "dims"):
        return numbers_in(value.dims)
    return len(value) if isinstance(value, list) else 1


def _constant_of_shape(node: OnnxNode, inputs: Inputs) -> int:
    return numbers_in(_sizes(_required(inputs, 0)))


def _expand(node: OnnxNode, inputs: Inputs) -> int:
    sizes = _sizes(_required(inputs, 1))
    return max(
        numbers_in(sizes), numbers_in(np.broadcast_shapes(_required(inputs, 0).shape, sizes))
    )


def _range(node: OnnxNode, inputs: Inputs) -> int:
    start, limit, delta = (_required(inputs, i).item() for i in range(3))
    return max(0, math.ceil((limit - start) / delta))


def _tile(node: OnnxNode, inputs: Inputs) -> int:
    return numbers_in(_required(inputs, 0).shape) * numbers_in(_sizes(_required(inputs, 1)))


def _split(node: OnnxNode, inputs: Inputs) -> int:
    if node.attributes.get("num_outputs", 0) > len(node.output):
        raise ValueError("more outputs than names")
    return numbers_in(_required(inputs, 0).shape)


def _dequantized(node: OnnxNode, inputs: Inputs) -> int:
    shape, axis = _required(inputs, 0).shape, node.attributes.get("axis", 1)
    if node.attributes.get("block_size"):
        raise ValueError("scales of blocks")
    if any(a is not None and a.ndim and a.shape != (shape[axis],) for a in inputs[1:]):
        raise ValueError("another number of scales")
    return numbers_in(shape)


ELEMENTWISE_OPERATORS = (
    "Abs Add And Cast CastLike Ceil Celu Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater "
    "GreaterOrEqual HardSigmoid HardSwish Identity LeakyRelu Less LessOrEqual Log Max Mean Min "
    "Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus "
    "Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor"
)
SIZED_AS_FIRST_INPUT = (
    "Flatten ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
    "ReduceSumSquare Reshape Shape Size Slice Squeeze Transpose Trilu Unsqueeze"
)
# Operators whose time grows with these sizes: no loops, branches, strings, matrix products or
# random numbers.
OUTPUT_SIZES: dict[str, OutputSize] = {
    **dict.fromkeys(ELEMENTWISE_OPERATORS.split(), _broadcast),
    **dict.fromkeys(SIZED_AS_FIRST_INPUT.split(), _same_size),
    "Concat": _concat,
    "Gather": _gather,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Range": _range,
    "Tile": _tile,
    "Split": _split,
    "DequantizeLinear": _dequantized,
}
