"""Tables of SQLite databases, opened for reading only."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from handgrad.files.paths import reason
from handgrad.tables.data.files import Location, listed
from handgrad.tables.data.table_options import option
from handgrad.textbook.errors import DataError, FileError, did_you_mean

TABLES = (
    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
    "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name"
)


def table_of_database(path: Location, asked: str | None) -> str:
    """Name of the table or view to read: the one asked for, or the only one."""
    with _connected(path) as database:
        names = [str(name) for (name,) in database.execute(TABLES)]
    if not names:
        raise DataError(f"{path}: no table", "a database with a table", "check the file")
    if asked is None and len(names) == 1:
        return names[0]
    if asked not in names:
        came = "several tables" if asked is None else f"no table {asked!r}"
        otherwise = option("table", names[0], quoted=True)
        raise DataError(
            f"{path}: {came}",
            f"one of {listed(names)}",
            otherwise if asked is None else did_you_mean(asked, names, otherwise),
        )
    return asked


def rows_of_database(path: Location, table: str) -> Iterator[Sequence[str]]:
    """Iterate over the rows of a table, the column names first."""
    quoted = table.replace('"', '""')
    with _connected(path) as database:
        rows = database.execute(f'SELECT * FROM "{quoted}"')
        names = [str(name) for name, *_ in rows.description]
        yield names
        for number, row in enumerate(rows, 1):
            for name, value in zip(names, row, strict=True):
                if isinstance(value, bytes):
                    raise DataError(
                        f"{path}: column {name!r} of {table!r} has bytes (BLOB) in row {number}",
                        "numbers or text",
                        "a view without that column",
                    )
            yield ["" if value is None else str(value) for value in row]


@contextmanager
def _connected(path: Location) -> Iterator[sqlite3.Connection]:
    """Connection that can only read; errors name the file."""
    if not isinstance(path, Path):
        raise FileError(
            f"{path}: an SQLite database at an address",
            "a database on this machine",
            "copy the file, and use its path",
        )
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            ((state,),) = database.execute("PRAGMA quick_check(1)")
            if state != "ok":
                raise sqlite3.DatabaseError(str(state))
            yield database
    except (sqlite3.Error, UnicodeError) as error:
        raise FileError(
            f"{path}: {reason(error)}", "a whole SQLite database", "check that it was copied whole"
        ) from error
