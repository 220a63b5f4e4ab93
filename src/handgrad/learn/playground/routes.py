"""Routes of the playground's server: programs, tables, files, the doctor, training."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from handgrad.check.doctor import diagnose
from handgrad.exchange.exporting import export
from handgrad.exchange.exporting.formats import ENDINGS, ending_of
from handgrad.files import save
from handgrad.learn.bounded_server import Answer, Request, parts_of
from handgrad.learn.playground.base64url import packed
from handgrad.learn.playground.formulas import factors
from handgrad.learn.playground.models import (
    MOST_WIDTH,
    Spec,
    integers_in,
    model_of,
    numbers_in,
    program_of,
    refused,
    rows_in,
    whole_in,
)
from handgrad.learn.playground.schema import fault_of, schema_at
from handgrad.learn.playground.server import Route
from handgrad.learn.playground.tables import WholeTable, table_sent
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.schedules import Schedule
from handgrad.training import EpochReport, History, Training, train


@dataclass(eq=False)
class Routes:
    """Routes of a page with the initial data `given`, opened with the net `own`, if any.

    `whole` is the table if the page has only a sample of its rows.
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
        """WebAssembly program that trains the net; compiled one at a time, and cached."""
        spec = request.json()
        with self._making:
            known = spec.get("width") is not None
            width = whole_in(spec, "width", 0, most=MOST_WIDTH) if known else None
            return _json(program_of(spec, self.own, width))

    def table(self, request: Request) -> Answer:
        """Read a table; `name` is its file name, `target` a column."""
        name, target = request.query.get("name", ""), request.query.get("target")
        table = table_sent(request.body, name, target)
        state = table.state()
        return _json(
            {"rows": table.rows(), "problem": state["data"]["problem"], "table": table.summary()}
        )

    def file(self, request: Request) -> Answer:
        """Export the net with `hg.export`, in the format of the suffix of `name`."""
        spec = request.json()
        model = model_of(spec, self.own)
        name = Path(str(spec.get("name", ""))).name
        if name.endswith(".safetensors"):
            with TemporaryDirectory() as folder:
                return _file(save(model.net, Path(folder, "net.safetensors")))
        ending_of(Path(name))
        ending = next(known for known in ENDINGS if name.lower().endswith(known))
        x, y = rows_in(spec, model.net) if spec.get("x") else (None, None)
        learns = ENDINGS[ending].learns and y is not None and model.optimizer is not None
        how: dict[str, Any] = {"loss": model.loss, "optimizer": model.optimizer} if learns else {}
        with TemporaryDirectory() as folder:
            path = Path(folder, f"net{ending}")
            export(model.net, path, x, y if learns else None, **how, batch_size=model.batch_size)
            return _file(path)

    def doctor(self, request: Request) -> Answer:
        """Findings of the doctor about the net, its rows and its history."""
        spec = request.json()
        model = model_of(spec, self.own)
        how: dict[str, Any] = {
            "loss": model.loss,
            "optimizer": model.optimizer,
            "penalty": model.penalty,
        }
        if spec.get("x_test"):
            how["validation"] = rows_in(spec, model.net, "_test")
        diagnosis = diagnose(
            model.net, _history(spec.get("history")), rows_in(spec, model.net), **how
        )
        return _json(
            [
                {"name": f.problem, "where": f.where, "evidence": f.evidence, "advice": f.advice}
                for f in diagnosis.findings
            ]
        )

    def back(self, request: Request) -> Answer:
        """Receive the weights of the page's net."""
        weights = numbers_in(request.json().get("weights"), "weights")
        if self.own is not None and len(weights) == len(self.own.parameters):
            self.own.parameters[...] = weights
        return _json({})


def _file(path: Path) -> Answer:
    return Answer(path.read_bytes(), "application/octet-stream")


def _history(value: object) -> History | None:
    """History from a list of `{ epoch, train, test }`; entries without numbers are left out."""
    if not isinstance(value, list):
        return None
    reports = []
    for entry in (entry for entry in value if isinstance(entry, dict)):
        epoch, train, test = (entry.get(name) for name in ("epoch", "train", "test"))
        if isinstance(epoch, int) and isinstance(train, int | float):
            known = test if isinstance(test, int | float) else None
            reports.append(EpochReport(epoch, float(train), validation_loss=known))
    return History(reports)


def _json(value: object) -> Answer:
    return Answer(json.dumps(value, allow_nan=False).encode())


MOST_TRAININGS = 4
SPEED = {"type": "number", "minimum": 0, "maximum": 1e6}  # epochs a second
MOST_EPOCHS: int = schema_at("stop", "epoch")["maximum"]
# Most reports and bytes of weights a second.
REPORTS, BYTES = 10, 8e6
EVENTS = "text/event-stream"
SETS = {"train": "training", "test": "validation"}


