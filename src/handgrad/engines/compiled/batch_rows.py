"""The loops that copy a row of the training to its place in the batch."""

from handgrad.engines.compiled.element_access import Elements, around, indices
from handgrad.engines.compiled.loops import Body, Expression, Load, Store, whole
from handgrad.engines.compiled.memory_planning import Place


def copy_of_row(
    elements: Elements,
    buffer: str,
    row: Expression,
    place: Place,
    at: Expression,
    width: int,
    members: int,
) -> Body:
    """Copy the `width` numbers of a row of a buffer to the row `at` of a place.

    With `members` it is made of a row for each of them, whose numbers the buffer `members` has.
    """
    shape = (max(members, 1), width // max(members, 1))
    member, column = indices(elements, shape)
    here = place.offset + at * whole(width) + member * whole(shape[1]) + column
    if members:
        row = Load("members", row * whole(members) + member, "int")
    number = Load(buffer, row * whole(shape[1]) + column, place.type)
    return around(shape, [member, column], [Store(place.buffer, here, number)])
