"""Seconds from the call of `hg.train` or `fit` to the first report, cold and warm, beside an epoch.

`warm_start [PROCESSES]` starts that many new processes of each case, with one cache folder each;
the first of them is cold. `warm_start --case NAME` is such a process: it prints the processor's and
the wall's seconds to the first report, and of an epoch after it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import handgrad as hg
from benchmarks.workers import ROOT

ROWS = 64
LATER = 20  # epochs after the first report
COLUMNS = ("first report, cpu", "first report, wall", "epoch, cpu", "epoch, wall")


def _residual(n: int) -> hg.Layer:
    inner = (hg.Conv2d(n, n, 3, padding=1), hg.layers.BatchNorm2d(n), hg.ReLU())
    return hg.Residual(*inner, hg.Conv2d(n, n, 3, padding=1), hg.layers.BatchNorm2d(n))


def _block(d: int, heads: int) -> tuple[hg.Layer, ...]:
    attention = hg.Residual(hg.LayerNorm(d), hg.MultiheadAttention(d, heads, causal=True))
    inner = (hg.LayerNorm(d), hg.Linear(d, 4 * d), hg.GELU(), hg.Linear(4 * d, d))
    return attention, hg.Residual(*inner)


def _lenet() -> hg.Net:
    return hg.Net(
        *(hg.Conv2d(1, 6, 5, padding=2), hg.Tanh(), hg.MaxPool2d(2)),
        *(hg.Conv2d(6, 16, 5), hg.Tanh(), hg.MaxPool2d(2), hg.Flatten()),
        *(hg.Linear(400, 120), hg.Tanh(), hg.Linear(120, 84), hg.Tanh(), hg.Linear(84, 10)),
    )


def _resnet() -> hg.Net:
    return hg.Net(
        *(hg.Conv2d(3, 16, 3, padding=1), hg.layers.BatchNorm2d(16), hg.ReLU()),
        *(_residual(16), hg.ReLU(), hg.MaxPool2d(2), _residual(16), hg.ReLU(), hg.MaxPool2d(2)),
        *(_residual(16), hg.ReLU(), hg.Flatten(), hg.Linear(16 * 16, 10)),
    )


def _transformer() -> hg.Net:
    blocks = [layer for _ in range(4) for layer in _block(64, 4)]
    first = (hg.Embedding(65, 64), hg.layers.PositionEmbedding(32, 64))
    return hg.Net(*first, *blocks, hg.LayerNorm(64), hg.Linear(64, 65))


NETS: dict[str, tuple[Callable[[], hg.Net], tuple[int, ...]]] = {
    "MLP": (lambda: hg.Net(hg.Linear(64, 100), hg.ReLU(), hg.Linear(100, 10)), (64,)),
    "LeNet-5": (_lenet, (1, 28, 28)),
    "GRU": (lambda: hg.Net(hg.GRU(8, 32), hg.Linear(32, 10)), (56, 8)),
    "LSTM": (lambda: hg.Net(hg.LSTM(8, 32), hg.Linear(32, 10)), (100, 8)),
    "transformer": (_transformer, (32,)),
    "ResNet": (_resnet, (3, 16, 16)),
}
ESTIMATORS = ("MLPClassifier", "TabularClassifier")


def _reports(name: str) -> Iterator[Any]:
    make, shape = NETS[name]
    rng = np.random.default_rng(0)
    x: Any = rng.standard_normal((ROWS, *shape)).astype(np.float32)
    y = rng.integers(0, 10, ROWS)
    if name == "transformer":
        x, y = rng.integers(0, 65, (ROWS, *shape)), rng.integers(0, 65, (ROWS, *shape))
    net, loss = make(), hg.SoftmaxCrossEntropyLoss()
    given: dict[str, Any] = {"loss": loss, "optimizer": hg.Adam(0.001), "engine": "compiled"}
    yield
    yield from hg.train(net, (x, y), **given, epochs=LATER + 1, batch_size=32, metrics=[])


def _fits(name: str) -> Iterator[Any]:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((ROWS, 10)), np.arange(ROWS) % 2
    length = "max_iter" if name == "MLPClassifier" else "epochs"
    kind = getattr(hg, name)
    yield
    for epochs in (1, LATER):
        kind(**{length: epochs}, random_state=0, engine="compiled").fit(x, y)
        yield


def _measured(name: str) -> dict[str, float]:
    steps = _fits(name) if name in ESTIMATORS else _reports(name)
    seen = [(time.process_time(), time.perf_counter()) for _ in steps]
    taken = np.diff(np.array(seen), axis=0)
    later = taken[1:] / (LATER if name in ESTIMATORS else 1)
    return dict(zip(COLUMNS, [*taken[0], *np.median(later, axis=0)], strict=True))


def _table(processes: int) -> Iterator[str]:
    """The rows of a table, in ms: of the warm processes the medians."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in (*NETS, *ESTIMATORS)}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(processes):  # in turn: what else the machine does falls on all alike
            for name, seen in found.items():
                program = [sys.executable, "-m", "benchmarks.programs.warm_start", "--case", name]
                variables = os.environ | {"HANDGRAD_CACHE": str(Path(folder, name))}
                ran = subprocess.run(program, check=True, stdout=-1, cwd=ROOT, env=variables)
                seen.append(json.loads(ran.stdout))
    head = [*(f"cold {name}" for name in COLUMNS[:2]), *(f"warm {name}" for name in COLUMNS)]
    yield "| " + " | ".join(["ms", *head]) + " |"
    yield "|---|" + "---:|" * len(head)
    for name, (cold, *warm) in found.items():
        medians = [statistics.median(one[column] for one in warm) for column in COLUMNS]
        cells = [1e3 * cell for cell in (*(cold[column] for column in COLUMNS[:2]), *medians)]
        yield f"| {name} | " + " | ".join(f"{cell:.3g}" for cell in cells) + " |"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(_measured(sys.argv[2])))
    else:
        print("\n".join(_table(int(sys.argv[1]) if sys.argv[1:] else 8)))
