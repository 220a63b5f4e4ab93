"""The error for a line of a page that cannot be recorded."""

import linecache
from pathlib import Path

from handgrad.base.errors import RecordingError
from handgrad.graph.nodes import Origin


def refusal(origin: Origin, does: str, expected: str, hint: str) -> RecordingError:
    """The error for a line that cannot be recorded."""
    code = linecache.getline(origin.file, origin.line).strip()
    return RecordingError(
        f"{Path(origin.file).name}:{origin.line}, `{code}`, {does}", expected, hint
    )
