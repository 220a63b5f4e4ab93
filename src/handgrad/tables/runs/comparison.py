"""Comparison of a new table with an old one, or with the training data of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa

from handgrad.check.doctor import Finding
from handgrad.files.features import Column, Columns
from handgrad.files.paths import kind_of
from handgrad.tables import reporting
from handgrad.tables.data import TableOptions, TableStream
from handgrad.tables.data.files import Table, check_asked
from handgrad.tables.data.frames import columns_of_frame, frame_of, parsed_like, read
from handgrad.tables.data.spellings import respelled
from handgrad.tables.data.table_options import TableWords
from handgrad.tables.data.targets import missing_targets, target_of, with_target
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.inspection.drift import CHANGED, MISSING, Drift, drift_between
from handgrad.tables.reporting.drift import TableComparison
from handgrad.tables.reporting.intervals import losses_of
from handgrad.tables.runs.finished_run import Run
from handgrad.tables.runs.load_table import load_table, read_table_named
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.models import PredictedRows, Scores, metrics_for
from handgrad.tables.runs.record import MODEL, RECORD
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.splitting import split_of
from handgrad.tables.runs.table_model import TableModel
from handgrad.tables.runs.train import check_files
from handgrad.tables.runs.training_table import TrainingTable
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.metrics import roc_auc

MOST_ROWS = 20_000  # of each table
# Rows of each table for the model that tells them apart, the fewest, and its settings.
MOST_LEARNED, FEWEST_LEARNED = 2000, 20
QUICK: dict[str, Any] = {"n_members": 2, "epochs": 16, "random_state": 0}
# Smallest ROC AUC reported, and differences that are significant, in standard deviations.
TOLD_APART, DEVIATIONS = 0.6, 3.3
UNSUITABLE = (MISSING, CHANGED)


def compare_tables(
    new: str | Path,
    old: str | Path,
    *,
    html: str | Path | None = None,
    messages: Messages | None = None,
    **options: Unpack[TableWords],
) -> TableComparison:
    """Compare a new table with an old one, or with the training data of a run.

    Columns, types, missing values, categories and distributions are compared. A difference is a
    finding if it is large, and significant among all of them. With a run its model predicts the new
    rows and the held-out rows: the predictions are compared too, and the scores if the new table
    has the target.

    Parameters
    ----------
    new : str or Path
        Table: a file, a pattern, or a bundled data set.
    old : str or Path
        Table; or the folder of a run, or the model file in it.
    html : str or Path, optional
        Page to write: both distributions of each column, the largest distance first.
    messages : Messages, optional
        Receiver of notes, which are warnings by default.
    **options
        Fields of `hg.data.TableOptions`; by default a table is read like the training table.

    Returns
    -------
    TableComparison
        Columns, findings, and scores.

    Raises
    ------
    SettingError
        For a model file without its run, or a page that is no HTML file.
    DataError
        For unusable data, or if the data of the run has changed.
    """
    messages, asked = messages or Messages(), TableOptions(**options)
    page = None if html is None else reporting.drift_page_path(html)
    folder = _run_folder(str(old))
    with messages.warnings_as_notes(), no_unseen_warnings():
        if folder is not None:
            comparison = _against_run(str(new), folder, asked, messages)
        else:
            comparison = _of_tables(str(new), str(old), asked, messages)
    if page is not None:
        messages.progress("writing the page")
        reporting.write_drift_page(comparison, page)
    return comparison


def _of_tables(new: str, old: str, asked: TableOptions, messages: Messages) -> TableComparison:
    """Comparison of two tables."""
    sides = [_read(source, asked, messages).columns for source in (new, old)]
    parts = _parsed(*map(_sampled, sides))
    drift = drift_between(*parts)
    auc, told_apart = _told_apart(*parts, drift)
    sizes = len(sides[0]), len(sides[1])
    return TableComparison(new, old, sizes, _joined(drift, told_apart), auc, {})


def _run_folder(old: str) -> Path | None:
    """Folder of the run that `old` is, or whose model it is; None for a table."""
    path = Path(old)
    if kind_of(path / RECORD) == "file":
        return path
    if path.suffix != Path(MODEL).suffix:
        return None
    if kind_of(path.parent / RECORD) != "file":
        raise SettingError(
            f"{old}, a model file without the run that wrote it",
            f"a table; or the folder of a run, with {RECORD}, or the model file in it",
            f"the table that the model was trained on, instead of {old}",
        )
    return path.parent


def _read(
    source: str, asked: TableOptions, messages: Messages, of_model: TableOptions | None = None
) -> Table:
    """A table read as asked, or like that of a model, of whose columns it may lack some."""
    table = read_table_named(source, of_model or asked)
    check_asked(source, table.names, asked)
    messages.note(*(f"{source}: {note}" for note in table.notes))
    if not len(table.columns):
        raise DataError(f"{source}: 0 rows", "at least one row", "check the file")
    return table


def _sampled(table: pa.Table) -> pa.Table:
    """At most `MOST_ROWS` rows, drawn at random."""
    if len(table) <= MOST_ROWS:
        return table
    rows = np.random.default_rng(0).choice(len(table), MOST_ROWS, replace=False)
    return table.take(np.sort(rows))


def _parsed(new: pa.Table, old: pa.Table) -> tuple[Columns, Columns]:
    """Columns of both tables; text that parses as numbers or dates in the old one is converted."""
    sides = [columns_of_frame(frame_of(table)) for table in (new, old)]
    before = {name: c if c.categorical else read(c) for name, c in sides[1].items()}
    return {name: _like(c, before.get(name)) for name, c in sides[0].items()}, before


def _like(column: Column, old: Column | None) -> Column:
    """A new column in the format of the old one."""
    if column.categorical or column.kind != "text" or column.missing.all():
        return column
    if old is None or old.missing.all():
        return read(column)
    if old.kind not in ("number", "date"):
        return column
    return parsed_like(column, old.kind, old.written) or column


def _against_run(
    new: str, folder: Path, asked: TableOptions, messages: Messages
) -> TableComparison:
    """Comparison with the training data of a run, and of its model's predictions."""
    run = Run.of(folder)
    settings = run.settings
    if (what := run.record["target"]["task"]) == "text" or settings.estimator == "pictures":
        raise SettingError(
            f"{folder}, a run on {'a text' if what == 'text' else 'pictures'}",
            "a run on a table",
            "handgrad evaluate, for its model on new data",
        )
    training = load_table(settings)
    check_files(run, training.table.files)
    named = TableModel.of(folder / MODEL)
    table = _read(new, asked, messages, named.options(asked))
    table = table.with_columns(respelled(table.columns, named.spellings))
    target, names = training.target.name, training.feature_names
    known = target in table.names and not missing_targets(table.columns[target]).all()
    rows = table.columns
    if known:
        names = [*names, target]
    elif target in table.names:
        rows = rows.drop_columns([target])
    parts = _parsed(_sampled(rows), _rows_of(training).select(names))
    drift = drift_between(*parts)
    auc, findings = _told_apart(_without(parts[0], target), _without(parts[1], target), drift)
    scores: dict[str, Scores] = {}
    if not any(finding.problem in UNSUITABLE for finding in drift.findings):
        held_out = split_of(settings, training).held_out
        drift = _with_predictions(drift, named, rows, held_out)
        if known and {named.exposure, named.event} <= {None, *table.names}:
            scores, worse = _scores(named, settings, with_target(table, target), held_out)
            findings += worse
    sizes = len(rows), training.n_rows
    drift = _joined(drift, findings)
    return TableComparison(new, str(folder), sizes, drift, auc, scores)


