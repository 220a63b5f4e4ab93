"""Tables in files: base class, parts and columns of CSV and Parquet files, and of several files."""

from __future__ import annotations

import os
import platform
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from glob import glob, has_magic
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from handgrad.files.addresses import is_address, meant_as_address, without_query
from handgrad.files.paths import KINDS_OF_TABLES, FileStatus, as_path, kind_of, reason, regular_file
from handgrad.files.remote_files import RemoteFile, files_at
from handgrad.tables.data.picture_folders import is_picture
from handgrad.tables.data.table_options import DateOrder, TableOptions
from handgrad.tables.data.text_formats import read_as
from handgrad.textbook.errors import DataError, FileError, did_you_mean
from handgrad.textbook.layers import Array

ONE_FOLDER = "a folder shared by all nodes, under the same name"
Location = Path | RemoteFile
MOST_NAMES_LISTED = 12
PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather")
# Files of tables without a line of names.
WITHOUT_HEADER = (*PARQUET, *ARROW, ".jsonl", ".ndjson", ".sqlite", ".db")
TABLES = (".csv", *WITHOUT_HEADER, ".xlsx", ".xls", ".ods")


def status_of(location: Location) -> FileStatus:
    """Size and modification time of a file; of a remote file, those of when it was listed."""
    if isinstance(location, RemoteFile):
        return location.status
    try:
        return FileStatus.of(location)
    except OSError as error:
        raise FileError(
            f"{location}: {reason(error)}", "a file that can be read", "check the spelling"
        ) from error


def arrow_file(location: Location) -> pa.NativeFile:
    """Open the file with pyarrow, whatever bytes its name has."""
    if isinstance(location, RemoteFile):
        return location.stream()
    return pa.OSFile(os.fsencode(location))


def check_arrived(location: Location, before: FileStatus) -> None:
    """Refuse a file that is missing or different on the node that reads a table opened elsewhere.

    It had the status `before` where it was opened: on another node, or in another process.
    """
    here = f"on {platform.node() or 'this machine'}"
    if isinstance(location, RemoteFile):
        now = location.status_now()
    else:
        now = status_of(location) if location.exists() else None
    if now is None:
        raise FileError(
            f"{location}: no such file {here}, to which its table was sent",
            ONE_FOLDER,
            "put the files in a shared folder, and open them there",
        )
    if now != before:
        raise FileError(
            f"{location}: {now} {here}, but {before} when it was opened",
            f"one file: {ONE_FOLDER}",
            "put the files in a shared folder; or, if they changed, call hg.data.open_table again",
        )


@dataclass(frozen=True)
class Part:
    """Part of a file that can be read by itself.

    Row groups `begin` to `end` of a Parquet file, or bytes `begin` to `end` of a CSV file with this
    `checksum`; `cached` has its rows if they stay in memory.
    """

    begin: int
    end: int
    n_rows: int
    rows_before: int
    cached: pa.Table | None = None
    checksum: int = 0


