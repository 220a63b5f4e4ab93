"""What an epoch of training reports."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from handgrad.errors import SettingError
from handgrad.metrics.choice import smaller_is_better


@dataclass(frozen=True)
class Report:
    """One epoch: losses, metrics, speed.

    `train_loss` and `train_metrics` are over the epoch's batches, while the weights moved;
    `validation_loss` and `validation_metrics` over the validation rows, with the weights as
    they were at the epoch's end (None and empty without validation). `learning_rate` is that of
    the epoch's last step.
    """

    epoch: int
    train_loss: float
    train_metrics: Mapping[str, float] = field(default_factory=dict)
    validation_loss: float | None = None
    validation_metrics: Mapping[str, float] = field(default_factory=dict)
    learning_rate: float = 0.0
    rows: int = 0
    seconds: float = 0.0

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics over the validation rows if there are any, else over the training rows."""
        return self.validation_metrics or self.train_metrics

    def value(self, name: str) -> float:
        """`validation_loss`, `train_loss`, or a metric by its name."""
        if name == "train_loss":
            return self.train_loss
        if name == "validation_loss" and self.validation_loss is not None:
            return self.validation_loss
        if name in self.metrics:
            return self.metrics[name]
        known = ["train_loss", *(["validation_loss"] if self.validation_loss is not None else [])]
        raise SettingError(
            f"{name!r} is not reported by this training",
            f"one of {', '.join([*known, *self.metrics])}",
            "validation=..., for a validation loss; metrics=[...], for a metric",
        )

    def badness(self, monitor: str) -> float:
        """`value(monitor)` as a number of which less is better; NaN is as bad as can be."""
        value = self.value(monitor) if smaller_is_better(monitor) else -self.value(monitor)
        return math.inf if math.isnan(value) else value

    def row(self) -> dict[str, float | int | None]:
        """The report as one row of a table."""
        row: dict[str, float | int | None] = {"epoch": self.epoch, "train_loss": self.train_loss}
        row |= {f"train_{name}": value for name, value in self.train_metrics.items()}
        if self.validation_loss is not None:
            row["validation_loss"] = self.validation_loss
            row |= {f"validation_{name}": v for name, v in self.validation_metrics.items()}
        return row | {"learning_rate": self.learning_rate, "seconds": self.seconds}
