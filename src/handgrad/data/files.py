"""Tables in files: CSV, Parquet, or several that belong together."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob, has_magic
from lzma import LZMAError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.base.errors import DataError, did_you_mean
from handgrad.data.csv_columns import CsvColumns
from handgrad.data.csv_dialect import (
    LONGEST_ROW,
    CsvDialect,
    not_this_encoding,
    with_dialect,
)
from handgrad.data.packed_files import damaged, packing_of
from handgrad.data.parquet_tables import read_whole
from handgrad.data.table_options import FOUND_OUT, DateOrder, TableOptions
from handgrad.files import FileError, kind_of
from handgrad.layers import Array

if TYPE_CHECKING:
    import pyarrow

MOST_NAMES_LISTED = 12
PARQUET = (".parquet", ".pq")
# The rows of a file, what is to be said of them, and the order of day and month.
Read = tuple["pyarrow.Table", list[str], DateOrder | None]
BROKEN_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)")


@dataclass(frozen=True)
class Table:
    """Rows of the files that `source` names, one after another, and how many each file has.

    `numbers`: the number of each row among all of the files, (n,): these may be a piece of them.
    `notes`: how the files were read, where that had to be found out; `date_order`: the order of
    day and month, where dates have one.
    """

    source: str
    files: tuple[Path, ...]
    rows: tuple[int, ...]
    columns: "pyarrow.Table"
    numbers: Array
    notes: tuple[str, ...] = ()
    date_order: DateOrder | None = None

    @property
    def schema(self) -> "pyarrow.Schema":
        """The types of the columns."""
        return self.columns.schema

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        names: list[str] = self.columns.column_names
        return names

    def place(self, row: int) -> str:
        """Where a row, counted from 0, is to be found: in which row of which file."""
        ((i, within),) = located(self.numbers[[row]], self.rows).tolist()
        below = "" if is_parquet(self.files[i]) else " below the header"
        among = f" of {self.files[i]}" if len(self.files) > 1 else ""
        return f"row {within}{below}{among}"


def located(numbers: Array, rows: Sequence[int]) -> Array:
    """For the numbers (n,) of rows among files of so many `rows`: the file, and its row from 1.

    (n, 2), files counted from 0.
    """
    ends = np.cumsum(rows)
    files = np.searchsorted(ends, numbers, side="right")
    found: Array = np.stack([files, numbers - (ends - rows)[files] + 1], axis=1)
    return found


def table_of(source: str | Path, asked: TableOptions = FOUND_OUT) -> Table:
    """The table in a CSV file or a Parquet file, or in all that match a pattern.

    Spaces around names do not count. Files of a pattern come in the order of their names; all
    have the same columns, in any order. How a CSV file is written is found out, but for what is
    asked.
    """
    paths = paths_of(source)
    read = [(_parquet if is_parquet(path) else _csv)(path, asked) for path in paths]
    parts, notes, orders = zip(*read, strict=True)
    rows = tuple(part.num_rows for part in parts)
    whole = parts[0] if len(parts) == 1 else joined(parts, paths)
    told, order = notes_together(paths, notes), next(filter(None, orders), None)
    return Table(str(source), paths, rows, whole, np.arange(sum(rows)), told, order)


def check_asked(source: str, names: Sequence[str], asked: TableOptions) -> None:
    """Refuse the name of a column to be read in some way that is not there."""
    for name in (*asked.category, *asked.number, *asked.date):
        if name not in names:
            raise DataError(
                f"{source}: no column named {name!r}",
                f"one of {listed(names)}",
                did_you_mean(name, names, "the name of the column as it stands in the file"),
            )


def notes_together(paths: Sequence[Path], notes: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What is to be said of files, once where it is the same of all."""
    found = dict[str, list[Path]]()
    for path, told in zip(paths, notes, strict=True):
        for note in told:
            found.setdefault(note, []).append(path)
    return tuple(
        note if len(of) == len(paths) else f"{of[0]}: {note}" for note, of in found.items()
    )


