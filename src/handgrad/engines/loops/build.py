"""Builds the loop programs of a training epoch, of an optimizer's update and of predictions."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from handgrad.engines.loops.element_access import ElementReader, indices, loops_around, offset_at
from handgrad.engines.loops.fusion import Dataflow, fuse_epilogues, is_gathered, with_updates_last
from handgrad.engines.loops.hoisting import hoist_loads
from handgrad.engines.loops.ir import (
    LANES,
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
from handgrad.engines.loops.loop_nests import nests
from handgrad.engines.loops.memory_planning import (
    BUFFERS,
    Storage,
    kind_of,
    plan_memory,
    size_of,
    stored_nodes,
    strides,
)
from handgrad.engines.loops.partitioning import partition_loop
from handgrad.engines.loops.program import Program, buffer_of, gradient_buffer, parameters_named
from handgrad.engines.loops.random_streams import WORDS, streams_of
from handgrad.engines.loops.rerolling import reroll
from handgrad.engines.loops.row_blocks import plan_row_blocks
from handgrad.engines.loops.target import TargetInfo
from handgrad.engines.loops.updates import Update, begin_updates, consumed_gradients, rules_of
from handgrad.graph.gc_pause import gc_paused
from handgrad.graph.graph import Graph
from handgrad.graph.operations import Op
from handgrad.graph.passes.batch_last_layout import with_batch_last
from handgrad.graph.passes.matrices import with_matrices
from handgrad.graph.passes.recompute import with_recomputed_rows
from handgrad.graph.passes.simplify import remove_dead_code
from handgrad.graph.passes.windows import with_windows
from handgrad.graph.symbolic import at, shape_text
from handgrad.textbook.errors import CannotLowerError

START, ROWS = Var("start", "int"), Var("n", "int")


def gather_batch(
    elements: ElementReader, buffers: Mapping[str, int], batch_size: int, *, members: bool
) -> Body:
    """Allocate memory for the rows of a batch; returns the loops that copy them there in order.

    Products that pack their matrices gather the rows themselves.
    """
    graph, row, numbers = elements.graph, Var("row", "int"), 0
    position = elements.new("i")
    copies: Body = [Let("row", Load("order", START + position, "int"))]
    for buffer, leaf in buffers.items():
        node = graph.nodes[leaf]
        type, width = kind_of(node), size_of(node.shape[1:])
        if not members and is_gathered(graph, leaf, batch_size, elements.target):
            rows = Load("order", START, "int")
            elements.places[leaf] = Storage(buffer, whole(0), type, rows=rows)
            continue
        offset = elements.arena.allocate(type, batch_size * width)
        numbers += batch_size * width
        place = elements.places[leaf] = Storage(BUFFERS[type], whole(offset), type)
        k = at(node.shape[1], 1) if members and buffer != "sample_weight" else 0
        copies += _copy_of_row(elements, buffer, row, place, position, width, k)
    return [partition_loop(elements, For(position.name, ROWS, copies), batch_size, numbers)]


def _copy_of_row(
    elements: ElementReader,
    buffer: str,
    row: Expression,
    place: Storage,
    position: Expression,
    width: int,
    members: int,
) -> Body:
    """Copy a row, `width` numbers of a buffer, to the row `position` of a place.

    With ensemble `members` it is joined from a row for each, whose index is in the buffer
    `members`.
    """
    shape = (max(members, 1), width // max(members, 1))
    member, column = indices(elements, shape)
    here = place.offset + position * whole(width) + member * whole(shape[1]) + column
    if members:
        row = Load("members", row * whole(members) + member, "int")
    number = Load(buffer, row * whole(shape[1]) + column, place.type)
    return loops_around(shape, [member, column], [Store(place.buffer, here, number)])


@gc_paused()
def training_program(
    step: Graph,
    updates: Sequence[Update],
    batch_size: int,
    dtype: np.dtype[np.generic],
    batches_weighted_by: str,
    target: TargetInfo,
    *,
    members: bool = False,
) -> Program:
    """The program of one training epoch: rows, step and update of each batch.

    The program returns -1, or the first row of the batch whose loss is not finite, or the number
    of rows if the parameters are not finite at the end. `loss_total[0]` becomes `loss_before[0]`
    plus the losses of all batches, each times its number of rows or their weights.

    Parameters
    ----------
    step : Graph
        The training step.
    updates : Sequence of Update
        The optimizer's steps; empty for none.
    batch_size : int
        Rows of a full batch.
    dtype : dtype
        The dtype of the data.
    batches_weighted_by : {"rows", "weights"}
        The weight of a batch in the loss of the epoch.
    target : TargetInfo
        The machine.
    members : bool, default False
        The members of an ensemble share rows: the buffer `members` has their indices.
    """
    step = _laid_out(step, batch_size, target)
    elements = ElementReader(step, target, streams=streams_of(step, dtype))
    buffers = _row_buffers(step)
    copied = gather_batch(elements, buffers, batch_size, members=members)
    n_parameters, layout = _in_order(elements, step.leaves.parameters, "parameters")
    n_state, layout_of_state = _in_order(elements, step.leaves.state, "state")
    batch: Body = [
        Comment("the rows of this batch, in their order"),
        *copied,
        *_batch_weight(elements, batches_weighted_by),
        *_step(elements, updates, batch_size),
    ]
    body: Body = [
        *layout,
        *layout_of_state,
        Let("step", Load("steps", whole(0), "int")),
        Let("total", Load("loss_before", whole(0), "double")),
        _loop_over_batches(batch_size, batch),
        Store("steps", whole(0), Var("step", "int")),
        Comment("what is looked at when later epochs have changed it"),
        *_snapshot(elements, n_state, "state", "state_after", "float"),
        *_snapshot(elements, n_parameters, "parameters", "parameters_after", "float"),
        *_snapshot(
            elements, whole(WORDS * len(elements.streams)), "streams", "streams_after", "int"
        ),
        *_check(elements, "parameters", whole(0), n_parameters, Var("n_rows", "int")),
    ]
    names = [
        *("n_rows", *buffers, *(("members",) if members else ()), "order"),
        *("parameters", "gradients", "state", *_memory(updates)),
        *("learning_rates", "loss_before", "steps", "predictions", "loss_total"),
        *("parameters_after", "state_after"),
        *(("streams", "streams_after") if elements.streams else ()),
        *map(gradient_buffer, step.outputs.input_gradients),
    ]
    return _program("epoch", names, body, elements, dtype)


def _step(elements: ElementReader, updates: Sequence[Update], batch_size: int) -> Body:
    """The statements for the rows of a batch: the step, its results, the update."""
    results = _results(elements)
    step = elements.graph
    rules = rules_of(updates, elements)
    flow = Dataflow(step, stored_nodes(step, step.outputs.all()))
    groups = fuse_epilogues(step, flow.stored, batch_size, elements.target)
    uses = consumed_gradients(elements, flow, groups, rules, batch_size)
    groups = with_updates_last(flow, groups, [group for group in groups if group[-1] in uses])
    begun = begin_updates(rules, elements)
    elements.places |= plan_row_blocks(elements, groups)
    elements.places = plan_memory(step, elements.places, groups, batch_size, elements.arena)
    nest_of_group = nests(elements, groups, batch_size, uses)
    loss = 1 + max((k for k, group in enumerate(groups) if flow.gives_loss(group)), default=-1)
    return [
        *reroll([*itertools.chain(*nest_of_group[:loss])], elements.new),
        *_add_loss(elements),
        *(begun if uses else ()),
        *reroll([*itertools.chain(*nest_of_group[loss:])], elements.new),
        Comment("what comes out"),
        *_predictions(elements),
        *(line for i, place in results for line in _copied(elements, i, place)),
        *(() if uses else begun),
        *(line for rule in rules for line in rule.loops()),
    ]


def _laid_out(graph: Graph, batch_size: int, target: TargetInfo) -> Graph:
    """Lay out arrays and operands in memory; with the batch last if batches of this size profit.

    It depends on sizes only, on any processor with fused multiply-add.
    """
    graph = with_batch_last(with_windows(graph)) if batch_size >= LANES else graph
    graph = with_matrices(graph, batch_size, gathers=target.rounds_once)
    return remove_dead_code(with_recomputed_rows(graph)) if target.rounds_once else graph


def update_program(
    updates: Sequence[Update], dtype: np.dtype[np.generic], target: TargetInfo
) -> Program:
    """The program of the optimizer's step alone, at the learning rate `learning_rates[0]`."""
    elements = ElementReader(updates[0].rule, target)
    rules = rules_of(updates, elements)
    body: Body = [
        Let("step", Load("steps", whole(0), "int")),
        *begin_updates(rules, elements),
        *(line for rule in rules for line in rule.loops()),
        Store("steps", whole(0), Var("step", "int")),
    ]
    names = ["n_rows", "parameters", "gradients", *_memory(updates), "learning_rates", "steps"]
    memory = elements.arena, elements.tables
    return Program("update", parameters_named(names), body, dtype, *memory)


