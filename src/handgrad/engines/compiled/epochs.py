"""A whole epoch of training, an update and predictions, as one loop program each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from handgrad.base.errors import CannotLowerError
from handgrad.engines.compiled.batch_rows import copy_of_row
from handgrad.engines.compiled.element_access import Elements, around, indices, offset_at
from handgrad.engines.compiled.loop_nests import nests
from handgrad.engines.compiled.loops import (
    Body,
    Call,
    Comment,
    Expression,
    For,
    Let,
    Load,
    Num,
    Reduce,
    ReturnIf,
    Statement,
    Store,
    Type,
    Var,
    cast,
    whole,
)
from handgrad.engines.compiled.memory_planning import (
    BUFFERS,
    Place,
    kind_of,
    plan,
    stored_nodes,
    strides,
)
from handgrad.engines.compiled.parallel_loops import loop_in_parts
from handgrad.engines.compiled.program import Program, called
from handgrad.engines.compiled.streams import WORDS, streams_of
from handgrad.graph.graph import Graph
from handgrad.graph.nodes import users_of
from handgrad.graph.operations import REDUCTIONS, Op
from handgrad.graph.symbolic import Shape, at, shape_text

START, ROWS = Var("start", "int"), Var("n", "int")
# What a rule is given as single numbers, and their types.
NUMBERS: Mapping[str, Type] = {"learning_rate": "double", "step": "int", "dw_norm": "float"}


@dataclass(frozen=True)
class Update:
    """A rule, the slices of the parameters it is for, and their factor of the learning rate."""

    rule: Graph
    factor: float
    slices: Sequence[slice]


def training_program(
    step: Graph,
    updates: Sequence[Update],
    batch_size: int,
    dtype: np.dtype[np.generic],
    batches_weighted_by: str,
    *,
    members: bool = False,
) -> Program:
    """One epoch: for each batch the rows, the step, and the update of the parameters, if any.

    It returns -1; or the first row of the batch whose loss is not finite; or the number of rows,
    where the parameters are not finite at the end. `loss_total[0]` becomes `loss_before[0]` and the
    losses of all batches, each times its rows, or times their weights where batches count by them.
    With `members` a row is made of rows that members share: `members` has their numbers.
    """
    elements = Elements(step, streams=streams_of(step, dtype))
    given = _rows_given(step)
    copied = _batch(elements, given, batch_size, members=members)
    n_parameters, layout = _in_order(elements, step.leaves.parameters, "parameters")
    n_state, layout_of_state = _in_order(elements, step.leaves.state, "state")
    results = _results(elements)
    stored = stored_nodes(step, step.outputs.all())
    elements.places = plan(step, elements.places, stored, batch_size, elements.arena)
    batch: Body = [
        Comment("the rows of this batch, in their order"),
        *copied,
        *_count(elements, batches_weighted_by),
        *nests(elements, stored, batch_size),
        Comment("what comes out"),
        *_predictions(elements),
        *_add_loss(elements),
        *(line for i, place in results for line in _copied(elements, i, place)),
        *(update_all(updates, elements) if updates else ()),
    ]
    body: Body = [
        *layout,
        *layout_of_state,
        Let("step", Load("steps", whole(0), "int")),
        Let("total", Load("loss_before", whole(0), "double")),
        _by_batches(batch_size, batch),
        Store("steps", whole(0), Var("step", "int")),
        Comment("what is looked at when later epochs have changed it"),
        *_kept(elements, n_state, "state", "state_after", "float"),
        *_kept(elements, n_parameters, "parameters", "parameters_after", "float"),
        *_kept(elements, whole(WORDS * len(elements.streams)), "streams", "streams_after", "int"),
        *_check(elements, "parameters", whole(0), n_parameters, Var("n_rows", "int")),
    ]
    names = [
        *("n_rows", *given, *(("members",) if members else ()), "order"),
        *("parameters", "gradients", "state", *_memory(updates)),
        *("learning_rates", "loss_before", "steps", "predictions", "loss_total"),
        *("parameters_after", "state_after"),
        *(("streams", "streams_after") if elements.streams else ()),
    ]
    return _program("epoch", names, body, elements, dtype)


def update_program(updates: Sequence[Update], dtype: np.dtype[np.generic]) -> Program:
    """The optimizer's step alone, by the gradients, at the learning rate `learning_rates[0]`."""
    elements = Elements(updates[0].rule)
    body: Body = [
        Let("step", Load("steps", whole(0), "int")),
        *update_all(updates, elements),
        Store("steps", whole(0), Var("step", "int")),
    ]
    names = ["n_rows", "parameters", "gradients", *_memory(updates), "learning_rates", "steps"]
    return Program("update", called(names), body, dtype, tables=elements.tables)


def _memory(updates: Sequence[Update]) -> list[str]:
    """What the optimizer remembers from step to step."""
    return [f"memory_{name}" for name in (updates[0].rule.leaves.state if updates else ())]


