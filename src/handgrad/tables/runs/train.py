"""Training on a table: from rows to a model, its scores and its report, in one folder."""

from __future__ import annotations

import csv
import inspect
import time
from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import IO, ParamSpec

import pyarrow as pa

from handgrad.files import load
from handgrad.files.paths import write_whole
from handgrad.tables.data.table_options import option
from handgrad.tables.data.targets import is_text
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.runs.job import Job
from handgrad.tables.runs.load_table import load_table
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.models import (
    ScoredRows,
    Scores,
    StoppedError,
    columns_read,
    epochs_chosen_by,
    fitted,
    metrics_for,
    notes_on_stop,
    row_weights,
)
from handgrad.tables.runs.partial_run import check_folder, check_link
from handgrad.tables.runs.pictures import PicturesInMemory
from handgrad.tables.runs.run import HISTORY, REPORT, Run
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.table_model import MODEL, errors_name
from handgrad.tables.runs.text_run import TextJob
from handgrad.tables.runs.training_table import TrainingTable, beside_of
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.training import History
from handgrad.training.results import Predictor

P = ParamSpec("P")
HELD_OUT = "held_out.csv"


def _with_parameters_of(
    make: Callable[P, RunSettings],
) -> Callable[[Callable[[RunSettings], Run]], Callable[P, Run]]:
    """A function of settings becomes one of their keywords."""

    def decorate(function: Callable[[RunSettings], Run]) -> Callable[P, Run]:
        @wraps(function)
        def with_keywords(*args: P.args, **keywords: P.kwargs) -> Run:
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
    those of `handgrad.tables.runs.RunSettings`.

    Raises a SettingError for settings that cannot be used, a DataError or FileError for tables
    that cannot be learned from, with file, row and column.

    >>> import handgrad as hg, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = hg.tables.train_table("iris", epochs=2, report=False, out=f"{folder}/run")
    ...     run.record["rows"], sorted(run.scores)
    ({'training': 120, 'held_out': 30}, ['guessing', 'held_out', 'training'])
    """
    return train_with(settings)


def train_with(settings: RunSettings, messages: Messages | None = None) -> Run:
    """The run that settings ask for, made or gone on with."""
    if settings.workers:
        from handgrad.cluster.connection import check_installed

        check_installed()
    if settings.out is not None:
        (check_link if settings.resume else check_folder)(settings.out)
    job = TextJob if settings.estimator == "text" else TableJob
    return job(settings, messages or Messages()).run()


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


class TableJob(Job):
    """A run on the rows of a table, or on pictures."""

    learned: TrainingTable
    held_out: TrainingTable
    folds: Sequence[tuple[TrainingTable, TrainingTable]]

    def __init__(self, settings: RunSettings, messages: Messages) -> None:
        super().__init__(settings, messages)
        self.table = table = load_table(settings, progress=messages.shows_progress)
        if table.streamed:
            _refuse_beside_chunks(settings)
        self.metrics = metrics_for(table.target.task, settings.metric, len(table.classes))
        if settings.class_weight is not None and not table.classes:
            raise SettingError(
                f"{option('class_weight', settings.class_weight)}, where {table.target.name} "
                "predicts a number",
                "a target that is classes",
                f"without {option('class_weight')}; {option('task', 'classification')}, if they "
                "are classes",
            )
        row_weights(settings, table.target.values)
        self.learned, self.held_out = table.split(settings.test_size, settings.seed)
        n_folds, seed = settings.folds, settings.seed
        self.folds = self.learned.folds(n_folds, seed) if n_folds else ()
        self.name, self.files = table.name, table.table.files

    def tell(self) -> None:
        """Tell what is to be learned from."""
        self.messages.began(self.table)

    def fit(self, rows: TrainingTable) -> tuple[Predictor, History]:
        """A model of these rows, and how it was trained."""
        with self.messages.warnings_as_notes(), errors_name(self.settings.data):
            return fitted(self.settings, rows, progress=self.messages.shows_progress)

    def scored(self, model: Predictor, X: pa.Table, y: Array) -> ScoredRows:
        """What the model says of these rows."""
        with no_unseen_warnings():
            return ScoredRows.of(model, X, y, self.table.classes)

    def carried_out(self) -> Run:
        """The run, all of whose parts are done at the end."""
        parts, metrics = self.parts, self.metrics
        folds = [
            parts.json(f"fold-{number}.json", partial(self._fold, number, *fold))
            for number, fold in enumerate(self.folds, 1)
        ]
        path = self._trained()
        model, history = load(path), History.from_json(path.parent / HISTORY)
        rows = {"training": self.learned.to_evaluate(), "held_out": self.held_out.to_evaluate()}
        learned, held_out = (self.scored(model, *side) for side in rows.values())
        scores = {
            "training": learned.scores(metrics),
            "held_out": held_out.scores(metrics),
            "guessing": held_out.guessed(learned.y).scores(metrics),
        }
        found = {
            **self._target_of(model),
            "rows": {"training": self.learned.n_rows, "held_out": self.held_out.n_rows},
            "judged": {"training": len(learned.y), "held_out": len(held_out.y)},
            "epochs": len(history),
            "scores": scores | ({"folds": folds} if folds else {}),
            "classes": held_out.by_class(),
        }
        run = self.run_of(found, {"rows": self.table.n_rows, "streamed": self.table.streamed})
        evidence = run.evidence(rows, beside_of(self.held_out, self.learned), model, history)
        run.record["findings"] = [vars(finding) for finding in evidence.findings]
        if self.settings.report:
            from handgrad.tables.reporting.writing import write_page

            self.messages.progress("the report")
            parts.file(REPORT, partial(write_page, evidence))
        parts.file(HELD_OUT, self._write_held_out)
        run.record["notes"] += notes_on_stop(history)
        self.finish(run)
        self.messages.found(evidence.warned)
        return run

    def _target_of(self, model: Predictor) -> dict[str, object]:
        """What is predicted, what was found in the data, and what is made of its columns."""
        table, target = self.table, self.table.target
        return {
            "target": {
                "name": target.name,
                "task": target.task,
                "why": target.why,
                "classes": table.classes,
                # the lowest and the highest number
                "range": None if table.classes else [target.values.min(), target.values.max()],
            },
            "columns": columns_read(model),
            "notes": table.notes,
            "epochs_chosen_by": epochs_chosen_by(self.settings, target.task),
        }

    def _write_held_out(self, path: Path) -> None:
        """Write which rows were held out: the file, and the row, from 1 below the header."""
        names = [
            str(name).encode("utf-8", "backslashreplace").decode()
            for name in self.held_out.table.files
        ]

        def write(file: IO[str]) -> None:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["file", "row"])
            writer.writerows((names[i], row) for i, row in self.held_out.located().tolist())

        write_whole(path, write)

    def _trained(self) -> Path:
        """The file of the model of all rows that are not held out; its history lies beside it."""
        table = self.table
        if MODEL not in self.parts.parts:
            self.messages.progress(f"the model, of {self.learned.n_rows:,} rows")
            stop: StoppedError | None = None
            try:
                model, history = self.fit(self.learned)
            except StoppedError as told:
                stop, model, history = told, told.model, told.history
            asked, target, schema = self.settings, table.target, table.table.schema
            names = [*table.feature_names, target.name]
            texts = [name for name in names if is_text(schema.field(name).type)]
            reading: dict[str, object] = {
                "date_order": table.table.date_order or asked.date_order,
                "category": [*dict.fromkeys([*asked.category, *texts])],
                "number": [*asked.number],
                "date": [*asked.date],
            }
            if isinstance(table, PicturesInMemory) and table.levels is not None:
                reading["levels"] = [*table.levels]
            about = {
                "data": table.name,
                "target": target.name,
                "task": target.task,
                "reading": reading,  # how a table to predict is to be read
                **({"shards": asked.shards} if asked.shards else {}),
            }
            self.keep(model, history, about)
            if stop is not None:
                raise stop
        return self.trained

    def _fold(self, number: int, learned: TrainingTable, own: TrainingTable) -> Scores:
        """The scores of a model of the other folds on this one."""
        n, left = len(self.folds), ""
        if number > 1:
            seconds = (time.perf_counter() - self.began) / (number - 1)
            left = f", about {seconds * (n + 2 - number):.0f} s left"
        self.messages.progress(f"fold {number} of {n}{left}")
        model, _ = self.fit(learned)
        return self.scored(model, *own.to_evaluate()).scores(self.metrics)
