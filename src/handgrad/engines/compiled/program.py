"""A whole epoch of training, and prediction, as one loop program each."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from handgrad.base.errors import CannotLowerError
from handgrad.engines.compiled.element_access import Constants, Elements, around, indices
from handgrad.engines.compiled.loop_nests import nests
from handgrad.engines.compiled.loops import (
    Call,
    Comment,
    Expression,
    For,
    Let,
    Load,
    ReturnIf,
    Statement,
    Store,
    Type,
    Var,
    cast,
    plus,
    source,
    times,
    whole,
)
from handgrad.engines.compiled.loss_total import ROWS, START, add_loss, count
from handgrad.engines.compiled.memory_planning import (
    BUFFERS,
    Arena,
    Place,
    kind_of,
    plan,
    stored_nodes,
    strides,
)
from handgrad.engines.compiled.parallel_loops import loop_in_parts
from handgrad.engines.compiled.parameters import SCRATCH, Parameter
from handgrad.engines.compiled.streams import WORDS, streams_of
from handgrad.engines.compiled.update import Update, update_all
from handgrad.graph.graph import Graph
from handgrad.graph.operations import Op
from handgrad.graph.symbolic import Shape, at, shape_text

Body = list[Statement]
FINISHED = -1


@dataclass(frozen=True)
class Program:
    """The statements, what they are called with, and the scratch memory and constants they need."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Body
    arena: Arena
    constants: Constants
    dtype: np.dtype[Any]
    output_shape: tuple[int, ...]

    def source(self) -> str:
        """The program as Python, each nest below the line of the textbook it came from."""
        names = [f"    {p.name + ',':<18}# {p.meaning}" for p in self.parameters]
        last = f"    return {FINISHED}"
        return "\n".join([f"def {self.name}(", *names, "):", *source(self.body, 1), last])


