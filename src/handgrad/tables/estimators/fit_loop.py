"""Fits of an estimator's net: solvers, learning rates, engine, and the epochs or L-BFGS."""

import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from handgrad.engines.config import TrainingConfig
from handgrad.engines.cost_model import cost_of_compiling, seconds_saved
from handgrad.engines.dispatch import engine_for, resolve_engine
from handgrad.engines.engine import Engine, Epoch
from handgrad.files.paths import as_path
from handgrad.tables.data.dependent_rows import Units
from handgrad.tables.estimators.base import POLICIES, SOLVERS, Base
from handgrad.tables.estimators.callbacks import FitTasks
from handgrad.tables.estimators.fit_state import CHECKPOINT_SECONDS, RECORDED, FitState, Steps
from handgrad.tables.estimators.losses import L2PenaltyOfABatch
from handgrad.tables.estimators.rows import Rows, Weighted, predicted, rows_of
from handgrad.tables.estimators.validation import Validation, split
from handgrad.textbook import schedules
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.net.sparse_rows import SparseRows
from handgrad.textbook.optimizers import LBFGS, Optimizer
from handgrad.textbook.optimizers.minimizer import Minimizer
from handgrad.training import BestWeights, Checkpoints, EpochReport, check_batches, progress
from handgrad.training.evaluate import VALIDATION_SET, RowsToEvaluate
from handgrad.training.loaders import MemoryLoader
from handgrad.training.loop import EpochLoop, LearningRates, Minimization
from handgrad.training.progress_bar import progress_bar
from handgrad.training.resumable import Resumable
from handgrad.training.validate_data import CheckedData

LOWEST_RATE = 1e-6  # of an adaptive policy, below which the fit ends
# Measured speed-up in float64, by Adam, on batches of 200, relative to that of small float32
# batches in engines.cost_model.
GAIN = 4
UNLIMITED = 10**9  # epochs: the choice of the engine is made before
MOST_EPOCHS_EXPECTED = 100  # many fits stop early
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)
HISTORY_SIZE, TOLERANCE_CHANGE = 10, 2.2204460492503131e-09  # SciPy's


class SGDSolver(Optimizer):
    """Gradient descent with momentum, whose velocity has the learning rate in it.

    rule        v ← momentum · v − learning_rate · dw        w ← w + v
    nesterov    w ← w + momentum · v − learning_rate · dw, with the new v
    source      Sutskever, Martens, Dahl, Hinton, "On the Importance of Initialization and
                Momentum in Deep Learning", 2013

    While the learning rate, which comes with each step, stays what it is, this is `SGD` with
    momentum; where it changes, the velocity keeps the old one for a while.

    >>> w, v = SGDSolver(momentum=0.5).rule(
    ...     np.array([1.0]), np.array([5.0]), np.array([-0.2]), learning_rate=0.1, step=1)
    >>> v, w                                                       # −½·0.2 − 0.1·5, 1 − 0.6
    (array([-0.6]), array([0.4]))
    """

    state_names = ("v",)

    def __init__(self, *, momentum: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(1.0)
        self.momentum, self.nesterov = float(momentum), bool(nesterov)

    def rule(self, w: Array, dw: Array, v: Array, *, learning_rate: float, step: int) -> Any:
        v = self.momentum * v - learning_rate * dw
        return w + (self.momentum * v - learning_rate * dw if self.nesterov else v), v


class AdamSolver(Optimizer):
    """Adam in the short form of its paper: epsilon meets √v before its bias is corrected.

    rule        m ← beta_1 · m + (1 − beta_1) · dw        v ← beta_2 · v + (1 − beta_2) · dw²
                rate = learning_rate · √(1 − beta_2^step) / (1 − beta_1^step)
                w ← w − rate · m / (√v + epsilon)
    source      Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, section 2

    >>> w, m, v = AdamSolver(beta_1=0.5, beta_2=0.75, epsilon=0.0).rule(
    ...     np.array([1.0]), np.array([4.0]), np.array([0.0]), np.array([0.0]),
    ...     learning_rate=0.1, step=1)
    >>> m, v, w                                        # ½·4, ¼·16, and 1 − 0.1·(½/½) · 2/2
    (array([2.]), array([4.]), array([0.9]))
    """

    state_names = ("m", "v")

    def __init__(self, *, beta_1: float, beta_2: float, epsilon: float) -> None:
        super().__init__(1.0)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)

    def rule(
        self, w: Array, dw: Array, m: Array, v: Array, *, learning_rate: float, step: int
    ) -> Any:
        m = self.beta_1 * m + (1 - self.beta_1) * dw
        v = self.beta_2 * v + (1 - self.beta_2) * dw**2
        rate = learning_rate * (1 - self.beta_2**step) ** 0.5 / (1 - self.beta_1**step)
        return w - rate * m / (np.sqrt(v) + self.epsilon), m, v


