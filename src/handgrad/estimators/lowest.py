"""Fitting by SciPy's L-BFGS-B, as scikit-learn's lbfgs does: the lowest loss over all rows."""

from contextlib import nullcontext
from typing import Any

import numpy as np
from sklearn.utils.optimize import _check_optimize_result

from handgrad.engines.epoch import Epoch
from handgrad.estimators.engines import KEPT
from handgrad.estimators.rows import Weighted
from handgrad.layers import Array
from handgrad.optimizers import LBFGS
from handgrad.progress_bar import progress_bar


def fit_lowest(m: Any, rows: Weighted) -> None:
    """Fit the net of the estimator `m`, which is in float64, from its weights as they are."""
    from scipy.optimize import minimize

    net, n = m.net_, len(rows.y)
    job = m._job(rows, optimizer=LBFGS(), batch_size=n, held_out=None)
    engine = KEPT.engine_for(m.engine, job)
    order, rates = np.arange(n)[None], np.ones((1, 1))

    def loss_and_gradient(weights: Array) -> tuple[float, Array]:
        net.parameters[...] = weights
        for result in engine.run_epochs(order, rates):
            if isinstance(result, Epoch):
                if result.diverged_at is not None:
                    return result.loss, np.full_like(weights, np.nan)
                m.loss_ = result.loss
        return m.loss_, net.gradients.copy()

    def say(intermediate_result: Any) -> None:
        m.n_iter_ += 1
        if show is not None:
            show(f"loss {intermediate_result.fun:.4f}")
        if m.verbose:
            print(f"Iteration {m.n_iter_}, loss = {intermediate_result.fun:.8f}")

    m.n_iter_ = 0
    shown = progress_bar(m.max_iter, "iteration") if m.progress else nullcontext()
    with shown as show:
        found = minimize(
            loss_and_gradient,
            net.parameters.copy(),
            method="L-BFGS-B",
            jac=True,
            callback=say if m.verbose or m.progress else None,
            options={"maxfun": m.max_fun, "maxiter": m.max_iter, "gtol": m.tol},
        )
    m.n_iter_ = _check_optimize_result("lbfgs", found, m.max_iter)
    m.loss_ = float(found.fun)
    net.parameters[...] = found.x