class TableFile(ABC):
    """Table in one file, divided into parts.

    It can be pickled, and read on other nodes that see the same file, without scanning it again.
    `status` is that of the file when it was opened; `place` is its absolute path.
    """

    path: Location
    place: Location
    status: FileStatus
    parts: list[Part]
    schema: pa.Schema
    notes: list[str]
    date_order: DateOrder | None = None
    arrived = False  # unpickled, perhaps on another node, and not read since

    def read(self, part: Part, columns: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
        """Read the rows of a part, slice by slice, as columns of the types of `schema`."""
        if self.arrived:
            check_arrived(self.path, self.status)
            self.arrived = False
        return self._read(part, columns, schema)

    @abstractmethod
    def _read(self, part: Part, columns: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
        """Read the rows of a part, after the check that the file is unchanged."""

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "path": self.place, "arrived": True}

    def footer(self) -> bytes:
        """Metadata of the file's rows, if it has a footer."""
        return b""


@dataclass(frozen=True)
class Table:
    """Rows of the files of `source`, concatenated, and the number of rows in each file.

    `numbers` (n,) are the numbers of the rows among all rows of the files: a table may be a chunk.
    `notes` describes the inferred format; `date_order` is the order of day and month, if dates have
    one.
    """

    source: str
    files: tuple[Location, ...]
    rows: tuple[int, ...]
    columns: pa.Table
    numbers: Array
    notes: tuple[str, ...] = ()
    date_order: DateOrder | None = None

    @property
    def schema(self) -> pa.Schema:
        """The types of the columns."""
        return self.columns.schema

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        names: list[str] = self.columns.column_names
        return names

    def with_columns(self, columns: pa.Table) -> Table:
        """The same rows, with these cells."""
        return replace(self, columns=columns)

    def noted(self, *notes: str) -> Table:
        """The same rows, with further notes."""
        return replace(self, notes=(*self.notes, *notes))

    def refused(self, row: int, came: str, expected: str, hint: str, more: str = "") -> DataError:
        """Error for the contents of a row, counted from 0."""
        return DataError(f"{self.source}: {came} in {self.place(row)}{more}", expected, hint)

    def place(self, row: int) -> str:
        """Location of a row, counted from 0: its file and its row there."""
        return place_of(int(self.numbers[row]), self.files, self.rows)


def place_of(number: int, files: Sequence[Location], rows: Sequence[int]) -> str:
    """Location of row `number` among files with these numbers of rows."""
    ((i, within),) = located(np.array([number]), rows).tolist()
    if is_picture(files[i]):
        return str(files[i])
    below = "" if files[i].suffix.lower() in WITHOUT_HEADER else " below the header"
    among = f" of {files[i]}" if len(files) > 1 else ""
    return f"row {within}{below}{among}"


def located(numbers: Array, rows: Sequence[int]) -> Array:
    """Index of the file, from 0, and row in it, from 1, of each row number; (n, 2).

    `numbers` (n,) count the rows of all files, which have `rows` rows each.
    """
    ends = np.cumsum(rows)
    files = np.searchsorted(ends, numbers, side="right")
    pairs: Array = np.stack([files, numbers - (ends - rows)[files] + 1], axis=1)
    return pairs


def notes_together(paths: Sequence[Location], notes: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Merge notes on several files: a note that holds for all is listed once."""
    paths_by_note = dict[str, list[Location]]()
    for path, notes_of_file in zip(paths, notes, strict=True):
        for note in notes_of_file:
            paths_by_note.setdefault(note, []).append(path)
    return tuple(
        note if len(sources) == len(paths) else f"{sources[0]}: {note}"
        for note, sources in paths_by_note.items()
    )


def listed(names: Sequence[str]) -> str:
    """Join the names, eliding the middle of a long list."""
    if len(names) <= MOST_NAMES_LISTED:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMES_LISTED - 2])}, … {names[-1]} ({len(names)} in all)"


def stem_of(source: str | Path, files: Sequence[Location]) -> str:
    """Name of a table: its source without folder and extension, or its first file."""
    name = unquote(without_query(str(source))) if is_address(source) else source
    return Path(name).stem.rstrip("*?-_. ") or files[0].stem


def paths_of(source: str | Path) -> tuple[Location, ...]:
    """The file of that name or address, or all files that match a pattern, sorted."""
    if is_address(source):
        return files_at(str(source))
    as_path(source)
    if kind_of(source) == "file":
        return (regular_file(source),)
    if has_magic(str(source)) and not kind_of(source):
        matches = sorted(glob(str(source)))  # noqa: PTH207 - Path.glob takes no absolute patterns
        paths = tuple(Path(name) for name in matches if kind_of(name) == "file")
        if paths:
            return paths
        raise FileError(
            f"{source}: no file matches", "one or more", "check the pattern and the folder"
        )
    raise FileError(
        f"{source}: {'a folder' if kind_of(source) else 'no such file'}",
        KINDS_OF_TABLES,
        _instead_of(source),
    )


def _instead_of(source: str | Path) -> str:
    """Hint for a folder, or for a path that does not exist."""
    if kind_of(source):
        tables = Path(source) / "*.csv"
        return f"{tables}, for all of them" if glob(str(tables)) else "the path of the table in it"  # noqa: PTH207
    if meant_as_address(source):
        return "pass the address as str: a Path drops one /"
    return "check the spelling and the current folder"


def is_parquet(path: Location) -> bool:
    """Return True if the file has the extension of Parquet."""
    return path.suffix.lower() in PARQUET


def is_arrow(path: Location) -> bool:
    """Return True if the file has an extension of Arrow."""
    return path.suffix.lower() in ARROW


def data_above(names: Sequence[str]) -> str:
    """Hint if the column names look like a row of data; '' otherwise."""
    if read_as(pa.array(names, pa.string()), "number", "date").any():
        return "--no-header (header=False in Python): the first line looks like data"
    return ""


def check_asked(source: str, names: Sequence[str], asked: TableOptions) -> None:
    """Refuse column types for a column that does not exist."""
    check_columns(source, names, *asked.category, *asked.number, *asked.date)
    check_columns(source, names, *asked.missing_columns)


def check_columns(source: str, names: Sequence[str], *columns: str) -> None:
    """Refuse the name of a column that does not exist."""
    for name in columns:
        if name not in names:
            hint = "--separator (separator= in Python): the file was read as one column"
            if len(names) > 1:
                otherwise = data_above(names) or "the name of a column in the file"
                hint = did_you_mean(str(name), names, otherwise, likeness=0.7)
            raise DataError(f"{source}: no column named {name!r}", f"one of {listed(names)}", hint)


def joined(schemas: Sequence[pa.Schema], paths: Sequence[Location]) -> pa.Schema:
    """Merge the schemas of several files: the columns of the first, with common types."""
    names, fields = schemas[0].names, []
    for schema, path in zip(schemas, paths, strict=True):
        if missing := {*names} ^ {*schema.names}:
            name = min(missing)
            raise DataError(
                f"{path}: {'no' if name in names else 'a'} column {name!r}, unlike {paths[0]}",
                f"the columns of the first file, {listed(names)}",
                "a pattern that matches only files with the same columns",
            )
    for name in names:
        alone = [pa.schema([schema.field(name)]) for schema in schemas]
        try:
            fields += pa.unify_schemas(alone, promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            kinds = [schema.types[0] for schema in alone]
            other = next(i for i, kind in enumerate(kinds) if kind != kinds[0])
            raise DataError(
                f"{paths[other]}: column {name!r} holds {kinds[other]}, "
                f"in {paths[0]} it holds {kinds[0]}",
                "one type for each column",
                "correct one of the files",
            ) from error
    return pa.schema(fields)


def as_types(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Cast the columns of a table to the types of `schema`, by name."""
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = schema.field(name).type
        if pa.types.is_dictionary(kind) and column.type != kind:
            column = column.cast(kind.value_type)
        columns.append(column if column.type == kind else column.cast(kind))
    return pa.table(columns, names=table.column_names)
