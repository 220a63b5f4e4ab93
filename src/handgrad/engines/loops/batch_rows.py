"""The rows of a batch: copied to their places in it, or gathered by what reads them."""

from collections.abc import Mapping

from handgrad.engines.loops.element_access import Elements, around, indices
from handgrad.engines.loops.fusion import is_gathered
from handgrad.engines.loops.ir import Body, Expression, For, Let, Load, Store, Var, whole
from handgrad.engines.loops.memory_planning import BUFFERS, Place, kind_of, size_of
from handgrad.engines.loops.partitioning import loop_in_parts
from handgrad.graph.symbolic import at

START, ROWS = Var("start", "int"), Var("n", "int")


def rows_of_batch(
    elements: Elements, given: Mapping[str, int], batch_size: int, *, members: bool
) -> Body:
    """Room for the rows of a batch, and the loops that copy them there in their order.

    Products that pack their matrices gather the rows themselves.
    """
    graph, row, numbers = elements.graph, Var("row", "int"), 0
    position = elements.new("i")
    copies: Body = [Let("row", Load("order", START + position, "int"))]
    for buffer, leaf in given.items():
        node = graph.nodes[leaf]
        type, width = kind_of(node), size_of(node.shape[1:])
        if not members and is_gathered(graph, leaf, batch_size, elements.target):
            rows = Load("order", START, "int")
            elements.places[leaf] = Place(buffer, whole(0), type, rows=rows)
            continue
        offset = elements.arena.take(type, batch_size * width)
        numbers += batch_size * width
        place = elements.places[leaf] = Place(BUFFERS[type], whole(offset), type)
        k = at(node.shape[1], 1) if members and buffer != "sample_weight" else 0
        copies += _copy_of_row(elements, buffer, row, place, position, width, k)
    return [loop_in_parts(elements, For(position.name, ROWS, copies), batch_size, numbers)]


def _copy_of_row(
    elements: Elements,
    buffer: str,
    row: Expression,
    place: Place,
    position: Expression,
    width: int,
    members: int,
) -> Body:
    """Copy the `width` numbers of a row of a buffer to the row `position` of a place.

    With `members` it is made of a row for each of them, whose numbers the buffer `members` has.
    """
    shape = (max(members, 1), width // max(members, 1))
    member, column = indices(elements, shape)
    here = place.offset + position * whole(width) + member * whole(shape[1]) + column
    if members:
        row = Load("members", row * whole(members) + member, "int")
    number = Load(buffer, row * whole(shape[1]) + column, place.type)
    return around(shape, [member, column], [Store(place.buffer, here, number)])
