"""Reader of an ONNX graph as layers: chains of nodes, and branches that meet again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from handgrad.exchange.importing.branching import (
    MEETING,
    branches_from,
    concatenation_axis,
    joined,
)
from handgrad.exchange.importing.limits import LayerLimits, layer_errors
from handgrad.exchange.importing.onnx_folding import OnnxNode
from handgrad.exchange.importing.onnx_graph import OnnxGraph
from handgrad.exchange.importing.onnx_layers import (
    POSITION_DEPENDENT,
    Layers,
    layers_from,
    per_feature,
)
from handgrad.exchange.importing.onnx_recurrence import (
    RECURRENT,
    recurrent_layer,
    swaps_batch_and_time,
)
from handgrad.exchange.importing.parts import COPY, refused
from handgrad.textbook.layers import Layer, Standardize
from handgrad.textbook.net.branches import Join

SUPPORTED = (
    "Gemm, or MatMul and Add, Conv, MaxPool, AveragePool, GlobalAveragePool, "
    "BatchNormalization, LayerNormalization, Flatten, Reshape, Transpose, Gather from a table, "
    "RNN, GRU, LSTM, activations, branches that meet in Add or Concat, "
    "and addition, subtraction, multiplication and division per feature"
)
JOINS: dict[str, Join] = {"Add": "sum", "Sum": "sum", "Concat": "concatenate"}
AGAIN = "export the model again, or check that the file is complete"
BRANCHES_HINT = f"hg.exchange.from_torch, for attention in PyTorch; else {COPY}"
IDENTITY_IN_PREDICTION = ("Identity", "Dropout", "Cast")
LABELS = ("ArgMax", "ZipMap")  # convert the output to labels


@dataclass(frozen=True)
class OnnxReader:
    """Reader of a graph, or of a branch `level` levels within branches."""

    graph: OnnxGraph
    limits: LayerLimits
    level: int = 0

    def layers(self, value: str, time_first: bool = False) -> tuple[list[Layer], bool]:
        """Layers from a value to the output, and if time is the first axis there.

        Time is the first axis between recurrent nodes.
        """
        graph, layers = self.graph, list[Layer]()
        while users := [user for user in graph.users.get(value, []) if user.op_type not in LABELS]:
            new, value, time_first = self._next(users, value, time_first)
            layers += new
        if value not in graph.outputs or (time_first and not self.level):
            raise refused(f"the chain that ends at {value!r}", SUPPORTED)
        return _merged(layers), time_first

    def _next(
        self, users: Sequence[OnnxNode], value: str, time_first: bool
    ) -> tuple[Sequence[Layer], str, bool]:
        """Layers of the users of a value, the name of their output, and if time is first there."""
        with layer_errors(str(users[0]), "inputs or attributes", AGAIN):
            if len(users) == 1:
                return self._of_node(users[0], value, time_first)
            if activation := self.graph.activation_from(value):
                return self._counted(activation[0]), activation[1], time_first
        return self._of_branches(value, time_first)

    def _of_node(
        self, node: OnnxNode, value: str, time_first: bool
    ) -> tuple[Sequence[Layer], str, bool]:
        """The same for the only user of a value."""
        graph = self.graph
        if node.op_type in IDENTITY_IN_PREDICTION:
            return [], node.output[0], time_first
        if swaps_batch_and_time(node):
            return [], node.output[0], not time_first
        if node.op_type in RECURRENT:
            layer, value, time_first = recurrent_layer(graph, node, time_first)
            return self._counted(layer), value, time_first
        conversion = layers_from(graph, node, value) or graph.activation_from(value)
        conversion = conversion or per_feature(graph, node, value)
        if conversion is None or (time_first and node.op_type in POSITION_DEPENDENT):
            raise refused(f"{node}, of {graph.described(node.input)}", SUPPORTED)
        layers, value = conversion
        return self._counted(layers), value, time_first

    def _counted(self, layers: Layers) -> Sequence[Layer]:
        layers = [layers] if isinstance(layers, Layer) else layers
        for layer in layers:
            self.limits.take(layer)
        return layers

    def _of_branches(self, value: str, time_first: bool) -> tuple[Sequence[Layer], str, bool]:
        """Layers of the branches from a value, the name of their output, and if time is first."""
        graph, level = self.graph, self.level + 1
        branches, join = branches_from(graph, value, level)
        self.limits.take_layers(len(branches) + 1)  # Nets and a Parallel
        parts, orders = list[list[Layer]](), set[bool]()
        for branch in branches:
            reader = replace(self, graph=graph.part(branch.nodes, branch.end), level=level)
            layers, order = reader.layers(value, time_first)
            parts.append(layers)
            orders.add(order)
        place = f"{join}, of {graph.described(join.input)}, where branches from {value!r} meet"
        axis = self._joined_axis(join, place)
        if len(parts) < len(join.input) or len(orders) > 1 or (time_first and axis != -1):
            raise refused(place, MEETING, BRANCHES_HINT)
        with layer_errors(place, "shapes", AGAIN):
            n_axes = 1 + (graph.axes(join.input[0]) or 0)
            layers = joined(parts, JOINS[join.op_type], axis, n_axes)
        return layers, join.output[0], orders.pop()

    def _joined_axis(self, join: OnnxNode, place: str) -> int:
        """Axis of a concatenation, -1 for the last and for a sum; an error for other nodes."""
        if join.op_type not in JOINS:
            raise refused(place, MEETING, BRANCHES_HINT)
        shapes = [shape for name in join.input if (shape := self.graph.sizes(name)) is not None]
        axis = -1
        if JOINS[join.op_type] == "concatenate":
            n_axes = len(shapes[0]) if shapes else None
            axis = concatenation_axis(place, join.attributes.get("axis", 0), n_axes)
        same_length = len({len(shape) for shape in shapes}) < 2
        if JOINS[join.op_type] == "concatenate" and same_length:
            for shape in shapes:
                shape[axis] = 0  # any size
        if not same_length or any(len({*sizes} - {0}) > 1 for sizes in zip(*shapes, strict=True)):
            raise refused(place, "branches of the same shape")
        return axis


def _merged(layers: Iterable[Layer]) -> list[Layer]:
    """Merge consecutive layers that shift and scale."""
    merged: list[Any] = []
    for layer in layers:
        if merged and isinstance(layer, Standardize) and isinstance(merged[-1], Standardize):
            first = merged.pop()
            mean = first.mean + layer.mean * first.scale
            layer = Standardize(mean, first.scale * layer.scale)
        merged.append(layer)
    return merged
