"""`handgrad report`: the page of a run, made anew from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handgrad.cli.given import given_by
from handgrad.cli.models import MODEL
from handgrad.cli.output import Output
from handgrad.cli.record import HISTORY, REPORT, read_record
from handgrad.cli.rows import Given, Pair, fingerprint
from handgrad.data import BUNDLED
from handgrad.errors import DataError
from handgrad.files import readable
from handgrad.saving import load
from handgrad.training import History

if TYPE_CHECKING:
    from handgrad.cli.streaming import Streamed


def run_report(folder: Path, output: Output) -> None:
    """Read the run and its rows again, and write its page; refused if the rows changed."""
    record = read_record(folder)
    given = _same_rows(record)
    settings = record["settings"]
    learned, held_out = given.split(settings["test_size"], settings["seed"])
    halves = {"training": given.to_judge(learned), "held_out": given.to_judge(held_out)}
    model, history = load(folder / MODEL), History.from_json(folder / HISTORY)
    output.progress("the report")
    path = write_report(record, halves, model, history, folder / REPORT)
    output.result({"report": str(path)})
    output.say("written: ", (str(path), "bold"))


def _same_rows(record: dict[str, Any]) -> Given | Streamed:
    """The rows of the run, as its files have them now; refused if these are others."""
    data, settings = record["data"], record["settings"]
    source = data["source"]
    if source not in BUNDLED:
        source = str(Path(data["folder"]) / source)
    given = given_by(settings, source)
    before, now = data["files"], fingerprint(source, given.table.files)
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
    return given


def write_report(
    record: dict[str, Any], rows: Mapping[str, Pair], model: Any, history: History, path: Path
) -> Path:
    """Write the page of a run."""
    from handgrad import reporting

    reporting.write_report(
        model,
        *rows["held_out"],
        to=path,
        training=rows["training"],
        history=history,
        about={
            "command": [readable(word) for word in record["command"]],
            "data": readable(record["data"]["source"]),
            "target": record["target"]["name"],
            "seed": record["seed"],
            "seconds": record["seconds"],
            "notes": [
                f"{record['target']['name']} is predicted by {record['target']['task']}: "
                f"{record['target']['why']}.",
                *record["notes"],
            ],
        },
    )
    return path
