"""Texts of Parquet files: as large as their rows say, which may be far more than is on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.files import FileError
from handgrad.layers import Array

if TYPE_CHECKING:
    import pyarrow
    from pyarrow import parquet

# Bytes of a row at most.
LONGEST_ROW = 2**24
# So many bytes may a file take in memory in any case, and so many times as many as it has itself.
PLENTY, MOST_TIMES = 10**9, 100
BYTES = 8


def opened(path: Path, **options: object) -> Any:
    """The file, whatever bytes its name has."""
    from pyarrow import OSFile, parquet

    return parquet.ParquetFile(OSFile(os.fsencode(path)), **options)


def columns_by_code(file: parquet.ParquetFile) -> list[str]:
    """The columns of texts that stand in the file once, with a code for each row.

    Read as codes, they take no more than on disk.
    """
    import pyarrow.types as types

    texts = [types.is_string, types.is_large_string, types.is_string_view]
    texts += [types.is_binary, types.is_large_binary, types.is_binary_view]
    of_text = {f.name for f in file.schema_arrow if any(is_one(f.type) for is_one in texts)}
    found = dict[str, None]()
    for i in range(file.metadata.num_row_groups):
        for j in range(file.metadata.num_columns):
            column = file.metadata.row_group(i).column(j)
            if column.has_dictionary_page and column.path_in_schema in of_text:
                found[column.path_in_schema] = None
    return [*found]


def as_plain(table: pyarrow.Table, names: Sequence[str]) -> pyarrow.Table:
    """The table, with columns that were read as codes as what they stand for."""
    for i, name in enumerate(table.column_names):
        kind = table.schema.field(i).type
        if name in names:
            table = table.set_column(i, name, table.column(i).cast(kind.value_type))
    return table


def sizes_of_rows(table: pyarrow.Table, names: Sequence[str]) -> Array:
    """How many bytes each row takes, (n,), once these columns are no codes any more."""
    sizes = np.zeros(table.num_rows)
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in names:
            sizes += BYTES + np.concatenate([np.zeros(0), *map(_lengths, column.chunks)])
        elif table.num_rows:
            sizes += column.nbytes / table.num_rows
    return sizes


def in_slices(
    path: Path, table: pyarrow.Table, names: Sequence[str], most: int, first: int
) -> Iterator[pyarrow.Table]:
    """The rows, from number `first` on, in slices of so many bytes, or of one row."""
    ends = np.cumsum(sizes_of_rows(table, names))
    begin = 0
    while begin < table.num_rows:
        before = ends[begin - 1] if begin else 0.0
        if ends[begin] - before > max(most, LONGEST_ROW):
            raise FileError(
                f"{path}: row {first + begin + 1} takes {(ends[begin] - before) / 1e6:.3g} MB",
                f"rows of at most {max(most, LONGEST_ROW) / 1e6:.2g} MB",
                "the table without the column of long texts",
            )
        end = max(begin + 1, int(np.searchsorted(ends, before + most, side="right")))
        yield as_plain(table.slice(begin, end - begin), names)
        begin = end


def read_whole(path: Path) -> pyarrow.Table:
    """All of a file, unless it is as many times larger in memory as tables never are."""
    file = opened(path)
    widths = [_width(field.type) for field in file.schema_arrow]
    _refuse_if_far_larger(path, file.metadata.num_rows * sum(widths))
    names = columns_by_code(file)
    table = opened(path, metadata=file.metadata, read_dictionary=names).read()
    _refuse_if_far_larger(path, int(sizes_of_rows(table, names).sum()))
    return as_plain(table, names).cast(file.schema_arrow)


def _refuse_if_far_larger(path: Path, size: int) -> None:
    on_disk = path.stat().st_size
    if size > max(PLENTY, MOST_TIMES * on_disk):
        raise FileError(
            f"{path}: {size / 1e6:.3g} MB in memory, and {on_disk / 1e6:.2g} MB on disk",
            f"a table that is at most {MOST_TIMES} times as large in memory",
            "hg.open_table, which reads it in pieces",
        )


def _width(kind: pyarrow.DataType) -> float:
    try:
        return kind.bit_width / 8
    except ValueError:  # texts, lists
        return 4


def _lengths(codes: pyarrow.DictionaryArray) -> Array:
    """How many bytes the text of each row has, (n,)."""
    import pyarrow.compute as pc

    lengths = pc.binary_length(codes.dictionary).fill_null(0).to_numpy(zero_copy_only=False)
    places = codes.indices.fill_null(0).to_numpy(zero_copy_only=False)
    if not len(lengths):
        return np.zeros(len(codes))
    found: Array = np.where(codes.is_valid().to_numpy(zero_copy_only=False), lengths[places], 0)
    return found
