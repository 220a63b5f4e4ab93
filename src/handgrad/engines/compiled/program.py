"""A whole epoch of training, and prediction, as one loop program each."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.engines.compiled.elements import Constants, Elements, around, indices
from handgrad.engines.compiled.loops import (
    Call,
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
from handgrad.engines.compiled.nests import nests
from handgrad.engines.compiled.sharing import loop_in_parts
from handgrad.engines.compiled.storage import (
    BUFFERS,
    Arena,
    Place,
    kind_of,
    plan,
    stored_nodes,
    strides,
)
from handgrad.engines.compiled.streams import WORDS, streams_of
from handgrad.engines.compiled.totals import ROWS, START, add_loss, count
from handgrad.engines.compiled.update import Update, memory_of, update_all
from handgrad.errors import CannotLowerError
from handgrad.graph.graph import Graph
from handgrad.graph.passes.builder import Shape
from handgrad.graph.rules import at

Body = list[Statement]
FINISHED = -1
CREW = "H"  # the memory of those who share the parts


@dataclass(frozen=True)
class Parameter:
    """What a program is called with: a number, or a buffer of numbers."""

    name: str
    type: Type
    buffer: bool = True


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
        names = ", ".join(parameter.name for parameter in self.parameters)
        last = f"    return {FINISHED}"
        return "\n".join([f"def {self.name}({names}):", *source(self.body, 1), last])


SCRATCH = (
    Parameter("K", "double"),
    Parameter("n_rules", "int", buffer=False),
    Parameter("C", "double"),
    Parameter("A", "float"),
    Parameter("I", "int"),
    Parameter("B", "bool"),
    Parameter(CREW, "int"),
)


def training_program(
    step: Graph,
    updates: Sequence[Update],
    parameter_names: Sequence[str],
    state_names: Sequence[str],
    batch_size: int,
    dtype: np.dtype[Any],
    batches_count: str,
) -> Program:
    """One epoch: for each batch the rows, the step, and the update of the parameters.

    It returns -1; or the first row of the batch whose loss is not finite; or the number of rows,
    where the parameters are not finite at the end. `R[0]` becomes `Z[0]` and the losses of all
    batches, each times its rows, or times their weights where `W` gives them and batches count by
    weights, `Q` the predictions in the order the rows were visited, `E`, `F` and `V` copies of the
    parameters, the running state and the random streams, `T[0]` the number of steps so far; `L` has
    the learning rate of each batch.
    """
    arena, counters = Arena(), itertools.count()
    elements = Elements(step, Constants(), counters, streams=streams_of(step, dtype))
    copied = _batch(elements, arena, batch_size)
    _in_order(elements, parameter_names, "P")
    _in_order(elements, state_names, "S")
    moved = _results(elements, parameter_names, state_names)
    stored = stored_nodes(step, step.outputs.values())
    elements.places = plan(step, elements.places, stored, batch_size, arena)
    batch: Body = [
        *copied,
        *count(elements, batches_count),
        *nests(elements, stored, batch_size),
        *_predictions(elements),
        *add_loss(elements),
        *moved(elements),
        *update_all(updates, elements),
    ]
    parameters = (
        Parameter("n_all", "int", buffer=False),
        *(Parameter(b, kind_of(step.nodes[i])) for b, i in _rows_given(step)),
        Parameter("O", "int"),
        *(Parameter(name, "float") for name in ("P", "G", "S")),
        *(Parameter(f"M{k}", "float") for k in range(len(memory_of(updates[0].rule)))),
        Parameter("L", "double"),
        Parameter("Z", "double"),
        Parameter("T", "int"),
        Parameter("Q", "float"),
        Parameter("R", "double"),
        Parameter("E", "float"),
        Parameter("F", "float"),
        *(Parameter(name, "int") for name in ("U", "V") if elements.streams),
        *SCRATCH,
    )
    n_parameters = _all_of(elements, parameter_names)
    body: Body = [
        Let("step", Load("T", whole(0), "int")),
        Let("total", Load("Z", whole(0), "double")),
        _by_batches(batch_size, batch),
        Store("T", whole(0), Var("step", "int")),
        *_kept(elements, _all_of(elements, state_names), "S", "F", "float"),
        *_kept(elements, n_parameters, "P", "E", "float"),
        *_kept(elements, whole(WORDS * len(elements.streams)), "U", "V", "int"),
        *_check(elements, "P", whole(0), n_parameters, Var("n_all", "int")),
    ]
    return _program("epoch", parameters, body, arena, elements, dtype)


def prediction_program(
    graph: Graph,
    parameter_names: Sequence[str],
    state_names: Sequence[str],
    batch_size: int,
    dtype: np.dtype[Any],
    only_finite: bool,
) -> Program:
    """The predictions for all rows of `X`, in `Q`, batch by batch.

    It returns -1, or the first row of a batch that holds what is not a finite number, as its rows
    or, if `only_finite`, as their predictions.
    """
    arena, counters = Arena(), itertools.count()
    elements = Elements(graph, Constants(), counters)
    x = graph.leaves["x"]
    width = _row_size(graph.nodes[x].shape)
    begin = times(START, whole(width))
    elements.places[x] = Place("X", begin, kind_of(graph.nodes[x]))
    _in_order(elements, parameter_names, "P")
    _in_order(elements, state_names, "S")
    out = graph.outputs["prediction"]
    node = graph.nodes[out]
    if node.operation not in ("leaf", "view") and kind_of(node) == "float":
        elements.places[out] = Place("Q", times(START, whole(_row_size(node.shape))), "float")
    stored = stored_nodes(graph, graph.outputs.values())
    elements.places = plan(graph, elements.places, stored, batch_size, arena)
    checked: Body = []
    if elements.places[x].type == "float":
        checked = _check(elements, "X", begin, times(ROWS, whole(width)), START)
    batch = [*checked, *nests(elements, stored, batch_size), *_predictions(elements)]
    if only_finite:
        width = _row_size(node.shape)
        batch += _check(elements, "Q", times(START, whole(width)), times(ROWS, whole(width)), START)
    parameters = (
        Parameter("n_all", "int", buffer=False),
        Parameter("X", kind_of(graph.nodes[x])),
        *(Parameter(name, "float") for name in ("P", "S", "Q")),
        *SCRATCH,
    )
    return _program("predict", parameters, [_by_batches(batch_size, batch)], arena, elements, dtype)


def _by_batches(batch_size: int, batch: Body) -> For:
    """`batch` for `n` rows from `start` on, until all are done; the last may be `ragged`."""
    left = Call("subtract", (Var("n_all", "int"), START), "int")
    is_ragged = Call("less", (ROWS, whole(batch_size)), "bool")
    sizes: Body = [
        Let("n", Call("minimum", (whole(batch_size), left), "int")),
        Let("ragged", Call("where", (is_ragged, whole(1), whole(0)), "int")),
    ]
    return For("start", Var("n_all", "int"), [*sizes, *batch], batch_size)


def _batch(elements: Elements, arena: Arena, batch_size: int) -> Body:
    """Room for the rows of a batch, and the loops that copy them there in their order."""
    graph, row, numbers = elements.graph, Var("row", "int"), 0
    position = elements.new("i")
    copies: Body = [Let("row", Load("O", plus(START, position), "int"))]
    for buffer, leaf in _rows_given(graph):
        node = graph.nodes[leaf]
        type, width = kind_of(node), _row_size(node.shape)
        offset = arena.take(type, batch_size * width)
        numbers += batch_size * width
        place = Place(BUFFERS[type], whole(offset), type)
        elements.places[leaf] = place
        column = elements.new("i")
        here = plus(plus(place.offset, times(position, whole(width))), column)
        there = Load(buffer, plus(times(row, whole(width)), column), type)
        copies.append(For(column.name, whole(width), [Store(place.buffer, here, there)]))
    return [loop_in_parts(elements, For(position.name, ROWS, copies), batch_size, numbers)]


def _rows_given(graph: Graph) -> list[tuple[str, int]]:
    """The buffers that hold a row for each row, and their leaves: `W` where rows have weights."""
    if not {"x", "y"} <= set(graph.leaves):
        raise CannotLowerError("an input of several arrays")
    return [(name.upper(), graph.leaves[name]) for name in ("x", "y", "w") if name in graph.leaves]


def _program(
    name: str,
    parameters: tuple[Parameter, ...],
    body: Body,
    arena: Arena,
    elements: Elements,
    dtype: np.dtype[Any],
) -> Program:
    predictions = elements.graph.nodes[elements.graph.outputs["prediction"]]
    row = tuple(at(size, 1) for size in predictions.shape[1:])
    return Program(name, parameters, body, arena, elements.constants, dtype, row)


def _row_size(shape: Shape) -> int:
    return _size(shape[1:])


def _size(shape: Shape) -> int:
    return int(np.prod([at(size, 1) for size in shape], dtype=int))


def _in_order(elements: Elements, names: Sequence[str], buffer: str) -> None:
    """Parameters or running state lie one after another in their flat buffer."""
    offset = 0
    for name in names:
        i = elements.graph.leaves[name]
        elements.places[i] = Place(buffer, whole(offset), "float")
        offset += _size(elements.graph.nodes[i].shape)


def _results(elements: Elements, parameter_names: Sequence[str], state_names: Sequence[str]) -> Any:
    """Let gradients be computed where they belong; what cannot be is copied there at the end."""
    graph = elements.graph
    copies: list[tuple[int, Place]] = []
    for names, prefix, buffer in ((parameter_names, "d ", "G"), (state_names, "new ", "S")):
        offset = 0
        for name in names:
            size = _size(graph.nodes[graph.leaves[name]].shape)
            i = graph.outputs.get(prefix + name)
            place = Place(buffer, whole(offset), "float")
            offset += size
            if i is None:
                continue
            if buffer == "S" and graph.nodes[i].operation in ("leaf", "view"):
                raise CannotLowerError("running state that becomes other state")
            direct = buffer == "G" and i not in elements.places
            if direct and graph.nodes[i].operation not in ("leaf", "view"):
                elements.places[i] = place
            else:
                copies.append((i, place))

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


def _all_of(elements: Elements, names: Sequence[str]) -> Expression:
    """How many numbers parameters or running state have together."""
    graph = elements.graph
    return whole(sum(_size(graph.nodes[graph.leaves[name]].shape) for name in names))


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
    """Copy the predictions of the batch to Q, where they are not there yet."""
    i = elements.graph.outputs["prediction"]
    if i in elements.places and elements.places[i].buffer == "Q":
        return []
    shape = elements.graph.nodes[i].shape
    index, flat = indices(elements, shape), times(START, whole(_row_size(shape)))
    for position, step in zip(index, strides(shape), strict=True):
        flat = plus(flat, times(position, step))
    number = cast(elements.element(i, index), "float")
    return around(shape, index, [Store("Q", flat, number)])
