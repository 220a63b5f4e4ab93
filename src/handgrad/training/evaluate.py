"""How good a net is on a whole set, with its weights as they are."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.base.errors import SettingError, positive
from handgrad.base.other_names import refusing_unknown
from handgrad.base.page import twin_of
from handgrad.config import check_kinds
from handgrad.display import in_words
from handgrad.engines.choice import EngineName
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.metrics.choice import Metric, metrics_of
from handgrad.net import Net
from handgrad.row_source import BATCH, RowSource, prefetch, refuse_beside_a_stream, whole_batches
from handgrad.training.checks import checked_pair
from handgrad.training.chunks import CheckedChunks
from handgrad.training.metric_functions import Measure, measured, measures
from handgrad.training.sample_weights import Rows, held_out_rows

# Shares of a source's memory: for rows that are held out, and else for their predictions.
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
    data: object,
    *,
    loss: Loss,
    metrics: Iterable[str | Metric] | None = None,
    sample_weight: object = None,
    batch_size: int = BATCH,
    engine: EngineName = "auto",
) -> Evaluation:
    """The loss and metrics of `net` on all rows of `data`, a pair (x, y), in prediction mode.

    Without `metrics`, the loss's usual ones. `sample_weight` (n,) says how much each row counts,
    all the same without it. The net is not changed. `engine` is that of
    `net.predict`. `data` may also be rows that are streamed, without weights: they are predicted
    chunk by chunk, and judged all at once.

    >>> import handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 2, initializer="zeros"), hg.Softmax())
    >>> result = evaluate(net, (np.zeros((4, 2)), [0, 0, 0, 1]), loss=hg.CrossEntropyLoss())
    >>> round(result.loss, 4), result.metrics["accuracy"]              # log 2, 3 of 4
    (0.6931, 0.75)
    """
    positive("batch_size", batch_size, whole=True)
    check_kinds(net=(net, Net), loss=(loss, Loss))
    chosen = metrics_of(loss.default_metrics if metrics is None else metrics)
    refuse_beside_a_stream(data, sample_weight=sample_weight)
    what = "evaluation data"
    streamed = isinstance(data, RowSource)
    given = data if streamed else (*checked_pair(data, what), sample_weight)
    rows = rows_to_evaluate(net, loss, given, chosen, what)
    return rows.evaluation(measures(chosen, loss), engine, batch_size=batch_size)


class RowsToEvaluate(ABC):
    """A set of rows that a net is evaluated on, again and again; `x`, where it is in memory."""

    x: Any = None

    def __init__(self, net: Net, loss: Loss) -> None:
        self.net, self.loss = net, loss

    def evaluation(
        self,
        metrics: Mapping[str, Measure],
        engine: EngineName,
        p: Array | None = None,
        *,
        batch_size: int = BATCH,
    ) -> Evaluation:
        """Loss and metrics of the net as it is, or of its predictions `p` of rows in memory."""
        with np.errstate(all="ignore"):
            p, rows = self.predicted(engine, batch_size, p)
        return evaluation(p, rows, self.loss, metrics)

    @abstractmethod
    def predicted(self, engine: EngineName, batch_size: int, p: Array | None) -> tuple[Array, Rows]:
        """The predictions of all rows, where they are not known, and the targets."""

    @abstractmethod
    def checksum(self) -> str:
        """What tells these rows from others."""


class InMemory(RowsToEvaluate):
    """Rows in memory to evaluate a net on."""

    def __init__(self, net: Net, loss: Loss, rows: Rows) -> None:
        super().__init__(net, loss)
        self.rows, self.x = rows, rows.x

    def predicted(self, engine: EngineName, batch_size: int, p: Array | None) -> tuple[Array, Rows]:
        return self.net.predict(self.x, batch_size, engine) if p is None else p, self.rows

    def checksum(self) -> str:
        return self.rows.checksum()


class InChunks(RowsToEvaluate):
    """Rows of a source to evaluate a net on: only predictions and targets are kept."""

    def __init__(self, net: Net, loss: Loss, chunks: CheckedChunks) -> None:
        super().__init__(net, loss)
        self.chunks, (_, y, p), source = chunks, chunks.first, chunks.source
        needed, room = source.n_rows * (y[0].nbytes + p[0].nbytes), int(source.memory * PREDICTED)
        if needed > room:
            raise SettingError(
                f"{chunks.what}: predictions and targets of {needed / 1e6:.0f} MB, all of which "
                "the metrics are taken from",
                f"at most a sixteenth of the stream's memory, {room / 1e6:.0f} MB",
                "a smaller share of the rows; or more memory, hg.open_table(…, memory='4 GB')",
            )

    def predicted(self, engine: EngineName, batch_size: int, p: Array | None) -> tuple[Array, Rows]:
        ys: list[Array] = []

        def inputs() -> Iterator[Array]:
            for x, y in prefetch(self.chunks.in_order()):
                ys.append(y)
                yield x

        batches = whole_batches(inputs(), np.concatenate)
        ps = [self.net.predict(x, engine=engine) for x in batches]
        return np.concatenate(ps), Rows(None, np.concatenate(ys))

    def checksum(self) -> str:
        return self.chunks.checksum()


def evaluation(p: Array, rows: Rows, loss: Loss, metrics: Mapping[str, Measure]) -> Evaluation:
    """The loss and metrics of the predictions for some rows."""
    weights = () if rows.w is None else (rows.w,)
    with np.errstate(all="ignore"):
        value = float(twin_of(loss).forward(p, rows.y, *weights))
    return Evaluation(value, measured(p, rows.y, rows.sample_weight, metrics))


def rows_to_evaluate(
    net: Net,
    loss: Loss,
    given: object,
    metrics: Mapping[str, Metric],
    what: str,
    of_class: Array | None = None,
    sets: int = 1,
) -> RowsToEvaluate:
    """Checked rows, given as (x, y), (x, y, sample_weight) or a source: one of so many `sets`.

    Those of a source are brought into memory, where there is room for them.
    """
    if isinstance(given, RowSource):
        chunks = CheckedChunks(net, loss, given, what)
        row = sum(part[0].nbytes for part in chunks.first[:2])
        if row * given.n_rows > given.memory // sets * HELD_OUT:
            return InChunks(net, loss, chunks)
        given = given.in_memory()
    return InMemory(net, loss, held_out_rows(net, loss, given, metrics.values(), what, of_class))
