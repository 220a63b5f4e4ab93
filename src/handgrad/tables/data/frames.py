"""Tables of pandas, polars, pyarrow or NumPy as columns of four kinds, by name."""

import datetime
import math
import warnings
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from handgrad.files.cell_patterns import MISSING
from handgrad.files.cells import DAY, day_of, is_missing, text_of
from handgrad.files.features import CYCLES_OF_TEXT, Column, Columns
from handgrad.tables.data.table_options import DateOrder
from handgrad.textbook.errors import DataError, UnseenWarning, closest
from handgrad.textbook.layers import Array

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw
    from narwhals.stable.v2.typing import IntoDataFrameT, IntoSeriesT

    from handgrad.tables.data.text_formats import TextKind

Records = dict[str, list[object]]


def frame_of(table: object) -> Any:
    """Wrap a data frame with narwhals; None for any other object."""
    if isinstance(table, np.ndarray | list | tuple):
        return None
    import narwhals.stable.v2 as nw

    names = getattr(table, "column_names", getattr(table, "columns", ()))
    refuse_twice("the table", [name for name in names if isinstance(name, str)])
    frame = nw.from_native(table, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    return frame if isinstance(frame, nw.DataFrame) else None


def columns_of_frame(frame: "nw.DataFrame[IntoDataFrameT]") -> Columns:
    """Columns of a data frame wrapped by narwhals."""
    return _finite(
        {str(name): _of_series(str(name), frame.get_column(name)) for name in frame.columns}
    )


def records_in(table: object) -> Records | None:
    """Columns of a dictionary, one row or columns, or of a list of dictionaries; else None."""
    if isinstance(table, dict) and not hasattr(
        table, "shape"
    ):  # some sparse matrices are dictionaries
        columns = {str(name): values for name, values in table.items()}
        several = [isinstance(v, list | tuple | np.ndarray) for v in columns.values()]
        if not any(several):
            return {name: [value] for name, value in columns.items()}
        lengths = {len(v) if s else 0 for v, s in zip(columns.values(), several, strict=True)}
        if len(lengths) > 1:
            raise DataError(
                "a dictionary whose columns differ in length",
                "one row, {'age': 30, 'town': 'Ulm'}; or columns, {'age': [30], 'town': ['Ulm']}",
                "a list of rows, [{'age': 30, 'town': 'Ulm'}]",
            )
        return {name: _listed(values) for name, values in columns.items()}
    if isinstance(table, list | tuple) and table and all(isinstance(row, dict) for row in table):
        names = dict.fromkeys(str(name) for row in table for name in row)
        rows = [{str(name): value for name, value in row.items()} for row in table]
        return {name: [row.get(name) for row in rows] for name in names}
    return None


def _listed(values: Sequence[object]) -> list[object]:
    """Values as a list, those of NumPy's dates as Python's."""
    is_date = isinstance(values, np.ndarray) and values.dtype.kind == "M"
    return values.astype("M8[us]").tolist() if is_date else [*values]  # type: ignore[attr-defined]


def columns_of_records(columns: Records) -> Columns:
    """Columns of Python values."""
    return _finite({name: _of_objects(values) for name, values in columns.items()})


def columns_of_array(array: Array) -> Columns:
    """The columns of an array (n, n_features), named x0, x1 and so on."""
    return _finite({f"x{i}": _of_values(array[:, i]) for i in range(array.shape[1])})


def _of_values(values: Array) -> Column:
    kind = values.dtype.kind
    if kind in "fiub":
        return Column("boolean" if kind == "b" else "number", values.astype(float))
    if kind == "M":
        days = values.astype("datetime64[us]").astype(float) / (1e6 * DAY)
        return Column("date", np.where(np.isnat(values), np.nan, days))
    return _of_objects(values.astype("m8[us]" if kind == "m" else object).tolist())


def _of_series(name: str, series: "nw.Series[IntoSeriesT]") -> Column:
    import narwhals.stable.v2 as nw

    kind = series.dtype
    if kind.is_float() or kind.is_integer():
        return Column("number", _numbers(series))
    if kind == nw.Boolean:
        return Column("boolean", _floats(series.to_list()))
    if isinstance(kind, nw.Datetime) or kind == nw.Date:
        return Column("date", _days(series.to_list()))
    if isinstance(kind, nw.Duration):
        return Column("number", _numbers(series.dt.total_microseconds()) / 1e6)
    if kind.is_nested() or kind == nw.Binary:
        raise DataError(
            f"column {name!r} is of type {kind}",
            "numbers, text, booleans or dates",
            "one column for each part of it, or remove it",
        )
    values = series.to_list()
    if isinstance(kind, nw.Categorical | nw.Enum):
        return Column("text", _texts(values), categorical=True)
    return _of_objects(values)


def _of_objects(values: Sequence[object]) -> Column:
    """Column of Python objects, by their types."""
    present = [value for value in values if not is_missing(value)]
    if not present:
        return Column("number", np.full(len(values), np.nan), "nothing in it")
    if all(isinstance(value, bool | np.bool_) for value in present):
        return Column("boolean", _floats(values))
    if all(isinstance(value, Real | Decimal | datetime.timedelta) for value in present):
        return Column("number", _floats(values))
    if all(isinstance(value, datetime.date) for value in present):
        return Column("date", _days(values))
    if all(hasattr(value, "to_timestamp") for value in present):  # periods of pandas
        begins = [None if is_missing(v) else cast("Any", v).to_timestamp() for v in values]
        return Column("date", _days(begins))
    if all(isinstance(value, str) for value in present) or all(
        isinstance(value, datetime.time) for value in present
    ):
        return Column("text", _texts(values))
    kinds = sorted({type(value).__name__ for value in present})
    return Column("text", _texts(values), f"mixed ({', '.join(kinds)}), read as text")


def check_names(table: Columns, names: Collection[str]) -> None:
    """Refuse a table without a column of the training; warn of further columns."""
    if missing := [name for name in names if name not in table]:
        close = closest(missing[0], [name for name in table if name not in names])
        raise DataError(
            f"the table lacks {len(missing)} of the columns of the training: "
            f"{', '.join(map(repr, missing[:5]))}",
            f"the {len(names)} columns {', '.join(map(repr, [*names][:20]))}",
            f"is it the column {close!r}?"
            if close
            else f"a column {missing[0]!r}, with empty cells where it is unknown",
        )
    if added := [name for name in table if name not in names]:
        warnings.warn(
            "columns that training did not have are ignored: "
            + ", ".join([*map(repr, added[:5]), *["…"][: len(added) > 5]]),
            UnseenWarning,
            stacklevel=6,
        )


def numbers_in(column: Column, written: str = "") -> Column | None:
    """Parse a text column as numbers; None unless every present text is a finite number.

    Formats of spreadsheets are accepted; `written` is the decimal sign where it is ambiguous.
    """
    return _formatted(column, "number", written or ".", None)


def dates_in(column: Column, written: str = "") -> Column | None:
    """Parse a text column as dates, such as 2024-01-31; None unless every present text is a date.

    Formats of spreadsheets are accepted; `written` is the order of day and month, if known.
    """
    with suppress(ValueError):
        read = datetime.datetime.fromisoformat
        days = [math.nan if text is None else day_of(read(text)) for text in column.values]
        return Column("date", np.array(days, float), "text that reads as dates")
    return _formatted(column, "date", ".", cast("DateOrder | None", written or None))


def cycles_in(column: Column, written: str = "") -> Column | None:
    """Parse a text column as times of day, months or weekdays; None unless every present text is.

    Hours, or places from 1. `written` is the cycle, if known; else there are at least 4 of them.
    """
    import pyarrow as pa

    from handgrad.tables.data.cyclic_texts import is_cycle, places_in

    encoded = pa.array(column.values, pa.string()).dictionary_encode()
    texts = encoded.dictionary
    cycle = written or next((cycle for cycle in CYCLES_OF_TEXT if is_cycle(texts, cycle)), None)
    if cycle is None:
        return None
    places = places_in(texts, cycle)
    if np.isnan(places).any():
        return None
    indices = encoded.indices.fill_null(len(places)).to_numpy(False)
    note = f"text that reads as {CYCLES_OF_TEXT[cycle].texts}"
    return Column("number", np.append(places, np.nan)[indices], note, written=cycle)


def parsed_like(column: Column, kind: str, written: str) -> Column | None:
    """Parse a text column as numbers or dates, in the format `written`; None if it does not fit.

    Numbers in a cycle may be written as such, too.
    """
    if kind == "date":
        return dates_in(column, written or "ymd")  # one cell may look like a season, 2010-11
    if written in CYCLES_OF_TEXT:
        return cycles_in(column, written) or numbers_in(column)
    return numbers_in(column, written)


def _formatted(
    column: Column, kind: "TextKind", decimal: str, order: DateOrder | None
) -> Column | None:
    """Parse a text column as numbers or dates, with one format for all cells; else None."""
    import pyarrow as pa

    from handgrad.tables.data.text_formats import (
        CandidateFormats,
        NumberFormat,
        cells_read,
        there,
    )

    texts = pa.chunked_array([pa.array(column.values, pa.string())])
    different = texts.unique()
    if any(value in MISSING for value in different.to_pylist()):
        return None
    format_ = CandidateFormats.of_texts(there(different), [kind]).format(decimal, order)
    if format_ is None:
        return None
    note = f"text that reads as {format_.words() or 'numbers'}"
    if isinstance(format_, NumberFormat):
        values = cells_read(format_, texts).cast(pa.float64(), safe=False).to_numpy()
        return Column(kind, np.asarray(values), note, written=format_.decimal)
    seconds = cells_read(replace(format_, timed=True), texts).cast(pa.int64()).cast(pa.float64())
    return Column(kind, np.asarray(seconds.to_numpy()) / DAY, note, written=format_.order)


def text_in(column: Column) -> Column:
    """Convert a column of numbers or booleans to the text it would have in a text column."""
    return Column("text", _texts(column.values.tolist()))


def _numbers(series: "nw.Series[IntoSeriesT]") -> Array:
    values = series.to_numpy()
    return values.astype(float) if values.dtype.kind in "fiu" else _floats(series.to_list())


def _floats(values: Sequence[object]) -> Array:
    plain = [v.total_seconds() if isinstance(v, datetime.timedelta) else v for v in values]
    return np.array([math.nan if is_missing(v) else float(cast("Any", v)) for v in plain], float)


def _texts(values: Sequence[object]) -> Array:
    texts = np.empty(len(values), object)
    texts[:] = [None if is_missing(value) else text_of(value) for value in values]
    return texts


def _days(values: Sequence[object]) -> Array:
    """Dates as days since 1970, in local time."""
    return np.array(
        [
            day_of(v) if isinstance(v, datetime.date) and not is_missing(v) else math.nan
            for v in values
        ],
        float,
    )


def _finite(columns: Columns) -> Columns:
    """The columns; refused if one contains infinity."""
    for name, column in columns.items():
        if column.kind != "text" and np.isinf(column.values).any():
            row = int(np.isinf(column.values).argmax())
            raise DataError(
                f"column {name!r} contains infinity, first in row {row}, counted from 0",
                "finite numbers, or missing values",
                "NaN for missing values",
                row=row,
            )
    return columns


def refuse_twice(table: object, names: Sequence[str], hint: str = "rename one of them") -> None:
    """Refuse duplicate column names."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"{table}: two columns named {twice[0]!r}", "distinct column names", hint)


def read(column: Column) -> Column:
    """Parse a text column as numbers, dates or times of day, if all of its cells are."""
    if column.kind != "text" or column.note or column.missing.all():
        return column
    return numbers_in(column) or dates_in(column) or cycles_in(column) or column


def different(texts: Array) -> tuple[Array, Array]:
    """Distinct texts, sorted, and the index of each row's text, (n,).

    Not with NumPy's string type, in which each takes as much memory as the longest.
    """
    places = {text: i for i, text in enumerate(sorted({*texts.tolist()}))}
    values = np.empty(len(places), object)
    values[:] = [*places]
    return values, np.array([places[text] for text in texts.tolist()], int)
