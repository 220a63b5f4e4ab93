"""Training runs on tables and pictures, and the report of a finished run, written again."""

from __future__ import annotations

import csv
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import IO, TYPE_CHECKING, ParamSpec, cast

from handgrad.files import load
from handgrad.files.paths import write_whole
from handgrad.tables.data.files import Location
from handgrad.tables.data.picture_folders import has_pictures
from handgrad.tables.data.table_options import option
from handgrad.tables.data.texts import is_prose
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.runs.continued import (
    check_classes,
    note_on_scores,
    with_settings_of_model,
)
from handgrad.tables.runs.finished_run import HISTORY, REPORT, Run, fingerprint
from handgrad.tables.runs.forecast_run import ForecastJob, write_forecast_report
from handgrad.tables.runs.job import Job
from handgrad.tables.runs.load_series import SeriesSplit
from handgrad.tables.runs.load_table import load_table
from handgrad.tables.runs.load_text import TextSplit
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.models import (
    PredictedRows,
    Scores,
    check_numbers,
    columns_read,
    epochs_chosen_by,
    fitted,
    metrics_for,
    notes_on_stop,
    positive_asked,
    row_weights,
)
from handgrad.tables.runs.partial_run import check_folder, check_link
from handgrad.tables.runs.pictures import PicturesInMemory
from handgrad.tables.runs.record import MODEL
from handgrad.tables.runs.reference_models import check_comparable, compared, is_cheap
from handgrad.tables.runs.settings import (
    OF_MLP,
    OF_ROWS,
    OF_TEXTS,
    RunSettings,
    setting_beside,
)
from handgrad.tables.runs.splitting import reading_of, split_of
from handgrad.tables.runs.table_model import errors_name, positive_in
from handgrad.tables.runs.text_run import TextJob, write_text_report
from handgrad.tables.runs.training_table import TableInMemory, TrainingTable
from handgrad.tables.runs.two_splits import two_splits
from handgrad.tables.tabular.deviances import CENSORED, SQUARED_ERROR, metric_of
from handgrad.textbook.errors import DataError, SettingError
from handgrad.training import History
from handgrad.training.results import Predictor

if TYPE_CHECKING:
    from handgrad.tables.estimators import LanguageModel
    from handgrad.tables.reporting.comparison import Comparison
    from handgrad.tables.reporting.evidence import Evidence
    from handgrad.tables.reporting.leakage.dependent_rows import ScoresOfSplits

P = ParamSpec("P")
HELD_OUT = "held_out.csv"
# Settings of one estimator, its data, and the setting that selects it.
OF_ONE_ESTIMATOR = {
    "time_limit": ("tabular", "a table", ("estimator", "tabular")),
    "tokens": ("text", "a text", ("estimator", "text")),
    "horizon": ("forecast", "a table of time series", ("estimator", "forecast")),
    "season": ("forecast", "a table of time series", ("horizon", 14)),
}


def _with_parameters_of(
    make: Callable[P, RunSettings],
) -> Callable[[Callable[[RunSettings], Run]], Callable[P, Run]]:
    """Decorator: a function of a settings object takes its fields as keywords."""

    def decorate(function: Callable[[RunSettings], Run]) -> Callable[P, Run]:
        @wraps(function)
        def with_keywords(*args: P.args, **keywords: P.kwargs) -> Run:
            return function(make(*args, **keywords))

        with_keywords.__signature__ = inspect.signature(make)  # type: ignore[attr-defined]
        return with_keywords

    return decorate


@_with_parameters_of(RunSettings)
def train_table(settings: RunSettings) -> Run:
    """Train a model on a table. Text, dates and missing values are fine.

    `train_table("table.csv", target="price")` does what `handgrad train` does: it holds rows out,
    trains on the others, evaluates on the held-out rows, and writes a folder with the model, a
    report, the training history and everything needed to repeat the run.

    Parameters
    ----------
    **settings
        The fields of `handgrad.tables.runs.RunSettings`; `data` and `target` may be positional.

    Returns
    -------
    Run
        The finished run, with its folder, record, model, history and scores.

    Raises
    ------
    SettingError
        For invalid settings.
    DataError, FileError
        For unusable data, with file, row and column.

    Examples
    --------

    >>> import handgrad as hg, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = hg.tables.train_table("iris", epochs=2, report=False, out=f"{folder}/run")
    ...     run.record["rows"], sorted(run.scores)
    ({'training': 120, 'held_out': 30}, ['guessing', 'held_out', 'training'])
    """
    return train_with(settings)


def train_with(settings: RunSettings, messages: Messages | None = None) -> Run:
    """Train with a settings object, or resume the run."""
    return job_of(settings, messages).run()


