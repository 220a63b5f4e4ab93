"""Refusals of settings of an estimator that do not go with each other."""

from collections.abc import Iterator
from contextlib import contextmanager

from handgrad.base.errors import HandgradError, SettingError
from handgrad.estimators.base import Base
from handgrad.estimators.solvers import SCHEDULES
from handgrad.optimizers import Optimizer

USUAL_RATE = 0.001


@contextmanager
def unchanged_if_refused(m: Base) -> Iterator[None]:
    """Within it, what is refused leaves the estimator as it was, fitted or not."""
    before = {**m.__dict__}
    try:
        yield
    except HandgradError:
        m.__dict__.clear()
        m.__dict__.update(before)
        raise


def check_together(m: Base, eval_set: object) -> None:
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


def check_incremental(m: Base) -> bool:
    """Refuse `partial_fit` for solvers and schedules that need the number of epochs."""
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


def scheduled(m: Base) -> bool:
    """Whether the learning rate follows the share of the training that is done."""
    return not isinstance(m.learning_rate, str) or m.learning_rate in SCHEDULES


def _check_lbfgs(m: Base, eval_set: object) -> None:
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
