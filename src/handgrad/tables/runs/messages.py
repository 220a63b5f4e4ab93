"""Messages of a run while it is under way."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handgrad.check.doctor import Finding
    from handgrad.tables.runs.load_series import SeriesSplit
    from handgrad.tables.runs.load_text import TextSplit
    from handgrad.tables.runs.training_table import TrainingTable

# Findings by which scores are not valid for new rows.
UNFIT = (
    "repeated groups",
    "near-duplicate rows",
    "dates within the training period",
    "target leakage",
    "near-identical pictures",
)


class Messages:
    """Messages of a run: notes are warnings, progress is not shown.

    The command line has a subclass that prints them.
    """

    shows_progress = False

    def table_loaded(self, table: TrainingTable) -> None:
        """Called when the table has been loaded."""
        self.note(*table.notes)

    def text_loaded(self, text: TextSplit) -> None:
        """Called when the text has been loaded."""

    def series_loaded(self, series: SeriesSplit) -> None:
        """Called when the series of a table have been loaded."""
        self.note(*series.table.notes)

    def progress(self, text: str) -> None:
        """Report the current step."""

    def note(self, *texts: str) -> None:
        """Issue notes, as warnings."""
        for text in texts:
            warnings.warn(text, stacklevel=2)

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Report findings on the rows: here only those by which the scores are not valid."""
        for finding in findings:
            if finding.problem in UNFIT:
                self.note(f"{finding.where}: {finding.evidence}")

    @contextmanager
    def warnings_as_notes(self) -> Iterator[None]:
        """Context in which warnings of libraries become notes."""
        yield


def plain(value: object) -> object:
    """Convert a value to what JSON can hold: no NumPy types, NaN or infinity."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def as_json(value: object, *, unicode: bool = True) -> str:
    """Format a value as JSON; without `unicode`, characters that are not ASCII are escaped.

    Bytes of file names that are not UTF-8 are always escaped.
    """
    text = json.dumps(plain(value), indent=1, ensure_ascii=not unicode, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode()
