"""Text files and tables of text told apart by their first lines."""

from pathlib import Path

from handgrad.files.addresses import is_address
from handgrad.files.paths import kind_of
from handgrad.textbook.errors import FileError
from handgrad.training.datasets import BUNDLED

# What ends so is a table, whatever stands in it.
ENDINGS = (".csv", ".tsv", ".tab", ".psv", ".parquet", ".pq")


def is_prose(data: str) -> bool:
    """Whether it is a file of text that does not read as a table, by its first lines.

    A table has in all its rows as many fields as names, more than one, by some separator; or a
    column that is called target. A name that ends in .csv is that of a table.
    """
    if data in BUNDLED or is_address(data) or kind_of(data) != "file":
        return False
    if Path(data).suffix.lower() in ENDINGS:
        return False
    from handgrad.tables.data.csv_dialect import first_rows  # which loads pyarrow

    try:
        readings = first_rows(Path(data))
    except FileError:  # another kind of file, which is told where it is read as a table
        return False
    return bool(readings) and not any(map(_is_table, readings))


def _is_table(rows: list[list[str]]) -> bool:
    """Whether the fields of these rows, the names first, are those of a table."""
    names, *others = rows
    if any(name.strip().lower() == "target" for name in names):
        return True
    return len(names) > 1 and bool(others) and all(len(row) == len(names) for row in others)