def training_program(
    step: Graph,
    updates: Sequence[Update],
    batch_size: int,
    dtype: np.dtype[np.generic],
    batches_weighted_by: str,
) -> Program:
    """One epoch: for each batch the rows, the step, and the update of the parameters, if any.

    It returns -1; or the first row of the batch whose loss is not finite; or the number of rows,
    where the parameters are not finite at the end. `loss_total[0]` becomes `loss_before[0]` and the
    losses of all batches, each times its rows, or times their weights where batches count by them.
    """
    arena, counters = Arena(), itertools.count()
    elements = Elements(step, Constants(), counters, streams=streams_of(step, dtype))
    copied = _batch(elements, arena, batch_size)
    n_parameters = _in_order(elements, step.leaves.parameters, "parameters")
    n_state = _in_order(elements, step.leaves.state, "state")
    moved = _results(elements)
    stored = stored_nodes(step, step.outputs.all())
    elements.places = plan(step, elements.places, stored, batch_size, arena)
    batch: Body = [
        Comment("the rows of this batch, in their order"),
        *copied,
        *count(elements, batches_weighted_by),
        *nests(elements, stored, batch_size),
        Comment("what comes out"),
        *_predictions(elements),
        *add_loss(elements),
        *moved(elements),
        *(update_all(updates, elements) if updates else ()),
    ]
    body: Body = [
        *_layout(elements, step.leaves.parameters, "parameters"),
        *_layout(elements, step.leaves.state, "state"),
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
    return _program("epoch", _of_an_epoch(elements, updates), body, arena, elements, dtype)


def _of_an_epoch(elements: Elements, updates: Sequence[Update]) -> tuple[Parameter, ...]:
    """What an epoch is called with."""
    step = elements.graph
    return (
        Parameter("n_rows", "int", buffer=False),
        *(Parameter(b, kind_of(step.nodes[i])) for b, i in _rows_given(step)),
        Parameter("order", "int"),
        *(Parameter(name, "float") for name in ("parameters", "gradients", "state")),
        *_memory(updates),
        Parameter("learning_rates", "double"),
        Parameter("loss_before", "double"),
        Parameter("steps", "int"),
        Parameter("predictions", "float"),
        Parameter("loss_total", "double"),
        Parameter("parameters_after", "float"),
        Parameter("state_after", "float"),
        *(Parameter(name, "int") for name in ("streams", "streams_after") if elements.streams),
        *SCRATCH,
    )


def update_program(updates: Sequence[Update], dtype: np.dtype[np.generic]) -> Program:
    """The optimizer's step alone, by the gradients, at the learning rate `learning_rates[0]`."""
    elements = Elements(updates[0].rule, Constants(), itertools.count())
    parameters = (
        Parameter("n_rows", "int", buffer=False),
        *(Parameter(name, "float") for name in ("parameters", "gradients")),
        *_memory(updates),
        Parameter("learning_rates", "double"),
        Parameter("steps", "int"),
        *SCRATCH,
    )
    body: Body = [
        Let("step", Load("steps", whole(0), "int")),
        *update_all(updates, elements),
        Store("steps", whole(0), Var("step", "int")),
    ]
    return Program("update", parameters, body, Arena(), elements.constants, dtype, ())


def _memory(updates: Sequence[Update]) -> list[Parameter]:
    """What the optimizer remembers from step to step."""
    names = updates[0].rule.leaves.state if updates else ()
    return [Parameter(f"memory_{name}", "float") for name in names]


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
    arena, counters = Arena(), itertools.count()
    elements = Elements(graph, Constants(), counters)
    x = graph.leaves.inputs["x"]
    width = _row_size(graph.nodes[x].shape)
    begin = times(START, whole(width))
    elements.places[x] = Place("x", begin, kind_of(graph.nodes[x]))
    _in_order(elements, graph.leaves.parameters, "parameters")
    _in_order(elements, graph.leaves.state, "state")
    out = _prediction(graph)
    node = graph.nodes[out]
    if node.operation not in (Op.LEAF, Op.VIEW) and kind_of(node) == "float":
        elements.places[out] = Place(
            "predictions", times(START, whole(_row_size(node.shape))), "float"
        )
    stored = stored_nodes(graph, graph.outputs.all())
    elements.places = plan(graph, elements.places, stored, batch_size, arena)
    checked: Body = []
    if elements.places[x].type == "float":
        checked = _check(elements, "x", begin, times(ROWS, whole(width)), START)
    batch = [*checked, *nests(elements, stored, batch_size), *_predictions(elements)]
    if only_finite:
        width = _row_size(node.shape)
        batch += _check(
            elements, "predictions", times(START, whole(width)), times(ROWS, whole(width)), START
        )
    parameters = (
        Parameter("n_rows", "int", buffer=False),
        Parameter("x", kind_of(graph.nodes[x])),
        *(Parameter(name, "float") for name in ("parameters", "state", "predictions")),
        *SCRATCH,
    )
    return _program("predict", parameters, [_by_batches(batch_size, batch)], arena, elements, dtype)


def _by_batches(batch_size: int, batch: Body) -> For:
    """`batch` for `n` rows from `start` on, until all are done."""
    left = Call("subtract", (Var("n_rows", "int"), START), "int")
    rows = Let("n", Call("minimum", (whole(batch_size), left), "int"))
    return For("start", Var("n_rows", "int"), [rows, *batch], batch_size)


def _batch(elements: Elements, arena: Arena, batch_size: int) -> Body:
    """Room for the rows of a batch, and the loops that copy them there in their order."""
    graph, row, numbers = elements.graph, Var("row", "int"), 0
    position = elements.new("i")
    copies: Body = [Let("row", Load("order", plus(START, position), "int"))]
    for buffer, leaf in _rows_given(graph):
        node = graph.nodes[leaf]
        type, width = kind_of(node), _row_size(node.shape)
        offset = arena.take(type, batch_size * width)
        numbers += batch_size * width
        place = Place(BUFFERS[type], whole(offset), type)
        elements.places[leaf] = place
        (column,) = indices(elements, (width,))
        here = plus(plus(place.offset, times(position, whole(width))), column)
        there = Load(buffer, plus(times(row, whole(width)), column), type)
        copies += around((width,), [column], [Store(place.buffer, here, there)])
    return [loop_in_parts(elements, For(position.name, ROWS, copies), batch_size, numbers)]


def _rows_given(graph: Graph) -> list[tuple[str, int]]:
    """The buffers that hold something for each row, and their leaves."""
    inputs = graph.leaves.inputs
    if not {"x", "y"} <= set(inputs):
        raise CannotLowerError("an input of several arrays")
    return [(name, inputs[name]) for name in ("x", "y", "sample_weight") if name in inputs]


def _program(
    name: str,
    parameters: tuple[Parameter, ...],
    body: Body,
    arena: Arena,
    elements: Elements,
    dtype: np.dtype[np.generic],
) -> Program:
    predictions = elements.graph.nodes[_prediction(elements.graph)]
    row = tuple(at(size, 1) for size in predictions.shape[1:])
    return Program(name, parameters, body, arena, elements.constants, dtype, row)


def _row_size(shape: Shape) -> int:
    return _size(shape[1:])


def _size(shape: Shape) -> int:
    return int(np.prod([at(size, 1) for size in shape], dtype=int))


def _in_order(elements: Elements, leaves: Mapping[str, int], buffer: str) -> Expression:
    """Let parameters or running state lie one after another in their buffer; their number."""
    offset = 0
    for i in leaves.values():
        elements.places[i] = Place(buffer, whole(offset), "float")
        offset += _size(elements.graph.nodes[i].shape)
    return whole(offset)


def _layout(elements: Elements, leaves: Mapping[str, int], buffer: str) -> list[Comment]:
    """Where each of the parameters or the running state lies, as comments of the text."""
    lines: list[Comment] = []
    begin = 0
    for name, i in leaves.items():
        shape = elements.graph.nodes[i].shape
        end = begin + _size(shape)
        lines.append(Comment(f"{buffer}[{begin}:{end}] is {name}, {shape_text(shape)}"))
        begin = end
    return lines


def _results(elements: Elements) -> Callable[[Elements], Body]:
    """Let gradients be computed where they belong; what cannot be is copied there at the end."""
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

    def moved(elements: Elements) -> Body:
        body: Body = []
        for i, place in copies:
            shape = graph.nodes[i].shape
            index = indices(elements, shape)
            flat = place.offset
            for position, step in zip(index, strides(shape), strict=True):
                flat = plus(flat, times(position, step))
            number = cast(elements.element(i, index), "float")
            body += around(shape, index, [Store(place.buffer, flat, number)])
        return body

    return moved


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
    finite = Call("isfinite", (Load(buffer, plus(start, i), "float"),), "bool")
    more = Call("where", (finite, whole(0), whole(1)), "int")
    return [
        Let(bad.name, whole(0)),
        For(i.name, size, [Let(bad.name, Call("add", (bad, more), "int"))]),
        ReturnIf(Call("greater", (bad, whole(0)), "bool"), found),
    ]


def _predictions(elements: Elements) -> Body:
    """Copy the predictions of the batch to `predictions`, where they are not there yet."""
    i = _prediction(elements.graph)
    if i in elements.places and elements.places[i].buffer == "predictions":
        return []
    shape = elements.graph.nodes[i].shape
    index, flat = indices(elements, shape), times(START, whole(_row_size(shape)))
    for position, step in zip(index, strides(shape), strict=True):
        flat = plus(flat, times(position, step))
    number = cast(elements.element(i, index), "float")
    return around(shape, index, [Store("predictions", flat, number)])


def _prediction(graph: Graph) -> int:
    if graph.outputs.prediction is None:
        raise CannotLowerError("a graph without a prediction")
    return graph.outputs.prediction