def first_steps(m: Base) -> Steps:
    """Initial state of the estimator's solver; an Optimizer gets rate 1, scaled by each step."""
    rate = float(m.learning_rate_init)
    optimizer: Optimizer
    if isinstance(m.solver, Optimizer):
        optimizer = copy.deepcopy(m.solver)
        rate, optimizer.learning_rate = optimizer.learning_rate, 1.0
    elif m.solver == "sgd":
        optimizer = SGDSolver(momentum=m.momentum, nesterov=m.nesterovs_momentum)
    elif m.solver == "adam":
        optimizer = AdamSolver(beta_1=m.beta_1, beta_2=m.beta_2, epsilon=m.epsilon)
    else:
        optimizer = SOLVERS[m.solver](1.0)
    return Steps(optimizer, rate, rate)


class Rates:
    """Learning rates of a fit to `n` rows, by the estimator's policy or schedule."""

    def __init__(self, m: Base, state: FitState, steps: Steps, n: int, batches: int) -> None:
        self.m, self.state, self.steps, self.n, self.batches = m, state, steps, n, batches
        setting, schedule, self.policy = m.learning_rate, None, "schedule"
        if setting in POLICIES:  # scikit-learn's adam has no policies
            self.policy = "constant" if m.solver == "adam" else str(setting)
        else:
            schedule = getattr(schedules, setting)() if isinstance(setting, str) else setting
        # its learning rate is set to that of the steps
        self.scheduled = LearningRates(Optimizer(1.0), schedule, m.max_iter, batches)
        self.of_call = steps.learning_rate  # at the begin of the last engine call

    def __str__(self) -> str:
        """Description that differs between policies and schedules."""
        return f"{self.policy} from {self.steps.initial_rate}, schedule {self.scheduled}"

    def of(self, epoch: int, at_once: int) -> Array:
        """Rates (at_once, batches) of an epoch, counted from 0, and of the following ones.

        The same array is returned while they do not change.
        """
        m, steps = self.m, self.steps
        self.of_call = steps.learning_rate
        if self.policy != "invscaling":
            self.scheduled.optimizer.learning_rate = steps.learning_rate
            return self.scheduled.of(epoch, at_once)
        rows = self.state.t + self.n * np.arange(1, at_once + 1)
        of_epochs = steps.initial_rate / (rows + 1.0) ** m.power_t
        rates = np.repeat([steps.learning_rate, *of_epochs[:-1]], self.batches)
        steps.learning_rate = float(of_epochs[-1])
        return rates.reshape(at_once, self.batches)

    def lower(self) -> bool:
        """Lower an adaptive rate; False if it cannot be lowered."""
        if self.policy != "adaptive" or self.steps.learning_rate <= LOWEST_RATE:
            return False
        self.steps.learning_rate /= 5.0
        return True


class FitJob:
    """Training job: the estimator's net, the rows, and the engine."""

    def __init__(
        self,
        m: Base,
        rows: Weighted,
        optimizer: Optimizer,
        batch_size: int,
        held_out: Rows | None = None,
    ) -> None:
        net, w = m.net_, rows.in_loss
        self.config = TrainingConfig(
            net=net,
            data=rows,
            loss=m._loss,
            optimizer=optimizer,
            epochs=m.max_iter,
            batch_size=batch_size,
            penalty=L2PenaltyOfABatch(m.alpha) if m.alpha else None,
            shuffle=m.shuffle,
            engine=m.engine,
            sharding=m.sharding,
        )
        weights = None if w is None else np.ascontiguousarray(w, net.dtype)
        self.rows = CheckedData(rows_of(rows.X, net.dtype), m._targets(rows.y), weights)
        self.held_out = None if held_out is None else rows_of(held_out, net.dtype)

    def engine(self) -> Engine:
        """Engine to use; for `auto`, compiled if this fit alone is worth compiling.

        The choice depends on the size of the fit only, not on earlier fits: equal fits give equal
        bits in any process.
        """
        config, x = self.config, self.rows.x
        choice = "eager" if isinstance(x, SparseRows) else resolve_engine(config.engine)
        if choice == "auto":
            epochs = min(config.epochs, MOST_EPOCHS_EXPECTED)
            gain = GAIN * seconds_saved(config.net, x, config.batch_size, epochs)
            choice = "auto" if gain > cost_of_compiling(config.net) else "eager"
        held_out = [self.held_out] if isinstance(self.held_out, np.ndarray) else []
        return engine_for(replace(config, engine=choice, epochs=UNLIMITED), self.rows, held_out)


