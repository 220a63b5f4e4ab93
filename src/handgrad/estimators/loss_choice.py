"""Which loss an estimator fits by, from a name or an object, and what a net puts out for it."""

import copy
from typing import Any

from handgrad.errors import SettingError
from handgrad.estimators.losses import (
    BinaryLogLoss,
    HalfPoissonDeviance,
    HalfSquaredLoss,
    LogLoss,
)
from handgrad.layers import Array, Layer, Sigmoid, Softmax
from handgrad.losses import (
    FocalLoss,
    HingeLoss,
    HuberLoss,
    LabelSmoothingCrossEntropyLoss,
    Loss,
    MAELoss,
    MultiMarginLoss,
    QuantileLoss,
    SigmoidBinaryCrossEntropyLoss,
    SoftmaxCrossEntropyLoss,
)

# By what they take as targets: one class a row, or answers of yes or no, one a column.
OF_CLASSES: dict[str, dict[str, type[Loss]]] = {
    "log_loss": {"classes": LogLoss, "binary": BinaryLogLoss},
    "label_smoothing": {"classes": LabelSmoothingCrossEntropyLoss},
    "focal": {"binary": FocalLoss},
    "hinge": {"classes": MultiMarginLoss, "binary": HingeLoss},
}
OF_NUMBERS: dict[str, type[Loss]] = {
    "squared_error": HalfSquaredLoss,
    "poisson": HalfPoissonDeviance,
    "absolute_error": MAELoss,
    "huber": HuberLoss,
    "quantile": QuantileLoss,
}
FITTING = {
    "multiclass": ("classes",),
    "binary": ("binary", "classes"),
    "multilabel-indicator": ("binary",),
}
KINDS = {
    "multiclass": "more than two classes",
    "binary": "two classes",
    "multilabel-indicator": "several labels a row",
}


def loss_of_classes(given: Any, kind: str) -> Loss:
    """The loss for targets of the `kind` that `type_of_target` says, one of `KINDS`.

    Two classes are one answer of yes or no, or, for a loss of classes, two columns.
    """
    fits = FITTING[kind]
    if isinstance(given, Loss):
        if given.targets not in fits:
            raise _refusal(given, kind)
        return copy.deepcopy(given)
    by_targets = OF_CLASSES[given]
    for targets in fits:
        if targets in by_targets:
            return by_targets[targets]()
    raise _refusal(given, kind)


def loss_of_numbers(given: Any) -> Loss:
    """The loss for numbers, one or several a row."""
    if not isinstance(given, Loss):
        return OF_NUMBERS[given]()
    if given.targets not in ("numbers", "counts") or given.takes not in ("numbers", "log rates"):
        raise SettingError(
            f"loss={given!r}, which takes {given.takes} for targets that are {given.targets}",
            "a loss of numbers",
            f"loss='huber', or another of {', '.join(OF_NUMBERS)}; MLPClassifier, for classes",
        )
    return copy.deepcopy(given)


def takes(given: Any) -> str:
    """What the loss of a classifier takes, which does not depend on its targets."""
    if isinstance(given, Loss):
        return given.takes
    return next(iter(OF_CLASSES.get(str(given), {"": Loss}).values())).takes


def check_probabilities(m: Any) -> bool:
    """Refuse the probabilities of a classifier whose loss gives scores."""
    if takes(m.loss) == "scores":
        raise AttributeError(
            f"loss={m.loss!r} gives scores, not probabilities. Expected a loss of probabilities, "
            "as 'log_loss' or 'focal'. Try decision_function, or CalibratedClassifierCV(model)."
        )
    return True


def targets_of(given: Any) -> tuple[str, ...]:
    """What the loss of a classifier can learn: classes, binary answers, or both."""
    return (given.targets,) if isinstance(given, Loss) else (*OF_CLASSES.get(str(given), ()),)


def out_activation(loss: Loss) -> str:
    """scikit-learn's word for what makes the net's last numbers what the targets are."""
    if loss.takes in ("logits", "probabilities"):
        return "softmax" if loss.targets == "classes" else "logistic"
    return "exp" if loss.takes == "log rates" else "identity"


def last_layers(loss: Loss) -> list[Layer]:
    """What the net ends with, where the loss takes probabilities."""
    if loss.takes != "probabilities":
        return []
    return [Softmax() if loss.targets == "classes" else Sigmoid()]


def said(loss: Loss, p: Array) -> Array:
    """What the net's output `p` says: probabilities, rates, numbers; scores as the loss has them.

    A loss of one's own for logits need not say how they become probabilities.
    """
    if loss.takes == "logits" and type(loss).inverse_link is Loss.inverse_link:
        of_classes = loss.targets == "classes"
        loss = SoftmaxCrossEntropyLoss() if of_classes else SigmoidBinaryCrossEntropyLoss()
    return loss.inverse_link(p)


def _refusal(given: Any, kind: str) -> SettingError:
    fitting = [name for name, losses in OF_CLASSES.items() if {*losses} & {*FITTING[kind]}]
    return SettingError(
        f"loss={given!r} for {KINDS[kind]}",
        f"{', '.join(fitting)}, or a loss of handgrad for such targets",
        "loss='log_loss'",
    )
