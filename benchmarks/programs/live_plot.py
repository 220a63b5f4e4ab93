"""Trainings with and without a live picture, in turn: `live_plot CASE ENGINE EPOCHS TURNS`."""

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import handgrad as hg
from benchmarks.cases import CASES
from benchmarks.peers.own import arguments

name, engine, epochs, turns = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def seconds(epochs: int, frames: Path | None) -> float:
    """A new net, trained by `hg.fit`; where `frames` is given, drawn into that folder."""
    how = arguments(CASES[name], "SGD")
    started = time.perf_counter()
    live_plot = False if frames is None else frames
    hg.fit(**how, epochs=epochs, engine=engine, live_plot=live_plot)  # type: ignore[arg-type]
    return time.perf_counter() - started


found = []
for turn in range(turns + 1):
    with TemporaryDirectory() as folder:
        frames = Path(folder, "frames")
        n = epochs if turn else 2  # first of all what is imported and compiled once
        times = {"without": seconds(n, None), "with": seconds(n, frames)}
        found.append(times | {"pictures": sum(1 for _ in frames.iterdir())})
print(json.dumps(found[1:]))
