"""Training rows as the loop hands them to an engine: all of them at once, or buffer by buffer."""

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
from handgrad.training.evaluate import RowsToEvaluate, SourceRows
from handgrad.training.metric_functions import Measure, metric_values
from handgrad.training.validate_data import TRAINING, Rows, training_rows

# Shares of the memory: the rows from which batches are drawn, the predictions that are kept.
BUFFER, KEPT = 1 / 8, 1 / 16


class WholeRows:
    """Rows in arrays that are the engine's own: several epochs may be one call of it.

    `order` is that of the rows in the arrays, as it was last drawn, `generators` what else is
    drawn from; an epoch is one of the `passes` over the arrays.
    """

    passes = 1
    generators: Sequence[np.random.Generator] = ()

    def __init__(self, net: Net, loss: Loss, rows: Rows) -> None:
        self.net, self.loss, self.rows = net, loss, rows
        self.n_rows, self.order = len(rows.y), np.arange(len(rows.y))
        self.orders, self.visited = self.order[None], self.order

    def start(
        self,
        generator: np.random.Generator | np.random.RandomState,
        *,
        shuffle: bool,
        keep: bool = False,
    ) -> None:
        """Once, before the first epoch; `keep` the predictions of an epoch for `metric_values`."""
        self.drawn_by = generator if shuffle else None

    def begin(self, engine: Engine, epochs: int, *, anew: bool) -> None:
        """Before each call of `run`, or where one that had begun goes on: the orders of its epochs.

        Each is that of the epoch before, shuffled. The same array comes again wherever it can: the
        engine's calls are planned for it.
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
        """What the engine makes of those epochs."""
        orders = iter(self.orders)
        for result in engine.run_epochs(self.orders, learning_rates, so_far):
            if isinstance(result, Epoch):
                self.visited = next(orders)
            yield result

    def metric_values(self, epoch: Epoch, metrics: Mapping[str, Measure]) -> dict[str, float]:
        """The metrics of the predictions on the way, in the epoch that was handed out last."""
        if not metrics:
            return {}
        w = self.rows.sample_weight
        y, w = self.rows.y[self.visited], None if w is None else w[self.visited]
        return metric_values(epoch.predictions, y, w, metrics)

    def to_evaluate(self) -> RowsToEvaluate:
        """The same rows, as they are evaluated at the end of an epoch."""
        return RowsToEvaluate(self.net, self.loss, self.rows)

    def checksum(self) -> str:
        """What tells these rows from others."""
        return self.rows.checksum()

    def progress_arrays(self, so_far: EpochProgress) -> dict[str, Array]:
        """What goes on with an epoch that has begun."""
        return {"predictions": np.concatenate(so_far.predictions)}

    def progress_in(self, rows: int, total: float, arrays: Mapping[str, Array]) -> EpochProgress:
        """An epoch that has begun, of `progress_arrays`; a ValueError where they are not its."""
        predictions = arrays["predictions"]
        if not len(predictions) == rows < self.n_rows:
            raise ValueError(f"with {len(predictions)} predictions of {rows} rows")
        return EpochProgress(rows, total, [predictions])


class BufferedRows:
    """Rows of a source that is too large for the engine's arrays, which are filled anew and anew.

    An epoch goes through all rows once. They are gathered in a buffer, an eighth of the source's
    memory, chunk after chunk; the batches are drawn from it, and when all its rows have been
    learned from it is filled anew. A batch may thus have rows of several chunks, and all batches
    but the epoch's last are full.

    In a training of several shards the rows are cut into a stretch for each, as long as its slices
    of all batches, and the buffer likewise. A worker reads the stretches of its own shards, side
    by side, and fills no more than their parts of the buffer: the others take no memory.
    """

    def __init__(self, chunks: SourceRows, n_buffered: int, batch_size: int) -> None:
        self.chunks, self.n_rows, self.batch_size = chunks, chunks.source.n_rows, batch_size
        self.passes, self.order = -(-self.n_rows // n_buffered), np.arange(n_buffered)
        self.shards = chunks.sharding.shards
        self.own = chunks.sharding.own if self.shards > 1 else range(1)
        self.places = np.cumsum([0, *self._shares(n_buffered)])
        self.own_places = range(self.places[self.own.start], self.places[self.own.stop])
        # Recording looks at a few rows.
        x, y = (np.zeros((n_buffered, *part.shape[1:]), part.dtype) for part in chunks.first[:2])
        for room, part in zip((x, y), chunks.first[:2], strict=True):
            room[: len(part)] = part[:n_buffered]
        self.rows = Rows(x, y)

    def start(self, generator: np.random.Generator, *, shuffle: bool, keep: bool = False) -> None:
        self.generator, self.shuffle = generator, shuffle
        self.generators = generator.spawn(1)
        source = self.chunks.source
        self.kept = KeptPredictions(self.chunks, int(source.memory * KEPT), keep=keep)

    def begin(self, engine: Engine, epochs: int, *, anew: bool) -> None:
        """Before an epoch, or where one that had begun goes on."""
        if anew:
            self.kept.begin()
            net = self.chunks.net
            engine.before = net.parameters.copy(), net.running_state.copy()

    def run(
        self, engine: Engine, learning_rates: Array, so_far: EpochProgress | None
    ) -> Iterator[Epoch | EpochProgress]:
        """A pass over all rows, with a break wherever the buffer is filled anew."""
        (rates,), n, so_far = learning_rates, self.n_rows, so_far or EpochProgress()
        (of_chunks,) = self.generators
        drawn = copy.deepcopy(of_chunks)  # an epoch that is resumed draws the same order again
        seed = int(drawn.integers(2**63)) if self.shards > 1 else None
        for filled in self._buffers(engine, drawn, seed, so_far.rows):
            order = self._order(filled, seed, so_far.rows)
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
        yield Epoch(so_far.total / n, self.kept.p[0])

    def _shares(self, rows: int) -> Array:
        """How many of so many rows in batches are in the slices of each shard, (shards,)."""
        full, rest = divmod(rows, self.batch_size)
        shard = np.arange(self.shards)
        of_batch, of_last = (
            n // self.shards + (shard < n % self.shards) for n in (self.batch_size, rest)
        )
        shares: Array = full * of_batch + of_last
        return shares

    def _order(self, rows: int, seed: int | None, before: int) -> Array:
        """The order of the rows in the buffer, so many after those `before`.

        In shards it follows from the seed of the epoch, the shard and those before alone.
        """
        if seed is None:
            order = self.order if rows == len(self.order) else np.arange(rows)
            if self.shuffle:
                self.generator.shuffle(order)
            return order
        batches = rows // self.batch_size
        full, rest = [], []
        for shard, (n, each) in enumerate(
            zip(self._shares(rows), self._shares(self.batch_size), strict=True)
        ):
            order = np.arange(self.places[shard], self.places[shard] + n)
            if self.shuffle:
                np.random.default_rng((seed, before, shard)).shuffle(order)
            full.append(order[: batches * each].reshape(batches, each))
            rest.append(order[batches * each :])
        return np.concatenate([np.concatenate(full, axis=1).ravel(), *rest])

    def _buffers(
        self, engine: Engine, drawn: np.random.Generator, seed: int | None, before: int
    ) -> Iterator[int]:
        """Fill the engine's arrays with rows, again and again; each time say with how many."""
        for place, x, y in prefetch(self._parts(drawn, seed, before)):
            engine.x[place : place + len(y)], engine.y[place : place + len(y)] = x, y
            if place == len(self.order):
                filled = min(place, self.n_rows - before)
                yield filled
                before += filled

    def _parts(
        self, drawn: np.random.Generator, seed: int | None, before: int
    ) -> Iterator[tuple[int, Array, Array]]:
        """The rows of this worker's shards, each with where it belongs; none behind a buffer."""
        shares = self._shares(self.n_rows)
        ends, begun = np.cumsum(shares).tolist(), self._shares(before)
        readers = {}
        for shard in self.own:
            rng = drawn if seed is None else np.random.default_rng(seed)
            begin = ends[shard] - shares[shard] + begun[shard]
            stretch = self.chunks.in_order(rng if self.shuffle else None, int(begin), ends[shard])
            readers[shard] = _Reader(stretch)
        while before < self.n_rows:
            rows = min(len(self.order), self.n_rows - before)
            for shard, reader in readers.items():
                place = int(self.places[shard])
                for x, y in reader.next(int(self._shares(rows)[shard])):
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
        """An epoch of which so many rows were visited, which is some times the whole buffer."""
        if not rows < self.n_rows or rows % len(self.order):
            raise ValueError(f"with {rows} rows in buffers of {len(self.order)}")
        self.kept.go_on(rows, arrays["predictions"], arrays["targets"])
        return EpochProgress(rows, total)


