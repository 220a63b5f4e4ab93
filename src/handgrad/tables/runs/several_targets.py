"""Several targets: a run for each in one folder, whose models predict together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from glob import escape
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self, Unpack

import pyarrow as pa
from pyarrow import parquet

from handgrad.files.paths import as_path, kind_of, make_folder, write_whole
from handgrad.tables.data import TableOptions
from handgrad.tables.data.predictions import (
    file_to_write,
    has_intervals,
    has_sets,
    write_tables,
)
from handgrad.tables.data.table_options import TableWords, option
from handgrad.tables.runs.evaluation import evaluate_table
from handgrad.tables.runs.finished_run import Run
from handgrad.tables.runs.messages import Messages, as_json
from handgrad.tables.runs.partial_run import RUNS, check_folder, claimed
from handgrad.tables.runs.record import TARGETS, models_in
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.table_model import Answers, ModelEvaluation, TableModel
from handgrad.tables.runs.train import job_of
from handgrad.textbook.errors import FileError

AT_ONCE = 10_240  # rows of the predictions that are joined at once


def train_targets(
    settings: Mapping[str, RunSettings], messages: Messages | None = None
) -> Iterator[Run]:
    """Train a model of each target; yields each finished run.

    The runs are folders in a common one, whose targets.json has their names. The settings of all
    are checked before the first is trained.
    """
    messages = messages or Messages()
    names = [job_of(one, messages).name for one in settings.values()]
    folders = _common_folder(names[0], settings)
    for done, (name, one) in enumerate(settings.items()):
        try:
            run = job_of(replace(one, out=folders[name]), messages).run()
        except BaseException:
            messages.note(
                f"{done} of {len(settings)} targets are trained; to resume all: the same command "
                f"with {option('out', str(folders[name].parent))} {option('resume', True)}"
            )
            raise
        yield run


def _common_folder(table: str, settings: Mapping[str, RunSettings]) -> dict[str, Path]:
    """Folder of the run of each target, in a new folder or in that of the runs to be resumed."""
    one = next(iter(settings.values()))
    if one.resume:
        places = [one.out] if one.out is not None else [*RUNS.glob(f"{escape(table)}-*")]
        places.sort(key=lambda place: place.lstat().st_mtime if kind_of(place) else 0)
        begun = [folders for place in places if [*(folders := models_in(place))] == [*settings]]
        if begun:
            return {name: path.parent for name, path in begun[-1].items()}
        if one.out is not None and kind_of(one.out):
            raise FileError(
                f"{option('resume', True)} of {one.out}, which has no runs of "
                f"{', '.join(settings)}",
                "the folder of the runs to resume, with the same targets in the same order",
                f"another {option('out')}; without {option('resume')}, to begin",
            )
    with claimed(one.out, table, {}) as parts:
        folder = parts.folder
        check_folder(folder)
        names = _folder_names(settings)
        make_folder(folder)
        content = as_json({"targets": names})
        write_whole(folder / TARGETS, lambda file: file.write(content))
    return {name: folder / folder_name for name, folder_name in names.items()}


def _folder_names(targets: Iterable[str]) -> dict[str, str]:
    """Name of a folder for each target; no two differ only in case."""
    names = dict[str, str]()
    for target in targets:
        safe = re.sub(r"[^\w.-]+", "_", target).strip("._") or "target"
        before = {name.casefold() for name in names.values()}
        choices = chain([safe], (f"{safe}_{number}" for number in count(2)))
        names[target] = next(name for name in choices if name.casefold() not in before)
    return names


@dataclass(frozen=True)
class TargetModels:
    """Models of several targets of one table, by target, in the folder `path`."""

    path: Path
    models: dict[str, TableModel]

    @classmethod
    def of(cls, path: str | Path) -> Self | None:
        """Load the models in a folder of several targets; None for any other path."""
        folder = as_path(path)
        files = models_in(folder)
        for target, file in files.items():
            if kind_of(file) != "file":
                raise FileError(
                    f"{folder}: the model of {target!r} is not trained yet",
                    "a model of each target",
                    f"the command that trained the others, with {option('resume', True)}",
                )
        models = {target: TableModel.of(file) for target, file in files.items()}
        return cls(folder, models) if models else None

    def predict(
        self,
        data: str,
        to: Path,
        asked: TableOptions,
        answers: Answers,
        memory: str,
        messages: Messages,
    ) -> int:
        """Write the answers of all models for a table to the file `to`; return the number of rows.

        A target's columns begin with its name. Probabilities and sets are of targets that are
        classes, intervals of those that are numbers.
        """
        to = file_to_write(to)
        each = {target: self._answers(target, answers) for target in self.models}
        with TemporaryDirectory() as folder:
            files = {target: Path(folder) / f"{i}.parquet" for i, target in enumerate(self.models)}
            for target, model in self.models.items():
                n_rows = model.predict(data, files[target], asked, each[target], memory, messages)
            write_tables(_joined(files, answers.keep), to, n_rows)
        return n_rows

    def _answers(self, target: str, answers: Answers) -> Answers:
        """The answers that the model of a target has."""
        classes = self._suits(target, lambda model: bool(model.classes))
        sets = self._suits(target, lambda model: has_sets(model.estimator))
        interval = self._suits(target, lambda model: has_intervals(model.estimator))
        return replace(
            answers,
            probabilities=answers.probabilities and classes,
            keep=answers.keep if target == next(iter(self.models)) else (),
            interval=answers.interval if interval else None,
            sets=answers.sets if sets else None,
        )

    def _suits(self, target: str, has: Callable[[TableModel], bool]) -> bool:
        """True if the model of a target has an answer, or if none has it, which is an error."""
        able = [name for name, model in self.models.items() if has(model)]
        return target in able or not able

    def evaluate(
        self,
        data: str,
        *,
        metric: Sequence[str] = (),
        messages: Messages | None = None,
        **options: Unpack[TableWords],
    ) -> list[ModelEvaluation]:
        """Evaluate the model of each target on a table; see `hg.tables.evaluate_table`."""
        return [
            evaluate_table(model.path, data, metric=metric, messages=messages, **options)
            for model in self.models.values()
        ]


def _joined(files: Mapping[str, Path], keep: Sequence[str]) -> Iterator[pa.Table]:
    """Join the columns of files with the same rows, each with the name of its target before it."""
    with ExitStack() as stack:
        tables = {name: stack.enter_context(parquet.ParquetFile(p)) for name, p in files.items()}
        for parts in zip(
            *(table.iter_batches(batch_size=AT_ONCE) for table in tables.values()), strict=True
        ):
            columns = {
                name if name in keep else f"{target}_{name}": column
                for target, part in zip(tables, parts, strict=True)
                for name, column in zip(part.schema.names, part.columns, strict=True)
            }
            yield pa.table(columns)
