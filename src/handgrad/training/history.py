"""The reports of a whole training, as a table."""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, overload

from handgrad.base.errors import SettingError, did_you_mean
from handgrad.display import in_words
from handgrad.files import FileError, reason, write_whole
from handgrad.training.evaluate import Evaluation
from handgrad.training.report import EpochReport, as_reported


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
            content = json.loads(Path(path).read_text("utf-8"))
            columns, because = content["columns"], content["stopped_because"]
            rows = [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
            sets = content["validation"], content["others"]
            return cls([_report(row, *sets) for row in rows], because)
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
