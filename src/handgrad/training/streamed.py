"""Training on rows that do not fit in memory, in the very batches of all rows at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from handgrad.engines.choice import EngineName, engine_for
from handgrad.engines.epoch import Epoch, SoFar
from handgrad.errors import DataError, positive
from handgrad.initializers import spawning_generator
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.metrics.choice import Metric, metrics_of
from handgrad.net import Net
from handgrad.optimizers import Optimizer
from handgrad.penalties import Penalty
from handgrad.row_source import RowSource, ahead
from handgrad.schedules import Schedule
from handgrad.training.checks import TRAINING, check_batches, check_kinds, refuse_lbfgs
from handgrad.training.divergence import diverged, divergence
from handgrad.training.evaluate import Evaluation, held_out_rows
from handgrad.training.learning_rates import LearningRates
from handgrad.training.measuring import Measure, measured, measures
from handgrad.training.piece_check import PieceCheck
from handgrad.training.report import EpochReport, as_reported
from handgrad.training.sets import TRAINING_SET, check_columns, named_sets

# Shares of the memory: the rows from which batches are drawn, the predictions that are kept.
BUFFER, KEPT = 1 / 8, 1 / 16


class StreamedTraining(Iterator[EpochReport]):
    """A training on a `RowSource`, checked as far as one can before the rows are read.

    An epoch goes through all rows once. They are gathered in a buffer, an eighth of the stream's
    memory, piece after piece; the batches are drawn from it, and when all its rows have been
    learned from it is filled anew. A batch may thus have rows of several pieces, and all batches
    but the epoch's last are full. Its arguments are those of `train`.
    """

    ended = ""
    between_calls = True

    def __init__(
        self,
        net: Net,
        rows: RowSource,
        *,
        loss: Loss,
        optimizer: Optimizer,
        epochs: int,
        batch_size: int,
        validation: Any,
        evaluate_training: bool = False,
        metrics: Iterable[str | Metric] | None,
        penalty: Penalty | None,
        schedule: Schedule | None,
        rng: int | np.random.Generator | None,
        shuffle: bool,
        engine: EngineName,
    ) -> None:
        check_kinds(net=(net, Net), loss=(loss, Loss), optimizer=(optimizer, Optimizer))
        if penalty is not None:
            check_kinds(penalty=(penalty, Penalty))
        refuse_lbfgs(optimizer, "rows that are streamed")
        positive("epochs", epochs, whole=True)
        positive("batch_size", batch_size, whole=True)
        chosen = metrics_of(loss.usual_metrics if metrics is None else metrics)
        _check_rows(rows)
        check_batches(net, rows.n_rows, batch_size)
        self.net, self.loss, self.optimizer, self.epochs = net, loss, optimizer, epochs
        self.penalty, self.rows, self.shuffle = penalty, rows, shuffle
        self.metrics = measures(chosen, loss)
        sets = named_sets(validation)
        check_columns(sets, chosen, training=evaluate_training)
        self.validated = next(iter(sets), None)
        if evaluate_training:
            sets[TRAINING_SET] = rows
        self.epoch = 0
        self.when_rows_are_done: Callable[[float], object] = lambda share: None
        self.check = PieceCheck(net, loss, rows, TRAINING)
        self.held_out = {
            name: held_out_rows(net, loss, given, chosen, rows.memory // len(sets), name)
            for name, given in sets.items()
        }
        self.generator = spawning_generator(rng)
        net.seed(self.generator)
        (self.of_pieces,) = self.generator.spawn(1)
        batches = -(-rows.n_rows // batch_size)
        self.learning_rates = LearningRates(optimizer, schedule, epochs, batches)
        x, y = self._buffers(batch_size)
        passes = -(-rows.n_rows // len(y))
        job = (net, loss, optimizer, x, y, batch_size, epochs * passes, (), None, penalty)
        self.engine = engine_for(engine, *job)
        self.batch_size, self.order, self.filled = batch_size, np.arange(len(y)), False
        self._reports = self._run()

    def __next__(self) -> EpochReport:
        """The report of the next epoch; the net has the weights of that epoch then."""
        return next(self._reports)

    @property
    def usual_monitor(self) -> str:
        """What a training goes by where nobody says it."""
        return "validation_loss" if self.validated else "train_loss"

    def _buffers(self, batch_size: int) -> tuple[Array, Array]:
        """Arrays for the rows that batches are drawn from, of whole batches, or for all rows."""
        x, y, p = self.check.first
        row = x[0].nbytes + y[0].nbytes + 2 * p[0].nbytes + 16
        whole = max(1, int(self.rows.memory * BUFFER) // row // batch_size)
        n = min(self.rows.n_rows, whole * batch_size)
        # Recording looks at a few rows.
        return np.resize(x, (n, *x.shape[1:])), np.resize(y, (n, *y.shape[1:]))

    def _run(self) -> Iterator[EpochReport]:
        net = self.net
        while self.epoch < self.epochs:
            self.epoch += 1
            before = net.parameters.copy(), net.running_state.copy()
            try:
                started = time.perf_counter()
                rates = self.learning_rates.of(self.epoch - 1, 1)[0]
                result, trained = self._whole_epoch(rates)
                yield self._report(result, trained, rates, time.perf_counter() - started)
            except GeneratorExit:  # to stop is no error: the net keeps what was reported
                raise
            except BaseException:
                net.parameters[...], net.running_state[...] = before
                raise

    def _whole_epoch(self, rates: Array) -> tuple[Epoch, dict[str, float]]:
        """What a pass over all rows gives, and the metrics of the predictions on the way."""
        n, so_far = self.rows.n_rows, SoFar()
        kept = Kept(self.check.first, n, int(self.rows.memory * KEPT))
        for filled in self._buffers_full():
            order = self.order if filled == len(self.order) else np.arange(filled)
            if self.shuffle:
                self.generator.shuffle(order)
            steps = so_far.rows // self.batch_size
            end = -(-(so_far.rows + filled) // self.batch_size)
            result = self.engine.run_rows(order, rates[steps:end], so_far)
            if isinstance(result, Epoch):
                return replace(result, diverged_at=steps + (result.diverged_at or 0)), {}
            if self.metrics:
                kept.add(result.predictions[0], self.engine.y, order)
            so_far = SoFar(result.rows, result.total)
            self.when_rows_are_done(so_far.rows / n)
        if so_far.rows != n:
            raise DataError(
                f"{TRAINING}: {so_far.rows} rows, where there were {n} when the training began",
                "files that stay as they are while they are trained on",
                "a copy of the files, or hg.open_table again",
            )
        return Epoch(so_far.total / n, kept.p[0]), kept.measured(self.metrics)

    def _buffers_full(self) -> Iterator[int]:
        """Fill the engine's arrays with rows, again and again; each time say with how many."""
        x, y, filled = self.engine.x, self.engine.y, 0
        if self.filled:  # all rows there are
            yield len(y)
            return
        fits = self.rows.n_rows == len(y)
        drawn = self.of_pieces if self.shuffle and not fits else None
        pieces = ahead(self.check.checked(self.rows.chunks(drawn)))
        for x_piece, y_piece in pieces:
            begin = 0
            while begin < len(y_piece):
                taken = min(len(y) - filled, len(y_piece) - begin)
                x[filled : filled + taken] = x_piece[begin : begin + taken]
                y[filled : filled + taken] = y_piece[begin : begin + taken]
                filled, begin = filled + taken, begin + taken
                if filled == len(y):
                    yield filled
                    filled = 0
        self.filled = fits
        if filled:
            yield filled

    def _report(
        self, result: Epoch, trained: dict[str, float], rates: Array, seconds: float
    ) -> EpochReport:
        found: dict[str, Evaluation] = {}
        if result.diverged_at is None:
            for name, rows in self.held_out.items():
                found[name] = rows.evaluation(self.metrics, self.engine.name)
        if what := divergence(self.epoch, result, found, self.loss):
            rate = rates[(result.diverged_at or 0) - 1].item()
            raise diverged(self.net, self.loss, self.optimizer, rate, what)
        return EpochReport(
            self.epoch,
            result.loss,
            trained,
            learning_rate=rates[-1].item(),
            rows=self.rows.n_rows,
            seconds=seconds,
            **as_reported(found, self.validated),
        )


