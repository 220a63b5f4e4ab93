"""The configuration of a training: the arguments of `train` and `fit`, as data.

A new setting is added here and where it is used; the layers in between pass the object on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Required, TypedDict, TypeVar

import numpy as np

from handgrad.engines.sharding import UNSHARDED, Sharding
from handgrad.textbook.aliases import public_path
from handgrad.textbook.errors import SettingError, not_negative, positive
from handgrad.textbook.losses import Loss
from handgrad.textbook.metrics.registry import Metric, metrics_of
from handgrad.textbook.net import Net
from handgrad.textbook.net.predictor import EngineName
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty
from handgrad.textbook.schedules import Schedule

# Settings that other functions of handgrad make, no caller of `train` and `fit`.
INTERNAL = ("sharding", "input_gradients")
EXAMPLES: dict[type, str] = {
    Net: "hg.Net(hg.Linear(2, 2), hg.Softmax())",
    Loss: "loss=hg.CrossEntropyLoss()",
    Optimizer: "optimizer=hg.SGD(0.1)",
    Penalty: "penalty=hg.penalties.L2Penalty(1e-4)",
}
F = TypeVar("F", bound=Callable[..., Any])


class TrainingSettings(TypedDict, total=False):
    """The keywords of `train`."""

    loss: Required[Loss]
    optimizer: Required[Optimizer]
    epochs: Required[int]
    batch_size: int
    validation: object
    evaluate_training: bool | None
    metrics: Iterable[str | Metric] | None
    sample_weight: object
    class_weight: object
    penalty: Penalty | None
    schedule: Schedule | None
    rng: int | np.random.Generator | None
    shuffle: bool
    engine: EngineName


class FitSettings(TrainingSettings, total=False):
    """The keywords of `fit`, except those for progress bars and reports."""

    early_stopping: int | None
    reduce_on_plateau: int | None
    monitor: str | None
    checkpoint: str | Path | None
    checkpoint_seconds: float
    resume: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingConfig:
    """The arguments of `train`, each checked. See `handgrad.train` for their meaning.

    `sharding` is set by `handgrad.cluster` only, and `input_gradients` by `handgrad.compile`: the
    engine keeps dx.
    """

    net: Net
    data: object
    loss: Loss
    optimizer: Optimizer
    epochs: int
    batch_size: int = 32
    validation: object = None
    evaluate_training: bool | None = None
    metrics: Iterable[str | Metric] | None = None
    sample_weight: object = None
    class_weight: object = None
    penalty: Penalty | None = None
    schedule: Schedule | None = None
    rng: int | np.random.Generator | None = None
    shuffle: bool = True
    engine: EngineName = "auto"
    sharding: Sharding = UNSHARDED
    input_gradients: bool = False

    def __post_init__(self) -> None:
        check_kinds(net=(self.net, Net), loss=(self.loss, Loss))
        check_kinds(optimizer=(self.optimizer, Optimizer))
        if self.penalty is not None:
            check_kinds(penalty=(self.penalty, Penalty))
        positive("epochs", self.epochs, whole=True)
        positive("batch_size", self.batch_size, whole=True)
        if self.metrics is not None:  # an iterator is consumed now
            chosen = metrics_of(self.metrics)
            object.__setattr__(self, "metrics", (*chosen.values(),))

    @property
    def chosen_metrics(self) -> dict[str, Metric]:
        """The metrics by name; by default those of the loss."""
        return metrics_of(self.loss.default_metrics if self.metrics is None else self.metrics)


@dataclass(frozen=True, eq=False, kw_only=True)
class FitConfig(TrainingConfig):
    """The arguments of `fit`, each checked. See `handgrad.fit` for their meaning."""

    early_stopping: int | None = None
    reduce_on_plateau: int | None = None
    monitor: str | None = None
    checkpoint: str | Path | None = None
    checkpoint_seconds: float = 30.0
    resume: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("early_stopping", "reduce_on_plateau"):
            if (epochs := getattr(self, name)) is not None:
                positive(name, epochs, whole=True)
        not_negative("checkpoint_seconds", self.checkpoint_seconds)


def check_kinds(**arguments: tuple[object, type]) -> None:
    """Raise a SettingError for an argument of another class: `check_kinds(loss=(loss, Loss))`."""
    for name, (value, kind) in arguments.items():
        if isinstance(value, kind):
            continue
        came, hint = f"{name} = {value!r}", EXAMPLES[kind]
        if not isinstance(value, type):
            came += f", of type {type(value).__name__}"
        elif issubclass(value, kind):
            hint = f"{value.__name__}(…), with parentheses, for an object of that class"
        if hint == EXAMPLES[Net] and hasattr(value, "predict"):  # of an estimator
            its_net = "model.net_, its net; or " if hasattr(value, "net_") else ""
            hint = f"{its_net}hg.tables.write_report(model, x, y), which examines it"
        raise SettingError(
            came, f"an object of a class that derives from {public_path(kind)}", hint
        )


def keywords_of(config: type, *without: str) -> Callable[[F], F]:
    """Decorator: show the `**settings` of a function as the arguments of a class."""

    def with_signature(function: F) -> F:
        own = signature(function)
        excluded = {*without, *own.parameters, *INTERNAL}
        settings = [p for p in signature(config).parameters.values() if p.name not in excluded]
        named = [p for p in own.parameters.values() if p.kind != Parameter.VAR_KEYWORD]
        shown = sorted([*settings, *named], key=lambda p: p.kind)
        vars(function)["__signature__"] = own.replace(parameters=shown)
        return function

    return with_signature
