"""What the parameters of the estimators may be, in the form in which scikit-learn checks them."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from handgrad.engines.choice import NAMES
from handgrad.errors import HandgradError, SettingError
from handgrad.estimators.nets import ACTIVATIONS, NORMALIZATIONS
from handgrad.estimators.steps import POLICIES, SCHEDULES, SOLVERS
from handgrad.layers import Layer
from handgrad.optimizers import Optimizer

USUAL_RATE = 0.001

CONSTRAINTS: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions({*ACTIVATIONS}), list, tuple, Layer],
    "solver": [StrOptions({"lbfgs", *SOLVERS}), Optimizer],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({*POLICIES, *SCHEDULES}), callable],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "normalization": [StrOptions({*NORMALIZATIONS}), None],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "scoring": [str, callable, None],
    "transform_layer": [Integral],
    "progress": ["boolean"],
    "engine": [StrOptions({*NAMES})],
}


@contextmanager
def unchanged_if_refused(m: Any) -> Iterator[None]:
    """Within it, what is refused leaves the estimator as it was, fitted or not."""
    before = {**vars(m)}
    try:
        yield
    except HandgradError:
        vars(m).clear()
        vars(m).update(before)
        raise


def check_together(m: Any, eval_set: Any) -> None:
    """Refuse settings of the estimator `m` that do not go with each other."""
    if isinstance(m.solver, Optimizer) and m.solver.minimizer is not None:
        raise SettingError(
            f"solver={m.solver!r}",
            "an optimizer that takes a step for each batch",
            "solver='lbfgs', with max_fun and tol",
        )
    if isinstance(m.solver, Optimizer) and m.learning_rate_init != USUAL_RATE:
        raise SettingError(
            f"learning_rate_init={m.learning_rate_init} beside solver={m.solver!r}, which has a "
            "learning rate of its own",
            "one learning rate",
            f"solver=hg.{type(m.solver).__name__}({m.learning_rate_init})",
        )
    if m.solver == "lbfgs":
        _check_lbfgs(m, eval_set)


def check_incremental(m: Any) -> bool:
    """Refuse to go on by parts where the solver cannot, or would have to know how long it will."""
    if m.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{m.solver} is not stochastic."
        )
    if scheduled(m):
        raise SettingError(
            f"learning_rate={m.learning_rate!r} in partial_fit, which does not know how long the "
            "training will be",
            "a policy that goes on: 'constant', 'invscaling' or 'adaptive'",
            "learning_rate='constant'",
        )
    return True


def scheduled(m: Any) -> bool:
    """Whether the learning rate follows the share of the training that is done."""
    return not isinstance(m.learning_rate, str) or m.learning_rate in SCHEDULES


def _check_lbfgs(m: Any, eval_set: Any) -> None:
    """Refuse what goes by batches and epochs, which lbfgs has not."""
    refused = {
        f"dropout={m.dropout}": (m.dropout, "whose loss must not change by chance"),
        "normalization='batch'": (
            m.normalization == "batch",
            "whose rows are always the same, so that running averages follow late",
        ),
        f"learning_rate={m.learning_rate!r}": (scheduled(m), "which searches for its steps"),
        "eval_set": (eval_set is not None, "which has no epochs to look at it after"),
    }
    for what, (given, why) in refused.items():
        if given:
            raise SettingError(
                f"{what} with solver='lbfgs', {why}",
                "a solver that goes by batches",
                "solver='adam'",
            )
