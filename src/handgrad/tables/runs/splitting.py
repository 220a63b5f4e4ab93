"""The split of a run: rows held out at random, by groups, in time, or those of another file."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np
import pyarrow as pa

from handgrad.files.paths import readable
from handgrad.tables.data.column_notes import mixed_as_categories
from handgrad.tables.data.dependent_rows import RowRoles, Units
from handgrad.tables.data.files import Table, check_columns
from handgrad.tables.data.spellings import respelled
from handgrad.tables.data.table_options import TableOptions, option
from handgrad.tables.data.targets import is_text, target_of, with_target
from handgrad.tables.runs.load_table import check_finite, read_table_named
from handgrad.tables.runs.pictures import PicturesInMemory
from handgrad.tables.runs.row_roles import roles_of, with_events
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.table_model import KINDS, OptionsOfModel
from handgrad.tables.runs.training_table import TableInMemory, TrainingTable
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.layers import Array


@dataclass(frozen=True)
class RunSplit:
    """Training and held-out rows, and how they were chosen.

    `by` is "random", "group", "time", "file" or "folder", `words` a sentence on the held-out rows,
    `column` that of groups or times.
    """

    learned: TrainingTable
    held_out: TrainingTable
    by: str
    words: str
    column: str | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the file of held-out rows."""
        return self.held_out.notes if self.by == "file" else ()

    @property
    def record(self) -> dict[str, object]:
        """Description of the split, for run.json."""
        return {"by": self.by, "column": self.column, "words": self.words}


def split_of(settings: RunSettings, table: TrainingTable) -> RunSplit:
    """RunSplit a table as the settings require."""
    if settings.test is not None:
        if not isinstance(table, TableInMemory):
            raise AssertionError(settings.test)
        of_file = _of_file(settings, settings.test, table)
        words = f"all {of_file.n_rows:,} rows of {readable(settings.test)}"
        return RunSplit(table, of_file, "file", words, table.roles.column or None)
    learned, held_out = table.split(settings.test_size, settings.seed)
    roles = table.row_roles
    if roles.units is not None:
        name = "time" if roles.units.ordered else "group"
        words = _in_words(roles, learned, held_out)
        return RunSplit(learned, held_out, name, words, roles.column)
    if isinstance(table, PicturesInMemory) and len(table.apart):
        return RunSplit(learned, held_out, "folder", "the pictures of their own folder")
    stratified = ", the classes in proportion" if table.classes and not table.streamed else ""
    words = f"{held_out.n_rows:,} of {table.n_rows:,} rows at random{stratified}"
    return RunSplit(learned, held_out, "random", words)


def _in_words(roles: RowRoles, learned: TrainingTable, held_out: TrainingTable) -> str:
    """Sentence on rows held out by groups or in time."""
    sides = [side.row_roles for side in (learned, held_out)]
    n, n_units = held_out.n_rows, [len(side.units or ()) for side in sides]
    if roles.units is None or not roles.units.ordered:
        return (
            f"all {n:,} rows of {n_units[1]:,} of the {sum(n_units):,} values of {roles.column!r}; "
            "the scores are valid for new values"
        )
    ends = [_ends(side) for side in sides]
    return (
        f"the {n:,} rows from {roles.column} {ends[1][0]} on, after the training rows, which end "
        f"with {ends[0][1]}; the scores are valid for later rows"
    )


def _ends(roles: RowRoles) -> tuple[str, str]:
    """The first and the last point in time."""
    codes, labels = cast("Units", roles.units).codes, cast("Array", roles.labels)
    return str(labels[codes.argmin()]), str(labels[codes.argmax()])


def reading_of(settings: RunSettings, table: TrainingTable) -> dict[str, Any]:
    """Options for reading other tables in the same way as the training table."""
    schema = table.table.schema
    spellings = {name: [*kept.values()] for name, kept in table.spellings.items()}
    names = [*table.feature_names, table.target.name]
    texts = [name for name in names if is_text(schema.field(name).type)]
    return {
        "date_order": table.table.date_order or settings.date_order,
        "category": [*dict.fromkeys([*settings.category, *texts])],
        "number": [*settings.number],
        "date": [*settings.date],
        **({"header_row": settings.header_row} if settings.header_row else {}),
        **({"missing": [*settings.missing]} if settings.missing else {}),
        **({"spellings": spellings} if spellings else {}),
    }


def _of_file(settings: RunSettings, source: str, table: TableInMemory) -> TableInMemory:
    """The rows of a file, read and checked like the training table."""
    reading, target = reading_of(settings, table), table.target
    reading.pop("spellings", None)
    names = [*table.feature_names, target.name]
    kinds = {kind: tuple(n for n in reading.pop(kind) if n in names) for kind in KINDS}
    options = {option.name: getattr(settings, option.name) for option in fields(TableOptions)}
    like = OptionsOfModel(
        **options | reading | kinds,
        of_model=(*kinds["number"], *kinds["date"]),
        features=tuple(table.feature_names),
    )
    rows = read_table_named(source, like)
    if {*map(str, rows.files)} & {*map(str, table.table.files)}:
        raise SettingError(
            f"{option('test', source)}, which has a file of the training data",
            "files of other rows",
            f"without {option('test')}, to hold out some of the rows",
        )
    columns = settings.weight, settings.exposure, settings.event
    of_rows = [name for name in columns if name is not None]
    check_columns(source, rows.names, *names, *of_rows)
    rows = rows.with_columns(respelled(rows.columns, table.spellings))
    rows = with_target(rows, target.name)
    times = with_events(rows, target_of(rows, target.name, target.task), settings.event)
    values = _known(rows, times.values, table)
    features = _like(rows, table.features)
    check_finite(replace(rows, columns=features))
    roles = roles_of(settings, rows)
    notes = tuple(f"{readable(source)}: {note}" for note in rows.notes)
    return TableInMemory(
        readable(source),
        replace(target, values=values),
        notes,
        rows,
        features,
        np.arange(len(values)),
        roles=roles,
    )


def _known(rows: Table, values: Array, table: TableInMemory) -> Array:
    """Targets in the type of the training; an error for classes that it lacks."""
    learned = table.target.values
    if values.dtype.kind != learned.dtype.kind and learned.dtype.kind == "U":
        values = values.astype(str)
    if table.classes and (unknown := ~np.isin(values, learned)).any():
        row = int(unknown.argmax())
        raise rows.refused(
            row,
            f"the target {table.target.name!r} is {str(values[row])!r}",
            f"one of the classes of the training, {', '.join(map(str, table.classes[:8]))}",
            "remove such rows; or add rows of that class to the training",
        )
    return values


def _like(rows: Table, learned: pa.Table) -> pa.Table:
    """Features of a test file in the order of the training, with columns of the same kinds."""
    columns = []
    for name in learned.column_names:
        column, kind = rows.columns[name], learned.schema.field(name).type
        if not (_kind(column.type) == _kind(kind) or pa.types.is_null(column.type)):
            try:
                column = column.cast(kind.value_type if pa.types.is_dictionary(kind) else kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise DataError(
                    f"{rows.source}: column {name!r} holds {column.type}, in the training data "
                    f"{kind}",
                    "the same types of columns in both files",
                    f"correct the cells; or {option('ignore', name, quoted=True)}",
                ) from error
        columns.append(column)
    return mixed_as_categories(pa.table(columns, names=learned.column_names))


def _kind(type_: pa.DataType) -> str:
    tests = {
        "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
        "date": (pa.types.is_temporal,),
        "text": (is_text, pa.types.is_dictionary),
    }
    return next((kind for kind, those in tests.items() if any(t(type_) for t in those)), str(type_))
