"""Training on a table: from rows to a model, its scores and its report, in one folder."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial, wraps
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

import numpy as np

from handgrad.base.errors import DataError, SettingError
from handgrad.data.table_options import option
from handgrad.data.unseen import no_unseen_warnings
from handgrad.files import kind_of
from handgrad.layers import Array
from handgrad.runs.load_table import load_table
from handgrad.runs.messages import Messages
from handgrad.runs.models import fitted, row_weights
from handgrad.runs.partial_run import Identity, PartialRun
from handgrad.runs.record import (
    HELD_OUT,
    HISTORY,
    HISTORY_CSV,
    RECORD,
    REPORT,
    FileRecord,
    Record,
    ScoresRecord,
    environment,
    fingerprint,
    read_record,
    record_of,
    write_held_out,
    write_record,
)
from handgrad.runs.report import write_run_report
from handgrad.runs.run_folder import (
    Claim,
    check_folder,
    check_link,
    claim,
    claim_next,
    clear,
    is_ours,
)
from handgrad.runs.scores import (
    Predictor,
    Scores,
    by_class,
    guessed,
    metrics_for,
    notes_on_few_rows,
    outputs,
    positions,
    scored,
)
from handgrad.runs.settings import RunSettings
from handgrad.runs.table_model import MODEL, errors_name, reading_of
from handgrad.runs.training_table import TrainingTable
from handgrad.saving import load, save
from handgrad.training import History

if TYPE_CHECKING:
    import pyarrow

RUNS = Path("runs")

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Run:
    """A finished run in its folder, and the record of it, which is run.json there."""

    folder: Path
    record: Record

    @classmethod
    def of(cls, folder: str | Path) -> Self:
        """The run that `train_table`, or `handgrad train`, left in a folder."""
        return cls(Path(folder), read_record(Path(folder)))

    @property
    def model(self) -> Predictor:
        """The estimator, from its file."""
        found: Predictor = load(self.folder / MODEL)
        return found

    @property
    def history(self) -> History:
        """The losses of the training, epoch by epoch."""
        return History.from_json(self.folder / HISTORY)

    @property
    def scores(self) -> ScoresRecord:
        """The metrics of the rows held out, of those of the training, and of guessing."""
        return self.record["scores"]

    def __repr__(self) -> str:
        data, scores = self.record["data"], self.scores["held_out"]
        words = ", ".join(f"{name} {value:.3g}" for name, value in scores.items())
        return f"<Run {self.folder}: {data['name']}, {words} on rows held out>"


def _with_parameters_of(
    make: Callable[P, RunSettings],
) -> Callable[[Callable[[RunSettings], R]], Callable[P, R]]:
    """A function of settings becomes one of their keywords."""

    def decorate(function: Callable[[RunSettings], R]) -> Callable[P, R]:
        @wraps(function)
        def with_keywords(*args: P.args, **keywords: P.kwargs) -> R:
            return function(make(*args, **keywords))

        with_keywords.__signature__ = inspect.signature(make)  # type: ignore[attr-defined]
        return with_keywords

    return decorate


@_with_parameters_of(RunSettings)
def train_table(settings: RunSettings) -> Run:
    """Make a model of a table: columns of any kind, values missing; no tuning.

    `train_table("table.csv", target="price")` holds rows out, learns from the others, evaluates
    the model on those held out, and leaves a folder with the model, its report, the history of the
    training and all that is needed to repeat the run: what `handgrad train` does. The keywords are
    those of `handgrad.runs.RunSettings`.

    Raises a SettingError for settings that cannot be used, a DataError or FileError for tables
    that cannot be learned from, with file, row and column.

    >>> import handgrad as hg, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = hg.train_table("iris", epochs=2, report=False, out=f"{folder}/run")
    ...     run.record["rows"], sorted(run.scores)
    ({'training': 120, 'held_out': 30}, ['guessing', 'held_out', 'training'])
    """
    return train_with(settings)


def train_with(settings: RunSettings, messages: Messages | None = None) -> Run:
    """The run that settings ask for, made or gone on with."""
    messages = messages or Messages()
    if settings.out is not None:
        (check_link if settings.resume else check_folder)(settings.out)
    table = load_table(settings, progress=messages.shows_progress)
    if table.streamed:
        _refuse_beside_chunks(settings)
    metrics = metrics_for(table.target.task, settings.metric, len(table.classes))
    if settings.class_weight is not None and not table.classes:
        raise SettingError(
            f"{option('class_weight', settings.class_weight)}, where {table.target.name} predicts "
            "a number",
            "a target that is classes",
            f"without {option('class_weight')}; {option('task', 'classification')}, if they are "
            "classes",
        )
    row_weights(settings, table.target.values)
    learned, held_out = table.split(settings.test_size, settings.seed)
    _check_folds(settings, learned)
    files = fingerprint(settings.data, table.table.files)
    identity = settings.recorded() | {"files": files, "versions": environment()}
    with _claim(settings, table, identity) as claimed:
        folder, parts = claimed.folder, PartialRun(claimed.folder, identity)
        if settings.resume and kind_of(folder / RECORD):
            record = _finished(folder, identity)
            clear(claimed.place)
            messages.note(f"{folder} is finished already")
        else:
            check_folder(folder)
            parts.check(resume=settings.resume)
            messages.began(table)
            job = Job(settings, table, files, metrics, learned, held_out, parts, messages)
            record = job.run()
    return Run(folder, record)


def _refuse_beside_chunks(settings: RunSettings) -> None:
    """Refuse settings that need all rows in memory."""
    for name, value in (
        ("estimator", settings.estimator == "mlp" and "mlp"),
        ("folds", settings.folds),
        ("class_weight", settings.class_weight),
    ):
        if value:
            raise SettingError(
                f"{option(name, value)}, for a table that does not fit "
                f"{option('memory', settings.memory)}",
                "what can be done chunk by chunk",
                f"{option(name, 'tabular') if name == 'estimator' else f'no {option(name)}'}; or a "
                f"larger {option('memory')}, if the machine has it",
            )


def _claim(settings: RunSettings, table: TrainingTable, identity: Identity) -> Claim:
    """The run's folder: as asked, the last one begun that is to go on, or a new one in runs."""
    if settings.out is not None:
        return claim(settings.out)
    if settings.resume:
        begun = {path: path.lstat() for path in RUNS.glob(f".{escape(table.name)}-*.unfinished")}
        for place in sorted(begun, key=lambda path: begun[path].st_mtime, reverse=True):
            folder = RUNS / place.name.removeprefix(".").removesuffix(".unfinished")
            if not is_ours(place) or not PartialRun(folder, identity).is_this_run:
                continue
            if found := Claim.of(folder):
                return found
    return claim_next(RUNS, table.name)


