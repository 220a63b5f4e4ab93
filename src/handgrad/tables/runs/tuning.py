"""Search for the settings of a perceptron by successive halving, and the run with the best ones."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from statistics import fmean, stdev
from typing import IO, cast

from handgrad.files.paths import write_whole
from handgrad.tables.data.picture_folders import has_pictures
from handgrad.tables.data.table_options import option
from handgrad.tables.data.texts import is_prose
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.reporting.tuning import DEFAULT, Round, Trial, Tuning
from handgrad.tables.reporting.tuning import table_of_trials as table_of_trials
from handgrad.tables.reporting.tuning import trials_in_words as trials_in_words
from handgrad.tables.runs.finished_run import Run
from handgrad.tables.runs.messages import Messages
from handgrad.tables.runs.models import (
    divergence_as_error,
    perceptron,
    validation_metric,
    weights_of,
)
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.table_model import errors_name
from handgrad.tables.runs.train import TableJob, checked_job
from handgrad.tables.runs.training_table import TableInMemory
from handgrad.tables.runs.tuning_settings import Choice, TuningSettings
from handgrad.tables.tabular import TableEncoder
from handgrad.textbook.errors import DataError, DivergenceError, SettingError
from handgrad.textbook.metrics.registry import METRICS
from handgrad.training import EpochReport, Evaluation, History, successive_halving

TRIALS = "trials.csv"
EPOCHS, FACTOR = 200, 3
VALIDATION, FOLDS = 0.2, 5  # fraction of the training rows, and folds
ENOUGH = 500  # validation rows, below which folds are used
# Power of the unit of the target in a metric: the targets are scaled in the fit.
UNITS = {"root_mean_squared_error": 1, "mean_absolute_error": 1, "mean_squared_error": 2}

Sides = tuple[TableInMemory, TableInMemory]


def tune_with(settings: TuningSettings, messages: Messages | None = None) -> Run:
    """Search for the best settings, and train with them; or resume the run."""
    kind = "pictures" if has_pictures(settings.data) else ""
    if not kind and settings.target is None and is_prose(settings.data):
        kind = "a text"
    if kind:
        raise DataError(
            f"{settings.data}: {kind}",
            "a table: only the settings of a perceptron are tuned",
            "handgrad train, for a model of it",
        )
    if settings.metric and settings.metric[0] not in METRICS:
        raise SettingError(
            f"{option('metric', settings.metric[0])} first, which would choose the settings",
            f"one of {', '.join(METRICS)} first",
            f"{option('metric', 'log_loss')} before it",
        )
    return checked_job(TuningJob, settings, messages).run()


class TuningJob(TableJob):
    """Training run on a table whose settings are searched first, on a part of its training rows.

    The held-out rows of the run have no part in the search.
    """

    tuning: Tuning

    def train(self) -> Run:
        """Search, then train and evaluate as any run does."""
        asked = cast("TuningSettings", self.settings)
        self.tuning = self.parts.json("tuning.json", partial(self._search, asked))
        self.settings = asked.run_with(self.tuning["chosen"])
        self.parts.file(TRIALS, self._write_trials)
        try:
            return super().train()
        finally:
            self.settings = asked  # with which an interrupted run is resumed

    def run_of(self, results: Mapping[str, object], size: Mapping[str, object]) -> Run:
        """The run and its record, with the search."""
        return super().run_of({**results, "tuning": self.tuning}, size)

    def _search(self, asked: TuningSettings) -> Tuning:
        """Try the candidates; returns the record of the search."""
        began, metric = time.monotonic(), validation_metric(asked, self.table.target.task)
        sides = _sides(cast("TableInMemory", self.learned), asked.seed)
        choices = asked.candidates(min(rows.n_rows for rows, _ in sides))
        validated = sum(rows.n_rows for _, rows in sides)
        self.messages.progress(f"trying {len(choices)} settings, validated on {validated:,} rows")
        with self.messages.warnings_as_notes(), errors_name(asked.data):
            runs = {name: asked.run_with(choice) for name, choice in choices.items()}
            trainings = _trainings(runs, sides, metric)
            if asked.time_limit is not None:
                until = began + asked.time_limit
                trainings = {name: _until(until, reports) for name, reports in trainings.items()}
            shown = self.messages.shows_progress
            rounds, histories = _halved(trainings, metric, asked.epochs or EPOCHS, progress=shown)
        names = sorted(choices, key=lambda name: _badness(histories[name], metric))
        trials = [_trial(name, choices[name], histories[name], metric) for name in names]
        winner = _winner(names[0], histories, metric)
        chosen = choices[winner] | {"epochs": histories[winner].best(metric).epoch}
        return {
            "metric": metric,
            "training_rows": self.learned.n_rows,
            "validation_rows": validated,
            "folds": len(sides),
            "rounds": rounds,
            "trials": trials,
            "winner": winner,
            "chosen": chosen,
            "command": replace(asked.run_with(chosen), out=None).command(),
            "seconds": round(time.monotonic() - began, 2),
        }

    def _write_trials(self, path: Path) -> None:
        """Write a row for each trial, the best first."""

        def write(file: IO[str]) -> None:
            trials = self.tuning["trials"]
            writer = csv.DictWriter(file, [*trials[0]], lineterminator="\n")
            writer.writeheader()
            writer.writerows(trials)

        write_whole(path, write)


def _sides(learned: TableInMemory, seed: int) -> Sequence[Sides]:
    """Rows to train on and to validate on: folds of a small table, else a single split."""
    if learned.n_rows * VALIDATION < ENOUGH:
        with suppress(DataError):  # too few groups, or rows of a class
            return learned.folds(FOLDS, seed)
    return [learned.split(VALIDATION, seed)]


def _trainings(
    runs: Mapping[str, RunSettings], sides: Sequence[Sides], metric: str
) -> dict[str, Iterator[EpochReport]]:
    """Trainings of a perceptron by name; a report has the means over the folds."""
    folds = [EncodedFold(*pair, metric) for pair in sides]
    return {
        name: _means([fold.reports(settings) for fold in folds], metric)
        for name, settings in runs.items()
    }


class EncodedFold:
    """Rows to train on and to validate on, encoded once for all trials."""

    def __init__(self, rows: TableInMemory, validation: TableInMemory, metric: str) -> None:
        self.rows, self.metric, encoder = rows, metric, TableEncoder()
        (table, self.y), (held_out, y_held_out) = rows.to_learn(), validation.to_learn()
        self.x, w = encoder.fit_transform(table), validation.row_roles.weights_in_scores
        with no_unseen_warnings():
            held_out = encoder.transform(held_out)
        self.eval_set = held_out, y_held_out, *([] if w is None else [w])
        self.unit = 1.0 if rows.classes else float(self.y.std() or 1) ** UNITS.get(metric, 0)

    def reports(self, settings: RunSettings) -> Iterator[EpochReport]:
        """Reports of a training, with the score in the unit of the target."""
        mlp = perceptron(settings, self.rows.target.task, scoring=self.metric)
        mlp.set_params(engine=settings.engine)  # most trials are too short to be compiled
        w = weights_of(settings, self.rows, self.rows.row_roles.weights)
        with divergence_as_error(settings):
            for report in mlp.fit_by_epoch(self.x, self.y, w, eval_set=self.eval_set):
                score = report.value(self.metric) * self.unit
                yield replace(report, validation_metrics={self.metric: score})


def _means(folds: Sequence[Iterator[EpochReport]], metric: str) -> Iterator[EpochReport]:
    """Pass the means of the folds' reports on, until the first of them ends."""
    for reports in zip(*folds, strict=False):
        loss = fmean(report.train_loss for report in reports)
        score = fmean(report.value(metric) for report in reports)
        each = {f"fold {i}": Evaluation(r.train_loss, r.metrics) for i, r in enumerate(reports, 1)}
        yield EpochReport(reports[0].epoch, loss, validation_metrics={metric: score}, others=each)


