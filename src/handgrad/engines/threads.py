"""How many threads there are for the work, and how many of them BLAS may use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController


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
        self.lock, self.limits = Lock(), list[int]()
        self.before: list[tuple[Any, int]] = []

    def add(self, most: int) -> None:
        with self.lock:
            if not self.limits:
                libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                self.before = [(library, library.num_threads) for library in libraries]
            self.limits.append(most)
            self._apply()

    def remove(self, most: int) -> None:
        with self.lock:
            self.limits.remove(most)
            self._apply()

    def _apply(self) -> None:
        for library, before in self.before:
            library.set_num_threads(min([before, *self.limits]))


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
