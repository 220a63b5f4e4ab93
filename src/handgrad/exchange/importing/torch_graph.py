"""Reader of a module of PyTorch with its own `forward` as layers, by torch.fx."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from handgrad.exchange.importing.branching import (
    MEETING,
    branches_from,
    concatenation_axis,
    joined,
)
from handgrad.exchange.importing.limits import layer_errors
from handgrad.exchange.importing.parts import COPY, refused, reshaped
from handgrad.exchange.importing.torch_layers import SUPPORTED, chain, leaves
from handgrad.files.paths import reason
from handgrad.textbook.layers import Flatten, Layer
from handgrad.textbook.layers.layer import Shape
from handgrad.textbook.net.branches import Join

if TYPE_CHECKING:
    from torch import fx
    from torch.nn import Module

# Modules for functions of torch and torch.nn.functional, and for methods of tensors.
MODULES = {
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "gelu": "GELU",
    "elu": "ELU",
    "selu": "SELU",
    "softplus": "Softplus",
    "mish": "Mish",
    "softmax": "Softmax",
    "dropout": "Dropout",
    "flatten": "Flatten",
    "max_pool2d": "MaxPool2d",
    "avg_pool2d": "AvgPool2d",
    "adaptive_avg_pool2d": "AdaptiveAvgPool2d",
}
JOINS: dict[str, Join] = {
    **dict.fromkeys(("add", "add_"), "sum"),
    **dict.fromkeys(("cat", "concat", "concatenate"), "concatenate"),
}
RESHAPES = ("view", "reshape")
OPERATIONS = f"{', '.join(MODULES)}, view, reshape, +, torch.cat, and the modules {SUPPORTED}"
# What may return its input, or a view of it.
VIEWS = (
    *("view", "reshape", "flatten", "contiguous", "dropout", "getitem"),
    *("Identity", "Dropout", "Flatten", "Unflatten"),
)
# Modules that return a tuple, whose first entry is the output.
IN_TUPLES = ("RNN", "GRU", "LSTM", "MultiheadAttention")
ONE_INPUT = "a forward of one tensor, without conditions on its values and loops over its rows"


@dataclass(frozen=True, eq=False)
class TorchNode:
    """A call in a module's `forward`, of a module, a function or a method; `join` if it joins."""

    call: fx.Node
    module: Module | None
    join: Join | None
    input: tuple[str, ...]
    output: tuple[str, ...]

    @property
    def path(self) -> str:
        """Path of the called module."""
        return str(self.call.target).removeprefix("0").removeprefix(".")

    def __str__(self) -> str:
        if self.module is not None:
            return f"module {self.path}, {self.module!r}"
        target = self.call.target
        return f"{getattr(target, '__name__', target)}, in forward {self.output[0]!r}"


