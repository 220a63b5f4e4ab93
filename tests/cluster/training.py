"""A training that is worth stopping, from the command line: `python training.py FOLDER WORKERS`.

It leaves the bits of the net in FOLDER/done, and appends to FOLDER/epochs what it reports.
"""

import hashlib
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.distributed import fit

EPOCHS = 30


def bits_of(net: hg.Net) -> str:
    return hashlib.sha256(net.parameters.tobytes() + net.running_state.tobytes()).hexdigest()


def a_net() -> hg.Net:
    layers = hg.Linear(4, 16, rng=0), hg.BatchNorm(16), hg.ReLU(), hg.Dropout(0.2)
    return hg.Net(*layers, hg.Linear(16, 3, rng=1), hg.Softmax())


def rows() -> tuple[np.ndarray, np.ndarray]:
    x, y = hg.data.load("iris")
    order = np.random.default_rng(0).permutation(len(y))[:149]
    return x[order], y[order]


class Slow(hg.CrossEntropyLoss):
    """The loss, in as much time as lets a test come between."""

    seconds = 0.0

    def forward(self, p, y, sample_weight=None):  # type: ignore[no-untyped-def]
        time.sleep(self.seconds)
        return super().forward(p, y, sample_weight)


def train(workers: int, seconds: float = 0.0, **settings: Any) -> str:
    loss = Slow()
    loss.seconds = seconds
    net = a_net()
    fit(
        net,
        rows(),
        loss=loss,
        optimizer=hg.Adam(0.01),
        schedule=hg.schedules.cosine(),
        epochs=EPOCHS,
        validation=0.2,
        rng=0,
        engine="eager",
        workers=workers,
        **settings,
    )
    return bits_of(net)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    found = train(int(sys.argv[2]), 0.03, storage=folder / "storage", name="a")
    (folder / "done").write_text(found)
