"""The graph of a model in ONNX's format: constants, who reads what, and activations in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.base.errors import SettingError
from handgrad.importing.parts import ACTIVATIONS
from handgrad.layers import Array, Layer, Softmax

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

ROWS = 13  # of which an array is thought where it may have any number
# At these an activation is known by its values, which agree to so much.
PROBE, AGREES = np.linspace(-6, 6, 121), 1e-5
MOST_NODES = 20  # in which an activation is written out


def attributes(node: NodeProto) -> dict[str, Any]:
    """The attributes of a node by name."""
    from onnx import helper

    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def named(node: NodeProto) -> str:
    """A node as an error calls it."""
    return f"node {node.name or node.output[0]!r}, {node.op_type}"


class OnnxGraph:
    """The nodes of a model with one input, `constants` by name, and `users` of each value.

    Nodes that only ask for the shape of a value are none of its users.
    """

    def __init__(self, model: ModelProto) -> None:
        from onnx import numpy_helper

        self.model, graph = model, model.graph
        self.constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.users: dict[str, list[NodeProto]] = {}
        self.of_shapes: list[NodeProto] = []  # whose values follow from shapes alone
        by_shape: set[str] = set()
        for node in graph.node:
            if all(name in self.constants for name in node.input):  # known, whatever the rows are
                found = self.evaluated([node], {}, node.output)
                self.constants |= dict(zip(node.output, found or [], strict=bool(found)))
            if node.op_type == "Shape" or by_shape & {*node.input} >= {*node.input} - {
                *self.constants
            }:
                self.of_shapes.append(node)
                by_shape.update(node.output)
                continue
            for name in dict.fromkeys(node.input):
                self.users.setdefault(name, []).append(node)
        given = [one for one in graph.input if one.name not in self.constants]
        if len(given) != 1:
            raise SettingError(
                f"a model of {len(given)} inputs: {', '.join(one.name for one in given)}",
                "one input, rows of numbers",
                "the part of it that takes numbers, as a model of its own",
            )
        self.input, self.outputs = given[0].name, {out.name for out in graph.output}
        self._shapes = _shapes(model)

    def sizes(self, name: str) -> list[int] | None:
        """The shape of a value, with 0 for a size that is open; None where even that is."""
        return self._shapes.get(name)

    def axes(self, name: str) -> int | None:
        """How many axes the rows of a value have, where that is known."""
        sizes = self.sizes(name)
        return None if sizes is None else len(sizes) - 1

    def known(self, name: str) -> Array | None:
        """A constant, or what follows from shapes for as many rows as `rows` says."""
        if name in self.constants:
            return self.constants[name]
        asked = {node.input[0] for node in self.of_shapes if node.op_type == "Shape"}
        sizes = {one: self.sizes(one) for one in asked - {*self.constants}}
        probes = {
            one: np.zeros([size or ROWS for size in found], np.float32)
            for one, found in sizes.items()
            if found
        }
        found = self.evaluated(self.of_shapes, probes, [name])
        return found[0] if found else None

    @property
    def rows(self) -> int:
        """How many rows come in: those that the file says, or any number."""
        return (self.sizes(self.input) or [0])[0] or ROWS

    def constant(self, node: NodeProto, i: int) -> Array | None:
        """The constant that is the input `i` of a node; None where there is none."""
        return self.constants.get(node.input[i]) if len(node.input) > i else None

    def activation_from(self, at: str) -> tuple[Layer, str] | None:
        """The activation that nodes from a value on are together, and where its answer is.

        Nodes up to where all that comes of the value is one value again are it, or begin it.
        """
        live = {at}
        within: list[NodeProto] = []
        for node in self.model.graph.node:
            if live.isdisjoint(node.input):
                continue
            within.append(node)
            if len(within) > MOST_NODES:
                break
            live.update(node.output)
            live -= {name for name in live if self._is_used_up(name, within)}
            if live == {*node.output} and (found := self._activation(at, within)):
                return found, node.output[0]
        return None

    def _is_used_up(self, name: str, within: Sequence[NodeProto]) -> bool:
        return name not in self.outputs and all(u in within for u in self.users.get(name, []))

    def _activation(self, at: str, nodes: Sequence[NodeProto]) -> Layer | None:
        """The activation that gives what these nodes do at each place of a probe."""
        known = {name for node in nodes for name in node.input} & {*self.constants}
        if any(self.constants[name].size != 1 for name in known):
            return None
        kinds = [self.constants[name].dtype for name in known]
        dtype = next((kind for kind in kinds if kind.kind == "f"), np.dtype(np.float32))
        found = self.evaluated(nodes, {at: PROBE.astype(dtype)}, nodes[-1].output)
        for make in dict.fromkeys(ACTIVATIONS.values()):
            if found and make is not Softmax:
                y = make().forward(PROBE)
                if found[0].shape == y.shape and np.allclose(y, found[0], AGREES, AGREES):
                    return make()
        return None

    def evaluated(
        self, nodes: Sequence[NodeProto], given: Mapping[str, Array], wanted: Sequence[str]
    ) -> list[Array] | None:
        """What nodes give, by ONNX's own evaluator; None where it has none for them."""
        from onnx import helper
        from onnx.numpy_helper import from_array
        from onnx.reference import ReferenceEvaluator

        known = {name for node in nodes for name in node.input} & {*self.constants}
        x = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), None)
            for name, a in given.items()
        ]
        fixed = [from_array(self.constants[name], name) for name in known]
        out = [helper.make_empty_tensor_value_info(name) for name in wanted]
        part = helper.make_graph([*nodes], "part", x, out, fixed)
        model = helper.make_model(part, opset_imports=self.model.opset_import)
        with np.errstate(all="ignore"):
            try:
                return [*map(np.asarray, ReferenceEvaluator(model).run(None, dict(given)))]
            except (RuntimeError, TypeError, ValueError, NotImplementedError):
                return None


def _shapes(model: ModelProto) -> dict[str, list[int]]:
    """The shapes that ONNX infers for the values of a model, with 0 for a size that is open."""
    from onnx.shape_inference import infer_shapes

    graph = infer_shapes(model).graph
    typed = (one for one in (*graph.input, *graph.value_info, *graph.output))
    return {
        one.name: [size.dim_value for size in one.type.tensor_type.shape.dim]
        for one in typed
        if one.type.tensor_type.HasField("shape")
    }
