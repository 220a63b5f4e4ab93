"""The reports of a whole training, as a table."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from handgrad.errors import SettingError
from handgrad.files import write_whole
from handgrad.metrics import SMALLER_IS_BETTER
from handgrad.training.report import Report


@dataclass
class History:
    """All reports in order; `history["train_loss"]` is a column, `history[-1]` a report.

    >>> history = History([Report(1, 0.7), Report(2, 0.5)])
    >>> history["train_loss"], history.best("train_loss").epoch
    ([0.7, 0.5], 2)
    """

    reports: list[Report] = field(default_factory=list)
    stopped_because: str = ""

    def __len__(self) -> int:
        return len(self.reports)

    def __iter__(self) -> Iterator[Report]:
        return iter(self.reports)

    def __getitem__(self, key: int | str) -> "Report | list[float | int | None]":
        if isinstance(key, int):
            return self.reports[key]
        columns = self.columns()
        if key not in columns:
            raise SettingError(
                f"column {key!r}", f"one of {', '.join(columns)}", "history.columns()"
            )
        return columns[key]

    def columns(self) -> dict[str, list[float | int | None]]:
        """The table by column: `{"epoch": [1, 2], "train_loss": [...], ...}`."""
        rows = [report.row() for report in self.reports]
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}

    def best(self, monitor: str) -> Report:
        """The report with the best `monitor`: a loss or a metric by its name."""
        choose = min if monitor in SMALLER_IS_BETTER else max
        return choose(self.reports, key=lambda report: report.value(monitor))

    def to_csv(self, path: str | Path) -> Path:
        """Write the table as CSV, one row an epoch."""

        def write(file: IO[str]) -> None:
            writer = csv.writer(file, lineterminator="\n")
            columns = self.columns()
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

        return write_whole(path, write)

    def to_json(self, path: str | Path) -> Path:
        """Write the table as JSON: why training stopped, and a list for each column."""
        content = {"stopped_because": self.stopped_because, "columns": self.columns()}
        return write_whole(path, lambda file: json.dump(content, file, indent=1))
