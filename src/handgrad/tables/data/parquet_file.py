"""Parquet files in row groups or slices of them, sized by their rows, within limits.

A file may take far more memory than disk space, where repeated text is stored once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from handgrad.files.remote_files import RemoteFile, reason_of, refused
from handgrad.tables.data.files import Location, Part, TableFile, arrow_file, as_types, status_of
from handgrad.tables.data.frames import refuse_twice
from handgrad.tables.data.table_options import FOUND_OUT, TableOptions
from handgrad.textbook.errors import DataError, FileError
from handgrad.textbook.layers import Array

# Rows read to estimate the size of one.
MEASURED = 1000
# Bytes of a column that are read at once.
SMALLEST_BUFFER, LARGEST_BUFFER, FEW_COLUMNS = 2**12, 2**18, 64
# Largest size of a row in bytes.
LONGEST_ROW = 2**24
# Limits of a file in memory: bytes, and multiple of its size on disk.
PLENTY, MOST_TIMES = 10**9, 100
BYTES = 8
BROKEN = pa.ArrowException, OSError, UnicodeDecodeError
# Assumed bytes of a cell in remote reads.
MOST_OF_A_CELL = 256
TEXTS = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")


class ParquetFile(TableFile):
    """Parquet file in parts: row groups, small ones merged.

    A row group larger than a chunk of `size` bytes is read in slices; with `size=None` all rows are
    in memory at once.
    """

    def __init__(
        self,
        path: Location,
        size: int | None,
        note: Callable[[int], object],
        asked: TableOptions = FOUND_OUT,
    ) -> None:
        self.path, self.place, self.status = path, path.absolute(), status_of(path)
        self.size, self.whole, self.notes = size or 0, size is None, []
        file = self._file(metadata=None)
        arrow, n = file.schema_arrow, file.metadata.num_rows
        self.metadata = file.metadata
        # Dictionary-encoded text takes no more memory than disk space if it is read as codes. The
        # metadata of each row group tells which columns are encoded, but pyarrow aborts the
        # process if damaged metadata is queried: so all text is read as codes.
        self.by_code = [field.name for field in arrow if str(field.type) in TEXTS]
        self.schema = schema_of(arrow, path, asked)
        self.own_names = dict(zip(self.schema.names, arrow.names, strict=True))
        if self.whole:
            # Text and lists take at least 4 bytes.
            widths = (k.bit_width / 8 if pa.types.is_primitive(k) else 4 for k in arrow.types)
            self._refuse_if_far_larger(n * sum(widths))
        self.slice = n if self.whole else self._rows_in_a_chunk()
        self.parts = self._cut()
        note(self.status.size)

    def _file(self, **options: object) -> Any:
        """Open the file."""
        try:
            return parquet.ParquetFile(arrow_file(self.path), **options)
        except BROKEN as error:
            raise self._refused(error) from error

    def _batches(
        self, groups: Sequence[int], columns: Sequence[str], rows: int
    ) -> Iterator[pa.Table]:
        """Rows of row groups, `rows` at once, dictionary-encoded text as codes."""
        # Read column chunks piecewise: a whole one may be larger than the memory.
        buffer = self.size // max(FEW_COLUMNS, len(columns))
        buffer = min(LARGEST_BUFFER, max(SMALLEST_BUFFER, buffer))
        at_once, remote = self.whole, isinstance(self.path, RemoteFile)
        if remote:  # the latency of a request is that of a megabyte: few large ones, in parallel
            most = min(rows * MOST_OF_A_CELL, self.size // 2 // max(1, len(columns)))
            buffer = max(buffer, most)
            row_groups = [*map(self.metadata.row_group, groups)]
            on_disk = sum(group.total_byte_size for group in row_groups) * self._packed()
            in_all = sum(group.num_rows for group in row_groups)
            at_once |= in_all <= rows or on_disk <= buffer * len(columns)
        file = self._file(
            metadata=self.metadata,
            read_dictionary=self.by_code,
            pre_buffer=at_once,
            buffer_size=0 if at_once else buffer,
        )
        left = sum(self.metadata.row_group(group).num_rows for group in groups)
        try:
            batches = file.iter_batches(rows, groups, columns, use_threads=self.whole or remote)
            for batch in batches:
                left -= batch.num_rows
                yield pa.Table.from_batches([batch]).select(columns)
        except BROKEN as error:
            raise self._refused(error) from error
        self._refuse_missing(left)

    def _refuse_missing(self, rows: int) -> None:
        """Refuse a file whose metadata counts more rows than it has, or fewer if negative."""
        if rows:
            raise self._refused(ValueError(f"{rows} rows of its metadata are missing"))

    def _packed(self) -> float:
        """Compression ratio: size of the file as a fraction of its decompressed columns."""
        groups = map(self.metadata.row_group, range(self.metadata.num_row_groups))
        return float(self.status.size / max(1, sum(group.total_byte_size for group in groups)))

    def _refused(self, error: Exception) -> FileError:
        if isinstance(self.path, RemoteFile) and reason_of(error):
            return refused(self.path.address, error)
        return FileError(
            f"{self.path}: {str(error).splitlines()[0]}",
            "a whole Parquet file",
            "check that it was copied whole; the name of a CSV file ends in .csv",
        )

    def _rows_in_a_chunk(self) -> int:
        groups = [0] if self.metadata.num_row_groups else []
        rows = next(self._batches(groups, [*self.own_names.values()], MEASURED), None)
        if rows is None or not rows.num_rows:
            return MEASURED
        return max(1, int(self.size * rows.num_rows / max(self._sizes(rows).sum(), 1)))

    def _cut(self) -> list[Part]:
        parts, begin, together, before = list[Part](), 0, 0, 0
        n_groups = self.metadata.num_row_groups
        for i in range(n_groups):
            n = self.metadata.row_group(i).num_rows
            if together and together + n > self.slice:
                parts.append(Part(begin, i, together, before))
                begin, together, before = i, 0, before + together
            together += n
        self._refuse_missing(self.metadata.num_rows - before - together)
        return [*parts, *([Part(begin, n_groups, together, before)] if together else [])]

    def _read(self, part: Part, columns: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
        own, first = [self.own_names[name] for name in columns], part.rows_before
        tables: Iterable[pa.Table] = self._batches(range(part.begin, part.end), own, self.slice)
        if self.whole:
            tables = [pa.concat_tables(tables)]
            self._refuse_if_far_larger(int(self._sizes(tables[0]).sum()))
        for table in tables:
            for rows in [table] if self.whole else self._slices(table, first):
                yield as_types(rows.rename_columns(list(columns)), schema)
            first += table.num_rows

    def footer(self) -> bytes:
        sink = pa.BufferOutputStream()
        self.metadata.write_metadata_file(sink)
        footer: bytes = sink.getvalue().to_pybytes()
        return footer

    def _sizes(self, table: pa.Table) -> Array:
        """Bytes of each row, (n,), after codes are decoded."""
        sizes = np.zeros(table.num_rows)
        for name, column in zip(table.column_names, table.columns, strict=True):
            if name in self.by_code:
                lengths = (
                    pc.binary_length(codes.dictionary).take(codes.indices).fill_null(0)
                    for codes in column.chunks
                )
                sizes += BYTES + np.concatenate([np.zeros(0), *map(np.asarray, lengths)])
            elif table.num_rows:
                sizes += column.nbytes / table.num_rows
        return sizes

    def _slices(self, table: pa.Table, first: int) -> Iterator[pa.Table]:
        """The rows, from row `first` on, in slices of a chunk's size, or of one row."""
        ends, begin, most = np.cumsum(self._sizes(table)), 0, max(self.size, LONGEST_ROW)
        while begin < table.num_rows:
            before = ends[begin - 1] if begin else 0.0
            if ends[begin] - before > most:
                raise FileError(
                    f"{self.path}: row {first + begin + 1} takes "
                    f"{(ends[begin] - before) / 1e6:.3g} MB",
                    f"rows of at most {most / 1e6:.2g} MB",
                    "remove the column of long texts",
                )
            end = max(begin + 1, int(np.searchsorted(ends, before + self.size, side="right")))
            yield table.slice(begin, end - begin)
            begin = end

    def _refuse_if_far_larger(self, size: float) -> None:
        on_disk = self.status.size
        if size > max(PLENTY, MOST_TIMES * on_disk):
            raise FileError(
                f"{self.path}: {size / 1e6:.3g} MB in memory, {on_disk / 1e6:.2g} MB on disk",
                f"a table that is at most {MOST_TIMES} times as large in memory",
                "hg.data.open_table, which reads it in chunks",
            )


def schema_of(schema: pa.Schema, path: Location, asked: TableOptions) -> pa.Schema:
    """Schema with distinct names, and with the categories that were asked for.

    String and binary views, which pyarrow hardly supports, become plain columns.
    """
    plain = {"string_view": pa.string(), "binary_view": pa.binary()}
    kinds = dict[str, pa.DataType]()
    names = [name.strip() for name in schema.names]
    refuse_twice(path, names)
    for i, (name, kind) in enumerate(zip(names, schema.types, strict=True), 1):
        if not name:
            raise DataError(
                f"{path}: column {i} has no name",
                "a name for each column",
                "name it, or drop it if it is an index: to_parquet(index=False) in pandas",
            )
        kinds[name] = plain.get(str(kind), kind)
        if name in asked.category:
            kinds[name] = pa.dictionary(pa.int32(), pa.string())
        elif name in (*asked.number, *asked.date) and pa.types.is_string(kind):
            raise DataError(
                f"{path}: column {name!r} as {'number' if name in asked.number else 'date'}, but "
                "it is text",
                "a file whose columns have the right types",
                "convert the column before the file is written, or use a CSV file",
            )
    return pa.schema(kinds.items())
