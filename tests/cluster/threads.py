"""Workers of a training as threads of this process, which exchange arrays over a barrier."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from handgrad.engines.sharding import ALONE, Sharding
from handgrad.textbook.layers import Array
from tests.waiting import HANG

Result = TypeVar("Result")


class Meeting:
    """Where threads bring an array each, and take those of all."""

    def __init__(self, workers: int) -> None:
        self.barrier, self.brought = threading.Barrier(workers), [np.empty(0)] * workers


class ThreadExchange:
    """One of the workers that meet."""

    def __init__(self, rank: int, workers: int, meeting: Meeting) -> None:
        self.rank, self.workers, self.meeting = rank, workers, meeting
        self.kept: list[Path] = []

    def _of_all(self, array: Array) -> list[Array]:
        self.meeting.brought[self.rank] = array.copy()
        self.meeting.barrier.wait(HANG)
        found = [*self.meeting.brought]
        self.meeting.barrier.wait(HANG)
        return found

    def add(self, array: Array) -> None:
        array[...] = sum(self._of_all(array))

    def maximum(self, array: Array) -> None:
        array[...] = np.maximum.reduce(self._of_all(array))

    def keep(self, folder: Path) -> None:
        self.kept.append(folder)


def on_workers(
    work: Callable[[Sharding], Result], workers: int, shards: int = 4, sync_every: int = 1
) -> list[Result]:
    """Results of the workers, each on its shards, run concurrently."""
    meeting, found, errors = Meeting(workers), dict[int, Any](), list[BaseException]()

    def run(rank: int) -> None:
        exchange = ALONE if workers == 1 else ThreadExchange(rank, workers, meeting)
        try:
            found[rank] = work(Sharding(shards, sync_every, exchange))
        except BaseException as error:
            errors.append(error)
            meeting.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise next(
            (e for e in errors if not isinstance(e, threading.BrokenBarrierError)), errors[0]
        )
    return [found[rank] for rank in range(workers)]
