"""Thread pool: worker threads take the parts of a parallel loop from a work queue.

The thread that runs the program takes parts too. A core that other programs keep busy therefore
does fewer parts, and no thread waits for a part that has not begun. The queue is a counter in
memory that the threads change by atomic operations.

An idle thread spins for a short time, then parks on an event count (`parking`). A parked
worker does not use up its share of a busy core's time, so the scheduler runs it at once when the
next job comes.
"""

import ctypes
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Thread

import numpy as np

from handgrad.engines.compiled import pool_memory
from handgrad.engines.compiled.machine_code import ctypes_function
from handgrad.engines.compiled.pool_memory import (
    GENERATION,
    SIZE,
    WAITERS,
    WORK_EVENT,
    WORKER_COUNT,
)
from handgrad.textbook.layers import Array


class ThreadPool:
    """Worker threads for one program, and the memory by which they synchronize.

    Workers stay parked between the calls of a training; they stop when this object is collected.
    """

    def __init__(self) -> None:
        self.memory = np.zeros(SIZE, np.int64)
        self.workers, self.process = 0, os.getpid()
        self.finalizer: weakref.finalize[[Array], ThreadPool] | None = None

    @contextmanager
    def running(self, threads: int) -> Iterator[None]:
        """Run with `threads` threads, the caller's included, or as many as the system gives."""
        self._start(threads - 1)
        try:
            yield
        finally:
            self.memory[WORKER_COUNT] = 0
            if not can_park():
                self._stop()

    def _start(self, wanted: int) -> None:
        if self.process != os.getpid():  # a fork has none of the threads, running or parked
            self.workers, self.process = 0, os.getpid()
            self.memory[WORK_EVENT + WAITERS] = 0
        if 0 < wanted < self.workers:
            self._stop()
        if wanted and not (self.finalizer and self.finalizer.alive):
            self.finalizer = weakref.finalize(self, stop_workers, self.memory)
            self.finalizer.atexit = False  # parked threads need not be woken then
        while self.workers < wanted and self._start_one():
            self.workers += 1
        self.memory[WORKER_COUNT] = min(wanted, self.workers)

    def _start_one(self) -> bool:
        generation = self.memory[GENERATION].item()
        try:
            Thread(target=run_worker, args=(self.memory, generation), daemon=True).start()
        except RuntimeError:  # the system has no more threads: the existing ones do the work
            return False
        return True

    def _stop(self) -> None:
        self.workers = 0
        if self.finalizer is not None:
            self.finalizer()


def can_park() -> bool:
    """True if waiting threads park; otherwise they yield the core and check again."""
    processor = os.uname().machine if hasattr(os, "uname") else ""
    return pool_memory.parking_of(processor, sys.platform) is not None


def run_worker(memory: Array, generation: int) -> None:
    """Take parts from the queue until this generation of workers is stopped."""
    _worker()(memory.ctypes.data, generation)


def stop_workers(memory: Array) -> None:
    """Begin a new generation: the workers of the old one stop when their parts are done."""
    _stop()(memory.ctypes.data)


@lru_cache
def _worker() -> Callable[[int, int], None]:
    def text() -> str:
        from handgrad.engines.compiled.parallel_for import worker_text

        return worker_text()

    return ctypes_function(pool_memory.WORKER, text, None, ctypes.c_void_p, ctypes.c_int64)


@lru_cache
def _stop() -> Callable[[int], None]:
    def text() -> str:
        from handgrad.engines.compiled.parallel_for import stop_text

        return stop_text()

    return ctypes_function(pool_memory.STOP, text, None, ctypes.c_void_p)