def listed(names: Sequence[str]) -> str:
    """The names, with the middle left out where there are many."""
    if len(names) <= MOST_NAMES_LISTED:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMES_LISTED - 2])}, … {names[-1]} ({len(names)} in all)"


def paths_of(source: str | Path) -> tuple[Path, ...]:
    """The file of that name, or all that match a pattern, in the order of their names."""
    if kind_of(source) == "file":
        return (Path(source),)
    if has_magic(str(source)) and not kind_of(source):
        found = sorted(glob(str(source)))  # noqa: PTH207 - Path.glob takes no absolute patterns
        paths = tuple(Path(name) for name in found if kind_of(name) == "file")
        if paths:
            return paths
        raise FileError(
            f"{source}: no file matches", "one or more", "check the pattern, and the folder"
        )
    raise FileError(
        f"{source}: {'a folder' if kind_of(source) else 'no such file'}",
        "a CSV file with a header line, or a Parquet file",
        f"{Path(source) / '*.csv'}, for all of them"
        if kind_of(source)
        else "check the spelling, and the folder you are in",
    )


def is_parquet(path: Path) -> bool:
    """Whether a file is a Parquet file, by its name."""
    return path.suffix.lower() in PARQUET


def is_text_file(path: Path) -> bool:
    """Whether a file is text and not packed: as many bytes as stand there are read."""
    return not is_parquet(path) and not packing_of(path)


