"""Values that stand for missing ones, such as -999, 9999-12-31 or "?"."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from handgrad.tables.data.files import Table
from handgrad.tables.data.table_options import TableOptions, option
from handgrad.tables.data.table_stream import TableStream

Marked = tuple[str, str]  # column, value


def without_marked(table: pa.Table, asked: TableOptions) -> pa.Table:
    """The table with null for each cell that stands for a missing value."""
    for i, name in enumerate(table.column_names):
        if values := asked.missing_in(name):
            column = table.column(i)
            marked = _is_one_of(column, values)
            if marked is not None and pc.any(marked).as_py():
                table = table.set_column(i, name, pc.if_else(marked, None, column))
    return table


def marked_as_missing(table: pa.Table, asked: TableOptions) -> Counter[Marked]:
    """Number of cells that stand for missing values, by column and value."""
    counts = Counter[Marked]()
    for name in table.column_names if asked.missing else ():
        for value in asked.missing_in(name):
            marked = _is_one_of(table[name], [value])
            counts[name, value] += 0 if marked is None else pc.sum(marked).as_py() or 0
    return counts


def stream_without_marked(
    stream: TableStream, asked: TableOptions, marked: Iterable[Counter[Marked]]
) -> TableStream:
    """The stream without values that stand for missing ones; for a training, notes count them.

    `marked` are those that were found in text.
    """
    if not asked.missing:
        return stream
    notes = list[str]()
    if asked.of_a_training:
        counts = Counter[Marked]()
        for one in marked:
            counts += one
        for chunk in stream:
            counts += marked_as_missing(chunk, asked)
        notes = [
            f"column {name!r}: {n:,} cell{'s' * (n > 1)} with {value} count{'s' * (n == 1)} as "
            "missing"
            for (name, value), n in counts.items()
        ]
        with_cells = {value for _, value in counts}
        unused = {value.rpartition("=")[2].strip(): value for value in asked.missing}
        notes += [
            f"{option('missing', whole)}: no cell has this value"
            for value, whole in unused.items()
            if value not in with_cells
        ]
    return stream.mapped(partial(_unmarked, asked)).noted(*notes)


def _unmarked(asked: TableOptions, chunk: Table) -> Table:
    return chunk.with_columns(without_marked(chunk.columns, asked))


def _is_one_of(column: pa.ChunkedArray, values: list[str]) -> pa.ChunkedArray | None:
    """Mask of the cells with one of these values; None if no cell can have one."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.is_in(pc.utf8_trim_whitespace(column), pa.array(values, kind))
    known = pa.array([cell for value in values for cell in _as(value, kind)], kind)
    return pc.is_in(column, known) if len(known) else None


def _as(value: str, kind: pa.DataType) -> list[object]:
    """The value as one of this type, if it can be."""
    with suppress(ValueError, OverflowError, pa.ArrowInvalid, pa.ArrowTypeError):
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            number = float(value)
            whole = number.is_integer() and not pa.types.is_floating(kind)
            return [pa.scalar(int(number) if whole else number).cast(kind).as_py()]
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            return [pa.scalar(datetime.datetime.fromisoformat(value)).cast(kind).as_py()]
    return []
