"""What an engine is given, rows, and what it gives back for one pass over them."""

from dataclasses import dataclass, field
from typing import Any

from handgrad.layers import Array


@dataclass(frozen=True)
class EngineRows:
    """Inputs, an array or a tuple of them, targets, and weights, all above 0, if there are any."""

    x: Any
    y: Array
    w: Array | None = None


@dataclass
class SoFar:
    """How far a pass over the rows has come: the rows, the sum of their losses, predictions.

    An engine hands it out between two batches of a long pass, and can go on from it.
    """

    rows: int = 0
    total: float = 0.0
    predictions: list[Array] = field(default_factory=list)


@dataclass(frozen=True)
class Epoch:
    """What one pass over the rows gave.

    `loss` is the running mean over the batches, each row counting once, or as much as its weight
    where rows have weights; `predictions` are in the order of the rows that were visited,
    `held_out` those for each set of rows that is looked at, with the weights of the pass's end;
    `diverged_at` is the first batch (from 1) whose loss or step was not finite, after which the
    pass ended.
    """

    loss: float
    predictions: Array
    held_out: tuple[Array, ...] = ()
    diverged_at: int | None = None
