"""Base class of training runs: locks the folder, keeps finished parts, writes the record."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from platform import python_version
from typing import Any, cast

from handgrad.engines.environment import blas_of, processor, versions
from handgrad.files import save
from handgrad.files.paths import kind_of, write_whole
from handgrad.graph.threads import available_cores
from handgrad.tables.data.files import Location
from handgrad.tables.runs.finished_run import HISTORY, Run, fingerprint
from handgrad.tables.runs.messages import Messages, as_json, plain
from handgrad.tables.runs.partial_run import PartialRun, check_folder, claimed
from handgrad.tables.runs.record import FORMAT_VERSION, MODEL, RECORD
from handgrad.tables.runs.settings import RunSettings
from handgrad.textbook.errors import DivergenceError
from handgrad.textbook.version import __version__
from handgrad.training import History
from handgrad.training.results import Predictor

OF_WHICH_VERSIONS = ("numpy", "scipy", "scikit-learn", "llvmlite", "pyarrow", "narwhals")
HISTORY_CSV = "history.csv"


class Job(ABC):
    """A training run whose data has been loaded and checked.

    `parts` are its finished parts, once it has a folder; `test_files` those of `test`.
    """

    name: str
    files: tuple[Location, ...]
    test_files: tuple[Location, ...] = ()
    parts: PartialRun
    began: float

    def __init__(self, settings: RunSettings, messages: Messages) -> None:
        self.settings, self.messages = settings, messages

    @abstractmethod
    def show_data(self) -> None:
        """Report the data that was loaded."""

    @abstractmethod
    def train(self) -> Run:
        """Train and evaluate; all parts of the run are done afterwards."""

    def run(self) -> Run:
        """Lock the folder and train; with `resume`, return a run that is finished already."""
        settings = self.settings
        identity = settings.recorded() | {
            "files": fingerprint(settings.data, self.files),
            "test_files": fingerprint(settings.test or "", self.test_files),
            "versions": {"python": python_version(), "handgrad": __version__}
            | versions(OF_WHICH_VERSIONS),
        }
        with claimed(settings.out, self.name, identity, resume=settings.resume) as parts:
            self.parts = parts
            if settings.resume and kind_of(parts.folder / RECORD):
                run = _finished(parts)
                parts.clear()
                self.messages.note(f"{run.folder} is already finished")
                return run
            check_folder(parts.folder)
            parts.check(resume=settings.resume)
            self.show_data()
            self.began = time.perf_counter()
            return self._train()

    def _train(self) -> Run:
        """Train; if it is stopped, keep the finished parts and say how to resume."""
        try:
            with _workers_of(self.settings):
                return self.train()
        except BaseException as error:
            if isinstance(error, DivergenceError) and not self.parts.parts:
                self.parts.clear()  # resumed, it would diverge again
            if parts := len(self.parts.parts):
                done = "1 finished part" if parts == 1 else f"{parts} finished parts"
                self.messages.note(f"{done} saved; to resume: {self.settings.how_to_resume()}")
            elif self.parts.is_begun:
                resume = self.settings.how_to_resume()
                self.messages.note(f"the training so far is saved; to resume: {resume}")
            elif not isinstance(error, Exception):
                self.messages.note("stopped before the first part was finished: nothing is saved")
            raise

    def keep(self, model: Predictor, history: History, about: Mapping[str, object]) -> None:
        """Save the model and the history of its training."""
        self.parts.file(HISTORY_CSV, history.to_csv)
        self.parts.file(HISTORY, history.to_json)
        self.parts.file(MODEL, lambda path: save(model, path, about={**about}))

    @property
    def trained(self) -> Path:
        """File of the saved model."""
        return self.parts.file(MODEL, lambda _: None)

    def run_of(self, results: Mapping[str, object], size: Mapping[str, object]) -> Run:
        """The run and its record: results, settings and environment."""
        settings = self.settings
        record = {
            "format_version": FORMAT_VERSION,
            "command": settings.command(),
            "settings": settings.recorded(),
            "data": {
                "name": self.name,
                "source": settings.data,
                "folder": str(Path.cwd()),
                "files": self.parts.identity["files"],
                "test_files": self.parts.identity["test_files"],
                **size,
            },
            **results,
            "seconds": round(time.perf_counter() - self.began, 2),
            "seed": settings.seed,
            "versions": self.parts.identity["versions"],
            # on which the last digits depend
            "machine": {
                "processor": processor(),
                "cores": available_cores(),
                "BLAS of NumPy": blas_of("numpy"),
                "BLAS of SciPy": blas_of("scipy"),
            },
        }
        return Run(self.parts.folder, cast("dict[str, Any]", plain(record)))

    def finish(self, run: Run) -> None:
        """Write the record and move the run into its folder."""
        content = as_json(run.record)
        self.parts.file(RECORD, lambda path: write_whole(path, lambda file: file.write(content)))
        self.parts.finish()


def _workers_of(settings: RunSettings) -> AbstractContextManager[None]:
    """Context with a connection to Ray, if the settings ask for workers."""
    if not settings.workers:
        return nullcontext()
    from handgrad.cluster.connection import connected

    return connected(settings.ray)


def _finished(parts: PartialRun) -> Run:
    """The finished run in the folder; an error if its settings differ."""
    run = Run.of(parts.folder)
    files = {name: run.record["data"][name] for name in ("files", "test_files")}
    before = run.record["settings"] | files
    if before | {"versions": parts.identity["versions"]} != parts.identity:
        check_folder(parts.folder)
    return run
