"""Processes of a Ray, as the system shows them."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def parents() -> dict[int, int]:
    """The parent of each process that there is."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
    return found


def descends(pid: int, ancestor: int) -> bool:
    """Whether a process was started by another, or by one that this one has started."""
    of = parents()
    while pid and pid != ancestor:
        pid = of.get(pid, 0)
    return pid == ancestor


def workers_of(ancestor: int) -> list[int]:
    """The workers that Ray Train has started on the nodes that a process started."""
    found = subprocess.run(["pgrep", "-f", "RayTrainWorker"], capture_output=True, text=True)
    return [pid for pid in map(int, found.stdout.split()) if descends(pid, ancestor)]


def own_workers() -> list[int]:
    """The workers on the nodes of this process."""
    return workers_of(os.getpid())


def until(holds: Callable[[], object], seconds: float = 120) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
