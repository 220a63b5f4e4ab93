"""Finished runs: the folder, the record and the evidence for the report."""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from handgrad.files import load
from handgrad.files.addresses import is_address
from handgrad.files.paths import as_path, kind_of, readable, reason
from handgrad.tables.data import BUNDLED
from handgrad.tables.data.files import Location, status_of
from handgrad.tables.data.unseen_values import no_unseen_warnings
from handgrad.tables.runs.record import FORMAT_VERSION, MODEL, RECORD, predicted_name
from handgrad.tables.runs.settings import RunSettings
from handgrad.tables.runs.training_table import TrainingTable, beside_of
from handgrad.textbook.errors import FileError
from handgrad.training import History
from handgrad.training.results import Predictor

if TYPE_CHECKING:
    from handgrad.tables.reporting.evidence import Evidence

REPORT = "report.html"
HISTORY = "history.json"


@dataclass(frozen=True)
class Run:
    """A finished run.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    record : dict
        The content of its run.json: settings, data, scores, findings and versions.
    """

    folder: Path
    record: dict[str, Any]

    @classmethod
    def of(cls, folder: str | Path) -> Self:
        """Read the run in a folder that `train_table` or `handgrad train` wrote."""
        path = as_path(folder) / RECORD
        try:
            record = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise FileError(
                f"{path}: {'no such file' if not kind_of(path) else reason(error)}",
                "a folder written by handgrad train",
                str(Path(folder).parent)
                if kind_of(folder) == "file"
                else "the folder of the run itself, such as runs/NAME-1",
            ) from error
        version = record.get("format_version") if isinstance(record, dict) else None
        if version != FORMAT_VERSION:
            raise FileError(
                f"{path}: {f'format version {version}' if version else 'not the record of a run'}",
                f"format version {FORMAT_VERSION}",
                "train again, or use the version of handgrad that wrote it; predict, write and "
                "evaluate still read its model file",
            )
        return cls(path.parent, record)

    @property
    def model(self) -> Predictor:
        """The estimator, loaded from its file."""
        return load(self.folder / MODEL)

    @property
    def history(self) -> History:
        """The training history."""
        return History.from_json(self.folder / HISTORY)

    @property
    def scores(self) -> dict[str, Any]:
        """Scores of the held-out rows, of the training rows and of the baseline."""
        return self.record["scores"]

    @property
    def date(self) -> str:
        """Time at which its run.json was written, in the form of ISO 8601; now, before that."""
        path, now = self.folder / RECORD, datetime.datetime.now()
        written = datetime.datetime.fromtimestamp(path.stat().st_mtime) if kind_of(path) else now
        return written.astimezone().isoformat(timespec="minutes")

    @property
    def settings(self) -> RunSettings:
        """The settings of the run."""
        recorded = {**self.record["settings"]}
        del recorded["shards"]  # computed from the workers, which are not recorded
        for name, source in (("data", self.record["data"]["source"]), ("test", recorded["test"])):
            if source is not None and source not in BUNDLED and not is_address(source):
                source = str(Path(self.record["data"]["folder"]) / source)
            recorded[name] = source
        return RunSettings(**recorded)

    @property
    def about(self) -> dict[str, object]:
        """Facts of the run for the report."""
        record = self.record
        return {
            "command": [readable(word) for word in record["command"]],
            "data": readable(record["data"]["source"]),
            "date": self.date.partition("T")[0],
            "seed": record["seed"],
            "seconds": record["seconds"],
            "notes": record["notes"],
            "held out": record["split"]["words"],
        }

    def evidence(
        self,
        held_out: TrainingTable,
        learned: TrainingTable,
        model: Predictor,
        history: History,
    ) -> Evidence:
        """Evidence for the report."""
        from handgrad.tables.reporting.evidence import Evidence

        record, target = self.record, self.record["target"]
        why = f"{target['name']} is predicted by {target['task']}: {target['why']}."
        name = predicted_name(target["name"], record["settings"].get("exposure"))
        about = self.about | {"target": name, "notes": [why, *record["notes"]]}
        if "positive" in record:
            about["positive"] = record["positive"]
        if shards := record["settings"].get("shards"):
            about["shards of each batch"] = shards
        rows = held_out.to_evaluate(), learned.to_evaluate()
        beside = beside_of(held_out, learned)
        roles = held_out.row_roles, learned.row_roles
        with no_unseen_warnings():
            files = held_out.row_files, learned.row_files
            evidence = Evidence(model, *rows[0], rows[1], history, about, beside, roles, files)
        evidence.state(record.get("two_splits", {}))
        evidence.record, evidence.places = record, held_out.places
        return evidence

    def __repr__(self) -> str:
        data, scores = self.record["data"], self.scores["held_out"]
        words = ", ".join(f"{name} {value:.3g}" for name, value in scores.items())
        return f"<Run {self.folder}: {data['name']}, {words} on held-out rows>"


def fingerprint(source: str, files: tuple[Location, ...]) -> list[dict[str, str | int]]:
    """Files of a table with size and SHA-256; none for a bundled data set."""
    entries: list[dict[str, str | int]] = []
    for path in () if source in BUNDLED else files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        entries.append({"path": str(path), "bytes": status_of(path).size, "sha256": digest})
    return entries
