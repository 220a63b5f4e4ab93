"""A finished run: its folder, the record in it by which it can be repeated, and its report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from handgrad.files import load
from handgrad.files.addresses import is_address
from handgrad.files.paths import as_path, kind_of, readable, reason
from handgrad.tables.data import BUNDLED
from handgrad.tables.data.files import Location, status_of
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.table_model import MODEL
from handgrad.textbook.errors import FileError
from handgrad.textbook.layers import Array
from handgrad.training import History
from handgrad.training.results import Predictor

if TYPE_CHECKING:
    from handgrad.tables.reporting.evidence import Evidence

RECORD, REPORT = "run.json", "report.html"
HISTORY = "history.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Run:
    """A finished run in its folder, and the record of it, which is run.json there."""

    folder: Path
    record: dict[str, Any]

    @classmethod
    def of(cls, folder: str | Path) -> Self:
        """The run that `train_table`, or `handgrad train`, left in a folder."""
        path = as_path(folder) / RECORD
        try:
            record = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise FileError(
                f"{path}: {'no such file' if not kind_of(path) else reason(error)}",
                "a folder that handgrad train made",
                str(Path(folder).parent)
                if kind_of(folder) == "file"
                else "the folder of the run itself, as runs/NAME-1",
            ) from error
        if not isinstance(record, dict) or record.get("format_version") != FORMAT_VERSION:
            raise FileError(
                f"{path}: not a run of this format",
                f"format version {FORMAT_VERSION}, which this handgrad reads",
                "the handgrad that made it, or train anew",
            )
        return cls(path.parent, record)

    @property
    def model(self) -> Predictor:
        """The estimator, from its file."""
        return load(self.folder / MODEL)

    @property
    def history(self) -> History:
        """The losses of the training, epoch by epoch."""
        return History.from_json(self.folder / HISTORY)

    @property
    def scores(self) -> dict[str, Any]:
        """The metrics of the rows held out, of those of the training, and of guessing."""
        return self.record["scores"]

    @property
    def settings(self) -> RunSettings:
        """What was asked for; of an older handgrad there are fewer settings."""
        source, names = self.record["data"]["source"], [field.name for field in fields(RunSettings)]
        if source not in BUNDLED and not is_address(source):
            source = str(Path(self.record["data"]["folder"]) / source)
        asked = {**self.record["settings"], "data": source}
        return RunSettings(**{name: asked[name] for name in names if name in asked})

    @property
    def about(self) -> dict[str, object]:
        """What a report says of the run itself."""
        record = self.record
        return {
            "command": [readable(word) for word in record["command"]],
            "data": readable(record["data"]["source"]),
            "seed": record["seed"],
            "seconds": record["seconds"],
            "notes": record["notes"],
        }

    def evidence(
        self,
        rows: Mapping[str, tuple[pa.Table, Array]],
        beside: tuple[pa.Table, pa.Table] | None,
        model: Predictor,
        history: History,
    ) -> Evidence:
        """What is found of the model of the run, on those rows "held_out" and "training".

        `beside` are the columns of both that it has not learned from.
        """
        from handgrad.tables.reporting.evidence import Evidence

        record, target = self.record, self.record["target"]
        why = f"{target['name']} is predicted by {target['task']}: {target['why']}."
        about = self.about | {"target": target["name"], "notes": [why, *record["notes"]]}
        if shards := record["settings"].get("shards"):
            about["shards of each batch"] = shards
        held_out, training = rows["held_out"], rows["training"]
        with no_unseen_warnings():
            return Evidence(model, *held_out, training, history, about, beside)

    def __repr__(self) -> str:
        data, scores = self.record["data"], self.scores["held_out"]
        words = ", ".join(f"{name} {value:.3g}" for name, value in scores.items())
        return f"<Run {self.folder}: {data['name']}, {words} on rows held out>"


def fingerprint(source: str, files: tuple[Location, ...]) -> list[dict[str, str | int]]:
    """The files of a table, with size and SHA-256 each; none of a bundled set."""
    found: list[dict[str, str | int]] = []
    for path in () if source in BUNDLED else files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.append({"path": str(path), "bytes": status_of(path).size, "sha256": digest})
    return found
