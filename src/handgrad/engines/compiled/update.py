"""The optimizer's rule, in one loop over all parameters."""

from collections.abc import Mapping, Sequence

from handgrad.engines.compiled.elements import Elements
from handgrad.engines.compiled.loops import (
    Expression,
    For,
    Let,
    Statement,
    Store,
    Type,
    Var,
    plus,
    whole,
)
from handgrad.engines.compiled.sharing import loop_in_parts
from handgrad.engines.compiled.storage import Place, users_of
from handgrad.errors import CannotLowerError
from handgrad.graph.graph import Graph

Body = list[Statement]


def memory_of(rule: Graph) -> list[str]:
    """What the optimizer remembers from step to step: the leaves that are its own."""
    return [name for name in rule.leaves if name not in ("w", "dw", "learning_rate", "step")]


def update(rule: Graph, trainable: Sequence[slice], step: Elements) -> Body:
    """The optimizer's rule for every trainable parameter; plain numbers once before."""
    elements = Elements(rule, step.constants, step.counters, plain_numbers=True)
    buffers = {"w": "P", "dw": "G"} | {name: f"M{k}" for k, name in enumerate(memory_of(rule))}
    for name, i in rule.leaves.items():
        variable = name not in buffers
        type: Type = "int" if name == "step" else "double" if variable else "float"
        elements.places[i] = Place(buffers.get(name, name), whole(0), type, variable)
    body: Body = [Let("step", plus(Var("step", "int"), whole(1)))]
    for i, node in enumerate(rule.nodes):
        if node.operation in ("sum", "max", "min", "prod", "einsum"):
            raise CannotLowerError(f"{node.operation} in an update rule")
        if node.shape == () and node.operation != "leaf":
            body += _named(elements, i, [])
    for part in trainable:
        counter = elements.new("i")
        places: Mapping[int, Place] = dict(elements.places)
        at = plus(whole(part.start), counter)
        values, stores = _rule_at(elements, rule, at, buffers)
        size = part.stop - part.start
        loop = For(counter.name, whole(size), values + stores)
        body.append(loop_in_parts(elements, loop, size, size))
        elements.places = dict(places)
    return body


def _rule_at(
    elements: Elements, rule: Graph, at: Expression, buffers: Mapping[str, str]
) -> tuple[Body, Body]:
    """The new values at one place, and the statements that put them there."""
    users = users_of(rule)
    targets = [(i, buffers[name.removeprefix("new ")]) for name, i in rule.outputs.items()]
    kept = {i for i, _ in targets}
    values: Body = []
    for i, node in enumerate(rule.nodes):
        if i in kept or (node.operation != "leaf" and node.shape != () and len(users[i]) > 1):
            values += _named(elements, i, [at])
    stores: Body = [Store(buffer, at, elements.element(i, [at])) for i, buffer in targets]
    return values, stores


def _named(elements: Elements, i: int, index: list[Expression]) -> Body:
    """Compute a node into a local variable of its own."""
    value = elements.element(i, index)
    name = elements.new("v").name
    elements.places[i] = Place(name, whole(0), value.type, variable=True)
    return [Let(name, value)]