def prediction_program(
    graph: Graph,
    batch_size: int,
    dtype: np.dtype[np.generic],
    only_finite: bool,
) -> Program:
    """The predictions for all rows, batch by batch.

    It returns -1, or the first row of a batch that holds what is not a finite number, as its rows
    or, if `only_finite`, as their predictions.
    """
    elements = Elements(graph)
    x, out = graph.leaves.inputs["x"], graph.outputs.named()["prediction"]
    elements.places[x] = rows = _place_of_batch(elements, x, "x")
    _in_order(elements, graph.leaves.parameters, "parameters")
    _in_order(elements, graph.leaves.state, "state")
    node, found = graph.nodes[out], _place_of_batch(elements, out, "predictions")
    if node.operation not in (Op.LEAF, Op.VIEW) and found.type == "float":
        elements.places[out] = found
    stored = stored_nodes(graph, graph.outputs.all())
    elements.places = plan(graph, elements.places, stored, batch_size, elements.arena)
    batch = _check_rows(elements, x, rows) if rows.type == "float" else []
    batch += [*nests(elements, stored, batch_size), *_predictions(elements)]
    if only_finite:
        batch += _check_rows(elements, out, found)
    names = ["n_rows", "x", "parameters", "state", "predictions"]
    return _program("predict", names, [_by_batches(batch_size, batch)], elements, dtype)


def _by_batches(batch_size: int, batch: Body) -> For:
    """`batch` for `n` rows from `start` on, until all are done."""
    left = Var("n_rows", "int") - START
    rows = Let("n", Call("minimum", (whole(batch_size), left), "int"))
    return For("start", Var("n_rows", "int"), [rows, *batch], batch_size)


def _batch(elements: Elements, given: Mapping[str, int], batch_size: int, *, members: bool) -> Body:
    """Room for the rows of a batch, and the loops that copy them there in their order."""
    graph, row, numbers = elements.graph, Var("row", "int"), 0
    position = elements.new("i")
    copies: Body = [Let("row", Load("order", START + position, "int"))]
    for buffer, leaf in given.items():
        node = graph.nodes[leaf]
        type, width = kind_of(node), _size(node.shape[1:])
        offset = elements.arena.take(type, batch_size * width)
        numbers += batch_size * width
        place = elements.places[leaf] = Place(BUFFERS[type], whole(offset), type)
        k = at(node.shape[1], 1) if members and buffer != "sample_weight" else 0
        copies += copy_of_row(elements, buffer, row, place, position, width, k)
    return [loop_in_parts(elements, For(position.name, ROWS, copies), batch_size, numbers)]


def _count(elements: Elements, by: str) -> list[Statement]:
    """What the batch counts for in the loss of the epoch: its rows, or the sum of their weights."""
    if by == "rows" or "sample_weight" not in elements.graph.leaves.inputs:
        return [Let("batch_weight", cast(ROWS, "double"))]
    weights = elements.graph.leaves.inputs["sample_weight"]
    i, place, total = elements.new("i"), elements.places[weights], Var("batch_weight", "double")
    numbers = ROWS * whole(_size(elements.graph.nodes[weights].shape[1:]))
    weight = cast(Load(place.buffer, place.offset + i, "float"), "double")
    return [Reduce(total.name, "add", Num(0.0, "double"), [(i.name, numbers)], weight)]


def _add_loss(elements: Elements) -> list[Statement]:
    """Add the loss of the batch to the total, as much as it counts; leave if it is not finite."""
    loss, total = Var("loss", "double"), Var("total", "double")
    diverged = Call("logical_not", (Call("isfinite", (loss,), "bool"),), "bool")
    return [
        Let("loss", cast(elements.element(elements.graph.outputs.named()["loss"], []), "double")),
        Let("total", total + loss * Var("batch_weight", "double")),
        Store("loss_total", whole(0), total),
        ReturnIf(diverged, START),
    ]


def _rows_given(graph: Graph) -> dict[str, int]:
    """The buffers that hold something for each row, and their leaves."""
    inputs = graph.leaves.inputs
    if not {"x", "y"} <= set(inputs):
        raise CannotLowerError("an input of several arrays")
    return {name: inputs[name] for name in ("x", "y", "sample_weight") if name in inputs}


def _program(
    name: str, names: Sequence[str], body: Body, elements: Elements, dtype: np.dtype[np.generic]
) -> Program:
    graph = elements.graph
    types = {name: kind_of(graph.nodes[i]) for name, i in graph.leaves.inputs.items()}
    row = tuple(at(size, 1) for size in graph.nodes[graph.outputs.named()["prediction"]].shape[1:])
    memory = elements.arena, elements.tables
    return Program(name, called(names, types), body, dtype, *memory, row, elements.streams, graph)


def _size(shape: Shape) -> int:
    return int(np.prod([at(size, 1) for size in shape], dtype=int))


