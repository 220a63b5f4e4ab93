"""Tables in files with streams whose pieces are as small as a test wants them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

import handgrad as hg
from handgrad.tables.data.csv_file import CsvFile
from handgrad.tables.data.files import Location
from handgrad.tables.data.parquet_file import ParquetFile


def stream_of(*paths: Location, piece: int, memory: int = 10**9) -> hg.data.TableStream:
    """A stream of pieces of so many bytes; what trains with it keeps to `memory`."""
    sources: Sequence[Any] = [
        (ParquetFile if path.suffix == ".parquet" else CsvFile)(path, piece, lambda size: None)
        for path in paths
    ]
    return hg.data.TableStream.of(str(paths[0]), sources, memory)


def written(table: pa.Table, path: Path, group: int = 1000) -> Path:
    """The table in a file, of the kind that its name says."""
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=group)
    else:
        csv.write_csv(table, path)
    return path
