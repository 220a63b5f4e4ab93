"""Choice of an estimator's loss, by name or as an object, and of the net's last layers for it."""

import copy

from handgrad.base.errors import SettingError
from handgrad.base.kinds import (
    BinaryLabels,
    ClassLabels,
    ClassProbabilities,
    Distributions,
    NumericTargets,
    PredictionKind,
    Probabilities,
    Scores,
    TargetKind,
)
from handgrad.estimators.base import Base
from handgrad.estimators.losses import (
    BinaryLogLoss,
    HalfPoissonDeviance,
    HalfSquaredLoss,
    LogLoss,
)
from handgrad.layers import Layer, Sigmoid, Softmax
from handgrad.losses import (
    FocalLoss,
    HingeLoss,
    HuberLoss,
    LabelSmoothingCrossEntropyLoss,
    Loss,
    MAELoss,
    MultiMarginLoss,
    QuantileLoss,
)

# Of one class a row, or of answers of yes or no, one a column.
OF_CLASSES: dict[str, tuple[type[Loss], ...]] = {
    "log_loss": (BinaryLogLoss, LogLoss),
    "label_smoothing": (LabelSmoothingCrossEntropyLoss,),
    "focal": (FocalLoss,),
    "hinge": (HingeLoss, MultiMarginLoss),
}
OF_NUMBERS: dict[str, type[Loss]] = {
    "squared_error": HalfSquaredLoss,
    "poisson": HalfPoissonDeviance,
    "absolute_error": MAELoss,
    "huber": HuberLoss,
    "quantile": QuantileLoss,
}
FITTING: dict[str, tuple[type[TargetKind], ...]] = {
    "multiclass": (ClassLabels,),
    "binary": (BinaryLabels, ClassLabels),
    "multilabel-indicator": (BinaryLabels,),
}
KINDS = {
    "multiclass": "more than two classes",
    "binary": "two classes",
    "multilabel-indicator": "several labels a row",
}


def loss_of_classes(given: str | Loss, kind: str) -> Loss:
    """The loss for targets of the `kind` that `type_of_target` says, one of `KINDS`.

    Two classes are one answer of yes or no, or, for a loss of classes, two columns.
    """
    fits = FITTING[kind]
    if isinstance(given, Loss):
        if not isinstance(given.target_kind, fits):
            raise _refusal(given, kind)
        return copy.deepcopy(given)
    for loss in OF_CLASSES[given]:
        if isinstance(loss.target_kind, fits):
            return loss()
    raise _refusal(given, kind)


def loss_of_numbers(given: str | Loss) -> Loss:
    """The loss for numbers, one or several a row."""
    if not isinstance(given, Loss):
        return OF_NUMBERS[given]()
    kind = given.target_kind
    if not isinstance(kind, NumericTargets) or isinstance(kind, BinaryLabels | Distributions):
        raise SettingError(
            f"loss={given!r}, which takes {given.input_kind} for targets that are {kind}",
            "a loss of numbers",
            f"loss='huber', or another of {', '.join(OF_NUMBERS)}; MLPClassifier, for classes",
        )
    return copy.deepcopy(given)


def kind_of_output(given: str | Loss) -> PredictionKind:
    """The kind of predictions that the loss of a classifier takes."""
    return (given if isinstance(given, Loss) else OF_CLASSES[given][0]).input_kind


def gives_scores(m: Base) -> bool:
    """Whether the classifier's loss takes scores, which are no probabilities."""
    return isinstance(kind_of_output(m.loss), Scores)


def check_probabilities(m: Base) -> bool:
    """Refuse the probabilities of a classifier whose loss gives scores."""
    if gives_scores(m):
        raise AttributeError(
            f"loss={m.loss!r} gives scores, not probabilities. Expected a loss of probabilities, "
            "as 'log_loss' or 'focal'. Try decision_function, or CalibratedClassifierCV(model)."
        )
    return True


def target_kinds_of(given: str | Loss) -> list[TargetKind]:
    """The kinds of targets of a classifier's loss: classes, binary answers, or both."""
    return [
        loss.target_kind for loss in ((given,) if isinstance(given, Loss) else OF_CLASSES[given])
    ]


def out_activation(loss: Loss) -> str:
    """scikit-learn's word for what makes the net's last numbers what the targets are."""
    name = loss.input_kind.activation or "identity"
    return "logistic" if name == "sigmoid" else name


def last_layers(loss: Loss) -> list[Layer]:
    """The last layers of the net, where the loss takes probabilities."""
    if not isinstance(loss.input_kind, Probabilities):
        return []
    return [Softmax() if isinstance(loss.input_kind, ClassProbabilities) else Sigmoid()]


def _refusal(given: str | Loss, kind: str) -> SettingError:
    fits = FITTING[kind]
    fitting = [
        name
        for name in OF_CLASSES
        if any(isinstance(target, fits) for target in target_kinds_of(name))
    ]
    return SettingError(
        f"loss={given!r} for {KINDS[kind]}",
        f"{', '.join(fitting)}, or a loss of handgrad for such targets",
        "loss='log_loss'",
    )
