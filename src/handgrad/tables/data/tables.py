"""Tables in files, opened to be read in chunks, or read whole."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Unpack, cast

import numpy as np
import pyarrow as pa

from handgrad.files.addresses import without_query
from handgrad.files.remote_files import RemoteFile
from handgrad.tables.data.arrow_file import ArrowFile
from handgrad.tables.data.csv_file import CsvFile
from handgrad.tables.data.files import (
    Location,
    Table,
    TableFile,
    check_asked,
    is_arrow,
    is_parquet,
    paths_of,
    status_of,
    stem_of,
)
from handgrad.tables.data.marked_values import stream_without_marked
from handgrad.tables.data.parquet_file import ParquetFile
from handgrad.tables.data.table_options import FOUND_OUT, TableOptions, TableWords, bytes_of
from handgrad.tables.data.table_stream import TableStream
from handgrad.textbook.errors import DataError, SettingError
from handgrad.training.datasets import Dataset
from handgrad.training.progress_bar import progress_bar

# Fraction of the memory for the columns of a chunk; growth of CSV values, a few bytes, to 8 bytes.
CHUNK, CSV_GROWS = 1 / 32, 4
SMALLEST_BLOCK = 2**12
AT_A_TIME = 8  # remote files opened in parallel


def read_table(
    source: str | Path,
    target: str,
    **options: Unpack[TableWords],
) -> Dataset:
    """Read a table in a file as a data set of numeric features and one target.

    All columns but `target` are features and must be numbers; for columns of any type use
    `TabularClassifier().fit(hg.data.open_table(source), target)`. A target of text, booleans or
    fewer than 20 distinct integers is taken as classes, any other as a number to predict.

    Files are CSV, Parquet, Arrow (Feather), JSON lines, spreadsheets (.xlsx, .xls, .ods) or SQLite
    databases. The format of a CSV file is inferred: the separator (comma, semicolon, tab, bar), the
    decimal sign, thousands separators, currency and per cent signs, the order of day and month, the
    encoding and the compression. A UserWarning reports what is unusual; `options` override it.

    Parameters
    ----------
    source : str or Path
        File, pattern such as `sales-*.csv` (files in the order of their names), or address.
    target : str
        Name of the target column.
    **options : fields of `hg.data.TableOptions`
        Format and column types, instead of inferred ones.

    Returns
    -------
    Dataset

    Raises
    ------
    FileError
        If a file cannot be read.
    DataError
        If the contents of a file are invalid.
    SettingError
        If an option is invalid.
    """
    asked = TableOptions(**options)
    stream = opened(source, asked, None, progress=False)
    check_asked(stream.name, stream.names, asked)
    stream = stream.with_target(target)
    if stream.notes:
        warnings.warn(f"{source}: {'; '.join(stream.notes)}", stacklevel=2)
    rows = stream.rows(target)
    name = stem_of(source, stream.files)
    return Dataset(name, *rows.in_memory(), rows.feature_names, target, rows.class_names)


def table_of(source: str | Path, asked: TableOptions = FOUND_OUT) -> Table:
    """Read the table in a file, or in all files that match a pattern, into memory.

    Spaces around column names are ignored. Files of a pattern come in the order of their names; all
    have the same columns, in any order. The format of a CSV file is inferred where `asked` leaves
    it open.
    """
    stream = opened(source, asked, None, progress=False)
    columns = pa.concat_tables([*stream] or [stream.schema.empty_table()])
    of_files = stream.files, stream.rows_of_files
    numbers = np.arange(stream.n_rows)
    return Table(stream.name, *of_files, columns, numbers, stream.notes, stream.date_order)


def open_table(
    files: str | Path | Sequence[str | Path],
    *,
    memory: str | int = "1 GB",
    progress: bool = False,
    **options: Unpack[TableWords],
) -> TableStream:
    """Open a table that may be larger than memory, read in chunks.

    Files are CSV, Parquet, Arrow (Feather), JSON lines, spreadsheets (.xlsx, .xls, .ods) or SQLite
    databases. A sheet of a spreadsheet is read into memory whole.

    The footer of a Parquet file has its number of rows; a CSV file is scanned once, to infer the
    types and to find malformed rows. The format of CSV files is inferred as in `read_table`; what
    was inferred is in `notes`, and is reported as a UserWarning. Compressed files, those in
    another encoding than UTF-8, JSON lines, sheets and databases are copied to the temporary folder
    while the stream is in use.

    A chunk takes at most 1/32 of `memory`. Training and prediction on the stream stay within it,
    if Python and its libraries, about 250 MB, leave room. Row groups of a Parquet file that are
    larger than a chunk are read in slices.

    A stream can be pickled: processes on nodes that see the same files read them without scanning
    them again, and refuse files that have changed.

    Parameters
    ----------
    files : str, Path, or sequence of these
        Files or patterns such as `sales-*.csv`, or addresses that pyarrow reads: `s3://`, `gs://`,
        `abfs://`, `hdfs://`, `file://`; all have the same columns, in any order.
    memory : str or int, default "1 GB"
        Memory of the process in all, in bytes or as text such as "500 MB".
    progress : bool, default False
        Whether a progress bar is shown while CSV files are scanned.
    **options : fields of `hg.data.TableOptions`
        Format and column types, instead of inferred ones.

    Returns
    -------
    TableStream

    Raises
    ------
    FileError
        If a file cannot be read.
    DataError
        If the contents of a file are invalid.

    Examples
    --------
    >>> import handgrad as hg, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "flowers.csv"
    ...     _ = path.write_text("width,kind\\n1.5,oak\\n2.5,ash\\n")
    ...     stream = hg.data.open_table(path, memory="100 MB")
    ...     stream.n_rows, stream.columns, [frame.num_rows for frame in stream]
    (2, {'width': 'double', 'kind': 'string'}, [2])
    """
    asked = TableOptions(**options)
    stream = opened(files, asked, bytes_of(memory), progress=progress)
    check_asked(stream.name, stream.names, asked)
    if stream.notes:
        warnings.warn(f"{stream.name}: {'; '.join(stream.notes)}", stacklevel=2)
    return stream


def opened(
    files: str | Path | Sequence[str | Path],
    asked: TableOptions,
    memory: str | int | None,
    *,
    progress: bool,
) -> TableStream:
    """The stream of `open_table`, before its notes are reported.

    With `memory=None` its chunks stay in memory.
    """
    size = sys.maxsize if memory is None else bytes_of(memory)
    chunk = None if memory is None else max(SMALLEST_BLOCK, int(size * CHUNK))
    csv_chunk = chunk and max(SMALLEST_BLOCK, chunk // CSV_GROWS)
    several = isinstance(files, Iterable) and not isinstance(files, str | bytes)
    names: list[Any] = [*cast("Iterable[Any]", files)] if several else [files]
    if not names:
        raise SettingError("no files", "one at least", "hg.data.open_table('data.parquet')")
    paths = tuple(path for name in names for path in paths_of(name))
    megabytes = sum(status_of(path).size for path in paths) / 1e6
    with progress_bar(megabytes, "MB read", shown=progress) as advance:

        def note(size: int) -> None:
            advance(more=size / 1e6)

        if all(isinstance(path, RemoteFile) and is_parquet(path) for path in paths):
            sources = _looked_into_together(paths, chunk, note, asked)
        else:
            sources = [
                ParquetFile(path, chunk, note, asked)
                if is_parquet(path)
                else ArrowFile(path, chunk, note, asked)
                if is_arrow(path)
                else CsvFile(path, csv_chunk, note, asked)
                for path in paths
            ]
    first = without_query(str(names[0]))
    name = first if len(names) == 1 else f"{first} and {len(names) - 1} more"
    stream = TableStream.of(name, sources, size)
    texts = [source.columns.marked for source in sources if isinstance(source, CsvFile)]
    stream = stream_without_marked(stream, asked, texts)
    if memory is not None and not stream.n_rows:
        raise DataError(
            f"{name}: 0 rows, {len(stream.names)} columns", "at least one row", "check the file"
        )
    return stream


def _looked_into_together(
    paths: Sequence[Location], chunk: int | None, note: Callable[[int], None], asked: TableOptions
) -> list[TableFile]:
    """Open remote Parquet files in parallel: most of the time is latency."""
    sources = list[TableFile]()
    with ThreadPoolExecutor(AT_A_TIME, "looking into files") as threads:
        for source in threads.map(lambda p: ParquetFile(p, chunk, lambda _: None, asked), paths):
            note(source.status.size)
            sources.append(source)
    return sources
