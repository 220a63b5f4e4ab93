"""What is explained: a recorded step of a net, with the optimizer's step joined to it, and values.

The rule of an optimizer is recorded for one flat array; here it stands once for each parameter,
on the nodes of that parameter and of its gradient. So one list of nodes goes from the rows to the
new weights.
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
class Recorded:
    """Nodes with their values for `n` rows, and what they are called.

    `names` are those of the lines, `addresses` those by which a number is asked for: `1.dx`.
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
        """What a number is called: `W_0[2,0]`."""
        name = self.names.get(node, "")
        return name + (f"[{','.join(map(str, index))}]" if index else "")

    def add(self, node: Node, value: object, name: str = "", address: str = "") -> int:
        """One node more; its number."""
        i = len(self.nodes)
        self.nodes.append(node)
        self.values.append(np.asarray(value))
        if name:
            self.names[i] = name
            self.addresses.setdefault(address or name, i)
        return i


def recorded(
    net: Net, x: Inputs, y: Array | None, loss: Loss | None, penalty: Penalty | None
) -> Recorded:
    """The step of a net on rows: forward and backward with a loss, else the prediction."""
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
    found = Recorded(n, [*graph.nodes], [*map(np.asarray, values)], names, dict(graph.pages))
    found.inputs, found.gradients = dict(graph.leaves.inputs), dict(graph.outputs.gradients)
    found.addresses = dict(_addresses(graph, names))
    return found


def streams(net: Net) -> dict[str, np.random.Generator]:
    """Copies of the random streams of the layers, by path; new ones, where they have none yet."""
    twin = copy.deepcopy(net)
    if any("rng" not in vars(layer) for _, layer in twin.walk()):
        twin.seed(0)
    return {path: layer.rng for path, layer in twin.walk()}


def _addresses(graph: Graph, names: Mapping[int, str]) -> Iterator[tuple[str, int]]:
    """How the nodes are asked for: `x`, `0.W`, `0.z`, `0.dW`, `loss`."""
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


def join_update(found: Recorded, net: Net, optimizer: Optimizer) -> None:
    """Join the first step of an optimizer to what was recorded, for each parameter it changes."""
    parts = [*_grouped(net, parameter_groups(net, optimizer))]
    given = {"step": _given(found, 1, "step")}
    if optimizer.clip_norm is not None:
        given["dw_norm"] = _norm(found, [name for name, _, _ in parts])
    rates: dict[float, int] = {}
    for name, own, factor in parts:
        rate = optimizer.learning_rate * factor
        if rate not in rates:
            rates[rate] = _given(found, rate, "learning_rate" + "'" * len(rates))
        _join_rule(found, trace(own), name, {**given, "learning_rate": rates[rate]})


def _given(found: Recorded, value: float, name: str) -> int:
    number = np.asarray(value)
    found.inputs[name] = found.add(Node(Op.LEAF, (), {}, (), number.dtype), number, name)
    return found.inputs[name]


def _grouped(net: Net, groups: Sequence[ParameterGroup]) -> Iterator[tuple[str, Optimizer, float]]:
    """The parameters that an optimizer changes: name, its optimizer, the factor of its rate."""
    start = 0
    for name, array in net.named_parameters().items():
        for group in groups:
            if any(part.start <= start < part.stop for part in group.slices):
                yield name, group.optimizer, group.factor
        start += array.size


def _norm(found: Recorded, names: Sequence[str]) -> int:
    """The length of all gradients together, as `take_step` finds it."""
    lines, first = inspect.getsourcelines(take_step)
    line = next(k for k, text in enumerate(lines) if "np.sqrt" in text)
    origin = Origin(inspect.getfile(take_step), first + line, "clip_norm", UPDATE)

    def add(op: Op, arguments: tuple[object, ...], value: Array, name: str = "") -> int:
        shape, dtype = np.shape(value), np.asarray(value).dtype
        return found.add(Node(op, arguments, {}, shape, dtype, origin), value, name)

    sums: list[int] = []
    for name in names:
        i = found.gradients[name]
        square = add(Op.SQUARE, (Ref(i),), found.values[i] ** 2)
        label = f"squares_{found.names[found.addresses[name]]}"
        sums.append(add(Op.SUM, (Ref(square),), found.values[square].sum(), label))
    stacked = np.stack([found.values[i] for i in sums])
    both = add(Op.STACK, ([*map(Ref, sums)],), stacked)
    total = add(Op.SUM, (Ref(both),), stacked.sum())
    return add(Op.SQRT, (Ref(total),), np.sqrt(found.values[total]), "dw_norm")


def _join_rule(found: Recorded, rule: Graph, name: str, given: Mapping[str, int]) -> None:
    """The nodes of a rule once more, on those of a parameter and its gradient."""
    parameter = found.addresses[name]
    label, w = found.names[parameter], found.values[parameter]
    places = {rule.leaves.parameters["w"]: parameter}
    places[rule.leaves.inputs["dw"]] = found.gradients[name]
    places |= {i: given[known] for known, i in rule.leaves.inputs.items() if known in given}
    for state, i in rule.leaves.state.items():
        node, zeros = Node(Op.LEAF, (), {}, w.shape, w.dtype), np.zeros_like(w)
        places[i] = found.add(node, zeros, f"{state}_{label}", f"{name}.{state}")
    # numbers stay Python's own, which leave float32 as it is
    raw: dict[int, Any] = {i: found.values[i].item() for i in given.values()}
    if "dw_norm" in given:
        raw[given["dw_norm"]] = found.values[given["dw_norm"]][()]
    names = names_of(rule.nodes, rule.leaves.named(), rule.outputs.named())
    section = f"{UPDATE} {name}"
    found.pages[section] = rule.title
    for i, node in enumerate(rule.nodes):
        if i in places:
            continue
        here = node.map(lambda a: Ref(places[a.node]) if isinstance(a, Ref) else at(a, w.size))
        origin = node.origin and replace(node.origin, layer=section, method=UPDATE)
        here = replace(here, shape=w.shape, origin=origin)
        with np.errstate(all="ignore"):
            value = here.map(
                lambda a: raw.get(a.node, found.values[a.node]) if isinstance(a, Ref) else a
            )
            computed = node.operation.compute(*value.arguments, **value.options)
        own = _name_for(label, names[i]) if i in names else ""
        while own and own in found.names.values():
            own += "'"
        places[i] = found.add(here, computed, own, f"{name}.{names.get(i)}")
        raw[places[i]] = computed
    found.addresses[f"new {name}"] = places[rule.outputs.new_parameters["w"]]


def _name_for(label: str, name: str) -> str:
    """What a line of a rule is called for one parameter: `new_W_0`, `dW_0'`, `m_W_0'`."""
    own = name.rstrip("'")
    known = {"new_w": f"new_{label}", "dw": f"d{label}", "w": label}
    return known.get(own, f"{own}_{label}") + name[len(own) :]
