"""Models of tables and pictures in files: prediction and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Self, cast

import pyarrow as pa

from handgrad.files import inspect, load
from handgrad.files.inspection import ModelFile
from handgrad.files.paths import as_path, kind_of
from handgrad.tables.data import TableOptions, TableStream, predict_table
from handgrad.tables.data.files import TABLES, Table, check_asked, check_columns, listed
from handgrad.tables.data.picture_folders import has_pictures
from handgrad.tables.data.pictures import ALL_LEVELS, Levels
from handgrad.tables.data.spellings import (
    Spellings,
    respelled,
    spellings_from,
    stream_respelled,
)
from handgrad.tables.data.table_options import DATE_ORDERS, DateOrder, Task, option
from handgrad.tables.data.tables import opened
from handgrad.tables.data.targets import Target
from handgrad.tables.inspection.coverage import CoverageRecord as CoverageRecord
from handgrad.tables.inspection.coverage import QuantileRecord as QuantileRecord
from handgrad.tables.runs.contribution_columns import contribution_columns
from handgrad.tables.runs.load_table import read_table_named, refuse_joined
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.models import ClassScores, Scores
from handgrad.tables.runs.pictures import Shape, pictures_for, pictures_named, predict_pictures
from handgrad.tables.runs.record import MODEL, models_in, predicted_name
from handgrad.tables.runs.row_roles import exposure_in, with_events
from handgrad.textbook.errors import DataError, HandgradError, SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.training.results import Classifier, Predictor

# Rows of a table that a row is compared with, before they are thinned out.
MOST_COMPARED = 2000
KINDS = ("category", "number", "date")


@dataclass(frozen=True, kw_only=True)
class OptionsOfModel(TableOptions):
    """Options for reading a table like the training table of a model."""

    of_model: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    @property
    def of_a_training(self) -> bool:
        return False

    @property
    def names_of_model(self) -> tuple[str, ...]:
        return self.features

    @property
    def known(self) -> tuple[str, ...]:
        return self.of_model


@dataclass(frozen=True)
class Reading:
    """Options by which the training table of a model was read; `columns` are names by kind."""

    date_order: DateOrder | None
    header_row: int | None
    missing: tuple[str, ...]
    columns: dict[str, list[str]]

    @classmethod
    def of(cls, entry: Mapping[str, object]) -> Self:
        """Options in the metadata of a model file, which may be any JSON."""
        order, line = entry.get("date_order"), entry.get("header_row")
        return cls(
            cast("DateOrder", order) if order in [*DATE_ORDERS] else None,
            line if isinstance(line, int) and line > 0 else None,
            tuple(_names(entry.get("missing"))),
            {kind: _names(entry.get(kind)) for kind in KINDS},
        )

    def options(self, asked: TableOptions, features: Iterable[str]) -> TableOptions:
        """Options for reading a table with the `features`: those in `asked`, else these."""
        named = {*asked.category, *asked.number, *asked.date}
        options = vars(asked) | {"date_order": asked.date_order or self.date_order}
        for kind, names in self.columns.items():
            options[kind] = (*options[kind], *(name for name in names if name not in named))
        options["missing"] = (*asked.missing, *self.missing)
        if asked.header and asked.header_row is None and self.header_row:
            options["header_row"] = self.header_row
            options["features"] = tuple(map(str, features))
        return OptionsOfModel(**options, of_model=(*self.columns["number"], *self.columns["date"]))


def header_in(path: str | Path) -> ModelFile | None:
    """Header of a model file; None for a table, a folder, or no file."""
    path = as_path(path)
    return inspect(path) if kind_of(path) == "file" and path.suffix.lower() not in TABLES else None


def header_of(path: str | Path, estimator: str) -> ModelFile | None:
    """Header of a model file with one estimator of this name; None for others and for tables."""
    header = header_in(path)
    names = [] if header is None else [one.name for one in header.estimators]
    return header if names == [estimator] else None


def reading_in(about: object) -> Mapping[str, object]:
    """Description of how the training table was read, in the metadata of a model file."""
    entry = about.get("reading") if isinstance(about, dict) else None
    return entry if isinstance(entry, dict) else {}


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers about each row of a table beside its prediction; see `hg.data.predict_table`.

    `explain` are the contributions of the columns, compared with the rows of `background`.
    """

    probabilities: bool = False
    keep: tuple[str, ...] = ()
    explain: bool = False
    background: str | None = None
    interval: float | None = None
    sets: float | None = None
    allow_missing_columns: bool = False


