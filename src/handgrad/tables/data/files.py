"""Tables in files: what is common to CSV and Parquet, and to several that belong together."""

from __future__ import annotations

import os
import platform
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from handgrad.files.addresses import is_address, meant_as_address, without_query
from handgrad.files.paths import FileStatus, as_path, kind_of, reason, regular_file
from handgrad.files.remote_files import RemoteFile, files_at
from handgrad.tables.data.picture_folders import is_picture
from handgrad.tables.data.table_options import DateOrder, TableOptions
from handgrad.tables.data.text_formats import read_as
from handgrad.textbook.errors import DataError, FileError, did_you_mean
from handgrad.textbook.layers import Array

ONE_FOLDER = "a folder that all nodes see, under the same name"
Location = Path | RemoteFile
MOST_NAMES_LISTED = 12
PARQUET = (".parquet", ".pq")


def status_of(location: Location) -> FileStatus:
    """The size of a file, and when it was changed; of a remote one, when it was found."""
    if isinstance(location, RemoteFile):
        return location.status
    try:
        return FileStatus.of(location)
    except OSError as error:
        raise FileError(
            f"{location}: {reason(error)}", "a file that can be read", "check the spelling"
        ) from error


def arrow_file(location: Location) -> pa.NativeFile:
    """The file as pyarrow's own, whatever bytes its name has."""
    if isinstance(location, RemoteFile):
        return location.stream()
    return pa.OSFile(os.fsencode(location))


def check_arrived(location: Location, before: FileStatus) -> None:
    """Refuse a file that is not there, or is another, where a table that was opened elsewhere is.

    It was `before` where it was opened: on another node, or in another process.
    """
    here = f"on {platform.node() or 'this machine'}"
    if isinstance(location, RemoteFile):
        now = location.status_now()
    else:
        now = status_of(location) if location.exists() else None
    if now is None:
        raise FileError(
            f"{location}: no such file {here}, where a table of it has come to be read",
            ONE_FOLDER,
            "the files in a shared folder, and hg.data.open_table by its name there",
        )
    if now != before:
        raise FileError(
            f"{location}: {now} {here}, where it had {before} when it was opened",
            f"one file: {ONE_FOLDER}",
            "the files in a shared folder; or hg.data.open_table again, if they have changed",
        )


@dataclass(frozen=True)
class Part:
    """A stretch of a file that can be read by itself: its place there, and how many rows it has.

    Row groups `begin` to `end` of a Parquet file, bytes `begin` to `end` of a CSV file, which have
    this `checksum`; `kept` are its rows as they were read first, where they stay in memory.
    """

    begin: int
    end: int
    n_rows: int
    rows_before: int
    kept: pa.Table | None = None
    checksum: int = 0


