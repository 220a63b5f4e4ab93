"""Traced step of a net with its values, joined with the optimizer's step.

The rule of an optimizer is traced for one flat array; here it is repeated for each parameter, on
the nodes of that parameter and its gradient. So one list of nodes leads from the rows to the new
weights.
"""

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handgrad.graph import Graph, trace, values_of
from handgrad.graph.nodes import Node, Origin
from handgrad.graph.operations import Op
from handgrad.graph.printing import names_of
from handgrad.graph.symbolic import Ref, at
from handgrad.learn.explaining.terms import Index
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import Inputs, number_of_rows
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.optimizers.optimizer import ParameterGroup, parameter_groups, take_step
from handgrad.textbook.penalties import Penalty

UPDATE = "update"


@dataclass
class TracedStep:
    """Nodes with their values for `n` rows, and their names.

    `names` are those of the lines, `addresses` those for access: `1.dx`.
    """

    n: int
    nodes: list[Node]
    values: list[Array]
    names: dict[int, str]
    pages: dict[str, str]
    addresses: dict[str, int] = field(default_factory=dict)
    gradients: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)

    def called(self, node: int, index: Index) -> str:
        """Name of an element: `W_0[2,0]`."""
        name = self.names.get(node, "")
        return name + (f"[{','.join(map(str, index))}]" if index else "")

    def add(self, node: Node, value: object, name: str = "", address: str = "") -> int:
        """Append a node; returns its index."""
        i = len(self.nodes)
        self.nodes.append(node)
        self.values.append(np.asarray(value))
        if name:
            self.names[i] = name
            self.addresses.setdefault(address or name, i)
        return i


def traced_step(
    net: Net, x: Inputs, y: Array | None, loss: Loss | None, penalty: Penalty | None
) -> TracedStep:
    """Trace a step of a net on rows: forward and backward with a loss, else the prediction."""
    training = loss is not None
    graph = trace(net, loss, penalty, x=x, y=y, training=training)
    n = number_of_rows(x)
    inputs: dict[str, Any] = {}
    for name, value in {"x": x, "y": y}.items():
        if isinstance(value, tuple):
            inputs |= {f"{name}[{i}]": part for i, part in enumerate(value)}
        else:
            inputs[name] = value
    with np.errstate(all="ignore"):
        values = values_of(graph, inputs, n, net.state(), streams(net))
    names = names_of(graph.nodes, graph.leaves.named(), graph.outputs.named())
    step = TracedStep(n, [*graph.nodes], [*map(np.asarray, values)], names, dict(graph.pages))
    step.inputs, step.gradients = dict(graph.leaves.inputs), dict(graph.outputs.gradients)
    step.addresses = dict(_addresses(graph, names))
    return step


def streams(net: Net) -> dict[str, np.random.Generator]:
    """Copies of the random streams of the layers, by path; new ones if they have none yet."""
    twin = copy.deepcopy(net)
    if any("rng" not in vars(layer) for _, layer in twin.walk()):
        twin.seed(0)
    return {path: layer.rng for path, layer in twin.walk()}


def _addresses(graph: Graph, names: Mapping[int, str]) -> Iterator[tuple[str, int]]:
    """Addresses of the nodes: `x`, `0.W`, `0.z`, `0.dW`, `loss`."""
    yield from graph.leaves.named()
    for i, name in names.items():
        origin = graph.nodes[i].origin
        if origin is None:
            continue
        suffix = f"_{origin.layer.replace('.', '_')}"
        own, primes = name.rstrip("'"), len(name) - len(name.rstrip("'"))
        short = own.removesuffix(suffix) + "'" * primes
        yield (f"{origin.layer}.{short}" if origin.layer else short), i
    for name, i in graph.outputs.gradients.items():
        path, _, last = name.rpartition(".")
        yield (f"{path}.d{last}" if path else f"d{last}"), i
    if graph.outputs.loss is not None:
        yield "loss", graph.outputs.loss


def join_update(step: TracedStep, net: Net, optimizer: Optimizer) -> None:
    """Append the first step of an optimizer to the traced step, for each parameter it changes."""
    parts = [*_grouped(net, parameter_groups(net, optimizer))]
    settings = {"step": _add_input(step, 1, "step")}
    if optimizer.clip_norm is not None:
        settings["dw_norm"] = _norm(step, [name for name, _, _ in parts])
    rates: dict[float, int] = {}
    for name, own, factor in parts:
        rate = optimizer.learning_rate * factor
        if rate not in rates:
            rates[rate] = _add_input(step, rate, "learning_rate" + "'" * len(rates))
        parameter = net.named_parameters()[name]
        _join_rule(step, trace(own, x=parameter), name, {**settings, "learning_rate": rates[rate]})


