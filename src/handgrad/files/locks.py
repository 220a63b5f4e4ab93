"""Locks of open files, which the operating system releases when their process ends."""

from __future__ import annotations

import sys


def locked(file: int) -> bool:
    """Lock an open file for this process; False if another process has the lock."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
