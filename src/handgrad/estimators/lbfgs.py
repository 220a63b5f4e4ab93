"""Fitting by L-BFGS, as scikit-learn's lbfgs does: the lowest loss over all rows."""

import warnings
from contextlib import nullcontext

from sklearn.exceptions import ConvergenceWarning

from handgrad.estimators.base import Base
from handgrad.estimators.engines import KEPT, job_of
from handgrad.estimators.rows import Weighted
from handgrad.optimizers import LBFGS
from handgrad.optimizers.minimizer import Minimizer
from handgrad.progress_bar import progress_bar
from handgrad.training.loop import Minimization

HISTORY_SIZE, TOLERANCE_CHANGE = 10, 2.2204460492503131e-09  # SciPy's


def fit_lbfgs(m: Base, rows: Weighted) -> None:
    """Fit the net of the estimator `m`, which is in float64, from its weights as they are."""
    job = job_of(m, rows, optimizer=LBFGS(), batch_size=len(rows.y), held_out=None)
    engine = KEPT.engine_for(m.engine, job)
    minimizer = Minimizer(HISTORY_SIZE, m.tol, TOLERANCE_CHANGE, m.max_fun)
    iterations = Minimization(engine, m.net_, minimizer, m.max_iter, finite_only=False)
    m.n_iter_ = 0
    shown = progress_bar(m.max_iter, "iteration") if m.progress else nullcontext()
    with shown as show:
        for found in iterations:
            m.n_iter_, m.loss_ = m.n_iter_ + 1, found.loss
            if show is not None:
                show(f"loss {found.loss:.4f}")
            if m.verbose:
                print(f"Iteration {m.n_iter_}, loss = {found.loss:.8f}")
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
