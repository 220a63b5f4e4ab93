"""Fitting by L-BFGS, as scikit-learn's lbfgs does: the lowest loss over all rows."""

from contextlib import nullcontext
from typing import Any

from scipy.optimize import OptimizeResult
from sklearn.utils.optimize import _check_optimize_result

from handgrad.estimators.base import Base
from handgrad.estimators.engines import KEPT, job_of
from handgrad.estimators.rows import Weighted
from handgrad.optimizers import LBFGS
from handgrad.optimizers.minimizer import Minimizer
from handgrad.progress_bar import progress_bar
from handgrad.training.minimize import Minimization

HISTORY_SIZE, TOLERANCE_CHANGE = 10, 2.2204460492503131e-09  # SciPy's
LIMIT, ABNORMAL = 1, 2


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
    result = OptimizeResult(nit=m.n_iter_, **_in_scipys_words(m, iterations))
    m.n_iter_ = _check_optimize_result("lbfgs", result, m.max_iter)


def _in_scipys_words(m: Base, iterations: Minimization) -> dict[str, Any]:
    """How it ended: a status, and what SciPy would say, which scikit-learn repeats."""
    if iterations.converged:
        return {"status": 0, "message": "CONVERGENCE"}
    if m.n_iter_ == m.max_iter:
        return {"status": LIMIT, "message": "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"}
    if iterations.exhausted:
        return {"status": LIMIT, "message": "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT"}
    return {"status": ABNORMAL, "message": "ABNORMAL: "}
