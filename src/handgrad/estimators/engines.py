"""Which engine fits an estimator: machine code is kept, for fits that come again."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import Any

from handgrad.engines.choice import (
    Engine,
    EngineName,
    chosen,
    compiled_or_eager,
    cost_of_compiling,
    gain_of_training,
)
from handgrad.engines.eager import EagerEngine
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
MOST_EPOCHS_EXPECTED = 200  # few fits need more, whatever max_iter allows


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

    @property
    def form(self) -> Hashable:
        """What its machine code follows from: one fit's serves every other of this form.

        The pages are of classes that the estimators chose, so their text says all about them.
        """
        pages = (self.net, self.loss, self.penalty, type(self.optimizer))
        settings = {**vars(self.optimizer), "learning_rate": 0, "_made_with": 0, "_made_of": 0}
        return (
            *map(repr, pages),
            repr(settings),
            str(self.net.dtype),
            self.y.shape[1:],
            self.w is None,
            self.held_out is None,
            min(self.batch_size, len(self.y)),
        )


class KeptCode:
    """The machine code of the forms of jobs that came last, and what it would have gained."""

    def __init__(self) -> None:
        self.made: OrderedDict[Hashable, Any] = OrderedDict()
        self.gains: OrderedDict[Hashable, float] = OrderedDict()
        self.lock = Lock()  # fits may run in threads

    def engine_for(self, choice: EngineName, job: Job) -> Engine:
        """The engine asked for; for `auto`, compiled once the fits of a form will have paid for it.

        The first fit of a small form is eager, so that it need not wait for a compiler. What
        decides is the work done so far in this process, never a clock.
        """
        choice, form = chosen(choice), job.form
        sparse = isinstance(job.x, SparseRows)
        held_out = None if isinstance(job.held_out, SparseRows) else job.held_out
        rows = (job.x, job.y, job.batch_size, held_out, job.w)
        training = (job.net, job.loss, job.optimizer, *rows, job.penalty)
        if choice == "eager" or sparse:
            return EagerEngine(*training)
        if choice == "auto" and form not in self.made and not self._pays(form, job):
            return EagerEngine(*training)
        engine: Any = compiled_or_eager(choice, training, self.made.get(form))
        if engine.name == "compiled":
            with self.lock:
                _keep(self.made, form, engine.made)
        return engine

    def _pays(self, form: Hashable, job: Job) -> bool:
        epochs = min(job.epochs, MOST_EPOCHS_EXPECTED)
        gain = GAIN * gain_of_training(job.net, job.x, job.batch_size, epochs)
        with self.lock:
            gain += self.gains.get(form, 0.0)
            _keep(self.gains, form, gain)
        return gain > cost_of_compiling(job.net)


def _keep(kept: OrderedDict[Hashable, Any], form: Hashable, value: Any) -> None:
    """Put it in, and forget what was not used for longest."""
    kept[form] = value
    kept.move_to_end(form)
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)


KEPT = KeptCode()


@contextmanager
def threads_for(engine: Engine, net: Any) -> Iterator[None]:
    """Within it NumPy multiplies in one thread, where a batch is too small to share it.

    OpenBLAS's threads wait for each other by spinning: on a busy machine for milliseconds.
    """
    small = engine.name == "eager" and engine.batch_size * net.parameters.size < WORTH_SHARING
    with one_thread_each() if small else nullcontext():
        yield
