"""Fitting by epochs, as scikit-learn's sgd and adam do: orders, steps, scores, when to stop."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from handgrad.base.errors import DataError
from handgrad.engines.engine import Epoch
from handgrad.estimators.base import Base
from handgrad.estimators.engines import KEPT, job_of
from handgrad.estimators.rows import SparseMatrix, Weighted, predicted
from handgrad.estimators.solvers import Steps
from handgrad.estimators.steps import Rates, first_steps
from handgrad.estimators.validation import Validation, split
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.progress_bar import progress_bar
from handgrad.training import EpochReport, check_batches, format_progress
from handgrad.training.loop import EpochLoop
from handgrad.training.sample_weights import Rows
from handgrad.training.training_rows import WholeRows

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)
Show = Callable[[str], None]


def fit_epochs(m: Base, rows: Weighted, held_out: Weighted | None, *, incremental: bool) -> None:
    """Fit the net of the estimator `m`, from its weights as they are; one epoch if `incremental`.

    It draws from `m._random_state` what scikit-learn draws, in the same order. Rows are held out
    for early stopping where none are given.
    """
    steps = getattr(m, "_steps", None) if incremental else None
    if steps is None:
        steps = m._steps = first_steps(m)
    if m.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    if m.early_stopping and held_out is None:
        rows, held_out = split(m, rows)
    fitting = Fitting(m, steps, rows, None if held_out is None else held_out.X)
    validation = None if held_out is None else Validation(m, held_out, fitting.job)
    most = 1 if incremental else m.max_iter
    shown = m.progress and not incremental
    with progress_bar(most, "epoch") if shown else nullcontext() as show:
        try:
            stopped = _run(m, fitting, validation, most, show)
        except KeyboardInterrupt:
            stopped = True
            warnings.warn("Training interrupted by user.", stacklevel=4)
    fitting.keep_steps()
    if m.early_stopping and validation is not None:
        validation.put_back_the_best()
    if not stopped and not incremental:
        reached = f"Maximum iterations ({m.max_iter}) reached"
        if fitting.diverged:
            reached = f"Numbers that are not finite reached in iteration {m.n_iter_ + 1}"
        warnings.warn(
            f"Stochastic Optimizer: {reached} and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=4,
        )


def _run(
    m: Base, fitting: "Fitting", validation: Validation | None, most: int, show: Show | None
) -> bool:
    """Run so many epochs at most; whether it stopped because nothing improved."""
    started = time.perf_counter()
    for result in fitting.epochs(most):
        _record(m, result.loss, fitting.n)
        improved = True
        if validation is not None:
            score = validation.look(fitting.outputs_of(result))
            improved = validation.compare(score, keep=m.early_stopping)
            _say(m, f"Validation score: {score:f}")
        if not m.early_stopping:
            best = np.inf if m.best_loss_ is None else m.best_loss_  # None: it stopped early before
            improved = not m.loss_ > best - m.tol
            m.best_loss_ = min(best, m.loss_)
        m._no_improvement_count = 0 if improved else m._no_improvement_count + 1
        if show is not None:
            seconds = (time.perf_counter() - started) / m.n_iter_
            so_far = (m.n_iter_, m.loss_, fitting.n, seconds)
            report = EpochReport(*so_far[:2], rows=so_far[2], seconds=seconds)
            show(format_progress(validation.report_of(*so_far) if validation else report))
        if m._no_improvement_count > m.n_iter_no_change and not fitting.goes_on():
            return True
    return False


class Fitting:
    """The epochs of a fit, as many at once as cannot reach the one at which it may stop."""

    def __init__(
        self, m: Base, steps: Steps, rows: Weighted, X_val: Array | SparseMatrix | None
    ) -> None:
        self.m, self.n, self.steps, self.w = m, len(rows.y), steps, rows.in_loss
        self.batch_size = _batch_size(m.batch_size, self.n, m.net_)
        optimizer = self.steps.optimizer
        self.job = job_of(m, rows, optimizer=optimizer, batch_size=self.batch_size, held_out=X_val)
        self.engine = KEPT.engine_for(m.engine, self.job)
        if self.steps.state is not None:
            self.engine.optimizer_state = self.steps.state
        self.engine.step[0] = self.steps.step
        self.rates = Rates(m, self.steps, self.n, -(-self.n // self.batch_size))
        given = self.job.rows
        self.rows = WholeRows(m.net_, m._loss, Rows(given.x, given.y, given.w))
        self.rows.start(m._random_state, shuffle=m.shuffle)
        self.diverged = False

    def epochs(self, most: int) -> Iterator[Epoch]:
        """The results of the epochs; the net is as each left it."""
        m, loop = self.m, EpochLoop(self.rows, self.engine, self.rates.of, most, self._at_once)
        m.n_iter_ = 0
        for result in loop:
            if result.diverged_at is not None:
                self.engine.put_back()
                m.loss_ = result.loss
                self._diverged(result.diverged_at)
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
        return predicted(self.m.net_, self.job.held_out)

    def goes_on(self) -> bool:
        """Whether to go on, with a smaller rate, where nothing has improved for long."""
        m = self.m
        what = "Validation score" if m.early_stopping else "Training loss"
        said = (
            f"{what} did not improve more than tol={m.tol:f} for {m.n_iter_no_change} "
            "consecutive epochs."
        )
        if not self.rates.lower():
            end = " Learning rate too small. Stopping." if self.rates.adaptive else " Stopping."
            _say(m, said + end)
            return False
        _say(m, f"{said} Setting learning rate to {self.steps.learning_rate:f}")
        m._no_improvement_count = 0
        return True

    def keep_steps(self) -> None:
        """Keep what the solver remembers, for a fit that goes on."""
        self.steps.state, self.steps.step = self.engine.optimizer_state, int(self.engine.step[0])

    def _diverged(self, batch: int) -> None:
        """Stop, or stop early, where the loss or the step of a batch is not finite."""
        rows = self.rows.visited[(batch - 1) * self.batch_size : batch * self.batch_size]
        if self.w is not None and self.w[rows].sum() == 0:
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        if not self.m.early_stopping:
            raise ValueError(NOT_FINITE)
        self.diverged = True


def _batch_size(given: int | str, n: int, net: Net) -> int:
    """The rows of a batch; as many at most as leave enough for the last one to be learnt from."""
    if isinstance(given, str):
        size = min(200, n)
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


def _record(m: Base, loss: float, n: int) -> None:
    m.loss_ = loss
    m.loss_curve_.append(loss)
    m.t_ += n
    _say(m, f"Iteration {m.n_iter_}, loss = {loss:.8f}")


def _say(m: Base, what: str) -> None:
    if m.verbose:
        print(what)
