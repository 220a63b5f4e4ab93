"""Comparison of two tables: what it found, in the order that its page and its output show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from handgrad.check.doctor import Finding
from handgrad.tables.inspection.drift import ColumnDrift, Drift


@dataclass(frozen=True)
class TableComparison:
    """Comparison of a table `new` with an `old` one, or with the data of a run.

    `rows` are the numbers of rows, new and old, of which at most 20 000 each are compared. `auc` is
    the ROC AUC of a small model that tells new rows from old ones, ½ if it cannot; None for too few
    rows. `scores` are those of the run's model on the new rows and on its held-out rows, if the new
    table has the target.
    """

    new: str
    old: str
    rows: tuple[int, int]
    drift: Drift
    auc: float | None
    scores: Mapping[str, Mapping[str, float]]

    def recorded(self) -> dict[str, object]:
        """The comparison as JSON."""
        return {
            "new": self.new,
            "old": self.old,
            "rows": {"new": self.rows[0], "old": self.rows[1]},
            "auc": self.auc,
            "scores": dict(self.scores),
            "columns": [asdict(column) for column in self.drift.columns],
            "findings": [vars(finding) for finding in self.drift.findings],
        }

    @property
    def by_drift(self) -> list[ColumnDrift]:
        """Columns that both tables have, the largest distance first."""
        return sorted(self.drift.columns, key=lambda column: -(column.distance or 0))

    @property
    def different(self) -> list[ColumnDrift]:
        """Columns with a finding, the largest distance first."""
        return [column for column in self.by_drift if self.findings_of(column)]

    @property
    def alike(self) -> list[ColumnDrift]:
        """Columns without a finding, the largest distance first."""
        return [column for column in self.by_drift if not self.findings_of(column)]

    def findings_of(self, column: ColumnDrift) -> list[Finding]:
        """Findings on one column."""
        return [finding for finding in self.drift.findings if finding.where == column.place]

    @property
    def other_findings(self) -> list[Finding]:
        """Findings on the tables as a whole, and on columns that cannot be compared."""
        places = {column.place for column in self.drift.columns}
        return [finding for finding in self.drift.findings if finding.where not in places]

    def count(self, *problems: str) -> int:
        """Number of findings of these problems."""
        return sum(finding.problem in problems for finding in self.drift.findings)