@dataclass(frozen=True)
class FitOptions:
    """Options of one call: the units that are held out whole, checkpoints, and callbacks' tasks."""

    units: Units | None = None
    checkpoints: str | Path | None = None
    _: KW_ONLY
    incremental: bool = False
    tasks: FitTasks | None = None


def begin(
    m: Base, state: FitState, rows: Weighted, held_out: Weighted | None, how: FitOptions
) -> "Epochs":
    """Epochs of a fit of the estimator `m`, from its current weights; one if incremental.

    It draws from the random state in the order of scikit-learn. For early stopping rows are held
    out if none are given.
    """
    if state.steps is None or not how.incremental:
        state.steps = first_steps(m)
    if m.early_stopping and how.incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    if m.early_stopping and held_out is None:
        rows, held_out = split(m, state, rows, how.units)
    state.interrupted = False
    epochs = Epochs(m, state, state.steps, rows, held_out, 1 if how.incremental else m.max_iter)
    epochs.singly = how.tasks is not None
    return epochs


def fit_epochs(
    m: Base, state: FitState, rows: Weighted, held_out: Weighted | None, how: FitOptions
) -> None:
    """Fit the net of the estimator `m`, from its current weights; one epoch if incremental."""
    epochs = begin(m, state, rows, held_out, how)
    reports: Iterator[EpochReport] = epochs
    if how.checkpoints is not None:
        reports = FitCheckpoints.of(epochs, as_path(how.checkpoints))
    if m.progress and not how.incremental:
        reports = progress(reports, epochs=m.max_iter, training=epochs)
    if how.tasks is not None:
        reports = how.tasks.passed_on("epoch", reports, lambda: epochs.stopped)
    try:
        for _ in reports:
            pass
    except KeyboardInterrupt:
        epochs.stopped = state.interrupted = True
        warnings.warn("Training interrupted by user.", stacklevel=4)
    if how.tasks is not None:
        epochs.stopped |= how.tasks.stopped
    epochs.finish()
    if not epochs.stopped and not how.incremental:
        reached = f"Maximum iterations ({m.max_iter}) reached"
        if epochs.diverged:
            reached = f"NaN or infinity reached in iteration {state.n_iter + 1}"
        warnings.warn(
            f"Stochastic Optimizer: {reached} and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=4,
        )


