"""Data sets, tables in files, and splits."""

from handgrad.data.datasets import BUNDLED, Dataset, load, make_classification
from handgrad.data.predictions import predict_table
from handgrad.data.split import train_test_split
from handgrad.data.streamed_rows import StreamedRows
from handgrad.data.table_options import TableOptions
from handgrad.data.table_stream import TableStream, open_table
from handgrad.data.tables import read_table
from handgrad.data.toy import (
    make_blobs,
    make_circles,
    make_line,
    make_moons,
    make_sine,
    make_spirals,
    make_xor,
)

__all__ = [
    "BUNDLED",
    "Dataset",
    "StreamedRows",
    "TableOptions",
    "TableStream",
    "load",
    "make_blobs",
    "make_circles",
    "make_classification",
    "make_line",
    "make_moons",
    "make_sine",
    "make_spirals",
    "make_xor",
    "open_table",
    "predict_table",
    "read_table",
    "train_test_split",
]
