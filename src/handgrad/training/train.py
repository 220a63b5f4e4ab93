"""Training is an iterator: one report an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from handgrad.engines.choice import EngineName, engine_for
from handgrad.engines.epoch import Epoch, SoFar
from handgrad.errors import positive
from handgrad.initializers import spawning_generator
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.metrics.choice import Metric
from handgrad.net import Net
from handgrad.optimizers import LBFGS, Optimizer
from handgrad.other_names import refusing_unknown
from handgrad.penalties import Penalty
from handgrad.row_source import RowSource, refuse_beside_a_stream
from handgrad.schedules import Schedule
from handgrad.training.checks import check_batches, check_kinds
from handgrad.training.divergence import diverged, divergence
from handgrad.training.evaluate import evaluation
from handgrad.training.learning_rates import LearningRates
from handgrad.training.measuring import measured, measures
from handgrad.training.minimize import Minimization
from handgrad.training.report import EpochReport, as_reported
from handgrad.training.sets import TRAINING_SET, check_columns, named_sets
from handgrad.training.streamed import StreamedTraining
from handgrad.training.weights import training_rows


@refusing_unknown
def train(
    net: Net,
    data: Any,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int = 32,
    validation: Any = None,
    evaluate_training: bool = False,
    metrics: Iterable[str | Metric] | None = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    penalty: Penalty | None = None,
    schedule: Schedule | None = None,
    rng: int | np.random.Generator | None = None,
    shuffle: bool = True,
    engine: EngineName = "auto",
) -> Training | StreamedTraining:
    """Train `net` in place and yield an EpochReport after every epoch; to stop is `break`.

    `data` and `validation` are pairs (x, y). `sample_weight` (n,) says how much each row counts
    in loss and metrics, all the same without it; `validation` may be (x, y, sample_weight), or
    several of these by name, `{"spring": (x, y), "autumn": …}`: the first is the validation, and
    reports have them all, as `evaluations`. With `evaluate_training` the training rows are one
    more of those sets, "training": what a report calls `train_loss` was found on the way, while
    the weights moved, that of `evaluations["training"]` with the weights of the epoch's end.
    `class_weight`, a dictionary {class: weight} or "balanced", weighs the rows of each class in
    the loss, those of the validation too. A batch's loss is Σ w l / Σ w, an epoch's the same over
    all rows; a row of weight 0 is left out from the start. Rows are shuffled anew each epoch
    by `rng`, a seed or a Generator, from which every random layer gets a stream of its own.
    `penalty` is added to the loss of each batch, and so to `train_loss`.
    `schedule` is a function of the share of the training done, from `hg.schedules` or your own;
    before each step it gives a factor of the optimizer's learning rate. Everything is checked
    before the first step. `engine` is eager, compiled, or auto: compiled where the shapes, rows
    and epochs promise more work than the compiling costs. Where the loss stops being finite, a
    DivergenceError is raised. After any error the net has the weights of the
    last whole epoch.

    `data` may also be rows that are streamed, as `hg.open_table(…).rows(…)` hands them out; then
    `validation` may be such rows too, and rows have no weights. They are shuffled within a buffer
    of an eighth of the stream's memory, which is filled from the pieces of the files in an order
    drawn anew each epoch: rows of pieces that lie far apart in that order never meet in a batch.
    Where the buffer holds all rows, the model is that of the same rows in memory, to the bit;
    with `shuffle=False`, it always is. Rows are checked as they are read.

    >>> import handgrad as hg
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> net = hg.Net(hg.Linear(1, 1, initializer="zeros"))
    >>> for report in train(net, (x, 2 * x), loss=hg.MSELoss(), optimizer=hg.SGD(0.1), epochs=50):
    ...     pass
    >>> report.epoch, bool(report.train_loss < 0.01), net.predict([[10.0]]).round().tolist()
    (50, True, [[20.0]])
    """
    return training_of(
        net,
        data,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        validation=validation,
        evaluate_training=evaluate_training,
        metrics=metrics,
        sample_weight=sample_weight,
        class_weight=class_weight,
        penalty=penalty,
        schedule=schedule,
        rng=rng,
        shuffle=shuffle,
        engine=engine,
        ahead=False,
    )


def training_of(
    net: Net,
    data: Any,
    *,
    sample_weight: Any,
    class_weight: Any,
    ahead: bool,
    **settings: Any,
) -> Training | StreamedTraining:
    """The training on rows in memory, or on rows that are streamed."""
    if isinstance(data, RowSource):
        refuse_beside_a_stream(sample_weight=sample_weight, class_weight=class_weight)
        return StreamedTraining(net, data, **settings)
    weights = {"sample_weight": sample_weight, "class_weight": class_weight}
    return Training(net, data, **weights, ahead=ahead, **settings)


class Training(Iterator[EpochReport]):
    """A training that has been checked whole: the stream of its reports, one an epoch.

    Its arguments are those of `train`. `ahead`: several epochs may be run before the first of
    them is reported, where nobody changes the net, or its optimizer, between reports.
    """

    def __init__(
        self,
        net: Net,
        data: Any,
        *,
        loss: Loss,
        optimizer: Optimizer,
        epochs: int,
        batch_size: int,
        validation: Any,
        evaluate_training: bool = False,
        metrics: Iterable[str | Metric] | None,
        sample_weight: Any = None,
        class_weight: Any = None,
        penalty: Penalty | None = None,
        schedule: Schedule | None = None,
        rng: int | np.random.Generator | None,
        shuffle: bool,
        engine: EngineName,
        ahead: bool,
    ) -> None:
        check_kinds(net=(net, Net), loss=(loss, Loss), optimizer=(optimizer, Optimizer))
        if penalty is not None:
            check_kinds(penalty=(penalty, Penalty))
        positive("epochs", epochs, whole=True)
        positive("batch_size", batch_size, whole=True)
        sets = named_sets(validation)
        rows, held_out, chosen = training_rows(
            net, loss, data, sets, metrics, sample_weight, class_weight
        )
        check_columns(sets, chosen, training=evaluate_training)
        if evaluate_training:
            held_out[TRAINING_SET] = rows
        check_batches(net, len(rows.y), batch_size)
        self.net, self.loss, self.optimizer, self.epochs = net, loss, optimizer, epochs
        self.penalty, self.rows, self.held_out = penalty, rows, held_out
        self.metrics, self.shuffle, self.ahead = measures(chosen, loss), shuffle, ahead
        self.validated = next(iter(sets), None)
        self.epoch, self.order, self.between_calls = 0, np.arange(len(rows.y)), True
        self.so_far: SoFar | None = None
        self.when_interruptible: Callable[[], object] = lambda: None
        self.generator = spawning_generator(rng)
        net.seed(self.generator)
        if isinstance(optimizer, LBFGS):
            batch_size = len(rows.y)
        batches = -(-len(rows.y) // batch_size)
        self.learning_rates = LearningRates(optimizer, schedule, epochs, batches)
        inputs = [held.x for held in held_out.values()]
        job = (net, loss, optimizer, rows.x, rows.y, batch_size, epochs, inputs)
        self.engine = engine_for(engine, *job, rows.w, penalty)
        self.minimization: Minimization | None = None
        self._reports = self._run()
        if isinstance(optimizer, LBFGS):
            self.minimization = Minimization(self.engine, net, optimizer, len(rows.y), epochs)
            self._reports = self._minimize(self.minimization)

    def __next__(self) -> EpochReport:
        """The report of the next epoch; the net has the weights of that epoch then."""
        return next(self._reports)

    def _run(self) -> Iterator[EpochReport]:
        left = self.epochs - self.epoch
        at_once = self.engine.epochs_at_once(left) if self.ahead and left and not self.so_far else 1
        orders = np.tile(self.order, (at_once, 1))
        for before in range(self.epoch, self.epochs, at_once):
            if before + at_once > self.epochs:
                orders = orders[before - self.epochs :]
            if self.shuffle and self.so_far is None:
                self._shuffle(orders)
            rates = self.learning_rates.of(before, len(orders))
            try:
                started, self.order = time.perf_counter(), orders[-1]
                for i, result in enumerate(self._whole_epochs(orders, rates)):
                    if i == 0:
                        seconds = (time.perf_counter() - started) / len(orders)
                    self.epoch, self.between_calls = before + i + 1, i == len(orders) - 1
                    yield self._report(self.epoch, result, orders[i], rates[i], seconds)
            except GeneratorExit:  # to stop is no error: the net keeps what was reported
                raise
            except BaseException:
                self.engine.put_back()
                raise

    @property
    def usual_monitor(self) -> str:
        """What a training goes by where nobody says it."""
        return "validation_loss" if self.validated else "train_loss"

    @property
    def ended(self) -> str:
        """Why the optimizer ended the training before all epochs were run, if it did."""
        return self.minimization.ended if self.minimization else ""

    def _minimize(self, iterations: Minimization) -> Iterator[EpochReport]:
        started = time.perf_counter()
        try:
            for self.epoch, result in enumerate(iterations, 1):
                seconds = time.perf_counter() - started
                yield self._report(self.epoch, result, self.order, np.ones(1), seconds)
                started = time.perf_counter()
        except BaseException as error:
            # to stop is no error: the net is where it was reported, or somebody has moved it since
            iterations.leave(put_back=not isinstance(error, GeneratorExit))
            raise

    def _whole_epochs(self, orders: Array, learning_rates: Array) -> Iterator[Epoch]:
        """What the engine makes of the epochs; between parts of a long one there is a break."""
        for result in self.engine.run_epochs(orders, learning_rates, self.so_far):
            if isinstance(result, SoFar):
                self.so_far, self.between_calls = result, True
                self.when_interruptible()
            else:
                self.so_far = None
                yield result

    def _shuffle(self, orders: Array) -> None:
        """Each epoch's order is that of the epoch before, shuffled."""
        for i, order in enumerate(orders):
            if len(orders) > 1:
                order[...] = orders[i - 1]
            self.generator.shuffle(order)

    def _report(
        self, epoch: int, result: Epoch, order: Array, rates: Array, seconds: float
    ) -> EpochReport:
        found = {
            name: evaluation(p, rows, self.loss, self.metrics)
            for p, (name, rows) in zip(result.held_out, self.held_out.items(), strict=False)
        }
        if what := divergence(epoch, result, found, self.loss):
            rate = rates[(result.diverged_at or 0) - 1].item()
            raise diverged(self.net, self.loss, self.optimizer, rate, what)
        trained: dict[str, float] = {}
        if self.metrics:
            y, w = self.rows.y[order], self.rows.sample_weight
            w = None if w is None else w[order]
            trained = measured(result.predictions, y, w, self.metrics)
        return EpochReport(
            epoch,
            result.loss,
            trained,
            learning_rate=rates[-1].item(),
            rows=len(self.rows.y),
            seconds=seconds,
            **as_reported(found, self.validated),
        )
