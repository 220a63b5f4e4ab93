"""Graph of an ONNX model: constants, users of values, and composed activations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from handgrad.exchange.importing.limits import Budget, check_count
from handgrad.exchange.importing.onnx_folding import OnnxNode, fold
from handgrad.exchange.importing.onnx_shapes import inferred_types, sizes_of
from handgrad.exchange.importing.parts import ACTIVATIONS
from handgrad.files.tensors import shown
from handgrad.textbook.errors import FileError, SettingError
from handgrad.textbook.layers import Array, Layer, Softmax

if TYPE_CHECKING:
    from onnx import ModelProto, TypeProto

ROWS = 13  # assumed number of rows where the model allows any
# An activation is recognized by its values at these points, within a tolerance.
PROBE, TOLERANCE = np.linspace(-6, 6, 121), 1e-5
MOST_NODES = 20  # of a composed activation
MOST_MODEL_NODES = 50_000  # enough for 1000 layers of many nodes each


class OnnxGraph:
    """Graph of a model with one input: nodes, `arrays` of the file, and `users` of each value.

    Nodes that read only the shape of a value do not count as users. Values that depend only on
    constants are computed once, when first needed.
    """

    def __init__(self, model: ModelProto, arrays: Mapping[str, Array], budget: Budget) -> None:
        check_count(len(model.graph.node), MOST_MODEL_NODES, "nodes")
        self.model, self.arrays, self.budget = model, arrays, budget
        self.nodes = [*_nodes(model, arrays)]
        self.users: dict[str, list[OnnxNode]] = {}
        self._fixed = {*arrays}  # values that depend only on constants
        self._makers: dict[
            str, OnnxNode
        ] = {}  # nodes of values that depend on constants and shapes
        self._values: dict[str, Array | None] = {**arrays}  # those computed so far
        for node in self.nodes:
            names = [*filter(None, dict.fromkeys(node.input))]
            if all(name in self._fixed for name in names):
                self._fixed.update(node.output)
            elif node.op_type != "Shape" and any(
                name not in self._fixed and name not in self._makers for name in names
            ):
                for name in names:
                    self.users.setdefault(name, []).append(node)
                continue
            self._makers |= dict.fromkeys(node.output, node)
        inputs = [one.name for one in model.graph.input if one.name not in arrays]
        if len(inputs) != 1:
            raise SettingError(
                f"a model with {len(inputs)} inputs: {shown(', '.join(inputs[:20]))}",
                "one input, with rows of numbers",
                "export only the part of the model with one numeric input",
            )
        self.input, self.outputs = inputs[0], {out.name for out in model.graph.output}

    def part(self, nodes: Sequence[OnnxNode], output: str) -> OnnxGraph:
        """The same graph, of which only these nodes read values, up to `output`."""
        part = copy(self)
        part.users, part.outputs = {}, {output}
        for node in nodes:
            for name in filter(None, dict.fromkeys(node.input)):
                part.users.setdefault(name, []).append(node)
        return part

    def sizes(self, name: str) -> list[int] | None:
        """Shape of a value, with 0 for dynamic sizes; None if unknown."""
        return sizes_of(self._types.get(name))

    def described(self, names: Sequence[str]) -> str:
        """Shapes of values, for an error."""
        shapes = [self.sizes(name) for name in names]
        texts = [
            "of unknown shape"
            if shape is None
            else f"({', '.join(str(size or 'n') for size in shape)})"
            for shape in shapes
        ]
        return " and ".join(texts)

    def axes(self, name: str) -> int | None:
        """Number of axes of the rows of a value, if known."""
        sizes = self.sizes(name)
        return None if sizes is None else len(sizes) - 1

    @property
    def rows(self) -> int:
        """Number of input rows: that of the file, or an assumed one."""
        return (self.sizes(self.input) or [0])[0] or ROWS

    def constant(self, name: str) -> Array | None:
        """Value that depends only on constants of the file; None otherwise."""
        return self.static_value(name) if name in self._fixed else None

    def static_value(self, name: str) -> Array | None:
        """The same, or a value that depends also on shapes, with `rows` rows."""
        stack = [name]
        while stack and (value := stack[-1]) in self._makers:
            if value in self._values:
                stack.pop()
            elif missing := self._missing_inputs(self._makers[value]):
                stack += missing
            else:
                self._compute(self._makers[value])
        return self._values.get(name)

    def _missing_inputs(self, node: OnnxNode) -> list[str]:
        """Inputs of a node that are not computed yet, in order."""
        if self._reads_shape(node):
            return []
        return [name for name in node.input if name and name not in self._values]

    def _reads_shape(self, node: OnnxNode) -> bool:
        return node.op_type == "Shape" and node.input_name(0) not in self._fixed

    def _compute(self, node: OnnxNode) -> None:
        results: Mapping[str, Array] | None = None
        inputs = {name: self._values.get(name) for name in node.input if name}
        arrays = {name: value for name, value in inputs.items() if value is not None}
        if self._reads_shape(node):
            sizes = self.sizes(node.input_name(0))
            if sizes is not None:
                part = slice(node.attributes.get("start"), node.attributes.get("end"))
                results = {
                    node.output[0]: np.array([size or ROWS for size in sizes][part], np.int64)
                }
        elif arrays.keys() == inputs.keys():
            results = fold(node, arrays, self.model.opset_import, self.budget)
        self._values |= {name: (results or {}).get(name) for name in node.output}

    @cached_property
    def _types(self) -> dict[str, TypeProto]:
        return inferred_types(self.model, self.nodes, self.arrays, self.constant)

    def activation_from(self, value: str) -> tuple[Layer, str] | None:
        """Activation composed of the nodes after a value, and the name of its output.

        It may end at each node whose output is the only value that other nodes still read.
        """
        live, values = {value}, {value: self._probe(value)}
        within: set[OnnxNode] = set()
        for node in self._descendants(value):
            within.add(node)
            live.update(node.output)
            live -= {name for name in live if self._is_consumed(name, within)}
            if not self._evaluate_at_probe(node, values):
                return None
            if live == {*node.output} and (activation := _activation(values[node.output[0]])):
                return activation, node.output[0]
        return None

    def _descendants(self, value: str) -> Iterator[OnnxNode]:
        """Nodes that depend on a value, in the model's order, up to a limit."""
        heap: list[int] = []
        queued: set[int] = set()
        names: Sequence[str] = [value]
        for _ in range(MOST_NODES):
            for node in (user for name in names for user in self.users.get(name, [])[:MOST_NODES]):
                if (position := self.positions[node]) not in queued:
                    queued.add(position)
                    heappush(heap, position)
            if not heap:
                return
            yield (node := self.nodes[heappop(heap)])
            names = node.output

    @cached_property
    def positions(self) -> dict[OnnxNode, int]:
        return {node: i for i, node in enumerate(self.nodes)}

    def _is_consumed(self, name: str, within: set[OnnxNode]) -> bool:
        return name not in self.outputs and all(user in within for user in self.users.get(name, []))

    def _probe(self, value: str) -> Array:
        """Probe points, in the dtype of a value."""
        from onnx import helper

        elem_type = self._types[value].tensor_type.elem_type if value in self._types else 0
        dtype = helper.tensor_dtype_to_np_dtype(elem_type) if elem_type else np.dtype(np.float32)
        return PROBE.astype(dtype if dtype.kind == "f" else np.float32)

    def _evaluate_at_probe(self, node: OnnxNode, values: dict[str, Array]) -> bool:
        """Add the outputs of a node at the probe points; False if it cannot be evaluated there."""
        arrays = {}
        for name in filter(None, node.input):
            array = values[name] if name in values else self.constant(name)
            if array is None or (name not in values and array.size != 1):
                return False
            arrays[name] = array
        results = fold(node, arrays, self.model.opset_import, self.budget)
        values |= results or {}
        return results is not None


