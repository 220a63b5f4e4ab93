"""Training as an iterator: one report per epoch."""

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
from handgrad.training.batches import with_rows
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
from handgrad.training.metric_functions import Measure, measures
from handgrad.training.resumable import Resumable


@refusing_unknown
@keywords_of(TrainingConfig)
def train(net: Net, data: object, **settings: Unpack[TrainingSettings]) -> "Training":
    """Train `net` in place and yield an EpochReport after every epoch; `break` stops it.

    All arguments are checked before the first step. A batch's loss is Σ w l / Σ w, an epoch's the
    same over all rows; rows of weight 0 are dropped. After an error the net has the weights of
    the last complete epoch.

    Parameters
    ----------
    net : Net
        Trained in place.
    data : pair of arrays, StreamedRows, or batches
        Inputs x and targets y; x may be a sparse array of SciPy, and is a tuple of arrays for a net
        that takes several inputs. Batches: a PyTorch DataLoader, another iterable of pairs (x, y),
        or a function that returns one.
    loss : Loss
        Minimized; its mean over the rows is reported.
    optimizer : Optimizer
        Takes the steps; its learning rate is read before each of them.
    epochs : int
        Passes over all rows; iterations, for `LBFGS`.
    batch_size : int, default 32
        Rows of each step.
    validation : pair or triple of arrays, StreamedRows, or dict of these, optional
        Held-out rows (x, y) or (x, y, sample_weight); several sets by name, the first is monitored.
    evaluate_training : bool, default False
        Also evaluate the training rows after each epoch, as `evaluations["training"]`.
    metrics : iterable of str or function, optional
        Metrics to report; by default the loss's usual ones.
    sample_weight : array (n,) or (n, t), optional
        Weight of each row, or of each step of a sequence, in loss and metrics; 0 for masked steps.
    class_weight : dict or "balanced", optional
        Weight of each class in the loss, validation included.
    penalty : Penalty, optional
        Added to the loss of each batch, and to `train_loss`.
    schedule : function, optional
        Factor of the learning rate at a fraction of the training, 0 … 1; see `hg.schedules`.
    rng : int or Generator, optional
        Shuffles the rows, and seeds each random layer.
    shuffle : bool, default True
        Shuffle the rows before each epoch.
    engine : {"auto", "eager", "compiled", "portable", "jax"}, default "auto"
        "auto" compiles where that is estimated to save time; "portable" has the same bits anywhere.

    Returns
    -------
    Training
        Iterator of EpochReport. `train_loss` is computed while the weights change.

    Raises
    ------
    DivergenceError
        The loss is no longer finite.
    SettingError, ShapeError, DataError
        An argument does not fit the others.

    Notes
    -----
    Streamed rows, `hg.data.open_table(…).rows(…)`, have no weights. They are shuffled within a
    buffer of an eighth of the stream's memory, filled from the chunks of the files in a new random
    order each epoch. If the buffer holds all rows, or with `shuffle=False`, the result equals
    training in memory to the bit. The loss of a masked step must still be finite.

    Sparse rows become dense a part at a time, 134 MB; the result is that of dense rows to the bit.

    Batches are read anew in each epoch, after a pass that counts and checks the rows. Their size
    and order are the iterable's: `shuffle` has no effect. Rows of batches of different sizes are
    regrouped by the size of the first.

    Examples
    --------
    >>> import handgrad as hg, numpy as np
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> net = hg.Net(hg.Linear(1, 1, initializer="zeros"))
    >>> for report in train(net, (x, 2 * x), loss=hg.MSELoss(), optimizer=hg.SGD(0.1), epochs=50):
    ...     pass
    >>> report.epoch, bool(report.train_loss < 0.01), net.predict([[10.0]]).round().tolist()
    (50, True, [[20.0]])
    """
    return Training(with_rows(TrainingConfig(net=net, data=data, **settings)))


