"""Forecasters in files: forecasts after the training, or after the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from handgrad.files import load
from handgrad.tables.data import TableOptions
from handgrad.tables.data.files import check_asked, check_columns
from handgrad.tables.data.predictions import file_to_write, write_tables
from handgrad.tables.data.table_options import option
from handgrad.tables.data.time_series import SeriesTable, series_in
from handgrad.tables.inspection.coverage import NOMINAL, CoverageRecord
from handgrad.tables.runs.load_table import read_table_named
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.table_model import (
    Answers,
    ModelEvaluation,
    Reading,
    errors_name,
    header_of,
    reading_in,
)
from handgrad.textbook.errors import SettingError

if TYPE_CHECKING:
    from handgrad.tables.forecasting import Backtest, Forecaster


@dataclass(frozen=True)
class ForecastModel:
    """A forecaster loaded from the file `path`, and how its training table was read."""

    path: Path
    model: Forecaster
    reading: Reading

    @classmethod
    def of(cls, path: str | Path) -> Self | None:
        """Load a forecaster; return None if the file has another model or none."""
        if (header := header_of(path, "Forecaster")) is None:
            return None
        reading = Reading.of(reading_in(header.about))
        return cls(header.path, cast("Forecaster", load(header.path)), reading)

    def read(self, data: str, asked: TableOptions, messages: Messages) -> SeriesTable:
        """Read the series of a table like those of the training."""
        roles = self.model.roles_
        columns = [name for name in vars(roles).values() if name]
        table = read_table_named(data, self.reading.options(asked, columns))
        check_asked(data, table.names, asked)
        check_columns(data, table.names, *columns)
        messages.note(*table.notes)
        return series_in(table.with_columns(table.columns.select(columns)), data)

    def predict(
        self,
        data: str | None,
        to: Path,
        asked: TableOptions,
        messages: Messages,
        answers: Answers,
    ) -> int:
        """Write the forecasts after the rows of a table, or of the training, to the file `to`.

        Returns the number of rows.

        Parameters
        ----------
        data : str or None
            Table with rows up to the time to forecast from; None is the training table.
        to : Path
            CSV or Parquet file.
        asked : TableOptions
            Options for reading the table.
        messages : Messages
            Receiver of notes.
        answers : Answers
            Coverage of the intervals, 0.9 by default; other answers are an error.
        """
        for name, value in vars(answers).items():
            if name != "interval":
                _refuse(name, value, f"options for forecasts: {option('interval', 0.9)}")
        to = file_to_write(to)
        table = None if data is None else self.read(data, asked, messages)
        with messages.warnings_as_notes(), errors_name(data or str(self.path)):
            coverage = {} if answers.interval is None else {"interval": answers.interval}
            forecasts = self.model.predict(table, **coverage)
        write_tables(iter([forecasts]), to, len(forecasts))
        return len(forecasts)

    def evaluate(
        self,
        data: str,
        asked: TableOptions,
        messages: Messages,
        target: str | None,
        metric: Sequence[str],
    ) -> ModelEvaluation:
        """Scores of the forecasts of the values after the training, and of the seasonal naive ones.

        See `hg.tables.evaluate_table`.
        """
        name = self.model.roles_.target
        if target != name:
            _refuse("target", target, f"the target of the model, {name!r}")
        _refuse("metric", metric, "the scores of forecasts: MASE, MAE and RMSE")
        table = self.read(data, asked, messages)
        with messages.warnings_as_notes(), errors_name(data):
            tested = self.model.evaluate(table)
        scores = {name: dict(scores) for name, scores in tested.scores.items()}
        coverage = coverage_of_intervals(tested)
        return ModelEvaluation(
            str(self.path),
            data,
            name,
            "forecast",
            len(tested.table),
            scores["forecast"],
            scores["seasonal_naive"],
            [],
            coverage,
        )


def coverage_of_intervals(tested: Backtest) -> CoverageRecord:
    """Coverage and mean width of the intervals of a backtest, for records."""
    return {
        "of": "interval",
        "nominal": NOMINAL,
        "observed": tested.coverage,
        "mean_size": tested.mean_width,
        "rows": len(tested.table),
    }


def _refuse(name: str, value: object, expected: str) -> None:
    """Raise an error for an option of other models that is given."""
    if value:
        first = value[0] if isinstance(value, list | tuple) else value
        raise SettingError(
            f"{option(name, first)}, for a forecaster", expected, f"without {option(name)}"
        )
