"""What an epoch of training reports."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from handgrad.base.errors import SettingError
from handgrad.display import in_words
from handgrad.metrics.choice import smaller_is_better
from handgrad.training.evaluate import Evaluation
from handgrad.training.sets import VALIDATION_SET


@dataclass(frozen=True, repr=False)
class EpochReport:
    """One epoch: losses, metrics, speed.

    `train_loss` and `train_metrics` are over the epoch's batches, while the weights moved;
    `validation_loss` and `validation_metrics` over the validation rows, with the weights as
    they were at the epoch's end (None and empty without validation). Of several sets of rows,
    the first is the validation, called `validation_name`; `others` has what was found of the
    others, and of the training rows where they were looked at. `learning_rate` is that of the
    epoch's last step.
    """

    epoch: int
    train_loss: float
    train_metrics: Mapping[str, float] = field(default_factory=dict)
    validation_loss: float | None = None
    validation_metrics: Mapping[str, float] = field(default_factory=dict)
    learning_rate: float = 0.0
    rows: int = 0
    seconds: float = 0.0
    validation_name: str = VALIDATION_SET
    others: Mapping[str, Evaluation] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<EpochReport: {in_words(self.row().items())}>"

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """The report that `dataclasses.asdict` made these fields of."""
        others = {name: Evaluation(**found) for name, found in fields["others"].items()}
        return cls(**{**fields, "others": others})

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """Loss and metrics of every set that was looked at at the epoch's end, by its name."""
        if self.validation_loss is None:
            return dict(self.others)
        first = Evaluation(self.validation_loss, self.validation_metrics)
        return {self.validation_name: first} | dict(self.others)

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics over the validation rows if there are any, else over the training rows."""
        return self.validation_metrics or self.train_metrics

    def value(self, name: str) -> float:
        """`validation_loss`, `train_loss`, a metric by name, or that of a set: `autumn_loss`."""
        if name == "train_loss":
            return self.train_loss
        if name == "validation_loss" and self.validation_loss is not None:
            return self.validation_loss
        if name in self.metrics:
            return self.metrics[name]
        if name in (columns := _columns(self.evaluations)):
            return columns[name]
        known = ["train_loss", *(["validation_loss"] if self.validation_loss is not None else [])]
        known += [*self.metrics, *_columns(self.others)]
        raise SettingError(
            f"{name!r} is not reported by this training",
            f"one of {', '.join(known)}",
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
        row |= _columns(self.evaluations)
        return row | {"learning_rate": self.learning_rate, "seconds": self.seconds}


def _columns(found: Mapping[str, Evaluation]) -> dict[str, float]:
    """The loss and the metrics of each set as columns of a table: `autumn_loss`."""
    return {
        f"{name}_{what}": value
        for name, result in found.items()
        for what, value in ({"loss": result.loss} | dict(result.metrics)).items()
    }


def as_reported(found: Mapping[str, Evaluation], validation: str | None) -> dict[str, Any]:
    """Evaluations by set as fields of an EpochReport; `validation` names the first, if any."""
    if validation is None:
        return {"others": found}
    first = found[validation]
    return {
        "validation_loss": first.loss,
        "validation_metrics": first.metrics,
        "validation_name": validation,
        "others": {name: result for name, result in found.items() if name != validation},
    }
