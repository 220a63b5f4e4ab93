"""`handgrad evaluate`: how good a model is on rows of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from handgrad.cli.models import errors_name, model_in
from handgrad.cli.output import Output
from handgrad.cli.rows import table_named
from handgrad.cli.scores import (
    by_class,
    class_table,
    few_rows,
    guessed,
    metrics_for,
    outputs,
    positions,
    score_table,
    scored,
    written,
)
from handgrad.data.files import check_asked
from handgrad.data.table_options import TableOptions
from handgrad.data.tables import check_column
from handgrad.data.targets import target_of, with_target
from handgrad.errors import SettingError
from handgrad.metrics.choice import metrics_of


def run_evaluation(
    path: Path,
    data: str,
    target: str | None,
    metric: Sequence[str],
    asked: TableOptions,
    output: Output,
) -> None:
    """Predict the rows, compare with what stands in the target's column, and tell the scores."""
    metrics_of(metric)
    named = model_in(path)
    name = target or named.target
    if name is None:
        raise SettingError(
            f"{path}, which does not say what it predicts",
            "--target, for a model that was saved without about={'target': …}",
            "--target COLUMN",
        )
    table = table_named(data, named.asked(asked))
    check_asked(data, table.names, asked)
    check_column(data, table.names, name)
    table = with_target(table, name)
    for note in table.notes:
        output.note(note)
    found = target_of(table, name, named.task)
    metrics = metrics_for(named.task, metric, len(named.classes))
    features = table.columns.drop_columns([name])
    y = positions(named.model, found.values) if named.classes else found.values
    with output.warnings_as_notes(), errors_name(data, table):
        p = outputs(named.model, features)
    scores = scored(p, y, metrics)
    guess = guessed(y, y, len(named.classes), metrics)
    classes = by_class(p, y, named.classes) if named.classes else []
    for note in few_rows(classes):
        output.note(note)
    output.result(
        {
            "model": str(path),
            "data": data,
            "target": name,
            "task": named.task,
            "rows": len(y),
            "scores": scores,
            "guessing": guess,
            "classes": classes,
            "notes": output.notes,
        }
    )
    output.say((data, "bold"), f": {len(y):,} rows; {name} is predicted by ", (str(path), "bold"))
    output.console.print(score_table({"score": written(scores), "guessing": written(guess)}))
    if classes:
        output.console.print(class_table(classes))
