"""The output of a command: text for people or one JSON object, and notes on standard error."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from handgrad import runs
from handgrad.base.errors import HandgradError
from handgrad.files import FileError, reason
from handgrad.runs import Messages, as_json

MOST_CLASSES_NAMED = 6
WRITTEN_OUT, TOO_LONG = 1e4, 1e15  # numbers between them are shown in all their digits


class Output(Messages):
    """Standard output for results, standard error for notes and progress.

    With `as_json`, standard output has one JSON object and nothing else. Progress is shown where
    standard error is a terminal only. `notes` are those told so far.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json, self.told, self.notes = as_json, set[str](), list[str]()
        self.console: Console = Screen(emoji=False, highlight=False, quiet=as_json)
        self.side: Console = Console(stderr=True, emoji=False, highlight=False)

    @property
    def shows_progress(self) -> bool:  # type: ignore[override]
        """Whether somebody looks on."""
        return self.side.is_terminal

    def say(self, *parts: str | tuple[str, str]) -> None:
        """Print a line; a pair (text, style) among the parts is styled, nothing is markup."""
        safe = [harmless(p) if isinstance(p, str) else (harmless(p[0]), p[1]) for p in parts]
        self.console.print(Text.assemble(*safe), soft_wrap=True)

    def table(
        self, headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False
    ) -> None:
        """Print a table; of `numbers` all columns but the first stand to the right."""
        table = Table()
        for i, heading in enumerate(headings):
            table.add_column(heading, justify="right" if numbers and i else "left")
        for row in rows:
            table.add_row(*(Text(harmless(cell)) for cell in row))
        self.console.print(table)

    def note(self, *texts: str) -> None:
        """Tell things to watch out for, beside the result."""
        self.notes += texts
        for text in texts:
            self.side.print(Text(f"note: {harmless(text)}"), soft_wrap=True)

    def began(self, table: runs.TrainingTable) -> None:
        """Show what is to be learned from, what is predicted, and why it was taken so."""
        d, target, values = len(table.feature_names), table.target, table.target.values
        columns = f"{table.n_rows:,} rows, {d} column{'s' * (d > 1)} to learn from"
        self.say((table.name, "bold"), f": {columns}{', read in pieces' * table.streamed}")
        classes = [str(name) for name in table.classes]
        what = f"{len(classes)} classes, {', '.join(classes[:MOST_CLASSES_NAMED])}"
        what += ", …" if len(classes) > MOST_CLASSES_NAMED else ""
        if not classes:
            what = f"a number, {figure(values.min())} to {figure(values.max())}"
        self.say(f"predicting {target.name}: {what} ({target.task}: {target.why})")
        for note in table.notes:
            self.say(f"note: {note}")

    def progress(self, text: str) -> None:
        """Tell what is being done, to those who look on."""
        if self.shows_progress:
            self.side.print(Text(text, style="dim"))

    def result(self, found: object) -> None:
        """Print the one JSON object, if that is what was asked for."""
        if self.as_json and sys.stdout is not None:
            letters = "utf" in sys.stdout.encoding.lower()
            with refused_if_unwritable():
                print(as_json(found, letters=letters), flush=True)

    def copy(self, path: Path) -> None:
        """Print the content of a file, byte for byte."""
        with refused_if_unwritable(), path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()

    def error(self, error: HandgradError) -> None:
        """Tell what went wrong: on standard error, and as JSON if that is what was asked for."""
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


def figure(value: float | str | None) -> str:
    """A score as people read it."""
    if isinstance(value, str):
        return value
    if value is None or np.isnan(value):
        return "–"
    return f"{value:,.0f}" if WRITTEN_OUT <= abs(value) < TOO_LONG else f"{value:.4g}"


def harmless(text: str) -> str:
    """The text, without characters that could steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


class Screen(Console):
    """Rich's console, whose output that cannot be written is refused as a file would be."""

    def print(self, *objects: object, **options: Any) -> None:
        """Print, at once."""
        with refused_if_unwritable():
            super().print(*objects, **options)


@contextmanager
def refused_if_unwritable() -> Iterator[None]:
    """A standard output that cannot be written to is refused as a file would be."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None:  # it was a file after all
            raise
        raise FileError(
            f"standard output could not be written: {reason(error)}",
            "somewhere to write to, with space left",
            "another place for it",
        ) from error