@dataclass
class TorchGraph:
    """Graph of a module: its calls in order, the users of each value, and shapes of rows."""

    nodes: Sequence[TorchNode]
    input: str
    outputs: Collection[str]
    users: Mapping[str, Sequence[TorchNode]] = field(init=False)
    positions: Mapping[TorchNode, int] = field(init=False)
    shapes: dict[str, Shape | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.positions = {node: i for i, node in enumerate(self.nodes)}
        self.users = users_in(self.nodes)

    def part(self, nodes: Sequence[TorchNode], output: str) -> TorchGraph:
        """The same graph, of which only these nodes read values, up to `output`."""
        part = copy(self)
        part.users, part.outputs = users_in(nodes), {output}
        return part

    def described(self, names: Sequence[str]) -> str:
        """Shapes of values, for an error."""
        shapes = [self.shapes.get(name) for name in names]
        texts = [
            "of unknown shape"
            if shape is None
            else f"({', '.join('…' if size is ... else str(size) for size in ('n', *shape))})"
            for shape in shapes
        ]
        return " and ".join(texts)


def users_in(nodes: Sequence[TorchNode]) -> dict[str, list[TorchNode]]:
    """Nodes that read each value."""
    users: dict[str, list[TorchNode]] = {}
    for node in nodes:
        for name in dict.fromkeys(node.input):
            users.setdefault(name, []).append(node)
    return users


def traced(module: Module) -> TorchGraph:
    """Graph of the `forward` of a module in evaluation mode."""
    from torch import fx, nn

    modes = [(each, each.training) for each in module.modules()]
    try:
        graph_module = fx.symbolic_trace(nn.Sequential(module).eval())  # a call with one tensor
    except Exception as error:  # of the module's own code
        why = reason(error) or type(error).__name__
        raise refused(f"{type(module).__name__}.forward: {why}", ONE_INPUT) from error
    finally:
        for each, mode in modes:
            each.training = mode
    _check_writes(_graph_of(graph_module, module))
    graph_module.graph.eliminate_dead_code()
    graph = _graph_of(graph_module, module)
    _check_calls(graph.nodes)
    return graph


def _graph_of(graph_module: fx.GraphModule, module: Module) -> TorchGraph:
    """Graph of the calls that a module's `forward` makes."""
    from torch import fx

    calls = [*graph_module.graph.nodes]
    (entry,) = (call for call in calls if call.op == "placeholder")
    outputs = [each.name for each in calls[-1].all_input_nodes]
    if len(outputs) != 1 or not isinstance(calls[-1].args[0], fx.Node):
        raise refused(f"{type(module).__name__}.forward with {len(outputs)} outputs", ONE_INPUT)
    modules = dict(graph_module.named_modules())
    nodes = [
        _node(call, modules)
        for call in calls
        if call.op not in ("placeholder", "output") and not _is_size(call)
    ]
    return TorchGraph(nodes, entry.name, {*outputs})


def _node(call: fx.Node, modules: Mapping[str, Module]) -> TorchNode:
    module = modules[str(call.target)] if call.op == "call_module" else None
    values, join = call.all_input_nodes, JOINS.get(_name(call))
    joined_values = _joined_values(call) if join else []
    if joined_values:
        values = joined_values
    else:
        join = None
    names = tuple(each.name for each in values if not _is_size(each))
    return TorchNode(call, module, join, names, (call.name,))


def _name(call: fx.Node) -> str:
    """Name of a function of PyTorch or Python, or of a method; "" for others."""
    target = call.target
    if isinstance(target, str):
        return target if call.op == "call_method" else ""
    of_torch = (target.__module__ or "").split(".")[0] in ("torch", "_operator")
    return target.__name__ if of_torch else ""


def _joined_values(call: fx.Node) -> list[fx.Node]:
    """Tensors that a call adds or concatenates; empty if there are others than results of calls."""
    from torch import fx

    adds = JOINS[_name(call)] == "sum"
    others = call.kwargs.keys() - ({"other"} if adds else {"tensors", "dim"})
    values = [*call.args, *call.kwargs.values()] if adds else _argument(call, 0, "tensors", ())
    if others or not isinstance(values, list | tuple):
        return []
    nodes = [value for value in values if isinstance(value, fx.Node)]
    return nodes if len(nodes) == len(values) else []


def _argument(call: fx.Node, i: int, name: str, default: object) -> object:
    return call.args[i] if len(call.args) > i else call.kwargs.get(name, default)


def _is_size(call: fx.Node) -> bool:
    """Return True for the number of rows of a tensor, or its shape."""
    if call.op == "call_method":
        return call.target == "size"
    if call.target is getattr:
        return call.args[1:] == ("shape",)
    return call.target is operator.getitem and _is_size(call.all_input_nodes[0])


def _check_calls(nodes: Sequence[TorchNode]) -> None:
    """Raise an error for a module with weights that is called more than once."""
    calls = Counter(node.module for node in nodes if node.module is not None)
    for node in nodes:
        if node.module is not None and calls[node.module] > 1 and [*node.module.parameters()]:
            raise refused(
                f"{node}, called {calls[node.module]} times",
                "one call of each module with weights: copies would be trained apart",
            )


def _check_writes(graph: TorchGraph) -> None:
    """Raise an error for a call that writes into a tensor of which later calls read the old value.

    fx records the result of such a call as a new value, beside the old one.
    """
    memory = {graph.input: {graph.input}}  # values in the same memory as each, so far
    for position, node in enumerate(graph.nodes):
        old = memory.get(node.input[0], {node.input[0]}) if node.input else set[str]()
        if _writes(node):
            users = (user for name in old for user in graph.users.get(name, []))
            later = next((user for user in users if graph.positions[user] > position), None)
            if later is not None or not old.isdisjoint(graph.outputs):
                raise refused(
                    f"{node}, which writes into the memory of {later or 'the output'}",
                    "calls that leave the tensors that others read as they are",
                    "inplace=False, or a method without _",
                )
        shares = _writes(node) or _name(node.call) in VIEWS or type(node.module).__name__ in VIEWS
        together = old if shares else set[str]()
        together.update(node.output)
        memory |= dict.fromkeys(node.output, together)


def _writes(node: TorchNode) -> bool:
    """Return True for a call that may write into its first tensor."""
    call, name = node.call, _name(node.call)
    flags = [*call.args[1:], call.kwargs.get("inplace"), getattr(node.module, "inplace", False)]
    return name.endswith("_") or any(flag is True for flag in flags)


@dataclass(frozen=True)
class TorchReader:
    """Reader of a graph, or of a branch `level` levels within branches."""

    graph: TorchGraph
    level: int = 0

    def layers(self, value: str, axes: int | None = None) -> tuple[list[Layer], int | None]:
        """Layers from a value to the output, and the number of axes of a row there, if known."""
        graph, layers = self.graph, list[Layer]()
        while users := graph.users.get(value, []):
            shape = graph.shapes.get(value)
            if len(users) == 1:
                with layer_errors(str(users[0]), "inputs or settings", COPY):
                    new, axes = self._of_node(users[0], axes)
                    shape = _shape_after(new, shape)
                value = users[0].output[0]
            else:
                new, axes, value = self._of_branches(value, axes)
                shape = _shape_after(new, shape)
            graph.shapes[value] = shape
            layers += new
        if value not in graph.outputs:
            raise refused(f"{value!r}, which leads to no output", OPERATIONS)
        return layers, axes

    def _of_node(self, node: TorchNode, axes: int | None) -> tuple[list[Layer], int | None]:
        """Layers of the only user of a value, and the number of axes after it."""
        call, name = node.call, _name(node.call)
        if len({*node.input}) == 1:
            if node.module is not None and _takes_one(node):
                return chain(leaves(node.module, node.path), axes)
            if name == "contiguous" or (name == "getitem" and _is_output(call)):
                return [], axes
            if name in RESHAPES and not call.kwargs:
                sizes = _row_sizes(call)
                return ([reshaped(sizes)], len(sizes)) if sizes else ([Flatten()], 1)
            if name in MODULES and call.args:
                return chain([(call.name, _module(call))], axes)
        raise refused(f"{node}, of {self.graph.described(node.input)}", OPERATIONS)

    def _of_branches(self, value: str, axes: int | None) -> tuple[list[Layer], int | None, str]:
        """Layers of the branches from a value, the number of axes after them, and their output."""
        graph, level = self.graph, self.level + 1
        branches, join = branches_from(graph, value, level)
        parts, all_axes = list[list[Layer]](), list[int | None]()
        for branch in branches:
            reader = replace(self, graph=graph.part(branch.nodes, branch.end), level=level)
            layers, axes_there = reader.layers(value, axes)
            parts.append(layers)
            all_axes.append(axes_there)
        place = f"{join}, of {graph.described(join.input)}, where branches from {value!r} meet"
        known = next((n for n in all_axes if n is not None), None)
        if join.join is None:
            raise refused(place, MEETING)
        axis, n_axes = -1, None if known is None else known + 1
        if join.join == "concatenate":
            axis = concatenation_axis(place, _dimension(join.call), n_axes)
        with layer_errors(place, "shapes", COPY):
            return joined(parts, join.join, axis, n_axes or 0), known, join.output[0]


def _shape_after(layers: Sequence[Layer], shape: Shape | None) -> Shape | None:
    """Shape of a row after layers, if known."""
    for layer in layers:
        shape = shape or layer.shape_in
        shape = None if shape is None else layer.shape_out(shape)
    return shape


def _takes_one(node: TorchNode) -> bool:
    """Return True if a module is called with one tensor, attention with three times the same."""
    from torch import fx

    call, n = node.call, 3 if type(node.module).__name__ == "MultiheadAttention" else 1
    arguments = {**dict(enumerate(call.args)), **call.kwargs}
    others = {key for key, value in arguments.items() if not isinstance(value, fx.Node)}
    return len(arguments) - len(others) == n and others <= {"need_weights", "average_attn_weights"}


def _is_output(call: fx.Node) -> bool:
    """Return True for the first entry of what a recurrent module or attention returns."""
    value, i = call.all_input_nodes[0], call.args[1]
    if value.op != "call_module" or call.graph.owning_module is None or i != 0:
        return False
    return type(call.graph.owning_module.get_submodule(str(value.target))).__name__ in IN_TUPLES


def _row_sizes(call: fx.Node) -> list[int]:
    """Sizes of a row after a reshape; none for one axis of all numbers."""
    sizes = call.args[1:]
    rows, *others = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else sizes
    if (rows == -1 or _is_rows(rows)) and others == [-1]:
        return []
    fixed = [size for size in others if isinstance(size, int) and size > 0]
    if not fixed or len(fixed) < len(others) or not (rows == -1 or _is_rows(rows)):
        raise refused(f"{_name(call)} to {sizes}", "reshape to x.size(0) or -1 rows of fixed sizes")
    return fixed


def _is_rows(size: object) -> bool:
    """Return True for the size of axis 0."""
    from torch import fx

    if not isinstance(size, fx.Node) or not _is_size(size):
        return False
    return size.args[1:] == (0,) or size.kwargs == {"dim": 0}


def _module(call: fx.Node) -> Module:
    """Module that does the same as a function."""
    from torch import nn

    name = _name(call)
    settings = {key: value for key, value in call.kwargs.items() if value is not None}
    settings.pop("_stacklevel", None)
    arguments = call.args[1:]
    if name == "flatten" and not arguments:
        settings.setdefault("start_dim", 0)
    if name == "dropout":
        if _argument(call, 2, "training", True):
            raise refused(f"{name} in prediction too", "training=self.training")
        arguments = arguments[:1]
        settings.pop("training", None)
    return getattr(nn, MODULES[name])(*arguments, **settings)


def _dimension(call: fx.Node) -> int:
    axis = _argument(call, 1, "dim", 0)
    return axis if isinstance(axis, int) else 0
