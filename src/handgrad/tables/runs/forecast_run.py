"""Training runs on time series: a forecaster, its backtest, its forecasts and its report."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
from pyarrow import csv

from handgrad.files import load
from handgrad.tables.data.predictions import write_tables
from handgrad.tables.forecasting.backtest import Backtest
from handgrad.tables.forecasting.files import columns_in_words
from handgrad.tables.inspection.coverage import NOMINAL
from handgrad.tables.reporting.forecasts import ForecastEvidence, check_forecasts
from handgrad.tables.runs.finished_run import HISTORY, REPORT, Run
from handgrad.tables.runs.forecast_model import coverage_of_intervals
from handgrad.tables.runs.job import Job
from handgrad.tables.runs.load_series import SeriesSplit
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.models import notes_on_stop
from handgrad.tables.runs.record import MODEL
from handgrad.tables.runs.settings import RunSettings
from handgrad.training import History

if TYPE_CHECKING:
    from handgrad.tables.forecasting import Forecaster

HELD_OUT, FORECASTS = "held_out.csv", "forecast.csv"


class ForecastJob(Job):
    """Training run on time series.

    The scores are those of a model of the values before the held-out end; the model that is kept
    is fitted to all values with the same settings, so that its forecasts go on from the last ones.
    """

    def __init__(self, settings: RunSettings, messages: Messages) -> None:
        super().__init__(settings, messages)
        self.series = SeriesSplit.of(settings)
        self.name, self.files = self.series.name, self.series.table.files

    def show_data(self) -> None:
        """Report the series that were loaded."""
        self.messages.series_loaded(self.series)

    @cached_property
    def tested(self) -> Backtest:
        """The backtest."""
        self.messages.progress("training on the values before the held-out end")
        roles = self.series.roles
        with self.messages.warnings_as_notes():
            return self._new_model().backtest(
                self.series.source,
                roles.target,
                time=roles.time,
                group=roles.group or None,
                test_size=self.settings.test_size,
                interval=NOMINAL,
            )

    def train(self) -> Run:
        """Train and evaluate; all parts of the run are done afterwards."""
        series, parts = self.series, self.parts
        parts.file(HELD_OUT, lambda path: write_csv(self.tested.table, path))
        facts = parts.json("backtest.json", self._facts)
        self._train_on_all()
        model = cast("Forecaster", load(self.trained))
        history = History.from_json(self.trained.parent / HISTORY)
        parts.file(FORECASTS, lambda path: write_csv(model.predict(interval=NOMINAL), path))
        listed = check_forecasts(facts["scores"], history, model.regressor_.best_epochs_)
        counts = series.counts
        results = {
            "target": {"name": series.roles.target, "task": "forecast"},
            "columns": columns_in_words(model.lags_, model.roles_, len(model.series_)),
            "notes": (*series.notes, *notes_on_stop(history)),
            "epochs_chosen_by": "mae",
            "rows": counts,
            "split": {
                "by": "end",
                "column": series.roles.time,
                "words": series.held_out_in_words,
            },
            "judged": counts,
            "epochs": len(history),
            **facts,
            "classes": [],
            "findings": [vars(finding) for finding in listed.findings],
            "checks": [vars(check) for check in listed.checks],
        }
        run = self.run_of(results, {"rows": len(series.table.columns)})
        if self.settings.report:
            self.messages.progress("writing the report")
            folder = self.trained.parent
            parts.file(REPORT, partial(write_forecast_report, run, series, folder=folder))
        self.finish(run)
        return run

    def _facts(self) -> dict[str, Any]:
        """Scores and coverage of the backtest, for the record."""
        tested = self.tested
        scores = {**tested.scores}
        coverage = coverage_of_intervals(tested)
        return {"scores": {"held_out": scores.pop("forecast"), **scores}, "coverage": coverage}

    def _train_on_all(self) -> None:
        """Fit the model to all values, and keep it."""
        if MODEL in self.parts.parts:
            return
        roles = self.series.roles
        self.messages.progress("training on all values")
        with self.messages.warnings_as_notes():
            model = self._new_model()
            model.fit(self.series.source, roles.target, time=roles.time, group=roles.group or None)
        about = {
            "data": self.name,
            "target": roles.target,
            "task": "forecast",
            "reading": self.series.reading(self.settings),
        }
        model.set_params(verbose=False)
        self.keep(model, model.regressor_.history_ or History(), about)

    def _new_model(self) -> Forecaster:
        from handgrad.tables.forecasting import Forecaster

        settings = self.settings
        return Forecaster(
            self.series.horizon,
            season=settings.season,
            epochs=settings.epochs,
            engine=settings.engine,
            verbose=self.messages.shows_progress,
            random_state=settings.seed,
        )


def write_csv(table: pa.Table, path: Path) -> None:
    """Write a table to a CSV file."""
    write_tables(iter([table]), path, len(table))


def write_forecast_report(
    run: Run, series: SeriesSplit, path: Path, *, folder: Path | None = None
) -> Path:
    """Write the report of a run on time series; the files of the run are in its `folder`."""
    from handgrad.tables.reporting.forecast_writing import write_forecast_page

    folder = folder or run.folder
    model = cast("Forecaster", load(folder / MODEL))
    forecasts, roles = model.predict(interval=NOMINAL), series.roles
    kinds = {roles.time: forecasts.schema.field(roles.time).type}
    kinds |= {roles.group: pa.string()} if roles.group else {}
    held_out = csv.read_csv(
        folder / HELD_OUT,
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
    )
    evidence = ForecastEvidence(
        model,
        series.series,
        series.first,
        held_out,
        forecasts,
        run.scores,
        run.record["coverage"],
        History.from_json(folder / HISTORY),
        run.about,
        run.record["findings"],
    )
    return write_forecast_page(evidence, path)
