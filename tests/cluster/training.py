"""A training that is worth stopping, from the command line: `python training.py FOLDER WORKERS`.

It leaves what it came to in FOLDER/done.
"""

import hashlib
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.distributed import fit

EPOCHS, ROWS, HELD_OUT = 30, 149, 30


def outcome(net: hg.Net, history: hg.History) -> str:
    """All bits of a trained net, and of what was reported on the way."""
    told = [asdict(report) | {"seconds": 0} for report in history]
    words = repr(told).encode()
    return hashlib.sha256(
        net.parameters.tobytes() + net.running_state.tobytes() + words
    ).hexdigest()


def a_net() -> hg.Net:
    layers = hg.Linear(4, 16, rng=0), hg.BatchNorm(16), hg.ReLU(), hg.Dropout(0.2)
    return hg.Net(*layers, hg.Linear(16, 3, rng=1), hg.Softmax())


def rows() -> tuple[np.ndarray, np.ndarray]:
    x, y = hg.data.load("iris")
    order = np.random.default_rng(0).permutation(len(y))[:ROWS]
    return x[order], y[order]


def rows_counted(p: np.ndarray, y: np.ndarray) -> float:
    """How many rows have a prediction: not none, and not that of two of them."""
    return float((np.abs(p.sum(axis=1) - 1) < 1e-3).sum())


class Slow(hg.CrossEntropyLoss):
    """The loss, in as much time as lets a test come between; it leaves a line for each call."""

    seconds = 0.0
    log: Path | None = None

    def forward(self, p, y, sample_weight=None):  # type: ignore[no-untyped-def]
        time.sleep(self.seconds)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{time.time()} {os.getpid()}\n")
        return super().forward(p, y, sample_weight)


def train(workers: Any, seconds: float = 0.0, log: Path | None = None, **settings: Any) -> str:
    """Train, count the rows of each epoch, and tell what it came to."""
    loss = Slow()
    loss.seconds, loss.log = seconds, log
    net = a_net()
    history = fit(
        net,
        rows(),
        loss=loss,
        optimizer=hg.Adam(0.01),
        schedule=hg.schedules.cosine(),
        metrics=["accuracy", rows_counted],
        epochs=EPOCHS,
        validation=HELD_OUT / ROWS,
        rng=0,
        engine="eager",
        workers=workers,
        **settings,
    )
    assert [report.epoch for report in history] == [*range(1, EPOCHS + 1)]
    for report in history:
        counted = report.train_metrics["rows_counted"], report.validation_metrics["rows_counted"]
        assert counted == (ROWS - HELD_OUT, HELD_OUT)
    return outcome(net, history)


if __name__ == "__main__":
    folder, workers = Path(sys.argv[1]), int(sys.argv[2])
    own: Any = {"storage": folder / "storage", "name": "a", "checkpoint_seconds": 1.0}
    found = train(workers, 0.03, folder / "calls", **own)
    (folder / "done").write_text(found)
