"""Fits of an estimator's net: by epochs, as scikit-learn's sgd and adam do, or by L-BFGS."""

import time
import warnings
from collections.abc import Iterator

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from handgrad.engines.engine import Epoch
from handgrad.tables.estimators.base import Base
from handgrad.tables.estimators.engines import Job
from handgrad.tables.estimators.rows import Rows, Weighted, predicted
from handgrad.tables.estimators.solvers import Rates, Steps, first_steps
from handgrad.tables.estimators.validation import Validation, split
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array
from handgrad.textbook.optimizers import LBFGS
from handgrad.textbook.optimizers.minimizer import Minimizer
from handgrad.training import EpochReport, check_batches, format_progress
from handgrad.training.loaders import WholeRows
from handgrad.training.loop import EpochLoop, Minimization
from handgrad.training.progress_bar import progress_bar

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)
HISTORY_SIZE, TOLERANCE_CHANGE = 10, 2.2204460492503131e-09  # SciPy's


def fit_epochs(m: Base, rows: Weighted, held_out: Weighted | None, *, incremental: bool) -> None:
    """Fit the net of the estimator `m`, from its weights as they are; one epoch if `incremental`.

    It draws from `m._random_state` what scikit-learn draws, in the same order. Rows are held out
    for early stopping where none are given.
    """
    if not (incremental and getattr(m, "_steps", None)):
        m._steps = first_steps(m)
    if m.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    if m.early_stopping and held_out is None:
        rows, held_out = split(m, rows)
    epochs = Epochs(m, m._steps, rows, None if held_out is None else held_out.X)
    validation = None if held_out is None else Validation(m, held_out)
    end: SystemExit | None = None
    m._interrupted = False
    try:
        stopped = _run(m, epochs, validation, incremental=incremental)
    except KeyboardInterrupt:
        stopped = m._interrupted = True
        warnings.warn("Training interrupted by user.", stacklevel=4)
    except SystemExit as told:  # the process is told to stop: the weights of the last epoch stay
        if not m.loss_curve_:
            raise
        stopped, end = True, told
        m._interrupted = True
    # what the solver remembers, for a fit that goes on
    m._steps.state, m._steps.step = epochs.engine.optimizer_state, int(epochs.engine.step[0])
    if m.early_stopping and validation is not None:
        validation.put_back_the_best()
    if end is not None:
        raise end
    if not stopped and not incremental:
        reached = f"Maximum iterations ({m.max_iter}) reached"
        if epochs.diverged:
            reached = f"Numbers that are not finite reached in iteration {m.n_iter_ + 1}"
        warnings.warn(
            f"Stochastic Optimizer: {reached} and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=4,
        )


def _run(m: Base, epochs: "Epochs", validation: Validation | None, *, incremental: bool) -> bool:
    """Run the epochs, or one; whether they stopped because nothing improved."""
    most, shown = (1, False) if incremental else (m.max_iter, m.progress)
    started = time.perf_counter()
    with progress_bar(most, "epoch", shown=shown) as show:
        for result in epochs.run(most):
            m.loss_ = result.loss
            m.loss_curve_.append(m.loss_)
            m.t_ += epochs.n
            _say(m, f"Iteration {m.n_iter_}, loss = {m.loss_:.8f}")
            improved = True
            if validation is not None:
                improved = validation.look(epochs.outputs_of(result), keep=m.early_stopping)
                _say(m, f"Validation score: {validation.scores[-1]:f}")
            if not m.early_stopping:
                # None where it stopped early before
                best = np.inf if m.best_loss_ is None else m.best_loss_
                improved = not m.loss_ > best - m.tol
                m.best_loss_ = min(best, m.loss_)
            m._no_improvement_count = 0 if improved else m._no_improvement_count + 1
            if shown:
                seen = {} if validation is None else validation.latest()
                seconds = (time.perf_counter() - started) / m.n_iter_
                report = EpochReport(m.n_iter_, m.loss_, **seen, rows=epochs.n, seconds=seconds)
                show(format_progress(report))
            if m._no_improvement_count > m.n_iter_no_change and not epochs.go_on():
                return True
    return False


