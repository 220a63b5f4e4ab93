"""Columns that decide how rows are used: groups or times for the split, weights and exposure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from handgrad.files.features import Column
from handgrad.tables.data.column_notes import mixed_as_categories
from handgrad.tables.data.dependent_rows import RowRoles, Units, group_codes, times_in
from handgrad.tables.data.files import Table
from handgrad.tables.data.frames import columns_of_frame, frame_of, read
from handgrad.tables.data.table_options import option
from handgrad.tables.data.targets import Target
from handgrad.tables.data.text_formats import read_as
from handgrad.tables.runs.record import predicted_name
from handgrad.tables.runs.settings import RunSettings
from handgrad.textbook.errors import DataError
from handgrad.textbook.layers import Array

# Cells that say whether an event had come.
YES_NO = {
    **dict.fromkeys(("1", "1.0", "yes", "true"), 1),
    **dict.fromkeys(("0", "0.0", "no", "false"), 0),
}


def roles_of(settings: RunSettings, table: Table) -> RowRoles:
    """Read the columns of the settings, of which a test file may lack groups or times."""
    group, time, weight = settings.group, settings.time, settings.weight
    roles = RowRoles()
    if group is not None and group in table.names:
        roles = _of_groups(table, group)
    if time is not None and time in table.names:
        roles = _of_times(table, time)
    if settings.exposure is not None:
        roles = replace(roles, exposure=exposure_in(table, settings.exposure))
    return roles if weight is None else replace(roles, weights=_weights(table, weight))


def exposure_in(table: Table, name: str) -> Array:
    """Exposure of each row, (n,); an error for cells that are none."""
    return _numbers(table, "exposure", name, "a number above 0 in every row")


def with_events(table: Table, target: Target, name: str | None) -> Target:
    """The target as signed times by the column of events: negative where there was none.

    Raises a DataError for a time that is not above 0, or a cell that does not say yes or no.
    """
    if name is None:
        return target
    times, event = target.values, _events(table, name)
    if (unusable := ~(times > 0)).any():
        row = int(unusable.argmax())
        raise table.refused(
            row,
            f"the time {target.name!r} is {times[row]:g}, with {option('event', name)}",
            "times above 0",
            "half a unit of time, if the event came at once; or remove the row",
        )
    if not event.any():
        raise DataError(
            f"{table.source}: {option('event', name)}, which is no in every row",
            "some rows with an event",
            f"another {option('event')}; 1, yes or true for rows with an event",
        )
    return replace(target, values=np.where(event, times, -times), censored=True)


def _events(table: Table, name: str) -> Array:
    """True for each row with an event, (n,); an error for cells that do not say it."""
    cells = [str(cell).strip().lower() for cell in table.columns[name].to_pylist()]
    event = np.array([YES_NO.get(cell, -1) for cell in cells])
    if (unusable := event < 0).any():
        row = int(unusable.argmax())
        cell = table.columns[name][row].as_py()
        raise table.refused(
            row,
            f"{option('event', name)}: the cell is "
            + ("empty" if cell is None or cell == "" else repr(cell)),
            "1 or 0, yes or no, true or false in every row",
            f"correct it, or remove the row; or another {option('event')}",
        )
    return event > 0


def roles_by(table: Table, name: str, *, ordered: bool) -> RowRoles:
    """Groups or times by a column of a table."""
    return _of_times(table, name) if ordered else _of_groups(table, name)


def notes_on(roles: RowRoles, settings: RunSettings) -> tuple[str, ...]:
    """Notes on the exposure and the groups."""
    notes = list[str]()
    if (name := settings.exposure) is not None:
        notes.append(
            f"the rate is predicted, {predicted_name(settings.target or 'target', name)}; rows are "
            f"weighted by {name!r} in training and scores"
        )
    if settings.event is not None:
        notes.append(
            f"{settings.target or 'target'!r} is a time that is censored where {settings.event!r} "
            "is no; the restricted mean time is predicted"
        )
    name, units = settings.group, roles.units
    if name is None or units is None or roles.labels is None:
        return (*notes,)
    notes += [
        f"the column {name!r} has the groups and is not a feature: values of new groups are unknown"
    ]
    if missing := sum(label is None for label in roles.labels.tolist()):
        notes.append(f"{missing:,} rows without a value in {name!r} count as one group")
    return tuple(notes)


def _of_groups(table: Table, name: str) -> RowRoles:
    codes = group_codes(_column(table, name))
    if len(np.unique(codes)) < 2:
        raise DataError(
            f"{table.source}: all rows have the same group in the column {name!r}",
            "at least two groups: one for training and one to hold out",
            f"without {option('group')}, or another column",
        )
    return RowRoles(name, _labels(table, name), Units(codes))


def _of_times(table: Table, name: str) -> RowRoles:
    column, cells = _column(table, name), table.columns[name]
    times = times_in(column)
    if (unusable := np.isnan(times)).any():
        if column.kind == "text":  # one cell keeps the others from being read
            unusable = ~read_as(cells.cast(pa.string()).combine_chunks(), "number", "date")
        row, n = int(unusable.argmax()), int(unusable.sum())
        came = "empty" if column.missing[row] else repr(cells[row].as_py())
        raise table.refused(
            row,
            f"{option('time', name)}: the cell is {came}",
            "dates of one format, or numbers, in every row",
            "correct it, or remove the row",
            f", one of {n:,} such rows" if n > 1 else "",
        )
    codes = np.unique(times, return_inverse=True)[1]
    if codes.max() == 0:
        raise DataError(
            f"{table.source}: {option('time', name)}, which is {cells[0].as_py()} in every row",
            "at least two points in time",
            f"without {option('time')}, or another column",
        )
    return RowRoles(name, _labels(table, name), Units(codes, ordered=True))


def _labels(table: Table, name: str) -> Array:
    cells = table.columns[name]
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    return np.asarray(cells.cast(pa.string()).to_pylist(), object)


def _column(table: Table, name: str) -> Column:
    frame = mixed_as_categories(table.columns.select([name]))
    return columns_of_frame(frame_of(frame))[name]


def _weights(table: Table, name: str) -> Array:
    """Row weights, (n,); an error for cells that are none."""
    values = _numbers(table, "weight", name, "a number of at least 0 in every row")
    if not values.any():
        raise DataError(
            f"{table.source}: {option('weight', name)}, which is 0 in every row",
            "weights above 0",
            f"without {option('weight')}, for rows of equal weight",
        )
    return values


def _numbers(table: Table, role: str, name: str, expected: str) -> Array:
    """Finite numbers of at least 0, or above it for an exposure, (n,)."""
    column = read(_column(table, name))
    numbers = column.kind in ("number", "boolean")
    values = column.values if numbers else np.full(len(column.values), np.nan)
    fits = values > 0 if role == "exposure" else values >= 0
    unusable = ~fits | np.isinf(values)
    if unusable.any():
        row = int(unusable.argmax())
        cell = table.columns[name][row].as_py()
        raise table.refused(
            row,
            f"{option(role, name)}: the cell is "
            + ("empty" if column.missing[row] else repr(cell)),
            expected,
            f"correct it, or remove the row; or another {option(role)}",
        )
    return values.astype(float)