class Kept:
    """Predictions of an epoch and the targets: of each row, or of every k-th to save memory."""

    def __init__(self, first: tuple[Array, Array, Array], n_rows: int, memory: int) -> None:
        _, y, p = first
        self.every = -(-n_rows * (y[0].nbytes + p[0].nbytes) // memory)
        self.seen = 0
        self.p, self.y = [p[:0]], [y[:0]]

    def add(self, p: Array, y: Array, order: Array) -> None:
        """Look at the predictions for the rows that were visited in this order."""
        chosen = slice(-self.seen % self.every, None, self.every)
        self.p.append(p[chosen].copy())
        self.y.append(y[order[chosen]])
        self.seen += len(order)

    def measured(self, metrics: Mapping[str, Measure]) -> dict[str, float]:
        """The metrics over what was kept."""
        return measured(np.concatenate(self.p), np.concatenate(self.y), None, metrics)


def _check_rows(rows: RowSource) -> None:
    if rows.n_rows == 0:
        raise DataError(
            f"{TRAINING}: no rows", "at least one row", "check the files, and the split"
        )
    if not rows.varied:
        raise DataError(
            f"{TRAINING}: {rows.n_rows} rows without a target, or all with the same label",
            "at least two classes to tell apart",
            "rows of another class, or check the column the labels come from",
        )
