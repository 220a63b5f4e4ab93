"""Predictions for a table larger than memory, written chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from pyarrow import ArrowInvalid, BufferOutputStream, csv, parquet

from handgrad.engines.dispatch import engine_for_chunks
from handgrad.engines.streams import BATCH, whole_batches
from handgrad.files.addresses import meant_as_address, without_query
from handgrad.files.paths import as_path, write_whole
from handgrad.tables.data.files import PARQUET, check_columns
from handgrad.tables.data.table_stream import StreamedRows, TableStream
from handgrad.tables.data.unseen_values import unseen_warnings_together
from handgrad.textbook.errors import DataError, SettingError, described
from handgrad.textbook.kinds import Probabilities
from handgrad.textbook.layers import Array
from handgrad.training.progress_bar import progress_bar

# Rows that an estimator predicts at a time: it may make many numbers of each.
AT_ONCE = 10_240
# The share of the memory that the rows of one batch may take.
BATCHED = 1 / 8


def predict_table(
    model: Any,
    data: TableStream | StreamedRows,
    *,
    to: str | Path,
    probabilities: bool = False,
    keep: Sequence[str] = (),
    progress: bool = False,
) -> Path:
    """Write what `model` predicts for each row of `data` to the file `to`, in the rows' order.

    `model` is an estimator that takes data frames, with the `TableStream` of a table; or a `Net`,
    with the rows of one, `stream.rows(…)`. `to` ends in .csv or .parquet. It has one column,
    `prediction`: the class, or the number (`prediction_0`, `prediction_1` … where there are
    several); and with `probabilities=True` one more for each class, `probability_NAME`. Before
    these stand the columns that `keep` names, for an estimator. A chunk at a time is in memory,
    within the memory of the stream. The file appears whole or not at all. `progress=True` shows a
    bar in a terminal or a notebook.

    Values and columns that the training had not are an UnseenWarning, for all rows together.

    Raises a SettingError for a file of another kind, for one that is read from, and for
    probabilities of a model that has none; a DataError for a column to keep that is not there.

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
            "a table as hg.data.open_table opens it, or rows of one",
            "hg.data.predict_table(model, hg.data.open_table('data.csv'), to='predictions.csv')",
        )
    if to.resolve() in [path.resolve() for path in table.files]:
        raise SettingError(
            f"to = {str(to)!r}, which is read from", "a file of its own", "predictions.csv"
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
    check_columns(table.name, table.names, *keep)
    with unseen_warnings_together():
        tables = _predicted(model, data, probabilities, keep)
        return write_tables(tables, to, data.n_rows, progress=progress)


def write_tables(
    tables: Iterator[pa.Table], to: Path, n_rows: int, *, progress: bool = False
) -> Path:
    """Write tables of the same columns, one below the other, to a .csv or .parquet file."""
    with progress_bar(n_rows, "row", shown=progress) as count:
        return write_whole(to, lambda file: _write(tables, to, file, count), "wb")


def file_to_write(to: str | Path) -> Path:
    """The file of that name on this machine; refused where it is neither CSV nor Parquet."""
    path = as_path(to)
    if meant_as_address(to):
        raise SettingError(
            f"to = {str(to)!r}, on another filesystem",
            "a file on this machine",
            f"to={Path(without_query(str(to))).name!r}, to be copied there",
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
    """The column that has no text, as lists, and bytes that are not UTF-8."""
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
    model: Any, data: TableStream | StreamedRows, probabilities: bool, keep: Sequence[str]
) -> Iterator[pa.Table]:
    """The columns to write, chunk by chunk."""
    if isinstance(data, StreamedRows):
        sure = isinstance(model.output_kind, Probabilities)
        engine = engine_for_chunks(model, lambda: next(data.chunks())[0], data.n_rows)
        names = data.class_names
        for x in whole_batches((x for x, _ in data), np.concatenate):
            p = model.predict(x, engine=engine)
            if names and p.shape[1] == 1:  # an answer of yes or no, or its logit
                p = np.concatenate([1 - p if sure else -p, p], axis=1)
            values = np.array(names)[p.argmax(axis=1)] if names else p
            yield predicted_columns(values, p if probabilities else None, names)
        return
    known = [*map(str, getattr(model, "feature_names_in_", ()))]
    columns = known if known and {*known} <= {*data.names} else data.names
    read, n_done = list(dict.fromkeys([*columns, *keep])), 0
    join = partial(_joined, most=int(data.memory * BATCHED))
    for chunk in whole_batches((chunk.columns for chunk in data.chunks(read)), join):
        for start in range(0, chunk.num_rows, AT_ONCE):
            whole = chunk.slice(start, AT_ONCE)
            frame = whole.select(columns)
            try:
                p = model.predict_proba(frame) if probabilities else None
                found = predicted_columns(model.predict(frame), p, getattr(model, "classes_", ()))
            except DataError as error:
                if error.row is not None:
                    error.put_at(data.place(n_done + error.row))
                raise
            n_done += whole.num_rows
            for i, name in enumerate(keep):
                found = found.add_column(i, name, whole[name])
            yield found


def _joined(tables: list[pa.Table], most: int) -> pa.Table:
    """Their rows in memory of their own: a slice would keep the whole chunk."""
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
    """What was predicted, and the probability of each class, as columns."""
    values = np.asarray(values)
    several = values.reshape(len(values), -1).T
    names = [f"prediction_{i}" for i in range(len(several))] if len(several) > 1 else ["prediction"]
    columns = dict(zip(names, several, strict=True))
    if p is not None:
        columns |= {f"probability_{c}": p[:, i] for i, c in enumerate(classes)}
    return pa.table({name: np.ascontiguousarray(column) for name, column in columns.items()})