def job_of(settings: RunSettings, messages: Messages | None = None) -> Job:
    """The job of a run, whose settings and data are checked."""
    settings = with_settings_of_model(_with_estimator_for_data(settings))
    _refuse_of_others(settings)
    if settings.workers:
        from handgrad.cluster.connection import check_installed

        check_installed()
    return checked_job(JOBS.get(settings.estimator, TableJob), settings, messages)


def checked_job(kind: type[Job], settings: RunSettings, messages: Messages | None) -> Job:
    """A job of this kind: its settings and folder are checked, and the data is loaded."""
    _refuse_ignored(settings)
    if settings.out is not None:
        (check_link if settings.resume else check_folder)(settings.out)
    return kind(settings, messages or Messages())


def _refuse_of_others(settings: RunSettings) -> None:
    """Raise an error for settings of texts or forecasts, for another estimator."""
    for name, (estimator, kind, selecting) in OF_ONE_ESTIMATOR.items():
        if (value := getattr(settings, name)) is not None and settings.estimator != estimator:
            raise SettingError(
                f"{option(name, value)}, for {settings.data} with "
                f"{option('estimator', settings.estimator)}",
                kind,
                f"without {option(name)}; with {option(*selecting)}, if it is {kind}",
            )


def _refuse_ignored(settings: RunSettings) -> None:
    """Raise an error for an ignored column that is no feature anyway; that of times would be."""
    for name in ("group", "weight", "event"):
        if (column := getattr(settings, name)) in settings.ignore:
            raise SettingError(
                f"{option('ignore', column)} with {option(name, column)}",
                f"columns that would be features, which that of {option(name)} is not",
                f"without {option('ignore', column)}",
            )


def _with_estimator_for_data(settings: RunSettings) -> RunSettings:
    """The settings, with the estimator for the kind of data: pictures, a text or a table."""
    if settings.estimator != "tabular":
        return settings
    if settings.horizon is not None:
        return replace(settings, estimator="forecast")
    if has_pictures(settings.data):
        return replace(settings, estimator="pictures")
    if not setting_beside(settings, OF_TEXTS) and is_prose(settings.data):
        return replace(settings, estimator="text")
    for name in OF_MLP:
        if (value := getattr(settings, name)) is not None:
            raise SettingError(
                f"{option(name, value)} for {option('estimator', 'tabular')}, which does not have "
                "it",
                f"{', '.join(map(option, OF_MLP))} with {option('estimator', 'mlp')} only",
                f"{option('estimator', 'mlp')}, or without {option(name)}",
            )
    return settings


def _refuse_beside_chunks(settings: RunSettings) -> None:
    """Raise an error for settings that need all rows in memory."""
    for name, value in (
        ("estimator", settings.estimator == "mlp" and "mlp"),
        ("folds", settings.folds),
        ("class_weight", settings.class_weight),
        ("loss", settings.loss != SQUARED_ERROR and settings.loss),
        *((name, getattr(settings, name)) for name in (*OF_ROWS, "test")),
    ):
        if value:
            raise SettingError(
                f"{option(name, value)}, for a table that does not fit in "
                f"{option('memory', settings.memory)}",
                "settings that work with chunks",
                f"{option(name, 'tabular') if name == 'estimator' else f'no {option(name)}'}; or a "
                f"larger {option('memory')}, if the machine has it",
            )


