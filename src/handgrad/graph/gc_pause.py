"""Garbage is not looked for while graphs and programs are made: most of what is made stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_collecting: list[bool] = []  # whether garbage was looked for, when each of those now within came


@contextmanager
def gc_paused() -> Iterator[None]:
    """No garbage is collected meanwhile; as a decorator too.

    Looking through the many objects of a long recording again and again takes as long as making
    them.
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
