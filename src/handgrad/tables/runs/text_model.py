"""Language models in files: generating text and evaluation."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from handgrad.files import load
from handgrad.tables.data.table_options import TableOptions, option
from handgrad.tables.runs.load_text import text_of
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.table_model import ModelEvaluation, errors_name, header_of
from handgrad.tables.runs.text_run import TARGET, guessed, note_on_unknown, scores_of
from handgrad.textbook.errors import SettingError, not_negative

if TYPE_CHECKING:
    from handgrad.tables.estimators import LanguageModel


@dataclass(frozen=True)
class Writing:
    """Generated text: `text` is `start` and its continuation, with the random `seed`."""

    start: str
    text: str
    seed: int


@dataclass(frozen=True)
class TextModel:
    """A language model loaded from the file `path`."""

    path: Path
    model: LanguageModel

    @classmethod
    def of(cls, path: str | Path) -> Self | None:
        """Load a language model; return None if the file has another model or none."""
        if (header := header_of(path, "LanguageModel")) is None:
            return None
        return cls(header.path, cast("LanguageModel", load(header.path)))

    @classmethod
    def named(cls, path: str | Path) -> Self:
        """Load a language model; raise an error if the file has another model."""
        if (writer := cls.of(path)) is None:
            raise SettingError(
                f"{path}, which is not a language model",
                "a model trained on a text",
                f"handgrad predict {path} TABLE.csv, for a model of a table",
            )
        return writer

    def write(self, start: str, length: int, temperature: float, seed: int) -> Writing:
        """Continue `start` by `length` characters."""
        not_negative("seed", seed)
        with errors_name(str(self.path)):
            text = self.model.write(start, length=length, temperature=temperature, rng=seed)
        return Writing(start, text, seed)

    def evaluate(self, data: str, asked: TableOptions, messages: Messages) -> ModelEvaluation:
        """Scores of the model and of the baseline on the text of a file."""
        text, model = text_of(data, asked.encoding), self.model
        if unknown := model.unknown(text):
            messages.note(note_on_unknown(unknown))
        with errors_name(data):
            scores, guessing = scores_of(model, text), guessed(model, text)
        n = len(text) - 1
        return ModelEvaluation(str(self.path), data, TARGET, "text", n, scores, guessing, [])


def refuse_of_tables(asked: TableOptions, **others: object) -> None:
    """Raise an error for options of tables, for a language model; the encoding is fine."""
    settings = {f.name: (getattr(asked, f.name), f.default) for f in fields(asked)}
    settings |= {name: (value or None, None) for name, value in others.items()}
    for name, (value, default) in settings.items():
        if name == "encoding" or value in (default, None, False, ()):
            continue
        if name == "data":
            raise SettingError(
                f"{value} as DATA, for a language model",
                "the text to explain",
                f"{option('start', 'the ')}; or handgrad evaluate, for scores on that text",
            )
        first = value[0] if isinstance(value, list | tuple) else value
        raise SettingError(
            f"{option(name, first)}, for a language model",
            "options for texts, which have no columns or rows",
            f"without {option(name)}",
        )


def refuse_of_texts(path: Path, data: str | None, start: str | None) -> None:
    """Raise an error for the start of a text, for a model that takes tables."""
    if start is not None:
        raise SettingError(
            f"{option('start', start)}, for {path}, which is not a language model",
            "a model trained on a text",
            f"without {option('start')}, and with a table",
        )
    if data is None:
        raise SettingError(
            f"{path} without DATA",
            "a table, or pictures for a picture classifier",
            f"{path} TABLE.csv, or {path} FOLDER",
        )
