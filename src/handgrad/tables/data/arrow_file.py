"""Arrow files, also called Feather: record batches, read in slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from pyarrow import ipc

from handgrad.tables.data.files import Location, Part, TableFile, arrow_file, as_types, status_of
from handgrad.tables.data.parquet_file import BROKEN, schema_of
from handgrad.tables.data.table_options import FOUND_OUT, TableOptions
from handgrad.textbook.errors import FileError

MAGIC = b"ARROW1"


class ArrowFile(TableFile):
    """Arrow file in parts: its record batches, read in slices of about `size` bytes.

    With `size=None` a batch is read whole. A file in the stream format is one part.
    """

    def __init__(
        self,
        path: Location,
        size: int | None,
        note: Callable[[int], object],
        asked: TableOptions = FOUND_OUT,
    ) -> None:
        self.path, self.place, self.status = path, path.absolute(), status_of(path)
        self.size, self.notes, self.parts = size, [], []
        batches = self._batches()
        names_only = next(batches)
        rows, before = [batch.num_rows for batch in batches], 0
        self.schema = schema_of(names_only.schema, path, asked)
        self.own_names = dict(zip(self.schema.names, names_only.column_names, strict=True))
        for i, n in enumerate(rows if self.in_batches else [sum(rows)]):
            if n:
                self.parts.append(Part(i, i + 1, n, before))
            before += n
        note(self.status.size)

    def _batches(self, first: int | None = None) -> Iterator[pa.Table]:
        """A table without rows, then each record batch, or only that with the number `first`."""
        try:
            with arrow_file(self.path) as file:
                self.in_batches = file.read(len(MAGIC)) == MAGIC
                file.seek(0)
                reader = ipc.open_file(file) if self.in_batches else ipc.open_stream(file)
                yield reader.schema.empty_table()
                if self.in_batches:
                    every = range(reader.num_record_batches) if first is None else [first]
                    batches = map(reader.get_batch, every)
                else:
                    batches = iter(reader)
                for batch in batches:
                    batch.validate(full=True)
                    yield pa.Table.from_batches([batch])
        except BROKEN as error:
            raise FileError(
                f"{self.path}: {str(error).splitlines()[0]}",
                "a whole Arrow file, also called Feather",
                "check that it was copied whole",
            ) from error

    def _read(self, part: Part, columns: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
        own = [self.own_names[name] for name in columns]
        for batch in self._batches(part.begin if self.in_batches else None):
            table = batch.select(own).rename_columns(list(columns))
            rows = max(1, table.num_rows)
            if self.size is not None:
                rows = max(1, int(self.size * rows / max(1, table.nbytes)))
            for begin in range(0, table.num_rows, rows):
                yield as_types(table.slice(begin, rows), schema)
