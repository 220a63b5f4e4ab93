"""What the playground's server answers: programs, tables, files, the doctor, training."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from handgrad.base.errors import DataError, HandgradError, SettingError
from handgrad.doctor import diagnose
from handgrad.exporting import export
from handgrad.exporting.endings import ENDINGS, ending_of
from handgrad.layers import Array
from handgrad.net import Net
from handgrad.playground.models import Said, model_of, numbers_in, whole_in
from handgrad.playground.programs import program_of
from handgrad.playground.server import Answer, Request, Route
from handgrad.playground.tables import packed, table_sent
from handgrad.saving import save
from handgrad.training import EpochReport, History, Training, train

EPOCHS = 10**6
MOST_TRAININGS = 4
# Reports a second at most, and bytes of weights.
REPORTS, BYTES = 10, 8e6
EVENTS = "text/event-stream"


@dataclass(eq=False)
class Routes:
    """The routes of a page that was `given` its state, and opened with `own` net, if any.

    `x`, `y` are the rows of the net where they are more than the page was given.
    """

    given: Mapping[str, Any]
    own: Net | None = None
    rows: tuple[Array, Array] | None = None
    weights: Array | None = None
    _making: threading.Lock = field(default_factory=threading.Lock)
    _trainings: threading.Semaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MOST_TRAININGS)
    )

    def all(self) -> dict[str, Route]:
        """Every route by its name."""
        return {
            "given": lambda request: _json(self.given),
            "program": self.program,
            "table": self.table,
            "file": self.file,
            "doctor": self.doctor,
            "train": self.train,
            "weights": self.back,
        }

    def program(self, request: Request) -> Answer:
        """The program of WebAssembly that trains the net; one is made at a time, and kept."""
        said = request.said()
        with self._making:
            return _json(program_of(said, self.own, said.get("width")))

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
        x, y = _rows(said) if said.get("x") else (None, None)
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
            how["validation"] = _rows(said, "_test")
        found = diagnose(model.net, _history(said.get("history")), _rows(said), **how)
        return _json(
            [
                {"name": f.sickness, "where": f.where, "evidence": f.evidence, "advice": f.advice}
                for f in found.findings
            ]
        )

    def back(self, request: Request) -> Answer:
        """Take the weights of the page's net."""
        weights = numbers_in(request.said().get("weights"), "weights")
        self.weights = weights
        if self.own is not None and len(weights) == len(self.own.parameters):
            self.own.parameters[...] = weights
        return _json({})

    def train(self, request: Request) -> Answer:
        """A training by the native engine, an event for an epoch as far as there is time."""
        said = request.said()
        model = model_of(said, self.own)
        if model.loss is None or model.optimizer is None:
            raise SettingError("no loss or no optimizer", "both", "send those of the page")
        data = self.rows if said.get("whole") and self.rows is not None else _rows(said)
        settings: dict[str, Any] = (
            {"validation": _rows(said, "_test")} if said.get("x_test") else {}
        )
        training = train(
            model.net,
            data,
            loss=model.loss,
            optimizer=model.optimizer,
            penalty=model.penalty,
            batch_size=model.batch_size,
            epochs=whole_in(said, "epochs", EPOCHS, most=EPOCHS),
            rng=whole_in(said, "seed", 0, least=0, most=2**32 - 1),
            **settings,
        )
        return Answer(self._events(model.net, training), EVENTS)

    def _events(self, net: Net, training: Training) -> Generator[bytes]:
        """The reports as events, with the weights; it ends when nobody listens any more."""
        if not self._trainings.acquire(blocking=False):
            yield _event({"failure": {"came": f"{MOST_TRAININGS} trainings at once"}})
            return
        pause, last = max(1 / REPORTS, net.parameters.nbytes / BYTES), 0.0
        try:
            for report in training:
                if time.monotonic() - last >= pause:
                    last = time.monotonic()
                    yield _event(_told(report, net))
            yield _event({**_told(report, net), "ended": True})
        except HandgradError as error:
            parts = ("came", "expected", "hint", "where")
            yield _event({"failure": {name: getattr(error, name) for name in parts}})
        finally:
            self._trainings.release()


def _file(path: Path) -> Answer:
    return Answer(path.read_bytes(), "application/octet-stream")


def _told(report: EpochReport, net: Net) -> dict[str, Any]:
    losses = {"train": report.train_loss, "test": report.validation_loss}
    return {"epoch": report.epoch, "losses": losses, "weights": packed(net.parameters)}


def _rows(said: Said, which: str = "") -> tuple[Array, Array]:
    """The rows that were sent: `x` as float32, `y` so too, or as whole numbers of classes."""
    y = _targets(said.get(f"y{which}"), f"y{which}")
    if not (n := len(y)):
        raise DataError("no rows", "one at least", "send the rows of the page")
    x = numbers_in(said.get(f"x{which}"), f"x{which}")
    if not len(x) or len(x) % n:
        raise DataError(f"{len(x)} numbers x for {n} rows", "as many for each", "send all of them")
    return x.reshape(n, -1), y


def _targets(said: object, name: str) -> Array:
    if isinstance(said, dict):
        return numbers_in(said.get("int32"), name, kind="i4").astype(np.int64)
    return numbers_in(said, name)


def _history(said: object) -> History | None:
    """Reports from a list of `{ epoch, train, test }`; what was no number is left out."""
    if not isinstance(said, list):
        return None
    found = []
    for entry in said:
        epoch, train, test = (entry.get(name) for name in ("epoch", "train", "test"))
        if isinstance(epoch, int) and isinstance(train, int | float):
            known = test if isinstance(test, int | float) else None
            found.append(EpochReport(epoch, float(train), validation_loss=known))
    return History(found)


def _json(said: object) -> Answer:
    return Answer(json.dumps(said, allow_nan=False).encode())


def _event(said: Mapping[str, object]) -> bytes:
    return f"data: {json.dumps(said)}\n\n".encode()
