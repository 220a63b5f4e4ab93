"""`handgrad train`: from a table to a model, its scores, its report, in one folder."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.cli.given import given_by, refuse_beside_a_stream
from handgrad.cli.models import MODEL, errors_name, fitted, reading_of, row_weights
from handgrad.cli.output import Output
from handgrad.cli.places import Claim, check_folder, claimed, claimed_number, clear, is_ours
from handgrad.cli.record import (
    HELD_OUT,
    HISTORY,
    HISTORY_CSV,
    RECORD,
    REPORT,
    environment,
    header,
    read_record,
    record_of,
    show,
    write_held_out,
    write_record,
)
from handgrad.cli.reporting import write_report
from handgrad.cli.rows import Given, fingerprint
from handgrad.cli.scores import (
    Scores,
    by_class,
    few_rows,
    guessed,
    metrics_for,
    outputs,
    positions,
    scored,
)
from handgrad.cli.settings import Settings, table_options
from handgrad.cli.unfinished import Unfinished
from handgrad.data.unseen import untold
from handgrad.errors import DataError, SettingError
from handgrad.files import kind_of
from handgrad.layers import Array
from handgrad.saving import load, save
from handgrad.training import History

if TYPE_CHECKING:
    import pyarrow

    from handgrad.cli.streaming import Streamed

RUNS = Path("runs")


@dataclass
class Job:
    """A run: what was asked for, the rows, and what is done of it already."""

    settings: Settings
    given: Given | Streamed
    files: list[dict[str, Any]]
    metrics: tuple[str, ...]
    learned: Any
    held_out: Any
    kept: Unfinished
    output: Output
    began: float = field(default_factory=time.perf_counter)

    def fit(self, rows: Any) -> tuple[Any, History]:
        """A model of these rows, and how it was trained."""
        X, y = self.given.to_learn(rows)
        with self.output.warnings_as_notes(), errors_name(self.settings.data):
            return fitted(
                self.settings, self.given.target.task, X, y, verbose=self.output.shows_progress
            )

    def judged(self, model: Any, X: pyarrow.Table, y: Array) -> tuple[Array, Array]:
        """What the model says of these rows, and what is true: positions of classes, or numbers."""
        with untold():
            p = outputs(model, X)
        return p, positions(model, y) if self.given.classes else y


def run_training(settings: Settings, output: Output) -> None:
    """Read, train, show the result and write the run's folder, or go on with one."""
    settings.check()
    given = given_by(vars(settings), settings.data, progress=output.shows_progress)
    if given.streamed:
        refuse_beside_a_stream(settings)
    metrics = metrics_for(given.target.task, settings.metric, len(given.classes))
    if settings.class_weight is not None and not given.classes:
        raise SettingError(
            f"--class-weight {settings.class_weight}, where {given.target.name} predicts a number",
            "a target that is classes",
            "without --class-weight; --task classification, if they are classes",
        )
    row_weights(settings, given.target.values)
    learned, held_out = given.split(settings.test_size, settings.seed)
    _check_folds(settings, given, learned)
    files = fingerprint(settings.data, given.table.files)
    identity = settings.asked() | {"files": files, "versions": environment()}
    with _claim(settings, given, identity) as claim:
        folder, kept = claim.folder, Unfinished(claim.folder, identity)
        if settings.resume and kind_of(folder / RECORD):
            record = _finished(folder, identity)
            clear(claim.place)
            output.note(f"{folder} is finished already")
        else:
            check_folder(folder)
            kept.check(resume=settings.resume)
            header(given, output)
            record = _kept_when_stopped(
                Job(settings, given, files, metrics, learned, held_out, kept, output)
            )
    show(record, folder, output)


def _claim(settings: Settings, given: Given | Streamed, identity: dict[str, Any]) -> Claim:
    """The run's folder: as asked, the last one begun that is to go on, or a new one in runs."""
    if settings.out is not None:
        return claimed(settings.out)
    if settings.resume:
        begun = {path: path.lstat() for path in RUNS.glob(f".{escape(given.name)}-*.unfinished")}
        for place in sorted(begun, key=lambda path: begun[path].st_mtime, reverse=True):
            folder = RUNS / place.name.removeprefix(".").removesuffix(".unfinished")
            if not is_ours(place) or not Unfinished(folder, identity).is_this_run:
                continue
            if claim := Claim.of(folder):
                return claim
    return claimed_number(RUNS, given.name)


