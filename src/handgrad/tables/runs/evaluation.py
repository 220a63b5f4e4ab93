"""Evaluation of model files on new data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from handgrad.tables.data import TableOptions
from handgrad.tables.data.files import check_asked, check_columns
from handgrad.tables.data.table_options import TableWords, option
from handgrad.tables.data.targets import target_of, with_target
from handgrad.tables.data.unseen_values import unseen_warnings_together
from handgrad.tables.inspection.coverage import coverage_of, quantiles_of
from handgrad.tables.runs.forecast_model import ForecastModel
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.models import (
    PredictedRows,
    deviance_metric,
    metrics_for,
    notes_on_few_rows,
)
from handgrad.tables.runs.record import predicted_name
from handgrad.tables.runs.settings import check_metrics, one_target
from handgrad.tables.runs.table_model import ModelEvaluation, TableModel, errors_name
from handgrad.tables.runs.text_model import TextModel, refuse_of_tables
from handgrad.textbook.errors import SettingError


def evaluate_table(
    model: str | Path,
    data: str | Path,
    target: str | None = None,
    *,
    metric: Sequence[str] = (),
    messages: Messages | None = None,
    **options: Unpack[TableWords],
) -> ModelEvaluation:
    """Evaluate a model file on a table, or a language model on a text.

    A forecaster forecasts the values of the table that are after its training.

    Parameters
    ----------
    model : str or Path
        Model file.
    data : str or Path
        Table: a file, a pattern, or a bundled data set; for a language model a text file.
    target : str, optional
        Column with the true values; models written by `train_table` have it in their file.
    metric : sequence of str, optional
        Names of the metrics; the defaults of the task if empty.
    messages : Messages, optional
        Receiver of notes, which are warnings by default.
    **options
        Fields of `hg.data.TableOptions`; by default the table is read like the training table.

    Returns
    -------
    ModelEvaluation
        Scores of the model and of the baseline, and of each class.

    Raises
    ------
    SettingError
        For metrics of another task.
    DataError
        For unusable data.
    """
    check_metrics(metric)
    messages, data, asked = messages or Messages(), str(data), TableOptions(**options)
    if (writer := TextModel.of(model)) is not None:
        refuse_of_tables(asked, target=target, metric=tuple(metric))
        return writer.evaluate(data, asked, messages)
    if (forecaster := ForecastModel.of(model)) is not None:
        return forecaster.evaluate(data, asked, messages, one_target(target), metric)
    named = TableModel.of(Path(model))
    name = one_target(target) or named.target
    if name is None:
        raise SettingError(
            f"{named.path}, which does not name its target",
            f"{option('target')}, for a model saved without about={{'target': …}}",
            option("target", "COLUMN"),
        )
    table = named.read(data, asked)
    check_asked(data, table.names, asked)
    check_columns(data, table.names, name)
    table = with_target(table, name)
    messages.note(*table.notes)
    deviance = deviance_metric(named.estimator)
    metrics = metrics_for(named.task, metric, len(named.classes), deviance)
    y, w = named.rates(table, target_of(table, name, named.task).values)
    together = unseen_warnings_together(table.place)
    with messages.warnings_as_notes(), errors_name(data, table), together:
        others = {name, *named.beside_features}
        X = table.columns.select([column for column in table.names if column not in others])
        rows = PredictedRows.of(named.estimator, X, y, named.classes, named.positive, w)
        coverage = coverage_of(named.estimator, X, rows.y, named.classes)
        quantiles = quantiles_of(named.estimator, X, rows.y)
    classes = rows.by_class()
    messages.note(*notes_on_few_rows(classes))
    return ModelEvaluation(
        str(named.path),
        data,
        predicted_name(name, named.exposure),
        named.task,
        len(y),
        rows.scores(metrics),
        rows.guessed(rows).scores(metrics),
        classes,
        coverage.recorded() if coverage else None,
        quantiles,
    )
