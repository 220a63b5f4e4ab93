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
    from handgrad.tables.runs.load_text import TextToLearn
    from handgrad.tables.runs.training_table import TrainingTable

# Findings by which scores do not hold for new rows.
UNFIT = ("repeated groups", "dates between those learned", "target leakage")


class Messages:
    """What a run tells: notes are warnings, and progress is not shown.

    The command line has a class of its own, which writes them.
    """

    shows_progress = False

    def began(self, table: TrainingTable) -> None:
        """The table that is to be learned from has been read."""
        self.note(*table.notes)

    def began_text(self, text: TextToLearn) -> None:
        """The text that is to be learned from has been read."""

    def progress(self, text: str) -> None:
        """What is being done now."""

    def note(self, *texts: str) -> None:
        """Things to watch out for."""
        for text in texts:
            warnings.warn(text, stacklevel=2)

    def found(self, findings: Sequence[Finding]) -> None:
        """What the rows warn of: where scores do not hold for new rows, that is told at once."""
        for finding in findings:
            if finding.sickness in UNFIT:
                self.note(f"{finding.where}: {finding.evidence}")

    @contextmanager
    def warnings_as_notes(self) -> Iterator[None]:
        """Warnings of libraries within it are notes."""
        yield


def plain(value: object) -> object:
    """The value as JSON has it: no NumPy, no NaN, no infinity."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def as_json(value: object, *, letters: bool = True) -> str:
    """The value as JSON; what is not ASCII is escaped where there are to be no other letters.

    Bytes of file names that are not UTF-8 are escaped too.
    """
    text = json.dumps(plain(value), indent=1, ensure_ascii=not letters, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode()
