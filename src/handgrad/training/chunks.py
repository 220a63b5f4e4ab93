"""Chunks of streamed rows: what each must be for a net and a loss."""

from collections.abc import Iterator

import numpy as np

from handgrad.base.errors import ShapeError
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.net import Net
from handgrad.row_source import RowSource
from handgrad.training.checks import checked_inputs, checked_rows
from handgrad.training.sample_weights import checksum

MOST_ROWS_TRIED = 256


class CheckedChunks:
    """The chunks of a source, each checked as it comes; `first` has x, y and p of a few rows."""

    def __init__(self, net: Net, loss: Loss, source: RowSource, what: str) -> None:
        x, y = (part[:MOST_ROWS_TRIED] for part in next(source.chunks()))
        x, y, _ = checked_rows(net, loss, (x, y), what, learn=False, metrics=())
        with np.errstate(all="ignore"):
            self.first = x, y, net.predict(x)
        self.net, self.loss, self.source, self.what = net, loss, source, what

    def in_order(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
        """All chunks, or in an order drawn by `rng`. The net is not run: it may be at work."""
        first, _, p = self.first
        for x, y in self.source.chunks(rng):
            if x.shape[1:] != first.shape[1:]:
                raise ShapeError(
                    f"{self.what}: rows of shape {x.shape[1:]} after rows of {first.shape[1:]}",
                    "as many features in every chunk",
                    "look for the chunk that is another",
                )
            yield (
                checked_inputs(self.net, x, self.what),
                self.loss.target_kind.checked(y, p, self.what, learn=False),
            )

    def checksum(self) -> str:
        """What tells these rows from others; they are read through once for it."""
        return checksum(part for chunk in self.in_order() for part in chunk)