def _add_input(step: TracedStep, value: float, name: str) -> int:
    number = np.asarray(value)
    step.inputs[name] = step.add(Node(Op.LEAF, (), {}, (), number.dtype), number, name)
    return step.inputs[name]


def _grouped(net: Net, groups: Sequence[ParameterGroup]) -> Iterator[tuple[str, Optimizer, float]]:
    """Parameters that an optimizer changes: name, optimizer, factor of the learning rate."""
    start = 0
    for name, array in net.named_parameters().items():
        for group in groups:
            if any(part.start <= start < part.stop for part in group.slices):
                yield name, group.optimizer, group.factor
        start += array.size


def _norm(step: TracedStep, names: Sequence[str]) -> int:
    """The norm of all gradients, as `take_step` computes it."""
    lines, first = inspect.getsourcelines(take_step)
    line = next(k for k, text in enumerate(lines) if "np.sqrt" in text)
    origin = Origin(inspect.getfile(take_step), first + line, "clip_norm", UPDATE)

    def add(op: Op, arguments: tuple[object, ...], value: Array, name: str = "") -> int:
        shape, dtype = np.shape(value), np.asarray(value).dtype
        return step.add(Node(op, arguments, {}, shape, dtype, origin), value, name)

    sums: list[int] = []
    for name in names:
        i = step.gradients[name]
        square = add(Op.SQUARE, (Ref(i),), step.values[i] ** 2)
        label = f"squares_{step.names[step.addresses[name]]}"
        sums.append(add(Op.SUM, (Ref(square),), step.values[square].sum(), label))
    stacked = np.stack([step.values[i] for i in sums])
    both = add(Op.STACK, ([*map(Ref, sums)],), stacked)
    total = add(Op.SUM, (Ref(both),), stacked.sum())
    return add(Op.SQRT, (Ref(total),), np.sqrt(step.values[total]), "dw_norm")


def _join_rule(step: TracedStep, rule: Graph, name: str, settings: Mapping[str, int]) -> None:
    """Append the nodes of a rule for one parameter and its gradient."""
    parameter = step.addresses[name]
    label, w = step.names[parameter], step.values[parameter]
    places = {rule.leaves.parameters["w"]: parameter}
    places[rule.leaves.inputs["dw"]] = step.gradients[name]
    places |= {i: settings[known] for known, i in rule.leaves.inputs.items() if known in settings}
    for state, i in rule.leaves.state.items():
        node, zeros = Node(Op.LEAF, (), {}, w.shape, w.dtype), np.zeros_like(w)
        places[i] = step.add(node, zeros, f"{state}_{label}", f"{name}.{state}")
    # Python numbers, which do not promote float32
    raw: dict[int, Any] = {i: step.values[i].item() for i in settings.values()}
    if "dw_norm" in settings:
        raw[settings["dw_norm"]] = step.values[settings["dw_norm"]][()]
    names = names_of(rule.nodes, rule.leaves.named(), rule.outputs.named())
    section = f"{UPDATE} {name}"
    step.pages[section] = rule.title
    for i, node in enumerate(rule.nodes):
        if i in places:
            continue
        here = node.map(lambda a: Ref(places[a.node]) if isinstance(a, Ref) else at(a, w.size))
        origin = node.origin and replace(node.origin, layer=section, method=UPDATE)
        here = replace(here, shape=w.shape, origin=origin)
        with np.errstate(all="ignore"):
            value = here.map(
                lambda a: raw.get(a.node, step.values[a.node]) if isinstance(a, Ref) else a
            )
            computed = node.operation.compute(*value.arguments, **value.options)
        own = name_for(label, names[i]) if i in names else ""
        while own and own in step.names.values():
            own += "'"
        places[i] = step.add(here, computed, own, f"{name}.{names.get(i)}")
        raw[places[i]] = computed
    step.addresses[f"new {name}"] = places[rule.outputs.new_parameters["w"]]


def name_for(label: str, name: str) -> str:
    """Name of a rule's line for one parameter: `new_W_0`, `dW_0'`, `m_W_0'`."""
    own = name.rstrip("'")
    known = {"new_w": f"new_{label}", "dw": f"d{label}", "w": label}
    return known.get(own, f"{own}_{label}") + name[len(own) :]
