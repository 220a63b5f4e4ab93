"""The loss of an epoch, added up batch by batch: each as much as its rows count."""

from handgrad.base.errors import CannotLowerError
from handgrad.engines.compiled.element_access import Elements
from handgrad.engines.compiled.loops import (
    Call,
    Expression,
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
    times,
    whole,
)
from handgrad.engines.compiled.memory_planning import extent

START, ROWS = Var("start", "int"), Var("n", "int")


def count(elements: Elements, by: str) -> list[Statement]:
    """What the batch counts for in the loss of the epoch: its rows, or the sum of their weights."""
    if by == "rows" or "sample_weight" not in elements.graph.leaves.inputs:
        return [Let("batch_weight", cast(ROWS, "double"))]
    weights = elements.graph.leaves.inputs["sample_weight"]
    i, place = elements.new("i"), elements.places[weights]
    numbers: Expression = ROWS
    for size in elements.graph.nodes[weights].shape[1:]:
        numbers = times(numbers, extent(size))
    weight = cast(Load(place.buffer, plus(place.offset, i), "float"), "double")
    more = Call("add", (Var("batch_weight", "double"), weight), "double")
    return [
        Let("batch_weight", Num(0.0, "double")),
        For(i.name, numbers, [Let("batch_weight", more)]),
    ]


def add_loss(elements: Elements) -> list[Statement]:
    """Add the loss of the batch to the total, as much as it counts; leave if it is not finite."""
    if (i := elements.graph.outputs.loss) is None:
        raise CannotLowerError("a step without a loss")
    loss = cast(elements.element(i, []), "double")
    value, counted = Var("loss", "double"), Var("batch_weight", "double")
    added = Call(
        "add", (Var("total", "double"), Call("multiply", (value, counted), "double")), "double"
    )
    diverged = Call("logical_not", (Call("isfinite", (value,), "bool"),), "bool")
    return [
        Let("loss", loss),
        Let("total", added),
        Store("loss_total", whole(0), Var("total", "double")),
        ReturnIf(diverged, START),
    ]