def _until(end: float, reports: Iterator[EpochReport]) -> Iterator[EpochReport]:
    """Pass reports on, at least one, until a time."""
    for report in reports:
        yield report
        if time.monotonic() > end:
            return


def _halved(
    trainings: Mapping[str, Iterator[EpochReport]], metric: str, epochs: int, *, progress: bool
) -> tuple[list[Round], Mapping[str, History]]:
    """Run successive halving up to a number of epochs; returns its rounds, and the histories.

    The default settings are trained to their end too: what they gain late counts.
    """
    rounds, running, first = list[Round](), len(trainings), epochs
    while running > 1:
        running, first = running // FACTOR, first // FACTOR
    running = len(trainings)
    for result in successive_halving(
        trainings, monitor=metric, epochs=max(1, first), factor=FACTOR, progress=progress
    ):
        rounds.append({"epochs": result.epochs, "trials": running, "kept": len(result.kept)})
        running = len(result.kept)
    for name in (result.ranking[0], DEFAULT):
        history = result.histories[name]
        try:
            history.reports.extend(trainings[name])
        except DivergenceError as error:
            history.stopped_because = f"diverged: {error.came}"
    return rounds, result.histories


def _badness(history: History, metric: str) -> float:
    """Best score as a number to minimize; infinity after divergence."""
    return inf if history.stopped_because else history.best(metric).badness(metric)


def _winner(best: str, histories: Mapping[str, History], metric: str) -> str:
    """The best trial; the default one unless its scores are worse by a standard error.

    The best of many trials owes a part of its score to chance. Source: the rule of one standard
    error in Breiman, Friedman, Olshen, Stone, "Classification and Regression Trees", 1984, here of
    the differences in each fold. A single split has no standard error.
    """
    if histories[DEFAULT].stopped_because:
        return best
    scores = [histories[name].best(metric).others.values() for name in (best, DEFAULT)]
    gains = [a.metrics[metric] - b.metrics[metric] for a, b in zip(*scores, strict=True)]
    if len(gains) > 1 and abs(fmean(gains)) <= stdev(gains) / len(gains) ** 0.5:
        return DEFAULT
    return best


def _trial(name: str, choice: Choice, history: History, metric: str) -> Trial:
    """Entry of a trial in the record; of one that diverged without score and best epoch."""
    best = None if history.stopped_because else history.best(metric)
    return {
        "trial": name,
        "layers": cast("str | None", choice.get("layers")),
        "learning_rate": cast("float | None", choice.get("learning_rate")),
        "batch_size": cast("int | None", choice.get("batch_size")),
        "epochs": len(history),
        "best_epoch": None if best is None else best.epoch,
        "score": None if best is None else best.value(metric),
        "stopped_because": history.stopped_because,
    }
