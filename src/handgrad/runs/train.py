"""Training on a table: from rows to a model, its scores and its report, in one folder."""

from __future__ import annotations

import csv
import inspect
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from platform import python_version
from typing import IO, Any, ParamSpec, cast

import pyarrow as pa

from handgrad._version import __version__
from handgrad.base.errors import SettingError
from handgrad.data.table_options import option
from handgrad.data.targets import is_text
from handgrad.data.unseen import no_unseen_warnings
from handgrad.engines.environment import blas_of, processor, versions
from handgrad.engines.threads import available_cores
from handgrad.files import kind_of, write_whole
from handgrad.layers import Array
from handgrad.results import Predictor
from handgrad.runs.load_table import load_table
from handgrad.runs.messages import Messages, as_json, plain
from handgrad.runs.models import (
    ScoredRows,
    Scores,
    columns_read,
    epochs_chosen_by,
    fitted,
    metrics_for,
    notes_on_few_rows,
    row_weights,
)
from handgrad.runs.partial_run import PartialRun, check_folder, check_link, claimed
from handgrad.runs.run import FORMAT_VERSION, HISTORY, RECORD, REPORT, Run, fingerprint
from handgrad.runs.settings import RunSettings
from handgrad.runs.table_model import MODEL, errors_name
from handgrad.runs.training_table import TrainingTable
from handgrad.saving import load, save
from handgrad.training import History

P = ParamSpec("P")
HISTORY_CSV, HELD_OUT = "history.csv", "held_out.csv"
OF_WHICH_VERSIONS = ("numpy", "scipy", "scikit-learn", "llvmlite", "pyarrow", "narwhals")


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
    if settings.workers:
        from handgrad.distributed.connection import check_installed

        check_installed()
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
    folds = learned.folds(settings.folds, settings.seed) if settings.folds else ()
    identity = settings.recorded() | {
        "files": fingerprint(settings.data, table.table.files),
        "versions": {"python": python_version(), "handgrad": __version__}
        | versions(OF_WHICH_VERSIONS),
    }
    with claimed(settings.out, table.name, identity, resume=settings.resume) as parts:
        if settings.resume and kind_of(parts.folder / RECORD):
            run = _finished(parts)
            parts.clear()
            messages.note(f"{run.folder} is finished already")
            return run
        check_folder(parts.folder)
        parts.check(resume=settings.resume)
        messages.began(table)
        return Job(settings, table, metrics, learned, folds, held_out, parts, messages).run()


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


def _workers_of(settings: RunSettings) -> AbstractContextManager[None]:
    """What workers there are to be, for all fits of a run."""
    if not settings.workers:
        return nullcontext()
    from handgrad.distributed.connection import connected

    return connected(settings.ray)


def _finished(parts: PartialRun) -> Run:
    """The run that needs nothing more; refused if it was another."""
    run = Run.of(parts.folder)
    before = run.record["settings"] | {"files": run.record["data"]["files"]}
    if before | {"versions": parts.identity["versions"]} != parts.identity:
        check_folder(parts.folder)
    return run


@dataclass
class Job:
    """A run under way: its settings and rows, and the parts of it that are done already."""

    settings: RunSettings
    table: TrainingTable
    metrics: tuple[str, ...]
    learned: TrainingTable
    folds: Sequence[tuple[TrainingTable, TrainingTable]]
    held_out: TrainingTable
    parts: PartialRun
    messages: Messages
    began: float = field(default_factory=time.perf_counter)

    def run(self) -> Run:
        """The run; where it is stopped, what is done stays, and how to go on is told.

        Its folder appears once all is in it.
        """
        try:
            with _workers_of(self.settings):
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
        with self.messages.warnings_as_notes(), errors_name(self.settings.data):
            return fitted(self.settings, rows, progress=self.messages.shows_progress)

    def scored(self, model: Predictor, X: pa.Table, y: Array) -> ScoredRows:
        """What the model says of these rows."""
        with no_unseen_warnings():
            return ScoredRows.of(model, X, y, self.table.classes)

    def _carried_out(self) -> Run:
        settings, parts, metrics = self.settings, self.parts, self.metrics
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
            **self._record(model),
            "rows": {"training": self.learned.n_rows, "held_out": self.held_out.n_rows},
            "judged": {"training": len(learned.y), "held_out": len(held_out.y)},
            "epochs": len(history),
            "scores": scores | ({"folds": folds} if folds else {}),
            "classes": held_out.by_class(),
            "seconds": round(time.perf_counter() - self.began, 2),
        }
        run = Run(parts.folder, cast("dict[str, Any]", plain(found)))
        if settings.report:
            self.messages.progress("the report")
            parts.file(REPORT, partial(run.write_report, rows, model, history))
        parts.file(HELD_OUT, self._write_held_out)
        run.record["notes"] += notes_on_few_rows(run.record["classes"])
        content = as_json(run.record)
        parts.file(RECORD, lambda path: write_whole(path, lambda file: file.write(content)))
        parts.finish()
        return run

    def _record(self, model: Predictor) -> dict[str, object]:
        """What was asked for and what was found in the data, by which a run can be repeated."""
        settings, table, target = self.settings, self.table, self.table.target
        return {
            "format_version": FORMAT_VERSION,
            "command": settings.command(),
            "settings": settings.recorded(),
            "data": {
                "name": table.name,
                "source": settings.data,
                "folder": str(Path.cwd()),
                "files": self.parts.identity["files"],
                "rows": table.n_rows,
                "streamed": table.streamed,
            },
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
            "epochs_chosen_by": epochs_chosen_by(settings, target.task),
            "seed": settings.seed,
            "versions": self.parts.identity["versions"],
            # what the last digits depend on besides
            "machine": {
                "processor": processor(),
                "cores": available_cores(),
                "BLAS of NumPy": blas_of("numpy"),
                "BLAS of SciPy": blas_of("scipy"),
            },
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
        table, parts = self.table, self.parts
        if MODEL not in parts.parts:
            self.messages.progress(f"the model, of {self.learned.n_rows:,} rows")
            model, history = self.fit(self.learned)
            parts.file(HISTORY_CSV, history.to_csv)
            parts.file(HISTORY, history.to_json)
            asked, target, schema = self.settings, table.target, table.table.schema
            names = [*table.feature_names, target.name]
            texts = [name for name in names if is_text(schema.field(name).type)]
            reading = {
                "date_order": table.table.date_order or asked.date_order,
                "category": [*dict.fromkeys([*asked.category, *texts])],
                "number": [*asked.number],
                "date": [*asked.date],
            }
            about = {
                "data": table.name,
                "target": target.name,
                "task": target.task,
                "reading": reading,  # how a table to predict is to be read
                **({"shards": asked.shards} if asked.shards else {}),
            }
            parts.file(MODEL, lambda path: save(model, path, about=about))
        return parts.file(MODEL, lambda _: None)

    def _fold(self, number: int, learned: TrainingTable, own: TrainingTable) -> Scores:
        """The scores of a model of the other folds on this one."""
        n, left = len(self.folds), ""
        if number > 1:
            seconds = (time.perf_counter() - self.began) / (number - 1)
            left = f", about {seconds * (n + 2 - number):.0f} s left"
        self.messages.progress(f"fold {number} of {n}{left}")
        model, _ = self.fit(learned)
        return self.scored(model, *own.to_evaluate()).scores(self.metrics)
