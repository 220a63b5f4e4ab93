"""Log of hand-ins: a line each, on disk before it is confirmed."""

from __future__ import annotations

import os
import threading
from errno import EAGAIN
from pathlib import Path

from handgrad.files.locks import locked
from handgrad.files.paths import make_folder, reason, sync
from handgrad.learn.exercises.hand_ins import RECORDS, HandIn, as_record, of_record
from handgrad.textbook.errors import FileError

MOST_HAND_INS = 50_000
LOCK = ".handed-in.lock"


class HandInLog:
    """The file `handed-in.jsonl` of a folder, to which one process appends.

    A hand-in is on disk when `append` returns: a killed process or a power cut takes nothing that
    was confirmed. A line that was cut off is skipped when the file is read.

    Parameters
    ----------
    folder : Path
        Folder of the file, made if it is missing.

    Raises
    ------
    FileError
        If the folder cannot be written to, or another process has it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / RECORDS
        self._lock, self._ids = threading.Lock(), set[str]()
        self.last: dict[tuple[str, str], HandIn] = {}
        try:
            make_folder(folder)
            self._locked = _lock(folder / LOCK)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._file = os.open(self.path, flags, 0o600)
            sync(folder)
            self._read()
        except OSError as error:
            raise FileError(
                f"{self.path}: {reason(error)}",
                "a folder that can be written to, of one server at a time",
                "--to, with another folder",
            ) from error

    def _read(self) -> None:
        with self.path.open("rb") as file:
            line = b"\n"
            for line in file:
                if one := of_record(line):
                    self._keep(one)
        if not line.endswith(b"\n"):  # the last one was cut off
            self._write(b"\n")

    def append(self, one: HandIn) -> None:
        """Write a hand-in; one that was sent before is confirmed again, and not written twice."""
        with self._lock:
            if one.id in self._ids:
                return
            if len(self._ids) >= MOST_HAND_INS:
                raise FileError(
                    f"{MOST_HAND_INS:,} hand-ins in one folder",
                    "fewer",
                    "--to, with another folder",
                )
            before = os.fstat(self._file).st_size
            try:
                self._write(as_record(one))
            except OSError as error:
                os.ftruncate(self._file, before)  # of a full disk
                raise FileError(
                    f"{self.path}: {reason(error)}", "free space", "make some, and send it again"
                ) from error
            self._keep(one)

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fsync(self._file)

    def _keep(self, one: HandIn) -> None:
        self._ids.add(one.id)
        self.last.pop((one.who, one.exercise), None)
        self.last[one.who, one.exercise] = one

    def latest(self) -> list[HandIn]:
        """The last hand-in of each exercise by each person, in the order in which they came."""
        with self._lock:
            return [*self.last.values()]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            os.close(self._file)
            os.close(self._locked)


def _lock(path: Path) -> int:
    """Lock a file for as long as this process lives; an OSError if another has it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if not locked(file):
        os.close(file)
        raise BlockingIOError(EAGAIN, "another process has this folder")
    return file
