"""How good a net is on a whole set, with its weights as they are."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.display import in_words
from handgrad.engines.choice import EngineName
from handgrad.errors import SettingError, positive
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.metrics.choice import Metric, metrics_of
from handgrad.net import Net
from handgrad.other_names import refusing_unknown
from handgrad.page import twin_of
from handgrad.row_source import (
    RowSource,
    ahead,
    refuse_beside_a_stream,
    whole_batches,
)
from handgrad.training.checks import TRAINING, checked_rows
from handgrad.training.measuring import Measure, measured, measures
from handgrad.training.piece_check import PieceCheck
from handgrad.training.sets import TRAINING_SET, described_set
from handgrad.training.weights import Rows, pair_and_weights, weighted

# Shares of a stream's memory: for rows that are held out, and else for their predictions.
HELD_OUT, PREDICTED = 1 / 16, 1 / 16


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The mean loss over all rows, and the metrics by name."""

    loss: float
    metrics: Mapping[str, float]

    def __repr__(self) -> str:
        return f"<Evaluation: {in_words([('loss', self.loss), *self.metrics.items()])}>"


@refusing_unknown
def evaluate(
    net: Net,
    data: Any,
    *,
    loss: Loss,
    metrics: Iterable[str | Metric] | None = None,
    sample_weight: Any = None,
    batch_size: int = 1024,
    engine: EngineName = "auto",
) -> Evaluation:
    """The loss and metrics of `net` on all rows of `data`, a pair (x, y), in prediction mode.

    Without `metrics`, the loss's usual ones. `sample_weight` (n,) says how much each row counts,
    all the same without it. The net is not changed. `engine` is that of
    `net.predict`. `data` may also be rows that are streamed, without weights: they are predicted
    piece by piece, and judged all at once.

    >>> import handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 2, initializer="zeros"), hg.Softmax())
    >>> result = evaluate(net, (np.zeros((4, 2)), [0, 0, 0, 1]), loss=hg.CrossEntropyLoss())
    >>> round(result.loss, 4), result.metrics["accuracy"]              # log 2, 3 of 4
    (0.6931, 0.75)
    """
    positive("batch_size", batch_size, whole=True)
    what = "evaluation data"
    if isinstance(data, RowSource):
        refuse_beside_a_stream(sample_weight=sample_weight)
        chosen = metrics_of(loss.usual_metrics if metrics is None else metrics)
        streamed = StreamedRowsHeldOut(net, loss, data, what)
        return streamed.evaluation(measures(chosen, loss), engine)
    x, y, chosen = checked_rows(net, loss, data, what, learn=False, metrics=metrics)
    rows = weighted(x, y, sample_weight, None, loss, net.dtype, what)
    with np.errstate(all="ignore"):
        p = net.predict(rows.x, batch_size, engine)
    return evaluation(p, rows, loss, measures(chosen, loss))


def evaluation(p: Array, rows: Rows, loss: Any, metrics: Mapping[str, Measure]) -> Evaluation:
    """The loss and metrics of the predictions for some rows."""
    weights = () if rows.w is None else (rows.w,)
    with np.errstate(all="ignore"):
        value = float(twin_of(loss).forward(p, rows.y, *weights))
    return Evaluation(value, measured(p, rows.y, rows.sample_weight, metrics))


class RowsHeldOut:
    """Rows in memory, (x, y) or (x, y, sample_weight), to evaluate a net on again and again."""

    def __init__(
        self, net: Net, loss: Loss, rows: Any, metrics: Mapping[str, Metric], what: str
    ) -> None:
        pair, its_weight = pair_and_weights(rows)
        x, y, _ = checked_rows(net, loss, pair, what, learn=False, metrics=metrics.values())
        self.rows = weighted(x, y, its_weight, None, loss, net.dtype, what)
        self.net, self.loss = net, loss

    def evaluation(self, metrics: Mapping[str, Measure], engine: Any) -> Evaluation:
        """The loss and the metrics with the weights as they are."""
        with np.errstate(all="ignore"):
            p = self.net.predict(self.rows.x, engine=engine)
        return evaluation(p, self.rows, self.loss, metrics)


class StreamedRowsHeldOut:
    """Rows that are streamed, of which there is room for the predictions and targets only."""

    def __init__(self, net: Net, loss: Loss, rows: RowSource, what: str) -> None:
        self.net, self.loss, self.rows = net, loss, rows
        self.check = PieceCheck(net, loss, rows, what)
        _, y, p = self.check.first
        needed, room = rows.n_rows * (y[0].nbytes + p[0].nbytes), int(rows.memory * PREDICTED)
        if needed > room:
            raise SettingError(
                f"{what}: predictions and targets of {needed / 1e6:.0f} MB, all of which the "
                "metrics are taken from",
                f"at most a sixteenth of the stream's memory, {room / 1e6:.0f} MB",
                "a smaller share of the rows; or more memory, hg.open_table(…, memory='4 GB')",
            )

    def evaluation(self, metrics: Mapping[str, Measure], engine: Any) -> Evaluation:
        """The loss and the metrics with the weights as they are, over all rows at once."""
        ys: list[Array] = []

        def inputs() -> Iterator[Array]:
            for x, y in ahead(self.check.checked(self.rows.chunks())):
                ys.append(y)
                yield x

        with np.errstate(all="ignore"):
            chunks = whole_batches(inputs(), np.concatenate)
            ps = [self.net.predict(x, engine=engine) for x in chunks]
        rows = Rows(None, np.concatenate(ys))
        return evaluation(np.concatenate(ps), rows, self.loss, metrics)


def held_out_rows(
    net: Net, loss: Loss, rows: Any, metrics: Mapping[str, Metric], memory: int, name: str
) -> RowsHeldOut | StreamedRowsHeldOut:
    """The rows of a set, checked: in memory where they are, or where there is room for them."""
    what = TRAINING if name == TRAINING_SET else described_set(name)
    if isinstance(rows, RowSource):
        streamed = StreamedRowsHeldOut(net, loss, rows, what)
        row = sum(part[0].nbytes for part in streamed.check.first[:2])
        if row * rows.n_rows > memory * HELD_OUT:
            return streamed
        rows = rows.in_memory()
    return RowsHeldOut(net, loss, rows, metrics, what)
