"""The values of a target in a table that is read in chunks, found by one pass through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from handgrad.base.errors import DataError
from handgrad.data import TableStream
from handgrad.data.files import Table
from handgrad.data.table_options import option
from handgrad.data.targets import Target, Task, is_text, target_cells, target_of
from handgrad.layers import Array

if TYPE_CHECKING:
    import pyarrow

MOST_CLASSES = 10_000


class TargetValues:
    """The different values of a target, the first ten thousand of them.

    How often each comes, and where first; of numbers the lowest and the highest too, whatever came
    before.
    """

    def __init__(self, stream: TableStream, name: str, task: Task | None) -> None:
        self.stream, self.name, self.task = stream, name, task
        self.type: pyarrow.DataType = None
        self.values: dict[object, list[int]] = {}  # how often, and the number of the first row
        self.ends: dict[str, tuple[float, object, int]] = {}
        self.is_full = False
        for piece in stream.chunks([name]):
            if not self._add(piece):
                break

    def target(self) -> Target:
        """The column as a target, with a value of each kind."""
        found = target_of(self.table(), self.name, self.task)
        if self.is_full and found.task == "classification":
            raise DataError(
                f"{self.stream.name}: the target {self.name!r} has more than {MOST_CLASSES:,} "
                "classes",
                "classes of which there are many rows each",
                f"{option('task', 'regression')}, if these are numbers; another "
                f"{option('target')}, if these are names",
            )
        return found

    def counts(self) -> list[int]:
        """How often each value of `table` comes."""
        return [n for _, n, _ in self._rows()]

    def table(self) -> Table:
        """A table with a row for each value, where it stands first."""
        import pyarrow as pa

        rows, stream = self._rows(), self.stream
        values = pa.table({self.name: pa.array([value for value, _, _ in rows], self.type)})
        numbers = np.asarray([row for _, _, row in rows])
        return Table(stream.name, stream.files, stream.rows_of_files, values, numbers)

    def _add(self, piece: Table) -> bool:
        """Look at a piece; False where no later one can tell more."""
        import pyarrow as pa

        cells = target_cells(piece, self.name)
        self.type = cells.type
        numbers = self.task == "regression" or not (
            is_text(cells.type) or pa.types.is_boolean(cells.type)
        )
        if numbers:
            self._add_ends(cells, piece)
        if self.is_full:
            return numbers
        encoded = cells.combine_chunks().dictionary_encode()
        codes = encoded.indices.to_numpy()
        firsts = np.zeros(len(encoded.dictionary), int)
        firsts[codes[::-1]] = np.arange(len(codes))[::-1]
        counts = np.bincount(codes, minlength=len(firsts))
        for value, n, row in zip(encoded.dictionary.to_pylist(), counts, firsts, strict=True):
            if value in self.values:
                self.values[value][0] += int(n)
            elif len(self.values) < MOST_CLASSES:
                self.values[value] = [int(n), int(piece.numbers[row])]
            else:
                self.is_full = True
        return numbers or not self.is_full

    def _add_ends(self, cells: pyarrow.ChunkedArray, piece: Table) -> None:
        values = target_of(piece, self.name, "regression").values
        for which, row in (("lowest", int(values.argmin())), ("highest", int(values.argmax()))):
            value, before = float(values[row]), self.ends.get(which)
            if before is None or (value < before[0] if which == "lowest" else value > before[0]):
                self.ends[which] = value, cells[row].as_py(), int(piece.numbers[row])

    def _rows(self) -> list[tuple[object, int, int]]:
        """Value, count and number of a row for each; those at the ends that are not among them."""
        among = [(value, n, row) for value, (n, row) in self.values.items()]
        ends = [(value, 2, row) for _, value, row in self.ends.values()]
        return [*among, *(end for end in ends if end[0] not in self.values)]


def values_like(target: Target, piece: Table) -> Array:
    """The target of a piece, as classes or numbers; whether all are whole is seen in all rows."""
    import pyarrow.types as types

    floats = types.is_floating(piece.columns[target.name].type)
    if target.task == "classification" and floats and target.values.dtype.kind == "U":
        return np.asarray([str(value) for value in target_cells(piece, target.name).to_pylist()])
    return target_of(piece, target.name, target.task).values
