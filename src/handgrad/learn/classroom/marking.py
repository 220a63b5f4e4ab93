"""Marks of a class, graded and written in a thread of its own after each hand-in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from handgrad.learn.classroom.hand_in_log import HandInLog
from handgrad.learn.exercises.marks import Grader
from handgrad.textbook.errors import FileError

PAUSE = 0.5  # seconds between two writings
AGAIN = 3.0  # seconds, if the file is open in a program that locks it


class Marking:
    """Writes `marks.csv` beside the log whenever something was handed in.

    Parameters
    ----------
    log : HandInLog
        The hand-ins.
    grader : Grader
        Grades them.
    tell : callable
        Called with a sentence if the file cannot be written, once until it can be again.
    """

    def __init__(self, log: HandInLog, grader: Grader, tell: Callable[[str], object]) -> None:
        self.path: Path = log.path.with_name("marks.csv")
        self.log, self.grader, self.tell = log, grader, tell
        self._is_due, self._is_closed = threading.Event(), threading.Event()
        self._is_due.set()  # those of an earlier run
        self._has_failed = False
        self._thread = threading.Thread(target=self._run, name="marks", daemon=True)
        self._thread.start()

    def due(self) -> None:
        """Ask for new marks."""
        self._is_due.set()

    def _run(self) -> None:
        while not self._is_closed.is_set():
            self._is_due.wait()
            self._is_due.clear()
            self._is_closed.wait(PAUSE if self.write() else AGAIN)

    def write(self) -> bool:
        """Write the marks; False if that failed, and then they are due again."""
        try:
            self.grader(self.log.latest()).to_csv(self.path)
        except FileError as error:
            if not self._has_failed:
                self.tell(f"{error.came}; the hand-ins are safe, and it is tried again")
            self._has_failed = True
            self._is_due.set()
            return False
        self._has_failed = False
        return True

    def close(self) -> None:
        """Stop, and write the last marks."""
        self._is_closed.set()
        self._is_due.set()
        self._thread.join()
        self.write()
