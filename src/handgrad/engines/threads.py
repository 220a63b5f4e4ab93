"""How many threads there are for the work, and how many of them BLAS may use."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

HANDOVER = 1e-4  # seconds


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Limits:
    """The limits in force, and how many threads each library used before there were any.

    Threads of BLAS are a setting of the whole process; of limits that overlap in time the
    smallest holds, and the last to end puts back what was there before the first.
    """

    def __init__(self) -> None:
        self.lock, self.limits, self.alone = Lock(), list[int](), 0
        self.before: list[tuple[Any, int]] = []

    def add(self, most: int | None) -> int:
        """Limit BLAS to `most` threads; or to one, with None, where others share the work.

        It returns how many threads the work may use altogether.
        """
        with self.lock:
            if not self.limits and not self.alone:
                libraries = _libraries("scipy.linalg.cython_blas" in sys.modules)
                self.before = [(library, library.num_threads) for library in libraries]
            if most is None:
                self.alone += 1
            else:
                self.limits.append(most)
            self._apply()
            return min([available_cores(), *self.limits, *(count for _, count in self.before)])

    def remove(self, most: int | None) -> None:
        with self.lock:
            if most is None:
                self.alone -= 1
            else:
                self.limits.remove(most)
            self._apply()

    def _apply(self) -> None:
        for library, before in self.before:
            library.set_num_threads(1 if self.alone else min([before, *self.limits]))


@lru_cache
def _libraries(with_scipys: bool) -> list[Any]:
    """All that multiply matrices; looked for anew when SciPy has brought its own."""
    controllers: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    return controllers


_limits = _Limits()


@contextmanager
def blas_threads(most: int) -> Iterator[None]:
    """No more than `most` threads in the matrix products of NumPy and SciPy, for a while.

    Who allows fewer already keeps that; afterwards all is as it was.
    """
    _limits.add(most)
    try:
        yield
    finally:
        _limits.remove(most)


@contextmanager
def one_thread_each() -> Iterator[int]:
    """Matrix products in one thread each, for a while; yields how many threads may share the work.

    That many cores there are, or fewer where the caller allows BLAS fewer.
    """
    threads = _limits.add(None)
    try:
        yield threads
    finally:
        _limits.remove(None)


class _Handover:
    """How long a thread of Python goes on while another waits: less, as long as any asks for it."""

    def __init__(self) -> None:
        self.lock, self.asking, self.before = Lock(), 0, 0.0

    def shorten(self) -> None:
        with self.lock:
            if not self.asking:
                self.before = sys.getswitchinterval()
                sys.setswitchinterval(min(self.before, HANDOVER))
            self.asking += 1

    def put_back(self) -> None:
        with self.lock:
            self.asking -= 1
            if not self.asking:
                sys.setswitchinterval(self.before)


_handover = _Handover()


@contextmanager
def quick_handover() -> Iterator[None]:
    """Threads of Python take turns more often, for a while.

    NumPy lets other threads go on while it shuffles or compares, and must then wait for its turn
    again: beside a busy thread 5 ms each time, where an epoch of a small net takes 0.06 ms.
    """
    _handover.shorten()
    try:
        yield
    finally:
        _handover.put_back()
