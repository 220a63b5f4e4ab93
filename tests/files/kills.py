"""Kills trainings without warning, and sees whether each ends as one that was left alone.

`python -m tests.files.kills 200` draws the moments, resumes, compares bit for bit, and prints
how many kills came where.
"""

import os
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.engines import minibatch_loop
from handgrad.engines.compiled import engine as compiled
from handgrad.engines.streams import RowSource

ROWS, HELD_OUT = 3000, 200
EPOCHS = {"eager": 30, "compiled": 60, "auto": 60, "streamed": 20}
ENGINES = tuple(EPOCHS)


class Streamed(RowSource):
    """Rows in chunks, as files larger than memory have them: a buffer holds a sixth of them."""

    memory = 8 * 140 * ROWS // 6

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y, self.n_rows = x, y, len(y)

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Any, Any]]:
        starts = np.arange(0, self.n_rows, 100)
        for start in starts if rng is None else rng.permutation(starts):
            yield self.x[start : start + 100], self.y[start : start + 100]


def train(engine: str, folder: Path, result: Path, resume: bool) -> None:
    """One training with checkpoints as often as may be, also within epochs."""
    minibatch_loop.PART, compiled.PART = 20, 2e-5
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, 20)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    net = hg.Net(
        hg.Linear(20, 64, rng=0),
        hg.BatchNorm(64),
        hg.Tanh(),
        hg.Dropout(0.1),
        hg.Linear(64, 2, rng=1),
        hg.Softmax(),
    )
    rows = x[HELD_OUT:], y[HELD_OUT:]
    training: Any = hg.train(
        net,
        Streamed(*rows) if engine == "streamed" else rows,
        loss=hg.CrossEntropyLoss(),
        optimizer=hg.Adam(0.01),
        schedule=hg.schedules.cosine(),
        epochs=EPOCHS[engine],
        batch_size=16,
        validation=(x[:HELD_OUT], y[:HELD_OUT]),
        rng=0,
        engine="compiled" if engine == "streamed" else engine,  # type: ignore[arg-type]
    )
    kept = hg.training.checkpoints(training, folder, seconds=0, resume=resume)
    for _ in kept:
        pass
    losses = [[report.train_loss, report.validation_loss] for report in kept.history]
    memory = training.engine.optimizer_state
    with tempfile.NamedTemporaryFile(dir=result.parent, delete=False) as file:
        np.savez(file, net.parameters, np.array(losses), kept.best.epochs[0], *memory)
    Path(file.name).rename(result)


def in_a_child(action: Callable[[], None], cache: str) -> int:
    """Do it in a process of its own, which has everything imported; its number."""
    child = os.fork()
    if child == 0:
        os.environ["HANDGRAD_CACHE"] = cache
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return child


def whole(action: Callable[[], None], cache: str, folder: Path) -> float:
    """Do it to its end; the time from the first checkpoint in `folder` on."""
    child = in_a_child(action, cache)
    started = when_begun(folder)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit(f"a training failed with status {status}")
    return time.monotonic() - started


def when_begun(folder: Path) -> float:
    """The time at which the first checkpoint is there."""
    while not any(folder.glob("epoch-*")):
        time.sleep(0.001)
    return time.monotonic()


def same(result: Path, expected: Path) -> bool:
    with np.load(result) as a, np.load(expected) as b:
        return a.files == b.files and all(np.array_equal(a[name], b[name]) for name in a.files)


def killed_and_resumed(engine: str, cache: str, after: float, place: Path, expected: Path) -> str:
    """Where the kill came, after it was seen that the training ended as expected.

    It comes so many seconds after the first checkpoint; or, below zero, after the start.
    """
    folder, result = place / "run", place / "result.npz"
    child = in_a_child(lambda: train(engine, folder, result, resume=False), cache)
    if after > 0:
        when_begun(folder)
    time.sleep(abs(after))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    where = "between the first checkpoint and the end"
    if result.exists():
        where = "after the end"
    elif not list(folder.glob("epoch-*")):
        where = "before the first checkpoint"
    elif list(folder.glob(".*.safetensors.*")):
        where = "inside the writing of a file"
    elif not any(path.name.endswith("-000000000.safetensors") for path in folder.iterdir()):
        where = "between the first checkpoint and the end, mid-epoch"
    result.unlink(missing_ok=True)
    whole(lambda: train(engine, folder, result, resume=True), cache, folder)
    if not same(result, expected):
        sys.exit(f"not the same bits: {engine}, {where}, kept in {place}")
    return where


def main(kills: int) -> Counter[str]:
    """Kill so many trainings, an engine after the other, with cold and warm caches."""
    warnings.simplefilter("error")
    generator, found = np.random.default_rng(), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        expected, times = {}, {}
        for engine in ENGINES:
            for cache in ("cold", "warm"):
                folder = place / f"{engine}-{cache}"
                expected[engine] = place / f"{engine}-{cache}.npz"

                def action(engine: str = engine, folder: Path = folder) -> None:
                    train(engine, folder, expected[engine], resume=False)

                times[engine, cache] = whole(action, str(place / f"cache-{engine}"), folder)
        for i in range(kills):
            engine = ENGINES[i % len(ENGINES)]
            cache = ("cold", "warm")[i // len(ENGINES) % 2]
            used = place / (f"cache-{engine}" if cache == "warm" else f"cache-{i}")
            after = float(generator.uniform(-0.05, 0.85)) * times[engine, cache]
            (place / str(i)).mkdir()
            where = killed_and_resumed(engine, str(used), after, place / str(i), expected[engine])
            found[where] += 1
            print(f"{i + 1} of {kills}: {engine}, {cache} cache, after {after:.2f} s: {where}")
    print("\nall ended with the same bits; the kills came")
    for where, count in found.most_common():
        print(f"{count:5}  {where}")
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]))
