"""Training is an iterator: one report an epoch."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isfinite, isnan
from typing import Unpack

from handgrad.engines.config import TrainingConfig, TrainingSettings, keywords_of
from handgrad.engines.dispatch import engine_for
from handgrad.engines.engine import Epoch
from handgrad.textbook.aliases import refusing_unknown
from handgrad.textbook.errors import DivergenceError
from handgrad.textbook.layers import Standardize
from handgrad.textbook.layers.initializers import spawning_generator
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.training.evaluate import (
    TRAINING_SET,
    Evaluation,
    check_columns,
    name_in_messages,
    named_sets,
    rows_to_evaluate,
)
from handgrad.training.history import EpochReport, as_reported
from handgrad.training.loaders import rows_to_train_on
from handgrad.training.loop import (
    EpochLoop,
    LearningRates,
    Minimization,
    check_batches,
    refuse_full_batch,
)
from handgrad.training.metric_functions import measures


@refusing_unknown
@keywords_of(TrainingConfig)
def train(net: Net, data: object, **settings: Unpack[TrainingSettings]) -> "Training":
    """Train `net` in place and yield an EpochReport after every epoch; to stop is `break`.

    `data` and `validation` are pairs (x, y), where x may be a tuple of arrays with as many rows in
    each, for a net whose first layer takes several. `sample_weight` (n,) says how much each row
    counts in loss and metrics, all the same without it; `validation` may be (x, y, sample_weight),
    or several of these by name, `{"spring": (x, y), "autumn": …}`: the first is the validation, and
    reports have them all, as `evaluations`. With `evaluate_training` the training rows are one
    more of those sets, "training": what a report calls `train_loss` was found on the way, while
    the weights moved, that of `evaluations["training"]` with the weights of the epoch's end.
    `class_weight`, a dictionary {class: weight} or "balanced", weighs the rows of each class in
    the loss, those of the validation too. A batch's loss is Σ w l / Σ w, an epoch's the same over
    all rows; a row of weight 0 is left out from the start. Of sequences,
    `sample_weight` may be (n, t), a weight for each place: 0 where a mask leaves it out, whose
    loss must be a finite number all the same. Rows are shuffled anew each epoch by `rng`, a seed
    or a Generator, from which every random layer gets a stream of its own.
    `penalty` is added to the loss of each batch, and so to `train_loss`.
    `schedule` is a function of the share of the training done, from `hg.schedules` or your own;
    before each step it gives a factor of the optimizer's learning rate. Everything is checked
    before the first step. `engine` is eager, compiled, portable (the same bits on every processor
    and in exported files), jax (of the extra of that name), or auto: compiled where the shapes,
    rows and epochs promise more work than the compiling costs, else eager. Where the loss stops
    being finite, a DivergenceError is raised. After any error the net has the weights of the last
    whole epoch.

    `data` may also be rows that are streamed, as `hg.data.open_table(…).rows(…)` hands them out;
    then `validation` may be such rows too, and rows have no weights. They are shuffled within a
    buffer of an eighth of the stream's memory, which is filled from the chunks of the files in an
    order drawn anew each epoch: rows of chunks that lie far apart in that order never meet in a
    batch. Where the buffer holds all rows, the model is that of the same rows in memory, to the
    bit; with `shuffle=False`, it always is. Rows are checked as they are read.

    >>> import handgrad as hg, numpy as np
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> net = hg.Net(hg.Linear(1, 1, initializer="zeros"))
    >>> for report in train(net, (x, 2 * x), loss=hg.MSELoss(), optimizer=hg.SGD(0.1), epochs=50):
    ...     pass
    >>> report.epoch, bool(report.train_loss < 0.01), net.predict([[10.0]]).round().tolist()
    (50, True, [[20.0]])
    """
    return Training(TrainingConfig(net=net, data=data, **settings))


class Training(Iterator[EpochReport]):
    """A training that has been checked: the stream of its reports, one an epoch.

    `ahead`: several epochs may be run before the first of them is reported, where nobody changes
    the net, or its optimizer, between reports.
    """

    def __init__(self, config: TrainingConfig, *, ahead: bool = False) -> None:
        self.config, self.net, self.loss = config, config.net, config.loss
        self.optimizer, self.epochs = config.optimizer, config.epochs
        chosen, sets = config.chosen_metrics, named_sets(config.validation)
        self.rows = rows = rows_to_train_on(config)
        if rows.passes > 1:
            refuse_full_batch(config.optimizer, "rows that are streamed")
        check_columns(sets, chosen, training=bool(config.evaluate_training))
        weights = rows.rows.of_class
        self.held_out = {
            name: rows_to_evaluate(
                config.net, config.loss, x, name_in_messages(name), chosen, weights, len(sets)
            )
            for name, x in sets.items()
        }
        if config.evaluate_training:
            self.held_out[TRAINING_SET] = rows.to_evaluate()
        check_batches(config.net, rows.n_rows, config.batch_size)
        self.metrics, self.ahead = measures(chosen, config.loss), ahead and rows.passes == 1
        self.validated = next(iter(sets), None)
        self.generator = spawning_generator(config.rng)
        config.net.seed(self.generator)
        rows.start(self.generator, shuffle=config.shuffle, keep=bool(chosen))
        minimizer = config.optimizer.minimizer
        batch_size = config.batch_size if minimizer is None else rows.n_rows
        self.learning_rates = LearningRates(
            config.optimizer, config.schedule, config.epochs, -(-rows.n_rows // batch_size)
        )
        # the engine predicts the sets of rows too, where it runs whole epochs
        predicted = [held.x for held in self.held_out.values() if held.x is not None]
        self.engine = engine_for(
            replace(config, batch_size=batch_size),
            rows.rows,
            predicted if rows.passes == 1 else (),
            passes=rows.passes,
        )
        self.minimization = (
            None
            if minimizer is None
            else Minimization(self.engine, config.net, minimizer, config.epochs)
        )
        self.loop = self.minimization or EpochLoop(
            rows, self.engine, self.learning_rates.of, config.epochs, self._at_once
        )
        self._reports = self._run()

    def __next__(self) -> EpochReport:
        """The report of the next epoch; the net has the weights of that epoch then."""
        return next(self._reports)

    @property
    def usual_monitor(self) -> str:
        """What a training goes by where nobody says it."""
        return "validation_loss" if self.validated else "train_loss"

    def _at_once(self, left: int) -> int:
        return self.engine.epochs_at_once(left) if self.ahead else 1

    def _run(self) -> Iterator[EpochReport]:
        for result in self.loop:
            try:
                report = self._report(result)
            except BaseException:
                self.engine.put_back()
                raise
            yield report

    def _report(self, result: Epoch) -> EpochReport:
        loop, rates = self.loop, self.loop.rates
        found = self._found(result) if result.diverged_at is None else {}
        if what := divergence(loop.epoch, result, found, self.loss):
            rate = rates[(result.diverged_at or 0) - 1].item()
            raise self._divergence_error(rate, what)
        return EpochReport(
            loop.epoch,
            result.loss,
            self.rows.metric_values(result, self.metrics),
            learning_rate=rates[-1].item(),
            rows=self.rows.n_rows,
            seconds=loop.seconds,
            **as_reported(found, self.validated),
        )

    def _found(self, result: Epoch) -> dict[str, Evaluation]:
        """Loss and metrics of each set; what the engine has not predicted is predicted now."""
        predicted, found = iter(result.held_out), {}
        for name, held in self.held_out.items():
            p = None if held.x is None else next(predicted, None)
            found[name] = held.evaluation(self.metrics, self.engine.name, p)
        return found

    def _divergence_error(self, rate: float, what: str) -> DivergenceError:
        """The error to be raised, with what may help this net, loss and optimizer."""
        hints, by_steps = ["optimizer=hg.Adam(0.001)"], self.minimization is None
        if by_steps:
            hints = [f"a smaller learning rate, {rate / 10:g}"]
        if not any(isinstance(layer, Standardize) for _, layer in self.net.walk()):
            hints.append("inputs on one scale, hg.Standardize.of(x) as the first layer")
        if self.loss.input_kind.stable:
            hints.append(self.loss.input_kind.stable)
        return DivergenceError(
            f"{what}, at learning rate {rate:g}" if by_steps else what,
            "finite numbers; the net keeps the weights it had before this epoch",
            "; ".join(hints),
        )


def divergence(epoch: int, result: Epoch, found: Mapping[str, Evaluation], loss: Loss) -> str:
    """What stopped being a finite number in this epoch, if anything did."""
    if result.diverged_at is not None:
        went = "a step overflowed" if isfinite(result.loss) else f"loss {result.loss}"
        return f"{went} in epoch {epoch}, batch {result.diverged_at}"
    for name, held in found.items():
        # a probability of 0 for what is true makes an honest infinity
        honest = loss.input_kind.infinite_loss and not isnan(held.loss)
        if not isfinite(held.loss) and not honest:
            return f"{name} loss {held.loss} after the last batch of epoch {epoch}"
    return ""
