"""What an engine gives back for one pass over the rows."""

from dataclasses import dataclass

from handgrad.layers import Array


@dataclass(frozen=True)
class Epoch:
    """What one pass over the rows gave.

    `loss` is the running mean over the batches, each row counting once, or as much as its weight
    where rows have weights; `predictions` are in
    the order of the rows that were visited, `held_out` those for the rows that are held out,
    with the weights of the pass's end; `diverged_at` is the first batch (from 1) whose loss or
    step was not finite, after which the pass ended.
    """

    loss: float
    predictions: Array
    held_out: Array | None = None
    diverged_at: int | None = None
