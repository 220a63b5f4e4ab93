"""Reports of epochs, and the history of a training as a table."""

import csv
import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self, overload

from handgrad.files.paths import reason, regular_file, write_whole
from handgrad.textbook.display import in_words
from handgrad.textbook.errors import FileError, SettingError, did_you_mean
from handgrad.textbook.metrics.registry import smaller_is_better
from handgrad.training.evaluate import VALIDATION_SET, Evaluation


@dataclass(frozen=True, repr=False)
class EpochReport:
    """Losses, metrics and speed of one epoch.

    Parameters
    ----------
    epoch : int
        Counted from 1.
    train_loss : float
        Mean loss over the epoch's batches, while the weights changed.
    train_metrics : dict of str to float
        Metrics over the epoch's batches, by name.
    validation_loss : float, optional
        Loss on the validation rows with the weights of the epoch's end; None without validation.
    validation_metrics : dict of str to float
        Metrics on the validation rows, by name.
    learning_rate : float
        Learning rate of the epoch's last step.
    rows : int
        Number of training rows.
    seconds : float
        Duration of the epoch.
    validation_name : str
        Name of the validation set; of several sets the first is the validation.
    others : dict of str to Evaluation
        Evaluations of the other sets, and of the training rows with `evaluate_training`.
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
        """Create a report from the fields that `dataclasses.asdict` returned."""
        others = {name: Evaluation(**entry) for name, entry in fields["others"].items()}
        return cls(**{**fields, "others": others})

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """Loss and metrics of every set evaluated at the epoch's end, by its name."""
        if self.validation_loss is None:
            return dict(self.others)
        first = Evaluation(self.validation_loss, self.validation_metrics)
        return {self.validation_name: first} | dict(self.others)

    @property
    def metrics(self) -> Mapping[str, float]:
        """Metrics on the validation rows if there are any, else on the training rows."""
        return self.validation_metrics or self.train_metrics

    def value(self, name: str) -> float:
        """Value of `validation_loss`, `train_loss`, a metric, or a set's column: `autumn_loss`."""
        losses = {"train_loss": self.train_loss}
        if self.validation_loss is not None:
            losses["validation_loss"] = self.validation_loss
        for values in (losses, self.metrics, _columns(self.evaluations)):
            if name in values:
                return values[name]
        known = [*losses, *self.metrics, *_columns(self.others)]
        raise _not_reported(repr(name), name, known)

    def badness(self, monitor: str) -> float:
        """`value(monitor)` as a number to minimize; NaN becomes infinity."""
        value = self.value(monitor) if smaller_is_better(monitor) else -self.value(monitor)
        return math.inf if math.isnan(value) else value

    def row(self) -> dict[str, float | int | None]:
        """The report as one row of a table."""
        row: dict[str, float | int | None] = {"epoch": self.epoch, "train_loss": self.train_loss}
        row |= {f"train_{name}": value for name, value in self.train_metrics.items()}
        row |= _columns(self.evaluations)
        return row | {"learning_rate": self.learning_rate, "seconds": self.seconds}


def _columns(evaluations: Mapping[str, Evaluation]) -> dict[str, float]:
    """Loss and metrics of each set as columns of a table: `autumn_loss`."""
    return {
        f"{name}_{what}": value
        for name, result in evaluations.items()
        for what, value in ({"loss": result.loss} | dict(result.metrics)).items()
    }


def as_reported(evaluations: Mapping[str, Evaluation], validation: str | None) -> dict[str, Any]:
    """Evaluations by set as fields of an EpochReport; `validation` names the first, if any."""
    if validation is None:
        return {"others": evaluations}
    first = evaluations[validation]
    return {
        "validation_loss": first.loss,
        "validation_metrics": first.metrics,
        "validation_name": validation,
        "others": {name: result for name, result in evaluations.items() if name != validation},
    }


