"""Trains on 3 GB of Parquet on Ray: memory a worker, rows a second, and how long they read.

`python -m benchmarks.cluster_stream` writes a file of random numbers, 100 features and a class,
trains a net of one hidden layer for an epoch on 1 and on 2 workers of this machine, and prints of
each worker the peak of its resident memory and for how long it was reading; then the rows a second,
and whether the bits are the same. `--megabytes 3000`, `--memory "100 MB"` and `--workers 1 2` are
what is measured; `--folder` is where the file is written, and removed afterwards.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import handgrad as hg
from handgrad.engines.streams import RowSource

FEATURES, CLASSES, GROUP = 100, 10, 2**15


class Timed(RowSource):
    """The rows of another source, and how many seconds it takes to read them in this process."""

    seconds = 0.0

    def __init__(self, rows: Any) -> None:
        self.rows, self.n_rows, self.memory = rows, rows.n_rows, rows.memory

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[Any]:
        return self.seek(0, rng)[1]

    def seek(self, row: int, rng: np.random.Generator | None = None) -> tuple[int, Iterator[Any]]:
        before, chunks = self.rows.seek(row, rng)
        return before, self._timed(chunks)

    def _timed(self, chunks: Iterator[Any]) -> Iterator[Any]:
        while True:
            began = time.perf_counter()
            chunk = next(chunks, None)
            Timed.seconds += time.perf_counter() - began
            if chunk is None:
                return
            yield chunk

    def fingerprint(self) -> Iterator[Any]:
        fingerprint: Iterator[Any] = self.rows.fingerprint()
        return fingerprint

    def split(self, share: float, rng: Any = None) -> tuple[Self, Self]:
        others, drawn = self.rows.split(share, rng)
        return type(self)(others), type(self)(drawn)


class Noting:
    """A metric that leaves in a folder what this worker has taken so far."""

    __name__ = "error"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, p: Any, y: Any) -> float:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1.024e-3
        found = {"megabytes": peak, "reading": Timed.seconds}
        (self.folder / f"{os.getpid()}.json").write_text(json.dumps(found))
        return float((p.argmax(axis=1) != y).mean())


def main() -> None:
    """Write the file, train on it, and take it away."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=3000)
    parser.add_argument("--memory", default="100 MB")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        path = _written(folder / "large.parquet", given.megabytes)
        print(f"{path.stat().st_size / 1e9:.2f} GB of Parquet, memory={given.memory!r}", flush=True)
        found = {_trained(path, given.memory, workers) for workers in given.workers}
        print(f"the same bits: {len(found) == 1}")
    finally:
        shutil.rmtree(folder)


def _trained(path: Path, memory: str, workers: int) -> str:
    """The bits of the net, after an epoch on so many workers."""
    folder = path.parent / str(workers)
    folder.mkdir()
    rows = hg.data.open_table(path, memory=memory).rows("y", classes=[*map(str, range(CLASSES))])
    net = hg.Net(hg.Linear(FEATURES, 64, rng=0), hg.ReLU(), hg.Linear(64, CLASSES, rng=1))
    (report,) = hg.cluster.fit(
        net,
        Timed(rows),
        workers=workers,
        loss=hg.SoftmaxCrossEntropyLoss(),
        optimizer=hg.SGD(0.01),
        epochs=1,
        batch_size=1024,
        validation=0.01,
        metrics=[Noting(folder)],
        rng=0,
        engine="compiled",
    )
    print(f"{workers} workers: {report.rows / report.seconds:,.0f} rows/s, {report.seconds:.1f} s")
    for told in folder.iterdir():
        took = json.loads(told.read_text())
        print(f"  peak {took['megabytes']:.0f} MB, {took['reading']:.1f} s reading", flush=True)
    return hashlib.sha256(net.parameters.tobytes()).hexdigest()


def _written(path: Path, megabytes: int) -> Path:
    rng, left = np.random.default_rng(0), megabytes * 10**6 // (4 * FEATURES)
    slopes = rng.normal(size=(FEATURES, CLASSES)).astype(np.float32)
    names = [f"x{i}" for i in range(FEATURES)]
    schema = pa.schema([*((name, pa.float32()) for name in names), ("y", pa.int64())])
    with parquet.ParquetWriter(path, schema, compression="NONE", use_dictionary=False) as writer:
        while left > 0:
            x = rng.standard_normal((min(GROUP, left), FEATURES), np.float32)
            y = (x @ slopes).argmax(axis=1)
            writer.write_table(pa.table([*x.T.copy(), y], schema))
            left -= len(x)
    return path


if __name__ == "__main__":
    main()