TrainingRows = WholeRows | BufferedRows


class _Reader:
    """Rows of chunks, so many at a time."""

    def __init__(self, chunks: Iterator[tuple[Array, Array]]) -> None:
        self.chunks, self.left = chunks, list[tuple[Array, Array]]()

    def next(self, n: int) -> Iterator[tuple[Array, Array]]:
        """The next n rows, in parts."""
        while n:
            x, y = self.left.pop() if self.left else next(self.chunks)
            part = x[:n], y[:n]
            if n < len(y):
                self.left.append((x[n:], y[n:]))
            n -= len(part[1])
            del x, y  # else they would still be there while the next are made
            yield part
            del part


class KeptPredictions:
    """Predictions of an epoch and the targets: of each row, or of every k-th to save memory."""

    def __init__(self, chunks: SourceRows, memory: int, *, keep: bool) -> None:
        _, y, p = chunks.first
        self.exchange = chunks.sharding.exchange if chunks.sharding.shards > 1 else ALONE
        self.every = -(-chunks.source.n_rows * (y[0].nbytes + p[0].nbytes) // memory)
        self.keep, self.nothing = keep, (p[:0], y[:0])
        self.begin()

    def begin(self) -> None:
        """Keep nothing of the epoch before."""
        self.seen, (p, y) = 0, self.nothing
        self.p, self.y = [p], [y]

    def add(self, p: Array, y: Array, order: Array, own: range) -> None:
        """Look at the predictions for the rows that were visited in this order.

        Those at the places `own` are this worker's; all workers keep the same.
        """
        if self.keep:
            chosen = slice(-self.seen % self.every, None, self.every)
            p, y, places = p[chosen].copy(), y[order[chosen]], order[chosen]
            y[(places < own.start) | (places >= own.stop)] = 0
            for found in (p, y):
                self.exchange.add(bits(found))
            self.p.append(p)
            self.y.append(y)
            self.seen += len(order)

    def arrays(self) -> tuple[Array, Array]:
        """All that was kept."""
        return np.concatenate(self.p), np.concatenate(self.y)

    def go_on(self, seen: int, p: Array, y: Array) -> None:
        """Take up what was kept of so many rows."""
        n = -(-seen // self.every) if self.keep else 0
        for given, like in zip((p, y), self.nothing, strict=True):
            if (given.shape, given.dtype) != ((n, *like.shape[1:]), like.dtype):
                raise ValueError(f"with predictions of shape {given.shape} where {n} were kept")
        self.seen, self.p, self.y = seen, [p], [y]


def rows_to_train_on(config: TrainingConfig) -> TrainingRows:
    """The checked rows of a pair (x, y) or of a source, as far as one can before they are read.

    A source is brought into memory, where the buffer would hold all its rows.
    """
    net, loss, data, batch_size = config.net, config.loss, config.data, config.batch_size
    weights = {"sample_weight": config.sample_weight, "class_weight": config.class_weight}
    refuse_beside_a_stream(data, **weights)
    if isinstance(data, RowSource):
        _check_source(data)
        chunks = SourceRows(net, loss, data, TRAINING)
        x, y, p = chunks.first
        row = x[0].nbytes + y[0].nbytes + 2 * p[0].nbytes + 16
        sharding = chunks.sharding
        averaged = batch_size * (sharding.sync_every if sharding.shards > 1 else 1)
        buffered = max(1, int(data.memory * BUFFER) // row // averaged) * averaged
        if buffered < data.n_rows:
            return BufferedRows(chunks, buffered, batch_size)
        data = data.in_memory()
    rows = training_rows(net, loss, data, **weights, metrics=config.chosen_metrics)
    return WholeRows(net, loss, rows)


def _check_source(source: RowSource) -> None:
    if source.n_rows == 0:
        raise DataError(
            f"{TRAINING}: no rows", "at least one row", "check the files, and the split"
        )
    if not source.varied:
        raise DataError(
            f"{TRAINING}: {source.n_rows} rows without a target, or all with the same label",
            "at least two classes to tell apart",
            "rows of another class, or check the column the labels come from",
        )