class Epochs:
    """The epochs of a fit, as many at once as cannot reach the one at which it may stop."""

    def __init__(self, m: Base, steps: Steps, rows: Weighted, X_val: Rows | None) -> None:
        self.m, self.n, self.steps, self.w = m, len(rows.y), steps, rows.in_loss
        self.batch_size = _batch_size(m, self.n)
        self.job = Job(m, rows, steps.optimizer, self.batch_size, X_val)
        self.engine = self.job.engine()
        if steps.state is not None:
            self.engine.optimizer_state = steps.state
        self.engine.step[0] = steps.step
        self.rates = Rates(m, steps, self.n, -(-self.n // self.batch_size))
        self.rows = WholeRows(m.net_, m._loss, self.job.rows)
        self.rows.start(m._random_state, shuffle=m.shuffle)
        self.diverged = False

    def run(self, most: int) -> Iterator[Epoch]:
        """The results of the epochs; the net is as each left it."""
        m, loop = self.m, EpochLoop(self.rows, self.engine, self.rates.of, most, self._at_once)
        m.n_iter_ = 0
        for result in loop:
            if result.diverged_at is not None:
                self.engine.put_back()
                m.loss_ = result.loss
                end = result.diverged_at * self.batch_size
                rows = self.rows.visited[end - self.batch_size : end]
                if self.w is not None and self.w[rows].sum() == 0:
                    raise ZeroDivisionError("Weights sum to zero, can't be normalized")
                if not m.early_stopping:
                    raise ValueError(NOT_FINITE)
                self.diverged = True
                return
            m.n_iter_ = loop.epoch
            yield result

    def _at_once(self, left: int) -> int:
        """How many epochs are run before it is asked whether the fit stops."""
        before_it_may_stop = self.m.n_iter_no_change + 1 - self.m._no_improvement_count
        return int(max(1, min(self.engine.epochs_at_once(left), before_it_may_stop)))

    def outputs_of(self, result: Epoch) -> Array:
        """The net's output after an epoch for the validation rows."""
        if result.held_out or self.job.held_out is None:
            return result.held_out[0]
        return predicted(self.m.net_, self.job.held_out, self.m.engine)

    def go_on(self) -> bool:
        """Go on with a smaller rate, where nothing has improved for long; whether there is one."""
        m = self.m
        what = "Validation score" if m.early_stopping else "Training loss"
        said = (
            f"{what} did not improve more than tol={m.tol:f} for {m.n_iter_no_change} "
            "consecutive epochs."
        )
        if not self.rates.lower():
            why = " Learning rate too small." if self.rates.policy == "adaptive" else ""
            _say(m, f"{said}{why} Stopping.")
            return False
        _say(m, f"{said} Setting learning rate to {self.steps.learning_rate:f}")
        m._no_improvement_count = 0
        return True


def _batch_size(m: Base, n: int) -> int:
    """The rows of a batch; as many at most as leave enough for the last one to be learnt from."""
    given, net = m.batch_size, m.net_
    if isinstance(given, str):
        size = min(m._usual_batch_size, n)
        while size > net.min_batch_size > n % size > 0:
            size -= 1
        given = size
    if given > n:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=6,
        )
    if n < net.min_batch_size:
        raise DataError(
            f"{n} sample{'s' * (n != 1)} with normalization='batch'",
            f"at least {net.min_batch_size}, to learn from how they differ",
            "normalization='layer', or more rows",
        )
    check_batches(net, n, given)
    return int(min(given, n))


def _say(m: Base, what: str) -> None:
    if m.verbose:
        print(what)


def fit_lbfgs(m: Base, rows: Weighted) -> None:
    """Fit the net of the estimator `m`, which is in float64, from its weights as they are."""
    engine = Job(m, rows, LBFGS(), len(rows.y)).engine()
    minimizer = Minimizer(HISTORY_SIZE, m.tol, TOLERANCE_CHANGE, m.max_fun)
    iterations = Minimization(engine, m.net_, minimizer, m.max_iter, finite_only=False)
    m.n_iter_ = 0
    with progress_bar(m.max_iter, "iteration", shown=m.progress) as show:
        for found in iterations:
            m.n_iter_, m.loss_ = m.n_iter_ + 1, found.loss
            show(f"loss {found.loss:.4f}")
            _say(m, f"Iteration {m.n_iter_}, loss = {found.loss:.8f}")
    if m.n_iter_ == 0:
        m.loss_ = iterations.found[0]
    if not iterations.converged:
        why = "no step leads lower"
        if m.n_iter_ == m.max_iter:
            why = f"max_iter={m.max_iter} is reached"
        elif iterations.exhausted:
            why = f"max_fun={m.max_fun} is reached"
        warnings.warn(
            f"lbfgs failed to converge after {m.n_iter_} iteration(s): {why}. More of them, or "
            "scaled columns, as StandardScaler gives, may help.",
            ConvergenceWarning,
            stacklevel=4,
        )