class Training(Resumable):
    """Iterator of EpochReport over a training whose arguments have been checked.

    Parameters
    ----------
    config : TrainingConfig
        The arguments of `train`.
    ahead : bool, default False
        Run several epochs before reporting the first; net and optimizer must not change meanwhile.
    """

    learning_rates: LearningRates
    metrics: Mapping[str, Measure]

    def __init__(self, config: TrainingConfig, *, ahead: bool = False) -> None:
        self.config, self.net, self.loss = config, config.net, config.loss
        self.optimizer, self.epochs = config.optimizer, config.epochs
        chosen, sets = config.chosen_metrics, named_sets(config.validation)
        self.rows = rows = rows_to_train_on(config)
        if rows.streamed:
            refuse_full_batch(config.optimizer, "streamed rows")
        check_columns(sets, chosen, training=bool(config.evaluate_training))
        how = chosen, rows.rows.of_class, len(sets), config.sharding
        self.held_out = {
            name: rows_to_evaluate(config.net, config.loss, x, name_in_messages(name), *how)
            for name, x in sets.items()
        }
        if config.evaluate_training:
            self.held_out[TRAINING_SET] = rows.to_evaluate()
        check_batches(config.net, rows.n_rows, config.batch_size, config.sharding.shards)
        self.metrics, self.ahead = measures(chosen, config.loss), ahead and not rows.streamed
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
            () if rows.streamed else predicted,
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
        """Report of the next epoch; the net has its weights."""
        return next(self._reports)

    @property
    def usual_monitor(self) -> str:
        """Default monitor: the validation loss if there is one, else the training loss."""
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
        evaluations = self._evaluations(result) if result.diverged_at is None else {}
        if what := divergence(loop.epoch, result, evaluations, self.loss):
            rate = rates[(result.diverged_at or 0) - 1].item()
            raise self._divergence_error(rate, what)
        return EpochReport(
            loop.epoch,
            result.loss,
            self.rows.metric_values(result, self.metrics),
            learning_rate=rates[-1].item(),
            rows=self.rows.n_rows,
            seconds=loop.seconds,
            **as_reported(evaluations, self.validated),
        )

    def _evaluations(self, result: Epoch) -> dict[str, Evaluation]:
        """Loss and metrics of each set, predicted here unless the engine has done so."""
        predicted, evaluations = iter(result.held_out), {}
        for name, held in self.held_out.items():
            p = None if held.x is None else next(predicted, None)
            evaluations[name] = held.evaluation(self.metrics, self.engine.name, p)
        return evaluations

    def _divergence_error(self, rate: float, what: str) -> DivergenceError:
        """DivergenceError with hints for this net, loss and optimizer."""
        hints, by_steps = ["optimizer=hg.Adam(0.001)"], self.minimization is None
        if by_steps:
            hints = [f"a smaller learning rate, {rate / 10:g}"]
        if not any(isinstance(layer, Standardize) for _, layer in self.net.walk()):
            hints.append("inputs on one scale, hg.Standardize.of(x) as the first layer")
        if self.loss.input_kind.stable:
            hints.append(self.loss.input_kind.stable)
        return DivergenceError(
            f"{what}, at learning rate {rate:g}" if by_steps else what,
            "finite numbers; the net keeps the weights from before this epoch",
            "; ".join(hints),
        )


def divergence(epoch: int, result: Epoch, evaluations: Mapping[str, Evaluation], loss: Loss) -> str:
    """Describe the first value of an epoch that is not finite; "" if all are."""
    if result.diverged_at is not None:
        cause = "a step overflowed" if isfinite(result.loss) else f"loss {result.loss}"
        return f"{cause} in epoch {epoch}, batch {result.diverged_at}"
    for name, held in evaluations.items():
        # probability 0 for the true class is a legitimate infinite loss
        honest = loss.input_kind.infinite_loss and not isnan(held.loss)
        if not isfinite(held.loss) and not honest:
            return f"{name} loss {held.loss} after the last batch of epoch {epoch}"
    return ""