class TableFile(ABC):
    """A table in one file, cut into parts.

    It can be pickled, and read on other nodes that see the same file: nothing is looked through
    again. `status` is that of the file when it was opened; `place` is its path, whatever folder is
    the current one.
    """

    path: Location
    place: Location
    status: FileStatus
    parts: list[Part]
    schema: pa.Schema
    notes: list[str]
    date_order: DateOrder | None = None
    arrived = False  # from another process, perhaps on another node, and not read since

    def read(self, part: Part, columns: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
        """The rows of a part, one slice after another, as columns of the types of `schema`."""
        if self.arrived:
            check_arrived(self.path, self.status)
            self.arrived = False
        return self._read(part, columns, schema)

    @abstractmethod
    def _read(self, part: Part, columns: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
        """What `read` hands out, once the file is known to be the one that was opened."""

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "path": self.place, "arrived": True}

    def footer(self) -> bytes:
        """What the file says of its rows, where it says it in one place."""
        return b""


@dataclass(frozen=True)
class Table:
    """Rows of the files that `source` names, one after another, and how many each file has.

    `numbers`: the number of each row among all of the files, (n,): these may be a chunk of them.
    `notes`: how the files were read, where that had to be found out; `date_order`: the order of
    day and month, where dates have one.
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

    def refused(self, row: int, came: str, expected: str, hint: str, more: str = "") -> DataError:
        """The error about what is in a row, counted from 0."""
        return DataError(f"{self.source}: {came} in {self.place(row)}{more}", expected, hint)

    def place(self, row: int) -> str:
        """Where a row, counted from 0, is to be found: in which row of which file."""
        return place_of(int(self.numbers[row]), self.files, self.rows)


def place_of(number: int, files: Sequence[Location], rows: Sequence[int]) -> str:
    """Where the row of that number is to be found among files of so many rows."""
    ((i, within),) = located(np.array([number]), rows).tolist()
    if is_picture(files[i]):
        return str(files[i])
    below = "" if is_parquet(files[i]) else " below the header"
    among = f" of {files[i]}" if len(files) > 1 else ""
    return f"row {within}{below}{among}"


def located(numbers: Array, rows: Sequence[int]) -> Array:
    """For the numbers (n,) of rows among files of so many `rows`: the file, and its row from 1.

    (n, 2), files counted from 0.
    """
    ends = np.cumsum(rows)
    files = np.searchsorted(ends, numbers, side="right")
    found: Array = np.stack([files, numbers - (ends - rows)[files] + 1], axis=1)
    return found


def notes_together(paths: Sequence[Location], notes: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What is to be said of files, once where it is the same of all."""
    found = dict[str, list[Location]]()
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


def stem_of(source: str | Path, files: Sequence[Location]) -> str:
    """What a table is called: its source without folder and ending, or its first file."""
    name = unquote(without_query(str(source))) if is_address(source) else source
    return Path(name).stem.rstrip("*?-_. ") or files[0].stem


def paths_of(source: str | Path) -> tuple[Location, ...]:
    """The file of that name or address, or all that match a pattern, in order."""
    if is_address(source):
        return files_at(str(source))
    as_path(source)
    if kind_of(source) == "file":
        return (regular_file(source),)
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
        _instead_of(source),
    )


def _instead_of(source: str | Path) -> str:
    """What to try instead of a folder, or of what is not there."""
    if kind_of(source):
        tables = Path(source) / "*.csv"
        return f"{tables}, for all of them" if glob(str(tables)) else "the table in it, by its name"  # noqa: PTH207
    if meant_as_address(source):
        return "the address as text: a Path has one / too few"
    return "check the spelling, and the folder you are in"


def is_parquet(path: Location) -> bool:
    """Whether a file is a Parquet file, by its name."""
    return path.suffix.lower() in PARQUET


def data_above(names: Sequence[str]) -> str:
    """What to try where names look like the first row of a table without any; '' elsewhere."""
    if read_as(pa.array(names, pa.string()), "number", "date").any():
        return "--no-header (header=False in Python): the first line looks like data"
    return ""


def check_asked(source: str, names: Sequence[str], asked: TableOptions) -> None:
    """Refuse the name of a column to be read in some way that is not there."""
    check_columns(source, names, *asked.category, *asked.number, *asked.date)


def check_columns(source: str, names: Sequence[str], *columns: str) -> None:
    """Refuse the name of a column that is not there."""
    for name in columns:
        if name not in names:
            hint = "--separator (separator= in Python): there is one column only as it is"
            if len(names) > 1:
                otherwise = data_above(names) or "the name of the column as it stands in the file"
                hint = did_you_mean(str(name), names, otherwise, likeness=0.7)
            raise DataError(f"{source}: no column named {name!r}", f"one of {listed(names)}", hint)


def joined(schemas: Sequence[pa.Schema], paths: Sequence[Location]) -> pa.Schema:
    """The columns of several files in the order of the first, by types that hold those of all."""
    names, fields = schemas[0].names, []
    for schema, path in zip(schemas, paths, strict=True):
        if missing := {*names} ^ {*schema.names}:
            name = min(missing)
            raise DataError(
                f"{path}: {'no' if name in names else 'a'} column {name!r}, unlike {paths[0]}",
                f"the columns of the first file, {listed(names)}",
                "a pattern that matches only files of one kind",
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
                "values of one kind in each column",
                "correct one of the files",
            ) from error
    return pa.schema(fields)


def as_types(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a table as they are in `schema`, by their names."""
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = schema.field(name).type
        if pa.types.is_dictionary(kind) and column.type != kind:
            column = column.cast(kind.value_type)
        columns.append(column if column.type == kind else column.cast(kind))
    return pa.table(columns, names=table.column_names)
