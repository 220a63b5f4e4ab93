"""Loading a text and splitting it into a training and a held-out part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from handgrad.files.addresses import is_address
from handgrad.files.paths import kind_of, readable
from handgrad.tables.data.encodings import likely_encoding
from handgrad.tables.data.table_options import option
from handgrad.tables.data.texts import read_text
from handgrad.tables.runs.settings import OF_TEXTS, RunSettings, setting_beside
from handgrad.textbook.errors import DataError, FileError, SettingError

# Options for texts that an error names.
SOME_OF_TEXTS = ("tokens", "epochs", "batch_size", "learning_rate", "test_size")


@dataclass(frozen=True)
class TextSplit:
    """Text of a file, split into a training part and a held-out part, its end."""

    name: str
    files: tuple[Path, ...]
    learned: str
    held_out: str

    @classmethod
    def of(cls, settings: RunSettings) -> Self:
        """Load the text of the settings; settings for tables are an error."""
        data = settings.data
        if name := setting_beside(settings, OF_TEXTS):
            raise SettingError(
                f"{option(name, getattr(settings, name))}, for a text",
                "a table, or settings for texts: " + ", ".join(map(option, SOME_OF_TEXTS)),
                f"without {option(name)}; without {option('estimator', 'text')}, for a table",
            )
        if is_address(data) or kind_of(data) != "file":
            raise FileError(
                f"{data}: {'no such file' if not kind_of(data) else 'a folder'}"
                if not is_address(data)
                else f"{data}, on another filesystem",
                "a text file on this machine",
                "check the spelling and the current folder",
            )
        text = text_of(data, settings.encoding)
        end = len(text) - round(settings.test_size * len(text))
        if min(end, len(text) - end) < 2:
            raise DataError(
                f"{data}: a text of {len(text)} characters, {len(text) - end} of them held out",
                "a few thousand characters",
                "a longer text",
            )
        return cls(readable(Path(data).stem), (Path(data),), text[:end], text[end:])

    @property
    def held_out_in_words(self) -> str:
        """The held-out part, in words."""
        return f"the last {len(self.held_out):,} characters"

    @property
    def size_in_words(self) -> str:
        """Size of the text, in words."""
        return f"a text of {len(self.learned) + len(self.held_out):,} characters"


def text_of(data: str, encoding: str | None) -> str:
    """Read the text of a file, in `encoding` or the detected one."""
    try:
        return read_text(data, encoding)
    except FileError as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            likely = likely_encoding(error.__cause__.object)
            error.hint = f"{option('encoding', likely)}, for example, if the file has that encoding"
        raise