def _finished(folder: Path, identity: Identity) -> Record:
    """The record of a run that needs nothing more; refused if it was another."""
    record = read_record(folder)
    before = record["settings"] | {"files": record["data"]["files"]}
    if before != {name: value for name, value in identity.items() if name != "versions"}:
        check_folder(folder)
    return record


def _check_folds(settings: RunSettings, learned: TrainingTable) -> None:
    """Refuse more folds than the smallest class has rows, or than there are rows."""
    if settings.folds is None:
        return
    y = np.asarray(learned.to_learn()[1])
    fewest = int(np.unique(y, return_counts=True)[1].min()) if learned.classes else len(y)
    if settings.folds > fewest:
        what = "rows of the smallest class" if learned.classes else "rows"
        raise DataError(
            f"{option('folds', settings.folds)}, with {fewest} {what} to learn from",
            "a row at least in each fold, of each class",
            option("folds", fewest)
            if fewest > 1
            else f"without {option('folds')}, or more rows of that class",
        )


@dataclass
class Job:
    """A run under way: its settings and rows, and the parts of it that are done already."""

    settings: RunSettings
    table: TrainingTable
    files: list[FileRecord]
    metrics: tuple[str, ...]
    learned: TrainingTable
    held_out: TrainingTable
    parts: PartialRun
    messages: Messages
    began: float = field(default_factory=time.perf_counter)

    def run(self) -> Record:
        """The record of the run; where it is stopped, what is done stays, and how to go on is told.

        The run's folder appears once all is in it.
        """
        try:
            return self._carried_out()
        except BaseException as error:
            if parts := len(self.parts.parts):
                done = "1 part is" if parts == 1 else f"{parts} parts are"
                self.messages.note(
                    f"{done} done and kept; to go on: {self.settings.how_to_resume()}"
                )
            elif not isinstance(error, Exception):
                self.messages.note("stopped before the first part was done: nothing is kept")
            raise

    def fit(self, rows: TrainingTable) -> tuple[Predictor, History]:
        """A model of these rows, and how it was trained."""
        X, y = rows.to_learn()
        task, shown = self.table.target.task, self.messages.shows_progress
        with self.messages.warnings_as_notes(), errors_name(self.settings.data):
            return fitted(self.settings, task, X, y, progress=shown)

    def predicted(self, model: Predictor, X: pyarrow.Table, y: Array) -> tuple[Array, Array]:
        """The model's outputs for these rows, and the truth: places of classes, or numbers."""
        with no_unseen_warnings():
            p = outputs(model, X)
        return p, positions(model.classes_, y) if self.table.classes else y  # type: ignore[attr-defined]

    def _carried_out(self) -> Record:
        """Cross-validate, fit, score and report."""
        table, parts = self.table, self.parts
        folds = [
            parts.json(f"fold-{number}.json", partial(self._fold, number, *fold))
            for number, fold in enumerate(self._folds(), 1)
        ]
        path = self._trained()
        model, history = load(path), History.from_json(path.parent / HISTORY)
        rows = {
            "training": self.learned.to_evaluate(),
            "held_out": self.held_out.to_evaluate(),
        }
        learned, y_learned = self.predicted(model, *rows["training"])
        p, y = self.predicted(model, *rows["held_out"])
        scores: ScoresRecord = {
            "training": scored(learned, y_learned, self.metrics),
            "held_out": scored(p, y, self.metrics),
            "guessing": guessed(y_learned, y, len(table.classes), self.metrics),
        }
        if folds:
            scores["folds"] = folds
        record = record_of(
            self.settings,
            table,
            self.files,
            model,
            {
                "rows": {"training": self.learned.n_rows, "held_out": self.held_out.n_rows},
                "judged": {"training": len(y_learned), "held_out": len(y)},
                "epochs": len(history),
                "scores": scores,
                "classes": by_class(p, y, table.classes),
                "seconds": round(time.perf_counter() - self.began, 2),
            },
        )
        if self.settings.report:
            self.messages.progress("the report")
            parts.file(REPORT, partial(write_run_report, record, rows, model, history))
        parts.file(HELD_OUT, partial(write_held_out, self.held_out))
        record["notes"] += notes_on_few_rows(record["classes"])
        parts.file(RECORD, partial(write_record, record))
        parts.finish()
        return record

    def _trained(self) -> Path:
        """The file of the model of all rows that are not held out; its history lies beside it."""
        table, parts = self.table, self.parts
        if MODEL not in parts.parts:
            self.messages.progress(f"the model, of {self.learned.n_rows:,} rows")
            model, history = self.fit(self.learned)
            parts.file(HISTORY_CSV, history.to_csv)
            parts.file(HISTORY, history.to_json)
            about = {
                "data": table.name,
                "target": table.target.name,
                "task": table.target.task,
                "reading": reading_of(table, self.settings),
            }
            parts.file(MODEL, lambda path: save(model, path, about=about))
        return parts.file(MODEL, lambda _: None)

    def _folds(self) -> Iterator[tuple[TrainingTable, TrainingTable]]:
        """For each fold the rows to learn from and those to evaluate, none of them held out."""
        if self.settings.folds is not None:
            yield from self.learned.folds(self.settings.folds, self.settings.seed)

    def _fold(self, number: int, learned: TrainingTable, own: TrainingTable) -> Scores:
        """The scores of a model of the other folds on this one."""
        left = ""
        if number > 1:
            seconds = (time.perf_counter() - self.began) / (number - 1)
            left = f", about {seconds * ((self.settings.folds or 0) + 2 - number):.0f} s left"
        self.messages.progress(f"fold {number} of {self.settings.folds}{left}")
        model, _ = self.fit(learned)
        return scored(*self.predicted(model, *own.to_evaluate()), self.metrics)