@dataclass(frozen=True)
class TableModel:
    """An estimator of tables or pictures, loaded from the file `path`, with its metadata.

    `spellings` are those of the texts of the training table, if they were merged; `levels` are the
    pixel values scaled to 0 and 1, for files of more than 8 bits. `positive` is the index of the
    positive class of two, `exposure` the column of exposures, by which rates are predicted, and
    `event` that which says whether a time is that of an event. `not_features` are columns of the
    training table that were left out, or had another role.
    """

    path: Path
    estimator: Predictor
    target: str | None
    task: Task
    classes: list[object]
    reading: Reading
    spellings: Spellings
    levels: Levels
    positive: int | None
    exposure: str | None = None
    event: str | None = None
    not_features: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Self:
        """Load a model; raise an error if it does not take tables or pictures."""
        if kind_of(path) == "folder" or path.suffix.lower() in TABLES:
            files = [path / MODEL, *models_in(path).values()]
            file = next((str(file) for file in files if kind_of(file) == "file"), "")
            raise SettingError(
                f"{path} as MODEL, {'a table' if path.suffix else 'a folder'}",
                "a model file, and after it a table",
                file or f"runs/NAME-1/{MODEL}, written by handgrad train",
            )
        about, model = inspect(path).about, load(path)
        if hasattr(model, "write"):
            raise SettingError(
                f"{path}, a language model",
                "a model of a table or of pictures",
                f"handgrad write {path} --start 'the '",
            )
        if hasattr(model, "backtest"):
            raise SettingError(
                f"{path}, a forecaster, which takes series",
                "a model whose rows are predicted one by one",
                f"handgrad predict {path}, for forecasts",
            )
        if isinstance(model, Net) or not hasattr(model, "predict"):
            raise SettingError(
                f"{path}: {model!r}, which takes arrays, not tables",
                "a model with its preprocessing, written by handgrad train",
                "hg.load(path).predict(x) in Python, for a net",
            )
        classes = model.classes_.tolist() if hasattr(model, "classes_") else []
        about = about if isinstance(about, dict) else {}
        task: Task = "classification" if classes else "regression"
        reading = reading_in(about)
        return cls(
            path,
            model,
            about.get("target"),
            task,
            classes,
            Reading.of(reading),
            _spellings(reading.get("spellings")),
            _levels(reading.get("levels")),
            positive_in(model, classes, about.get("positive")),
            _name(about.get("exposure")),
            _name(about.get("event")),
            tuple(_names(about.get("not_features"))),
        )

    @property
    def shape(self) -> Shape | None:
        """Shape of the input pictures; None for a model of tables."""
        return getattr(self.estimator, "shape", None)

    @property
    def predicted(self) -> str | None:
        """Name of what is predicted: the target, or its rate; None if it has no name."""
        return None if self.target is None else predicted_name(self.target, self.exposure)

    @property
    def beside_features(self) -> set[str | None]:
        """Columns of the training table that are no features, among them the target."""
        return {self.target, self.exposure, self.event, *self.not_features}

    def rates(self, table: Table, y: Array) -> tuple[Array, Array | None]:
        """Targets of the rows of a table, and their weights: with an exposure, rates and it.

        With a column of events the targets are signed times.
        """
        if self.event is not None:
            check_columns(table.source, table.names, self.event)
            times = Target(str(self.target), self.task, "", y)
            return with_events(table, times, self.event).values, None
        if self.exposure is None:
            return y, None
        check_columns(table.source, table.names, self.exposure)
        exposure = exposure_in(table, self.exposure)
        return y / exposure, exposure

    def read(self, data: str, asked: TableOptions) -> Table:
        """Read a table, or a folder of pictures by class, like the training data."""
        if self.shape:
            return pictures_for(self.shape, self.levels, data)
        self._refuse_pictures(data)
        table = read_table_named(data, self.options(asked))
        return table.with_columns(respelled(table.columns, self.spellings))

    def _refuse_pictures(self, data: str) -> None:
        if has_pictures(data):
            raise SettingError(
                f"{data}, a folder of pictures, for {self.path}, which takes tables",
                "a table with the columns of the training table",
                f"a model trained on the folder without {option('estimator')}",
            )

    def background(
        self, data: str | Path | None, asked: TableOptions, usual: pa.Table
    ) -> pa.Table | None:
        """Rows to compare a row with: a table by name, or else `usual`, if that has several.

        With the columns that the model takes; None for pictures.
        """
        if self.shape:
            if data is None:
                return None
            raise SettingError(
                f"{option('background', str(data))}, for pictures",
                "a model of tables, whose columns contribute",
                f"without {option('background')}",
            )
        table = usual if data is None else self.read(str(data), asked).columns
        if len(table) < 2 and data is None:
            return None
        known = [*map(str, getattr(self.estimator, "feature_names_in_", table.column_names))]
        check_columns(str(data or self.path), table.column_names, *known)
        return table.select(known)

    def options(self, asked: TableOptions) -> TableOptions:
        """Options for reading a table: those in `asked`, else those of the training table."""
        return self.reading.options(asked, getattr(self.estimator, "feature_names_in_", ()))

    def _opened(
        self, data: str, asked: TableOptions, memory: str, *, progress: bool
    ) -> TableStream:
        table = opened(data, self.options(asked), memory, progress=progress)
        return stream_respelled(table, self.spellings)

    def predict(
        self,
        data: str,
        to: Path,
        asked: TableOptions,
        answers: Answers,
        memory: str,
        messages: Messages,
    ) -> int:
        """Write the answers for a table to the file `to`; return the number of rows."""
        if answers.probabilities and not self.classes:
            raise SettingError(
                f"{option('probabilities', True)}, of {self.path}, which predicts a number",
                "a model that predicts classes",
                f"without {option('probabilities')}",
            )
        if answers.background is not None and not answers.explain:
            raise SettingError(
                f"{option('background', answers.background)} without {option('explain')}",
                "rows to compare with, for contributions",
                f"{option('explain')} {option('background', answers.background)}",
            )
        if self.shape:
            files = pictures_named(data)
            _refuse_for_pictures(answers)
            model = cast("Classifier", self.estimator)
            return predict_pictures(
                model, self.shape, self.levels, files, to, probabilities=answers.probabilities
            )
        self._refuse_pictures(data)
        table = self._opened(data, asked, memory, progress=messages.shows_progress)
        check_asked(data, table.names, asked)
        messages.note(*table.notes)
        refuse_joined("keep", answers.keep, table.names)
        with messages.warnings_as_notes(), errors_name(data):
            further: Callable[[pa.Table], pa.Table] | None = None
            if answers.explain:
                first = next(table.chunks(table.names)).columns.slice(0, MOST_COMPARED)
                others = self.background(answers.background, asked, first)
                further = partial(contribution_columns, self.estimator, others, table.name)
            predict_table(
                self.estimator,
                table,
                to=to,
                probabilities=answers.probabilities,
                keep=answers.keep,
                further=further,
                allow_missing_columns=answers.allow_missing_columns,
                interval=answers.interval,
                sets=answers.sets,
                progress=messages.shows_progress,
            )
        messages.note(*self._notes_on(table.names, answers.keep))
        return table.n_rows

    def _notes_on(self, names: Sequence[str], keep: Sequence[str]) -> Iterator[str]:
        """Notes on predictions for a table with columns of these `names`."""
        if self.exposure is not None:
            rates = f"predictions are rates, {self.predicted}"
            yield f"{rates}: times {self.exposure!r} they are totals"
        if self.event is not None:
            yield (
                "predictions are restricted mean times, none of which is longer than the time of "
                "the last event in training"
            )
        known = getattr(self.estimator, "feature_names_in_", names)
        known = {*map(str, known), *keep, *self.beside_features}
        if more := [name for name in names if name not in known]:
            yield f"columns that training did not have are ignored: {listed(more)}"