def _rows_of(training: TrainingTable) -> pa.Table:
    """At most `MOST_ROWS` rows of a training table."""
    table = training.table
    if isinstance(table, TableStream):
        return table.sample(min(MOST_ROWS, table.n_rows), rng=0).to_table()
    return _sampled(table.columns)


def _joined(drift: Drift, findings: Sequence[Finding]) -> Drift:
    return replace(drift, findings=(*drift.findings, *findings))


def _without(columns: Columns, name: str) -> Columns:
    return {other: column for other, column in columns.items() if other != name}


def _told_apart(new: Columns, old: Columns, drift: Drift) -> tuple[float | None, list[Finding]]:
    """ROC AUC of a small model that tells new rows from old ones, on rows it was not trained on."""
    names, rng = [c.column for c in drift.columns if c.column in new], np.random.default_rng(0)
    sides = []
    for columns in (old, new):
        table = pa.table({name: _cells(columns[name]) for name in names})
        sides.append(table.take(rng.permutation(len(table))[:MOST_LEARNED]))
    if not names or min(map(len, sides)) < FEWEST_LEARNED:
        return None, []
    rows, y = pa.concat_tables(sides), np.repeat([0, 1], [*map(len, sides)])
    second = np.concatenate([np.arange(len(side)) % 2 == 1 for side in sides])
    try:
        aucs = [_auc(rows, y, test) for test in (second, ~second)]
    except DataError:  # all rows are the same, or no column is usable
        return None, []
    auc, (n, m) = float(np.mean(aucs)), map(len, sides)
    deviation = np.sqrt((n + m + 1) / (12 * n * m))
    if auc < max(TOLD_APART, 0.5 + DEVIATIONS * deviation):
        return auc, []
    finding = Finding(
        "rows told apart",
        "all columns together",
        f"a model tells new rows from old ones with a ROC AUC of {auc:.2f}; ½ is guessing",
        "the columns named here; without any, combinations of columns",
    )
    return auc, [finding]