def named(table: "pyarrow.Table", path: Path) -> "pyarrow.Table":
    """The table, each of its columns with a name of its own."""
    names = [name.strip() for name in table.column_names]
    if "" in names:
        raise DataError(
            f"{path}: column {names.index('') + 1} has no name",
            "a name for each column",
            "name it; or leave it out, if it only counts the rows: to_csv(index=False) in pandas",
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(
            f"{path}: two columns named {twice!r}",
            "a name of its own for each column",
            "rename one of them",
        )
    return without_views(table.rename_columns(names))


def without_views(table: "pyarrow.Table") -> "pyarrow.Table":
    """The table, with views of text and bytes, for which pyarrow computes little, as themselves."""
    import pyarrow as pa

    plain = {"string_view": pa.string(), "binary_view": pa.binary()}
    kinds = [(field.name, plain.get(str(field.type), field.type)) for field in table.schema]
    return table.cast(pa.schema(kinds))


def joined(parts: Sequence["pyarrow.Table"], paths: Sequence[Path]) -> "pyarrow.Table":
    """All rows, the columns in the order of the first file."""
    import pyarrow as pa

    first = parts[0].column_names
    for part, path in zip(parts, paths, strict=True):
        if missing := set(first) ^ set(part.column_names):
            name = min(missing)
            raise DataError(
                f"{path}: {'no' if name in first else 'a'} column {name!r}, unlike {paths[0]}",
                f"the columns of the first file, {listed(first)}",
                "a pattern that matches only files of one kind",
            )
    ordered = [part.select(first) for part in parts]
    try:
        return pa.concat_tables(ordered, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        pass
    for name in first:
        kinds = [part[name].type for part in ordered]
        try:
            pa.concat_tables(
                [part.select([name]) for part in ordered], promote_options="permissive"
            )
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            other = next(i for i, kind in enumerate(kinds) if kind != kinds[0])
            raise DataError(
                f"{paths[other]}: column {name!r} holds {kinds[other]}, "
                f"in {paths[0]} it holds {kinds[0]}",
                "values of one kind in each column",
                "correct one of the files",
            ) from error
    raise AssertionError  # one of the columns is why they cannot be joined


def _parquet(path: Path, asked: TableOptions) -> Read:
    from pyarrow import ArrowException

    try:
        table = named(read_whole(path), path)
    except (ArrowException, OSError) as error:
        raise refused_parquet(path, error) from error
    return as_types(table, as_asked(table.schema, path, asked)), [], None


def as_asked(schema: "pyarrow.Schema", path: Path, asked: TableOptions) -> "pyarrow.Schema":
    """The columns of a Parquet file, which says their types, with categories as was asked."""
    import pyarrow as pa

    for i, field in enumerate(schema):
        if field.name in asked.category:
            schema = schema.set(i, field.with_type(pa.dictionary(pa.int32(), pa.string())))
        elif field.name in (*asked.number, *asked.date) and pa.types.is_string(field.type):
            kind = "number" if field.name in asked.number else "date"
            raise DataError(
                f"{path}: column {field.name!r} as {kind}, and is text there",
                "a Parquet file whose columns have the types that are meant",
                "a CSV file of it, or the column turned into what it is where the file is made",
            )
    return schema


def as_types(table: "pyarrow.Table", schema: "pyarrow.Schema") -> "pyarrow.Table":
    """The columns of a table as they are in `schema`, by their names."""
    import pyarrow as pa

    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = schema.field(name).type
        if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(column.type):
            column = column.cast(kind.value_type).dictionary_encode()
        columns.append(column.cast(kind))
    return pa.table(columns, names=table.column_names)


def _csv(path: Path, asked: TableOptions) -> Read:
    from pyarrow import csv

    def read(dialect: CsvDialect) -> Read:
        columns = CsvColumns(path, dialect, asked)
        with reading(path, dialect) as file:
            table = csv.read_csv(
                file,
                dialect.read_options(block_size=LONGEST_ROW, column_names=columns.names),
                dialect.parse_options(),
                dialect.convert_options(column_types=columns.first_types),
            )
        columns.look_at(table)
        columns.decide()
        whole = columns.read(table, columns.schema.names)
        return whole, columns.notes, columns.date_order

    return with_dialect(path, asked, read)


@contextmanager
def reading(path: Path, dialect: CsvDialect) -> Iterator[Any]:
    """The file, unpacked; what goes wrong in reading it is told with its name."""
    from pyarrow import ArrowInvalid

    with dialect.open(path) as file:
        try:
            yield file
        except UnicodeError as error:
            raise not_this_encoding(path, "it", dialect.encoding) from error
        except ArrowInvalid as error:
            raise refused_csv(path, error) from error
        except (OSError, EOFError, LZMAError) as error:
            raise damaged(path, dialect.packing, error) from error


def refused_parquet(path: Path, error: Exception) -> FileError:
    """Why a Parquet file cannot be read."""
    return FileError(
        f"{path}: {str(error).splitlines()[0]}",
        "a whole Parquet file",
        "check that it was copied whole; a CSV file ends in .csv",
    )


def refused_csv(path: Path, error: Exception, lines_before: int = 0) -> FileError:
    """Why a CSV file cannot be read, or a block of it after so many lines."""
    if broken := BROKEN_ROW.search(str(error)):
        line, expected, found, text = broken.groups()
        return refused_row(path, int(line) + lines_before, int(expected), int(found), text)
    if "straddling object" in str(error):
        return refused_row_without_end(path)
    came = "the file is empty" if "Empty CSV" in str(error) else str(error)
    return _refused(path, came.splitlines()[0])


def refused_row(path: Path, line: int, expected: int, found: int, text: str) -> FileError:
    """A row of a CSV file has too many fields, or too few."""
    came = f"line {line} has {found} of {expected} fields: {text[:60]!r}"
    return _refused(path, came.splitlines()[0])


def _refused(path: Path, came: str) -> FileError:
    return FileError(
        f"{path}: {came}",
        "a CSV file: a header line, then rows with as many fields",
        "open the file in a text editor and compare",
    )


def refused_row_without_end(path: Path, rows_before: int | None = None) -> FileError:
    """A row of a CSV file that goes on and on, after so many if that is known."""
    row = "a row" if rows_before is None else f"row {rows_before + 1} below the header"
    return FileError(
        f"{path}: {row} is longer than {LONGEST_ROW / 1e6:.2g} MB",
        "line breaks between the rows, a quotation mark at the end of a cell that begins with one",
        "look for a quotation mark that is never closed, or leave the column of long texts out",
    )
