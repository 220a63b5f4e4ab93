"""Loading a table and its target; errors name file, row and column."""

from __future__ import annotations

import re
import shlex
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from glob import has_magic
from pathlib import Path

import numpy as np
import pyarrow as pa

from handgrad.files.addresses import is_address
from handgrad.files.paths import KINDS_OF_TABLES, kind_of, readable
from handgrad.tables.data import BUNDLED, TableOptions, TableStream, load
from handgrad.tables.data.column_notes import (
    MOST_NAMED,
    classes_counted,
    mixed_as_categories,
    notes_on_columns,
    notes_on_target,
    notes_on_totals,
)
from handgrad.tables.data.conversions import is_packed
from handgrad.tables.data.files import (
    Table,
    check_asked,
    check_columns,
    listed,
    paths_of,
    status_of,
    stem_of,
)
from handgrad.tables.data.marked_values import without_marked
from handgrad.tables.data.picture_folders import has_pictures
from handgrad.tables.data.spellings import (
    Spellings,
    listing,
    merged,
    merged_stream,
    spelled_alike,
)
from handgrad.tables.data.table_options import Task, bytes_of, option
from handgrad.tables.data.tables import opened, table_of
from handgrad.tables.data.targets import Target, is_text, target_cells, target_of, with_target
from handgrad.tables.runs.pictures import load_pictures
from handgrad.tables.runs.row_roles import notes_on, roles_of, with_events
from handgrad.tables.runs.settings import OF_ROWS, RunSettings
from handgrad.tables.runs.training_table import TableInChunks, TableInMemory, TrainingTable
from handgrad.textbook.errors import DataError, FileError, SettingError, did_you_mean
from handgrad.textbook.layers import Array

MOST_CLASSES = 10_000
# Upper bound of memory per byte of a text file, with all copies of its rows: smaller files always
# fit in memory.
SURELY = 500


def load_table(settings: RunSettings, *, progress: bool = False) -> TrainingTable:
    """Load the table of the settings, in memory if it fits, else in chunks.

    Raises a DataError, with file, row and column, for unusable data.
    """
    data = settings.data
    if has_pictures(data):
        if settings.estimator != "pictures" and settings.augment != RunSettings.augment:
            raise SettingError(
                f"{option('augment', settings.augment)} for "
                f"{option('estimator', settings.estimator)}, which takes pictures as they are",
                option("estimator", "pictures"),
                f"without {option('augment')}",
            )
        pictures = load_pictures(settings)
        _check_counted(pictures.table, pictures.target)
        return pictures
    if settings.estimator == "pictures":
        raise SettingError(
            f"{option('estimator', 'pictures')}, for {data}",
            "a folder with a folder of pictures for each class",
            f"without {option('estimator')}, for a table",
        )
    for name in ("size", "augment"):
        if (value := getattr(settings, name)) != getattr(RunSettings, name):
            raise SettingError(
                f"{option(name, value)}, for {data}",
                "a folder with a folder of pictures for each class",
                f"without {option(name)}, for a table",
            )
    if data in BUNDLED or _is_small(data, bytes_of(settings.memory)):
        table = read_table_named(data, settings)
        return _in_memory(settings, table, *_columns_of(settings, table.names, len(table.columns)))
    from handgrad.tables.tabular import TabularClassifier, fits_in_memory

    stream = opened(data, settings, settings.memory, progress=progress)
    name, features = _columns_of(settings, stream.names, stream.n_rows)
    n_members = 1 if settings.estimator == "mlp" else TabularClassifier().n_members
    if fits_in_memory(stream.select([*features, name]), name, n_members):
        return _in_memory(settings, read_table_named(data, settings), name, features)
    return _in_chunks(settings, stream, name, features)


def _is_small(data: str, memory: int) -> bool:
    """Return True if the table certainly fits in memory, or the file does not exist."""
    try:
        paths = paths_of(data)
    except FileError:
        return True
    sizes = sum(status_of(path).size for path in paths)
    packed = any(is_packed(path) for path in paths)
    return not packed and sizes * SURELY <= memory


def _in_memory(
    settings: RunSettings, table: Table, name: str, feature_names: Sequence[str]
) -> TableInMemory:
    spellings: Spellings = {}
    table = with_target(table, name)
    if settings.merge_case:
        table, spellings = merged(table, name)
    target = target_of(table, name, settings.task)
    _check_counted(table, target)
    features = replace(table, columns=table.columns.select(feature_names))
    check_finite(features)
    roles = roles_of(settings, table)
    notes = _notes(settings, table, target, features)
    target = with_events(table, target, settings.event)
    notes = (*notes, *notes_on_totals(table), *notes_on(roles, settings))
    stem = readable(stem_of(settings.data, table.files))
    rows = np.arange(len(target.values))
    columns = mixed_as_categories(features.columns)
    return TableInMemory(
        stem, target, notes, table, columns, rows, roles=roles, spellings=spellings
    )