@dataclass(repr=False)
class History:
    """Reports of a training in order; `history["train_loss"]` is a column, `history[-1]` a report.

    Parameters
    ----------
    reports : list of EpochReport
        One per epoch.
    stopped_because : str
        Reason why the training stopped.

    Examples
    --------
    >>> history = History([EpochReport(1, 0.7), EpochReport(2, 0.5)])
    >>> history["train_loss"], history.best("train_loss").epoch
    ([0.7, 0.5], 2)
    """

    reports: list[EpochReport] = field(default_factory=list)
    stopped_because: str = ""

    def __repr__(self) -> str:
        if not self.reports:
            return "<History: no epochs>"
        last = self.reports[-1]
        values = {"train_loss": last.train_loss, "validation_loss": last.validation_loss}
        shown = in_words((values | dict(last.metrics)).items())
        because = f" ({self.stopped_because})" if self.stopped_because else ""
        return f"<History: {len(self)} epochs{because}, the last with {shown}>"

    def __len__(self) -> int:
        return len(self.reports)

    def __iter__(self) -> Iterator[EpochReport]:
        return iter(self.reports)

    @overload
    def __getitem__(self, key: str) -> list[float | int | None]: ...
    @overload
    def __getitem__(self, key: int) -> EpochReport: ...
    @overload
    def __getitem__(self, key: slice) -> list[EpochReport]: ...
    def __getitem__(self, key: str | int | slice) -> Any:
        if not isinstance(key, str):
            return self.reports[key]
        columns = self.columns()
        if key not in columns and self.reports and key.startswith("validation_"):
            key = f"{self.reports[0].validation_name}_{key.removeprefix('validation_')}"
        if key not in columns:
            raise SettingError(
                f"no column {key!r}",
                f"one of {', '.join(columns)}" if columns else "a training of an epoch or more",
                did_you_mean(key, columns, "history.columns()"),
            )
        return columns[key]

    def columns(self) -> dict[str, list[float | int | None]]:
        """Table by column: `{"epoch": [1, 2], "train_loss": [...], ...}`."""
        rows = [report.row() for report in self.reports]
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}

    def best(self, monitor: str) -> EpochReport:
        """Report with the best `monitor`: a loss or a metric by its name."""
        if not self.reports:
            raise SettingError(
                "a history without reports", "an epoch or more", "history = hg.fit(net, …)"
            )
        return min(self.reports, key=lambda report: report.badness(monitor))

    def to_csv(self, path: str | Path) -> Path:
        """Write the table to `path` as CSV, one row per epoch."""

        def write(file: IO[str]) -> None:
            writer = csv.writer(file, lineterminator="\n")
            columns = self.columns()
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

        return write_whole(path, write)

    def to_json(self, path: str | Path) -> Path:
        """Write the history to `path` as JSON: stop reason, names of the sets, a list per column.

        JSON has no infinity and no NaN: both are written as null.
        """
        columns = {
            name: [v if v is not None and math.isfinite(v) else None for v in column]
            for name, column in self.columns().items()
        }
        first = self.reports[0] if self.reports else EpochReport(0, math.nan)
        content = {
            "stopped_because": self.stopped_because,
            "validation": None if first.validation_loss is None else first.validation_name,
            "others": [*first.others],
            "columns": columns,
        }
        return write_whole(path, lambda file: json.dump(content, file, indent=1, allow_nan=False))

    @classmethod
    def from_json(cls, path: str | Path) -> "History":
        """Read a history that `to_json` wrote to `path`; values that were not finite are NaN."""
        try:
            content = json.loads(regular_file(path).read_text("utf-8"))
            columns, because = content["columns"], content["stopped_because"]
            rows = [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
            sets = content["validation"], content["others"]
            return cls([_report(row, *sets) for row in rows], because)
        except FileError:
            raise
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise FileError(
                f"{path}: {reason(error) if isinstance(error, OSError) else 'no history'}",
                "a file that history.to_json wrote",
                "check the path",
            ) from error


def _report(row: dict[str, float | None], validation: str | None, others: list[str]) -> EpochReport:
    """Report of one row of the table, with evaluated sets of these names."""

    def value(name: str) -> float:
        number = row.pop(name)
        return math.nan if number is None else number

    def evaluation_of(name: str) -> Evaluation:
        columns = [column for column in row if column.startswith(f"{name}_")]
        metrics = {column.removeprefix(f"{name}_"): value(column) for column in columns}
        return Evaluation(metrics.pop("loss"), metrics)

    plain: dict[str, Any] = {name: value(name) for name in ("learning_rate", "seconds")}
    names = ["train", *([] if validation is None else [validation]), *others]
    # longest names first: a name may be the beginning of another
    sets = {name: evaluation_of(name) for name in sorted(names, key=len, reverse=True)}
    trained = sets.pop("train")
    sets = {name: sets[name] for name in names[1:]}
    return EpochReport(
        int(value("epoch")), trained.loss, trained.metrics, **plain, **as_reported(sets, validation)
    )


def check_monitor(
    monitor: str, usual: str, metrics: Collection[str], sets: Collection[str]
) -> None:
    """Refuse a monitor that no report of a training with these metrics and sets has.

    Parameters
    ----------
    monitor : str
        The loss or metric to check.
    usual : str
        Default monitor of the training.
    metrics : collection of str
        Names of its metrics.
    sets : collection of str
        Names of its evaluated sets.
    """
    known = ["train_loss", usual, *metrics]
    known += [f"{name}_{what}" for name in sets for what in ("loss", *metrics)]
    if monitor not in known:
        raise _not_reported(f"monitor = {monitor!r}", monitor, [*dict.fromkeys(known)])


def _not_reported(what: str, name: str, known: list[str]) -> SettingError:
    hint = "validation=..., for a validation loss; metrics=[...], for a metric"
    return SettingError(
        f"{what} is not reported by this training",
        f"one of {', '.join(known)}",
        did_you_mean(name, known, hint),
    )