def _memory(updates: Sequence[Update]) -> list[str]:
    """The buffers of the optimizer's state."""
    return [f"memory_{name}" for name in (updates[0].rule.leaves.state if updates else ())]


@gc_paused()
def prediction_program(
    graph: Graph,
    batch_size: int,
    dtype: np.dtype[np.generic],
    target: TargetInfo,
    only_finite: bool,
) -> Program:
    """The program of predictions for all rows, batch by batch.

    The program returns -1, or the first row of a batch with a non-finite input or, if
    `only_finite`, a non-finite prediction.

    Parameters
    ----------
    graph : Graph
        The forward pass.
    batch_size : int
        Rows of a full batch.
    dtype : dtype
        The dtype of the data.
    target : TargetInfo
        The machine.
    only_finite : bool
        Stop at a non-finite prediction.
    """
    graph = _laid_out(graph, batch_size, target)
    elements = ElementReader(graph, target)
    buffers, out = _row_buffers(graph), graph.outputs.named()["prediction"]
    rows = {x: _place_of_batch(elements, x, name) for name, x in buffers.items()}
    elements.places.update(rows)
    _in_order(elements, graph.leaves.parameters, "parameters")
    _in_order(elements, graph.leaves.state, "state")
    node, place_out = graph.nodes[out], _place_of_batch(elements, out, "predictions")
    if node.operation not in (Op.LEAF, Op.VIEW) and place_out.type == "float":
        elements.places[out] = place_out
    groups = fuse_epilogues(graph, stored_nodes(graph, graph.outputs.all()), batch_size, target)
    elements.places |= plan_row_blocks(elements, groups)
    elements.places = plan_memory(graph, elements.places, groups, batch_size, elements.arena)
    batch: Body = []
    for x, place in rows.items():
        batch += _check_rows(elements, x, place) if place.type == "float" else []
    batch += reroll([*itertools.chain(*nests(elements, groups, batch_size))], elements.new)
    batch += _predictions(elements)
    if only_finite:
        batch += _check_rows(elements, out, place_out)
    names = ["n_rows", *buffers, "parameters", "state", "predictions"]
    return _program("predict", names, [_loop_over_batches(batch_size, batch)], elements, dtype)


