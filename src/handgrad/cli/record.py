"""What stands in a run's folder about the run: all that is needed to repeat it, and to show it."""

from __future__ import annotations

import csv
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from handgrad._version import __version__
from handgrad.cli.models import chosen_by, read_as
from handgrad.cli.output import Output, as_json, plain
from handgrad.cli.rows import Given
from handgrad.cli.scores import few_rows, score_table, shown, written
from handgrad.cli.settings import Settings
from handgrad.engines.environment import blas_of, processor
from handgrad.engines.threads import available_cores
from handgrad.files import FileError, kind_of, reason, write_whole

if TYPE_CHECKING:
    from handgrad.cli.streaming import Streamed

RECORD, REPORT = "run.json", "report.html"
HISTORY, HISTORY_CSV, HELD_OUT = "history.json", "history.csv", "held_out.csv"
FORMAT_VERSION = 1
MOST_COLUMNS_SHOWN, MOST_CLASSES_NAMED = 16, 6
OF_WHICH_VERSIONS = ("numpy", "scipy", "scikit-learn", "llvmlite", "pyarrow", "narwhals")


def environment() -> dict[str, str]:
    """The versions that a run depends on."""
    found = {"python": python_version(), "handgrad": __version__}
    for name in OF_WHICH_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str | int]:
    """What the last digits depend on besides."""
    return {
        "processor": processor(),
        "cores": available_cores(),
        "BLAS of NumPy": blas_of("numpy"),
        "BLAS of SciPy": blas_of("scipy"),
    }


def record_of(
    settings: Settings, given: Given | Streamed, files: list[dict[str, Any]], model: Any
) -> dict[str, Any]:
    """What was asked for, what was found in the data, and what was made of it."""
    target, values = given.target, given.target.values
    range_ = [float(values.min()), float(values.max())] if not given.classes else None
    found = {
        "format_version": FORMAT_VERSION,
        "command": settings.command(),
        "settings": settings.asked(),
        "data": {
            "name": given.name,
            "source": settings.data,
            "folder": str(Path.cwd()),
            "files": files,
            "rows": given.shape[0],
            "streamed": given.streamed,
        },
        "target": {
            "name": target.name,
            "task": target.task,
            "why": target.why,
            "classes": given.classes,
            "range": range_,
        },
        "columns": read_as(model),
        "notes": given.notes,
        "epochs_chosen_by": chosen_by(settings, target.task),
        "seed": settings.seed,
        "versions": environment(),
        "machine": machine(),
    }
    return plain(found)


def write_record(record: dict[str, Any], path: Path) -> Path:
    """Write the record as JSON."""
    return write_whole(path, lambda file: file.write(as_json(record)))


def write_held_out(given: Given | Streamed, rows: Any, path: Path) -> Path:
    """Write which rows were held out: the file, and the row, from 1 below the header."""
    files = [str(path).encode("utf-8", "backslashreplace").decode() for path in given.table.files]

    def write(file: IO[str]) -> None:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "row"])
        writer.writerows((files[i], row) for i, row in given.located(rows).tolist())

    return write_whole(path, write)


def read_record(folder: Path) -> dict[str, Any]:
    """What stands in the folder of a run that `handgrad train` made."""
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
    return record


def header(given: Given | Streamed, output: Output) -> None:
    """Say what is to be learned from, what is predicted, and why it was taken so."""
    n, d = given.shape
    columns = "1 column" if d == 1 else f"{d} columns"
    pieces = ", read in pieces" if given.streamed else ""
    output.say((given.name, "bold"), f": {n:,} rows, {columns} to learn from{pieces}")
    what = f"{given.target.name}: {_described(given)}"
    output.say(f"predicting {what} ({given.target.task}: {given.target.why})")
    for note in given.notes:
        output.say(f"note: {note}")


def _described(given: Given | Streamed) -> str:
    if not given.classes:
        values = given.target.values
        return f"a number, {shown(values.min())} to {shown(values.max())}"
    classes = [str(name) for name in given.classes]
    more = ", …" if len(classes) > MOST_CLASSES_NAMED else ""
    return f"{len(classes)} classes, {', '.join(classes[:MOST_CLASSES_NAMED])}{more}"


def show(record: dict[str, Any], folder: Path, output: Output) -> None:
    """Show a finished run: what was made of the columns, the scores, where it is."""
    files = sorted(path.name for path in folder.iterdir())
    output.result(record | {"run": str(folder), "written": files})
    from rich.cells import cell_len

    width = max(map(cell_len, record["columns"]))
    read = [*record["columns"].items()]
    for name, words in read[:MOST_COLUMNS_SHOWN]:
        output.say(f"  {name}{' ' * (width - cell_len(name))}  {words}")
    if len(read) > MOST_COLUMNS_SHOWN:
        more = len(read) - MOST_COLUMNS_SHOWN
        output.say(f"  … {more} more column{'s' * (more > 1)}: in {folder / RECORD}")
    scores = record["scores"]
    columns = {"training": written(scores["training"]), "held out": written(scores["held_out"])}
    if folds := scores.get("folds"):
        columns = {f"{len(folds)} folds": _over_folds(folds)} | columns
    columns["guessing"] = written(scores["guessing"])
    output.console.print(score_table(columns))
    for note in few_rows(record["classes"]):
        output.say(f"note: {note}")
    by, n = record["epochs_chosen_by"], record["epochs"]
    best = f", of which the best by {by.replace('_', ' ')} is kept" if by and n > 1 else ""
    epochs = f"{n} epoch{'s' * (n > 1)}{best}"
    rows = record["rows"]
    output.say(f"{rows['training']:,} rows learned from, {rows['held_out']:,} held out; {epochs}")
    if (judged := record["judged"]["training"]) < rows["training"]:
        output.say(f"the scores of the training are those of {judged:,} of its rows")
    output.say("written to ", (str(folder), "bold"), f": {', '.join(files)}")


def _over_folds(folds: list[dict[str, float | None]]) -> dict[str, str]:
    """Mean ± standard deviation over the folds."""
    found = {}
    for name in folds[0]:
        values = [value for fold in folds if (value := fold[name]) is not None]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
        spread = f"{deviation:.2g}" if deviation < 100 else shown(deviation)
        found[name] = f"{shown(float(np.mean(values)))} ± {spread}" if values else "–"
    return found
