"""The record of a run: all that is needed to repeat it and to show it, as JSON in its folder."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import IO, TypedDict, cast

from handgrad._version import __version__
from handgrad.data import BUNDLED
from handgrad.engines.environment import blas_of, processor
from handgrad.engines.threads import available_cores
from handgrad.files import FileError, kind_of, reason, write_whole
from handgrad.runs.messages import as_json, plain
from handgrad.runs.models import epochs_chosen_by
from handgrad.runs.scores import ClassScores, Predictor, Scores
from handgrad.runs.settings import RunSettings
from handgrad.runs.training_table import TrainingTable

RECORD, REPORT = "run.json", "report.html"
HISTORY, HISTORY_CSV, HELD_OUT = "history.json", "history.csv", "held_out.csv"
FORMAT_VERSION = 1
OF_WHICH_VERSIONS = ("numpy", "scipy", "scikit-learn", "llvmlite", "pyarrow", "narwhals")


class FileRecord(TypedDict):
    """A file with its size and SHA-256, by which a later run knows it again."""

    path: str
    bytes: int
    sha256: str


class DataRecord(TypedDict):
    """The table of a run."""

    name: str
    source: str
    folder: str
    files: list[FileRecord]
    rows: int
    streamed: bool


class TargetRecord(TypedDict):
    """What a run predicts; `why` it is taken so, `range` the lowest and the highest number."""

    name: str
    task: str
    why: str
    classes: list[object]
    range: list[float] | None


class ScoresRecord(TypedDict, total=False):
    """The scores of a run on each set of rows; `folds` has those of each fold."""

    training: Scores
    held_out: Scores
    guessing: Scores
    folds: list[Scores]


class Outcome(TypedDict):
    """What a run comes to; `rows` and `judged` have a number for each set of rows."""

    rows: dict[str, int]
    judged: dict[str, int]
    epochs: int
    scores: ScoresRecord
    classes: list[ClassScores]
    seconds: float


class Record(Outcome):
    """What `run.json` says of a run."""

    format_version: int
    command: list[str]
    settings: dict[str, object]
    data: DataRecord
    target: TargetRecord
    columns: dict[str, str]
    notes: list[str]
    epochs_chosen_by: str | None
    seed: int
    versions: dict[str, str]
    machine: dict[str, str | int]


def environment() -> dict[str, str]:
    """The versions that a run depends on."""
    found = {"python": python_version(), "handgrad": __version__}
    for name in OF_WHICH_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def record_of(
    settings: RunSettings,
    table: TrainingTable,
    files: list[FileRecord],
    model: Predictor,
    outcome: Outcome,
) -> Record:
    """What was asked for, what was found in the data, and what was made of it."""
    target, values = table.target, table.target.values
    encoder = model if hasattr(model, "features_") else model[0]  # type: ignore[index]
    record: Record = {
        "format_version": FORMAT_VERSION,
        "command": settings.command(),
        "settings": settings.recorded(),
        "data": {
            "name": table.name,
            "source": settings.data,
            "folder": str(Path.cwd()),
            "files": files,
            "rows": table.n_rows,
            "streamed": table.streamed,
        },
        "target": {
            "name": target.name,
            "task": target.task,
            "why": target.why,
            "classes": table.classes,
            "range": None if table.classes else [float(values.min()), float(values.max())],
        },
        "columns": {name: f.summary() for name, f in encoder.features_.features.items()},
        "notes": [*table.notes],
        "epochs_chosen_by": epochs_chosen_by(settings, target.task),
        "seed": settings.seed,
        "versions": environment(),
        # what the last digits depend on besides
        "machine": {
            "processor": processor(),
            "cores": available_cores(),
            "BLAS of NumPy": blas_of("numpy"),
            "BLAS of SciPy": blas_of("scipy"),
        },
        **outcome,
    }
    return cast("Record", plain(record))


def write_record(record: Record, path: Path) -> Path:
    """Write the record as JSON."""
    return write_whole(path, lambda file: file.write(as_json(record)))


def write_held_out(rows: TrainingTable, path: Path) -> Path:
    """Write which rows were held out: the file, and the row, from 1 below the header."""
    files = [str(path).encode("utf-8", "backslashreplace").decode() for path in rows.table.files]

    def write(file: IO[str]) -> None:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "row"])
        writer.writerows((files[i], row) for i, row in rows.located().tolist())

    return write_whole(path, write)


def read_record(folder: Path) -> Record:
    """The record in the folder of a run."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text("utf-8"))
        good = isinstance(record, dict) and record.get("format_version") == FORMAT_VERSION
    except (OSError, ValueError) as error:
        raise FileError(
            f"{path}: {'no such file' if not kind_of(path) else reason(error)}",
            "a folder that handgrad train made",
            "the folder of the run itself, as runs/NAME-1",
        ) from error
    if not good:
        raise FileError(
            f"{path}: not a run of this format",
            f"format version {FORMAT_VERSION}, which this handgrad reads",
            "the handgrad that made it, or train anew",
        )
    return cast("Record", record)


def settings_of(record: Record) -> RunSettings:
    """The settings of a finished run; those of an older handgrad have fewer."""
    source, names = record["data"]["source"], {field.name for field in fields(RunSettings)}
    if source not in BUNDLED:
        source = str(Path(record["data"]["folder"]) / source)
    known = {name: value for name, value in record["settings"].items() if name in names}
    return RunSettings(**{**known, "data": source})  # type: ignore[arg-type]


def fingerprint(source: str, files: tuple[Path, ...]) -> list[FileRecord]:
    """The files of a table; none of a bundled set."""
    found: list[FileRecord] = []
    for path in () if source in BUNDLED else files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.append({"path": str(path), "bytes": path.stat().st_size, "sha256": digest})
    return found
