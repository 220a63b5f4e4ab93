"""Which engine fits an estimator, and the machine code that is kept for fits that come again."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import Any

from handgrad.engines.choice import (
    Engine,
    EngineName,
    chosen,
    cost_of_compiling,
    engine_for,
    gain_of_training,
)
from handgrad.engines.sharing_recordings import sharing_recordings
from handgrad.engines.threads import one_thread_each
from handgrad.estimators.rows import SparseRows
from handgrad.layers import Array
from handgrad.losses import Loss
from handgrad.optimizers import Optimizer
from handgrad.penalties import Penalty

MOST_KEPT = 64
WORTH_SHARING = 1e8  # multiplications
# How many times as much is gained in float64, by Adam, on batches of 200 as engines.choice expects
# of small float32 batches: measured, as its numbers are.
GAIN = 4
MOST_EPOCHS_EXPECTED = 100  # many fits stop early, whatever max_iter allows


@dataclass
class Job:
    """A fit: what it trains, and on what."""

    net: Any
    loss: Loss
    optimizer: Optimizer
    x: Any
    y: Array
    w: Array | None
    held_out: Any
    penalty: Penalty | None
    batch_size: int
    epochs: int


class KeptCode:
    """The machine code that was made for fits: it serves others that differ in numbers alone."""

    def __init__(self) -> None:
        self.made: dict[Any, Any] = {}
        self.lock = Lock()  # fits may run in threads

    def engine_for(self, choice: EngineName, job: Job) -> Engine:
        """The engine asked for; for `auto`, compiled where this one fit will pay for it.

        That follows from shapes, rows and epochs alone, whatever was fit before.
        """
        choice = "eager" if isinstance(job.x, SparseRows) else chosen(choice)
        if choice == "auto" and not pays(job):
            choice = "eager"
        held_out = None if isinstance(job.held_out, SparseRows) else job.held_out
        rows = (job.x, job.y, job.batch_size, 10**9, held_out, job.w)
        with sharing_recordings(self.made):
            engine = engine_for(choice, job.net, job.loss, job.optimizer, *rows, job.penalty)
        self._forget()
        return engine

    def _forget(self) -> None:
        """Forget what was made first, where there is too much."""
        with self.lock:
            while len(self.made) > MOST_KEPT:
                self.made.pop(next(iter(self.made)))


def pays(job: Job) -> bool:
    """Whether a fit gains more from machine code than its making costs."""
    epochs = min(job.epochs, MOST_EPOCHS_EXPECTED)
    gain = GAIN * gain_of_training(job.net, job.x, job.batch_size, epochs)
    return gain > cost_of_compiling(job.net)


KEPT = KeptCode()


@contextmanager
def threads_for(engine: Engine, net: Any) -> Iterator[None]:
    """Within it NumPy multiplies in one thread, where a batch is too small to share it.

    OpenBLAS's threads wait for each other by spinning: on a busy machine for milliseconds.
    """
    small = engine.name == "eager" and engine.batch_size * net.parameters.size < WORTH_SHARING
    with one_thread_each() if small else nullcontext():
        yield
