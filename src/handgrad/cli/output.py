"""What a command says: words for people, or one JSON object for machines; notes go to the side."""

from __future__ import annotations

import json
import math
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handgrad.cli.standard_output import told_if_unwritable
from handgrad.errors import HandgradError

if TYPE_CHECKING:
    from rich.console import Console


class Output:
    """Standard output for results, standard error for notes and progress.

    With `as_json`, standard output has one JSON object and nothing else. Progress is shown where
    standard error is a terminal only. `notes` are those told so far.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        from rich.console import Console

        from handgrad.cli.screen import Screen

        self.as_json, self.told, self.notes = as_json, set[str](), list[str]()
        self.console: Console = Screen(emoji=False, highlight=False, quiet=as_json)
        self.side: Console = Console(stderr=True, emoji=False, highlight=False)

    @property
    def shows_progress(self) -> bool:
        """Whether somebody looks on."""
        return self.side.is_terminal

    def say(self, *parts: Any) -> None:
        """Print a line; a pair (text, style) among the parts is styled, nothing is markup."""
        from rich.text import Text

        safe = [harmless(p) if isinstance(p, str) else (harmless(p[0]), p[1]) for p in parts]
        self.console.print(Text.assemble(*safe), soft_wrap=True)

    def note(self, text: str) -> None:
        """Tell something to watch out for, beside the result."""
        from rich.text import Text

        self.notes.append(text)
        self.side.print(Text(f"note: {harmless(text)}"), soft_wrap=True)

    def progress(self, text: str) -> None:
        """Tell what is being done, to those who look on."""
        if self.shows_progress:
            from rich.text import Text

            self.side.print(Text(text, style="dim"))

    def result(self, found: Any) -> None:
        """Print the one JSON object, if that is what was asked for."""
        if self.as_json and sys.stdout is not None:
            letters = "utf" in sys.stdout.encoding.lower()
            with told_if_unwritable():
                print(as_json(found, letters=letters), flush=True)

    def copy(self, path: Path) -> None:
        """Print the content of a file, byte for byte."""
        with told_if_unwritable(), path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()

    def error(self, error: HandgradError) -> None:
        """Tell what went wrong: on standard error, and as JSON if that is what was asked for."""
        from rich.text import Text

        self.side.print(Text(harmless(f"error: {error}")), soft_wrap=True)
        came = f"{error.where}: {error.came}" if error.where else error.came
        self.result({"error": {"came": came, "expected": error.expected, "try": error.hint}})

    @contextmanager
    def warnings_as_notes(self) -> Iterator[None]:
        """Warnings of the libraries become notes, each once."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            yield
        for text in (" ".join(str(warning.message).split()) for warning in caught):
            if text not in self.told:
                self.told.add(text)
                self.note(text)


def harmless(text: str) -> str:
    """The text, without characters that could steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def as_json(value: Any, *, letters: bool = True) -> str:
    """The value as JSON; what is not ASCII is escaped where there are to be no other letters.

    Bytes of file names that are not UTF-8 are escaped too.
    """
    text = json.dumps(plain(value), indent=1, ensure_ascii=not letters, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode()


def plain(value: Any) -> Any:
    """The value as JSON has it: no NumPy, no NaN, no infinity."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
