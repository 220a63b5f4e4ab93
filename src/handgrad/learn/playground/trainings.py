"""Trainings that a page asks for: by the native engine, told epoch by epoch with the weights."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from handgrad.learn.playground.kinds import are_texts, number
from handgrad.learn.playground.models import Said, integers_in, model_of, refused, rows_in, whole_in
from handgrad.learn.playground.schedules import factors
from handgrad.learn.playground.server import Answer, Request, parts_of
from handgrad.learn.playground.state import FIELDS, MOST_EPOCHS
from handgrad.learn.playground.tables import WholeTable, packed
from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net
from handgrad.textbook.schedules import Schedule
from handgrad.training import EpochReport, Training, train

MOST_TRAININGS = 4
SPEED = number(0, 1e6)  # epochs a second
# Reports a second at most, and bytes of weights.
REPORTS, BYTES = 10, 8e6
EVENTS = "text/event-stream"
SETS = {"train": "training", "test": "validation"}


@dataclass(eq=False)
class Trainings:
    """The trainings of a page that was opened with `own` net, on its rows or on the `whole`."""

    own: Net | None
    whole: WholeTable | None
    _places: threading.Semaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MOST_TRAININGS)
    )

    def train(self, request: Request) -> Answer:
        """A training from the weights that are sent, an event for an epoch as far as there is time.

        `epochs` are those to be trained after the `begun` ones, `speed` how many of them a second
        at most.
        """
        said = request.said()
        model = model_of(said, self.own)
        if model.loss is None or model.optimizer is None:
            raise SettingError("no loss or no optimizer", "both", "send those of the page")
        x, y = self._rows(said, model.net)
        speed = said.get("speed", 0)
        if not SPEED.holds(speed):
            raise refused("speed", speed, SPEED.expected)
        epochs = whole_in(said, "epochs", MOST_EPOCHS, most=MOST_EPOCHS)
        begun = whole_in(said, "begun", 0, least=0, most=2**53)
        seed = whole_in(said, "seed", 0, least=0, most=2**32 - 1)
        training = train(
            model.net,
            (x, y),
            loss=model.loss,
            optimizer=model.optimizer,
            penalty=model.penalty,
            schedule=_schedule(said, begun, epochs, -(-len(y) // model.batch_size)),
            batch_size=model.batch_size,
            epochs=epochs,
            shuffle=said.get("shuffle") is not False,
            rng=np.random.default_rng([seed, begun]),
            validation=rows_in(said, model.net, "_test") if said.get("x_test") else None,
            evaluate_training=True,
            metrics=["r2" if y.dtype.kind == "f" else "accuracy"],
        )
        return Answer(self._events(model.net, training, speed), EVENTS)

    def _rows(self, said: Said, net: Net) -> tuple[Array, Array]:
        """The rows that are sent, or all of the table but for those that the page tests on."""
        x, y = rows_in(said, net)
        whole = said.get("whole")
        if self.whole is None or whole is None:
            return x, y
        inputs = whole.get("inputs") if isinstance(whole, dict) else None
        if not inputs or not are_texts(inputs):
            raise refused("whole", whole, "an object with inputs and tests")
        tests = integers_in(whole.get("tests"), "tests")
        if not np.isin(tests, np.arange(len(self.whole.kept))).all():
            raise refused("tests", tests.tolist(), "numbers of rows that the page was given")
        x, all_y = self.whole.without(tests, inputs)
        return x, all_y.astype(y.dtype)

    def _events(self, net: Net, training: Training, speed: float) -> Generator[bytes]:
        """The reports as events, with the weights; it ends when nobody listens any more."""
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
                    yield _event(_told(report, net))
            yield _event({**_told(report, net), "ended": True})
        except Exception as error:  # the page says it, and goes on by itself
            yield _event({"failure": parts_of(error)})
        finally:
            self._places.release()


def _schedule(said: Said, begun: int, epochs: int, per_epoch: int) -> Schedule | None:
    """The page's schedule, which counts all epochs: those before this training too."""
    schedule = said.get("schedule")
    [kind] = (kind for path, _, kind, _ in FIELDS if path == "schedule")
    if not kind.holds(schedule):
        raise refused("schedule", schedule, kind.expected)
    if schedule is None:
        return None

    def factor(progress: Array) -> Array:
        steps = np.round(np.asarray(progress) * epochs * per_epoch) + begun * per_epoch
        return factors(schedule, steps, per_epoch)

    return factor


def _told(report: EpochReport, net: Net) -> dict[str, Any]:
    """A report with the weights: losses and scores by sets, as the page finds them by itself."""
    found = {name: report.evaluations[of] for name, of in SETS.items() if of in report.evaluations}
    [score] = report.train_metrics
    losses = {name: _finite(one.loss) for name, one in found.items()}
    return {
        "epoch": report.epoch,
        "losses": {**losses, "epoch": _finite(report.train_loss)},
        "scores": {score: {name: _finite(one.metrics[score]) for name, one in found.items()}},
        "weights": packed(net.parameters),
        "state": packed(net.running_state),
    }


def _finite(value: float) -> float | None:
    """JSON has no other numbers."""
    return value if math.isfinite(value) else None


def _event(said: Mapping[str, object]) -> bytes:
    return f"data: {json.dumps(said)}\n\n".encode()
