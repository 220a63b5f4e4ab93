"""The loss of an epoch, added up batch by batch: each as much as its rows count."""

from handgrad.engines.compiled.elements import Elements
from handgrad.engines.compiled.loops import (
    Call,
    For,
    Let,
    Load,
    Num,
    ReturnIf,
    Statement,
    Store,
    Var,
    cast,
    plus,
    whole,
)

START, ROWS = Var("start", "int"), Var("n", "int")


def count(elements: Elements, by: str) -> list[Statement]:
    """What the batch counts for in the loss of the epoch: its rows, or the sum of their weights."""
    if by == "rows" or "w" not in elements.graph.leaves:
        return [Let("counted", cast(ROWS, "double"))]
    i, place = elements.new("i"), elements.places[elements.graph.leaves["w"]]
    weight = cast(Load(place.buffer, plus(place.offset, i), "float"), "double")
    more = Call("add", (Var("counted", "double"), weight), "double")
    return [Let("counted", Num(0.0, "double")), For(i.name, ROWS, [Let("counted", more)])]


def add_loss(elements: Elements) -> list[Statement]:
    """Add the loss of the batch to the total, as much as it counts; leave if it is not finite."""
    loss = cast(elements.element(elements.graph.outputs["loss"], []), "double")
    value, counted = Var("loss", "double"), Var("counted", "double")
    added = Call(
        "add", (Var("total", "double"), Call("multiply", (value, counted), "double")), "double"
    )
    diverged = Call("logical_not", (Call("isfinite", (value,), "bool"),), "bool")
    return [
        Let("loss", loss),
        Let("total", added),
        Store("R", whole(0), Var("total", "double")),
        ReturnIf(diverged, START),
    ]