def _in_order(
    elements: Elements, leaves: Mapping[str, int], buffer: str
) -> tuple[Expression, list[Comment]]:
    """Let parameters or running state lie one after another in their buffer.

    How many numbers these are, and where each lies, as comments of the text.
    """
    begin, lines = 0, []
    for name, i in leaves.items():
        shape = elements.graph.nodes[i].shape
        elements.places[i] = Place(buffer, whole(begin), "float")
        end = begin + _size(shape)
        lines.append(Comment(f"{buffer}[{begin}:{end}] is {name}, {shape_text(shape)}"))
        begin = end
    return whole(begin), lines


def _results(elements: Elements) -> list[tuple[int, Place]]:
    """Let gradients be computed where they belong; what cannot be, and is copied there."""
    graph, places = elements.graph, elements.places
    copies: list[tuple[int, Place]] = []
    for name, i in graph.outputs.gradients.items():
        place = replace(places[graph.leaves.parameters[name]], buffer="gradients")
        if i in places or graph.nodes[i].operation in (Op.LEAF, Op.VIEW):
            copies.append((i, place))
        else:
            places[i] = place
    for name, i in graph.outputs.new_state.items():
        if graph.nodes[i].operation in (Op.LEAF, Op.VIEW):
            raise CannotLowerError("running state that becomes other state")
        copies.append((i, places[graph.leaves.state[name]]))
    return copies


def _copied(elements: Elements, i: int, place: Place) -> Body:
    shape = elements.graph.nodes[i].shape
    index = indices(elements, shape)
    number = cast(elements.element(i, index), "float")
    store = Store(place.buffer, offset_at(place.offset, index, strides(shape)), number)
    return around(shape, index, [store])


def _kept(elements: Elements, size: Expression, buffer: str, copy: str, type: Type) -> Body:
    """Copy a buffer, so that it can be looked at when later epochs have changed it."""
    i = elements.new("i")
    if size == whole(0):
        return []
    return [For(i.name, size, [Store(copy, i, Load(buffer, i, type))])]


def _check(
    elements: Elements, buffer: str, start: Expression, size: Expression, found: Expression
) -> Body:
    """Leave with `found` if one of `size` numbers from `start` on in a buffer is not finite."""
    i, bad = elements.new("i"), elements.new("bad")
    finite = Call("isfinite", (Load(buffer, start + i, "float"),), "bool")
    more = Call("where", (finite, whole(0), whole(1)), "int")
    return [
        Let(bad.name, whole(0)),
        For(i.name, size, [Let(bad.name, bad + more)]),
        ReturnIf(Call("greater", (bad, whole(0)), "bool"), found),
    ]


def _check_rows(elements: Elements, i: int, place: Place) -> Body:
    """Leave with the first row of the batch, if one of its numbers there is not finite."""
    numbers = ROWS * whole(_size(elements.graph.nodes[i].shape[1:]))
    return _check(elements, place.buffer, place.offset, numbers, START)


def _predictions(elements: Elements) -> Body:
    """Copy the predictions of the batch to `predictions`, where they are not there yet."""
    i = elements.graph.outputs.named()["prediction"]
    if i in elements.places and elements.places[i].buffer == "predictions":
        return []
    return _copied(elements, i, _place_of_batch(elements, i, "predictions"))


def _place_of_batch(elements: Elements, i: int, buffer: str) -> Place:
    """Where in a buffer of something for all rows that of this batch begins."""
    node = elements.graph.nodes[i]
    return Place(buffer, START * whole(_size(node.shape[1:])), kind_of(node))


def update_all(updates: Sequence[Update], step: Elements) -> Body:
    """The step of the optimizer, for all groups of parameters."""
    count = Var("step", "int")
    batch = count - Load("steps", whole(0), "int")
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
    total, zero = Var("squares", "double"), Num(0.0, "double")
    body: Body = [Let(total.name, zero)]
    for part in parts:
        i, more = step.new("i"), step.new("a", "double")
        number = cast(Load("gradients", whole(part.start) + i, "float"), "double")
        counters = [(i.name, whole(part.stop - part.start))]
        body.append(Reduce(more.name, "add", zero, counters, number * number))
        body.append(Let(total.name, total + more))
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
        counter, places, size = elements.new("i"), dict(elements.places), part.stop - part.start
        here = whole(part.start) + counter
        loop = For(counter.name, whole(size), _rule_at(elements, rule, here, buffers))
        body.append(loop_in_parts(elements, loop, size, size))
        elements.places = places
    return body


def _rule_at(elements: Elements, rule: Graph, at: Expression, buffers: Mapping[str, str]) -> Body:
    """Compute the new values at one place, and put them there."""
    users = users_of(rule.nodes)
    new = {**rule.outputs.new_parameters, **rule.outputs.new_state}
    targets = [(i, buffers[name]) for name, i in new.items()]
    kept = {*new.values()}
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
