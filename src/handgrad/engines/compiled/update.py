"""The optimizer's rule, in a loop over all parameters, or over those of each group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handgrad.base.errors import CannotLowerError
from handgrad.engines.compiled.element_access import Elements
from handgrad.engines.compiled.loops import (
    Body,
    Call,
    Comment,
    Expression,
    For,
    Let,
    Load,
    Num,
    Store,
    Type,
    Var,
    cast,
    whole,
)
from handgrad.engines.compiled.memory_planning import Place, users_of
from handgrad.engines.compiled.parallel_loops import loop_in_parts
from handgrad.graph.graph import Graph
from handgrad.graph.operations import REDUCTIONS, Op

# What a rule is given as single numbers, and their types.
NUMBERS: Mapping[str, Type] = {"learning_rate": "double", "step": "int", "dw_norm": "float"}


@dataclass(frozen=True)
class Update:
    """A rule, the slices of the parameters it is for, and their factor of the learning rate."""

    rule: Graph
    factor: float
    slices: Sequence[slice]


def update_all(updates: Sequence[Update], step: Elements) -> Body:
    """The step of the optimizer, for all groups of parameters."""
    count, before = Var("step", "int"), Load("steps", whole(0), "int")
    batch = count - before
    body: Body = [
        Let("learning_rate", Load("learning_rates", batch, "double")),
        Let("step", count + whole(1)),
    ]
    if any("dw_norm" in update.rule.leaves.inputs for update in updates):
        body += _norm([part for update in updates for part in update.slices], step)
    for update in updates:
        body += _updated(update, step)
    return body


def _norm(parts: Sequence[slice], step: Elements) -> Body:
    """The length of the gradient of all parameters together, summed in double."""
    total = Var("squares", "double")
    body: Body = [Let(total.name, Num(0.0, "double"))]
    for part in parts:
        i = step.new("i")
        number = cast(Load("gradients", whole(part.start) + i, "float"), "double")
        more = Let(total.name, total + number * number)
        body.append(For(i.name, whole(part.stop - part.start), [more]))
    return [*body, Let("dw_norm", cast(Call("sqrt", (total,), "double"), "float"))]


def _updated(update: Update, step: Elements) -> Body:
    """The rule for the parameters of a group; plain numbers once before."""
    rule = update.rule
    elements = Elements(rule, step.counters, step.tables, plain_numbers=True)
    memory = {name: f"memory_{name}" for name in rule.leaves.state}
    buffers = {"w": "parameters", "dw": "gradients"} | memory
    for name, i in rule.leaves.named():
        type = NUMBERS.get(name, "float")
        elements.places[i] = Place(buffers.get(name, name), whole(0), type, name in NUMBERS)
    body: Body = [Comment(f"the step of {rule.title}")]
    if update.factor != 1:
        rate, own = Var("learning_rate", "double"), elements.new("learning_rate", "double")
        body.append(Let(own.name, Num(update.factor, "double") * rate))
        place = Place(own.name, whole(0), "double", variable=True)
        elements.places[rule.leaves.inputs["learning_rate"]] = place
    for i, node in enumerate(rule.nodes):
        if node.operation in (*REDUCTIONS, Op.EINSUM):
            raise CannotLowerError(f"{node.operation} in an update rule")
        if node.shape == () and node.operation is not Op.LEAF:
            body += _named(elements, i, [])
    for part in update.slices:
        counter, places = elements.new("i"), dict(elements.places)
        at = whole(part.start) + counter
        size = part.stop - part.start
        loop = For(counter.name, whole(size), _rule_at(elements, rule, at, buffers))
        body.append(loop_in_parts(elements, loop, size, size))
        elements.places = places
    return body


def _rule_at(elements: Elements, rule: Graph, at: Expression, buffers: Mapping[str, str]) -> Body:
    """Compute the new values at one place, and put them there."""
    users = users_of(rule)
    new = {**rule.outputs.new_parameters, **rule.outputs.new_state}
    targets = [(i, buffers[name]) for name, i in new.items()]
    kept = {i for i, _ in targets}
    body: Body = []
    for i, node in enumerate(rule.nodes):
        if i in kept or (node.operation is not Op.LEAF and node.shape != () and len(users[i]) > 1):
            body += _named(elements, i, [at])
    return [*body, *(Store(buffer, at, elements.element(i, [at])) for i, buffer in targets)]


def _named(elements: Elements, i: int, index: list[Expression]) -> Body:
    """Compute a node into a local variable of its own."""
    value = elements.element(i, index)
    name = elements.new("v").name
    elements.places[i] = Place(name, whole(0), value.type, variable=True)
    return [Let(name, value)]
