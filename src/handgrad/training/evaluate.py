"""Evaluation: loss and metrics of a net on sets of rows."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from handgrad.engines.config import check_kinds
from handgrad.engines.deterministic_ufuncs import deterministic
from handgrad.engines.dispatch import EngineName, engine_for_chunks
from handgrad.engines.sharding import UNSHARDED, Sharding, bits
from handgrad.engines.streams import (
    BATCH,
    RowSource,
    changed,
    prefetch,
    refuse_beside_a_stream,
    whole_batches,
)
from handgrad.textbook.aliases import refusing_unknown
from handgrad.textbook.display import in_words
from handgrad.textbook.errors import DataError, SettingError, ShapeError, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.metrics.registry import Metric, metrics_of
from handgrad.textbook.module import twin_of
from handgrad.textbook.net import Net
from handgrad.textbook.net.sparse_rows import SparseRows
from handgrad.training.batches import rows_in
from handgrad.training.metric_functions import Measure, measures, metric_values
from handgrad.training.sample_weights import refuse_padding
from handgrad.training.validate_data import (
    MOST_ROWS_TRIED,
    VALIDATION,
    CheckedData,
    checked_data,
    checked_inputs,
    checked_pair,
    checksum,
    dense_if_small,
    held_out_rows,
)

# Fractions of a source's memory: for held-out rows, or else for their predictions.
HELD_OUT, PREDICTED = 1 / 16, 1 / 16
TRAINING_SET, VALIDATION_SET = "training", "validation"


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Mean loss and metrics over all rows of a set.

    Parameters
    ----------
    loss : float
        Mean loss.
    metrics : dict of str to float
        Metrics by name.
    """

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
    """Compute the loss and metrics of `net` on `data`, in prediction mode; the net is not changed.

    Parameters
    ----------
    net : Net
        The net to evaluate.
    data : pair of arrays, StreamedRows, or batches, as in `train`
        Inputs x and targets y; streamed rows are predicted chunk by chunk and have no weights.
    loss : Loss
        Its mean over the rows is returned.
    metrics : iterable of str or function, optional
        Metrics to compute; by default the loss's usual ones.
    sample_weight : array (n,) or (n, t), optional
        Weight of each row, or of each step of a sequence.
    batch_size : int, default 1024
        Rows predicted at a time.
    engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
        As in `net.predict`.

    Returns
    -------
    Evaluation

    Examples
    --------
    >>> import handgrad as hg
    >>> net = hg.Net(hg.Linear(2, 2, initializer="zeros"), hg.Softmax())
    >>> result = evaluate(net, (np.zeros((4, 2)), [0, 0, 0, 1]), loss=hg.CrossEntropyLoss())
    >>> round(result.loss, 4), result.metrics["accuracy"]              # log 2, 3 of 4
    (0.6931, 0.75)
    """
    positive("batch_size", batch_size, whole=True)
    check_kinds(net=(net, Net), loss=(loss, Loss))
    chosen = metrics_of(loss.default_metrics if metrics is None else metrics)
    what = "evaluation data"
    data = rows_in(data, what, net)
    refuse_beside_a_stream(data, sample_weight=sample_weight)
    streamed = isinstance(data, RowSource)
    checked = data if streamed else (*checked_pair(data, what), sample_weight)
    rows = rows_to_evaluate(net, loss, checked, what, chosen)
    return rows.evaluation(measures(chosen, loss), engine, batch_size=batch_size)


class RowsToEvaluate:
    """Rows in memory on which a net is evaluated repeatedly; `x` are the inputs, if dense."""

    x: Any = None

    def __init__(self, net: Net, loss: Loss, rows: CheckedData) -> None:
        self.net, self.loss, self.rows = net, loss, dense_if_small(rows.in_arrays())
        self.x = None if isinstance(self.rows.x, SparseRows) else self.rows.x

    def evaluation(
        self,
        metrics: Mapping[str, Measure],
        engine: EngineName,
        p: Array | None = None,
        *,
        batch_size: int = BATCH,
    ) -> Evaluation:
        """Loss and metrics of the net, or of its predictions `p`."""
        with np.errstate(all="ignore"):
            p, rows = self.predicted(engine, batch_size) if p is None else (p, self.rows)
            weights = () if rows.w is None else (rows.w,)
            value = float(twin_of(self.loss).forward(deterministic(p, engine), rows.y, *weights))
        return Evaluation(value, metric_values(p, rows.y, rows.sample_weight, metrics))

    def predicted(self, engine: EngineName, batch_size: int) -> tuple[Array, CheckedData]:
        """Predictions and targets of all rows."""
        return self.net.predict(self.rows.x, batch_size, engine), self.rows

    def checksum(self) -> str:
        """Checksum of the rows."""
        return self.rows.checksum()


