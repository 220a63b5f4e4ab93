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

from handgrad.data.csv_dialect import CsvDialect, damaged, not_this_encoding, with_dialect
from handgrad.data.table_options import FOUND_OUT
from handgrad.errors import DataError
from handgrad.files import FileError, kind_of
from handgrad.layers import Array

if TYPE_CHECKING:
    import pyarrow

MOST_NAMES_LISTED = 12
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
MOST_BYTES_OF_A_HEADER = 2**20
# Bytes of a row of a CSV file at most.
LONGEST_ROW = 2**24
PARQUET = (".parquet", ".pq")
BROKEN_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+): (.*)")


@dataclass(frozen=True)
class Table:
    """Rows of the files that `source` names, one after another, and how many each file has.

    `numbers`: the number of each row among all of the files, (n,): these may be a piece of them.
    """

    source: str
    files: tuple[Path, ...]
    rows: tuple[int, ...]
    columns: "pyarrow.Table"
    numbers: Array

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        names: list[str] = self.columns.column_names
        return names

    def place(self, row: int) -> str:
        """Where a row, counted from 0, is to be found: in which row of which file."""
        row = int(self.numbers[row])
        ends = np.cumsum(self.rows)
        i = int(np.searchsorted(ends, row, side="right"))
        within = row - int(ends[i]) + self.rows[i]
        below = "" if is_parquet(self.files[i]) else " below the header"
        among = f" of {self.files[i]}" if len(self.files) > 1 else ""
        return f"row {within + 1}{below}{among}"


def table_of(source: str | Path) -> Table:
    """The table in a CSV file in UTF-8 or a Parquet file, or in all that match a pattern.

    Spaces around names do not count. Files of a pattern come in the order of their names; all
    have the same columns, in any order.
    """
    paths = paths_of(source)
    parts = [named(_parquet(path), path) if is_parquet(path) else _csv(path) for path in paths]
    rows = tuple(part.num_rows for part in parts)
    whole = parts[0] if len(parts) == 1 else joined(parts, paths)
    return Table(str(source), paths, rows, whole, np.arange(sum(rows)))


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


def named(table: "pyarrow.Table", path: Path, encoding: str = "utf-8") -> "pyarrow.Table":
    """The table, each of its columns with a name of its own."""
    try:
        names = [name.strip() for name in table.column_names]
    except UnicodeDecodeError as error:
        raise not_this_encoding(path, "the header", encoding) from error
    for name, column in zip(names, table.columns, strict=True):
        if str(column.type).endswith("binary") and not is_parquet(path):
            raise not_this_encoding(path, f"column {name!r}", encoding)
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


def _parquet(path: Path) -> "pyarrow.Table":
    from pyarrow import ArrowException, parquet

    try:
        return parquet.read_table(path, partitioning=None)
    except (ArrowException, OSError) as error:
        raise refused_parquet(path, error) from error


def _csv(path: Path) -> "pyarrow.Table":
    def read(dialect: CsvDialect) -> "pyarrow.Table":
        with reading(path, dialect) as file:
            from pyarrow import csv

            return named(
                csv.read_csv(
                    file,
                    dialect.read_options(block_size=LONGEST_ROW),
                    dialect.parse_options(),
                    dialect.convert_options(),
                ),
                path,
                dialect.encoding,
            )

    return with_dialect(path, FOUND_OUT, read)


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


def refuse_other_separators(path: Path) -> None:
    """Refuse a header without a comma but with what else stands between columns."""
    try:
        with path.open("rb") as file:
            header = file.readline(MOST_BYTES_OF_A_HEADER).decode("utf-8", "replace").strip()
    except OSError:
        return
    for separator, name in SEPARATORS.items():
        if separator in header and "," not in header:
            raise FileError(
                f"{path}: one column only, {header[:60]!r}",
                "a CSV file with commas between the columns",
                f"the file has {name}: save it with commas, and with points in decimal numbers",
            )


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
        "a CSV file in UTF-8: a header line, then rows with as many fields, commas between",
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
