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
    """Each run trains new nets; `beside` a thread of Python that never rests."""
    # As for any user, machine code is made once: else the compiling is measured again each run.
    folder = tempfile.TemporaryDirectory()
    shared = arguments(case, optimizer) | {"epochs": epochs, "engine": "compiled"}
    del shared["net"]

    def once() -> float:
        if nets == 1:
            return hg.fit(net_of(case), **shared)[-1].train_loss
        runs = [{"net": net_of(case)} for _ in range(nets)]
        return hg.fit_many(runs, threads=nets, **shared)[0][-1].train_loss

    def run(times: int) -> float:
        os.environ["HANDGRAD_CACHE"] = folder.name
        with busy_thread() if beside else nullcontext():
            for _ in range(times):
                loss = once()
        return loss

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
