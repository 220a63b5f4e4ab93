"""Settings of an estimator: its loss by name or as an object, and what does not go together."""

import copy

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
# Of one class a row, or of answers of yes or no, one a column.
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
# By what `type_of_target` says of classes: in words, the kinds that these can be, and cannot.
TARGETS: dict[str, tuple[str, Kinds, Kinds]] = {
    "multiclass": ("more than two classes", (ClassLabels,), ()),
    "binary": ("two classes", (BinaryLabels, ClassLabels), ()),
    "multilabel-indicator": ("several labels a row", (BinaryLabels,), ()),
    "numbers": ("numbers", (NumericTargets,), (BinaryLabels, Distributions)),
}


def losses_of(given: str | Loss) -> tuple[Loss | type[Loss], ...]:
    """The losses that a name stands for, of different targets; or the one that is given."""
    return (given,) if isinstance(given, Loss) else (OF_CLASSES | OF_NUMBERS)[given]


def loss_for(given: str | Loss, targets: str) -> Loss:
    """The loss for targets of a sort, one of `TARGETS`.

    Two classes are one answer of yes or no, or, for a loss of classes, two columns.
    """
    words, kinds, others = TARGETS[targets]

    def fits(loss: Loss | type[Loss]) -> bool:
        return isinstance(loss.target_kind, kinds) and not isinstance(loss.target_kind, others)

    for loss in filter(fits, losses_of(given)):
        return copy.deepcopy(loss) if isinstance(loss, Loss) else loss()
    came = f"loss={given!r} for {words}"
    if isinstance(given, Loss):
        came += f", which takes {given.input_kind} for targets that are {given.target_kind}"
    known = [name for name in (*OF_CLASSES, *OF_NUMBERS) if any(map(fits, losses_of(name)))]
    raise SettingError(
        came, f"{', '.join(known)}, or a loss of handgrad for such targets", f"loss={known[0]!r}"
    )


def gives_scores(m: Base) -> bool:
    """Whether the classifier's loss takes scores, which are no probabilities."""
    return isinstance(losses_of(m.loss)[0].input_kind, Scores)


def check_probabilities(m: Base) -> bool:
    """Refuse the probabilities of a classifier whose loss gives scores."""
    if gives_scores(m):
        raise AttributeError(
            f"loss={m.loss!r} gives scores, not probabilities. Expected a loss of probabilities, "
            "as 'log_loss' or 'focal'. Try decision_function, or CalibratedClassifierCV(model)."
        )
    return True


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
            f"solver=hg.optimizers.{type(m.solver).__name__}({m.learning_rate_init})",
        )
    # what goes by batches and epochs, which lbfgs has not
    refused = {
        f"dropout={m.dropout}": (m.dropout, "whose loss must not change by chance"),
        "normalization='batch'": (
            m.normalization == "batch",
            "whose rows are always the same, so that running averages follow late",
        ),
        f"learning_rate={m.learning_rate!r}": (_scheduled(m), "which searches for its steps"),
        "eval_set": (eval_set is not None, "which has no epochs to look at it after"),
    }
    for what, (given, why) in refused.items() if m.solver == "lbfgs" else ():
        if given:
            raise SettingError(
                f"{what} with solver='lbfgs', {why}",
                "a solver that goes by batches",
                "solver='adam'",
            )


def check_incremental(m: Base) -> bool:
    """Refuse `partial_fit` for solvers and schedules that need the number of epochs."""
    if m.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{m.solver} is not stochastic."
        )
    if _scheduled(m):
        raise SettingError(
            f"learning_rate={m.learning_rate!r} in partial_fit, which does not know how long the "
            "training will be",
            "a policy that goes on: 'constant', 'invscaling' or 'adaptive'",
            "learning_rate='constant'",
        )
    return True


def _scheduled(m: Base) -> bool:
    """Whether the learning rate follows the share of the training that is done."""
    return not isinstance(m.learning_rate, str) or m.learning_rate in SCHEDULES
