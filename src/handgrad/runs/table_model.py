"""An estimator from a model file, with what the file says of the table that it learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self, TypedDict, cast

from handgrad.base.errors import DataError, HandgradError, SettingError
from handgrad.data import TableOptions, predict_table
from handgrad.data.columns import check_asked
from handgrad.data.files import PARQUET, Table, listed
from handgrad.data.table_options import DATE_ORDERS, DateOrder, option
from handgrad.data.tables import opened
from handgrad.data.targets import Task, is_text
from handgrad.files import kind_of
from handgrad.net import Net
from handgrad.runs.load_table import read_table_named, refuse_joined
from handgrad.runs.messages import Messages
from handgrad.runs.scores import Predictor
from handgrad.runs.training_table import TrainingTable
from handgrad.saving import inspect, load

MODEL = "model.safetensors"


class Reading(TypedDict):
    """How the columns of a table were read, by their names."""

    date_order: DateOrder | None
    category: list[str]
    number: list[str]
    date: list[str]


@dataclass(frozen=True, kw_only=True)
class OptionsOfModel(TableOptions):
    """Options for reading a table as the one that a model learned from."""

    of_model: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        return self.of_model


@dataclass(frozen=True)
class TableModel:
    """An estimator of tables from the file `path`, which says what it predicts."""

    path: Path
    estimator: Predictor
    target: str | None
    task: Task
    classes: list[object]
    reading: Reading

    @classmethod
    def of(cls, path: Path) -> Self:
        """The model in a file; refused where that takes no tables."""
        if kind_of(path) == "folder" or path.suffix.lower() in (".csv", *PARQUET):
            inside = kind_of(path / MODEL) == "file"
            raise SettingError(
                f"{path} as MODEL, {'a table' if path.suffix else 'a folder'}",
                "the file of a model, and after it a table",
                str(path / MODEL)
                if inside
                else f"runs/NAME-1/{MODEL}, which handgrad train writes",
            )
        about, model = inspect(path).about, load(path)
        if isinstance(model, Net) or not hasattr(model, "predict"):
            raise SettingError(
                f"{path}: {model!r}, which takes numbers, not tables",
                "a model with its preprocessing, as handgrad train writes it",
                "hg.load(path).predict(x) in Python, for a net",
            )
        classes = model.classes_.tolist() if hasattr(model, "classes_") else []
        about = about if isinstance(about, dict) else {}
        task: Task = "classification" if classes else "regression"
        return cls(path, model, about.get("target"), task, classes, _reading(about.get("reading")))

    def options(self, asked: TableOptions) -> TableOptions:
        """How a table is to be read: as is asked, else as that of the training was."""
        named = {*asked.category, *asked.number, *asked.date}
        before = {
            word: [name for name in names if name not in named]
            for word, names in self._columns().items()
        }
        words = {field.name: getattr(asked, field.name) for field in fields(TableOptions)}
        return OptionsOfModel(
            **words
            | {word: (*words[word], *names) for word, names in before.items()}
            | {"date_order": asked.date_order or self.reading["date_order"]},
            of_model=(*self.reading["number"], *self.reading["date"]),
        )

    def read(self, data: str, asked: TableOptions) -> Table:
        """A table in memory, read as that of the training."""
        table = read_table_named(data, self.options(asked))
        check_asked(data, table.names, asked)
        return table

    def predict(
        self,
        data: str,
        to: Path,
        asked: TableOptions,
        *,
        probabilities: bool,
        keep: Sequence[str],
        memory: str,
        messages: Messages,
    ) -> int:
        """Write what is predicted for a table to the file `to`, as `hg.predict_table` does.

        The number of rows.
        """
        if probabilities and not self.classes:
            raise SettingError(
                f"{option('probabilities', True)}, of {self.path}, which predicts a number",
                "a model that predicts classes",
                f"without {option('probabilities')}",
            )
        progress = messages.shows_progress
        table = opened(data, self.options(asked), memory, progress=progress)
        check_asked(data, table.names, asked)
        for note in table.notes:
            messages.note(note)
        refuse_joined("keep", keep, table.names)
        words: dict[str, bool] = {"probabilities": probabilities, "progress": progress}
        with messages.warnings_as_notes(), errors_name(data):
            predict_table(self.estimator, table, to=to, keep=keep, **words)
        known = getattr(self.estimator, "feature_names_in_", table.names)
        known = {*map(str, known), *keep, self.target}
        if more := [name for name in table.names if name not in known]:
            messages.note(f"columns that were not there in training are ignored: {listed(more)}")
        return table.n_rows

    def _columns(self) -> dict[str, list[str]]:
        reading = self.reading
        return {name: reading[name] for name in ("category", "number", "date")}


def reading_of(table: TrainingTable, asked: TableOptions) -> Reading:
    """What a model has to remember of how the columns of its table were read."""
    schema = table.table.schema
    names = [*table.feature_names, table.target.name]
    texts = [name for name in names if is_text(schema.field(name).type)]
    return {
        "date_order": table.table.date_order or asked.date_order,
        "category": [*dict.fromkeys([*asked.category, *texts])],
        "number": [*asked.number],
        "date": [*asked.date],
    }


def _reading(said: object) -> Reading:
    """What a file says of how columns are read; anything may stand there."""
    said = said if isinstance(said, dict) else {}

    def names(word: str) -> list[str]:
        found = said.get(word)
        return [n for n in found if isinstance(n, str)] if isinstance(found, list) else []

    order = said.get("date_order")
    return {
        "date_order": cast("DateOrder", order) if order in [*DATE_ORDERS] else None,
        "category": names("category"),
        "number": names("number"),
        "date": names("date"),
    }


@contextmanager
def errors_name(data: str, table: Table | None = None) -> Iterator[None]:
    """Errors from within it are told with the table, and the place of a row of it."""
    try:
        yield
    except HandgradError as error:
        if table is not None and isinstance(error, DataError) and error.row is not None:
            error.put_at(table.place(error.row))
        if not error.where and data not in error.came:
            error.where = data
        raise
