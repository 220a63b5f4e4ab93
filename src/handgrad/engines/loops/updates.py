"""Optimizer updates as statements: loops over the parameters, or epilogues of gradients."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from handgrad.engines.loops.element_access import ElementReader, indices, loops_around, offset_at
from handgrad.engines.loops.fusion import Dataflow, Group, fuse_epilogues
from handgrad.engines.loops.ir import (
    Body,
    Call,
    Comment,
    Expression,
    For,
    Let,
    Load,
    Num,
    Reduce,
    Store,
    Type,
    Var,
    cast,
    known,
    whole,
)
from handgrad.engines.loops.loop_nests import nests
from handgrad.engines.loops.memory_planning import (
    MAX_FUSED,
    Arena,
    Storage,
    plan_memory,
    size_of,
    stored_nodes,
    strides,
)
from handgrad.engines.loops.partitioning import partition_loop
from handgrad.engines.loops.product_nests import Consumer
from handgrad.graph.graph import Graph
from handgrad.graph.nodes import users_of
from handgrad.graph.operations import REDUCTIONS, Op
from handgrad.textbook.errors import CannotLowerError

# The scalars that a rule reads, and their types.
NUMBERS: Mapping[str, Type] = {"learning_rate": "double", "step": "int", "dw_norm": "float"}


@dataclass(frozen=True)
class Update:
    """An update rule for slices of the parameters, with a factor of the learning rate.

    A rule that is not elementwise is for one slice, a parameter in its shape.
    """

    rule: Graph
    factor: float
    slices: Sequence[slice]
    elementwise: bool = True


def rules_of(updates: Sequence[Update], step: ElementReader) -> "list[Rule]":
    """The statements of each update."""
    return [(Rule if update.elementwise else ArrayRule)(update, step) for update in updates]


class Rule:
    """The statements of an update, which follow those of the step that computes the gradients."""

    def __init__(self, update: Update, step: ElementReader) -> None:
        rule = self.rule = update.rule
        self.factor, self.left = update.factor, [*update.slices]
        self.elements = ElementReader(
            rule, step.target, step.counters, step.tables, plain_numbers=True
        )
        memory = {name: f"memory_{name}" for name in rule.leaves.state}
        self.buffers = {"w": "parameters", "dw": "gradients"} | memory
        for name, i in rule.leaves.named():
            type = NUMBERS.get(name, "float")
            buffer = self.buffers.get(name, name)
            self.elements.places[i] = Storage(buffer, whole(0), type, name in NUMBERS)
        self.needs_norm = "dw_norm" in rule.leaves.inputs

    def begin(self) -> Body:
        """The statements that compute the scalars, once for all parameters."""
        rule, body = self.rule, self._learning_rate()
        for i, node in enumerate(rule.nodes):
            if node.operation in (*REDUCTIONS, Op.EINSUM):
                raise CannotLowerError(
                    f"{node.operation} in an elementwise update rule",
                    "elementwise = False in its class, for a rule of whole parameters",
                )
            if node.shape == () and node.operation is not Op.LEAF:
                body += self._named(i, [])
        return body

    def _learning_rate(self) -> Body:
        """The learning rate of the group."""
        elements, rule = self.elements, self.rule
        body: Body = [Comment(f"the step of {rule.title}")]
        if self.factor != 1:
            rate, own = Var("learning_rate", "double"), elements.new("learning_rate", "double")
            body.append(Let(own.name, Num(self.factor, "double") * rate))
            place = Storage(own.name, whole(0), "double", variable=True)
            elements.places[rule.leaves.inputs["learning_rate"]] = place
        return body

    def take(self, part: slice) -> bool:
        """Exclude a slice of parameters from the loops; returns False if it is not among them."""
        for i, own in enumerate(self.left):
            if own.start <= part.start and part.stop <= own.stop:
                rest = (slice(own.start, part.start), slice(part.stop, own.stop))
                self.left[i : i + 1] = [piece for piece in rest if piece.start < piece.stop]
                return True
        return False

    def loops(self) -> Body:
        """The loops over the remaining parameters of the update, slice by slice."""
        body: Body = []
        for part in self.left:
            counter, size = self.elements.new("i"), part.stop - part.start
            loop = For(counter.name, whole(size), self.at(whole(part.start) + counter))
            body.append(partition_loop(self.elements, loop, size, size))
        return body

    def at(self, here: Expression, gradient: Var | None = None) -> Body:
        """Compute and store the new values at one index, from the gradient there."""
        elements, rule, places = self.elements, self.rule, dict(self.elements.places)
        if gradient is not None:
            known = Storage(gradient.name, whole(0), gradient.type, variable=True)
            elements.places[rule.leaves.inputs["dw"]] = known
        users = users_of(rule.nodes)
        new = {**rule.outputs.new_parameters, **rule.outputs.new_state}
        targets = [(i, self.buffers[name]) for name, i in new.items()]
        kept = {*new.values()}
        body: Body = []
        depths: list[int] = []  # of the expression of each node; 0 for variables
        for i, node in enumerate(rule.nodes):
            single = node.operation is Op.LEAF or node.shape == ()
            depth = 0 if single else 1 + max((depths[j] for j in node.used()), default=0)
            is_read_often = not single and len(users[i]) > 1
            if i in kept or is_read_often or depth > MAX_FUSED:
                body += self._named(i, [here])
                depth = 0
            depths.append(depth)
        stores = [Store(buffer, here, elements.element(i, [here])) for i, buffer in targets]
        elements.places = places
        return [*body, *stores]

    def _named(self, i: int, index: list[Expression]) -> Body:
        """Assign a node to a local variable."""
        value = self.elements.element(i, index)
        name = self.elements.new("v").name
        self.elements.places[i] = Storage(name, whole(0), value.type, variable=True)
        return [Let(name, value)]


class ArrayRule(Rule):
    """The statements of an update of one parameter, whose rule sees its shape."""

    def __init__(self, update: Update, step: ElementReader) -> None:
        super().__init__(update, step)
        self.step, begin = step, whole(self.left[0].start)
        places = self.elements.places
        for name, i in self.rule.leaves.named():
            if name not in NUMBERS:
                places[i] = replace(places[i], offset=begin)

    def begin(self) -> Body:
        return self._learning_rate()

    def take(self, part: slice) -> bool:
        """Return False: the rule needs the whole gradient."""
        return False

    def loops(self) -> Body:
        """Compute the rule's nodes in scratch memory, then store the new values.

        The memory is that of the rules before, too.
        """
        rule, elements, shared = self.rule, self.elements, self.step.arena
        new = {**rule.outputs.new_parameters, **rule.outputs.new_state}
        stored = stored_nodes(rule, new.values())
        for i in stored:
            if rule.nodes[i].shape == ():
                name = elements.new("u").name  # not a node of the step, whose names begin with t
                elements.places[i] = Storage(name, whole(0), elements.kind(i), variable=True)
        elements.arena = arena = Arena({**shared.sizes}, [*shared.free])
        groups = fuse_epilogues(rule, stored, 1, elements.target)
        elements.places = plan_memory(rule, elements.places, groups, 1, arena)
        body = [*itertools.chain(*nests(elements, groups, 1))]
        for name, i in new.items():
            body += self._stored(i, self.buffers[name])
        shared.free += [
            (type, begin, arena.sizes[type] - begin) for type, begin in shared.sizes.items()
        ]
        shared.sizes = arena.sizes
        return body

    def _stored(self, i: int, buffer: str) -> Body:
        """Copy a result to its place."""
        elements, shape = self.elements, self.rule.nodes[i].shape
        if self._base(i) in {j for _, j in self.rule.leaves.named()}:
            if elements.places.get(i) == Storage(buffer, whole(self.left[0].start), "float"):
                return []
            raise CannotLowerError("an update rule that returns one of its arguments for another")
        index = indices(elements, shape)
        here = offset_at(whole(self.left[0].start), index, strides(shape))
        store = Store(buffer, here, cast(elements.element(i, index), "float"))
        return loops_around(shape, index, [store])

    def _base(self, i: int) -> int:
        """The node whose memory a view reads."""
        while self.rule.nodes[i].operation is Op.VIEW:
            (i,) = self.rule.nodes[i].used()
        return i


def begin_updates(rules: Sequence[Rule], step: ElementReader) -> Body:
    """The statements that all groups of parameters share: learning rate, step, gradient norm."""
    if not rules:
        return []
    count = Var("step", "int")
    batch = count - Load("steps", whole(0), "int")
    body: Body = [
        Let("learning_rate", Load("learning_rates", batch, "double")),
        Let("step", count + whole(1)),
    ]
    if any(rule.needs_norm for rule in rules):
        body += _norm([part for rule in rules for part in rule.left], step)
    return [*body, *(line for rule in rules for line in rule.begin())]


def _norm(parts: Sequence[slice], step: ElementReader) -> Body:
    """The norm of the gradient of all parameters, summed in double."""
    total, zero = Var("squares", "double"), Num(0.0, "double")
    body: Body = [Let(total.name, zero)]
    for part in parts:
        i, more = step.new("i"), step.new("a", "double")
        number = cast(Load("gradients", whole(part.start) + i, "float"), "double")
        counters = [(i.name, whole(part.stop - part.start))]
        body.append(Reduce(more.name, "add", zero, counters, number * number))
        body.append(Let(total.name, total + more))
    return [*body, Let("dw_norm", cast(Call("sqrt", (total,), "double"), "float"))]


def consumed_gradients(
    elements: ElementReader,
    flow: Dataflow,
    groups: Sequence[Group],
    rules: Sequence[Rule],
    size: int,
) -> dict[int, Consumer]:
    """The gradients that the optimizer's step consumes in the epilogues of their products."""
    consumers = dict[int, Consumer]()
    if any(rule.needs_norm for rule in rules):
        return consumers
    for gradient in (
        group[-1] for group in groups if flow.is_consumed(group, size, elements.target)
    ):
        shape, place = elements.graph.nodes[gradient].shape, elements.places[gradient]
        begin = known(place.offset) or 0
        part = slice(begin, begin + size_of(shape))
        rule = next((rule for rule in rules if rule.take(part)), None)
        if rule is not None:
            consumers[gradient] = partial(_step_at, rule, place.offset, strides(shape))
    return consumers


def _step_at(
    rule: Rule,
    begin: Expression,
    steps: Sequence[Expression],
    index: Sequence[Expression],
    gradient: Var,
) -> Body:
    return rule.at(offset_at(begin, index, steps), gradient)
