"""Worker threads, which share the parts of a program and do not wait for one that is late.

Whoever is free takes the next part, the thread that runs the program among them. So a core that
other programs keep busy does fewer parts, and nobody waits for a part that has not begun.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Thread
from typing import Any

import numpy as np

from handgrad.engines.compiled.machine_code import loaded
from handgrad.engines.compiled.work_queue import HELP, HELPERS, SIZE, STOP, help_text
from handgrad.engines.threads import one_thread_each


class Workers:
    """The memory by which the threads that run one program agree."""

    def __init__(self) -> None:
        self.memory = np.zeros(SIZE, np.int64)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Helpers for as many cores as there are; BLAS uses no more threads meanwhile."""
        with one_thread_each() as threads:
            self.memory[HELPERS], self.memory[STOP] = threads - 1, 0
            address = self.memory.ctypes.data
            helpers: list[Thread] = []
            try:
                for _ in range(threads - 1):
                    helper = Thread(target=_help(), args=(address,))
                    helper.start()
                    helpers.append(helper)
                yield
            finally:
                self.memory[HELPERS], self.memory[STOP] = 0, 1
                for helper in helpers:
                    helper.join()


@lru_cache
def _help() -> Any:
    signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    code = loaded(HELP, help_text, HELP)
    function: Any = signature(code.address)
    function.code = code  # which lives as long
    return function