class SourceRows(RowsToEvaluate):
    """Rows of a source, checked chunk by chunk; `first` has x, y and p of a few rows."""

    def __init__(
        self, net: Net, loss: Loss, source: RowSource, what: str, sharding: Sharding
    ) -> None:
        x, y = source.first_chunk()
        if isinstance(x, tuple):
            raise DataError(
                f"{what}: a stream with {len(x)} arrays of inputs",
                "one array of inputs in each chunk",
                "rows in memory, hg.train(net, ((a, b), y), …); or a layer that takes one array "
                "with all inputs",
            )
        x, y = x[:MOST_ROWS_TRIED], y[:MOST_ROWS_TRIED]
        rows = checked_data(net, loss, (x, y), what, learn=False)
        refuse_padding(net, loss, rows.x, rows.y, what)
        self.first = rows.x, rows.y, rows.p
        self.net, self.loss, self.source, self.what = net, loss, source, what
        self.sharding = sharding

    def in_order(
        self, rng: np.random.Generator | None = None, begin: int = 0, end: int | None = None
    ) -> Iterator[tuple[Array, Array]]:
        """Iterate over the rows from `begin` to `end` in chunks, shuffled by `rng`.

        The net is not run: another thread may be using it.
        """
        (first, _, p), source, seen = self.first, self.source, begin
        end = source.n_rows if end is None else end
        whole = (begin, end) == (0, source.n_rows)
        for x, y in source.chunks(rng) if whole else source.stretch(begin, end, rng):
            if (seen := seen + len(y)) > end:
                raise changed(seen, source.n_rows)
            if x.shape[1:] != first.shape[1:]:
                raise ShapeError(
                    f"{self.what}: rows of shape {x.shape[1:]} after rows of {first.shape[1:]}",
                    "the same number of features in every chunk",
                    "look for the chunk that differs",
                )
            yield (
                checked_inputs(self.net, x, self.what),
                self.loss.target_kind.checked(y, p, self.what, learn=False),
            )
        if seen < end:
            raise changed(seen, source.n_rows)

    def check_room(self) -> None:
        """Refuse rows whose predictions and targets do not fit into the memory for them."""
        (_, y, p), source = self.first, self.source
        needed, room = source.n_rows * (y[0].nbytes + p[0].nbytes), int(source.memory * PREDICTED)
        if needed > room:
            raise SettingError(
                f"{self.what}: predictions and targets of {needed / 1e6:.0f} MB, which "
                "the metrics need all at once",
                f"at most a sixteenth of the stream's memory, {room / 1e6:.0f} MB",
                "a smaller fraction; or more memory, hg.data.open_table(…, memory='4 GB')",
            )

    def predicted(self, engine: EngineName, batch_size: int) -> tuple[Array, CheckedData]:
        """Predictions and targets of all rows; each worker reads and predicts some of them."""
        n = self.source.n_rows
        share = self.sharding.share(n, BATCH)
        _, y, p = (np.zeros((n, *part.shape[1:]), part.dtype) for part in self.first)

        def inputs(row: int) -> Iterator[Array]:
            for x, targets in prefetch(self.in_order(None, share.start, share.stop)):
                y[row : row + len(targets)] = targets
                row += len(targets)
                yield x

        if engine == "auto":
            engine = engine_for_chunks(self.net, lambda: self.first[0], n)
        row = share.start
        for x in whole_batches(inputs(row), np.concatenate) if share else ():
            p[row : row + len(x)] = self.net.predict(x, engine=engine)
            row += len(x)
        for array in (p, y):
            self.sharding.exchange.add(bits(array))
        return p, CheckedData(None, y)

    def checksum(self) -> str:
        return checksum(self.source.fingerprint())


def rows_to_evaluate(
    net: Net,
    loss: Loss,
    data: object,
    what: str,
    metrics: Mapping[str, Metric],
    of_class: Array | None = None,
    sets: int = 1,
    sharding: Sharding = UNSHARDED,
) -> RowsToEvaluate:
    """Check rows given as (x, y), (x, y, sample_weight) or a source; they are one of `sets` sets.

    A source is read into memory if there is room for it.
    """
    data = rows_in(data, what, net)
    if isinstance(data, RowSource):
        rows = SourceRows(net, loss, data, what, sharding)
        row = sum(part[0].nbytes for part in rows.first[:2])
        if row * data.n_rows > data.memory // sets * HELD_OUT:
            rows.check_room()
            return rows
        data = data.in_memory()
    checked = held_out_rows(net, loss, data, what, of_class, metrics)
    return RowsToEvaluate(net, loss, checked)


def named_sets(validation: object) -> dict[str, Any]:
    """Sets in `validation` by name; a single set without a name is "validation"."""
    if validation is None:
        return {}
    if isinstance(validation, list) and all(isinstance(part, tuple) for part in validation):
        came = f"validation: a list of {len(validation)} sets"
    elif not isinstance(validation, Mapping):
        return {VALIDATION_SET: validation}
    elif odd := [n for n in validation if not isinstance(n, str) or n in ("", "train")]:
        came = f"validation with a set named {odd[0]!r}"
    elif validation:
        return dict(validation)
    else:
        came = "validation = {}"
    raise SettingError(
        came,
        "a name for each set of rows, which is not 'train'",
        "validation={'spring': (x_spring, y_spring), 'autumn': (x_autumn, y_autumn)}",
    )


def first_set(validation: object) -> Any:
    """First set of rows in `validation`, on which the monitor is computed; None without any.

    Parameters
    ----------
    validation : pair or triple of arrays, StreamedRows, dict of these, or None
        As in `hg.train`.
    """
    return next(iter(named_sets(validation).values()), None)


def name_in_messages(name: str) -> str:
    """Name of a set in messages."""
    return VALIDATION if name == VALIDATION_SET else f"{VALIDATION} {name!r}"


def check_columns(names: Collection[str], metrics: Collection[str], *, training: bool) -> None:
    """Refuse names of sets and metrics that give two columns of a history the same name."""
    if training and TRAINING_SET in names:
        raise SettingError(
            f"evaluate_training=True with a set named {TRAINING_SET!r}",
            f"another name: {TRAINING_SET!r} is the name of the training rows",
            "evaluate_training=False, if these are the training rows",
        )
    known = {"epoch", "learning_rate", "seconds"}
    for name in ("train", *names):
        for column in (f"{name}_{what}" for what in ("loss", *metrics)):
            if column in known:
                raise SettingError(
                    f"two columns named {column!r} in the history",
                    "names of sets and metrics that give different columns",
                    f"another name for the set {name!r}",
                )
            known.add(column)
