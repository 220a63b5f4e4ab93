"""Time series in windows of rows, each with the target that follows."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handgrad.files.features import Column, Columns
from handgrad.tables.data.files import Table, listed, stem_of
from handgrad.tables.data.frames import (
    columns_of_array,
    columns_of_frame,
    columns_of_records,
    different,
    frame_of,
    read,
    records_in,
)
from handgrad.tables.data.table_options import option
from handgrad.tables.data.tables import table_of
from handgrad.tables.data.texts import refuse_too_many
from handgrad.textbook.errors import DataError, SettingError, did_you_mean, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.net.minibatches import array_of
from handgrad.training.datasets import Dataset


@dataclass(frozen=True)
class SeriesTable:
    """Columns of a table of time series by name, and the location of its rows."""

    name: str
    columns: Columns
    place: Callable[[int], str] = "row {}, counted from 0".format

    @property
    def n_rows(self) -> int:
        return max((len(column.values) for column in self.columns.values()), default=0)

    def column(self, name: str, role: str) -> Column:
        """A column without missing values; text features and times are parsed."""
        column = self.columns[name]
        if role in ("feature", "time"):
            column = read(column)
        self.refuse_where(
            column.missing,
            f"the {role} {name!r} is empty",
            "a value in every row",
            "fill it in; without the row, two distant times would be adjacent",
        )
        return column

    def refuse_where(self, wrong: Array, came: str, expected: str, hint: str) -> None:
        """Refuse the first row of a mask, (n,), if it has one."""
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(f"{self.name}: {came} in {self.place(row)}", expected, hint)


def windows(
    table: object,
    *,
    length: int,
    target: str | int,
    step: int = 1,
    horizon: int = 1,
    group: str | int | None = None,
    time: str | int | None = None,
) -> Dataset:
    """Cut a time series into windows of rows, each with the target that follows.

    All columns but `group` and `time` are features and must be numbers; so past values of the
    target are a feature, if it is a number. The data set's x (n, length, n_features) is float32; y
    (n,) has numbers, or classes if the target is text or booleans.

    Parameters
    ----------
    table : array (n_rows,) or (n_rows, n_features), data frame, str or Path
        Rows over time; a path is that of a CSV or Parquet file.
    length : int
        Rows of a window.
    target : str or int
        Target column, by name, or by index in an array.
    step : int, default 1
        Rows between the starts of two windows.
    horizon : int, default 1
        Rows from the end of the window to the target; 0 is its last row, and the target no feature.
    group : str or int, optional
        Column that identifies the series; no window has rows of two series.
    time : str or int, optional
        Column to sort the rows by; their order in the table if not given.

    Returns
    -------
    Dataset

    Raises
    ------
    FileError
        If the file cannot be read.
    DataError
        If the table is invalid, or the windows take more than 8 GB.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.windows([1, 2, 4, 8, 16], length=3, target=0)
    >>> x[:, :, 0]
    array([[1., 2., 4.],
           [2., 4., 8.]], dtype=float32)
    >>> y
    array([ 8., 16.])
    """
    positive("length", length, whole=True)
    positive("step", step, whole=True)
    if horizon != 0:
        positive("horizon", horizon, whole=True)
    if target is None:
        raise DataError("no target", "the column to predict, by its name or index", "target=0")
    series = series_table(table)
    target, *others = role_columns(series, target, group, time)
    wanted = series.column(target, "target")
    left_out = {name for name in others if name}
    if wanted.kind != "number" or horizon == 0:
        left_out.add(target)
    names = tuple(name for name in series.columns if name not in left_out)
    features = _features(series, names)
    y, class_names = _targets(series, target, wanted)
    order, sizes = rows_in_order(series, *others)
    begins = _begins(series, sizes, length, step, horizon)
    refuse_too_many(len(begins), step, 4 * length * (len(names) + 2), series.name)
    x = features[order[begins[:, None] + np.arange(length)]]
    y = y[order[begins + length - 1 + horizon]]
    return Dataset(series.name, x, y, names, target, class_names)


def series_table(table: object) -> SeriesTable:
    """Columns of a table, from a file, a frame, records or an array."""
    if isinstance(table, str | Path):
        whole = table_of(table)
        if whole.notes:
            warnings.warn(f"{table}: {'; '.join(whole.notes)}", stacklevel=3)
        return series_in(whole, stem_of(table, whole.files))
    if (records := records_in(table)) is not None:
        return SeriesTable("table", columns_of_records(records))
    if (frame := frame_of(table)) is not None:
        return SeriesTable("table", columns_of_frame(frame))
    array = array_of(table, "table")
    if array.ndim not in (1, 2):
        raise DataError(
            f"an array of shape {array.shape}",
            "rows over time, (n_rows, n_features), or (n_rows,)",
            "a data frame with a row for each time, the path of a file, or its "
            "hg.data.open_table(path).to_table()",
        )
    return SeriesTable("table", columns_of_array(array if array.ndim == 2 else array[:, None]))


def series_in(table: Table, name: str) -> SeriesTable:
    """Columns of a table that was read from files; errors name it and the place of the row."""
    try:
        columns = columns_of_frame(frame_of(table.columns))
    except DataError as error:
        if error.row is not None:
            error.put_at(table.place(error.row))
        raise
    return SeriesTable(name, columns, table.place)


def role_columns(series: SeriesTable, target: str | int, *others: str | int | None) -> list[str]:
    """Names of target, group and time; '' for those that are None."""
    numbered = [*series.columns] == [f"x{i}" for i in range(len(series.columns))]
    names = [
        f"x{name}"
        if numbered and isinstance(name, int | np.integer)
        else ""
        if name is None
        else str(name)
        for name in (target, *others)
    ]
    columns = [name for name in names if name]
    for name in columns:
        if name not in series.columns:
            raise DataError(
                f"{series.name}: no column named {name!r}",
                f"one of {listed([*series.columns])}" if series.columns else "columns",
                did_you_mean(
                    name,
                    series.columns,
                    "the name of a column of the table; if a file was read with a wrong format, "
                    "hg.data.open_table(path, separator=…).to_table()",
                    likeness=0.7,
                ),
            )
    if len({*columns}) < len(columns):
        raise SettingError(
            f"the columns {listed(columns)} as target, group and time",
            "another column for each",
            "omit group= or time= if there is no such column",
        )
    return names


def _features(series: SeriesTable, names: tuple[str, ...]) -> Array:
    """The features as finite numbers, (n_rows, n_features) float32."""
    if not names:
        raise DataError(
            f"{series.name}: no feature beside {listed([*series.columns])}",
            "one column or more of numbers",
            "a numeric column; or horizon=1, so that the target is one",
        )
    features = np.empty((series.n_rows, len(names)), np.float32)
    for i, name in enumerate(names):
        column = series.column(name, "feature")
        if column.kind not in ("number", "boolean"):
            held = "dates" if column.kind == "date" else f"text, {column.values[0]!r} first"
            raise DataError(
                f"{series.name}: column {name!r} holds {held}",
                "numbers in every feature",
                f"group={name!r} if it identifies the series, time={name!r} if it has the times; "
                "else remove it",
            )
        with np.errstate(over="ignore"):
            features[:, i] = column.values
        series.refuse_where(
            ~np.isfinite(features[:, i]),
            f"column {name!r} is too large for float32",
            "finite numbers",
            "give the column in another unit",
        )
    return features


def _targets(series: SeriesTable, name: str, column: Column) -> tuple[Array, tuple[str, ...]]:
    """The target of each row, (n_rows,), and the names of its classes; () for a number."""
    if column.kind == "number":
        return column.values, ()
    if column.kind == "boolean":
        return column.values.astype(np.int64), ("False", "True")
    if column.kind == "date":
        raise DataError(
            f"{series.name}: the target {name!r} holds dates",
            "text, true and false, or numbers",
            "convert it to a number, such as days since a date",
        )
    classes, codes = different(column.values)
    return codes.astype(np.int64), tuple(classes.tolist())


def rows_in_order(series: SeriesTable, group: str, time: str) -> tuple[Array, Array]:
    """Row order by series and time, (n_rows,), and the number of rows of each series."""
    codes, times = np.zeros(series.n_rows, int), np.zeros(series.n_rows)
    if group:
        values = series.column(group, "group").values
        _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        codes = np.argsort(np.argsort(first))[inverse]
    if time:
        column = series.column(time, "time")
        if column.kind == "text":
            raise DataError(
                f"{series.name}: the time {time!r} holds text, {column.values[0]!r} first",
                "dates, or numbers",
                "dates as 2024-01-31 or 2024-01-31 12:00",
            )
        times = column.values
    order = np.lexsort((times, codes))
    if time:
        again = (np.diff(codes[order]) == 0) & (np.diff(times[order]) == 0)
        twice = np.zeros(series.n_rows, bool)
        twice[order[1:][again]] = True
        series.refuse_where(
            twice,
            f"the time {time!r} repeats that of an earlier row of the same series",
            "one row for each time",
            "remove one of them"
            if group
            else f"{option('group')}, the column that identifies the series",
        )
    return order, np.bincount(codes)


def _begins(series: SeriesTable, sizes: Array, length: int, step: int, horizon: int) -> Array:
    """First row of each window, among rows sorted by series, (n,)."""
    ends, rows = np.cumsum(sizes), length + horizon
    begins = np.concatenate(
        [np.arange(end - size, end - rows + 1, step) for end, size in zip(ends, sizes, strict=True)]
        or [np.empty(0, int)]
    )
    short = int((sizes < rows).sum())
    needed = f"{rows} rows or more, for a window of {length} and a horizon of {horizon}"
    if not len(begins):
        raise DataError(
            f"{series.name}: {max(sizes, default=0)} rows"
            + (", in the longest series" if len(sizes) > 1 else ""),
            needed,
            "a shorter length, or a longer table",
        )
    if short:
        warnings.warn(
            f"{series.name}: {short} of {len(sizes)} series are too short: they need {needed}",
            stacklevel=3,
        )
    return begins