def _in_chunks(
    settings: RunSettings, stream: TableStream, name: str, feature_names: Sequence[str]
) -> TableInChunks:
    left_out = tuple(column for column in stream.names if column not in (*feature_names, name))
    stream = stream.with_target(name).select([*feature_names, name, *left_out])
    spellings: Spellings = {}
    if settings.merge_case:
        stream, spellings = merged_stream(stream, name)
    values, counts = _different_values(stream, name, settings.task)
    target = target_of(values, name, settings.task)
    if len(counts) > MOST_CLASSES and target.task == "classification":
        raise DataError(
            f"{stream.name}: the target {name!r} has more than {MOST_CLASSES:,} classes",
            "classes of which there are many rows each",
            f"{option('task', 'regression')}, if these are numbers; another "
            f"{option('target')}, if these are names",
        )
    _check_values(values, target, counts)
    stream = stream.mapped(partial(_checked_chunk, target=target, left_out=left_out))
    first, last = (
        next(stream.chunks(feature_names)),
        stream.seek([*feature_names, name], stream.n_rows - 1)[1],
    )
    notes = (*_notes(settings, stream, target, first, counts), *notes_on_totals(deque(last, 1)[0]))
    stem = readable(stem_of(settings.data, stream.files))
    return TableInChunks(stem, target, notes, stream, left_out, spellings=spellings)


def _notes(
    settings: RunSettings,
    table: Table | TableStream,
    target: Target,
    features: Table,
    counts: Array | None = None,
) -> tuple[str, ...]:
    of_target = notes_on_target(target, settings.task, counts)
    return (*table.notes, *of_target, *notes_on_columns(features))


def _different_values(stream: TableStream, name: str, task: Task | None) -> tuple[Table, Array]:
    """Distinct values of a target, in order of first occurrence, and their counts, (n_values,).

    At most the first ten thousand; for numbers also the lowest and the highest.
    """
    distinct: pa.Table = None
    for piece in stream.chunks([name]):
        cells = target_cells(piece, name)
        words = is_text(cells.type) or pa.types.is_boolean(cells.type)
        numbers = task == "regression" or not words
        size = target_of(piece, name, "regression").values if numbers else np.zeros(len(cells))
        once = np.ones(len(cells), int)
        names = ["value", "n", "row", "size"]
        rows = pa.table([cells, once, piece.numbers, size], names)
        rows = rows if distinct is None else pa.concat_tables([distinct, rows])
        distinct = rows.group_by("value", use_threads=False).aggregate(
            [("n", "sum"), ("row", "min"), ("size", "min")]
        )
        distinct = distinct.rename_columns(names)
        if len(distinct) > MOST_CLASSES:
            first, size = np.argsort(distinct["row"].to_numpy()), distinct["size"].to_numpy()
            ends = [size.argmin(), size.argmax()]
            distinct = distinct.take(np.union1d(first[: MOST_CLASSES + 1], ends))
            if not numbers:
                break
    distinct = distinct.sort_by("row")
    values, where = pa.table({name: distinct["value"]}), distinct["row"].to_numpy()
    table = Table(stream.name, stream.files, stream.rows_of_files, values, where)
    return table, distinct["n"].to_numpy()


def _checked_chunk(piece: Table, target: Target, left_out: tuple[str, ...]) -> Table:
    """Check a chunk for infinity, and convert its target as in the whole table."""
    learned = [name for name in piece.names if name not in left_out]
    check_finite(replace(piece, columns=piece.columns.select(learned)))
    if target.name not in piece.names:
        return piece
    floats = pa.types.is_floating(piece.columns[target.name].type)
    if target.task == "classification" and floats and target.values.dtype.kind == "U":
        # only all rows show whether all numbers are whole
        cells = target_cells(piece, target.name).to_pylist()
        values = np.asarray([str(value) for value in cells])
    else:
        values = target_of(piece, target.name, target.task).values
    i = piece.names.index(target.name)
    columns = piece.columns.set_column(i, target.name, pa.array(values))
    return replace(piece, columns=columns)


def read_table_named(data: str, options: TableOptions) -> Table:
    """Read a table: a file, the files that match a pattern, or a bundled data set."""
    if data in BUNDLED:
        bundled = load(data)
        y = np.asarray(bundled.class_names)[bundled.y] if bundled.class_names else bundled.y
        table = pa.table([*bundled.x.T, y], [*bundled.feature_names, bundled.target_name])
        table = without_marked(table, options)
        return Table(data, (Path(data),), (len(y),), table, np.arange(len(y)))
    named = is_address(data) or kind_of(data) or has_magic(Path(data).name)
    if not named and "." not in Path(data).name:
        raise DataError(
            f"{data!r} is neither a file nor a bundled data set",
            f"{KINDS_OF_TABLES}; a folder of pictures; or one of {', '.join(BUNDLED)}",
            did_you_mean(
                data,
                () if {*data} & {*"/\\"} else BUNDLED,
                "check the spelling and the current folder",
            ),
        )
    return table_of(data, options)


