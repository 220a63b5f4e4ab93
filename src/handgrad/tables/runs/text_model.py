"""A language model's file: it goes on with a beginning, and is evaluated on texts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from handgrad.files import inspect, load
from handgrad.files.paths import as_path, kind_of
from handgrad.tables.data.files import PARQUET
from handgrad.tables.data.table_options import TableOptions, option
from handgrad.tables.runs.load_text import text_of
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.table_model import Evaluation, errors_name
from handgrad.tables.runs.text_run import TARGET, guessed, note_on_unknown, scores_of
from handgrad.textbook.errors import SettingError, not_negative

if TYPE_CHECKING:
    from handgrad.tables.estimators import LanguageModel


@dataclass(frozen=True)
class Writing:
    """What a language model wrote: `text` is `start` and what it went on with, by a `seed`."""

    start: str
    text: str
    seed: int


@dataclass(frozen=True)
class Writer:
    """A language model from the file `path`."""

    path: Path
    model: LanguageModel

    @classmethod
    def of(cls, path: str | Path) -> Self | None:
        """The language model in a file; None where that holds another model, or is none."""
        path = as_path(path)
        if kind_of(path) != "file" or path.suffix.lower() in (".csv", *PARQUET):
            return None
        if [estimator.name for estimator in inspect(path).estimators] != ["LanguageModel"]:
            return None
        return cls(path, cast("LanguageModel", load(path)))

    @classmethod
    def named(cls, path: str | Path) -> Self:
        """The language model in a file; refused where that holds another model."""
        if (writer := cls.of(path)) is None:
            raise SettingError(
                f"{path}, which is no language model",
                "a model that train makes of a text",
                f"handgrad predict {path} TABLE.csv, for a model of a table",
            )
        return writer

    def write(self, start: str, length: int, temperature: float, seed: int) -> Writing:
        """`start`, and what it writes after it."""
        not_negative("seed", seed)
        with errors_name(str(self.path)):
            text = self.model.write(start, length=length, temperature=temperature, rng=seed)
        return Writing(start, text, seed)

    def evaluate(self, data: str, asked: TableOptions, messages: Messages) -> Evaluation:
        """Its scores on the text of a file, beside those of guessing."""
        text, model = text_of(data, asked.encoding), self.model
        if unknown := model.unknown(text):
            messages.note(note_on_unknown(unknown))
        with errors_name(data):
            found = scores_of(model, text), guessed(model, text)
        return Evaluation(str(self.path), data, TARGET, "text", len(text) - 1, *found, [])


def refuse_of_tables(asked: TableOptions, **others: object) -> None:
    """Refuse what is said of tables, for a language model; how a text is encoded may be said."""
    words = {field.name: (getattr(asked, field.name), field.default) for field in fields(asked)}
    words |= {name: (value or None, None) for name, value in others.items()}
    for name, (value, usual) in words.items():
        if name == "encoding" or value in (usual, None, False, ()):
            continue
        if name == "data":
            raise SettingError(
                f"{value} as DATA, for a language model",
                "the beginning that it is to go on with",
                f"{option('start', 'the ')}; or handgrad evaluate, to judge it on that text",
            )
        first = value[0] if isinstance(value, list | tuple) else value
        raise SettingError(
            f"{option(name, first)}, for a language model",
            "what can be said of a text, which has neither columns nor rows",
            f"without {option(name)}",
        )


def refuse_of_texts(path: Path, data: str | None, start: str | None) -> None:
    """Refuse the start of a text, for a model that wants data."""
    if start is not None:
        raise SettingError(
            f"{option('start', start)}, for {path}, which is no language model",
            "a model that train makes of a text",
            f"without {option('start')}, and with a table",
        )
    if data is None:
        raise SettingError(
            f"{path} without DATA",
            "a table beside the model, or pictures, for a model of pictures",
            f"{path} TABLE.csv, or {path} FOLDER",
        )
