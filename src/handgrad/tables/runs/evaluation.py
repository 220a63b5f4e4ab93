"""A model file evaluated on data that it has not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from handgrad.tables.data import TableOptions
from handgrad.tables.data.files import check_asked, check_columns
from handgrad.tables.data.table_options import TableWords, option
from handgrad.tables.data.targets import target_of, with_target
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.models import ScoredRows, metrics_for, notes_on_few_rows
from handgrad.tables.runs.settings import one_target
from handgrad.tables.runs.table_model import Evaluation, TableModel, errors_name
from handgrad.tables.runs.text_model import Writer, refuse_of_tables
from handgrad.textbook.errors import SettingError
from handgrad.textbook.metrics.registry import metrics_of


def evaluate_table(
    model: str | Path,
    data: str | Path,
    target: str | None = None,
    *,
    metric: Sequence[str] = (),
    messages: Messages | None = None,
    **options: Unpack[TableWords],
) -> Evaluation:
    """The scores of a model file on the rows of a table: a file, a pattern, or a bundled set.

    Of a language model `data` is a text file, and the scores are those of its letters.

    `target` is the column with the truth, which the model file knows if `train_table` wrote it;
    `metric` names the scores. The table is read as that of the training, where keywords of
    `hg.data.TableOptions` do not say otherwise.

    Raises a SettingError for metrics of another task, a DataError for what is in the table.
    """
    metrics_of(metric)
    messages, data, asked = messages or Messages(), str(data), TableOptions(**options)
    if (writer := Writer.of(model)) is not None:
        refuse_of_tables(asked, target=target, metric=tuple(metric))
        return writer.evaluate(data, asked, messages)
    named = TableModel.of(Path(model))
    name = one_target(target) or named.target
    if name is None:
        raise SettingError(
            f"{named.path}, which does not say what it predicts",
            f"{option('target')}, for a model that was saved without about={{'target': …}}",
            option("target", "COLUMN"),
        )
    table = named.read(data, asked)
    check_asked(data, table.names, asked)
    check_columns(data, table.names, name)
    table = with_target(table, name)
    messages.note(*table.notes)
    metrics = metrics_for(named.task, metric, len(named.classes))
    y = target_of(table, name, named.task).values
    with messages.warnings_as_notes(), errors_name(data, table):
        X = table.columns.drop_columns([name])
        rows = ScoredRows.of(named.estimator, X, y, named.classes)
    classes = rows.by_class()
    messages.note(*notes_on_few_rows(classes))
    return Evaluation(
        str(named.path),
        data,
        name,
        named.task,
        len(y),
        rows.scores(metrics),
        rows.guessed(rows.y).scores(metrics),
        classes,
    )
