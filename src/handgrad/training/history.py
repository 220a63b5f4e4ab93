"""Reports: what an epoch of training reports, and the history of a whole training as a table."""

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
        losses = {"train_loss": self.train_loss}
        if self.validation_loss is not None:
            losses["validation_loss"] = self.validation_loss
        for values in (losses, self.metrics, _columns(self.evaluations)):
            if name in values:
                return values[name]
        known = [*losses, *self.metrics, *_columns(self.others)]
        raise _not_reported(repr(name), name, known)

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


@dataclass(repr=False)
class History:
    """All reports in order; `history["train_loss"]` is a column, `history[-1]` a report.

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
        """The table by column: `{"epoch": [1, 2], "train_loss": [...], ...}`."""
        rows = [report.row() for report in self.reports]
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}

    def best(self, monitor: str) -> EpochReport:
        """The report with the best `monitor`: a loss or a metric by its name."""
        if not self.reports:
            raise SettingError(
                "a history without reports", "an epoch or more", "history = hg.fit(net, …)"
            )
        return min(self.reports, key=lambda report: report.badness(monitor))

    def to_csv(self, path: str | Path) -> Path:
        """Write the table as CSV, one row an epoch."""

        def write(file: IO[str]) -> None:
            writer = csv.writer(file, lineterminator="\n")
            columns = self.columns()
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

        return write_whole(path, write)

    def to_json(self, path: str | Path) -> Path:
        """Write the table as JSON: why training stopped, what the sets of rows that were looked at
        are called, the validation and the others, and a list for each column.

        JSON knows no infinity and no NaN: both are written as null.
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
        """The history in a file that `to_json` wrote; what was not finite comes back as NaN."""
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
    """The report that gave this row of a table, with sets of rows of these names."""

    def value(name: str) -> float:
        found = row.pop(name)
        return math.nan if found is None else found

    def found(name: str) -> Evaluation:
        columns = [column for column in row if column.startswith(f"{name}_")]
        metrics = {column.removeprefix(f"{name}_"): value(column) for column in columns}
        return Evaluation(metrics.pop("loss"), metrics)

    plain: dict[str, Any] = {name: value(name) for name in ("learning_rate", "seconds")}
    names = ["train", *([] if validation is None else [validation]), *others]
    # a name may begin as another does
    sets = {name: found(name) for name in sorted(names, key=len, reverse=True)}
    trained = sets.pop("train")
    sets = {name: sets[name] for name in names[1:]}
    return EpochReport(
        int(value("epoch")), trained.loss, trained.metrics, **plain, **as_reported(sets, validation)
    )


def check_monitor(
    monitor: str, usual: str, metrics: Collection[str], sets: Collection[str]
) -> None:
    """Refuse to monitor what no report of a training with these metrics and sets will hold."""
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