class TableJob(Job):
    """Training run on a table or on pictures."""

    learned: TrainingTable
    held_out: TrainingTable
    folds: Sequence[tuple[TrainingTable, TrainingTable]]

    def __init__(self, settings: RunSettings, messages: Messages) -> None:
        super().__init__(settings, messages)
        self.table = table = load_table(settings, progress=messages.shows_progress)
        if table.streamed:
            _refuse_beside_chunks(settings)
        deviance = metric_of(settings.loss if settings.event is None else CENSORED)
        n_classes = len(table.classes)
        self.metrics = metrics_for(table.target.task, settings.metric, n_classes, deviance)
        if settings.class_weight is not None and not table.classes:
            raise SettingError(
                f"{option('class_weight', settings.class_weight)}, where {table.target.name} "
                "predicts a number",
                "a classification target",
                f"without {option('class_weight')}; {option('task', 'classification')}, if they "
                "are classes",
            )
        row_weights(settings, table.target.values)
        check_comparable(settings, table)
        check_numbers(settings, table)
        check_classes(settings, table)
        self.positive = positive_asked(settings, table)
        self.split = split_of(settings, table)
        self.learned, self.held_out = self.split.learned, self.split.held_out
        if settings.test is not None:
            self.test_files = self.held_out.table.files
        n_folds, seed = settings.folds, settings.seed
        self.folds = self.learned.folds(n_folds, seed) if n_folds else ()
        self.name, self.files = table.name, table.table.files

    def show_data(self) -> None:
        """Report the data that was loaded."""
        self.messages.table_loaded(self.table)
        self.messages.note(*self.split.notes)

    def fit(self, rows: TrainingTable, name: str = "model") -> tuple[Predictor, History]:
        """Fit the model of this name; return it with its training history."""
        checkpoints, shown = partial(self.parts.checkpoints, name), self.messages.shows_progress
        with self.messages.warnings_as_notes(), errors_name(self.settings.data):
            return fitted(self.settings, rows, checkpoints, progress=shown)

    def scored(self, model: Predictor, rows: TrainingTable) -> PredictedRows:
        """Predict rows for scoring."""
        with no_unseen_warnings():
            classes, w = self.table.classes, rows.row_roles.weights_in_scores
            positive = positive_in(model, classes, self.positive)
            return PredictedRows.of(model, *rows.to_evaluate(), classes, positive, w)

    def train(self) -> Run:
        """Train and evaluate; all parts of the run are done afterwards."""
        parts, metrics = self.parts, self.metrics
        folds = [
            parts.json(f"fold-{number}.json", partial(self._fold, number, *fold))
            for number, fold in enumerate(self.folds, 1)
        ]
        path = self._trained()
        model, history = load(path), History.from_json(path.parent / HISTORY)
        learned, held_out = (self.scored(model, side) for side in (self.learned, self.held_out))
        scores = {
            "training": learned.scores(metrics),
            "held_out": held_out.scores(metrics),
            "guessing": held_out.guessed(learned).scores(metrics),
        }
        results = {
            **self._target_of(model),
            "rows": {"training": self.learned.n_rows, "held_out": self.held_out.n_rows},
            "split": self.split.record,
            "judged": {"training": len(learned.y), "held_out": len(held_out.y)},
            "epochs": len(history),
            "scores": scores | ({"folds": folds} if folds else {}),
            "classes": held_out.by_class(),
            **self._decision(model),
        }
        run = self.run_of(results, {"rows": self.table.n_rows, "streamed": self.table.streamed})
        self._note_training(run, history)
        evidence = run.evidence(self.held_out, self.learned, model, history)
        coverage = evidence.coverage
        run.record["coverage"] = coverage.recorded() if coverage else None
        run.record["quantiles"] = evidence.quantiles
        measured = parts.json("two_splits.json", partial(self._two_splits, evidence))
        run.record["two_splits"] = measured
        evidence.state(measured)
        compared = partial(self._compared, held_out, independent=evidence.independent)
        run.record["references"] = parts.json("references.json", compared)
        run.record["findings"] = [vars(finding) for finding in evidence.findings]
        run.record["checks"] = [vars(check) for check in evidence.checks]
        run.record["intervals"] = evidence.intervals
        if self.settings.report:
            from handgrad.tables.reporting.writing import write_page

            self.messages.progress("writing the report")
            parts.file(REPORT, partial(write_page, evidence))
        parts.file(HELD_OUT, self._write_held_out)
        self.finish(run)
        self.messages.show_findings(evidence.warned)
        return run

    def _note_training(self, run: Run, history: History) -> None:
        """Note a training that ended early, and the scores before one that was continued."""
        notes = notes_on_stop(history)
        path = self.settings.from_
        if path is not None and self.settings.estimator == "pictures":
            run.record["continued"] = {"model": path}
            notes.append(f"the initial convolutions are those of {path}")
        elif path is not None:
            before = self.scored(load(path), self.held_out).scores(self.metrics)
            run.record["continued"] = {"model": path, "held_out": before}
            notes.append(note_on_scores(path, before, run.record["scores"]["held_out"]))
        run.record["notes"] += notes
        self.messages.note(*notes)

    def _two_splits(self, evidence: Evidence) -> dict[str, ScoresOfSplits]:
        """Scores on the random split and on the one that fits, if rows depend on each other."""
        at_random = self.split.by == "random" and evidence.shape is None
        at_random = at_random and self.settings.event is None
        if not at_random or not isinstance(self.table, TableInMemory):
            return {}
        if evidence.dependent:
            self.messages.progress("comparing two splits")
        return two_splits(self.settings, self.table, evidence.dependent)

    def _compared(self, net: PredictedRows, *, independent: bool) -> Comparison:
        """Scores of the reference models, if they are asked for or cheap enough for the report."""
        asked, learned, held_out = self.settings.compare, self.learned, self.held_out
        if not isinstance(learned, TableInMemory) or not isinstance(held_out, TableInMemory):
            return {}
        if self.settings.event is not None:
            return {}  # the reference models take no censored times
        if not asked and not (self.settings.report and is_cheap(learned)):
            return {}
        self.messages.progress("training a linear model and gradient boosting, to compare")
        sides = learned, held_out
        return compared(self.settings, *sides, net, self.metrics, independent=independent)

    def _target_of(self, model: Predictor) -> dict[str, object]:
        """Target, columns and notes, for the record."""
        table, target = self.table, self.table.target
        return {
            "target": {
                "name": target.name,
                "task": target.task,
                "why": target.why,
                "classes": table.classes,
                # the lowest and the highest number
                "range": None if table.classes else table.range,
            },
            "columns": columns_read(model),
            "notes": (*table.notes, *self.split.notes),
            "epochs_chosen_by": epochs_chosen_by(self.settings, target.task),
        }

    def _decision(self, model: Predictor) -> dict[str, object]:
        """The positive class of two, and its threshold, for the record."""
        place = positive_in(model, self.table.classes, self.positive)
        if place is None:
            return {}
        threshold = getattr(model, "threshold_", None)
        by = self.settings.threshold
        return {
            "positive": str(self.table.classes[place]),
            "threshold": None if threshold is None else {"value": threshold, "chosen_by": by},
        }

    def _write_held_out(self, path: Path) -> None:
        """Write the file and the number of each held-out row, from 1 below the header."""
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
        """Train the final model on all rows that are not held out; return its file."""
        table = self.table
        if MODEL not in self.parts.parts:
            self.messages.progress(f"training on {self.learned.n_rows:,} rows")
            model, history = self.fit(self.learned)
            asked, target = self.settings, table.target
            unused = [*asked.ignore, *filter(None, (asked.group, asked.weight))]
            reading = reading_of(asked, table)
            if isinstance(table, PicturesInMemory) and table.levels is not None:
                reading["levels"] = [*table.levels]
            about = {
                "data": table.name,
                "target": target.name,
                "task": target.task,
                **({} if self.positive is None else {"positive": self.positive}),
                **({"exposure": asked.exposure} if asked.exposure else {}),
                **({"event": asked.event} if asked.event else {}),
                **({"not_features": unused} if unused else {}),
                "reading": reading,  # options for reading tables to predict
                **({"shards": asked.shards} if asked.shards else {}),
            }
            self.keep(model, history, about)
        return self.trained

    def _fold(self, number: int, learned: TrainingTable, test: TrainingTable) -> Scores:
        """Train on the other folds and score on this one."""
        n, left = len(self.folds), ""
        if number > 1:
            seconds = (time.perf_counter() - self.began) / (number - 1)
            left = f", about {seconds * (n + 2 - number):.0f} s left"
        self.messages.progress(f"fold {number} of {n}{left}")
        model, _ = self.fit(learned, f"fold-{number}")
        return self.scored(model, test).scores(self.metrics)


