"""Data sets, tables in files, and splits."""

from typing import TYPE_CHECKING, Any

from handgrad.tables.data.pictures import Pictures, random_shift, read_pictures
from handgrad.tables.data.table_options import TableOptions
from handgrad.tables.data.texts import Characters, characters
from handgrad.tables.packages import require_packages
from handgrad.training.datasets import (
    BUNDLED,
    Dataset,
    load,
    make_blobs,
    make_circles,
    make_classification,
    make_line,
    make_moons,
    make_sine,
    make_spirals,
    make_xor,
    train_test_split,
)

if TYPE_CHECKING:
    from handgrad.tables.data.predictions import predict_table
    from handgrad.tables.data.table_stream import StreamedRows, TableStream
    from handgrad.tables.data.tables import open_table, read_table
    from handgrad.tables.data.time_series import windows

__all__ = [
    "BUNDLED",
    "Characters",
    "Dataset",
    "Pictures",
    "StreamedRows",
    "TableOptions",
    "TableStream",
    "characters",
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
    "random_shift",
    "read_pictures",
    "read_table",
    "train_test_split",
    "windows",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import the modules that load pyarrow on first use."""
        if name not in __all__:
            raise AttributeError(f"module 'handgrad.tables.data' has no attribute {name!r}")
        require_packages(name)
        from handgrad.tables.data import predictions, table_stream, tables, time_series

        modules = (predictions, table_stream, tables, time_series)
        return next(getattr(module, name) for module in modules if hasattr(module, name))


def __dir__() -> list[str]:
    return __all__
