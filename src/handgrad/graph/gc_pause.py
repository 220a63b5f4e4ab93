"""Pauses garbage collection while graphs and programs are built, whose objects mostly stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_collecting: list[bool] = []  # gc.isenabled() at the entry of each active block


@contextmanager
def gc_paused() -> Iterator[None]:
    """Context manager and decorator: pause the garbage collector.

    Scanning the many objects of a long trace again and again takes as long as creating them.
    """
    with _lock:
        _collecting.append(gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            if _collecting.pop() and not _collecting:
                gc.enable()