JOBS: Mapping[str, type[Job]] = {"text": TextJob, "forecast": ForecastJob}


def report_run(folder: str | Path) -> Path:
    """Write the report of a run again, from its folder and its data.

    Parameters
    ----------
    folder : str or Path
        The folder of the run.

    Returns
    -------
    Path
        The file of the report.

    Raises
    ------
    DataError
        If the data has changed since the run.
    """
    from handgrad.tables.reporting.writing import write_page

    run = Run.of(folder)
    settings = run.settings
    if settings.estimator == "text":
        text = TextSplit.of(settings)
        check_files(run, text.files)
        model = cast("LanguageModel", run.model)
        return write_text_report(run, text, model, run.history, run.folder / REPORT)
    if settings.estimator == "forecast":
        series = SeriesSplit.of(settings)
        check_files(run, series.table.files)
        return write_forecast_report(run, series, run.folder / REPORT)
    table = load_table(settings)
    check_files(run, table.table.files)
    split = split_of(settings, table)
    if settings.test is not None:
        check_files(run, split.held_out.table.files, "test_files")
    evidence = run.evidence(split.held_out, split.learned, run.model, run.history)
    return write_page(evidence, run.folder / REPORT)


def check_files(run: Run, files: tuple[Location, ...], which: str = "files") -> None:
    """Raise an error if the files of a run have changed since."""
    settings = run.settings
    source = settings.data if which == "files" else settings.test or ""
    before, now = run.record["data"][which], fingerprint(source, files)
    for old, new in zip(before, now, strict=False):
        if (old["bytes"], old["sha256"]) != (new["bytes"], new["sha256"]):
            change = f"{old['bytes']:,} bytes then, {new['bytes']:,} now"
            if old["bytes"] == new["bytes"]:
                change = f"still {old['bytes']:,} bytes, but different content"
            raise DataError(
                f"{new['path']} has changed since the run: {change}",
                "the data that the model was trained and evaluated on",
                "restore the file; or handgrad train, for a model of the new data",
            )
    if len(before) != len(now):
        raise DataError(
            f"{source}: {len(now)} files, was {len(before)}",
            "the files that the model was trained and evaluated on",
            "restore the files; or handgrad train, for a model of the new ones",
        )
