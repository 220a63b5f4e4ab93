"""The report of a run: one page, written when it ends or anew from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from handgrad.base.errors import DataError
from handgrad.files import readable
from handgrad.layers import Array
from handgrad.runs.load_table import load_table
from handgrad.runs.messages import Messages
from handgrad.runs.record import HISTORY, REPORT, Record, fingerprint, read_record, settings_of
from handgrad.runs.scores import Predictor
from handgrad.runs.settings import RunSettings
from handgrad.runs.table_model import MODEL
from handgrad.runs.training_table import TrainingTable
from handgrad.saving import load
from handgrad.training import History

if TYPE_CHECKING:
    import pyarrow


def report_run(folder: str | Path, *, messages: Messages | None = None) -> Path:
    """Write the report of a run anew, from its folder and its rows, which are read again.

    Raises a DataError if the rows have changed since.
    """
    folder, messages = Path(folder), messages or Messages()
    record = read_record(folder)
    settings = settings_of(record)
    learned, held_out = _same_rows(record, settings).split(settings.test_size, settings.seed)
    rows = {"training": learned.to_evaluate(), "held_out": held_out.to_evaluate()}
    model, history = load(folder / MODEL), History.from_json(folder / HISTORY)
    messages.progress("the report")
    return write_run_report(record, rows, model, history, folder / REPORT)


def _same_rows(record: Record, settings: RunSettings) -> TrainingTable:
    """The table of the run, as its files have it now; refused if these are others."""
    source = settings.data
    table = load_table(settings)
    before, now = record["data"]["files"], fingerprint(source, table.table.files)
    for old, new in zip(before, now, strict=False):
        if (old["bytes"], old["sha256"]) != (new["bytes"], new["sha256"]):
            change = f"{old['bytes']:,} bytes then, {new['bytes']:,} now"
            if old["bytes"] == new["bytes"]:
                change = f"{old['bytes']:,} bytes as then, but other ones"
            raise DataError(
                f"{new['path']} has changed since the run: {change}",
                "the rows that the model was trained and judged on",
                "the file as it was; or handgrad train, for a model of the new rows",
            )
    if len(before) != len(now):
        raise DataError(
            f"{source}: {len(now)} files, there were {len(before)}",
            "the files that the model was trained and judged on",
            "the files as they were; or handgrad train, for a model of the new ones",
        )
    return table


def write_run_report(
    record: Record,
    rows: Mapping[str, tuple[pyarrow.Table, Array]],
    model: Predictor,
    history: History,
    path: Path,
) -> Path:
    """Write the page of a run."""
    from handgrad import reporting

    target = record["target"]
    reporting.write_report(
        model,
        *rows["held_out"],
        to=path,
        training=rows["training"],
        history=history,
        about={
            "command": [readable(word) for word in record["command"]],
            "data": readable(record["data"]["source"]),
            "target": target["name"],
            "seed": record["seed"],
            "seconds": record["seconds"],
            "notes": [
                f"{target['name']} is predicted by {target['task']}: {target['why']}.",
                *record["notes"],
            ],
        },
    )
    return path
