"""Loading a text, in the part to learn from and the one that is held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from handgrad.files.addresses import is_address
from handgrad.files.paths import kind_of, readable
from handgrad.tables.data.encodings import likely_encoding
from handgrad.tables.data.table_options import option
from handgrad.tables.data.texts import read_text
from handgrad.tables.runs.settings import RunSettings, said_of_tables
from handgrad.textbook.errors import DataError, FileError, SettingError


@dataclass(frozen=True)
class TextToLearn:
    """A text of a file, in the part that is learned from and the one that is held out, its last."""

    name: str
    files: tuple[Path, ...]
    learned: str
    held_out: str

    @classmethod
    def of(cls, settings: RunSettings) -> Self:
        """The text that settings name; what is said of tables is refused."""
        data = settings.data
        if said := said_of_tables(settings):
            raise SettingError(
                f"{option(said, getattr(settings, said))}, for a text",
                "a table, or settings of a text: "
                + ", ".join(map(option, ("epochs", "batch_size", "learning_rate", "test_size"))),
                f"without {option(said)}; without {option('estimator', 'text')}, for a table",
            )
        if is_address(data) or kind_of(data) != "file":
            raise FileError(
                f"{data}: {'no such file' if not kind_of(data) else 'a folder'}"
                if not is_address(data)
                else f"{data}, on another filesystem",
                "a text file on this machine",
                "check the spelling, and the folder you are in",
            )
        text = text_of(data, settings.encoding)
        end = len(text) - round(settings.test_size * len(text))
        if min(end, len(text) - end) < 2:
            raise DataError(
                f"{data}: a text of {len(text)} letters, {len(text) - end} of them held out",
                "a few thousand letters",
                "a longer text",
            )
        return cls(readable(Path(data).stem), (Path(data),), text[:end], text[end:])

    @property
    def size_in_words(self) -> str:
        """How much there is to learn from."""
        return f"a text of {len(self.learned) + len(self.held_out):,} letters"


def text_of(data: str, encoding: str | None) -> str:
    """The text of a file in the encoding that is said, or that its bytes show."""
    try:
        return read_text(data, encoding)
    except FileError as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            likely = likely_encoding(error.__cause__.object)
            error.hint = f"{option('encoding', likely)}, for example, if the file is in that"
        raise
