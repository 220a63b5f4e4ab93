"""Evaluation of a model file on the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from handgrad.base.errors import SettingError
from handgrad.data import TableOptions
from handgrad.data.columns import check_columns
from handgrad.data.table_options import TableWords, option
from handgrad.data.targets import Task, target_of, with_target
from handgrad.metrics.choice import metrics_of
from handgrad.runs.messages import Messages
from handgrad.runs.scores import (
    ClassScores,
    Scores,
    by_class,
    guessed,
    metrics_for,
    notes_on_few_rows,
    outputs,
    positions,
    scored,
)
from handgrad.runs.table_model import TableModel, errors_name


@dataclass(frozen=True)
class Evaluation:
    """The scores of a model on `rows` rows of a table, beside those of guessing.

    `classes` has precision, recall and F1 of each class, and is empty where a number is predicted.
    """

    model: str
    data: str
    target: str
    task: Task
    rows: int
    scores: Scores
    guessing: Scores
    classes: list[ClassScores]


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

    `target` is the column with the truth, which the model file knows if `train_table` wrote it;
    `metric` names the scores. The table is read as that of the training, where keywords of
    `hg.data.TableOptions` do not say otherwise.

    Raises a SettingError for metrics of another task, a DataError for what is in the table.
    """
    metrics_of(metric)
    messages, data, asked = messages or Messages(), str(data), TableOptions(**options)
    path = Path(model)
    named = TableModel.of(path)
    name = target or named.target
    if name is None:
        raise SettingError(
            f"{path}, which does not say what it predicts",
            f"{option('target')}, for a model that was saved without about={{'target': …}}",
            option("target", "COLUMN"),
        )
    table = named.read(data, asked)
    check_columns(data, table.names, name)
    table = with_target(table, name)
    for note in table.notes:
        messages.note(note)
    found = target_of(table, name, named.task)
    metrics = metrics_for(named.task, metric, len(named.classes))
    y = positions(named.classes, found.values) if named.classes else found.values
    with messages.warnings_as_notes(), errors_name(data, table):
        p = outputs(named.estimator, table.columns.drop_columns([name]))
    classes = by_class(p, y, named.classes)
    for note in notes_on_few_rows(classes):
        messages.note(note)
    return Evaluation(
        str(path),
        data,
        name,
        named.task,
        len(y),
        scored(p, y, metrics),
        guessed(y, y, len(named.classes), metrics),
        classes,
    )
