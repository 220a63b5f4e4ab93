"""Settings of an estimator: its loss, and combinations that are refused."""

import copy

from handgrad.tables.data.dependent_rows import Units
from handgrad.tables.estimators.base import SCHEDULES, Base
from handgrad.tables.estimators.losses import (
    BinaryLogLoss,
    HalfPoissonDeviance,
    HalfSquaredLoss,
    LogLoss,
)
from handgrad.textbook.errors import SettingError
from handgrad.textbook.kinds import (
    BinaryLabels,
    ClassLabels,
    Distributions,
    NumericTargets,
    Scores,
    TargetKind,
)
from handgrad.textbook.losses import (
    FocalLoss,
    HingeLoss,
    HuberLoss,
    LabelSmoothingCrossEntropyLoss,
    Loss,
    MAELoss,
    MultiMarginLoss,
    QuantileLoss,
)
from handgrad.textbook.optimizers import Optimizer

USUAL_RATE = 0.001
# For class indices, or for binary targets, one in each column.
OF_CLASSES: dict[str, tuple[type[Loss], ...]] = {
    "log_loss": (BinaryLogLoss, LogLoss),
    "label_smoothing": (LabelSmoothingCrossEntropyLoss,),
    "focal": (FocalLoss,),
    "hinge": (HingeLoss, MultiMarginLoss),
}
OF_NUMBERS: dict[str, tuple[type[Loss], ...]] = {
    "squared_error": (HalfSquaredLoss,),
    "poisson": (HalfPoissonDeviance,),
    "absolute_error": (MAELoss,),
    "huber": (HuberLoss,),
    "quantile": (QuantileLoss,),
}
Kinds = tuple[type[TargetKind], ...]
# By `type_of_target`: description, accepted target kinds, refused ones.
TARGETS: dict[str, tuple[str, Kinds, Kinds]] = {
    "multiclass": ("more than two classes", (ClassLabels,), ()),
    "binary": ("two classes", (BinaryLabels, ClassLabels), ()),
    "multilabel-indicator": ("several labels a row", (BinaryLabels,), ()),
    "numbers": ("numbers", (NumericTargets,), (BinaryLabels, Distributions)),
}


def losses_of(loss: str | Loss) -> tuple[Loss | type[Loss], ...]:
    """Losses of a name, for different targets; a loss object stays."""
    return (loss,) if isinstance(loss, Loss) else (OF_CLASSES | OF_NUMBERS)[loss]


def loss_for(setting: str | Loss, targets: str) -> Loss:
    """The loss for a type of target, one of `TARGETS`.

    Two classes are one binary target, or, for a loss of class indices, two columns.
    """
    words, kinds, others = TARGETS[targets]

    def fits(loss: Loss | type[Loss]) -> bool:
        return isinstance(loss.target_kind, kinds) and not isinstance(loss.target_kind, others)

    for loss in filter(fits, losses_of(setting)):
        return copy.deepcopy(loss) if isinstance(loss, Loss) else loss()
    came = f"loss={setting!r} for {words}"
    if isinstance(setting, Loss):
        came += f", which takes {setting.input_kind} for targets that are {setting.target_kind}"
    names = [name for name in (*OF_CLASSES, *OF_NUMBERS) if any(map(fits, losses_of(name)))]
    raise SettingError(
        came, f"{', '.join(names)}, or a loss of handgrad for such targets", f"loss={names[0]!r}"
    )


def gives_scores(m: Base) -> bool:
    """Return True if the classifier's loss takes scores instead of probabilities."""
    return isinstance(losses_of(m.loss)[0].input_kind, Scores)


def check_probabilities(m: Base) -> bool:
    """Refuse probabilities of a classifier whose loss gives scores."""
    if gives_scores(m):
        raise AttributeError(
            f"loss={m.loss!r} gives scores, not probabilities. Expected a loss of probabilities, "
            "such as 'log_loss' or 'focal'. Try decision_function, or CalibratedClassifierCV."
        )
    return True


def check_together(m: Base, eval_set: object, units: Units | None, checkpoints: object) -> None:
    """Refuse settings of the estimator `m` that are incompatible."""
    if units is not None and (eval_set is not None or not m.early_stopping):
        what = "time=" if units.ordered else "groups="
        raise SettingError(
            f"{what} with " + ("eval_set=" if eval_set is not None else "early_stopping=False"),
            "early_stopping=True, which holds out validation rows by it",
            f"without {what}; or early_stopping=True, without eval_set=",
        )
    if isinstance(m.solver, Optimizer) and m.solver.minimizer is not None:
        raise SettingError(
            f"solver={m.solver!r}",
            "an optimizer that steps once for each minibatch",
            "solver='lbfgs', with max_fun and tol",
        )
    if isinstance(m.solver, Optimizer) and m.learning_rate_init != USUAL_RATE:
        raise SettingError(
            f"learning_rate_init={m.learning_rate_init} beside solver={m.solver!r}, which has its "
            "own learning rate",
            "one learning rate",
            f"solver=hg.optimizers.{type(m.solver).__name__}({m.learning_rate_init})",
        )
    # settings of minibatches and epochs, which lbfgs does not have
    refused = {
        f"dropout={m.dropout}": (m.dropout, "which needs a deterministic loss"),
        "normalization='batch'": (
            m.normalization == "batch",
            "whose running averages would lag behind",
        ),
        f"learning_rate={m.learning_rate!r}": (_scheduled(m), "which uses a line search"),
        "eval_set": (eval_set is not None, "which has no epochs"),
        "checkpoints": (checkpoints is not None, "which has no epochs"),
    }
    for what, (present, why) in refused.items() if m.solver == "lbfgs" else ():
        if present:
            raise SettingError(
                f"{what} with solver='lbfgs', {why}",
                "a solver with minibatches",
                "solver='adam'",
            )


def check_incremental(m: Base) -> bool:
    """Refuse `partial_fit` with solvers and schedules that need the number of epochs."""
    if m.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{m.solver} is not stochastic."
        )
    if _scheduled(m):
        raise SettingError(
            f"learning_rate={m.learning_rate!r} in partial_fit, where the number of epochs is "
            "unknown",
            "a policy without an end: 'constant', 'invscaling' or 'adaptive'",
            "learning_rate='constant'",
        )
    return True


def _scheduled(m: Base) -> bool:
    """Return True if the learning rate follows a schedule over `max_iter`."""
    return not isinstance(m.learning_rate, str) or m.learning_rate in SCHEDULES
