"""Series of tables, and tables of series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from handgrad.files.cells import DAY
from handgrad.files.features import Column
from handgrad.tables.data.frames import read
from handgrad.tables.data.time_series import (
    SeriesTable,
    role_columns,
    rows_in_order,
    series_table,
)
from handgrad.tables.forecasting.series import Roles, Series, SeriesSet
from handgrad.tables.forecasting.steps import TimeStep
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array

# Of the steps between the first and the last row, at most this share may have no value.
MOST_GAPS = 0.5


def read_series(table: object, roles: Roles, step: TimeStep | None = None) -> SeriesSet:
    """Series of a table, at the `step` of a training, or at the one that the times show."""
    source = table if isinstance(table, SeriesTable) else series_table(table)
    role_columns(source, roles.target, roles.group or None, roles.time)
    order, sizes = rows_in_order(source, roles.group, roles.time)
    if not len(order):
        raise DataError(f"{source.name}: no rows", "a row for each step", "check the file")
    ends = np.cumsum(sizes)
    rows = [order[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    times = source.column(roles.time, "time")
    values, labels = _numbers(source, roles.target), _labels(source, roles.group)
    if step is None:
        step = _step_of(source, roles, times, rows)
    positions = _positions(source, roles, step, times.values)
    notes = list[str]()
    series = [_filled(labels[one[0]], positions[one], values[one], roles, notes) for one in rows]
    return SeriesSet(step, times.kind == "date", tuple(series), _together(notes, len(series)))


def table_of(columns: Mapping[str, Array]) -> pa.Table:
    """Table of columns by name; texts are categories, also if they read as something else."""
    return pa.table(
        {
            name: pa.array(values).dictionary_encode() if values.dtype == object else values
            for name, values in columns.items()
        }
    )


def time_at(series: SeriesSet, position: int) -> str:
    """Time at a position, as in a table."""
    times = series.step.times(np.array([position]))
    return str(cells_of(times, dates=series.dates)[0])


def cells_of(times: Array, *, dates: bool) -> pa.Array:
    """Times as dates, timestamps or numbers, whole ones as integers."""
    whole = (times == np.rint(times)).all()
    if not dates:
        return pa.array(times.astype(int) if whole else times)
    seconds = np.rint(times * DAY).astype("M8[s]")
    return pa.array(seconds.astype("M8[D]") if whole else seconds)


def _numbers(source: SeriesTable, name: str) -> Array:
    """Target of each row, (n,); NaN where it is missing."""
    column = read(source.columns[name])
    if column.kind not in ("number", "boolean") or column.missing.all():
        first = column.values[0] if len(column.values) else None
        held = "nothing" if column.missing.all() else f"{column.kind}s, such as {first!r}"
        raise DataError(
            f"{source.name}: the target {name!r} has {held}",
            "numbers to forecast",
            "another column",
        )
    return column.values


def _labels(source: SeriesTable, name: str) -> list[str]:
    """Group of each row as text; "" without groups."""
    if not name:
        return [""] * source.n_rows
    values = source.column(name, "group").values.tolist()
    return [f"{value:.15g}" if isinstance(value, float) else str(value) for value in values]


def _step_of(source: SeriesTable, roles: Roles, times: Column, rows: Sequence[Array]) -> TimeStep:
    try:
        return TimeStep.of([times.values[one] for one in rows], dates=times.kind == "date")
    except DataError as error:
        error.came = f"{source.name}: {roles.time!r}: {error.came}"
        raise


def _positions(source: SeriesTable, roles: Roles, step: TimeStep, times: Array) -> Array:
    """Position of each row, (n,); refused between two steps."""
    positions = step.positions(times)
    whole = np.rint(positions)
    source.refuse_where(
        np.abs(positions - whole) > 1e-6,
        f"the time {roles.time!r} is between two steps of {step.words()}",
        "regular steps",
        "one row for each step: the sum or the mean of its rows",
    )
    return whole.astype(int)


def _filled(label: str, positions: Array, values: Array, roles: Roles, notes: list[str]) -> Series:
    """Series with NaN in its gaps, from the first to the last value."""
    there = ~np.isnan(values)
    named = f" of {roles.group} {label!r}" if roles.group else ""
    if not there.any():
        raise DataError(
            f"no value of {roles.target!r}{named}", "numbers to forecast", "remove the series"
        )
    positions, values = positions[there], values[there]
    start, n = int(positions[0]), int(positions[-1] - positions[0]) + 1
    gaps = n - len(values)
    if gaps > MOST_GAPS * n:
        raise DataError(
            f"{gaps:,} of {n:,} steps{named} have no value of {roles.target!r}",
            "a value at most of the steps",
            "rows for a longer step, such as sums of weeks; or 0 where nothing happened",
        )
    if gaps:
        notes.append(f"{gaps:,} of {n:,} steps{named} have no value of {roles.target!r}")
    filled = np.full(n, np.nan)
    filled[positions - start] = values
    return Series(label, start, filled)


def _together(notes: Sequence[str], n_series: int) -> tuple[str, ...]:
    """One note for all series."""
    if not notes:
        return ()
    more = f", and {len(notes) - 1:,} more of {n_series:,} series" if len(notes) > 1 else ""
    return (f"{notes[0]}{more}: forecasts go on from the values that are there",)
