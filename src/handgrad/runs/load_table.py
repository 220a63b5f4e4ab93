"""Loading a table and its target; errors name file, row and column."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from handgrad.base.errors import DataError, SettingError, did_you_mean
from handgrad.data import BUNDLED, TableOptions, TableStream, load
from handgrad.data.column_notes import alike, notes_on_columns, notes_on_target
from handgrad.data.columns import check_asked, check_columns
from handgrad.data.files import Table, is_text_file, listed, paths_of
from handgrad.data.table_options import option
from handgrad.data.tables import bytes_of, opened, table_of
from handgrad.data.targets import Target, target_of, with_target
from handgrad.files import FileError, kind_of, readable
from handgrad.layers import Array
from handgrad.runs.settings import RunSettings
from handgrad.runs.target_values import TargetValues, values_like
from handgrad.runs.training_table import TableInChunks, TableInMemory, TrainingTable

if TYPE_CHECKING:
    import pyarrow


# No row takes this many times as many bytes in memory, with all that is made of it, as in a file
# of text: files below that share of the memory fit, whatever stands in them.
SURELY = 500


def load_table(settings: RunSettings, *, progress: bool = False) -> TrainingTable:
    """The table that settings name, in memory where it fits, else in chunks.

    Raises a DataError, with its place, for what cannot be learned from.
    """
    data = settings.data
    if data in BUNDLED or _is_small(data, bytes_of(settings.memory)):
        return _in_memory(settings)
    from handgrad.tabular import TabularClassifier, fits_in_memory

    table = opened(data, settings, settings.memory, progress=progress)
    check_asked(data, table.names, settings)
    name, features = _columns_of(settings, table.names, table.n_rows)
    n_members = 1 if settings.estimator == "mlp" else TabularClassifier().n_members
    if fits_in_memory(table.select([*features, name]), name, n_members):
        return _in_memory(settings)
    return _in_chunks(settings, table, name, features)


def _is_small(data: str, memory: int) -> bool:
    """Whether it surely fits; also where there is no such file, which reading tells."""
    try:
        paths = paths_of(data)
    except FileError:
        return True
    sizes = sum(path.stat().st_size for path in paths)
    return all(map(is_text_file, paths)) and sizes * SURELY <= memory


def _in_memory(settings: RunSettings) -> TableInMemory:
    from handgrad.data.frames import mixed_as_categories

    table = read_table_named(settings.data, settings)
    check_asked(settings.data, table.names, settings)
    name, names = _columns_of(settings, table.names, len(table.columns))
    table = with_target(table, name)
    target = target_of(table, name, settings.task)
    _, places, counts = np.unique(target.values, return_inverse=True, return_counts=True)
    check_values(table, target, counts[places])
    features = table.columns.select(names)
    check_finite(table, features)
    notes = (
        *table.notes,
        *notes_on_target(target, settings.task),
        *notes_on_columns(table, features),
    )
    stem, rows = _stem_of(settings.data, table.files), np.arange(len(target.values))
    features = mixed_as_categories(features)
    return TableInMemory(stem, target, notes, table, features, rows)


def _in_chunks(
    settings: RunSettings, table: TableStream, name: str, features: Sequence[str]
) -> TableInChunks:
    table = table.with_target(name).select([*features, name])
    values = TargetValues(table, name, settings.task)
    target = values.target()
    check_values(values.table(), target, np.asarray(values.counts()))
    table = table.mapped(partial(_checked_piece, target=target))
    first = next(table.chunks(features))
    notes = (
        *table.notes,
        *notes_on_target(target, settings.task),
        *notes_on_columns(first, first.columns),
    )
    return TableInChunks(_stem_of(settings.data, table.files), target, notes, table)


def _checked_piece(piece: Table, target: Target) -> Table:
    """The piece, without infinity, with classes or numbers as the target of the whole table has."""
    import pyarrow as pa

    check_finite(piece, piece.columns)
    if target.name not in piece.names:
        return piece
    i, values = piece.names.index(target.name), pa.array(values_like(target, piece))
    return replace(piece, columns=piece.columns.set_column(i, target.name, values))


def read_table_named(data: str, options: TableOptions) -> Table:
    """The table in a file, in files that match a pattern, or the bundled set of that name."""
    if data in BUNDLED:
        return _bundled(data)
    if not kind_of(data) and not has_magic(Path(data).name) and "." not in Path(data).name:
        raise DataError(
            f"{data!r} is neither a file nor a bundled data set",
            f"a CSV or Parquet file, or one of {', '.join(BUNDLED)}",
            did_you_mean(data, BUNDLED, "check the spelling, and the folder you are in"),
        )
    return table_of(data, options)


def _bundled(name: str) -> Table:
    import pyarrow as pa

    dataset = load(name)
    columns: dict[str, Array] = dict(zip(dataset.feature_names, dataset.x.T, strict=True))
    names = np.asarray(dataset.class_names)
    columns[dataset.target_name] = names[dataset.y] if dataset.class_names else dataset.y
    table = pa.table({column: pa.array(values) for column, values in columns.items()})
    n = len(dataset.y)
    return Table(name, (Path(name),), (n,), table, np.arange(n))


def _columns_of(settings: RunSettings, names: list[str], n_rows: int) -> tuple[str, list[str]]:
    """The column to predict and those to learn from; refused where one of them is not there."""
    data, ignore = settings.data, settings.ignore
    name = settings.target or "target"
    if settings.target is None and name not in names and len(names) > 1:
        raise DataError(
            f"{data}: {option('target')} is missing",
            f"the column to predict, one of {listed(names)}",
            f"{option('target', names[-1], quoted=True)}, if it is the last column",
        )
    if name in ignore:
        raise SettingError(
            f"{option('ignore', name)}, which is to be predicted",
            "columns beside the target",
            f"without {option('ignore', name)}, or another {option('target')}",
        )
    refuse_joined("ignore", ignore, names)
    check_columns(data, names, name, *ignore)
    features = [column for column in names if column != name and column not in ignore]
    if not features or n_rows == 0:
        raise DataError(
            f"{data}: {n_rows} rows, {len(features)} columns beside the target",
            "two rows and one column beside the target at least",
            f"check the file, and what stands between its columns ({option('separator')})",
        )
    return name, features


def refuse_joined(word: str, columns: Sequence[str], names: Sequence[str]) -> None:
    """Refuse several columns where one is meant, as `--ignore A,B`."""
    for column in columns:
        parts = [part.strip() for part in column.split(",")]
        if column not in names and {*parts} <= {*names}:
            flag = option(word)
            several = shlex.join([word for part in parts for word in (flag, part)])
            raise DataError(
                f"{option(word, column)}: no column of that name, but one for each of its parts",
                f"{flag} as often as there are columns" if flag[0] == "-" else "a list of columns",
                several if flag[0] == "-" else option(word, parts),
            )


def check_finite(table: Table, features: pyarrow.Table) -> None:
    """Refuse infinity, which no measurement gives."""
    import pyarrow.types as types

    for name, column in zip(features.column_names, features.columns, strict=True):
        if types.is_floating(column.type):
            infinite = np.isinf(column.to_numpy())
            if infinite.any():
                row = int(np.flatnonzero(infinite)[0])
                raise DataError(
                    f"{table.source}: column {name!r} is {column[row]} in {table.place(row)}",
                    "finite numbers, or nothing where none was measured",
                    "empty that cell, or correct it",
                )


def check_values(table: Table, target: Target, counts: Array) -> None:
    """Refuse a target with one value only, and classes of one row; `counts` (n,) is of each."""
    values, rows = np.unique(target.values, return_index=True)
    if len(values) == 1:
        raise DataError(
            f"{table.source}: the target {target.name!r} is {values[0]} in every row",
            "a target with at least two values",
            f"another {option('target')}, or a table with other rows too",
        )
    once = counts[rows] == 1
    if target.task == "classification" and once.any():
        alone = values[once]
        row = int(rows[once][0])
        raise DataError(
            f"{table.source}: {len(alone)} of the {len(values)} classes of {target.name!r} "
            f"{'has' if len(alone) == 1 else 'have'} one row only, {str(alone[0])!r} in "
            f"{table.place(row)} {'' if len(alone) == 1 else 'for one'}".rstrip(),
            "two rows or more of each class: some to learn from, some to be judged on",
            "more such rows, or none of them"
            + (
                f"; another {option('target')}, if these are names"
                if len(alone) > len(values) / 2
                else ""
            )
            + "".join(
                f"; {pair} differ by capitals only"
                for pair in (alike(values.tolist()) if values.dtype.kind == "U" else ())
            ),
        )


def _stem_of(data: str, files: Sequence[Path]) -> str:
    """What a run on this data is called."""
    return readable(Path(data).stem.rstrip("*?-_. ") or files[0].stem)
