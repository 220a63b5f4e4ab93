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
NUMBERS = "biufV"  # kinds of arrays; V are the short floats that NumPy has not


@dataclass(frozen=True, eq=False)
class Node:
    """A node of a model: its operation, inputs and outputs."""

    proto: NodeProto
    op_type: str
    name: str
    domain: str
    input: tuple[str, ...]
    output: tuple[str, ...]

    @classmethod
    def of(cls, proto: NodeProto) -> Node:
        names = tuple(proto.input), tuple(proto.output)
        return cls(proto, proto.op_type, proto.name, proto.domain, *names)

    def reads(self, i: int) -> str:
        """Name of its input `i`; "" if it has none."""
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


def folded(
    node: Node,
    given: Mapping[str, Array],
    opsets: Sequence[OperatorSetIdProto],
    budget: Budget,
) -> dict[str, Array] | None:
    """Result of a cheap node for arrays, by onnx's reference evaluator; None for other nodes.

    What it reads and gives is taken from the budget before anything is computed.
    """
    if node.op_type not in MEASURED or node.domain not in STANDARD or not node.is_plain:
        return None
    if any(array.dtype.kind not in NUMBERS for array in given.values()):
        return None
    try:
        read = [given[name] if name else None for name in node.input]
        count = sum(numbers_in(array.shape) for array in given.values())
        count += MEASURED[node.op_type](node, read)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None  # nor could the evaluator
    budget.take(count, str(node))
    return evaluated(node, given, opsets)


def evaluated(
    node: Node, given: Mapping[str, Array], opsets: Sequence[OperatorSetIdProto]
) -> dict[str, Array] | None:
    """Result of onnx's reference evaluator for a node; None if it fails."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    wanted = [name for name in node.output if name]
    try:
        inputs = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), None)
            for name, a in given.items()
        ]
        outputs = [helper.make_empty_tensor_value_info(name) for name in wanted]
        part = helper.make_graph([node.proto], "part", inputs, outputs)
        model = helper.make_model(part, opset_imports=opsets)
        with np.errstate(all="ignore"):
            found = [*map(np.asarray, ReferenceEvaluator(model).run(None, dict(given)))]
    except Exception:  # of many kinds, for what does not fit; none of them is documented
        return None
    if any(array.dtype.kind not in NUMBERS for array in found):
        return None
    return dict(zip(wanted, found, strict=True))


# How many numbers a node gives, by what it reads.
Read = Sequence[Array | None]  # what comes in; None for an input that is left out
Measure = Callable[[Node, Read], int]


def _sizes(array: Array) -> list[int]:
    """Shape from an integer array."""
    if array.size > MOST_AXES:
        raise ValueError(f"{array.size} axes")
    return [int(size) for size in array.ravel()]


def _known(read: Read, i: int) -> Array:
    """Input `i`, which is required."""
    if (array := read[i]) is None:
        raise ValueError(f"no input {i}")
    return array


def _as_much(node: Node, read: Read) -> int:
    return numbers_in(_known(read, 0).shape)


def _broadcast(node: Node, read: Read) -> int:
    return numbers_in(np.broadcast_shapes(*(a.shape for a in read if a is not None)))


def _concat(node: Node, read: Read) -> int:
    return sum(numbers_in(_known(read, i).shape) for i in range(len(read)))


def _gather(node: Node, read: Read) -> int:
    axis = node.attributes.get("axis", 0)
    others = numbers_in(_known(read, 0).shape) // max(1, _known(read, 0).shape[axis])
    return others * numbers_in(_known(read, 1).shape)


def _constant(node: Node, read: Read) -> int:
    (value,) = node.attributes.values()
    if hasattr(value, "dims"):
        return numbers_in(value.dims)
    return len(value) if isinstance(value, list) else 1


def _constant_of_shape(node: Node, read: Read) -> int:
    return numbers_in(_sizes(_known(read, 0)))


def _expand(node: Node, read: Read) -> int:
    sizes = _sizes(_known(read, 1))
    return max(numbers_in(sizes), numbers_in(np.broadcast_shapes(_known(read, 0).shape, sizes)))


def _range(node: Node, read: Read) -> int:
    start, limit, delta = (_known(read, i).item() for i in range(3))
    return max(0, math.ceil((limit - start) / delta))


def _tile(node: Node, read: Read) -> int:
    return numbers_in(_known(read, 0).shape) * numbers_in(_sizes(_known(read, 1)))


def _split(node: Node, read: Read) -> int:
    if node.attributes.get("num_outputs", 0) > len(node.output):
        raise ValueError("more outputs than it names")
    return numbers_in(_known(read, 0).shape)


def _dequantized(node: Node, read: Read) -> int:
    shape, axis = _known(read, 0).shape, node.attributes.get("axis", 1)
    if node.attributes.get("block_size"):
        raise ValueError("scales of blocks")
    if any(a is not None and a.ndim and a.shape != (shape[axis],) for a in read[1:]):
        raise ValueError("another number of scales")
    return numbers_in(shape)


ONE_BY_ONE = (
    "Abs Add And Cast CastLike Ceil Celu Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater "
    "GreaterOrEqual HardSigmoid HardSwish Identity LeakyRelu Less LessOrEqual Log Max Mean Min "
    "Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus "
    "Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor"
)
NO_MORE_THAN_THE_FIRST = (
    "Flatten ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
    "ReduceSumSquare Reshape Shape Size Slice Squeeze Transpose Trilu Unsqueeze"
)
# No loops, branches, texts, products or random numbers: each takes as long as it has numbers.
MEASURED: dict[str, Measure] = {
    **dict.fromkeys(ONE_BY_ONE.split(), _broadcast),
    **dict.fromkeys(NO_MORE_THAN_THE_FIRST.split(), _as_much),
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