class Epochs(Resumable):
    """Epochs of a fit, at most `epochs`, run in groups that cannot pass a possible stop.

    They end once they are `stopped`, because nothing improved, or `diverged`. Where they may be
    stopped after any of them, they run `singly`.
    """

    rows: MemoryLoader
    learning_rates: Rates
    validation: Validation | None = None
    singly = False

    def __init__(
        self,
        m: Base,
        state: FitState,
        steps: Steps,
        rows: Weighted,
        held_out: Weighted | None,
        epochs: int,
    ) -> None:
        self.m, self.state, self.steps, self.epochs = m, state, steps, epochs
        self.n, self.w = len(rows.y), rows.in_loss
        self.batch_size = _batch_size(m, self.n)
        x_val = None if held_out is None else held_out.X
        self.job = FitJob(m, rows, steps.optimizer, self.batch_size, x_val)
        self.config, self.net, self.loss = self.job.config, m.net_, m._loss
        self.optimizer, self.engine = steps.optimizer, self.job.engine()
        if steps.state is not None:
            self.engine.optimizer_state = steps.state
        self.engine.step[0] = steps.step
        n_batches = -(-self.n // self.batch_size)
        self.learning_rates = Rates(m, state, steps, self.n, n_batches)
        self.rows = MemoryLoader(m.net_, m._loss, self.job.rows)
        self.rows.start(state.random_state, shuffle=m.shuffle)
        self.generator = np.random.Generator(state.random_state._bit_generator)
        self.loop = EpochLoop(self.rows, self.engine, self.learning_rates.of, epochs, self._at_once)
        self.metrics, self.held_out = (), {}
        if held_out is not None:
            self.validation = looks = Validation(m, state, held_out)
            self.metrics = (looks.score.name,)
            validated = CheckedData(self.job.held_out, looks.targets, held_out.in_loss)
            self.held_out = {VALIDATION_SET: RowsToEvaluate(m.net_, m._loss, validated)}
        state.n_iter = 0
        self.stopped = self.diverged = False
        self._results = iter(self.loop)

    def __next__(self) -> EpochReport:
        """Report of the next epoch; the net has its weights."""
        if self.stopped or self.diverged:
            raise StopIteration
        result = next(self._results)
        if result.diverged_at is not None:
            self._diverge(result, result.diverged_at)
            raise StopIteration
        return self._noted(result)

    def _diverge(self, result: Epoch, batch: int) -> None:
        """Restore the weights from before the epoch; an error without early stopping."""
        self.engine.put_back()
        self.state.loss = result.loss
        end = batch * self.batch_size
        rows = self.rows.visited[end - self.batch_size : end]
        if self.w is not None and self.w[rows].sum() == 0:
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        if not self.m.early_stopping:
            raise ValueError(NOT_FINITE)
        self.diverged = True

    def _noted(self, result: Epoch) -> EpochReport:
        """Record an epoch, and decide whether it is the last."""
        m, state, validation, improved = self.m, self.state, self.validation, True
        state.n_iter, state.loss = self.loop.epoch, result.loss
        state.loss_curve.append(state.loss)
        state.t += self.n
        _print(m, f"Iteration {state.n_iter}, loss = {state.loss:.8f}")
        if validation is not None:
            improved = validation.look(self.outputs_of(result), keep=m.early_stopping)
            _print(m, f"Validation score: {validation.scores[-1]:f}")
        if not m.early_stopping:
            # None after a fit with early stopping
            best = np.inf if state.best_loss is None else state.best_loss
            improved = not state.loss > best - m.tol
            state.best_loss = min(best, state.loss)
        state.no_improvement_count = 0 if improved else state.no_improvement_count + 1
        self.stopped = state.no_improvement_count > m.n_iter_no_change and not self.go_on()
        seen = {} if validation is None else validation.latest()
        seconds = self.loop.seconds
        return EpochReport(state.n_iter, state.loss, **seen, rows=self.n, seconds=seconds)

    def finish(self) -> None:
        """Store the state of the solver, to continue the fit; restore the best weights."""
        self.steps.state, self.steps.step = self.engine.optimizer_state, int(self.engine.step[0])
        if self.m.early_stopping and self.validation is not None:
            self.validation.put_back_the_best()
            self.m._calibrate(self.validation.rows)

    def _at_once(self, left: int) -> int:
        """Number of epochs until the next check for a stop."""
        if self.singly:
            return 1
        before_it_may_stop = self.m.n_iter_no_change + 1 - self.state.no_improvement_count
        return int(max(1, min(self.engine.epochs_at_once(left), before_it_may_stop)))

    def outputs_of(self, result: Epoch) -> Array:
        """Output of the net for the validation rows after an epoch."""
        if result.held_out or self.job.held_out is None:
            return result.held_out[0]
        return predicted(self.m.net_, self.job.held_out, self.m.engine)

    def go_on(self) -> bool:
        """Continue with a smaller rate after no improvement; False if there is none."""
        m = self.m
        what = "Validation score" if m.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={m.tol:f} for {m.n_iter_no_change} "
            "consecutive epochs."
        )
        if not self.learning_rates.lower():
            why = " Learning rate too small." if self.learning_rates.policy == "adaptive" else ""
            _print(m, f"{message}{why} Stopping.")
            return False
        _print(m, f"{message} Setting learning rate to {self.steps.learning_rate:f}")
        self.state.no_improvement_count = 0
        return True

    # in a checkpoint

    def record(self) -> dict[str, object]:
        """Record of the fit, its learning rate, and whether it has stopped."""
        steps, within = self.steps, self.loop.so_far is not None
        return {
            "fit": {name: value for name, value in vars(self.state).items() if name in RECORDED},
            "rate": self.learning_rates.of_call if within else steps.learning_rate,
            "stopped": self.stopped,
        }

    def put_back_record(self, values: Mapping[str, object]) -> None:
        """Restore the record; ValueError if it is damaged."""
        fit, rate, stopped = values["fit"], values["rate"], values["stopped"]
        if (
            not isinstance(fit, dict)
            or not fit.keys() <= {*RECORDED}
            or not isinstance(rate, float)
        ):
            raise ValueError("without the record of the fit")
        for name, value in fit.items():
            before = getattr(self.state, name, None)
            if isinstance(before, list):  # which the validation has too
                before[:] = value
            else:
                setattr(self.state, name, value)
        self.steps.learning_rate, self.stopped = rate, bool(stopped)


