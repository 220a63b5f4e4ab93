"""A sample of the rows with their targets, for checks of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from handgrad.files.features import Column
from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.checklist import SkippedCheckError
from handgrad.tables.reporting.scores import ScoredRows
from handgrad.textbook.layers import Array

ROWS_COMPARED, FEWEST_ROWS = 2000, 20


@dataclass(frozen=True)
class TargetSample:
    """Some rows in random order, with the target `t`: class indices or numbers.

    Held-out and training rows are treated the same. `parts` are the columns of both.
    """

    t: Array
    class_names: tuple[str, ...]
    parts: Mapping[str, Sequence[Column]]
    order: Array

    @classmethod
    def of(cls, sides: Sequence[ScoredRows]) -> TargetSample:
        """Sample of held-out and training rows."""
        ends = np.cumsum([len(side) for side in sides])
        drawn = np.sort(np.random.default_rng(0).permutation(ends[-1])[:ROWS_COMPARED])
        places = np.split(drawn, np.searchsorted(drawn, ends[:-1]))
        rows = [part - end for part, end in zip(places, [0, *ends], strict=False)]
        some = [(side, part) for side, part in zip(sides, rows, strict=True) if len(part)]
        t = np.concatenate([side.y[part] for side, part in some])
        order = np.random.default_rng(1).permutation(len(t))  # independent of that of the rows
        tables = [IndexedTable(side.table.take(part)).columns() for side, part in some]
        parts = {name: [table[name] for table in tables] for name in tables[0]}
        return cls(t[order], sides[0].class_names, parts, order)

    def check_size(self) -> None:
        """Raise a SkippedCheckError if the rows are too few to compare columns with the target."""
        if len(self.t) < FEWEST_ROWS:
            raise SkippedCheckError(f"fewer than {FEWEST_ROWS} rows")
        if len(np.unique(self.t)) < 2:
            raise SkippedCheckError("the target is constant")

    def is_text(self, name: str) -> bool:
        """Return True if a column has text."""
        return any(part.kind == "text" for part in self.parts[name])

    def values(self, name: str) -> Array:
        """Values of a column as numbers, (n,); NaN if missing."""
        parts = self.parts[name]
        if not self.is_text(name):
            return np.concatenate([part.values.astype(float) for part in parts])[self.order]
        missing = np.concatenate([part.missing for part in parts])
        texts = np.concatenate([part.values.astype(str) for part in parts])
        codes = np.unique(texts, return_inverse=True)[1].astype(float)
        return np.where(missing, np.nan, codes)[self.order]

    def texts(self, name: str) -> list[str]:
        """Texts of a column, (n,); '' if missing."""
        cells = np.concatenate([part.values.astype(object) for part in self.parts[name]])
        return ["" if cell is None else str(cell) for cell in cells[self.order]]
