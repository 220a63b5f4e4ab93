"""The board of a cluster training: reports from its first worker to whoever called it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from handgrad.base.errors import HandgradError
from handgrad.layers import Array
from handgrad.training import EpochReport

if TYPE_CHECKING:
    from ray.actor import ActorHandle

EVERY = 0.2  # seconds between two messages
Told = tuple[EpochReport, dict[str, Array] | None]


class Board:
    """An actor that keeps what the workers say until it is fetched."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.stopping = False
        self.failed: HandgradError | None = None

    def tell(self, told: list[Told]) -> bool:
        """Keep reports; say whether the training is to stop."""
        self.told += told
        return self.stopping

    def fetch(self) -> list[Told]:
        """What was told since it was last fetched."""
        told, self.told = self.told, []
        return told

    def stop(self) -> None:
        """Ask the training to stop after its epoch."""
        self.stopping = True

    def fail(self, error: HandgradError) -> None:
        """Keep the first error of a worker."""
        self.failed = self.failed or error

    def error(self) -> HandgradError | None:
        """The error of a worker, if there was one."""
        return self.failed


class Messages:
    """What the first worker has to say, sent to the board now and then."""

    def __init__(self, board: ActorHandle[Board]) -> None:
        self.board, self.waiting, self.sent = board, list[Told](), 0.0
        self.answer: Any = None
        self.stop = False

    def add(self, report: EpochReport, weights: dict[str, Array] | None) -> None:
        """Tell a report, with the next message."""
        self.waiting.append((report, weights))
        if time.monotonic() - self.sent >= EVERY:
            self.tell(self.waiting)

    def tell(self, told: list[Told]) -> None:
        """Send reports, and do not wait for the answer."""
        self.answer = self.board.tell.remote(told)
        self.waiting, self.sent = [], time.monotonic()

    def flush(self) -> None:
        """Send what is left, and wait until it has come."""
        import ray

        ray.get(self.board.tell.remote(self.waiting))

    def asked_to_stop(self) -> bool:
        """Whether an answer said so."""
        import ray

        if self.answer is not None and ray.wait([self.answer], timeout=0)[0]:
            self.stop, self.answer = self.stop or ray.get(self.answer), None
        return self.stop
