"""Fitting by epochs, as scikit-learn's sgd and adam do: orders, rates, scores, when to stop."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from handgrad.engines.epoch import Epoch
from handgrad.estimators.engines import KEPT, threads_for
from handgrad.estimators.rows import Weighted, predicted
from handgrad.estimators.solvers import AdamSolver, SGDSolver
from handgrad.layers import Array
from handgrad.optimizers import Optimizer

LOWEST_RATE = 1e-6  # an adaptive learning rate that is lower ends the fit
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


@dataclass
class Steps:
    """The steps of a solver so far: what it remembers, its rate, and how many there were."""

    optimizer: Optimizer
    learning_rate: float
    state: list[Array] | None = None
    step: int = 0


def fit_epochs(m: Any, rows: Weighted, *, incremental: bool) -> None:
    """Fit the net of the estimator `m`, from its weights as they are; one epoch if `incremental`.

    It draws from `m._random_state` what scikit-learn draws, in the same order.
    """
    if not incremental or not hasattr(m, "_steps"):
        m._steps = Steps(_optimizer(m), float(m.learning_rate_init))
    if m.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    held_out = None
    if m.early_stopping:
        rows, held_out = _split(m, rows)
    fitting = Fitting(m, rows, None if held_out is None else held_out.X)
    scorer = None if held_out is None else m._scorer(held_out.y, held_out.w)
    with threads_for(fitting.engine, m.net_):
        try:
            stopped = _run(m, fitting, scorer, 1 if incremental else m.max_iter)
        except KeyboardInterrupt:
            stopped = True
            warnings.warn("Training interrupted by user.", stacklevel=4)
    fitting.keep_steps()
    if m.early_stopping and m._best_parameters is not None:
        m.net_.parameters[...] = m._best_parameters
        m._best_parameters = None  # a warm start that finds no better ones ends with its own
    if not stopped and not incremental:
        reached = f"Maximum iterations ({m.max_iter}) reached"
        if fitting.diverged:
            reached = f"Numbers that are not finite reached in iteration {m.n_iter_ + 1}"
        warnings.warn(
            f"Stochastic Optimizer: {reached} and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=4,
        )


def _run(m: Any, fitting: "Fitting", scorer: Callable[[Array], float] | None, most: int) -> bool:
    """Run so many epochs at most; whether it stopped because nothing improved."""
    for result in fitting.epochs(most):
        _record(m, result.loss, fitting.n)
        if scorer is None:
            _compare_loss(m)
        else:
            z = result.held_out
            z = predicted(m.net_, fitting.job.held_out) if z is None else z
            _compare_score(m, scorer(fitting.job.loss.inverse_link(z)))
        if m._no_improvement_count > m.n_iter_no_change and not fitting.goes_on():
            return True
    return False


class Fitting:
    """The epochs of a fit, as many at once as cannot reach the one at which it may stop."""

    def __init__(self, m: Any, rows: Weighted, X_val: Any) -> None:
        self.m, self.n, self.steps, self.w = m, len(rows.y), m._steps, rows.in_loss
        self.batch_size = _batch_size(m.batch_size, self.n)
        optimizer = self.steps.optimizer
        self.job = m._job(rows, optimizer=optimizer, batch_size=self.batch_size, held_out=X_val)
        self.engine = KEPT.engine_for(m.engine, self.job)
        if self.steps.state is not None:
            self.engine.optimizer_state = self.steps.state
        self.engine.step[0] = self.steps.step
        self.order = np.arange(self.n)
        self.orders: dict[int, Array] = {}
        self.rates: dict[Any, Array] = {}
        self.diverged = False

    def epochs(self, most: int) -> Iterator[Epoch]:
        """The results of the epochs; the net is as each left it."""
        m = self.m
        m.n_iter_ = 0
        while m.n_iter_ < most:
            before_it_may_stop = m.n_iter_no_change + 1 - m._no_improvement_count
            at_once = self.engine.epochs_at_once(most - m.n_iter_)
            at_once = int(max(1, min(at_once, before_it_may_stop)))
            for result in self.engine.run_epochs(self._orders(at_once), self._rates(at_once)):
                if not isinstance(result, Epoch):
                    continue
                if result.diverged_at is not None:
                    self.engine.put_back()
                    m.loss_ = result.loss
                    self._diverged(result.diverged_at)
                    return
                m.n_iter_ += 1
                yield result

    def goes_on(self) -> bool:
        """What to do where nothing has improved for long: go on with a smaller rate, or stop."""
        m, steps = self.m, self.steps
        what = "Validation score" if m.early_stopping else "Training loss"
        said = (
            f"{what} did not improve more than tol={m.tol:f} for {m.n_iter_no_change} "
            "consecutive epochs."
        )
        adaptive = m.solver == "sgd" and m.learning_rate == "adaptive"
        if not adaptive or steps.learning_rate <= LOWEST_RATE:
            end = " Learning rate too small. Stopping." if adaptive else " Stopping."
            _say(m, said + end)
            return False
        steps.learning_rate /= 5.0
        _say(m, f"{said} Setting learning rate to {steps.learning_rate:f}")
        m._no_improvement_count = 0
        return True

    def keep_steps(self) -> None:
        """Keep what the solver remembers, for a fit that goes on."""
        self.steps.state, self.steps.step = self.engine.optimizer_state, int(self.engine.step[0])

    def _orders(self, at_once: int) -> Array:
        """The orders of the rows; each is the one before, shuffled."""
        if at_once not in self.orders:
            self.orders[at_once] = np.empty((at_once, self.n), np.int64)
        orders = self.orders[at_once]
        for order in orders:
            if self.m.shuffle:
                drawn = np.arange(self.n)
                self.m._random_state.shuffle(drawn)
                self.order = self.order[drawn]
            order[...] = self.order
        return orders

    def _rates(self, at_once: int) -> Array:
        """The learning rates of their steps; the same array wherever they are the same."""
        m, steps = self.m, self.steps
        shape = (at_once, -(-self.n // self.batch_size))
        if m.solver == "sgd" and m.learning_rate == "invscaling":
            rows = m.t_ + self.n * np.arange(1, at_once + 1)
            of_epochs = m.learning_rate_init / (rows + 1.0) ** m.power_t
            rates = np.repeat([steps.learning_rate, *of_epochs[:-1]], shape[1]).reshape(shape)
            steps.learning_rate = float(of_epochs[-1])
            return rates
        key = (at_once, steps.learning_rate)
        if key not in self.rates:
            self.rates = {key: np.full(shape, steps.learning_rate)}
        return self.rates[key]

    def _diverged(self, batch: int) -> None:
        """What to do where the loss or the step of a batch is not finite: stop, or stop early."""
        rows = self.order[(batch - 1) * self.batch_size : batch * self.batch_size]
        if self.w is not None and self.w[rows].sum() == 0:
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        if not self.m.early_stopping:
            raise ValueError(NOT_FINITE)
        self.diverged = True


def _optimizer(m: Any) -> Optimizer:
    if m.solver == "adam":
        return AdamSolver(beta_1=m.beta_1, beta_2=m.beta_2, epsilon=m.epsilon)
    return SGDSolver(momentum=m.momentum, nesterov=m.nesterovs_momentum)


def _split(m: Any, rows: Weighted) -> tuple[Weighted, Weighted]:
    """Rows to fit and rows to score, drawn as scikit-learn draws them."""
    present = {name: part for name, part in vars(rows).items() if part is not None}
    parts = train_test_split(
        *present.values(),
        random_state=m._random_state,
        test_size=m.validation_fraction,
        stratify=m._strata(rows.y),
    )
    if parts[1].shape[0] < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    fit, held_out = (dict(zip(present, parts[i::2], strict=True)) for i in (0, 1))
    return replace(rows, **fit), replace(rows, **held_out)


def _batch_size(given: Any, n: int) -> int:
    if isinstance(given, str):
        return min(200, n)
    if given > n:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=6,
        )
    return int(min(given, n))


def _record(m: Any, loss: float, n: int) -> None:
    m.loss_ = loss
    m.loss_curve_.append(loss)
    m.t_ += n
    _say(m, f"Iteration {m.n_iter_}, loss = {loss:.8f}")


def _compare_loss(m: Any) -> None:
    """Count the epochs since the loss was lower by `tol` than the lowest before."""
    improved = not m.loss_ > m.best_loss_ - m.tol
    m._no_improvement_count = 0 if improved else m._no_improvement_count + 1
    m.best_loss_ = min(m.best_loss_, m.loss_)


def _compare_score(m: Any, score: float) -> None:
    """Count the epochs since the score was higher by `tol` than the best before, whose net is kept.

    A score may be NaN.
    """
    m.validation_scores_.append(score)
    _say(m, f"Validation score: {score:f}")
    improved = not score < m.best_validation_score_ + m.tol
    m._no_improvement_count = 0 if improved else m._no_improvement_count + 1
    if score > m.best_validation_score_:
        m.best_validation_score_ = score
        m._best_parameters = m.net_.parameters.copy()


def _say(m: Any, what: str) -> None:
    if m.verbose:
        print(what)