def _finished(folder: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """The record of a run that needs nothing more; refused if it was another."""
    record = read_record(folder)
    before = record["settings"] | {"files": record["data"]["files"]}
    if before != {name: value for name, value in identity.items() if name != "versions"}:
        check_folder(folder)
    return record


def _check_folds(settings: Settings, given: Given | Streamed, learned: Any) -> None:
    """Refuse more folds than the smallest class has rows, or than there are rows."""
    if settings.folds is None:
        return
    y = given.to_learn(learned)[1]
    fewest = int(np.unique(y, return_counts=True)[1].min()) if given.classes else len(y)
    if settings.folds > fewest:
        what = "rows of the smallest class" if given.classes else "rows"
        raise DataError(
            f"--folds {settings.folds}, with {fewest} {what} to learn from",
            "a row at least in each fold, of each class",
            f"--folds {fewest}" if fewest > 1 else "without --folds, or more rows of that class",
        )


def _kept_when_stopped(job: Job) -> dict[str, Any]:
    """The record of the run; where it is stopped, what is done stays, and how to go on is told."""
    try:
        return _carried_out(job)
    except BaseException as error:
        if parts := len(job.kept.parts):
            command = shlex.join([*job.settings.command(), "--resume"])
            done = "1 part is" if parts == 1 else f"{parts} parts are"
            job.output.note(f"{done} done and kept; to go on: {command}")
        elif not isinstance(error, Exception):
            job.output.note("stopped before the first part was done: nothing is kept")
        raise


def _carried_out(job: Job) -> dict[str, Any]:
    """Cross-validate, fit, score and report; the run's folder appears once all is in it."""
    given, kept, output = job.given, job.kept, job.output
    folds = [
        kept.json(f"fold-{number}.json", partial(_fold, job, number, *rows))
        for number, rows in enumerate(_folds(job), 1)
    ]
    path = _trained(job)
    model, history = load(path), History.from_json(path.parent / HISTORY)
    halves = {"training": given.to_judge(job.learned), "held_out": given.to_judge(job.held_out)}
    judged = {name: job.judged(model, *rows) for name, rows in halves.items()}
    scores = {name: scored(p, y, job.metrics) for name, (p, y) in judged.items()}
    p, y = judged["held_out"]
    scores["guessing"] = guessed(judged["training"][1], y, len(given.classes), job.metrics)
    record = record_of(job.settings, given, job.files, model) | {
        "rows": {"training": given.count(job.learned), "held_out": given.count(job.held_out)},
        "judged": {name: len(y) for name, (_, y) in halves.items()},
        "epochs": len(history),
        "scores": scores | ({"folds": folds} if folds else {}),
        "classes": by_class(p, y, given.classes) if given.classes else [],
        "seconds": round(time.perf_counter() - job.began, 2),
    }
    if job.settings.report:
        output.progress("the report")
        kept.file(REPORT, partial(write_report, record, halves, model, history))
    kept.file(HELD_OUT, partial(write_held_out, given, job.held_out))
    record["notes"] += few_rows(record["classes"])
    kept.file(RECORD, partial(write_record, record))
    kept.finish()
    return record


def _trained(job: Job) -> Path:
    """The file of the model of all rows that are not held out; its history lies beside it."""
    if MODEL not in job.kept.parts:
        job.output.progress(f"the model, of {job.given.count(job.learned):,} rows")
        model, history = job.fit(job.learned)
        job.kept.file(HISTORY_CSV, history.to_csv)
        job.kept.file(HISTORY, history.to_json)
        names, asked = job.given.column_names, table_options(vars(job.settings))
        about = {
            "data": job.given.name,
            "target": job.given.target.name,
            "task": job.given.target.task,
            "reading": reading_of(job.given.table, names, asked),
        }
        job.kept.file(MODEL, lambda path: save(model, path, about=about))
    return job.kept.file(MODEL, lambda _: None)


def _folds(job: Job) -> Iterator[tuple[Array, Array]]:
    """For each fold the rows to learn from and those to be judged on, none of them held out."""
    from sklearn.model_selection import KFold, StratifiedKFold

    if job.settings.folds is None:
        return
    kind = StratifiedKFold if job.given.classes else KFold
    folds = kind(job.settings.folds, shuffle=True, random_state=job.settings.seed)
    rows = job.learned
    for learned, judged in folds.split(rows, job.given.target.values[rows].astype(str)):
        yield rows[learned], rows[judged]


def _fold(job: Job, number: int, learned: Array, judged: Array) -> Scores:
    """The scores of a model of the other folds on this one."""
    left = ""
    if number > 1:
        seconds = (time.perf_counter() - job.began) / (number - 1)
        left = f", about {seconds * ((job.settings.folds or 0) + 2 - number):.0f} s left"
    job.output.progress(f"fold {number} of {job.settings.folds}{left}")
    model, _ = job.fit(learned)
    return scored(*job.judged(model, *job.given.to_judge(judged)), job.metrics)