def _activation(values: Array) -> Layer | None:
    """Activation with these values at the probe points."""
    for make in dict.fromkeys(ACTIVATIONS.values()):
        if make is not Softmax:
            y = make().forward(PROBE)
            if values.shape == y.shape and np.allclose(y, values, TOLERANCE, TOLERANCE):
                return make()
    return None


def _nodes(model: ModelProto, arrays: Mapping[str, Array]) -> Iterator[OnnxNode]:
    """Iterate over nodes; raise an error unless in topological order with unique outputs."""
    names = {*arrays, *(one.name for one in model.graph.input)}
    names.update(one.values.name for one in model.graph.sparse_initializer)
    for proto in model.graph.node:
        node = OnnxNode.of(proto)
        outputs = [*filter(None, node.output)]
        missing = [name for name in node.input if name and name not in names]
        unique = len({*outputs}) == len(outputs) and names.isdisjoint(outputs)
        if not outputs or missing or not unique:
            fault = f"undefined input {shown(missing[0])}" if missing else "no new output names"
            raise FileError(
                f"node {shown(node.name or '/'.join(outputs))}, {shown(node.op_type)}: {fault}",
                "nodes in topological order, with unique output names",
                "export the model again, or check it with onnx.checker.check_model",
            )
        names.update(outputs)
        yield node
