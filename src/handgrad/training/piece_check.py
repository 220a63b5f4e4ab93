"""What each piece of streamed rows must be for a net and a loss."""

from collections.abc import Iterator

import numpy as np

from handgrad.errors import ShapeError
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.net import Net
from handgrad.row_source import RowSource
from handgrad.training.checks import checked_inputs, checked_rows
from handgrad.training.targets import checked_targets

MOST_ROWS_TRIED = 256


class PieceCheck:
    """Checks the pieces as they come; `first` has x, y and p of a few rows, all in order."""

    def __init__(self, net: Net, loss: Loss, rows: RowSource, what: str) -> None:
        x, y = (part[:MOST_ROWS_TRIED] for part in next(rows.chunks()))
        x, y, _ = checked_rows(net, loss, (x, y), what, learn=False, metrics=())
        with np.errstate(all="ignore"):
            self.first = x, y, net.predict(x)
        self.net, self.loss, self.what = net, loss, what

    def checked(self, pieces: Iterator[tuple[Array, Array]]) -> Iterator[tuple[Array, Array]]:
        """The pieces, fit for the net and the loss. The net is not run: it may be at work."""
        first, _, p = self.first
        for x, y in pieces:
            if x.shape[1:] != first.shape[1:]:
                raise ShapeError(
                    f"{self.what}: rows of shape {x.shape[1:]} after rows of {first.shape[1:]}",
                    "as many features in every piece",
                    "look for the piece that is another",
                )
            yield (
                checked_inputs(self.net, x, self.what),
                checked_targets(self.loss, y, p, self.what, learn=False),
            )
