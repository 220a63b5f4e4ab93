"""A training that is worth stopping: `python -m tests.real_ray.training FOLDER LEAST MOST [TABLE]`.

It leaves what it came to in FOLDER/done; the rows are streamed from TABLE, if one is named.
"""

import hashlib
import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import handgrad as hg
from handgrad.cluster import fit

EPOCHS, ROWS, HELD_OUT = 30, 149, 30
FEATURES = ["a", "b", "c", "d"]


def bits_of(net: hg.Net) -> str:
    return hashlib.sha256(net.parameters.tobytes() + net.running_state.tobytes()).hexdigest()


def outcome(net: hg.Net, history: hg.training.History) -> str:
    """All bits of a trained net, and what was reported on the way."""
    told = [asdict(report) | {"seconds": 0} for report in history]
    return bits_of(net) + hashlib.sha256(repr(told).encode()).hexdigest()


def a_net() -> hg.Net:
    layers = hg.Linear(4, 16, rng=0), hg.BatchNorm(16), hg.ReLU(), hg.Dropout(0.2)
    return hg.Net(*layers, hg.Linear(16, 3, rng=1), hg.Softmax())


def rows() -> tuple[np.ndarray, np.ndarray]:
    x, y = hg.data.load("iris")
    order = np.random.default_rng(0).permutation(len(y))[:ROWS]
    return x[order], y[order]


def table(folder: Path) -> Path:
    """The rows as a Parquet file of uneven row groups."""
    x, y = rows()
    columns = {name: x[:, i] for i, name in enumerate(FEATURES)}
    whole = pa.table({**columns, "y": np.array(["a", "b", "c"])[y]})
    with parquet.ParquetWriter(folder / "rows.parquet", whole.schema) as writer:
        for begin, size in zip((0, 7, 40, 41, 100), (7, 33, 1, 59, 49), strict=True):
            writer.write_table(whole.slice(begin, size))
    return folder / "rows.parquet"


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


def trained(
    workers: Any,
    seconds: float = 0.0,
    log: Path | None = None,
    streamed: Path | None = None,
    **settings: Any,
) -> tuple[hg.Net, hg.training.History]:
    """A net after its training, and the history."""
    loss = Slow()
    loss.seconds, loss.log = seconds, log
    net, data = a_net(), cast("Any", rows())
    if streamed is not None:
        stream = replace(hg.data.open_table(streamed, memory="1 MB"), memory=50_000)  # two buffers
        data = stream.rows("y", features=FEATURES)
    history = fit(
        net,
        data,
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
    return net, history


def train(workers: Any, *how: Any, **settings: Any) -> str:
    """Train, count the rows of each epoch, and tell what it came to."""
    net, history = trained(workers, *how, **settings)
    assert [report.epoch for report in history] == [*range(1, EPOCHS + 1)]
    for report in history:
        counted = report.train_metrics["rows_counted"], report.validation_metrics["rows_counted"]
        assert counted == (report.rows, ROWS - report.rows)
    return outcome(net, history)


if __name__ == "__main__":
    where, least, most, *tables = sys.argv[1:]
    folder = Path(where)
    own: Any = {"storage": folder / "storage", "name": "a", "checkpoint_seconds": 1.0}
    if tables:
        own["streamed"] = Path(tables[0])
    workers = int(least) if least == most else (int(least), int(most))
    found = train(workers, 0.03, folder / "calls", **own)
    (folder / "done").write_text(found)