def _auc(rows: pa.Table, y: Array, test: Array) -> float:
    """ROC AUC on the test rows of a model of the other rows."""
    from handgrad.tables.tabular import TabularClassifier

    model = TabularClassifier(**QUICK).fit(rows.filter(pa.array(~test)), y[~test])
    return roc_auc(model.predict_proba(rows.filter(pa.array(test)))[:, 1], y[test])


def _cells(column: Column) -> pa.Array:
    """Numbers, days or text, with nulls."""
    if column.kind == "text":
        return pa.array(column.values.tolist(), pa.string())
    return pa.array(column.values.astype(float), from_pandas=True)


def _with_predictions(
    drift: Drift, model: TableModel, rows: pa.Table, held_out: TrainingTable
) -> Drift:
    """Comparison with that of the predictions of new rows and of held-out ones."""
    columns = []
    for some in (_sampled(rows), held_out.to_evaluate()[0]):
        values = np.asarray(model.estimator.predict(some))
        if model.classes:
            columns.append(Column("text", values.astype(str).astype(object)))
        else:
            columns.append(Column("number", values.astype(float)))
    name = f"prediction of {model.predicted}"
    predicted = drift_between({name: columns[0]}, {name: columns[1]})
    return Drift((*drift.columns, *predicted.columns), (*drift.findings, *predicted.findings))


def _scores(
    model: TableModel, settings: RunSettings, table: Table, held_out: TrainingTable
) -> tuple[dict[str, Scores], list[Finding]]:
    """Scores on new rows and on held-out ones, and a finding if they are significantly worse."""
    target = str(model.target)
    y, w = model.rates(table, target_of(table, target, model.task).values)
    about = model.classes, model.positive
    new = PredictedRows.of(model.estimator, table.columns.drop_columns([target]), y, *about, w)
    weights = held_out.row_roles.weights_in_scores
    old = PredictedRows.of(model.estimator, *held_out.to_evaluate(), *about, weights)
    metrics = metrics_for(model.task, settings.metric, len(model.classes), old.deviance)
    scores = {"new": new.scores(metrics), "held_out": old.scores(metrics)}
    errors = [_errors(rows) for rows in (new, old)]
    worse = float(errors[0].mean() - errors[1].mean())
    deviation = np.sqrt(sum(float(error.var()) / len(error) for error in errors))
    if worse <= DEVIATIONS * deviation:
        return scores, []
    measure = (old.deviance or "mean_absolute_error").replace("_", " ")
    shown = [f"{error.mean():{'.1%' if model.classes else '.4g'}}" for error in errors]
    evidence = (
        f"{shown[0]} of the new rows are predicted wrongly, {shown[1]} of the held-out ones"
        if model.classes
        else f"the {measure} is {shown[0]} for new rows, {shown[1]} for held-out ones"
    )
    where = f"predictions of “{target}”"
    return scores, [Finding("worse scores", where, evidence, "train again with new rows")]


def _errors(rows: PredictedRows) -> Array:
    """Error of each row, (n,): 1 for a wrong class; of a number weighted deviance, or absolute."""
    if rows.classes:
        return 1.0 * (rows.predicted != rows.y)
    errors = losses_of(rows.y, rows.p, None, False, rows.deviance)
    return errors if rows.w is None or not rows.deviance else errors * rows.w / rows.w.mean()