def _refuse_for_pictures(answers: Answers) -> None:
    """Raise an error for options that need the columns of a table."""
    for name in ("explain", "keep", "allow_missing_columns", "interval", "sets"):
        if value := getattr(answers, name):
            raise SettingError(
                f"{option(name, value[0] if isinstance(value, tuple) else None)}, for pictures",
                "a table with columns; of pictures the file names are written",
                f"without {option(name)}",
            )


@dataclass(frozen=True)
class ModelEvaluation:
    """Scores of a model and of the baseline `guessing` on a table or a text.

    `rows` is the number of rows, or of characters after the first. `classes` has precision, recall
    and F1 of each class; it is empty for regression and texts.
    """

    model: str
    data: str
    target: str
    task: Task | Literal["text", "forecast"]
    rows: int
    scores: Scores
    guessing: Scores
    classes: list[ClassScores]
    coverage: CoverageRecord | None = None
    quantiles: Sequence[QuantileRecord] = ()


def positive_in(model: Predictor, classes: list[object], name: object) -> int | None:
    """Index of the positive class: the model's own, or that of a name; else None."""
    if len(classes) != 2:
        return None
    own: int | None = getattr(model, "positive_", None)
    if own is not None:
        return own
    return next((i for i, known in enumerate(classes) if str(known) == str(name)), None)


def _name(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _spellings(value: object) -> Spellings:
    texts = value if isinstance(value, dict) else {}
    return spellings_from({str(name): _names(kept) for name, kept in texts.items()})


def _levels(value: object) -> Levels:
    """Levels from a model file, two numbers in ascending order; else those of 16 bits."""
    pair = value if isinstance(value, list) and len(value) == 2 else (0, 0)
    numbers = [float(level) for level in pair if isinstance(level, int | float)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and numbers[0] < numbers[1] else ALL_LEVELS


@contextmanager
def errors_name(data: str, table: Table | None = None) -> Iterator[None]:
    """Context that adds the file, and the place of the row, to errors."""
    try:
        yield
    except HandgradError as error:
        if table is not None and isinstance(error, DataError) and error.row is not None:
            error.put_at(table.place(error.row))
        if not error.where and data not in error.came:
            error.where = data
        raise
