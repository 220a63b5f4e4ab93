"""A run under way: the folder that is claimed for it, the parts that are done, and its record."""

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
from handgrad.tables.runs.messages import Messages, as_json, plain
from handgrad.tables.runs.partial_run import PartialRun, check_folder, claimed
from handgrad.tables.runs.run import FORMAT_VERSION, HISTORY, RECORD, Run, fingerprint
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.table_model import MODEL
from handgrad.textbook.version import __version__
from handgrad.training import History
from handgrad.training.results import Predictor

OF_WHICH_VERSIONS = ("numpy", "scipy", "scikit-learn", "llvmlite", "pyarrow", "narwhals")
HISTORY_CSV = "history.csv"


class Job(ABC):
    """A run under way: what its settings name has been read, and is what it is to be.

    `parts` are those of it that are done already, once it has a folder.
    """

    name: str
    files: tuple[Location, ...]
    parts: PartialRun
    began: float

    def __init__(self, settings: RunSettings, messages: Messages) -> None:
        self.settings, self.messages = settings, messages

    @abstractmethod
    def tell(self) -> None:
        """Tell what is to be learned from."""

    @abstractmethod
    def carried_out(self) -> Run:
        """The run, all of whose parts are done at the end."""

    def run(self) -> Run:
        """The run, in a folder that this process alone makes; of a finished one what there is."""
        settings = self.settings
        identity = settings.recorded() | {
            "files": fingerprint(settings.data, self.files),
            "versions": {"python": python_version(), "handgrad": __version__}
            | versions(OF_WHICH_VERSIONS),
        }
        with claimed(settings.out, self.name, identity, resume=settings.resume) as parts:
            self.parts = parts
            if settings.resume and kind_of(parts.folder / RECORD):
                run = _finished(parts)
                parts.clear()
                self.messages.note(f"{run.folder} is finished already")
                return run
            check_folder(parts.folder)
            parts.check(resume=settings.resume)
            self.tell()
            self.began = time.perf_counter()
            return self._to_its_end()

    def _to_its_end(self) -> Run:
        """The run; where it is stopped, what is done stays, and how to go on is told."""
        try:
            with _workers_of(self.settings):
                return self.carried_out()
        except BaseException as error:
            if parts := len(self.parts.parts):
                done = "1 part is" if parts == 1 else f"{parts} parts are"
                self.messages.note(
                    f"{done} done and kept; to go on: {self.settings.how_to_resume()}"
                )
            elif not isinstance(error, Exception):
                self.messages.note("stopped before the first part was done: nothing is kept")
            raise

    def keep(self, model: Predictor, history: History, about: Mapping[str, object]) -> None:
        """Keep the file of the model, beside the history of its training."""
        self.parts.file(HISTORY_CSV, history.to_csv)
        self.parts.file(HISTORY, history.to_json)
        self.parts.file(MODEL, lambda path: save(model, path, about={**about}))

    @property
    def trained(self) -> Path:
        """The file of the model, which is kept already."""
        return self.parts.file(MODEL, lambda _: None)

    def run_of(self, found: Mapping[str, object], size: Mapping[str, object]) -> Run:
        """The run with what was found, what was asked for, and how it can be repeated."""
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
                **size,
            },
            **found,
            "seconds": round(time.perf_counter() - self.began, 2),
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
        return Run(self.parts.folder, cast("dict[str, Any]", plain(record)))

    def finish(self, run: Run) -> None:
        """Keep the record of the run, which ends it: its folder appears."""
        content = as_json(run.record)
        self.parts.file(RECORD, lambda path: write_whole(path, lambda file: file.write(content)))
        self.parts.finish()


def _workers_of(settings: RunSettings) -> AbstractContextManager[None]:
    """What workers there are to be, for all fits of a run."""
    if not settings.workers:
        return nullcontext()
    from handgrad.cluster.connection import connected

    return connected(settings.ray)


def _finished(parts: PartialRun) -> Run:
    """The run that needs nothing more; refused if it was another."""
    run = Run.of(parts.folder)
    before = run.record["settings"] | {"files": run.record["data"]["files"]}
    if before | {"versions": parts.identity["versions"]} != parts.identity:
        check_folder(parts.folder)
    return run
