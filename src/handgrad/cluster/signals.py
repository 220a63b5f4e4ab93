"""Ctrl-C in two steps: the first asks for an end, the second is the KeyboardInterrupt."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Self


class Interrupts:
    """Those that come as long as the block lasts; `at_once`: the first raises, too.

    Where a handler of someone else's is in place, or in another thread than the main one, which
    no signal reaches, all stays as it is.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self.at_once, self.came, self.known = at_once, 0, 0

    def __enter__(self) -> Self:
        if self._of_main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._of_main_thread() and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def are_new(self) -> bool:
        """Whether one has come since this was asked."""
        before, self.known = self.known, self.came
        return self.came > before

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came += 1
        if self.at_once or self.came > 1:
            raise KeyboardInterrupt

    @staticmethod
    def _of_main_thread() -> bool:
        return threading.current_thread() is threading.main_thread()
