"""Loaders: training rows for the engine, all at once or buffer by buffer."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from handgrad.engines.config import TrainingConfig
from handgrad.engines.engine import Engine, Epoch, EpochProgress
from handgrad.engines.sharding import ALONE, bits
from handgrad.engines.streams import RowSource, prefetch, refuse_beside_a_stream
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.net.sparse_rows import SparseRows
from handgrad.training.evaluate import RowsToEvaluate, SourceRows
from handgrad.training.metric_functions import Measure, metric_values
from handgrad.training.validate_data import (
    TRAINING,
    CheckedData,
    dense_at_once,
    dense_if_small,
    training_rows,
)

# Fractions of the memory: for the shuffle buffer, and for the predictions of an epoch.
BUFFER, KEPT = 1 / 8, 1 / 16


class MemoryLoader:
    """Loader of rows in memory; one engine call may run several epochs.

    `order` is the last shuffled order of the rows, `generators` are further random streams, and an
    epoch takes `passes` passes over the engine's arrays, which have `rows`.
    """

    passes, streamed = 1, False
    generators: Sequence[np.random.Generator] = ()

    def __init__(self, net: Net, loss: Loss, rows: CheckedData) -> None:
        self.net, self.loss, self.rows, self.checked = net, loss, rows, rows
        self.n_rows, self.order = len(rows.y), np.arange(len(rows.y))
        self.orders, self.visited = self.order[None], self.order

    def start(
        self,
        generator: np.random.Generator | np.random.RandomState,
        *,
        shuffle: bool,
        keep: bool = False,
    ) -> None:
        """Prepare the first epoch; `keep` an epoch's predictions for `metric_values`."""
        self.drawn_by = generator if shuffle else None

    def begin(self, engine: Engine, epochs: int, *, anew: bool) -> None:
        """Draw the row orders of the next epochs; without `anew` a stopped epoch continues.

        Each is that of the epoch before, shuffled. The array is reused if possible: the engine's
        calls are planned for it.
        """
        if epochs > len(self.orders):
            self.orders = np.tile(self.order, (epochs, 1))
        elif epochs < len(self.orders):
            self.orders = self.orders[-epochs:]
        if self.drawn_by and anew:
            for i, order in enumerate(self.orders):
                if epochs > 1:
                    order[...] = self.orders[i - 1]
                self.drawn_by.shuffle(order)
        self.order = self.orders[-1]

    def run(
        self, engine: Engine, learning_rates: Array, so_far: EpochProgress | None
    ) -> Iterator[Epoch | EpochProgress]:
        """Run those epochs on the engine."""
        orders = iter(self.orders)
        for result in engine.run_epochs(self.orders, learning_rates, so_far):
            if isinstance(result, Epoch):
                self.visited = next(orders)
            yield result

    def metric_values(self, epoch: Epoch, metrics: Mapping[str, Measure]) -> dict[str, float]:
        """Metrics of the batches' predictions in the last epoch."""
        if not metrics:
            return {}
        w = self.checked.sample_weight
        y, w = self.checked.y[self.visited], None if w is None else w[self.visited]
        return metric_values(epoch.predictions, y, w, metrics)

    def to_evaluate(self) -> RowsToEvaluate:
        """The same rows, for evaluation at the end of an epoch."""
        return RowsToEvaluate(self.net, self.loss, self.checked)

    def checksum(self) -> str:
        """Checksum of the rows."""
        return self.checked.checksum()

    def progress_arrays(self, so_far: EpochProgress) -> dict[str, Array]:
        """Arrays from which an unfinished epoch continues."""
        return {"predictions": np.concatenate(so_far.predictions)}

    def progress_in(self, rows: int, total: float, arrays: Mapping[str, Array]) -> EpochProgress:
        """Restore an unfinished epoch from `progress_arrays`; ValueError if they do not fit."""
        predictions = arrays["predictions"]
        if not len(predictions) == rows < self.n_rows:
            raise ValueError(f"with {len(predictions)} predictions of {rows} rows")
        return EpochProgress(rows, total, [predictions])