def _loop_over_batches(batch_size: int, batch: Body) -> For:
    """The loop over batches: `batch` for `n` rows from `start` on."""
    left = Var("n_rows", "int") - START
    rows = Let("n", Call("minimum", (whole(batch_size), left), "int"))
    return For("start", Var("n_rows", "int"), [rows, *batch], batch_size)


def _batch_weight(elements: ElementReader, by: str) -> list[Statement]:
    """The weight of a batch in the loss of the epoch: its rows, or the sum of their weights."""
    if by == "rows" or "sample_weight" not in elements.graph.leaves.inputs:
        return [Let("batch_weight", cast(ROWS, "double"))]
    weights = elements.graph.leaves.inputs["sample_weight"]
    i, place, total = elements.new("i"), elements.places[weights], Var("batch_weight", "double")
    numbers = ROWS * whole(size_of(elements.graph.nodes[weights].shape[1:]))
    weight = cast(Load(place.buffer, place.offset + i, "float"), "double")
    return [Reduce(total.name, "add", Num(0.0, "double"), [(i.name, numbers)], weight)]


def _add_loss(elements: ElementReader) -> list[Statement]:
    """Add the weighted loss of the batch to the total; return if it is not finite."""
    loss, total = Var("loss", "double"), Var("total", "double")
    diverged = Call("logical_not", (Call("isfinite", (loss,), "bool"),), "bool")
    return [
        Let("loss", cast(elements.element(elements.graph.outputs.named()["loss"], []), "double")),
        Let("total", total + loss * Var("batch_weight", "double")),
        Store("loss_total", whole(0), total),
        ReturnIf(diverged, START),
    ]


def _row_buffers(graph: Graph) -> dict[str, int]:
    """The buffers of the inputs, and their leaves."""
    return {buffer_of(name): i for name, i in graph.leaves.inputs.items()}


