"""What the playground's server answers: programs, tables, files, the doctor, training."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from handgrad.check.doctor import diagnose
from handgrad.exchange.exporting import export
from handgrad.exchange.exporting.formats import ENDINGS, ending_of
from handgrad.files import save
from handgrad.learn.playground.models import MOST_WIDTH, model_of, numbers_in, rows_in, whole_in
from handgrad.learn.playground.programs import program_of
from handgrad.learn.playground.server import Answer, Request, Route
from handgrad.learn.playground.tables import WholeTable, table_sent
from handgrad.learn.playground.trainings import Trainings
from handgrad.textbook.net import Net
from handgrad.training import EpochReport, History


@dataclass(eq=False)
class Routes:
    """The routes of a page that was `given` its state, and opened with `own` net, if any.

    `whole` is the table of which the page was given some rows only, if so.
    """

    given: Mapping[str, Any]
    own: Net | None = None
    whole: WholeTable | None = None
    _making: threading.Lock = field(default_factory=threading.Lock)

    def all(self) -> dict[str, Route]:
        """Every route by its name."""
        return {
            "given": lambda request: _json({**self.given, "whole": self.whole is not None}),
            "program": self.program,
            "table": self.table,
            "file": self.file,
            "doctor": self.doctor,
            "train": Trainings(self.own, self.whole).train,
            "weights": self.back,
        }

    def program(self, request: Request) -> Answer:
        """The program of WebAssembly that trains the net; one is made at a time, and kept."""
        said = request.said()
        with self._making:
            known = said.get("width") is not None
            width = whole_in(said, "width", 0, most=MOST_WIDTH) if known else None
            return _json(program_of(said, self.own, width))

    def table(self, request: Request) -> Answer:
        """A table, read; `name` is that of its file, `target` a column of it."""
        name, target = request.query.get("name", ""), request.query.get("target")
        found = table_sent(request.body, name, target)
        state = found.state()
        return _json(
            {"rows": found.rows(), "problem": state["data"]["problem"], "table": found.told()}
        )

    def file(self, request: Request) -> Answer:
        """A file of the net that `hg.export` writes: its ending is that of the `name` asked for."""
        said = request.said()
        model = model_of(said, self.own)
        name = Path(str(said.get("name", ""))).name
        if name.endswith(".safetensors"):
            with TemporaryDirectory() as folder:
                return _file(save(model.net, Path(folder, "net.safetensors")))
        ending_of(Path(name))
        ending = next(known for known in ENDINGS if name.lower().endswith(known))
        x, y = rows_in(said, model.net) if said.get("x") else (None, None)
        learns = ENDINGS[ending].learns and y is not None and model.optimizer is not None
        how: dict[str, Any] = {"loss": model.loss, "optimizer": model.optimizer} if learns else {}
        with TemporaryDirectory() as folder:
            path = Path(folder, f"net{ending}")
            export(model.net, path, x, y if learns else None, **how, batch_size=model.batch_size)
            return _file(path)

    def doctor(self, request: Request) -> Answer:
        """The doctor's findings of the net, its rows and its history."""
        said = request.said()
        model = model_of(said, self.own)
        how: dict[str, Any] = {
            "loss": model.loss,
            "optimizer": model.optimizer,
            "penalty": model.penalty,
        }
        if said.get("x_test"):
            how["validation"] = rows_in(said, model.net, "_test")
        found = diagnose(model.net, _history(said.get("history")), rows_in(said, model.net), **how)
        return _json(
            [
                {"name": f.sickness, "where": f.where, "evidence": f.evidence, "advice": f.advice}
                for f in found.findings
            ]
        )

    def back(self, request: Request) -> Answer:
        """Take the weights of the page's net."""
        weights = numbers_in(request.said().get("weights"), "weights")
        if self.own is not None and len(weights) == len(self.own.parameters):
            self.own.parameters[...] = weights
        return _json({})


def _file(path: Path) -> Answer:
    return Answer(path.read_bytes(), "application/octet-stream")


def _history(said: object) -> History | None:
    """Reports from a list of `{ epoch, train, test }`; what was no number is left out."""
    if not isinstance(said, list):
        return None
    found = []
    for entry in (entry for entry in said if isinstance(entry, dict)):
        epoch, train, test = (entry.get(name) for name in ("epoch", "train", "test"))
        if isinstance(epoch, int) and isinstance(train, int | float):
            known = test if isinstance(test, int | float) else None
            found.append(EpochReport(epoch, float(train), validation_loss=known))
    return History(found)


def _json(said: object) -> Answer:
    return Answer(json.dumps(said, allow_nan=False).encode())