def _columns_of(settings: RunSettings, names: list[str], n_rows: int) -> tuple[str, list[str]]:
    """The target and the feature columns; an error if one of them is missing."""
    data, ignore = settings.data, settings.ignore
    check_asked(data, names, settings)
    name = target_column(settings, names)
    if name in ignore:
        raise SettingError(
            f"{option('ignore', name)}, which is the target",
            "columns other than the target",
            f"without {option('ignore', name)}, or another {option('target')}",
        )
    refuse_joined("ignore", ignore, names)
    of_rows = {role: column for role in OF_ROWS if (column := getattr(settings, role)) is not None}
    check_columns(data, names, name, *ignore, *of_rows.values())
    for role, column in of_rows.items():
        if column == name:
            raise SettingError(
                f"{option(role, column)}, which is the target",
                "a column other than the target",
                f"another {option(role)}",
            )
    others = {name, *ignore, settings.group, settings.weight, settings.exposure, settings.event}
    features = [column for column in names if column not in others]
    _check_texts(settings, names, features)
    if not features or n_rows == 0:
        raise DataError(
            f"{data}: {n_rows} rows, {len(features)} feature columns",
            "at least two rows and one feature column",
            f"check the file and its column separator ({option('separator')})",
        )
    return name, features


def target_column(settings: RunSettings, names: Sequence[str]) -> str:
    """Name of the target column; an error if there is none to be assumed."""
    data, name = settings.data, settings.target or "target"
    if settings.target is None and name not in names and len(names) > 1:
        raise DataError(
            f"{data}: {option('target')} is missing",
            f"the column to predict, one of {listed(names)}",
            f"{option('target', names[-1], quoted=True)}, if it is the last column"
            + f"; {option('estimator', 'text')}, if it is a text" * (kind_of(data) == "file"),
        )
    return name


def _check_texts(settings: RunSettings, names: Sequence[str], features: Sequence[str]) -> None:
    """Refuse columns of free text that are no features, or that the estimator does not read."""
    refuse_joined("text", settings.text, names)
    check_columns(settings.data, names, *settings.text)
    if settings.text and settings.estimator != "tabular":
        raise SettingError(
            f"{option('text', settings.text[0])} for {option('estimator', settings.estimator)}",
            f"{option('estimator', 'tabular')}, which reads free text",
            f"without {option('text')}",
        )
    if other := [column for column in settings.text if column not in features]:
        raise SettingError(
            f"{option('text', other[0])}, which is no feature",
            "a column that is neither the target nor left out, and that has no other role",
            f"without {option('text', other[0])}",
        )


def refuse_joined(word: str, columns: Sequence[str], names: Sequence[str]) -> None:
    """Raise an error for several columns in one option, such as `--ignore A,B`."""
    for column in columns:
        parts = [part.strip() for part in re.split("[,，、]", column)]
        if column not in names and {*parts} <= {*names}:
            flag = option(word)
            several = shlex.join([word for part in parts for word in (flag, part)])
            raise DataError(
                f"{option(word, column)}: no column of that name, but one for each part",
                f"{flag} once for each column" if flag[0] == "-" else "a list of columns",
                several if flag[0] == "-" else option(word, parts),
            )


def check_finite(table: Table) -> None:
    """Raise an error for infinite values."""
    for name, column in zip(table.names, table.columns.columns, strict=True):
        if pa.types.is_floating(column.type):
            infinite = np.isinf(column.to_numpy())
            if infinite.any():
                row = int(np.flatnonzero(infinite)[0])
                raise DataError(
                    f"{table.source}: column {name!r} is {column[row]} in {table.place(row)}",
                    "finite numbers, or an empty cell for a missing value",
                    "empty that cell, or correct it",
                )


def _check_counted(table: Table, target: Target) -> None:
    _, places, counts = np.unique(target.values, return_inverse=True, return_counts=True)
    _check_values(table, target, counts[places])


def _check_values(table: Table, target: Target, counts: Array) -> None:
    """Raise an error for a target with one value, or classes of one row; `counts` is (n,)."""
    values, rows = np.unique(target.values, return_index=True)
    if len(values) == 1:
        raise DataError(
            f"{table.source}: the target {target.name!r} is {values[0]} in every row",
            "a target with at least two values",
            f"another {option('target')}, or a table with more varied rows",
        )
    once = counts[rows] == 1
    if target.task == "classification" and once.any():
        alone, place = values[once], table.place(int(rows[once][0]))
        has, example = ("has", "") if len(alone) == 1 else ("have", ", for example")
        hints = ["add rows of the class, or remove it"]
        if len(alone) > len(values) / 2:
            hints.append(f"another {option('target')}, if these are names")
        if values.dtype.kind == "U":
            words = listing(spelled_alike(classes_counted(target)), MOST_NAMED)
            merging = f"{option('merge_case', True)}: {words} differ only in case or spaces"
            hints = [merging] * bool(words) + hints
        raise DataError(
            f"{table.source}: {len(alone)} of the {len(values)} classes of {target.name!r} "
            f"{has} one row only: {str(alone[0])!r} in {place}{example}",
            "at least two rows of each class, one for training and one for evaluation",
            "; ".join(hints),
        )
