"""handgrad, whole trainings: `hg.fit` of one net, or `hg.fit_many` of several, a thread each."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Event, Thread

import handgrad as hg
from benchmarks.cases import Case
from benchmarks.peers import Run
from benchmarks.peers.own import arguments, net_of


def training(case: Case, optimizer: str, epochs: int, beside: bool, *, nets: int) -> Run:
    """New nets, trained so many times `epochs`; `beside` a thread of Python that never rests."""
    # Compiled once, and kept, as for any user: else each run would compile, one net after another.
    folder = tempfile.TemporaryDirectory()
    shared = arguments(case, optimizer) | {"engine": "compiled"}
    del shared["net"]

    def once(epochs: int) -> float:
        os.environ["HANDGRAD_CACHE"] = folder.name
        if nets == 1:
            return hg.fit(net_of(case), **shared, epochs=epochs)[-1].train_loss
        runs = [{"net": net_of(case)} for _ in range(nets)]
        return hg.fit_many(runs, threads=nets, **shared, epochs=epochs)[0][-1].train_loss

    def run(times: int) -> float:
        with busy_thread() if beside else nullcontext():
            return once(times * epochs)

    once(1)
    return run


@contextmanager
def busy_thread() -> Iterator[None]:
    """A thread of Python at work, as where the main thread draws a live plot."""
    over = Event()

    def work() -> None:
        while not over.is_set():
            pass

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