class SparseLoader(MemoryLoader):
    """Loader of sparse rows, `n_buffered` of them dense at a time, in the order of dense rows.

    Batches, and so the bits, are those of the same rows in a dense array.
    """

    streamed = True

    def __init__(
        self, net: Net, loss: Loss, rows: CheckedData, n_buffered: int, batch_size: int
    ) -> None:
        super().__init__(net, loss, rows)
        self.passes, self.batch_size = -(-self.n_rows // n_buffered), batch_size
        self.n_buffered = n_buffered
        w = None if rows.w is None else rows.w[:n_buffered].copy()
        x, y = rows.x[:n_buffered], rows.y[:n_buffered].copy()
        self.rows = CheckedData(x, y, w, of_class=rows.of_class)

    def begin(self, engine: Engine, epochs: int, *, anew: bool) -> None:
        super().begin(engine, epochs, anew=anew)
        if anew:
            engine.begin_epoch()

    def run(
        self, engine: Engine, learning_rates: Array, so_far: EpochProgress | None
    ) -> Iterator[Epoch | EpochProgress]:
        (rates,), so_far, all_rows = learning_rates, so_far or EpochProgress(), self.checked
        for begin in range(so_far.rows, self.n_rows, self.n_buffered):
            rows = self.order[begin : begin + self.n_buffered]
            n, steps = len(rows), begin // self.batch_size
            engine.x[:n], engine.y[:n] = all_rows.x[rows], all_rows.y[rows]
            if engine.w is not None and all_rows.w is not None:
                engine.w[:n] = all_rows.w[rows]
            result = engine.run_rows(
                np.arange(n), rates[steps : steps - (-n // self.batch_size)], so_far
            )
            if isinstance(result, Epoch):
                yield replace(result, diverged_at=steps + (result.diverged_at or 0))
                return
            predictions = [*so_far.predictions, result.predictions[0].copy()]
            so_far = EpochProgress(result.rows, result.total, predictions)
            if so_far.rows < self.n_rows:
                yield so_far
        engine.exchange_averages()
        self.visited, w = self.order, all_rows.w if engine.by_weights else None
        weight = self.n_rows if w is None else float(w[self.order].sum(dtype=float))
        yield Epoch(so_far.total / weight, np.concatenate(so_far.predictions))


class StreamLoader:
    """Loader with a shuffle buffer, for a source that does not fit into the engine's arrays.

    An epoch visits all rows once. The chunks fill a buffer, an eighth of the source's memory; the
    batches are drawn from it, and it is refilled when all its rows have been used. A batch may
    therefore have rows of several chunks, and all batches but the epoch's last are full.
    """

    streamed = True

    def __init__(self, chunks: SourceRows, n_buffered: int, batch_size: int) -> None:
        self.chunks, self.n_rows, self.batch_size = chunks, chunks.source.n_rows, batch_size
        self.passes, self.order = -(-self.n_rows // n_buffered), np.arange(n_buffered)
        self.own_places = range(n_buffered)  # in the buffer, which this worker fills
        # Tracing runs the net on a few rows.
        x, y = (np.zeros((n_buffered, *part.shape[1:]), part.dtype) for part in chunks.first[:2])
        for room, part in zip((x, y), chunks.first[:2], strict=True):
            room[: len(part)] = part[:n_buffered]
        self.rows = CheckedData(x, y)

    def start(self, generator: np.random.Generator, *, shuffle: bool, keep: bool = False) -> None:
        self.generator, self.shuffle = generator, shuffle
        self.generators = generator.spawn(1)
        source = self.chunks.source
        self.kept = EpochPredictions(self.chunks, int(source.memory * KEPT), keep=keep)

    def begin(self, engine: Engine, epochs: int, *, anew: bool) -> None:
        """Prepare an epoch; without `anew` a stopped one continues."""
        if anew:
            self.kept.begin()
            engine.begin_epoch()

    def run(
        self, engine: Engine, learning_rates: Array, so_far: EpochProgress | None
    ) -> Iterator[Epoch | EpochProgress]:
        """Run one pass over all rows, yielding progress at each refill of the buffer."""
        (rates,), n, so_far = learning_rates, self.n_rows, so_far or EpochProgress()
        (of_chunks,) = self.generators
        drawn = copy.deepcopy(of_chunks)  # a resumed epoch draws the same order again
        for filled in self._buffers(engine, self._readers(drawn, so_far.rows), so_far.rows):
            order = self._order(filled, so_far.rows)
            steps = so_far.rows // self.batch_size
            end = -(-(so_far.rows + filled) // self.batch_size)
            result = engine.run_rows(order, rates[steps:end], so_far)
            if isinstance(result, Epoch):
                yield replace(result, diverged_at=steps + (result.diverged_at or 0))
                return
            self.kept.add(result.predictions[0], engine.y, order, self.own_places)
            so_far = EpochProgress(result.rows, result.total)
            if so_far.rows < n:
                yield so_far
        of_chunks.bit_generator.state = drawn.bit_generator.state
        engine.exchange_averages()
        yield Epoch(so_far.total / n, self.kept.p[0])

    def _order(self, rows: int, before: int) -> Array:
        """Order of the `rows` rows in the buffer, which follow `before` earlier ones."""
        order = self.order if rows == len(self.order) else np.arange(rows)
        if self.shuffle:
            self.generator.shuffle(order)
        return order

    def _readers(self, drawn: np.random.Generator, before: int) -> list["_Reader"]:
        """Readers of the rows after the first `before`, shuffled by `drawn`."""
        return [_Reader(self.chunks.in_order(drawn if self.shuffle else None, before))]

    def _read_by_each(self, rows: int) -> list[int]:
        """Number of the next `rows` rows that each reader reads."""
        return [rows]

    def _buffers(self, engine: Engine, readers: list["_Reader"], before: int) -> Iterator[int]:
        """Fill the engine's arrays again and again; yields the number of rows each time."""
        for place, x, y in prefetch(self._parts(readers, before)):
            engine.x[place : place + len(y)], engine.y[place : place + len(y)] = x, y
            if place == len(self.order):
                filled = min(place, self.n_rows - before)
                yield filled
                before += filled

    def _parts(self, readers: list["_Reader"], before: int) -> Iterator[tuple[int, Array, Array]]:
        """Rows of the readers with their positions in the buffer; empty at its end."""
        while before < self.n_rows:
            rows = min(len(self.order), self.n_rows - before)
            for reader, n in zip(readers, self._read_by_each(rows), strict=True):
                place = reader.place
                for x, y in reader.next(n):
                    yield place, x, y
                    place += len(y)
            yield len(self.order), self.rows.x[:0], self.rows.y[:0]
            before += rows

    def metric_values(self, epoch: Epoch, metrics: Mapping[str, Measure]) -> dict[str, float]:
        p, y = self.kept.arrays()
        return metric_values(p, y, None, metrics)

    def to_evaluate(self) -> RowsToEvaluate:
        self.chunks.check_room()
        return self.chunks

    def checksum(self) -> str:
        return self.chunks.checksum()

    def progress_arrays(self, so_far: EpochProgress) -> dict[str, Array]:
        return dict(zip(("predictions", "targets"), self.kept.arrays(), strict=True))

    def progress_in(self, rows: int, total: float, arrays: Mapping[str, Array]) -> EpochProgress:
        """Restore an unfinished epoch; its rows must be a multiple of the buffer's."""
        if not rows < self.n_rows or rows % len(self.order):
            raise ValueError(f"with {rows} rows in buffers of {len(self.order)}")
        self.kept.go_on(rows, arrays["predictions"], arrays["targets"])
        return EpochProgress(rows, total)


class ShardedStreamLoader(StreamLoader):
    """Loader of streamed rows in shards, of which a worker reads its own.

    Rows and buffer are split into one contiguous part per shard, as long as its slices of all
    batches. A worker reads the parts of its own shards in parallel and fills only their parts of
    the buffer: the others take no memory. The order depends only on the epoch's seed, the shard and
    the rows before.
    """

    def __init__(self, chunks: SourceRows, n_buffered: int, batch_size: int) -> None:
        super().__init__(chunks, n_buffered, batch_size)
        self.shards, self.own = chunks.sharding.shards, chunks.sharding.own
        self.places = np.cumsum([0, *self._shares(n_buffered)])
        self.own_places = range(self.places[self.own.start], self.places[self.own.stop])

    def _shares(self, rows: int) -> Array:
        """Number of rows of each shard among the first `rows` rows, (shards,)."""
        full, rest = divmod(rows, self.batch_size)
        shard = np.arange(self.shards)
        of_batch, of_last = (
            n // self.shards + (shard < n % self.shards) for n in (self.batch_size, rest)
        )
        shares: Array = full * of_batch + of_last
        return shares

    def _order(self, rows: int, before: int) -> Array:
        batches = rows // self.batch_size
        full, rest = [], []
        for shard, (n, each) in enumerate(
            zip(self._shares(rows), self._shares(self.batch_size), strict=True)
        ):
            order = np.arange(self.places[shard], self.places[shard] + n)
            if self.shuffle:
                np.random.default_rng((self.seed, before, shard)).shuffle(order)
            full.append(order[: batches * each].reshape(batches, each))
            rest.append(order[batches * each :])
        return np.concatenate([np.concatenate(full, axis=1).ravel(), *rest])

    def _readers(self, drawn: np.random.Generator, before: int) -> list["_Reader"]:
        self.seed, readers = int(drawn.integers(2**63)), []
        shares, begun = self._shares(self.n_rows), self._shares(before)
        ends = np.cumsum(shares).tolist()
        for shard in self.own:
            rng = np.random.default_rng(self.seed) if self.shuffle else None
            begin = int(ends[shard] - shares[shard] + begun[shard])
            stretch = self.chunks.in_order(rng, begin, ends[shard])
            readers.append(_Reader(stretch, int(self.places[shard])))
        return readers

    def _read_by_each(self, rows: int) -> list[int]:
        of_each: list[int] = self._shares(rows)[self.own.start : self.own.stop].tolist()
        return of_each


Loader = MemoryLoader | StreamLoader


class _Reader:
    """Reader of n rows at a time from chunks, into the buffer from `place` on."""

    def __init__(self, chunks: Iterator[tuple[Array, Array]], place: int = 0) -> None:
        self.chunks, self.place, self.left = chunks, place, list[tuple[Array, Array]]()

    def next(self, n: int) -> Iterator[tuple[Array, Array]]:
        """The next n rows, in parts."""
        while n:
            x, y = self.left.pop() if self.left else next(self.chunks)
            part = x[:n], y[:n]
            if n < len(y):
                self.left.append((x[n:], y[n:]))
            n -= len(part[1])
            del x, y  # free them before the next chunk is read
            yield part
            del part


class EpochPredictions:
    """Predictions and targets of an epoch: of each row, or of every k-th to save memory."""

    def __init__(self, chunks: SourceRows, memory: int, *, keep: bool) -> None:
        _, y, p = chunks.first
        self.exchange = chunks.sharding.exchange if chunks.sharding.shards > 1 else ALONE
        self.every = -(-chunks.source.n_rows * (y[0].nbytes + p[0].nbytes) // memory)
        self.keep, self.nothing = keep, (p[:0], y[:0])
        self.begin()

    def begin(self) -> None:
        """Start an epoch: drop the predictions of the one before."""
        self.seen, (p, y) = 0, self.nothing
        self.p, self.y = [p], [y]

    def add(self, p: Array, y: Array, order: Array, own: range) -> None:
        """Add the predictions of the rows visited in this order.

        This worker has the rows at `own`; after the exchange all workers have the same.
        """
        if self.keep:
            chosen = slice(-self.seen % self.every, None, self.every)
            p, y, places = p[chosen].copy(), y[order[chosen]], order[chosen]
            y[(places < own.start) | (places >= own.stop)] = 0
            for array in (p, y):
                self.exchange.add(bits(array))
            self.p.append(p)
            self.y.append(y)
            self.seen += len(order)

    def arrays(self) -> tuple[Array, Array]:
        """The predictions and targets."""
        return np.concatenate(self.p), np.concatenate(self.y)

    def go_on(self, seen: int, p: Array, y: Array) -> None:
        """Restore the predictions and targets of the first `seen` rows."""
        n = -(-seen // self.every) if self.keep else 0
        for array, like in zip((p, y), self.nothing, strict=True):
            if (array.shape, array.dtype) != ((n, *like.shape[1:]), like.dtype):
                raise ValueError(f"with predictions of shape {array.shape} where {n} were kept")
        self.seen, self.p, self.y = seen, [p], [y]


def rows_to_train_on(config: TrainingConfig) -> Loader:
    """Loader of the checked training rows of a configuration.

    A source whose rows all fit into the shuffle buffer is read into memory, unless they differ in
    each epoch.
    """
    net, loss, data, batch_size = config.net, config.loss, config.data, config.batch_size
    weights = {"sample_weight": config.sample_weight, "class_weight": config.class_weight}
    refuse_beside_a_stream(data, **weights)
    if isinstance(data, RowSource):
        _check_source(data)
        chunks = SourceRows(net, loss, data, TRAINING, config.sharding)
        x, y, p = chunks.first
        row = x[0].nbytes + y[0].nbytes + 2 * p[0].nbytes + 16
        sharding = config.sharding
        averaged = batch_size * (sharding.sync_every if sharding.shards > 1 else 1)
        buffered = max(1, int(data.memory * BUFFER) // row // averaged) * averaged
        if buffered < data.n_rows or not data.repeated:
            loader = StreamLoader if sharding.shards == 1 else ShardedStreamLoader
            return loader(chunks, min(buffered, data.n_rows), batch_size)
        data = data.in_memory()
    rows = training_rows(net, loss, data, **weights, metrics=config.chosen_metrics)
    x = (rows := dense_if_small(rows)).x
    if not isinstance(x, SparseRows):
        return MemoryLoader(net, loss, rows)
    if config.sharding.shards > 1:
        return MemoryLoader(net, loss, replace(rows, x=x[:]))
    buffered = max(1, dense_at_once(x) // batch_size) * batch_size
    return SparseLoader(net, loss, rows, buffered, batch_size)


def _check_source(source: RowSource) -> None:
    if source.n_rows == 0:
        raise DataError(
            f"{TRAINING}: no rows", "at least one row", "check the files, and the split"
        )
    if not source.varied:
        raise DataError(
            f"{TRAINING}: {source.n_rows} rows without a target, or all with the same label",
            "at least two classes",
            "rows of another class, or check the column of the labels",
        )
