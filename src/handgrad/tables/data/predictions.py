"""Predictions for a table larger than memory, written chunk by chunk."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
import pyarrow as pa
from pyarrow import ArrowInvalid, BufferOutputStream, csv, parquet

from handgrad.engines.dispatch import engine_for_chunks
from handgrad.engines.streams import BATCH, whole_batches
from handgrad.files.addresses import meant_as_address, without_query
from handgrad.files.paths import as_path, write_whole
from handgrad.tables.data.files import PARQUET, check_columns
from handgrad.tables.data.table_options import option
from handgrad.tables.data.table_stream import StreamedRows, TableStream
from handgrad.tables.data.unseen_values import unseen_warnings_together
from handgrad.textbook.errors import DataError, SettingError, UnseenWarning, described
from handgrad.textbook.kinds import Probabilities
from handgrad.textbook.layers import Array
from handgrad.training.progress_bar import progress_bar
from handgrad.training.results import Predictor, is_classifier

# Rows that an estimator predicts at once: their encoding may be wide.
AT_ONCE = 10_240
# The same with further columns, which take longer: so the progress is visible.
FEW_AT_ONCE = 64
# Fraction of the memory for the rows of one batch.
BATCHED = 1 / 8


def predict_table(
    model: Any,
    data: TableStream | StreamedRows,
    *,
    to: str | Path,
    probabilities: bool = False,
    keep: Sequence[str] = (),
    further: Callable[[pa.Table], pa.Table] | None = None,
    interval: float | None = None,
    sets: float | None = None,
    allow_missing_columns: bool = False,
    progress: bool = False,
) -> Path:
    """Write a model's prediction for each row of a table to a file, in the order of the rows.

    The file has the columns of `keep` and then `prediction`, or `prediction_0`, `prediction_1` and
    so on if a row has several. One chunk at a time is in memory, within the memory of the stream.
    The file appears whole or not at all. Unseen values, numbers out of range and further columns
    are reported once for all rows, as an UnseenWarning.

    Parameters
    ----------
    model : estimator or Net
        Estimator that takes data frames; or a net, for rows as numbers.
    data : TableStream or StreamedRows
        Table for an estimator; `stream.rows(…)` for a net.
    to : str or Path
        File to write, ending in .csv or .parquet.
    probabilities : bool, default False
        Whether a column `probability_NAME` is added for each class.
    keep : sequence of str, default ()
        Columns of the table to copy; for an estimator.
    further : function, optional
        Further columns for some rows of the table, such as their contributions; for an estimator.
    interval : float, optional
        Coverage of the intervals of numbers, which are columns `low` and `high`.
    sets : float, optional
        Coverage of the sets of classes: a column `set_NAME` for each class says whether it is in.
    allow_missing_columns : bool, default False
        Whether the table may lack columns that an estimator takes: they are predicted as missing
        values, with an UnseenWarning. It must have one of them.
    progress : bool, default False
        Whether a progress bar is shown.

    Returns
    -------
    Path
        `to`.

    Raises
    ------
    SettingError
        If the format of `to` is unknown, if it is an input, or if the model has no probabilities.
    DataError
        If a column of `keep` does not exist.

    Examples
    --------
    >>> import handgrad as hg, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "table.csv"
    ...     _ = path.write_text("a,b\\n1,2\\n3,4\\n")
    ...     rows = hg.data.open_table(path).rows()
    ...     net = hg.Net(hg.Linear(2, 1, initializer="zeros"))
    ...     hg.data.predict_table(net, rows, to=path.with_name("p.csv")).read_text()
    '"prediction"\\n0\\n0\\n'
    """
    to = file_to_write(to)
    table = data.table if isinstance(data, StreamedRows) else data
    if not isinstance(table, TableStream):
        raise SettingError(
            f"data = {described(data)}",
            "a table opened by hg.data.open_table, or its rows",
            "hg.data.predict_table(model, hg.data.open_table('data.csv'), to='predictions.csv')",
        )
    if to.resolve() in [path.resolve() for path in table.files]:
        raise SettingError(
            f"to = {str(to)!r}, which is an input", "another file", "predictions.csv"
        )
    if isinstance(data, StreamedRows):
        possible = isinstance(model.output_kind, Probabilities) and bool(data.class_names)
    else:
        possible = hasattr(model, "predict_proba")
    if probabilities and not possible:
        raise SettingError(
            f"probabilities of {model!r}",
            "predict_proba; or a net that ends in probabilities, and rows whose target is classes",
            "probabilities=False",
        )
    refuse_without(model, interval=interval, sets=sets)
    check_columns(table.name, table.names, *keep)
    with unseen_warnings_together(table.place):
        lost = _lost_columns(model, table.names) if allow_missing_columns else []
        answers = partial(predictions_of, model, probabilities, interval, sets)
        tables = _predicted(model, data, probabilities, answers, keep, further, lost)
        return write_tables(tables, to, data.n_rows, progress=progress)


def write_tables(
    tables: Iterator[pa.Table], to: Path, n_rows: int, *, progress: bool = False
) -> Path:
    """Write tables with the same columns, one after the other, to a .csv or .parquet file."""
    with progress_bar(n_rows, "row", shown=progress) as count:
        return write_whole(to, lambda file: _write(tables, to, file, count), "wb")


def file_to_write(to: str | Path) -> Path:
    """The path of a local file to write; refused unless it is CSV or Parquet."""
    path = as_path(to)
    if meant_as_address(to):
        raise SettingError(
            f"to = {str(to)!r}, on another filesystem",
            "a file on this machine",
            f"to={Path(without_query(str(to))).name!r}, and copy it there",
        )
    to = path
    if to.suffix.lower() not in (".csv", *PARQUET):
        raise SettingError(
            f"to = {str(to)!r}", "a name that ends in .csv or .parquet", f"{to.stem}.csv"
        )
    return to


def _write(
    tables: Iterator[pa.Table], to: Path, file: IO[bytes], count: Callable[..., None]
) -> None:
    table = first = next(tables)
    writer = csv.CSVWriter if to.suffix.lower() == ".csv" else parquet.ParquetWriter
    try:
        with writer(file, first.schema) as whole:
            for table in chain([first], tables):
                whole.write_table(table.cast(first.schema))
                count(more=table.num_rows)
    except ArrowInvalid as error:
        raise _refused_by_csv(table, to) or error from error


def _refused_by_csv(table: pa.Table, to: Path) -> DataError | None:
    """Error for a column that CSV cannot hold: lists, or bytes that are not UTF-8."""
    for name in table.column_names:
        try:
            csv.write_csv(table.select([name]), BufferOutputStream())
        except ArrowInvalid:
            return DataError(
                f"column {name!r}, of type {table[name].type}, in a CSV file",
                "columns to keep that can be written as text",
                f"{to.with_suffix('.parquet').name}, or leave the column out",
            )
    return None


def _predicted(
    model: Any,
    data: TableStream | StreamedRows,
    probabilities: bool,
    answers: Callable[[pa.Table], pa.Table],
    keep: Sequence[str],
    further: Callable[[pa.Table], pa.Table] | None,
    lost: Sequence[str],
) -> Iterator[pa.Table]:
    """The columns to write, chunk by chunk; `answers` are those of an estimator for some rows."""
    if isinstance(data, StreamedRows):
        sure = isinstance(model.output_kind, Probabilities)
        engine = engine_for_chunks(model, lambda: next(data.chunks())[0], data.n_rows)
        names = data.class_names
        for x in whole_batches((x for x, _ in data), np.concatenate):
            p = model.predict(x, engine=engine)
            if names and p.shape[1] == 1:  # of the second of two classes, or its logit
                p = np.concatenate([1 - p if sure else -p, p], axis=1)
            values = np.array(names)[p.argmax(axis=1)] if names else p
            yield predicted_columns(values, p if probabilities else None, names)
        return
    known = [name for name in _columns_of(model) if name not in lost]
    columns = known if known and {*known} <= {*data.names} else data.names
    read, n_done = list(dict.fromkeys([*columns, *keep])), 0
    join = partial(_joined, most=int(data.memory * BATCHED))
    for chunk in whole_batches((chunk.columns for chunk in data.chunks(read)), join):
        at_once = AT_ONCE if further is None else FEW_AT_ONCE
        for start in range(0, chunk.num_rows, at_once):
            whole = chunk.slice(start, at_once)
            frame = whole.select(columns)
            for name in lost:
                frame = frame.append_column(name, pa.nulls(len(frame)))
            try:
                predicted = answers(frame)
                if further is not None:
                    added = further(frame)
                    for name in added.column_names:
                        predicted = predicted.append_column(name, added[name])
            except DataError as error:
                if error.row is not None:
                    error.put_at(data.place(n_done + error.row))
                raise
            n_done += whole.num_rows
            for i, name in enumerate(keep):
                predicted = predicted.add_column(i, name, whole[name])
            yield predicted


def _columns_of(model: object) -> list[str]:
    """Names of the columns that an estimator takes; empty if it was fitted without names."""
    return [*map(str, getattr(model, "feature_names_in_", ()))]


def _lost_columns(model: object, names: Sequence[str]) -> list[str]:
    """Columns that an estimator takes and the table lacks, with a warning; none if it lacks all."""
    known = _columns_of(model)
    lost = [name for name in known if name not in names]
    if not lost or len(lost) == len(known):
        return []
    listed = ", ".join([*map(repr, lost[:5]), *["…"][: len(lost) > 5]])
    words = f"columns of the training that the table lacks are predicted as missing: {listed}"
    warnings.warn(words, UnseenWarning, stacklevel=3)
    return lost


def predictions_of(
    model: Predictor,
    probabilities: bool,
    interval: float | None,
    sets: float | None,
    frame: pa.Table,
) -> pa.Table:
    """Predictions of an estimator, with its quantiles and the requested further columns."""
    p = model.predict_proba(frame) if probabilities and is_classifier(model) else None
    classes = getattr(model, "classes_", ())
    further: dict[str, Array] = {}
    if interval is not None and has_intervals(model):
        values, ends = model.predict(frame, interval=interval)
        further = {"low": ends[:, 0], "high": ends[:, 1]}
    else:
        values = np.asarray(model.predict(frame))
    if sets is not None and has_sets(model):
        chosen = model.predict_sets(frame, sets)
        further = {f"set_{name}": chosen[:, i] for i, name in enumerate(classes)}
    if has_quantiles(model):
        quantiles = zip(model.quantiles_, model.predict_quantiles(frame).T, strict=True)
        further |= {f"quantile_{level:g}": column for level, column in quantiles}
    if isinstance(model, PredictsSurvival):
        times = model.times_[np.arange(1, 4) * len(model.times_) // 4]
        further |= {
            f"survival_{time:g}": column
            for time, column in zip(times, model.predict_survival(frame, times).T, strict=True)
        }
    table = predicted_columns(values, None if p is None else np.asarray(p), classes)
    for name, column in further.items():
        table = table.append_column(name, pa.array(column))
    return table


class PredictsIntervals(Protocol):
    """Protocol of a fitted model that predicts numbers with their intervals."""

    def predict(self, X: object, *, interval: float) -> tuple[Array, Array]:
        """Predictions (n,) for the rows `X`, and the ends of their intervals (n, 2)."""


class PredictsSets(Protocol):
    """Protocol of a fitted model that predicts sets of classes."""

    def predict_sets(self, X: object, coverage: float) -> Array:
        """Mask of the classes in the set of each row of `X`, (n, n_classes)."""


class PredictsQuantiles(Protocol):
    """Protocol of a fitted model that predicts quantiles of numbers, of the levels `quantiles_`."""

    quantiles_: tuple[float, ...]

    def predict_quantiles(self, X: object) -> Array:
        """Quantiles for the rows of `X`, (n, n_quantiles)."""


@runtime_checkable
class PredictsSurvival(Protocol):
    """Protocol of a fitted model that predicts the survival up to given times."""

    times_: Array

    def predict_survival(self, X: object, times: object = None) -> Array:
        """Probabilities for the rows of `X` to have no event until the times, (n, n_times)."""


def has_quantiles(model: object) -> TypeGuard[PredictsQuantiles]:
    """Return True if a model predicts quantiles."""
    return getattr(model, "quantiles_", None) is not None


def has_sets(model: object) -> TypeGuard[PredictsSets]:
    """Return True if a model predicts sets of classes."""
    return hasattr(model, "predict_sets")


def has_intervals(model: object) -> TypeGuard[PredictsIntervals]:
    """Return True if a model predicts intervals of numbers."""
    return hasattr(model, "conformal_") and not has_sets(model)


def refuse_without(model: object, *, interval: float | None, sets: float | None) -> None:
    """Refuse intervals or sets of a model that has none."""
    if sets is not None and not has_sets(model):
        raise SettingError(
            f"{option('sets', sets)}, of {model!r}",
            "a TabularClassifier, which has sets of classes",
            f"without {option('sets')}"
            + (f", or {option('interval', sets)}" if has_intervals(model) else ""),
        )
    if interval is not None and not has_intervals(model):
        raise SettingError(
            f"{option('interval', interval)}, of {model!r}",
            "a TabularRegressor, which has intervals",
            f"without {option('interval')}"
            + (f", or {option('sets', interval)}" if has_sets(model) else ""),
        )


def _joined(tables: list[pa.Table], most: int) -> pa.Table:
    """Concatenate tables and copy their rows: a slice would keep the whole chunk alive."""
    table = pa.concat_tables(tables)
    if table.nbytes > most:
        large = max(table.column_names, key=lambda name: table[name].nbytes)
        raise DataError(
            f"{table.num_rows} rows that take {table.nbytes / 1e6:.3g} MB, most of it in "
            f"column {large!r}",
            f"a batch of {BATCH} rows in at most {most / 1e6:.3g} MB, an eighth of the memory",
            "a larger memory, or shorter texts in that column",
        )
    return table.take(np.arange(table.num_rows))


def predicted_columns(values: Array, p: Array | None, classes: Iterable[object]) -> pa.Table:
    """Columns of the predictions and of the probability of each class."""
    values = np.asarray(values)
    several = values.reshape(len(values), -1).T
    names = [f"prediction_{i}" for i in range(len(several))] if len(several) > 1 else ["prediction"]
    columns = dict(zip(names, several, strict=True))
    if p is not None:
        columns |= {f"probability_{c}": p[:, i] for i, c in enumerate(classes)}
    return pa.table({name: np.ascontiguousarray(column) for name, column in columns.items()})
