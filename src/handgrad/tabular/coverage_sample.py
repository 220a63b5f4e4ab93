"""A coverage sample: rows with the extremes, the gaps and each category of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.data.frames import Column, dates_in, numbers_in
from handgrad.data.targets import as_numbers

if TYPE_CHECKING:
    import pyarrow

# So many values of a column of text are looked for.
MOST_VALUES = 1000
READINGS = {"numbers": numbers_in, "dates": dates_in}


class CoverageSample:
    """For each column a row where it is missing, its smallest and largest number, each text of
    the first thousand, and a text that does not read as a number, or as a date.

    `rows` has a table of one row for each. A sample that these are added to has all that decides
    what a column is.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.rows: dict[tuple[str, ...], pyarrow.Table] = {}
        self.names = names
        self.texts: dict[str, set[str]] = {name: set() for name in names}
        self.ends: dict[tuple[str, str], Any] = {}
        self.reads = {(name, reading) for name in names for reading in READINGS}

    def look_at(self, frame: pyarrow.Table) -> None:
        """Look for such rows in a piece of the table."""
        import pyarrow.compute as pc
        import pyarrow.types as types

        for name in self.names:
            column = as_numbers(frame[name])
            if types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            missing = pc.is_null(column, nan_is_null=True)
            if types.is_string(column.type) or types.is_large_string(column.type):
                blank = pc.equal(pc.utf8_trim_whitespace(column), "")
                missing = pc.or_(missing, pc.fill_null(blank, fill_value=False))
                self._look_at_text(frame, name, column.filter(pc.invert(missing)), column)
            elif not (types.is_null(column.type) or types.is_nested(column.type)):
                self._look_at_ends(frame, name, column)
            if (name, "missing") not in self.rows:
                self._keep(frame, (name, "missing"), pc.index(missing, True).as_py())

    def _keep(self, frame: pyarrow.Table, what: tuple[str, ...], row: int) -> None:
        if row >= 0:
            self.rows[what] = frame.take([row])

    def _look_at_ends(self, frame: pyarrow.Table, name: str, column: pyarrow.ChunkedArray) -> None:
        import pyarrow.compute as pc
        import pyarrow.types as types

        if types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
        for which, end in pc.min_max(column).as_py().items():
            so_far = self.ends.get((name, which))
            if end is None or (so_far is not None and end == so_far):
                continue
            if so_far is None or (end > so_far) == (which == "max"):
                self.ends[name, which] = end
                self._keep(frame, (name, which), pc.index(column, end).as_py())

    def _look_at_text(
        self,
        frame: pyarrow.Table,
        name: str,
        there: pyarrow.ChunkedArray,
        column: pyarrow.ChunkedArray,
    ) -> None:
        import pyarrow.compute as pc

        reading = [name_of for name_of in READINGS if (name, name_of) in self.reads]
        known = self.texts[name]
        if len(known) >= MOST_VALUES and not reading:
            return
        texts = pc.unique(there).to_pylist()
        for text in [text for text in texts if text not in known][: MOST_VALUES - len(known)]:
            known.add(text)
            self._keep(frame, (name, text), pc.index(column, text).as_py())
        for name_of in reading:
            if not _reads(name_of, texts):
                odd = next(text for text in texts if not _reads(name_of, [text]))
                self.reads.remove((name, name_of))
                self._keep(frame, (name, name_of, "not"), pc.index(column, odd).as_py())


def _reads(name_of: str, texts: Sequence[str]) -> bool:
    values = np.array(texts, object)
    return READINGS[name_of](Column("text", values)) is not None