def _program(
    name: str,
    names: Sequence[str],
    body: Body,
    elements: ElementReader,
    dtype: np.dtype[np.generic],
) -> Program:
    graph = elements.graph
    types = {name: kind_of(graph.nodes[i]) for name, i in _row_buffers(graph).items()}
    row = tuple(at(size, 1) for size in graph.nodes[graph.outputs.named()["prediction"]].shape[1:])
    memory = elements.arena, elements.tables
    body = hoist_loads(body, elements.new)
    return Program(
        name, parameters_named(names, types), body, dtype, *memory, row, elements.streams, graph
    )


def _in_order(
    elements: ElementReader, leaves: Mapping[str, int], buffer: str
) -> tuple[Expression, list[Comment]]:
    """Place parameters or running state one after another in their buffer.

    Returns the total size, and comments on where each is.
    """
    begin, lines = 0, []
    for name, i in leaves.items():
        shape = elements.graph.nodes[i].shape
        elements.places[i] = Storage(buffer, whole(begin), "float")
        end = begin + size_of(shape)
        lines.append(Comment(f"{buffer}[{begin}:{end}] is {name}, {shape_text(shape)}"))
        begin = end
    return whole(begin), lines


def _results(elements: ElementReader) -> list[tuple[int, Storage]]:
    """Place gradients in their buffers; returns the results that must be copied to their place."""
    graph, places = elements.graph, elements.places
    copies: list[tuple[int, Storage]] = []
    wanted = [
        (i, replace(places[graph.leaves.parameters[name]], buffer="gradients"))
        for name, i in graph.outputs.gradients.items()
    ] + [
        (i, _place_of_batch(elements, i, gradient_buffer(name)))
        for name, i in graph.outputs.input_gradients.items()
    ]
    for i, place in wanted:
        if i in places or graph.nodes[i].operation in (Op.LEAF, Op.VIEW):
            copies.append((i, place))
        else:
            places[i] = place
    for name, i in graph.outputs.new_state.items():
        if graph.nodes[i].operation in (Op.LEAF, Op.VIEW):
            raise CannotLowerError("running state that becomes other state")
        copies.append((i, places[graph.leaves.state[name]]))
    return copies


def _copied(elements: ElementReader, i: int, place: Storage) -> Body:
    shape = elements.graph.nodes[i].shape
    index = indices(elements, shape)
    number = cast(elements.element(i, index), "float")
    store = Store(place.buffer, offset_at(place.offset, index, strides(shape)), number)
    return loops_around(shape, index, [store])


def _snapshot(
    elements: ElementReader, size: Expression, buffer: str, copy: str, type: Type
) -> Body:
    """Copy a buffer, which later epochs change."""
    i = elements.new("i")
    if size == whole(0):
        return []
    return [For(i.name, size, [Store(copy, i, Load(buffer, i, type))])]


def _check(
    elements: ElementReader, buffer: str, start: Expression, size: Expression, result: Expression
) -> Body:
    """Return `result` if one of `size` numbers of a buffer from `start` on is not finite."""
    i, bad = elements.new("i"), elements.new("bad")
    finite = Call("isfinite", (Load(buffer, start + i, "float"),), "bool")
    more = Call("where", (finite, whole(0), whole(1)), "int")
    return [
        Let(bad.name, whole(0)),
        For(i.name, size, [Let(bad.name, bad + more)]),
        ReturnIf(Call("greater", (bad, whole(0)), "bool"), result),
    ]


def _check_rows(elements: ElementReader, i: int, place: Storage) -> Body:
    """Return the first row of the batch if one of its numbers is not finite."""
    numbers = ROWS * whole(size_of(elements.graph.nodes[i].shape[1:]))
    return _check(elements, place.buffer, place.offset, numbers, START)


def _predictions(elements: ElementReader) -> Body:
    """Copy the predictions of the batch to `predictions`, unless computed there."""
    i = elements.graph.outputs.named()["prediction"]
    if i in elements.places and elements.places[i].buffer == "predictions":
        return []
    return _copied(elements, i, _place_of_batch(elements, i, "predictions"))


def _place_of_batch(elements: ElementReader, i: int, buffer: str) -> Storage:
    """The place of this batch in a buffer of all rows."""
    node = elements.graph.nodes[i]
    return Storage(buffer, START * whole(size_of(node.shape[1:])), kind_of(node))