@dataclass(eq=False)
class Trainings:
    """Native trainings of a page with the net `own`, on its rows or the `whole` table."""

    own: Net | None
    whole: WholeTable | None
    _places: threading.Semaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MOST_TRAININGS)
    )

    def train(self, request: Request) -> Answer:
        """Train from the weights of the request; streams events with reports.

        `epochs` are to be trained after `begun` ones, at most `speed` of them a second.
        """
        spec = request.json()
        model = model_of(spec, self.own)
        if model.loss is None or model.optimizer is None:
            raise SettingError("no loss or no optimizer", "both", "send those of the page")
        x, y = self._rows(spec, model.net)
        speed = spec.get("speed", 0)
        if fault := fault_of(SPEED, speed):
            raise refused("speed", speed, fault.expected)
        epochs = whole_in(spec, "epochs", MOST_EPOCHS, most=MOST_EPOCHS)
        begun = whole_in(spec, "begun", 0, least=0, most=2**53)
        seed = whole_in(spec, "seed", 0, least=0, most=2**32 - 1)
        training = train(
            model.net,
            (x, y),
            loss=model.loss,
            optimizer=model.optimizer,
            penalty=model.penalty,
            schedule=_schedule(spec, begun, epochs, -(-len(y) // model.batch_size)),
            batch_size=model.batch_size,
            epochs=epochs,
            shuffle=spec.get("shuffle") is not False,
            rng=np.random.default_rng([seed, begun]),
            validation=rows_in(spec, model.net, "_test") if spec.get("x_test") else None,
            evaluate_training=True,
            metrics=["r2" if y.dtype.kind == "f" else "accuracy"],
        )
        return Answer(self._events(model.net, training, speed), EVENTS)

    def _rows(self, spec: Spec, net: Net) -> tuple[Array, Array]:
        """The rows of the request, or all of the table except the page's test rows."""
        x, y = rows_in(spec, net)
        whole = spec.get("whole")
        if self.whole is None or whole is None:
            return x, y
        inputs = whole.get("inputs", []) if isinstance(whole, dict) else []
        if fault_of(schema_at("inputs"), inputs):
            raise refused("whole", whole, "an object with inputs and tests")
        tests = integers_in(whole.get("tests"), "tests")
        if not np.isin(tests, np.arange(len(self.whole.kept))).all():
            raise refused("tests", tests.tolist(), "indices of the page's rows")
        x, all_y = self.whole.without(tests, inputs)
        return x, all_y.astype(y.dtype)

    def _events(self, net: Net, training: Training, speed: float) -> Generator[bytes]:
        """Reports with weights as events, until the client disconnects."""
        if not self._places.acquire(blocking=False):
            came, hint = f"{MOST_TRAININGS} trainings at once", "pause those in other windows"
            yield _event({"failure": parts_of(SettingError(came, "fewer", hint))})
            return
        pause, last = max(1 / REPORTS, net.parameters.nbytes / BYTES), 0.0
        begin = time.monotonic()
        try:
            for report in training:
                if speed:
                    time.sleep(max(0.0, begin + report.epoch / speed - time.monotonic()))
                if time.monotonic() - last >= pause:
                    last = time.monotonic()
                    yield _event(_report_data(report, net))
            yield _event({**_report_data(report, net), "ended": True})
        except Exception as error:  # the page shows it and continues by itself
            yield _event({"failure": parts_of(error)})
        finally:
            self._places.release()


def _schedule(spec: Spec, begun: int, epochs: int, per_epoch: int) -> Schedule | None:
    """The page's schedule, which also counts the epochs before this training."""
    schedule = spec.get("schedule")
    if fault := fault_of(schema_at("schedule"), schedule):
        raise refused("schedule", schedule, fault.expected)
    if schedule is None:
        return None

    def factor(progress: Array) -> Array:
        steps = np.round(np.asarray(progress) * epochs * per_epoch) + begun * per_epoch
        return factors(schedule, steps, per_epoch)

    return factor


def _report_data(report: EpochReport, net: Net) -> dict[str, Any]:
    """A report as JSON: losses and scores by set, and the weights."""
    evaluations = {
        name: report.evaluations[of] for name, of in SETS.items() if of in report.evaluations
    }
    [score] = report.train_metrics
    losses = {name: _finite(one.loss) for name, one in evaluations.items()}
    return {
        "epoch": report.epoch,
        "losses": {**losses, "epoch": _finite(report.train_loss)},
        "scores": {score: {name: _finite(one.metrics[score]) for name, one in evaluations.items()}},
        "weights": packed(net.parameters),
        "state": packed(net.running_state),
    }


def _finite(value: float) -> float | None:
    """The value, or None if JSON has no such number."""
    return value if math.isfinite(value) else None


def _event(data: Mapping[str, object]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()