class FitCheckpoints(Checkpoints):
    """Checkpoints of a fit, whose validation itself notes the best epoch."""

    @classmethod
    def of(cls, epochs: Epochs, folder: Path) -> Self:
        """Checkpoints in a folder, from which the epochs continue."""
        if any(isinstance(x, SparseRows) for x in (epochs.job.rows.x, epochs.job.held_out)):
            raise SettingError(
                "checkpoints= with sparse rows that are too large to be dense",
                "rows that fit in memory as an array",
                "without checkpoints=",
            )
        validation = epochs.validation
        best = BestWeights(epochs.net) if validation is None else validation.kept
        seconds = CHECKPOINT_SECONDS
        return cls(epochs, folder, best, "train_loss", seconds=seconds, resume=True)

    def note_best(self, report: EpochReport) -> None:
        """Leave the best epoch as it is."""


def _batch_size(m: Base, n: int) -> int:
    """Rows of a minibatch, reduced so that the last one is large enough to train on."""
    size, net = m.batch_size, m.net_
    if isinstance(size, str):
        largest = min(m._usual_batch_size, n)
        while largest > net.min_batch_size > n % largest > 0:
            largest -= 1
        size = largest
    if size > n:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=7,
        )
    if n < net.min_batch_size:
        raise DataError(
            f"{n} sample{'s' * (n != 1)} with normalization='batch'",
            f"at least {net.min_batch_size}, for their variance",
            "normalization='layer', or more rows",
        )
    check_batches(net, n, size, m.sharding.shards)
    return int(min(size, n))


def _print(m: Base, what: str) -> None:
    if m.verbose:
        print(what)


def fit_lbfgs(m: Base, state: FitState, rows: Weighted, tasks: FitTasks | None) -> None:
    """Fit the net of the estimator `m`, in float64, from its current weights."""
    engine = FitJob(m, rows, LBFGS(), len(rows.y)).engine()
    minimizer = Minimizer(HISTORY_SIZE, m.tol, TOLERANCE_CHANGE, m.max_fun)
    search = Minimization(engine, m.net_, minimizer, m.max_iter, finite_only=False)
    iterations: Iterator[Epoch] = search
    if tasks is not None:
        iterations = tasks.passed_on("iteration", search, lambda: False)
    state.n_iter = 0
    with progress_bar(m.max_iter, "iteration", shown=m.progress) as show:
        for iteration in iterations:
            state.n_iter, state.loss = state.n_iter + 1, iteration.loss
            show(f"loss {iteration.loss:.4f}")
            _print(m, f"Iteration {state.n_iter}, loss = {iteration.loss:.8f}")
    if state.n_iter == 0:
        state.loss = search.found[0]
    if not search.converged and (tasks is None or not tasks.stopped):
        why = "no step lowers the loss"
        if state.n_iter == m.max_iter:
            why = f"max_iter={m.max_iter} is reached"
        elif search.exhausted:
            why = f"max_fun={m.max_fun} is reached"
        warnings.warn(
            f"lbfgs failed to converge after {state.n_iter} iteration(s): {why}. More of them, or "
            "scaled columns (StandardScaler), may help.",
            ConvergenceWarning,
            stacklevel=4,
        )
