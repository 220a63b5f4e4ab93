"""Graph of an ONNX model: constants, users of values, and composed activations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from handgrad.exchange.importing.limits import Budget, check_count
from handgrad.exchange.importing.onnx_folding import Node, folded
from handgrad.exchange.importing.onnx_shapes import inferred_types, sizes_of
from handgrad.exchange.importing.parts import ACTIVATIONS
from handgrad.files.tensors import shown
from handgrad.textbook.errors import FileError, SettingError
from handgrad.textbook.layers import Array, Layer, Softmax

if TYPE_CHECKING:
    from onnx import ModelProto, TypeProto

ROWS = 13  # of which an array is thought where it may have any number
# At these an activation is known by its values, which agree to so much.
PROBE, AGREES = np.linspace(-6, 6, 121), 1e-5
MOST_NODES = 20  # in which an activation is written out
MOST_IN_A_MODEL = 50_000  # nodes; a net of 1000 layers has them, each in many nodes


class OnnxGraph:
    """The nodes of a model with one input, the `arrays` in its file, and `users` of each value.

    Nodes that only ask for the shape of a value are none of its users. What nodes make of constants
    is computed when it is asked for, once.
    """

    def __init__(self, model: ModelProto, arrays: Mapping[str, Array], budget: Budget) -> None:
        check_count(len(model.graph.node), MOST_IN_A_MODEL, "nodes")
        self.model, self.arrays, self.budget = model, arrays, budget
        self.nodes = [*_nodes(model, arrays)]
        self.users: dict[str, list[Node]] = {}
        self._fixed = {*arrays}  # what follows from constants alone
        self._makers: dict[str, Node] = {}  # of what follows from constants and shapes
        self._values: dict[str, Array | None] = {**arrays}  # of that, what is computed by now
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
        given = [one.name for one in model.graph.input if one.name not in arrays]
        if len(given) != 1:
            raise SettingError(
                f"a model of {len(given)} inputs: {shown(', '.join(given[:20]))}",
                "one input, rows of numbers",
                "the part of it that takes numbers, as a model of its own",
            )
        self.input, self.outputs = given[0], {out.name for out in model.graph.output}

    def sizes(self, name: str) -> list[int] | None:
        """Shape of a value, with 0 for dynamic sizes; None if unknown."""
        return sizes_of(self._types.get(name))

    def axes(self, name: str) -> int | None:
        """Number of axes of the rows of a value, if known."""
        sizes = self.sizes(name)
        return None if sizes is None else len(sizes) - 1

    @property
    def rows(self) -> int:
        """Numbers of input rows to consider: that of the file, or any."""
        return (self.sizes(self.input) or [0])[0] or ROWS

    def constant(self, name: str) -> Array | None:
        """Constant that follows from constants of the file; None otherwise."""
        return self.known(name) if name in self._fixed else None

    def known(self, name: str) -> Array | None:
        """Constant, also one that follows from shapes with `rows`."""
        waiting = [name]
        while waiting and (at := waiting[-1]) in self._makers:
            if at in self._values:
                waiting.pop()
            elif missing := self._not_computed(self._makers[at]):
                waiting += missing
            else:
                self._compute(self._makers[at])
        return self._values.get(name)

    def _not_computed(self, node: Node) -> list[str]:
        """Predecessors of a node that are not computed yet, in order."""
        if self._asks_for_a_shape(node):
            return []
        return [name for name in node.input if name and name not in self._values]

    def _asks_for_a_shape(self, node: Node) -> bool:
        return node.op_type == "Shape" and node.reads(0) not in self._fixed

    def _compute(self, node: Node) -> None:
        found: Mapping[str, Array] | None = None
        given = {name: self._values.get(name) for name in node.input if name}
        known = {name: value for name, value in given.items() if value is not None}
        if self._asks_for_a_shape(node):
            sizes = self.sizes(node.reads(0))
            if sizes is not None:
                part = slice(node.attributes.get("start"), node.attributes.get("end"))
                found = {node.output[0]: np.array([size or ROWS for size in sizes][part], np.int64)}
        elif known.keys() == given.keys():
            found = folded(node, known, self.model.opset_import, self.budget)
        self._values |= {name: (found or {}).get(name) for name in node.output}

    @cached_property
    def _types(self) -> dict[str, TypeProto]:
        return inferred_types(self.model, self.nodes, self.arrays, self.constant)

    def activation_from(self, at: str) -> tuple[Layer, str] | None:
        """The activation that nodes from a value on are together, and where its answer is.

        Nodes up to where all that comes of the value is one value again are it, or begin it.
        """
        live, values = {at}, {at: self._probe(at)}
        within: set[Node] = set()
        for node in self._behind(at):
            within.add(node)
            live.update(node.output)
            live -= {name for name in live if self._is_used_up(name, within)}
            if not self._follow(node, values):
                return None
            if live == {*node.output} and (found := _activation(values[node.output[0]])):
                return found, node.output[0]
        return None

    def _behind(self, at: str) -> Iterator[Node]:
        """Nodes that depend on a value, in the order of the model, up to a limit."""
        waiting: list[int] = []
        seen: set[int] = set()
        names: Sequence[str] = [at]
        for _ in range(MOST_NODES):
            for node in (user for name in names for user in self.users.get(name, [])[:MOST_NODES]):
                if (place := self._places[node]) not in seen:
                    seen.add(place)
                    heappush(waiting, place)
            if not waiting:
                return
            yield (node := self.nodes[heappop(waiting)])
            names = node.output

    @cached_property
    def _places(self) -> dict[Node, int]:
        return {node: i for i, node in enumerate(self.nodes)}

    def _is_used_up(self, name: str, within: set[Node]) -> bool:
        return name not in self.outputs and all(u in within for u in self.users.get(name, []))

    def _probe(self, at: str) -> Array:
        """Probe input, of the type of a value."""
        from onnx import helper

        kind = self._types[at].tensor_type.elem_type if at in self._types else 0
        dtype = helper.tensor_dtype_to_np_dtype(kind) if kind else np.dtype(np.float32)
        return PROBE.astype(dtype if dtype.kind == "f" else np.float32)

    def _follow(self, node: Node, values: dict[str, Array]) -> bool:
        """Add what a node gives for the probe; whether it could, with constants of one number."""
        given = {}
        for name in filter(None, node.input):
            value = values[name] if name in values else self.constant(name)
            if value is None or (name not in values and value.size != 1):
                return False
            given[name] = value
        found = folded(node, given, self.model.opset_import, self.budget)
        values |= found or {}
        return found is not None


def _activation(values: Array) -> Layer | None:
    """Activation with these values at the probe points."""
    for make in dict.fromkeys(ACTIVATIONS.values()):
        if make is not Softmax:
            y = make().forward(PROBE)
            if values.shape == y.shape and np.allclose(y, values, AGREES, AGREES):
                return make()
    return None


def _nodes(model: ModelProto, arrays: Mapping[str, Array]) -> Iterator[Node]:
    """Nodes in topological order, with unique outputs."""
    there = {*arrays, *(one.name for one in model.graph.input)}
    there.update(one.values.name for one in model.graph.sparse_initializer)
    for proto in model.graph.node:
        node = Node.of(proto)
        given = [*filter(None, node.output)]
        missing = [name for name in node.input if name and name not in there]
        if not given or missing or len({*given}) < len(given) or not there.isdisjoint(given):
            wrong = f"it reads {shown(missing[0])}" if missing else "gives a name that is taken"
            raise FileError(
                f"node {shown(node.name or '/'.join(given))}, {shown(node.op_type)}: {wrong}",
                "nodes in their order, each of which gives values of its own names",
                "write the model again, or check it by onnx.checker.check_model",
            )
        there.update(given)
        yield node
