"""Builder of ONNX models, and of the values of a traced graph in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from handgrad.graph import Graph
from handgrad.graph.nodes import Node
from handgrad.graph.symbolic import Arange, Dim, N, Ref, Shape
from handgrad.textbook.errors import CannotLowerError, SettingError
from handgrad.textbook.install import require
from handgrad.textbook.layers import Array
from handgrad.textbook.version import __version__

if TYPE_CHECKING:
    import onnx

# The oldest versions that have all operations needed, so that old runtimes can read the files.
OPSET, OPSET_OF_TABLES, IR = 17, 3, 8
OF_TABLES, OF_OUR_OWN = "ai.onnx.ml", "handgrad"
# Limit of a protocol buffer.
MOST_BYTES = 2**31 - 1


def onnx_package() -> ModuleType:
    """Import onnx, or raise an error with the command that installs it."""
    require("an .onnx file", onnx=["onnx"])
    import onnx

    return onnx


Attribute = int | float | str | Sequence[int] | Sequence[float] | Sequence[str]


@dataclass(frozen=True)
class NodeOrigin:
    """Origin of new nodes: the `name` of the value they compute, its layer and source line.

    Names of nodes start with the `owner`, such as the layer `0.Linear`; `doc` is their doc string.
    """

    name: str
    owner: str = ""
    doc: str = ""


@dataclass
class ModelBuilder:
    """Nodes, constants and functions of a model, in the order in which they were added.

    Values have unique names. `functions` are those of the domain `handgrad` that it calls, by name.
    """

    place: NodeOrigin = field(default_factory=lambda: NodeOrigin("value"))
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    functions: dict[str, onnx.FunctionProto] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _known: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def put(
        self,
        operation: str,
        *inputs: str,
        domain: str = "",
        step: str = "",
        **attributes: Attribute,
    ) -> str:
        """Append a node; return the name of its output, which ends in `step`: `z_0.matmul`."""
        make = onnx_package().helper.make_node
        output = self.new_name(f"{self.place.name}.{step or operation.lower()}")
        node = make(operation, inputs, [output], output, self.place.doc, domain, **attributes)
        self.nodes.append(node)
        self._name_last(output)
        return output

    def call(self, function: onnx.FunctionProto, *inputs: str) -> str:
        """Append a call of a function of the domain `handgrad`."""
        self.functions[function.name] = function
        return self.put(function.name, *inputs, domain=OF_OUR_OWN)

    def named(self, value: str) -> str:
        """Rename the output of the last node to the name of the place; return its new name."""
        last = self.nodes[-1] if self.nodes else None
        if last is None or value != last.output[0]:
            return value
        self._taken.discard(value)
        name = self.new_name(self.place.name)
        last.output[0] = name
        self._name_last(name)
        return name

    def _name_last(self, output: str) -> None:
        self.nodes[-1].name = f"{self.place.owner}/{output}" if self.place.owner else output

    def output(self, value: str, name: str) -> str:
        """Make `value`, of the last node, an output; return its name, which is free.

        The node keeps its own name.
        """
        if not self.nodes or self.nodes[-1].output[0] != value:
            value = self.put("Identity", value)
        self._taken.discard(value)
        self.nodes[-1].output[0] = free = self.new_name(name)
        return free

    def new_name(self, name: str) -> str:
        """Return `name`, with a number if it is taken."""
        free, count = name, 2
        while free in self._taken:
            free, count = f"{name}.{count}", count + 1
        self._taken.add(free)
        return free

    def weight(self, name: str, value: Array) -> str:
        """Append an array."""
        name = self.new_name(name)
        from_array = onnx_package().numpy_helper.from_array
        self.constants.append(from_array(np.ascontiguousarray(value), name))
        return name

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike, step: str = "constant") -> str:
        """Name of a constant, which is stored once."""
        array = np.asarray(value, dtype)
        known = (array.dtype.str, array.shape, array.tobytes())
        if known not in self._known:
            number = f"{array.item():.8g}" if array.ndim == 0 else f"{self.place.name}.{step}"
            kind = "" if array.dtype.kind == "f" or array.ndim else f" {array.dtype.name}"
            self._known[known] = self.weight(number + kind, array)
        return self._known[known]

    def whole(
        self,
        title: str,
        doc: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
        notes: Mapping[str, str],
    ) -> onnx.ModelProto:
        """Build the model with inferred shapes, and validate it with ONNX's checker.

        `notes` are its metadata.
        """
        onnx = onnx_package()
        helper = onnx.helper
        size = sum(len(constant.raw_data) for constant in self.constants)
        if size > MOST_BYTES:
            raise SettingError(
                f"weights of {size:,} bytes",
                f"{MOST_BYTES:,} at most in one .onnx file",
                "a smaller net, or float32",
            )
        opsets = {"": OPSET, OF_OUR_OWN: 1} if self.functions else {"": OPSET}
        if any(node.domain == OF_TABLES for node in self.nodes):
            opsets[OF_TABLES] = OPSET_OF_TABLES
        model = helper.make_model(
            helper.make_graph(self.nodes, title, inputs, outputs, self.constants, doc),
            opset_imports=[helper.make_opsetid(domain, n) for domain, n in opsets.items()],
            ir_version=IR,
            producer_name="handgrad",
            producer_version=__version__,
            functions=[*self.functions.values()],
        )
        helper.set_model_props(model, dict(notes))
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        onnx.checker.check_model(model, full_check=True)
        return model


def tensor_type(dtype: npt.DTypeLike) -> int:
    """ONNX element type of a NumPy dtype."""
    kind = np.dtype(dtype)
    helper = onnx_package().helper
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(object) if kind.kind in "UO" else kind))


def described(
    name: str, dtype: npt.DTypeLike, shape: Sequence[int | str], doc: str
) -> onnx.ValueInfoProto:
    """Input or output of a model; a name among the sizes is a dynamic axis."""
    return onnx_package().helper.make_tensor_value_info(name, tensor_type(dtype), shape, doc)


CONSTANTS = (int, float, np.generic, np.ndarray, list, tuple)


class GraphTranslator:
    """Translator of a graph; `values` are the names of results in the model."""

    def __init__(self, model: ModelBuilder, graph: Graph, values: Mapping[int, str]) -> None:
        self.model, self.graph, self.values = model, graph, dict(values)
        self.put = model.put

    def __getitem__(self, ref: Ref) -> Node:
        return self.graph.nodes[ref.node]

    def whole(self, values: npt.ArrayLike, step: str = "constant") -> str:
        """Name of constant integers."""
        return self.model.constant(values, np.int64, step)

    def value(self, argument: object, dtype: npt.DTypeLike) -> str:
        """Name of an argument, reference or constant, with a dtype."""
        kind = np.dtype(dtype)
        if isinstance(argument, Ref):
            name = self.values[argument.node]
            return name if self[argument].dtype == kind else self.cast(name, kind)
        if isinstance(argument, Dim):
            return self.cast(self.size(argument), kind)
        if isinstance(argument, Arange) and argument.length == N:
            row = self.put("Range", self.whole(0), self.rows(), self.whole(1))
            return self.reshaped(self.cast(row, kind), shape_of(argument), (N,))
        if isinstance(argument, CONSTANTS):
            return self.model.constant(argument, kind)
        raise CannotLowerError(f"{argument}, which follows the number of rows")

    def cast(self, value: str, dtype: npt.DTypeLike) -> str:
        """Cast to another dtype."""
        return self.put("Cast", value, to=tensor_type(dtype), step=np.dtype(dtype).name)

    def rows(self) -> str:
        """Number of rows, (), computed at run time."""
        size = self.put("Shape", self.values[self.graph.leaves.inputs["x"]], start=0, end=1)
        return self.put("Squeeze", size, step="rows")

    def size(self, dim: Dim) -> str:
        """Value of a dynamic size, ()."""
        rows = self.rows()
        if dim.slope != 1:
            rows = self.put("Mul", rows, self.whole(dim.slope))
        return self.put("Add", rows, self.whole(dim.offset)) if dim.offset else rows

    def shape(self, shape: Shape) -> str:
        """A shape as a value, (rank,)."""
        sizes = [size for size in shape if isinstance(size, int)]
        if len(sizes) == len(shape):
            return self.whole(sizes, "shape")
        axis = self.whole([0])
        parts = [
            self.put("Unsqueeze", self.size(size), axis)
            if isinstance(size, Dim)
            else self.whole([size])
            for size in shape
        ]
        return self.put("Concat", *parts, axis=0, step="shape")

    def reshaped(self, value: str, shape: Shape, before: Shape) -> str:
        """Reshape `value` from the shape `before`."""
        if shape == before:
            return value
        kept = shape[:1] == before[:1] == (N,)
        free = [size for size in shape[kept:] if isinstance(size, Dim)]
        if free and (len(free) > 1 or 0 in shape):
            return self.put("Reshape", value, self.shape(shape))
        sizes = [-1 if isinstance(size, Dim) else size for size in shape]
        sizes[:kept] = [0] * kept  # as it is
        return self.put("Reshape", value, self.whole(sizes, "shape"))


def shape_of(arange: Arange) -> Shape:
    """Shape of an array 0, 1, … along its first axis."""
    return (arange.length, *[1] * (arange.ndim - 1))
